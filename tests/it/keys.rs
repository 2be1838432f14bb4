//! The keys of a small side go to the store of the other one: where they may, what is asked then, and that the rows stay
//! the same.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use serde_json::Value;
use tokio_postgres::Client;

use flowforge::base::limits::LimitSet;
use flowforge::emit::{Dialect, Emitter, emit};
use flowforge::guard;
use flowforge::route::{Piece, PieceLeaf, route};
use flowforge::stores::keys::{KeyPlan, Narrowed, find, narrowed};
use flowforge::stores::local::{LocalExecutor, piece_provider};
use flowforge::stores::{PreparedPiece, RunContext, StoreError};

use crate::engines::Engines;
use crate::fixture;
use crate::support::{TestServer, TextRows, rows, sqlstate, value};

/// A piece that is only planned.
#[derive(Debug)]
struct NeverRun;

#[async_trait]
impl PreparedPiece for NeverRun {
    async fn run(&self, _: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        panic!("a piece runs in a test of plans")
    }
}

/// The pieces of a query of acme's over the fixture's tables, and which keys go where.
fn planned(sql: &str, most: usize) -> (Vec<Arc<Piece>>, KeyPlan) {
    let tenant = fixture::tenant("acme");
    let plan = fixture::plan(&fixture::view(&tenant), sql).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let routed = route(guard::apply(plan, &tenant).unwrap(), &Emitter).unwrap();
    let local = routed.local.unwrap_or_else(|| panic!("{sql}: one store has it all"));
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    let prepared = executor
        .prepare(&local, &|source| {
            let leaf = PieceLeaf::of(source)?;
            Some(piece_provider(leaf.piece, Arc::new(NeverRun), source.schema()))
        })
        .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    let plan = find(prepared.plan(), &routed.pieces, most).unwrap();
    (routed.pieces, plan)
}

/// Each transfer as `store column > store column`, sorted.
fn sent(sql: &str) -> Vec<String> {
    let (pieces, plan) = planned(sql, 100);
    let store = |piece: usize| pieces[piece].store.name();
    let shown = plan.transfers().iter().map(|transfer| {
        let (from, to) = (&transfer.from, &transfer.to);
        format!("{} {} > {} {}", store(from.piece), from.name, store(to.piece), to.name)
    });
    let mut shown: Vec<String> = shown.collect();
    shown.sort();
    shown
}

