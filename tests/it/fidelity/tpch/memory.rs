//! The tables in the memory of a server: every query runs whole in its own process.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use flowforge::base::{StoreKind, TableName, store_types};
use flowforge::catalog;
use flowforge::config::{Config, SessionSection};
use flowforge::engine::{Engine, EngineParts};
use flowforge::pg::{PgContext, serve};
use flowforge::stores::Store;
use flowforge::stores::embedded::{EmbeddedStore, EmbeddedTable, Retention};
use flowforge::stores::hub::Hub;
use flowforge::stores::local::LocalExecutor;
use flowforge::tenancy::{Authenticators, Policy, PolicyBook};
use tokio::net::TcpListener;
use tokio_postgres::{Client, NoTls};
use tokio_util::sync::CancellationToken;

use super::tables::{TABLES, Table};

const SCHEMA: &str = "history";

/// A session with a server that has all tables, for everybody. The server ends with the runtime.
pub async fn session(scale: f64) -> Client {
    let config = Config::demo(&[]).unwrap();
    let engine = engine(&config, scale);
    engine.discover().await;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let context = PgContext {
        backend: engine,
        authenticator: Arc::new(Authenticators::new(&config).unwrap()),
        tls: None,
        limits: Arc::new(config.limit_set()),
        shutdown_grace: Duration::ZERO,
    };
    tokio::spawn(serve(listener, Arc::new(context), CancellationToken::new()));
    let mut address = tokio_postgres::Config::new();
    address.host("127.0.0.1").port(port).user("acme").password("acme").dbname(&config.server.database);
    let (client, connection) = address.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

fn engine(config: &Config, scale: f64) -> Engine {
    let limits = config.limit_set();
    let local = LocalExecutor::new(&limits).unwrap();
    let tables = TABLES.iter().map(|table| Arc::new(filled(table, scale))).collect();
    let store: Arc<dyn Store> = Arc::new(EmbeddedStore::new(StoreKind::ClickHouse, tables, Arc::clone(&local)));
    let policies = TABLES.iter().map(|table| (TableName::new(SCHEMA, table.name), Policy::Shared));
    Engine::new(EngineParts {
        database: config.server.database.clone(),
        limits,
        stores: vec![store],
        policies: Arc::new(PolicyBook::new(policies)),
        hub: Hub::default(),
        local,
        logical_tables: Vec::new(),
        session: SessionSection { search_path: vec![SCHEMA.to_owned()], ..SessionSection::default() },
        server_settings: Vec::new(),
        memory: None,
    })
}

fn filled(table: &Table, scale: f64) -> EmbeddedTable {
    let text = (table.rows)(scale);
    let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split('\t').collect()).collect();
    let definition = definition(table);
    let schema = definition.schema();
    let column = |(place, field): (usize, &Arc<datafusion::arrow::datatypes::Field>)| -> ArrayRef {
        let texts = StringArray::from_iter_values(rows.iter().map(|row| row[place]));
        cast(&texts, field.data_type()).unwrap()
    };
    let columns = schema.fields().iter().enumerate().map(column).collect();
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
    let filled = EmbeddedTable::new(definition, Retention::rows(rows.len()));
    filled.append(&batch, Utc::now()).unwrap();
    filled
}

fn definition(table: &Table) -> catalog::Table {
    let column = |(name, kind): &(&str, super::tables::Kind)| {
        let known = store_types::clickhouse(kind.clickhouse()).expect("a type of ClickHouse");
        catalog::Column {
            name: (*name).to_owned(),
            sql_type: known.sql_type,
            nullable: known.nullable,
            store_type: kind.clickhouse().to_owned(),
        }
    };
    catalog::Table {
        name: TableName::new(SCHEMA, table.name),
        store: StoreKind::ClickHouse,
        physical: vec![SCHEMA.to_owned(), table.name.to_owned()],
        columns: table.columns.iter().map(column).collect(),
        key: None,
        filters_first: true,
        stale: false,
    }
}
