//! No tenant sees another's row, whatever it asks.

use std::collections::BTreeSet;

use futures::TryStreamExt;

use crate::support::{TestServer, rows, sqlstate, value};

const SYMBOL_TABLES: &[&str] = &[
    "flowforge.raw_trades",
    "flowforge.raw_quotes",
    "metrics.vwap_5min",
    "metrics.rolling_volatility",
    "metrics.hourly_rollup",
    "metrics.daily_rollup",
    "marts.fct_trades",
    "marts.rpt_daily_pnl",
    "materialize.live_positions",
    "materialize.live_quotes",
    "materialize.live_pnl",
    "latest.vwap",
    "latest.position",
    "latest.volatility",
];

const ACME: &[&str] = &["AAPL", "AMZN", "GOOGL", "MSFT", "NVDA"];
const GLOBEX: &[&str] = &["BAC", "GS", "JPM", "META", "TSLA"];

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_sees_its_own_symbols_in_every_table() {
    let server = TestServer::start().await;
    for (user, own) in [("acme", ACME), ("acme_viewer", ACME), ("globex", GLOBEX)] {
        let client = server.connect(user).await;
        for table in SYMBOL_TABLES {
            let found: BTreeSet<String> = rows(&client, &format!("SELECT DISTINCT symbol FROM {table}"))
                .await
                .unwrap_or_else(|error| panic!("{table}: {error:?}"))
                .into_iter()
                .filter_map(|mut row| row.remove(0))
                .collect();
            let own: BTreeSet<String> = own.iter().map(|symbol| (*symbol).to_owned()).collect();
            assert_eq!(found, own, "{user} in {table}");
        }
        assert_eq!(value(&client, "SELECT count(*) FROM marts.dim_instruments").await, "10", "shared by all");
    }
}

/// Logical tables, and whether their rows are those of the tenant's symbols.
const LOGICAL_TABLES: &[(&str, bool)] = &[("positions", true), ("flowforge.trades", true), ("instruments", false)];

#[tokio::test(flavor = "multi_thread")]
async fn each_tenant_sees_its_own_symbols_through_every_placement() {
    let server = TestServer::start().await;
    for (user, own, foreign) in [("acme", ACME, "TSLA"), ("acme_viewer", ACME, "GS"), ("globex", GLOBEX, "AAPL")] {
        let client = server.connect(user).await;
        for freshness in ["auto", "realtime", "point", "analytical"] {
            client.batch_execute(&format!("SET flowforge.freshness = '{freshness}'")).await.unwrap();
            for (table, is_own) in LOGICAL_TABLES {
                let found = rows(&client, &format!("SELECT DISTINCT symbol FROM {table}")).await.unwrap();
                let found: BTreeSet<String> = found.into_iter().filter_map(|mut row| row.remove(0)).collect();
                if *is_own {
                    let own: BTreeSet<String> = own.iter().map(|symbol| (*symbol).to_owned()).collect();
                    assert_eq!(found, own, "{user} in {table}, {freshness}");
                } else {
                    assert_eq!(found.len(), 10, "{user} in {table}, {freshness}");
                }
            }
            for sql in [
                format!("SELECT count(*) FROM positions WHERE symbol = '{foreign}'"),
                format!("SELECT count(*) FROM positions WHERE symbol IN ('{foreign}', 'nobody')"),
                format!("SELECT count(*) FROM trades WHERE symbol = '{foreign}' OR symbol = '{foreign}' AND true"),
                format!(
                    "SELECT count(p.quantity) FROM instruments i LEFT JOIN positions p ON p.symbol = i.symbol AND p.symbol = '{foreign}'"
                ),
                format!(
                    "SELECT count(*) FROM instruments i WHERE i.symbol = '{foreign}' AND EXISTS (SELECT 1 FROM positions p WHERE p.symbol = i.symbol)"
                ),
                format!(
                    "SELECT count(*) FROM positions p JOIN positions q ON q.symbol <> p.symbol WHERE q.symbol = '{foreign}'"
                ),
            ] {
                assert_eq!(value(&client, &sql).await, "0", "{user}, {freshness}: {sql}");
            }
        }
    }
}

