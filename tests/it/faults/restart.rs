//! Stores that end while they are asked, and are started again.

use std::time::{Duration, Instant};

use crate::engines::Engines;
use crate::support::{TestServer, rows};

use super::load::Load;
use super::{QUERIES, impatience};

/// Statements of ours that run at once in a store, and so the most connections that it may see.
const PLACES: usize = 8;

async fn server(engines: &Engines) -> TestServer {
    let mut changes = Vec::new();
    for (store, _) in QUERIES {
        changes.extend(impatience(store, "2"));
        changes.push((format!("stores.{store}.connection.concurrent_queries"), PLACES.to_string()));
    }
    let changes: Vec<_> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    engines.server_with(&changes).await
}

/// Nothing of ours runs or stands open that is not in use any more.
async fn is_tidy(engines: &Engines, store: &str) {
    let start = Instant::now();
    loop {
        let open = engines.connections(store).await;
        let is_idle = match store {
            "clickhouse" => engines.clickhouse_tells("/running").is_empty(),
            "materialize" => engines.materialize_runs().await == 0,
            _ => true,
        };
        // All statements share one connection to Redis; what is kept of the catalog goes over another.
        let most = if store == "redis" { 2 } else { PLACES };
        if open <= most && is_idle {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(20), "{store}: {open} connections, idle: {is_idle}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_restarts_under_load_is_found_again() {
    let Some(engines) = Engines::start_apart(None).await else { return };
    let server = server(&engines).await;
    let client = server.connect("acme").await;
    for (broken, _) in QUERIES {
        let mut loads = Vec::new();
        for (store, query) in QUERIES {
            let whole = rows(&client, query).await.unwrap_or_else(|error| panic!("{store}: {error:?}"));
            assert!(!whole.is_empty(), "{store}");
            let may_fail = (store == broken).then_some(store);
            loads.push((store, Load::start(&server, query, &whole, may_fail).await));
        }
        engines.crash(broken);
        for (store, load) in &loads {
            if *store == broken { load.fails().await } else { load.is_answered().await }
        }
        engines.start_again(broken).await;
        for (store, load) in loads {
            load.is_answered().await;
            let failures = load.end().await;
            assert_eq!(failures > 0, store == broken, "{store} while {broken} was down");
        }
        is_tidy(&engines, broken).await;
    }
}
