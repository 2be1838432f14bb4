//! How long a client waits for the demo's data in real stores: prepared statements, one client.

use std::sync::Arc;

use crate::Outcome;
use crate::callers::{Caller, print_with_goal, repeatedly};
use crate::setup::{Server, Stores};

const LOOKUPS: usize = 10_000;
const QUERIES: usize = 100;

const REDIS: &str = "SELECT * FROM latest.vwap WHERE symbol = $1";
const MATERIALIZE: &str = "SELECT symbol, net_qty, net_notional, last_update FROM live_positions WHERE symbol = $1";

/// Questions of dashboards, all of them for ClickHouse.
const ANALYTICAL: &[(&str, &str)] = &[
    (
        "trades by symbol",
        "SELECT symbol, count(*), sum(notional) FROM marts.fct_trades GROUP BY symbol ORDER BY 3 DESC",
    ),
    (
        "trades by day and side",
        "SELECT trade_date, side, count(*), sum(quantity), avg(price) FROM marts.fct_trades \
         GROUP BY trade_date, side ORDER BY trade_date, side",
    ),
    (
        "sectors, joined with the instruments",
        "SELECT i.sector, count(DISTINCT t.symbol), sum(t.notional) FROM marts.fct_trades t \
         JOIN marts.dim_instruments i USING (symbol) GROUP BY i.sector ORDER BY i.sector",
    ),
    (
        "profit so far, by symbol and day",
        "SELECT symbol, trade_date, realized_pnl, sum(realized_pnl) OVER (PARTITION BY symbol ORDER BY trade_date) \
         FROM marts.rpt_daily_pnl ORDER BY symbol, trade_date",
    ),
];

pub async fn measure(stores: Arc<Stores>) -> Outcome<()> {
    let server = Server::start(&stores).await?;
    match stores.redis_port() {
        Ok(_) => lookup(&server, "Redis lookup", REDIS, 1.0).await?,
        Err(error) => println!("  Redis lookup: {error}"),
    }
    match stores.materialize_port() {
        Ok(_) => lookup(&server, "Materialize, a single row", MATERIALIZE, 10.0).await?,
        Err(error) => println!("  Materialize, a single row: {error}"),
    }
    match stores.clickhouse_port() {
        Ok(_) => analytical(&server).await,
        Err(error) => {
            println!("  ClickHouse: {error}");
            Ok(())
        }
    }
}

async fn lookup(server: &Server, name: &str, sql: &str, goal_ms: f64) -> Outcome<()> {
    let mut caller = Caller::prepare(server.client().await?, sql, "AAPL").await?;
    print_with_goal(name, &repeatedly(&mut caller, LOOKUPS).await?, goal_ms);
    Ok(())
}

async fn analytical(server: &Server) -> Outcome<()> {
    for (name, sql) in ANALYTICAL {
        let mut caller = Caller::prepare_plain(server.client().await?, sql).await?;
        print_with_goal(&format!("ClickHouse, {name}"), &repeatedly(&mut caller, QUERIES).await?, 500.0);
    }
    Ok(())
}
