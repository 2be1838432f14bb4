//! Stores that fail: each behind a proxy that refuses, hangs, is late, cuts or talks nonsense; ended and started again under
//! load; with certificates that nobody trusts; and a Redis that fails over.
//!
//! Whatever happens to a store, its queries fail with `08006` and its name, never with a part of the rows; those of the
//! others go on; and it comes back without a restart.

mod load;
mod proxy;
mod restart;
mod tls;
mod topologies;

use std::time::Duration;

use futures::StreamExt;
use tokio_postgres::Client;

use crate::engines::Engines;
use crate::support::{TestServer, rows, sqlstate};
pub use proxy::{Mood, Proxy};

/// What each store answers alone, with few rows.
const QUERIES: [(&str, &str); 3] = [
    ("clickhouse", "SELECT symbol, name FROM dim_instruments ORDER BY symbol"),
    ("materialize", "SELECT symbol, net_qty FROM live_positions ORDER BY symbol"),
    ("redis", "SELECT symbol, vwap FROM latest.vwap ORDER BY symbol"),
];

/// A store, a query that it answers alone, and one of many rows.
struct Store {
    name: &'static str,
    proxy: Proxy,
    query: &'static str,
    many: &'static str,
    /// Bytes of the store that end in the middle of the answer to `many`.
    cut: usize,
}

impl Store {
    async fn all(engines: &Engines) -> [Self; 3] {
        [
            Self {
                name: QUERIES[0].0,
                proxy: Proxy::before(engines.clickhouse_port()).await,
                query: QUERIES[0].1,
                many: "SELECT event_time, symbol, bid, ask FROM raw_quotes",
                cut: 100_000,
            },
            Self {
                name: QUERIES[1].0,
                proxy: Proxy::before(engines.materialize_port()).await,
                query: QUERIES[1].1,
                many: "SELECT a.symbol, b.symbol, c.symbol FROM live_quotes a, live_quotes b, live_quotes c, live_quotes d",
                cut: 4_000,
            },
            Self {
                name: QUERIES[2].0,
                proxy: Proxy::before(engines.redis_port()).await,
                query: QUERIES[2].1,
                many: "SELECT * FROM latest.vwap",
                cut: 150,
            },
        ]
    }
}

/// A server over the proxies that gives up soon.
async fn server(engines: &Engines, stores: &[Store; 3]) -> TestServer {
    server_that_tries(engines, stores, "2").await
}

async fn server_that_tries(engines: &Engines, stores: &[Store; 3], attempts: &str) -> TestServer {
    let [clickhouse, materialize, redis] = stores;
    let mut changes = engines.addresses(clickhouse.proxy.port(), materialize.proxy.port(), redis.proxy.port());
    for store in stores {
        changes.extend(impatience(store.name, attempts));
    }
    let changes: Vec<_> = changes.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    TestServer::start_with(&changes).await
}

/// The keys of the configuration that make the server give a store up soon.
fn impatience(store: &str, attempts: &str) -> [(String, String); 5] {
    [
        ("connect_timeout_ms", "500"),
        ("answer_timeout_ms", "3000"),
        ("attempts", attempts),
        ("breaker_failures", "3"),
        ("breaker_pause_ms", "100"),
    ]
    .map(|(key, value)| (format!("stores.{store}.connection.{key}"), value.to_owned()))
}

/// The query fails as one of a store that is not there.
async fn fails(client: &Client, query: &str, store: &str, mood: Mood) {
    let error = match rows(client, query).await {
        Ok(rows) => panic!("{store}, {mood:?}: {} rows of {query}", rows.len()),
        Err(error) => error,
    };
    let report = error.as_db_error().unwrap_or_else(|| panic!("{store}, {mood:?}: {error:?}"));
    let told = (report.code().code(), report.message().to_owned());
    assert_eq!(told, ("08006", format!("store {store} is not available")), "{mood:?}: {query}: {report:?}");
}