/// Ways around a filter that was put in the wrong place. Each must give `f`, `0`, or no row of the other tenant.
const ATTEMPTS: &[&str] = &[
    "SELECT count(*) FROM raw_trades WHERE symbol = 'TSLA'",
    "SELECT count(*) FROM raw_trades WHERE symbol = 'TSLA' OR true AND symbol = 'TSLA'",
    "SELECT count(*) FROM dim_instruments d LEFT JOIN fct_trades t ON t.symbol = d.symbol WHERE t.tenant_id = 'globex'",
    "SELECT count(*) FROM fct_trades a FULL JOIN fct_trades b ON a.trade_id = b.trade_id AND false WHERE coalesce(a.tenant_id, b.tenant_id) <> 'acme'",
    "SELECT count(*) FROM dim_instruments d WHERE EXISTS (SELECT 1 FROM fct_trades t WHERE t.symbol = d.symbol AND d.symbol = 'TSLA')",
    "SELECT count(*) FROM dim_instruments WHERE symbol IN (SELECT symbol FROM raw_trades) AND symbol = 'TSLA'",
    "WITH t AS (SELECT * FROM fct_trades) SELECT count(*) FROM t WHERE tenant_id <> 'acme'",
    "SELECT count(*) FROM (SELECT tenant_id FROM fct_trades UNION ALL SELECT tenant_id FROM live_positions) u WHERE tenant_id <> 'acme'",
    "SELECT coalesce(max((SELECT max(t.price) FROM raw_trades t WHERE t.symbol = d.symbol)), 0)::int FROM dim_instruments d WHERE d.symbol = 'TSLA'",
    "SELECT count(*) FROM live_pnl WHERE tenant_id = 'globex'",
    "SELECT count(*) FROM positions WHERE symbol = 'TSLA' OR quantity IS NULL AND symbol = 'TSLA'",
    "SELECT count(*) FROM (SELECT symbol FROM trades UNION SELECT symbol FROM positions) u WHERE symbol = 'TSLA'",
    "SELECT count(*) FROM (SELECT symbol FROM raw_trades UNION SELECT symbol FROM live_quotes) u WHERE symbol = 'TSLA'",
    "SELECT count(*) FROM (SELECT tenant_id FROM live_positions EXCEPT SELECT 'acme' UNION ALL SELECT tenant_id FROM fct_trades) u WHERE tenant_id <> 'acme'",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_way_of_asking_finds_the_other_tenants_rows() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let mut leaks = Vec::new();
    for sql in ATTEMPTS {
        let found = value(&client, sql).await;
        if found != "0" {
            leaks.push(format!("{found}: {sql}"));
        }
    }
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn together_the_tenants_see_everything_once() {
    let server = TestServer::start().await;
    let (acme, globex) = (server.connect("acme").await, server.connect("globex").await);
    for (table, total) in [("raw_trades", 50_000), ("raw_quotes", 100_000), ("fct_trades", 50_000)] {
        let sql = format!("SELECT count(*) FROM {table}");
        let sum: i64 =
            value(&acme, &sql).await.parse::<i64>().unwrap() + value(&globex, &sql).await.parse::<i64>().unwrap();
        assert_eq!(sum, total, "{table}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_is_not_there_and_a_write_are_told_apart() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    assert_eq!(sqlstate(&client, "SELECT * FROM secrets").await, "42P01");
    assert_eq!(sqlstate(&client, "SELECT * FROM system.tables").await, "42P01");
    assert_eq!(sqlstate(&client, "INSERT INTO raw_trades VALUES (1)").await, "25006");
    assert_eq!(sqlstate(&client, "DROP TABLE raw_trades").await, "25006");
}

/// Conditions and values that fail on a row of the other tenant, and on none of one's own: whether they fail would tell
/// what the other tenant has, and the words of the error would tell it word for word.
const ORACLES: &[&str] = &[
    "SELECT count(*) FROM raw_trades WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM raw_trades WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1 AND symbol > 'A'",
    "SELECT sum(1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END)) FROM raw_trades",
    "SELECT count(*) FROM fct_trades WHERE 1 / (CASE WHEN tenant_id = 'globex' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM trades WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM positions WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "SELECT sum(quantity / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END)) FROM positions WHERE symbol IN ('AAPL', 'TSLA')",
    "SELECT count(*) FROM latest.vwap WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM raw_trades WHERE (CASE WHEN symbol = 'TSLA' THEN symbol ELSE '1' END)::int + 0 = 1",
    "SELECT count(*) FROM live_positions WHERE (CASE WHEN tenant_id = 'globex' THEN tenant_id ELSE '1' END)::numeric * 1 = 1",
    "SELECT count(*) FROM raw_trades WHERE sqrt(CASE WHEN symbol = 'TSLA' THEN -1 ELSE 1 END) = 1",
    "SELECT count(*) FROM raw_trades WHERE ln(CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 0",
    "SELECT count(*) FROM raw_trades WHERE (CASE WHEN symbol = 'TSLA' THEN '(' ELSE 'a' END) ~ (CASE WHEN symbol = 'TSLA' THEN '(' ELSE 'a' END)",
    "SELECT count(*) FROM dim_instruments d JOIN live_positions t ON t.symbol = d.symbol AND 1 / (CASE WHEN t.tenant_id = 'globex' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM dim_instruments d LEFT JOIN fct_trades t ON t.symbol = d.symbol AND 1 / (CASE WHEN t.tenant_id = 'globex' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM dim_instruments d WHERE EXISTS (SELECT 1 FROM fct_trades t WHERE t.symbol = d.symbol AND 1 / (CASE WHEN t.tenant_id = 'globex' THEN 0 ELSE 1 END) = 1)",
    "SELECT count(*) FROM live_quotes q, latest.vwap v WHERE q.symbol = v.symbol AND 1 / (CASE WHEN v.symbol = 'TSLA' OR q.symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM (SELECT symbol, 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) AS x FROM raw_trades) s WHERE x = 1",
    "SELECT count(*) FROM (SELECT DISTINCT symbol FROM raw_trades) s WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "SELECT count(*) FROM (SELECT symbol, count(*) AS n FROM raw_trades GROUP BY symbol HAVING 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1) s",
    "SELECT count(*) FROM (SELECT symbol FROM raw_trades UNION ALL SELECT symbol FROM live_quotes) s WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1",
    "WITH RECURSIVE r(symbol, n) AS (SELECT symbol, 1 FROM live_quotes UNION ALL SELECT t.symbol, r.n + 1 FROM r JOIN live_quotes t ON t.symbol = r.symbol AND 1 / (CASE WHEN t.symbol = 'TSLA' THEN 0 ELSE 1 END) = 1 WHERE r.n < 3) SELECT count(*) FROM r",
    "SELECT count(*) FROM live_quotes q, LATERAL (SELECT 1 FROM raw_trades t WHERE t.symbol = q.symbol AND 1 / (CASE WHEN t.symbol = 'TSLA' THEN 0 ELSE 1 END) = 1 LIMIT 1) l",
    "SELECT count(*) FROM raw_trades WHERE symbol = ANY (SELECT symbol FROM live_quotes WHERE 1 / (CASE WHEN symbol = 'TSLA' THEN 0 ELSE 1 END) = 1)",
    "SELECT count(*) FROM raw_trades WHERE (SELECT 1 / (CASE WHEN raw_trades.symbol = 'TSLA' THEN 0 ELSE 1 END)) = 1",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_condition_is_ever_evaluated_on_a_row_of_another_tenant() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let mut told = Vec::new();
    for sql in ORACLES {
        if let Err(error) = rows(&client, sql).await {
            told.push(format!("{error:?}: {sql}"));
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_has_the_rows_of_its_tenant_only() {
    let server = TestServer::start().await;
    for (user, own) in [("acme", ACME), ("globex", GLOBEX)] {
        let client = server.connect(user).await;
        for table in SYMBOL_TABLES {
            for text in [
                format!("COPY {table} (symbol) TO STDOUT"),
                format!("COPY (SELECT symbol FROM {table}) TO STDOUT CSV"),
                format!(
                    "COPY (SELECT DISTINCT t.symbol FROM dim_instruments d, LATERAL (WITH RECURSIVE r(symbol, n) AS (SELECT symbol, 0 FROM {table} WHERE symbol = d.symbol UNION SELECT r.symbol, n + 1 FROM r WHERE n < 1) SELECT symbol FROM r) t) TO STDOUT"
                ),
            ] {
                let chunks: Vec<_> = client.copy_out(&text).await.unwrap().try_collect().await.unwrap();
                let lines: Vec<u8> = chunks.concat();
                let found: BTreeSet<&str> = std::str::from_utf8(&lines).unwrap().lines().collect();
                assert_eq!(found, own.iter().copied().collect(), "{user}: {text}");
            }
        }
    }
}
