//! Logical tables of the demo: which placement is read, who says so, and what is left when a table is not to be seen.

use serde_json::{Value, json};
use tokio_postgres::Client;

use crate::support::{TestServer, rows, sqlstate, value};

const LIVE: &str = "flowforge.positions → materialize.live_positions (realtime): ";
const LATEST: &str = "flowforge.positions → latest.position (point): ";

/// The lines of an answer with one column.
async fn lines(client: &Client, sql: &str) -> Vec<String> {
    let found = rows(client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    found.into_iter().flatten().flatten().collect()
}

/// What `EXPLAIN` says of the placements.
async fn placements(client: &Client, statement: &str) -> Vec<String> {
    let lines = lines(client, &format!("EXPLAIN {statement}")).await;
    let after = lines.iter().skip_while(|line| *line != "Placements").skip(1);
    after.take_while(|line| line.starts_with("  ")).map(|line| line.trim().to_owned()).collect()
}

async fn set(client: &Client, freshness: &str) {
    client.batch_execute(&format!("SET flowforge.freshness = '{freshness}'")).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_query_tells_what_it_wants() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let by_key = [format!("{LATEST}the query asks for values of its key symbol")];
    for condition in ["symbol = 'AAPL'", "symbol IN ('AAPL', 'TSLA')", "symbol = 'AAPL' OR 'MSFT' = symbol"] {
        let sql = format!("SELECT quantity FROM positions WHERE {condition}");
        assert_eq!(placements(&client, &sql).await, by_key, "{sql}");
    }
    let live = [format!("{LIVE}the query asks for no key, and no analytical placement serves it")];
    for sql in [
        "SELECT * FROM positions",
        "SELECT count(*) FROM flowforge.positions WHERE symbol > 'A'",
        "SELECT p.quantity FROM positions p JOIN dim_instruments d USING (symbol)",
    ] {
        assert_eq!(placements(&client, sql).await, live, "{sql}");
    }
    let history = ["flowforge.trades → flowforge.raw_trades (analytical): the query asks for no key"];
    assert_eq!(placements(&client, "SELECT max(price) FROM trades WHERE symbol = 'AAPL'").await, history);
    assert_eq!(placements(&client, "SELECT max(price) FROM raw_trades").await, Vec::<String>::new());
    let text = lines(&client, "EXPLAIN SELECT max(price) FROM trades").await.join("\n");
    assert!(text.contains("piece 0 → clickhouse: flowforge.raw_trades"), "{text}");
    assert!(text.contains("in process: nothing, piece 0 is the whole query"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_session_says_what_it_wants() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let all = "SELECT quantity FROM positions";
    let keyed = "SELECT quantity FROM positions WHERE symbol = 'AAPL'";
    assert_eq!(value(&client, "SHOW flowforge.freshness").await, "auto");
    set(&client, "point").await;
    assert_eq!(placements(&client, all).await, [format!("{LATEST}flowforge.freshness asks for point")]);
    set(&client, "REALTIME").await;
    assert_eq!(value(&client, "SHOW flowforge.freshness").await, "realtime");
    assert_eq!(placements(&client, keyed).await, [format!("{LIVE}flowforge.freshness asks for realtime")]);
    set(&client, "analytical").await;
    let fallen = "flowforge.freshness asks for analytical, for which the table has no placement; the query asks";
    assert_eq!(
        placements(&client, all).await,
        [format!("{LIVE}{fallen} for no key, and no analytical placement serves it")]
    );
    assert_eq!(placements(&client, keyed).await, [format!("{LATEST}{fallen} for values of its key symbol")]);
    let setting = "SELECT setting || ' ' || reset_val FROM pg_settings WHERE name = 'flowforge.freshness'";
    assert_eq!(value(&client, setting).await, "analytical auto");
    client.batch_execute("RESET flowforge.freshness").await.unwrap();
    assert_eq!(value(&client, "SELECT current_setting('flowforge.freshness')").await, "auto");
    assert_eq!(sqlstate(&client, "SET flowforge.freshness = 'soon'").await, "22023");
    client.batch_execute("BEGIN; SET LOCAL flowforge.freshness = 'point'").await.unwrap();
    assert_eq!(placements(&client, all).await, [format!("{LATEST}flowforge.freshness asks for point")]);
    client.batch_execute("COMMIT").await.unwrap();
    assert!(placements(&client, all).await[0].starts_with(LIVE));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prepared_statement_follows_the_session() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    client.batch_execute("PREPARE every AS SELECT quantity FROM positions").await.unwrap();
    client.batch_execute("PREPARE one (text) AS SELECT quantity FROM positions WHERE symbol = $1").await.unwrap();
    assert!(placements(&client, "EXECUTE every").await[0].starts_with(LIVE));
    assert!(placements(&client, "EXECUTE one ('AAPL')").await[0].starts_with(LATEST));
    set(&client, "point").await;
    assert!(placements(&client, "EXECUTE every").await[0].starts_with(LATEST));
    set(&client, "realtime").await;
    assert!(placements(&client, "EXECUTE one ('AAPL')").await[0].starts_with(LIVE));
    let statement = client.prepare("SELECT count(quantity) FROM positions WHERE symbol = $1").await.unwrap();
    for freshness in ["auto", "point", "realtime", "analytical"] {
        set(&client, freshness).await;
        let found: i64 = client.query_one(&statement, &[&"AAPL"]).await.unwrap().get(0);
        assert_eq!(found, 1, "{freshness}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_placement_has_the_same_rows_in_the_same_types() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let sql = "SELECT symbol, quantity, pg_typeof(quantity), pg_typeof(updated_at) FROM positions ORDER BY symbol";
    set(&client, "realtime").await;
    let live = rows(&client, sql).await.unwrap();
    assert_eq!(live.len(), 5);
    set(&client, "point").await;
    assert_eq!(rows(&client, sql).await.unwrap(), live);
    let quantity = client.prepare("SELECT quantity FROM positions").await.unwrap();
    assert_eq!(crate::postgres::type_name(&quantity.columns()[0]), "numeric(38,6)");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_has_the_placements_in_its_document() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let sql = "EXPLAIN (FORMAT JSON) SELECT p.quantity, t.price FROM positions p, trades t WHERE p.symbol = 'AAPL'";
    let document: Value = serde_json::from_str(&value(&client, sql).await).unwrap();
    let expected = json!([
        {
            "Table": "flowforge.positions",
            "Placement": "latest.position",
            "Freshness": "point",
            "Reason": "the query asks for values of its key symbol",
        },
        {
            "Table": "flowforge.trades",
            "Placement": "flowforge.raw_trades",
            "Freshness": "analytical",
            "Reason": "the query asks for no key",
        },
    ]);
    assert_eq!(document[0]["Placements"], expected);
}

/// The stores that a workflow over the positions reads.
async fn workflow_stores(client: &Client, source: Value, condition: Option<Value>) -> Vec<String> {
    let mut nodes = vec![json!({"id": "a", "type": "data_source", "data": {"config": source}})];
    let mut edges = Vec::new();
    if let Some(condition) = condition {
        nodes.push(json!({"id": "b", "type": "filter", "data": {"config": condition}}));
        edges.push(json!({"id": "e", "source": "a", "target": "b"}));
    }
    let target = if edges.is_empty() { "a" } else { "b" };
    let graph = json!({"nodes": nodes, "edges": edges});
    let found = lines(client, &format!("SELECT store FROM workflow_compile('{graph}', '{target}')")).await;
    assert_eq!(value(client, &format!("SELECT count(*) > 0 FROM workflow_preview('{graph}', '{target}')")).await, "t");
    found.into_iter().filter(|store| store != "in process").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_data_source_says_what_it_wants() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let source = |freshness: &str| json!({"table": "positions", "freshness": freshness});
    let plain = || json!({"table": "positions"});
    let by_key = || Some(json!({"column": "symbol", "operator": "=", "value": "AAPL"}));
    for (config, condition, expected) in [
        (plain(), None, "materialize"),
        (plain(), by_key(), "redis"),
        (source("realtime"), by_key(), "materialize"),
        (source("point"), None, "redis"),
        (source("analytical"), None, "materialize"),
        (json!({"table": "flowforge.positions", "source": "redis"}), None, "redis"),
        (json!({"table": "positions", "columns": ["quantity"], "freshness": "point"}), None, "redis"),
        (json!({"table": "trades"}), by_key(), "clickhouse"),
    ] {
        assert_eq!(workflow_stores(&client, config.clone(), condition).await, [expected], "{config}");
    }
    set(&client, "realtime").await;
    assert_eq!(workflow_stores(&client, plain(), by_key()).await, ["materialize"]);
    assert_eq!(workflow_stores(&client, source("point"), None).await, ["redis"], "the source counts more");
    let elsewhere = json!({
        "nodes": [{"id": "a", "type": "data_source", "data": {"config": {"table": "positions", "source": "clickhouse"}}}],
        "edges": []
    });
    let sql = format!("SELECT * FROM workflow_preview('{elsewhere}', 'a')");
    assert_eq!(sqlstate(&client, &sql).await, "42P01");
}

/// Two placements that have one column each.
const MIXED: &str = r#"[{ name = "mixed", schema = "marts", columns = ["symbol", "net", "average"], placements = [
    { freshness = "realtime", table = "materialize.live_positions", columns = { symbol = "symbol", net = "net_qty" } },
    { freshness = "point", table = "latest.position", columns = { symbol = "symbol", average = "avg_price" } },
] }]"#;

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_no_placement_has_together_cannot_be_read_together() {
    let server = TestServer::start_with(&[("logical_tables", MIXED)]).await;
    let client = server.connect("acme").await;
    for sql in [
        "SELECT count(net) FROM mixed",
        "SELECT count(average) FROM marts.mixed",
        "SELECT count(a.net + b.average) FROM mixed a JOIN mixed b USING (symbol)",
        "SELECT count(*) FROM mixed WHERE symbol > 'A'",
    ] {
        assert_eq!(value(&client, sql).await, "5", "{sql}");
    }
    assert_eq!(sqlstate(&client, "SELECT * FROM mixed").await, "0A000");
    assert_eq!(sqlstate(&client, "SELECT net FROM mixed WHERE average > 0").await, "0A000");
    assert_eq!(sqlstate(&client, "SELECT * FROM positions").await, "42P01", "the demo's are replaced");
}

const COLUMNS: &str = "SELECT table_name || '.' || column_name FROM information_schema.columns \
                       WHERE (table_schema, table_name) IN (('marts', 'mixed'), ('flowforge', 'positions')) ORDER BY 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_placement_whose_table_nobody_may_see_is_not_there() {
    let owner = r#"[{ table = "materialize.live_positions", kind = "tenant_column", column = "tenant_id" }]"#;
    let list = r#"[{ table = "latest.position", kind = "list_attribute", column = "symbol", attribute = "symbols" }]"#;
    for (policies, has_net) in [(owner, true), (list, false)] {
        let server = TestServer::start_with(&[("logical_tables", MIXED), ("policies", policies)]).await;
        let client = server.connect("acme").await;
        let (there, gone) = if has_net { ("net", "average") } else { ("average", "net") };
        assert_eq!(value(&client, &format!("SELECT count({there}) FROM mixed")).await, "5");
        assert_eq!(sqlstate(&client, &format!("SELECT {gone} FROM mixed")).await, "42703");
        let mut columns = vec![format!("mixed.{there}"), "mixed.symbol".to_owned()];
        columns.sort();
        assert_eq!(lines(&client, COLUMNS).await, columns);
        assert_eq!(value(&client, "SELECT count(*) FROM mixed WHERE symbol = 'TSLA'").await, "0");
    }
    let neither = r#"[{ table = "marts.dim_instruments", kind = "shared" }]"#;
    let server = TestServer::start_with(&[("logical_tables", MIXED), ("policies", neither)]).await;
    let client = server.connect("acme").await;
    assert_eq!(sqlstate(&client, "SELECT symbol FROM mixed").await, "42P01");
    assert_eq!(lines(&client, COLUMNS).await, Vec::<String>::new());
}
