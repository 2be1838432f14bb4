//! Measurements, run by hand: `cargo nextest run --run-ignored only measure --no-capture`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::history::{SeedOptions, seed};
use super::*;
use crate::base::RequestClock;
use crate::stores::RunContext;
use crate::stores::embedded::provider;

pub(super) fn context(parameters: Vec<ScalarValue>) -> RunContext {
    let now = Utc::now();
    RunContext {
        parameters: parameters.into(),
        clock: RequestClock { transaction_start: now, statement_start: now },
        deadline: Some(Instant::now() + Duration::from_secs(600)),
        cancel: CancellationToken::new(),
    }
}

fn filled() -> DemoTables {
    let tables = DemoTables::empty(&LimitSet::default()).unwrap();
    let started = Instant::now();
    seed(&tables, SeedOptions { seed: 42, end: FIXED_END }).unwrap();
    eprintln!("seeding: {:?}", started.elapsed());
    tables
}

async fn plan(tables: &DemoTables, sql: &str) -> LogicalPlan {
    let session = SessionContext::new();
    for table in tables.all() {
        session.register_table(table.name().table.as_str(), provider(Arc::clone(table))).unwrap();
    }
    let plan = session.sql(sql).await.unwrap().into_unoptimized_plan();
    let state = session.state();
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap()
}

fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_point_lookups() {
    let tables = filled();
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    let guard = "symbol IN ('AAPL', 'MSFT', 'GOOGL', 'AMZN', 'NVDA')";
    let queries = [
        format!("SELECT symbol, vwap, volume, timestamp FROM vwap WHERE {guard} AND symbol = $1"),
        "SELECT symbol, name, sector FROM dim_instruments WHERE symbol = $1".to_owned(),
        format!("SELECT count(*), sum(notional) FROM raw_trades WHERE {guard} AND symbol = $1"),
    ];
    for sql in queries {
        let prepared = executor.prepare(&plan(&tables, &sql).await, &|_| None).unwrap();
        let mut times = Vec::new();
        for _ in 0..2_000 {
            let started = Instant::now();
            let run = context(vec![ScalarValue::Utf8(Some("AAPL".into()))]);
            let batches: Vec<RecordBatch> = executor.run(&prepared, &run).await.unwrap().try_collect().await.unwrap();
            times.push(started.elapsed());
            assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 1);
        }
        times.sort();
        eprintln!("p50 {:?} p99 {:?}  {sql}", times[1_000], times[1_980]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn measure_five_million_rows() {
    let tables = filled();
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    for from in
        ["raw_trades a CROSS JOIN generate_series(1, 100) g", "generate_series(1, 100) g CROSS JOIN raw_trades a"]
    {
        let sql = format!("SELECT a.* FROM {from}");
        let prepared = executor.prepare(&plan(&tables, &sql).await, &|_| None).unwrap();
        let (before, started) = (resident_kib(), Instant::now());
        let mut rows = executor.run(&prepared, &context(vec![])).await.unwrap();
        let (mut first, mut count, mut most) = (None, 0, 0);
        while let Some(batch) = rows.next().await {
            first.get_or_insert_with(|| started.elapsed());
            count += batch.unwrap().num_rows();
            most = most.max(resident_kib());
        }
        let grown = most.saturating_sub(before) / 1_024;
        eprintln!("{count} rows, first {first:?}, all {:?}, grown {grown} MiB  {sql}", started.elapsed());
        assert_eq!(count, 5_000_000);
        assert!(grown < 64);
    }
}