#[test]
fn the_side_with_fewer_keys_gives_them_to_the_other() {
    let cases = [
        // What is live comes before history, Redis before both, and a LIMIT or a chosen key before all.
        (
            "SELECT t.price FROM raw_trades t JOIN live_positions p ON p.symbol = t.symbol",
            "materialize symbol > clickhouse symbol",
        ),
        (
            "SELECT t.price FROM raw_trades t, live_positions p WHERE p.symbol = t.symbol",
            "materialize symbol > clickhouse symbol",
        ),
        ("SELECT t.price FROM raw_trades t JOIN vwap v USING (symbol)", "redis symbol > clickhouse symbol"),
        ("SELECT p.net_qty FROM live_positions p JOIN vwap v USING (symbol)", "redis symbol > materialize symbol"),
        (
            "SELECT p.net_qty FROM (SELECT symbol FROM raw_trades ORDER BY price LIMIT 3) t JOIN live_positions p USING (symbol)",
            "clickhouse symbol > materialize symbol",
        ),
        (
            "SELECT v.vwap FROM (SELECT symbol FROM raw_trades ORDER BY price LIMIT 3) t JOIN vwap v USING (symbol)",
            "clickhouse symbol > redis symbol",
        ),
        (
            "SELECT p.net_qty FROM (SELECT max(symbol) AS symbol FROM raw_trades) t JOIN live_positions p USING (symbol)",
            "clickhouse symbol > materialize symbol",
        ),
        (
            "SELECT v.vwap FROM live_positions p JOIN vwap v ON v.symbol = p.symbol WHERE p.symbol = 'AAPL' AND p.net_qty > v.volume",
            "materialize symbol > redis symbol",
        ),
        // A LIMIT of more keys than are sent says nothing.
        (
            "SELECT p.net_qty FROM (SELECT symbol FROM raw_trades ORDER BY price LIMIT 101) t JOIN live_positions p USING (symbol)",
            "materialize symbol > clickhouse symbol",
        ),
        // A group goes with its key.
        (
            "SELECT n FROM live_positions p JOIN (SELECT symbol, count(*) AS n FROM raw_trades GROUP BY symbol) t USING (symbol)",
            "materialize symbol > clickhouse symbol",
        ),
        (
            "SELECT price FROM raw_trades WHERE symbol IN (SELECT symbol FROM live_positions)",
            "materialize symbol > clickhouse symbol",
        ),
        (
            "SELECT price FROM raw_trades t WHERE EXISTS (SELECT 1 FROM live_positions p WHERE p.symbol = t.symbol)",
            "materialize symbol > clickhouse symbol",
        ),
        (
            "SELECT t.price FROM live_positions p LEFT JOIN raw_trades t USING (symbol)",
            "materialize symbol > clickhouse symbol",
        ),
        (
            "SELECT t.price FROM raw_trades t RIGHT JOIN live_positions p USING (symbol)",
            "materialize symbol > clickhouse symbol",
        ),
        // Other types that hold each other's values.
        (
            "SELECT d.name FROM dim_instruments d JOIN live_positions p ON p.trade_count = d.lot_size",
            "materialize trade_count > clickhouse lot_size",
        ),
        (
            "SELECT t.price FROM raw_trades t JOIN live_positions p ON p.net_qty = t.quantity",
            "materialize net_qty > clickhouse quantity",
        ),
    ];
    for (sql, expected) in cases {
        assert_eq!(sent(sql), [expected], "{sql}");
    }
}

#[test]
fn keys_travel_from_piece_to_piece() {
    let sql = "SELECT t.price FROM vwap v JOIN live_positions p ON p.symbol = v.symbol JOIN raw_trades t ON t.quantity = p.net_qty";
    assert_eq!(sent(sql), ["materialize net_qty > clickhouse quantity", "redis symbol > materialize symbol"]);
    let (pieces, plan) = planned(sql, 100);
    let turns: Vec<Vec<&str>> =
        plan.turns().iter().map(|turn| turn.iter().map(|piece| pieces[*piece].store.name()).collect()).collect();
    assert_eq!(turns, [["redis"], ["materialize"], ["clickhouse"]]);
}

#[test]
fn where_rows_would_be_missed_no_keys_are_sent() {
    for sql in [
        // Rows of the large side show without a partner.
        "SELECT t.price FROM raw_trades t LEFT JOIN live_positions p USING (symbol)",
        "SELECT t.price FROM raw_trades t FULL JOIN live_positions p USING (symbol)",
        "SELECT price FROM raw_trades t WHERE NOT EXISTS (SELECT 1 FROM live_positions p WHERE p.symbol = t.symbol)",
        // NULL counts as a key.
        "SELECT t.price FROM raw_trades t JOIN live_positions p ON p.net_qty IS NOT DISTINCT FROM t.quantity",
        // Another part of the large side's rows comes from somewhere else.
        "SELECT 1 FROM vwap v JOIN (SELECT symbol FROM live_quotes UNION ALL SELECT symbol FROM fct_trades) t ON t.symbol = v.symbol",
        // No column of the store.
        "SELECT t.price FROM raw_trades t JOIN live_positions p ON p.symbol = upper(t.symbol)",
        // Floats have two zeros, and stores differ about NaN.
        "SELECT t.price FROM fct_trades t JOIN live_quotes q ON q.bid = t.price",
        // A float may stand for several whole numbers.
        "SELECT v.vwap FROM (SELECT quantity FROM fct_trades ORDER BY price LIMIT 3) t JOIN vwap v ON v.volume = t.quantity",
        // No equality.
        "SELECT t.price FROM raw_trades t JOIN live_positions p ON p.symbol < t.symbol",
    ] {
        assert_eq!(sent(sql), Vec::<String>::new(), "{sql}");
    }
    let (_, off) = planned("SELECT t.price FROM raw_trades t JOIN live_positions p USING (symbol)", 0);
    assert!(off.transfers().is_empty() && off.turns().is_empty());
}

