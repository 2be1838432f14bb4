//! Queries over the seeded tables: the local executor, with its shortcuts, against the engine as it comes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::Utc;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::history::{SeedOptions, seed};
use super::*;
use crate::base::{RequestClock, TenantId};
use crate::stores::RunContext;
use crate::stores::embedded::unguarded_provider;

const QUERIES: &[&str] = &[
    "SELECT 1 AS one, 'a' AS letter",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(n, t) ORDER BY n",
    "SELECT symbol, vwap FROM vwap WHERE symbol = 'AAPL'",
    "SELECT symbol FROM vwap WHERE symbol IN ('TSLA', 'AAPL', 'NONE') AND symbol > 'B'",
    "SELECT symbol FROM vwap WHERE symbol = 'AAPL' OR volume > 0 ORDER BY symbol",
    "SELECT symbol FROM vwap WHERE symbol <> 'AAPL' ORDER BY symbol DESC LIMIT 3 OFFSET 2",
    "SELECT symbol FROM vwap v WHERE v.symbol = 'AAPL' AND v.symbol = 'TSLA'",
    "SELECT trade_id FROM raw_trades LIMIT 5",
    "SELECT trade_id FROM raw_trades LIMIT 5 OFFSET 49998",
    "SELECT trade_id FROM raw_trades OFFSET 49990",
    "SELECT trade_id FROM (SELECT * FROM raw_trades LIMIT 9000) AS t WHERE price > 400 LIMIT 10",
    "SELECT trade_id FROM (SELECT * FROM raw_trades LIMIT 10 OFFSET 8190) AS t LIMIT 4 OFFSET 3",
    "SELECT price * quantity AS product, side FROM raw_trades WHERE side = 'BUY' AND quantity > 500 LIMIT 7",
    "SELECT count(*) FROM raw_trades",
    "SELECT count(*) FROM raw_trades WHERE symbol = 'AAPL'",
    "SELECT count(*) FROM (SELECT * FROM raw_trades LIMIT 10000 OFFSET 45000) AS t",
    "SELECT symbol, count(*) AS n, sum(notional) AS s, min(price) AS low FROM raw_trades GROUP BY symbol ORDER BY symbol",
    "SELECT symbol, side, avg(price) AS a FROM raw_trades GROUP BY GROUPING SETS ((symbol), (side), ()) ORDER BY 1, 2",
    "SELECT DISTINCT side FROM raw_trades ORDER BY side",
    "SELECT sector, sum(t.notional) AS s FROM raw_trades t JOIN dim_instruments i ON t.symbol = i.symbol
     GROUP BY sector HAVING count(*) > 10 ORDER BY sector",
    "SELECT i.symbol, p.net_qty FROM dim_instruments i LEFT JOIN live_positions p
     ON i.symbol = p.symbol AND p.tenant_id = 'acme' ORDER BY i.symbol",
    "SELECT a.symbol, b.symbol FROM vwap a FULL JOIN (SELECT * FROM position WHERE quantity > 0) b
     ON a.symbol = b.symbol ORDER BY 1, 2",
    "SELECT count(*) FROM vwap a, vwap b WHERE a.vwap < b.vwap",
    "SELECT symbol FROM vwap WHERE vwap > (SELECT avg(vwap) FROM vwap) ORDER BY symbol",
    "SELECT (SELECT symbol FROM dim_instruments LIMIT 1) AS s, symbol FROM vwap WHERE symbol = 'GS'",
    "SELECT symbol FROM dim_instruments i WHERE EXISTS
     (SELECT 1 FROM live_positions p WHERE p.symbol = i.symbol AND p.net_qty > 0) ORDER BY symbol",
    "SELECT symbol FROM dim_instruments WHERE symbol NOT IN (SELECT symbol FROM live_positions WHERE net_qty > 0)
     ORDER BY symbol",
    "SELECT symbol, hour, close, lag(close) OVER (PARTITION BY symbol ORDER BY hour) AS before FROM hourly_rollup
     WHERE symbol IN ('AAPL', 'GS') ORDER BY symbol, hour",
    "SELECT * FROM (SELECT symbol, price, row_number() OVER (PARTITION BY symbol ORDER BY price DESC, trade_id) AS place
     FROM raw_trades) AS t WHERE place <= 2 ORDER BY symbol, place",
    "SELECT symbol FROM vwap UNION SELECT name FROM dim_instruments ORDER BY 1",
    "SELECT symbol FROM vwap UNION ALL SELECT symbol FROM position ORDER BY 1",
    "SELECT symbol FROM vwap EXCEPT SELECT symbol FROM raw_trades WHERE price > 300 ORDER BY 1",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50) SELECT sum(i) AS s FROM n",
    "WITH t AS (SELECT symbol, max(price) AS p FROM raw_trades GROUP BY symbol)
     SELECT a.symbol, a.p FROM t a JOIN t b ON a.p >= b.p GROUP BY a.symbol, a.p HAVING count(*) = 10",
    "SELECT g.value, i.symbol FROM generate_series(1, 3) AS g CROSS JOIN dim_instruments i ORDER BY 1, 2",
    "SELECT price FROM raw_trades ORDER BY price DESC, trade_id LIMIT 5",
    "SELECT 1 AS x FROM vwap WHERE false",
    "SELECT sum(quantity) AS s FROM raw_trades WHERE false",
];

