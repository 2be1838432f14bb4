//! A table in every store in which every third value is NULL, and dates are before 1970.
//!
//! The demo's tables have hardly a NULL, and its real stores none in a condition.

use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tokio_postgres::Client;

use super::kind::Kind::{self, Big, Bool, Date, Float, Instant, Int, Interval, Numeric, Text, Timestamp};
use super::sources::Table;
use crate::engines::Engines;
use crate::postgres::{self, Postgres};
use crate::support::TestServer;

/// The tables, in ClickHouse, Materialize and Redis.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table { name: "metrics.sparse", key: &["k"], parts: &[], columns: &[
        ("k", Int), ("code", Text), ("label", Text), ("flag", Bool), ("few", Int), ("many", Big), ("amount", Numeric),
        ("ratio", Float), ("day", Date), ("moment", Timestamp)] },
    Table { name: "materialize.thin", key: &["k"], parts: &[], columns: &[
        ("k", Int), ("code", Text), ("label", Text), ("flag", Bool), ("few", Int), ("many", Big), ("amount", Numeric),
        ("ratio", Float), ("day", Date), ("moment", Timestamp), ("instant", Instant)] },
    Table { name: "latest.scarce", key: &["code"], parts: &[], columns: &[
        ("code", Text), ("label", Text), ("flag", Bool), ("many", Big), ("ratio", Float), ("instant", Instant)] },
];

/// What the configuration says of the table in Redis.
const IN_REDIS: &str = r#"[{ table = "latest.scarce", pattern = "latest:scarce:*", key = "code", fields = [
    { name = "label", type = "text" }, { name = "flag", type = "boolean" }, { name = "many", type = "bigint" },
    { name = "ratio", type = "double" }, { name = "instant", type = "timestamptz" } ] }]"#;

/// Everybody sees all rows.
const POLICIES: &str = r#"[{ table = "metrics.sparse", kind = "shared" },
    { table = "materialize.thin", kind = "shared" }, { table = "latest.scarce", kind = "shared" }]"#;

/// The keys of the hashes in Redis, and values of the column `code` of the other tables.
const CODES: &[&str] = &["AAPL", "NVDA", "a", "b", "A", "Z", "BUY", "b_c", "Technology", "10", "z9", "A%"];
/// Rows of a table that is not in Redis.
const ROWS: usize = 16;
/// How many values of a hundred are NULL.
const NULLS: u32 = 35;
/// Of the rows: always the same.
const SEED: u64 = 1970;

/// A value, NULL as `None`.
type Value = Option<String>;

fn rows(table: &Table) -> Vec<Vec<Value>> {
    let mut random = ChaCha8Rng::seed_from_u64(SEED ^ u64::try_from(table.columns.len()).unwrap());
    let count = if table.key == ["code"] { CODES.len() } else { ROWS };
    let mut rows = Vec::new();
    for row in 0..count {
        rows.push((0..table.columns.len()).map(|place| value(&mut random, table, row, place)).collect());
    }
    rows
}

fn value(random: &mut ChaCha8Rng, table: &Table, row: usize, place: usize) -> Value {
    let (name, kind) = table.columns[place];
    if table.key.contains(&name) {
        return Some(if name == "k" { (row + 1).to_string() } else { CODES[row].to_owned() });
    }
    // One is NULL whatever chance says.
    if row == place || random.random_range(0..100) < NULLS {
        return None;
    }
    let values = if name == "code" { CODES } else { texts(kind) };
    values.choose(random).map(|text| (*text).to_owned())
}

/// Values as every store reads them.
fn texts(kind: Kind) -> &'static [&'static str] {
    match kind {
        Bool => &["true", "false"],
        Int => &["-3", "0", "1", "2", "7", "100"],
        Big => &["-2", "0", "5", "100", "3000000000"],
        Numeric => &["-2.7500", "0.0000", "0.3300", "1.5000", "100.0000", "200.2500"],
        Float => &["-0.25", "0", "1.5", "3", "200"],
        Text => &["", "a", "AAPL", "  pad ", "éß", "100%", "b_c", "it's", "back\\slash", "NULL", "Technology"],
        Date => &["1969-12-31", "1960-02-29", "2024-12-31", "2025-02-28", "2025-05-28"],
        Timestamp => &["1969-12-31 23:59:59.75", "2025-01-31 23:59:59", "2025-05-26 01:02:03.5", "2025-05-28 00:00:00"],
        Instant => &["1969-12-31T23:59:59.75Z", "2025-06-01T12:00:00Z", "2025-06-01T21:59:00Z"],
        Interval => unreachable!("no column has the type"),
    }
}