/// The verified statement of the piece that waits for these keys; `None` when no row can have one.
fn asked(sql: &str, keys: &[ScalarValue]) -> Option<String> {
    let (pieces, plan) = planned(sql, 100);
    let [transfer] = plan.transfers() else { panic!("{sql}: {:?}", plan.transfers()) };
    let piece = match narrowed(&pieces[transfer.to.piece], transfer, keys, &Emitter).unwrap() {
        Narrowed::To(piece) => piece,
        Narrowed::Nothing => return None,
        Narrowed::Whole => panic!("{sql}: the store cannot say it"),
    };
    let emitted = emit(&piece, Dialect::of(piece.store)).unwrap();
    let verified = guard::verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements).unwrap();
    Some(verified.text().to_owned())
}

#[test]
fn keys_stand_below_the_group_and_beside_the_guard() {
    let sql = "SELECT n FROM live_positions p JOIN (SELECT symbol, count(*) AS n FROM raw_trades GROUP BY symbol) t USING (symbol)";
    let text = asked(sql, &[ScalarValue::from("AAPL"), ScalarValue::from("it's")]).unwrap();
    let (keys, group) = (text.find("it''s").or_else(|| text.find("it\\'s")), text.find("GROUP BY"));
    assert!(keys.is_some() && keys < group, "{text}");
    assert!(text.contains("PREWHERE") && text.contains("NE"), "{text}");
}

#[test]
fn no_key_goes_below_a_limit() {
    let sql = "SELECT p.net_qty FROM (SELECT symbol FROM raw_trades ORDER BY price LIMIT 101) t JOIN live_positions p USING (symbol)";
    let text = asked(sql, &[ScalarValue::from("AAPL")]).unwrap();
    let (keys, limit) = (text.find("'AAPL')"), text.find("LIMIT 101"));
    assert!(limit.is_some() && keys > limit, "{text}");
}

#[test]
fn a_number_that_is_rounded_when_it_is_read_is_no_filter() {
    let sql = "SELECT l.net_qty FROM (SELECT quantity FROM raw_trades ORDER BY price LIMIT 3) t JOIN (SELECT sum(net_qty) AS net_qty FROM live_positions GROUP BY symbol) l ON l.net_qty = t.quantity";
    assert_eq!(sent(sql), Vec::<String>::new());
}

#[test]
fn a_key_that_the_column_cannot_hold_is_not_asked_for() {
    let sql = "SELECT d.name FROM dim_instruments d JOIN live_positions p ON p.trade_count = d.lot_size";
    let text = asked(sql, &[ScalarValue::from(100_i64), ScalarValue::from(5_000_000_000_i64)]).unwrap();
    assert!(text.contains("IN (100)"), "{text}");
    assert_eq!(asked(sql, &[ScalarValue::from(5_000_000_000_i64)]), None);
    assert_eq!(asked(sql, &[]), None);
}

