//! TPC-H, whose rows must be PostgreSQL's wherever the tables are.
//!
//! PostgreSQL 15 answers the 22 queries over its own eight tables ([`queries`], [`tables`]). A server of ours is asked the
//! same, with the tables in its memory ([`memory`]), in ClickHouse, in Materialize, and in both ([`placement`]): values,
//! types and the order must be the same. What may differ in the digits of a numeric is in [`super::known`].
//!
//! `FLOWFORGE_TPCH_SCALE` is the scale factor: 0.01 are sixty thousand rows of `lineitem`.

mod memory;
mod placement;
mod queries;
mod tables;

use std::time::Instant;

use tokio_postgres::Client;

use super::{block_on, known, shown};
use crate::engines::Engines;
use crate::postgres;
use crate::slt::answer::{self, Answer, Outcome};
use crate::slt::compare::compare;
use queries::QUERIES;

/// The scale factor of the normal run.
const SCALE: f64 = 0.01;

/// Queries that find something. The parameters are made for a hundred times as many rows, so one or two may not.
const FINDING: usize = 20;

fn scale() -> f64 {
    std::env::var("FLOWFORGE_TPCH_SCALE").ok().and_then(|scale| scale.parse().ok()).unwrap_or(SCALE)
}

async fn over_stores(in_clickhouse: &[&str]) {
    let Some(engines) = Engines::start().await else { return };
    let Some(postgres) = postgres::shared().await else { return };
    let reference = placement::reference(&postgres, scale()).await;
    let server = placement::server(&engines, in_clickhouse, scale()).await;
    answers_are_postgresqls(&reference, &server.connect("acme").await).await;
}

async fn in_memory() {
    let Some(postgres) = postgres::shared().await else { return };
    let reference = placement::reference(&postgres, scale()).await;
    answers_are_postgresqls(&reference, &memory::session(scale()).await).await;
}

async fn answers_are_postgresqls(reference: &Client, ours: &Client) {
    let (mut finding, mut differences) = (0, Vec::new());
    for query in QUERIES {
        let (number, sql) = (query.number, query.sql());
        let expected = answer::ask(reference, &sql, false).await.outcome;
        let Outcome::Rows(rows) = &expected else { panic!("PostgreSQL to query {number}: {expected:?}") };
        finding += usize::from(finds_something(rows));
        let begin = Instant::now();
        let heard = answer::ask(ours, &sql, false).await;
        println!("query {number}: {} rows, twice in {:?}", rows.rows.len(), begin.elapsed());
        if let Some(difference) = compare(false, &expected, &heard)
            && !known::is_known(&difference.kind, &difference.got)
        {
            let (kind, got) = (difference.kind, difference.got);
            let expected = shown(&expected, false);
            differences.push(format!("query {number} [{kind}]\n{sql}\nexpected:\n{expected}got:\n{got}"));
        }
    }
    assert!(differences.is_empty(), "{} of 22 queries differ:\n{}", differences.len(), differences.join("\n"));
    assert!(finding >= FINDING, "only {finding} of 22 queries find something");
}

fn finds_something(answer: &Answer) -> bool {
    answer.rows.iter().flatten().any(Option::is_some)
}

#[test]
fn tpch_in_memory() {
    block_on(in_memory());
}

#[test]
fn tpch_in_clickhouse() {
    let all: Vec<&str> = tables::TABLES.iter().map(|table| table.name).collect();
    block_on(over_stores(&all));
}

#[test]
fn tpch_in_materialize() {
    block_on(over_stores(&[]));
}

#[test]
fn tpch_with_its_large_tables_in_clickhouse() {
    block_on(over_stores(&["lineitem", "orders", "partsupp"]));
}

/// Nearly every join of the queries is one of tables in different stores.
#[test]
fn tpch_with_every_other_table_in_clickhouse() {
    block_on(over_stores(&["lineitem", "customer", "partsupp", "region"]));
}