/// The rows, as soon as the store is there again.
async fn recovered(client: &Client, store: &Store) -> crate::support::TextRows {
    for _ in 0..200 {
        if let Ok(found) = rows(client, store.query).await {
            return found;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    rows(client, store.query).await.unwrap_or_else(|error| panic!("{} did not come back: {error:?}", store.name))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_fails_fails_alone_and_comes_back() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    let server = server(&engines, &stores).await;
    let client = server.connect("acme").await;
    let mut answers = Vec::new();
    for store in &stores {
        let answer = rows(&client, store.query).await.unwrap_or_else(|error| panic!("{}: {error:?}", store.name));
        assert!(!answer.is_empty(), "{}", store.name);
        answers.push(answer);
    }
    for broken in 0..stores.len() {
        for mood in [Mood::Refused, Mood::Hanging, Mood::Silent, Mood::Garbage, Mood::Cut(stores[broken].cut)] {
            stores[broken].proxy.set(mood).await;
            let query = if matches!(mood, Mood::Cut(_)) { stores[broken].many } else { stores[broken].query };
            fails(&client, query, stores[broken].name, mood).await;
            for other in (0..stores.len()).filter(|other| *other != broken) {
                let answer = rows(&client, stores[other].query).await;
                assert_eq!(answer.unwrap(), answers[other], "{}: {mood:?}", stores[broken].name);
            }
            stores[broken].proxy.set(Mood::Honest).await;
            assert_eq!(recovered(&client, &stores[broken]).await, answers[broken], "{}: {mood:?}", stores[broken].name);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_whose_first_byte_is_late_is_waited_for() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    let server = server(&engines, &stores).await;
    let client = server.connect("acme").await;
    for store in &mut stores {
        let answer = rows(&client, store.query).await.unwrap();
        store.proxy.set(Mood::Slow(Duration::from_millis(150))).await;
        assert_eq!(rows(&client, store.query).await.unwrap(), answer, "{}", store.name);
    }
}

/// The status of `/readyz` and the stores that it names.
async fn readiness(server: &TestServer) -> (u16, serde_json::Value) {
    let url = format!("http://{}/readyz", server.server.http_address());
    let asked = tokio::task::spawn_blocking(move || {
        let answer = ureq::get(&url).config().http_status_as_error(false).build().call().unwrap();
        (answer.status().as_u16(), answer.into_body().read_to_string().unwrap())
    });
    let (status, body) = asked.await.unwrap();
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    (status, body["unreachable"].clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_names_the_store_that_is_down_and_no_other() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    let server = server(&engines, &stores).await;
    assert_eq!(readiness(&server).await, (200, serde_json::json!([])));
    for store in &mut stores {
        for mood in [Mood::Refused, Mood::Hanging, Mood::Silent] {
            store.proxy.set(mood).await;
            assert_eq!(readiness(&server).await, (503, serde_json::json!([store.name])), "{mood:?}");
            store.proxy.set(Mood::Honest).await;
            assert_eq!(readiness(&server).await, (200, serde_json::json!([])), "after {mood:?}");
        }
    }
}

/// Reads the first row, cancels, and reads on to the error.
async fn cancel_after_a_row(client: &Client, query: &str) {
    let rows = client.simple_query_raw(query).await.unwrap();
    let mut rows = std::pin::pin!(rows);
    for _ in 0..2 {
        // The description comes before the first row.
        rows.next().await.unwrap().unwrap();
    }
    client.cancel_token().cancel_query(tokio_postgres::NoTls).await.unwrap();
    let error = loop {
        match rows.next().await {
            Some(Ok(_)) => {}
            Some(Err(error)) => break error,
            None => panic!("{query} ended before it was cancelled"),
        }
    };
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("57014"), "{query}: {error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_statement_ends_on_its_store_too() {
    let Some(engines) = Engines::start().await else { return };
    let server = engines.server().await;
    let client = server.connect("acme").await;
    cancel_after_a_row(&client, "SELECT a.symbol, b.bid FROM raw_quotes a, raw_quotes b").await;
    let mut idle = false;
    for _ in 0..400 {
        idle = engines.clickhouse_tells("/running").is_empty() && engines.clickhouse_tells("/kills") == "1";
        if idle {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(idle, "running: {}; killed: {}", engines.clickhouse_tells("/running"), engines.clickhouse_tells("/kills"));

    let from: Vec<String> = (0..12).map(|number| format!("live_quotes q{number}")).collect();
    cancel_after_a_row(&client, &format!("SELECT q0.symbol FROM {}", from.join(", "))).await;
    for _ in 0..400 {
        if engines.materialize_runs().await == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(engines.materialize_runs().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_is_told_of_and_changes_no_row() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    // One may meet a connection that was cut while it stood, the next one is cut itself.
    let server = server_that_tries(&engines, &stores, "3").await;
    let client = server.connect("acme").await;
    let whole = rows(&client, stores[1].query).await.unwrap();
    stores[1].proxy.set(Mood::CutFirst).await;
    let analyzed = rows(&client, &format!("EXPLAIN ANALYZE {}", stores[1].query)).await.unwrap();
    let lines: Vec<String> = analyzed.into_iter().flatten().flatten().collect();
    let piece = lines.iter().find(|line| line.contains("piece 0 (materialize): rows:")).expect("the piece's run");
    assert!(piece.contains(&format!("rows: {},", whole.len())), "{piece}");
    assert!(piece.contains("runs: 1, retries: "), "{piece}");
    assert!(!piece.contains("retries: 0"), "{piece}");
    assert_eq!(rows(&client, stores[1].query).await.unwrap(), whole);
    // A sign of life is asked for again, too.
    stores[1].proxy.set(Mood::Honest).await;
    stores[1].proxy.set(Mood::CutFirst).await;
    assert_eq!(readiness(&server).await, (200, serde_json::json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_waits_no_longer_than_the_session_allows() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    let server = server(&engines, &stores).await;
    let client = server.connect("acme").await;
    stores[0].proxy.set(Mood::Silent).await;
    // Without that limit a store that says nothing keeps the tables that it had. This comes first: a connection that the
    // proxy has just cut may fail at once, and then there is nothing to wait for.
    assert_eq!(sqlstate(&client, "SELECT catalog_refresh()").await, "00000");
    assert_eq!(sqlstate(&client, "SET statement_timeout = 100; SELECT catalog_refresh()").await, "57014");
    assert_eq!(sqlstate(&client, "SET statement_timeout = 0").await, "00000");
    stores[0].proxy.set(Mood::Honest).await;
    assert!(!recovered(&client, &stores[0]).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_was_down_at_the_start_is_named_and_found_later() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    stores[2].proxy.set(Mood::Refused).await;
    let server = server(&engines, &stores).await;
    let client = server.connect("acme").await;
    for query in ["SELECT * FROM latest.vwap", "SELECT * FROM position"] {
        fails(&client, query, "redis", Mood::Refused).await;
    }
    // A placement in another store serves the logical table.
    assert!(!rows(&client, "SELECT quantity FROM positions WHERE symbol = 'AAPL'").await.unwrap().is_empty());
    // What has no policy is not there, whatever the store may hold.
    assert_eq!(sqlstate(&client, "SELECT * FROM latest.secret").await, "42P01");
    for other in stores.iter().take(2) {
        assert!(!rows(&client, other.query).await.unwrap().is_empty(), "{}", other.name);
    }
    stores[1].proxy.set(Mood::Refused).await;
    // A store that has told its tables is not the one that may have others.
    fails(&client, "SELECT * FROM latest.vwap", "redis", Mood::Refused).await;
    stores[1].proxy.set(Mood::Honest).await;
    stores[2].proxy.set(Mood::Honest).await;
    assert_eq!(sqlstate(&client, "SELECT catalog_refresh()").await, "00000");
    assert!(!recovered(&client, &stores[2]).await.is_empty());
    assert_eq!(sqlstate(&client, "SELECT * FROM latest.secret").await, "42P01");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logical_table_of_a_store_that_was_down_at_the_start_is_found_later() {
    let Some(engines) = Engines::start().await else { return };
    let mut stores = Store::all(&engines).await;
    stores[0].proxy.set(Mood::Refused).await;
    let server = server(&engines, &stores).await;
    let client = server.connect("acme").await;
    for query in ["SELECT symbol FROM trades", "SELECT symbol FROM flowforge.trades", "SELECT * FROM instruments"] {
        fails(&client, query, "clickhouse", Mood::Refused).await;
    }
    assert!(!rows(&client, "SELECT symbol FROM positions").await.unwrap().is_empty());
    assert_eq!(sqlstate(&client, "SELECT * FROM flowforge.secrets").await, "42P01");
    stores[0].proxy.set(Mood::Honest).await;
    assert_eq!(sqlstate(&client, "SELECT catalog_refresh()").await, "00000");
    assert!(!recovered(&client, &stores[0]).await.is_empty());
    for table in ["trades", "instruments"] {
        assert!(!rows(&client, &format!("SELECT symbol FROM {table} LIMIT 1")).await.unwrap().is_empty(), "{table}");
    }
}