/// Joins over the demo's tables, for servers that send keys and one that does not.
const JOINS: &[&str] = &[
    "SELECT p.symbol, t.n FROM live_positions p JOIN (SELECT symbol, row_number() OVER (ORDER BY trade_id) AS n FROM raw_trades) t USING (symbol) WHERE p.net_qty > 0 AND t.n < 500",
    "SELECT p.symbol, t.trade_id FROM live_positions p JOIN (SELECT DISTINCT ON (side) side, symbol, trade_id FROM raw_trades ORDER BY side, trade_id) t USING (symbol)",
    "SELECT p.symbol, t.trade_id FROM live_positions p JOIN (SELECT symbol, trade_id FROM raw_trades ORDER BY price, trade_id LIMIT 101) t USING (symbol) WHERE p.net_qty > 0",
    "SELECT p.symbol, t.name, t.price FROM live_positions p JOIN (SELECT d.name, f.symbol, f.price FROM dim_instruments d LEFT JOIN (SELECT * FROM raw_trades WHERE price > 500) f ON f.symbol = d.symbol) t USING (symbol)",
    "SELECT p.symbol, t.n FROM live_positions p JOIN (SELECT symbol, count(*) AS n FROM raw_trades GROUP BY ROLLUP (symbol)) t USING (symbol)",
    "SELECT a.n, p.net_qty, b.n FROM (SELECT symbol, count(*) AS n FROM raw_trades WHERE symbol = 'AAPL' GROUP BY symbol) a JOIN live_positions p USING (symbol) JOIN (SELECT symbol, count(*) AS n FROM fct_trades WHERE symbol = 'AAPL' GROUP BY symbol) b ON b.symbol = p.symbol",
    "SELECT d.name, p.net_qty FROM dim_instruments d JOIN live_positions p USING (symbol)",
    "SELECT p.symbol, count(*), sum(t.quantity) FROM live_positions p JOIN raw_trades t ON t.symbol = p.symbol GROUP BY 1",
    "SELECT p.symbol, n FROM live_positions p LEFT JOIN (SELECT symbol, count(*) AS n FROM raw_trades WHERE price > 300 GROUP BY symbol) t USING (symbol)",
    "SELECT d.symbol, p.net_qty FROM dim_instruments d LEFT JOIN live_positions p ON p.symbol = d.symbol AND p.net_qty > 0",
    "SELECT d.symbol, p.symbol FROM dim_instruments d FULL JOIN live_positions p ON p.symbol = d.symbol",
    "SELECT v.symbol, v.vwap, q.bid, d.name FROM latest.vwap v JOIN live_quotes q USING (symbol) JOIN dim_instruments d USING (symbol)",
    "SELECT count(*), max(price) FROM raw_trades WHERE symbol IN (SELECT symbol FROM live_positions WHERE net_qty > 0)",
    "SELECT count(*) FROM raw_trades WHERE symbol NOT IN (SELECT symbol FROM live_positions WHERE net_qty > 0)",
    "SELECT d.symbol FROM dim_instruments d WHERE NOT EXISTS (SELECT 1 FROM live_quotes q WHERE q.symbol = d.symbol)",
    "SELECT q.symbol FROM live_quotes q WHERE NOT EXISTS (SELECT 1 FROM raw_trades t WHERE t.symbol = q.symbol AND t.price > 500)",
    "SELECT v.symbol, v.volume FROM (SELECT symbol FROM raw_trades ORDER BY price DESC, trade_id LIMIT 3) t JOIN latest.vwap v USING (symbol)",
    "SELECT p.symbol, r.trade_date, r.trade_count FROM live_positions p JOIN rpt_daily_pnl r ON r.symbol = p.symbol AND r.trade_count = p.trade_count",
    "SELECT count(*) FROM live_positions p JOIN raw_trades t ON t.quantity = p.net_qty",
    "SELECT x.symbol, d.day, d.close FROM (SELECT symbol, last_update::date AS day FROM live_quotes) x JOIN daily_rollup d ON d.symbol = x.symbol AND d.day = x.day",
    "SELECT p.symbol FROM live_positions p JOIN raw_trades t USING (symbol) WHERE p.net_qty > 1000000000",
    "WITH RECURSIVE r(symbol, n) AS (SELECT symbol, 1 FROM live_quotes UNION ALL SELECT d.symbol, r.n + 1 FROM r JOIN dim_instruments d ON d.symbol = r.symbol WHERE r.n < 3) SELECT symbol, max(n) FROM r GROUP BY 1",
    "SELECT q.symbol, t.n FROM live_quotes q, LATERAL (SELECT count(*) AS n FROM raw_trades t WHERE t.symbol = q.symbol AND t.price > q.bid) t",
];

