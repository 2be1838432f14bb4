//! Brings the tables to where a test wants them.

use tokio_postgres::Client;

use super::tables::{TABLES, Table};
use crate::engines::Engines;
use crate::postgres::{self, Postgres};
use crate::support::TestServer;

/// The database of ClickHouse.
const HISTORY: &str = "history";
/// The schema of Materialize.
const LIVE: &str = "live";

/// A database of PostgreSQL with all tables.
pub async fn reference(postgres: &Postgres, scale: f64) -> Client {
    let database = format!("tpch_{}", std::process::id());
    postgres.script("postgres", &format!("CREATE DATABASE {database}"));
    let client = postgres.connect("postgres", &database).await;
    for table in TABLES {
        fill_postgresql(&client, "public", table, scale).await;
    }
    client
}

/// A server that has these tables in ClickHouse and the others in Materialize, for everybody.
pub async fn server(engines: &Engines, in_clickhouse: &[&str], scale: f64) -> TestServer {
    let materialize = engines.materialize().await;
    materialize.batch_execute(&format!("CREATE SCHEMA {LIVE}")).await.unwrap();
    engines.clickhouse_run(&format!("CREATE DATABASE {HISTORY}"));
    let mut policies = Vec::new();
    for table in TABLES {
        let schema = if in_clickhouse.contains(&table.name) {
            fill_clickhouse(engines, table, scale);
            HISTORY
        } else {
            fill_postgresql(&materialize, LIVE, table, scale).await;
            LIVE
        };
        policies.push(format!("{{ table = \"{schema}.{}\", kind = \"shared\" }}", table.name));
    }
    let (policies, databases) = (format!("[{}]", policies.join(", ")), format!("[\"{HISTORY}\"]"));
    let path = format!("[\"{HISTORY}\", \"{LIVE}\"]");
    let changes = [
        ("policies", policies.as_str()),
        ("stores.clickhouse.databases", databases.as_str()),
        ("session.search_path", path.as_str()),
    ];
    engines.server_with(&changes).await
}

fn fill_clickhouse(engines: &Engines, table: &Table, scale: f64) {
    let Table { name, key, .. } = table;
    let columns: Vec<String> =
        table.columns.iter().map(|(column, kind)| format!("{column} {}", kind.clickhouse())).collect();
    let columns = columns.join(", ");
    engines.clickhouse_run(&format!("CREATE TABLE {HISTORY}.{name} ({columns}) ENGINE = MergeTree ORDER BY ({key})"));
    let rows = (table.rows)(scale);
    engines.clickhouse_run(&format!("INSERT INTO {HISTORY}.{name} FORMAT TabSeparated\n{rows}"));
}

async fn fill_postgresql(client: &Client, schema: &str, table: &Table, scale: f64) {
    let Table { name, key, index, .. } = table;
    let columns: Vec<String> =
        table.columns.iter().map(|(column, kind)| format!("{column} {} NOT NULL", kind.postgresql())).collect();
    let columns = columns.join(", ");
    let create = format!("CREATE TABLE {schema}.{name} ({columns}, PRIMARY KEY ({key}))");
    client.batch_execute(&create).await.unwrap_or_else(|error| panic!("{create}: {error:?}"));
    postgres::copy(client, &format!("{schema}.{name}"), (table.rows)(scale)).await;
    client.batch_execute(&format!("CREATE INDEX ON {schema}.{name} ({index}); ANALYZE {schema}.{name}")).await.unwrap();
}