/// The rows as COPY and ClickHouse's TabSeparated read them.
fn tabbed(table: &Table) -> String {
    let text = |value: Value| value.map_or_else(|| "\\N".to_owned(), |text| text.replace('\\', "\\\\"));
    let lines = rows(table).into_iter().map(|row| row.into_iter().map(text).collect::<Vec<_>>().join("\t") + "\n");
    lines.collect()
}

/// A database of PostgreSQL with the tables.
pub async fn reference(postgres: &Postgres) -> Client {
    let database = format!("sparse_{}", std::process::id());
    postgres.script("postgres", &format!("CREATE DATABASE {database}"));
    let client = postgres.connect("postgres", &database).await;
    for table in TABLES {
        fill_postgresql(&client, table).await;
    }
    client
}

/// A server with the tables in their stores.
pub async fn server(engines: &Engines) -> TestServer {
    let [in_clickhouse, in_materialize, in_redis] = TABLES else { unreachable!("one for every store") };
    fill_clickhouse(engines, in_clickhouse);
    fill_postgresql(&engines.materialize().await, in_materialize).await;
    fill_redis(engines, in_redis);
    engines.server_with(&[("policies", POLICIES), ("stores.redis.tables", IN_REDIS)]).await
}

async fn fill_postgresql(client: &Client, table: &Table) {
    let (name, columns) = (table.name, columns(table, postgresql_type));
    let schema = name.split('.').next().unwrap();
    let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {name} ({columns})");
    client.batch_execute(&create).await.unwrap_or_else(|error| panic!("{create}: {error:?}"));
    postgres::copy(client, name, tabbed(table)).await;
    client.batch_execute(&format!("ANALYZE {name}")).await.unwrap();
}

fn fill_clickhouse(engines: &Engines, table: &Table) {
    let (name, columns) = (table.name, columns(table, clickhouse_type));
    engines.clickhouse_run(&format!("CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY tuple()"));
    engines.clickhouse_run(&format!("INSERT INTO {name} FORMAT TabSeparated\n{}", tabbed(table)));
}

/// A hash without the fields that are NULL. It has one that is no column: without any it would not be there.
fn fill_redis(engines: &Engines, table: &Table) {
    for row in rows(table) {
        let mut words = vec!["HSET".to_owned(), String::new(), "seen".to_owned(), "1".to_owned()];
        for ((name, _), value) in table.columns.iter().zip(row) {
            match value {
                Some(code) if table.key.contains(name) => words[1] = format!("latest:scarce:{code}"),
                Some(value) => words.extend([(*name).to_owned(), value]),
                None => {}
            }
        }
        engines.redis_run(&words);
    }
}

fn columns(table: &Table, type_name: fn(Kind) -> &'static str) -> String {
    table.columns.iter().map(|(name, kind)| format!("{name} {}", type_name(*kind))).collect::<Vec<_>>().join(", ")
}

fn postgresql_type(kind: Kind) -> &'static str {
    if kind == Numeric { "numeric(18,4)" } else { kind.sql() }
}

fn clickhouse_type(kind: Kind) -> &'static str {
    match kind {
        Bool => "Nullable(Bool)",
        Int => "Nullable(Int32)",
        Big => "Nullable(Int64)",
        Numeric => "Nullable(Decimal(18, 4))",
        Float => "Nullable(Float64)",
        Text => "LowCardinality(Nullable(String))",
        Date => "Nullable(Date32)",
        Timestamp => "Nullable(DateTime64(6))",
        Instant | Interval => unreachable!("no column in ClickHouse has the type"),
    }
}

#[test]
fn every_column_but_the_key_has_nulls_and_values() {
    for table in TABLES {
        let rows = rows(table);
        for (index, (name, _)) in table.columns.iter().enumerate() {
            let nulls = rows.iter().filter(|row| row[index].is_none()).count();
            assert_eq!(nulls == 0, table.key.contains(name), "{}.{name}", table.name);
            assert!(nulls < rows.len(), "{}.{name}", table.name);
        }
    }
}