async fn sorted(client: &Client, sql: &str) -> TextRows {
    let mut found = rows(client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    found.sort();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_the_same_with_keys_and_without() {
    let with = TestServer::start().await;
    let without = TestServer::start_with(&[("limits.join_keys", "0")]).await;
    for user in ["acme", "globex"] {
        let (with, without) = (with.connect(user).await, without.connect(user).await);
        for sql in JOINS {
            assert_eq!(sorted(&with, sql).await, sorted(&without, sql).await, "{user}: {sql}");
        }
    }
}

/// What `EXPLAIN (ANALYZE, FORMAT JSON)` tells of the pieces of one store.
async fn pieces_of(client: &Client, store: &str, sql: &str) -> Vec<Value> {
    let text = value(client, &format!("EXPLAIN (ANALYZE, FORMAT JSON) {sql}")).await;
    let document: Value = serde_json::from_str(&text).unwrap();
    let statements = document[0]["Statements"].as_array().unwrap().clone();
    statements.into_iter().filter(|statement| statement["Store"] == store).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn fewer_rows_are_read_and_explain_says_why() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let sql = "SELECT d.name FROM dim_instruments d JOIN live_positions p USING (symbol)";
    let [piece] = &pieces_of(&client, "clickhouse", sql).await[..] else { panic!("one piece of each store") };
    assert_eq!(piece["Actual Rows"], 5, "{piece}");
    let expected = serde_json::json!([{"From Piece": 1, "Key": "symbol", "Column": "symbol", "Actual Keys": 5}]);
    assert_eq!(piece["Keys"], expected);
    let [piece] = &pieces_of(&client, "materialize", sql).await[..] else { panic!("one piece of each store") };
    assert_eq!((piece["Actual Rows"].as_u64(), piece["Actual Loops"].as_u64()), (Some(5), Some(1)), "{piece}");
    let lines = format!("{:?}", rows(&client, &format!("EXPLAIN {sql}")).await.unwrap());
    assert!(lines.contains("piece 0 waits for keys of piece 1: symbol = symbol"), "{lines}");
    let off = TestServer::start_with(&[("limits.join_keys", "0")]).await;
    let client = off.connect("acme").await;
    let [piece] = &pieces_of(&client, "clickhouse", sql).await[..] else { panic!("one piece of each store") };
    assert_eq!((piece["Actual Rows"].as_u64(), piece.get("Keys")), (Some(10), None), "{piece}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_the_other_store_is_not_asked() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    for sql in [
        "SELECT p.symbol FROM live_positions p JOIN raw_trades t USING (symbol) WHERE p.net_qty > 1000000000",
        "SELECT price FROM raw_trades WHERE symbol IN (SELECT symbol FROM live_positions WHERE net_qty > 1000000000)",
        "SELECT p.symbol FROM live_positions p LEFT JOIN raw_trades t USING (symbol) WHERE p.net_qty > 1000000000",
    ] {
        let [piece] = &pieces_of(&client, "clickhouse", sql).await[..] else { panic!("{sql}") };
        assert_eq!(piece["Actual Loops"], 0, "{sql}: {piece}");
        assert_eq!(piece["Keys"][0]["Actual Keys"], 0, "{sql}: {piece}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn past_a_limit_the_other_side_is_read_whole() {
    let sql = "SELECT d.name FROM dim_instruments d JOIN live_positions p USING (symbol) ORDER BY 1";
    // Acme has five positions.
    for (limit, value, is_sent) in [
        ("join_keys", "5", true),
        ("join_keys", "4", false),
        ("join_side_bytes", "1", false),
        ("join_filter_bytes", "1", false),
    ] {
        let server = TestServer::start_with(&[(&format!("limits.{limit}"), value)]).await;
        let client = server.connect("acme").await;
        let [piece] = &pieces_of(&client, "clickhouse", sql).await[..] else { panic!("one piece of each store") };
        let read = if is_sent { 5 } else { 10 };
        assert_eq!(piece["Actual Rows"], read, "{limit} {value}: {piece}");
        let told = piece["Keys"][0]["Actual Keys"].as_u64();
        assert_eq!(told, is_sent.then_some(5), "{limit} {value}: {piece}");
        let [piece] = &pieces_of(&client, "materialize", sql).await[..] else { panic!("one piece of each store") };
        assert_eq!(piece["Actual Loops"], 1, "the small side is fetched once: {limit} {value}: {piece}");
        assert_eq!(rows(&client, sql).await.unwrap().len(), 5);
    }
}

/// A history of two thousand rows, one in ten without a word, and a few live rows beside it.
fn load_types(engines: &Engines) {
    engines.clickhouse_run(
        "CREATE TABLE marts.history ENGINE = MergeTree ORDER BY n AS SELECT toInt64(number) AS n, \
         toInt32(number % 7) AS small, if(number % 10 = 0, NULL, concat('k', toString(number % 50))) AS word, \
         toDate('2025-01-01') + number % 100 AS day, CAST(number % 1000 AS Decimal(18, 3)) / 8 AS amount, \
         toDateTime64('2025-01-01 00:00:00', 3) + number AS at FROM numbers(2000)",
    );
    engines.materialize_run(
        "CREATE TABLE materialize.few (word text, n bigint, day date, amount numeric, at timestamp, moment timestamptz); \
         INSERT INTO materialize.few VALUES \
         ('k1', 3, '2025-01-05', 7.5, '2025-01-01 00:00:07', '2025-01-01 00:00:07+00'), \
         ('k''2', 4000000000, '2024-01-05', 0.1250000001, '2025-01-01 00:00:07.0001', '2025-01-01 00:00:08+00'), \
         (NULL, NULL, NULL, NULL, NULL, NULL), \
         ('k50', 5, '2025-01-06', 0.125, '2025-01-01 00:20:00', '2025-01-01 00:00:09+00'), \
         ('k1', 5, '2025-01-06', 1000, '2500-01-01', '2500-01-01')",
    );
}

/// Joins on keys of every type, and how many rows of the history they read at most.
const TYPED: &[(&str, u64)] = &[
    ("SELECT h.n, f.n FROM history h JOIN few f ON f.word = h.word", 100),
    ("SELECT h.word, f.n FROM history h JOIN few f ON f.n = h.n", 2),
    ("SELECT h.word, f.n FROM history h JOIN few f ON f.n = h.small", 572),
    ("SELECT h.n, f.n FROM history h JOIN few f ON f.day = h.day", 60),
    ("SELECT h.n, f.n FROM history h JOIN few f ON f.amount = h.amount", 10),
    ("SELECT h.n FROM history h WHERE h.word IN (SELECT word FROM few)", 100),
    ("SELECT f.n, h.n FROM few f LEFT JOIN history h ON f.word = h.word AND h.n > 1000", 100),
    ("SELECT f.n, c FROM few f LEFT JOIN (SELECT word, count(*) AS c FROM history GROUP BY word) h USING (word)", 2),
    ("SELECT f.n FROM few f WHERE NOT EXISTS (SELECT 1 FROM history h WHERE h.word = f.word)", 2_000),
    // One of the timestamps is past the last of ClickHouse's.
    ("SELECT h.n, f.n FROM history h JOIN few f ON f.at = h.at", 2_000),
    ("SELECT h.n, f.n FROM history h JOIN (SELECT * FROM few WHERE n < 5) f ON f.at = h.at", 1),
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_find_their_rows_in_the_stores() {
    let Some(engines) = Engines::start().await else { return };
    load_types(&engines);
    let policies = r#"[{ table = "marts.history", kind = "shared" }, { table = "materialize.few", kind = "shared" }]"#;
    let with = engines.server_with(&[("policies", policies)]).await;
    let without = engines.server_with(&[("policies", policies), ("limits.join_keys", "0")]).await;
    let (with, without) = (with.connect("acme").await, without.connect("acme").await);
    for (sql, most) in TYPED {
        assert_eq!(sorted(&with, sql).await, sorted(&without, sql).await, "{sql}");
        for piece in pieces_of(&with, "clickhouse", sql).await {
            assert!(piece["Actual Rows"].as_u64().is_some_and(|rows| rows <= *most), "{sql}: {piece}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_give_each_tenant_the_same_rows_with_keys_and_without() {
    let Some(engines) = Engines::start().await else { return };
    let with = engines.server().await;
    let without = engines.server_with(&[("limits.join_keys", "0")]).await;
    for user in ["acme", "globex"] {
        let (with, without) = (with.connect(user).await, without.connect(user).await);
        for sql in JOINS {
            assert_eq!(sorted(&with, sql).await, sorted(&without, sql).await, "{user}: {sql}");
        }
        // Everybody's instruments, of which the other tenant's keys find none.
        let sql = "SELECT d.symbol FROM dim_instruments d JOIN live_positions p USING (symbol)";
        let [piece] = &pieces_of(&with, "clickhouse", sql).await[..] else { panic!("one piece of each store") };
        assert_eq!(piece["Actual Rows"], 5, "{user}: {piece}");
        let found = sorted(&with, sql).await;
        let own = if user == "acme" { "AAPL" } else { "BAC" };
        assert_eq!((found.len(), found[0][0].as_deref()), (5, Some(own)), "{user}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_side_that_fails_or_lasts_ends_the_query() {
    let Some(engines) = Engines::start().await else { return };
    engines.materialize_run(
        "CREATE VIEW materialize.slow AS SELECT 'AAPL'::text AS symbol WHERE pg_sleep(60) IS NOT NULL; \
         CREATE VIEW materialize.broken AS SELECT 'AAPL'::text AS symbol WHERE 1 / (random() * 0)::int = 1",
    );
    let shared = |table: &str| format!("{{ table = \"{table}\", kind = \"shared\" }}");
    let policies = ["materialize.slow", "materialize.broken", "marts.dim_instruments"].map(shared).join(", ");
    let policies = format!("[{policies}]");
    let with = engines.server_with(&[("policies", &policies)]).await;
    let without = engines.server_with(&[("policies", &policies), ("limits.join_keys", "0")]).await;
    let (with, without) = (with.connect("acme").await, without.connect("acme").await);
    let join = |table: &str| format!("SELECT d.name FROM {table} s JOIN dim_instruments d USING (symbol)");
    let explained = format!("{:?}", rows(&with, &format!("EXPLAIN {}", join("slow"))).await.unwrap());
    assert!(explained.contains("waits for keys"), "{explained}");
    let failed = sqlstate(&with, &join("broken")).await;
    assert_eq!(failed, sqlstate(&without, &join("broken")).await);
    assert_ne!(failed, "00000");
    with.batch_execute("SET statement_timeout = 500").await.unwrap();
    let started = Instant::now();
    assert_eq!(sqlstate(&with, &join("slow")).await, "57014");
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    // The store is told, too.
    while engines.materialize_runs().await > 0 {
        assert!(started.elapsed() < Duration::from_secs(40), "the statement still runs there");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(value(&with, "SELECT count(*) FROM dim_instruments").await, "10");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_looks_up_the_keys_and_scans_nothing() {
    let Some(engines) = Engines::start().await else { return };
    // Everybody's, and more keys than a scan may find: only single keys can be read.
    let policies =
        r#"[{ table = "latest.vwap", kind = "shared" }, { table = "marts.dim_instruments", kind = "shared" }]"#;
    let limits = [("policies", policies), ("limits.redis_scan_keys", "1")];
    let sql = "SELECT v.symbol FROM (SELECT symbol FROM dim_instruments ORDER BY symbol LIMIT 3) d JOIN latest.vwap v USING (symbol)";
    let server = engines.server_with(&limits).await;
    assert_eq!(sorted(&server.connect("acme").await, sql).await.len(), 3);
    let off = engines.server_with(&[limits[0], limits[1], ("limits.join_keys", "0")]).await;
    assert_eq!(sqlstate(&off.connect("acme").await, sql).await, "54000");
}