/// What a run is given: these parameters, and ten minutes.
pub(super) fn context(parameters: Vec<ScalarValue>) -> RunContext {
    let now = Utc::now();
    RunContext {
        observations: None,
        given: Arc::default(),
        outdated: Arc::default(),
        tenant: TenantId::new("acme").unwrap(),
        parameters: parameters.into(),
        clock: RequestClock { transaction_start: now, statement_start: now },
        deadline: Some(Instant::now() + Duration::from_secs(600)),
        cancel: CancellationToken::new(),
    }
}

/// Correlated queries that the engine as it comes cannot run, and the same without correlation.
const CORRELATED: &[(&str, &str)] = &[
    (
        "SELECT i.symbol, (SELECT count(*) FROM vwap v WHERE v.symbol < i.symbol) AS n FROM dim_instruments i
         ORDER BY i.symbol",
        "SELECT i.symbol, count(v.symbol) AS n FROM dim_instruments i LEFT JOIN vwap v ON v.symbol < i.symbol
         GROUP BY i.symbol ORDER BY i.symbol",
    ),
    (
        "SELECT symbol FROM vwap v WHERE volume > (SELECT avg(w.volume) FROM vwap w WHERE w.vwap > v.vwap) ORDER BY symbol",
        "SELECT v.symbol FROM vwap v JOIN vwap w ON w.vwap > v.vwap GROUP BY v.symbol, v.volume
         HAVING v.volume > avg(w.volume) ORDER BY v.symbol",
    ),
];

async fn plan(session: &SessionContext, sql: &str) -> LogicalPlan {
    let plan = session.sql(sql).await.unwrap().into_unoptimized_plan();
    let state = session.state();
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap()
}

#[tokio::test]
async fn the_executor_gives_the_engines_own_answers() {
    let tables = DemoTables::empty(&LimitSet::default()).unwrap();
    seed(&tables, SeedOptions { seed: 11, end: FIXED_END }).unwrap();
    let session = SessionContext::new();
    for table in tables.all() {
        session.register_table(table.name().table.as_str(), unguarded_provider(Arc::clone(table))).unwrap();
    }
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    for sql in QUERIES {
        let expected = session.sql(sql).await.unwrap().collect().await.unwrap();
        let prepared = executor.prepare(&plan(&session, sql).await, &|_| None).unwrap();
        for run in 0..2 {
            let rows = executor.run(&prepared, &context(vec![])).await.unwrap();
            let found: Vec<RecordBatch> = rows.try_collect().await.unwrap();
            let (found, expected) =
                (pretty_format_batches(&found).unwrap().to_string(), pretty_format_batches(&expected).unwrap());
            assert_eq!(lines(&found), lines(&expected.to_string()), "run {run} of {sql}");
        }
    }
}

#[tokio::test]
async fn correlated_subqueries_run_in_process() {
    let tables = DemoTables::empty(&LimitSet::default()).unwrap();
    seed(&tables, SeedOptions { seed: 11, end: FIXED_END }).unwrap();
    let session = SessionContext::new();
    for table in tables.all() {
        session.register_table(table.name().table.as_str(), unguarded_provider(Arc::clone(table))).unwrap();
    }
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    for (sql, plain) in CORRELATED {
        let expected = session.sql(plain).await.unwrap().collect().await.unwrap();
        let expected = pretty_format_batches(&expected).unwrap().to_string();
        let prepared = executor.prepare(&plan(&session, sql).await, &|_| None).unwrap();
        let rows = executor.run(&prepared, &context(vec![])).await.unwrap();
        let found: Vec<RecordBatch> = rows.try_collect().await.unwrap();
        let found = pretty_format_batches(&found).unwrap().to_string();
        assert!(!lines(&expected).is_empty());
        assert_eq!(lines(&found), lines(&expected), "{sql}");
    }
}

#[tokio::test]
async fn a_point_lookup_reads_the_rows_of_its_keys_only() {
    let tables = DemoTables::empty(&LimitSet::default()).unwrap();
    seed(&tables, SeedOptions { seed: 11, end: FIXED_END }).unwrap();
    let session = SessionContext::new();
    session.register_table("vwap", unguarded_provider(Arc::clone(&tables.vwap))).unwrap();
    let cases = [
        ("symbol = 'AAPL'", 1),
        ("symbol IN ('AAPL', 'GS') AND symbol IN ('GS', 'MSFT')", 1),
        ("symbol = 'AAPL' OR symbol = 'GS'", 2),
        ("symbol = 'AAPL' AND volume > 0", 1),
        ("symbol > 'AAPL'", 10),
        ("symbol = 'AAPL' OR volume > 0", 10),
    ];
    for (filter, rows) in cases {
        let frame = session.sql(&format!("SELECT * FROM vwap WHERE {filter}")).await.unwrap();
        let physical = frame.create_physical_plan().await.unwrap();
        let shown = datafusion::physical_plan::displayable(physical.as_ref()).indent(false).to_string();
        assert!(shown.contains(&format!("EmbeddedScan: rows={rows},")), "{filter}\n{shown}");
    }
}

/// The rows of a table drawn as text; a result without batches has no header, which is no difference here.
fn lines(drawn: &str) -> Vec<&str> {
    drawn.lines().filter(|line| line.starts_with('|')).skip(1).collect()
}
