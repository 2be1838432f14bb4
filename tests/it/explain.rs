//! `EXPLAIN (FORMAT JSON)`: one document that a tool can read.

use serde_json::Value;

use crate::support::{TestServer, rows, value};

async fn explained(options: &str, sql: &str) -> Value {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let text = value(&client, &format!("EXPLAIN ({options}) {sql}")).await;
    let document: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let documents = document.as_array().expect("an array, as in PostgreSQL");
    assert_eq!(documents.len(), 1);
    documents[0].clone()
}

/// The kinds of the nodes, from the root down.
fn kinds(node: &Value) -> Vec<String> {
    let own = node["Node Type"].as_str().expect("every node has a kind").to_owned();
    assert!(node["Detail"].as_str().is_some_and(|detail| detail.starts_with(&own)), "{node}");
    let plans = node["Plans"].as_array().cloned().unwrap_or_default();
    std::iter::once(own).chain(plans.iter().flat_map(kinds)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_has_the_guarded_plan_and_the_statements() {
    let document = explained("FORMAT JSON", "SELECT symbol FROM raw_trades WHERE price > 10 LIMIT 3").await;
    let kinds = kinds(&document["Plan"]);
    assert_eq!(kinds.first().map(String::as_str), Some("Limit"), "{kinds:?}");
    assert_eq!(kinds.last().map(String::as_str), Some("TableScan"), "{kinds:?}");
    assert_eq!(document["Tenant"], "acme");
    assert!(document["In Process"].is_null());
    let statements = document["Statements"].as_array().unwrap();
    assert_eq!(statements.len(), 1);
    let statement = &statements[0];
    assert_eq!((statement["Piece"].as_u64(), statement["Store"].as_str()), (Some(0), Some("clickhouse")));
    assert_eq!(statement["Tables"], serde_json::json!(["flowforge.raw_trades"]));
    assert!(
        statement["SQL"].as_str().is_some_and(|sql| sql.contains("AAPL") && sql.contains("LIMIT 3")),
        "{statement}"
    );
    assert!(statement["Dialect"].is_string() && statement["Reason"].is_string());
    for absent in ["Actual Rows", "Execution Time", "Output", "Settings"] {
        assert!(document.get(absent).is_none(), "{absent}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn analyze_measures_and_verbose_names_the_columns() {
    let sql = "SELECT t.symbol, q.bid FROM raw_trades t JOIN live_quotes q USING (symbol) ORDER BY 1 LIMIT 5";
    let document = explained("ANALYZE, VERBOSE, SETTINGS, FORMAT JSON", sql).await;
    assert_eq!(document["Actual Rows"], 5);
    assert!(document["Bytes in Memory"].as_u64().is_some_and(|bytes| bytes > 0));
    let (first, all) = (document["First Rows Time"].as_f64().unwrap(), document["Execution Time"].as_f64().unwrap());
    assert!(0.0 < first && first <= all, "{first} {all}");
    assert_eq!(document["Output"][0], serde_json::json!({"Name": "symbol", "Type": "text"}));
    assert_eq!(document["Output"].as_array().map(Vec::len), Some(2));
    assert_eq!(document["Settings"], serde_json::json!({}));
    let statements = document["Statements"].as_array().unwrap();
    assert_eq!(statements.len(), 2);
    for statement in statements {
        // Each piece tells of its own rows, which are more than the statement gives.
        assert!(statement["Actual Rows"].as_u64().is_some_and(|rows| rows >= 5), "{statement}");
        assert_eq!((statement["Actual Loops"].as_u64(), statement["Retries"].as_u64()), (Some(1), Some(0)));
        assert!(statement["Execution Time"].as_f64() <= document["Execution Time"].as_f64(), "{document}");
    }
    assert_eq!(document["Plan Reused"], false);
    assert!(document["Catalog Version"].as_u64().is_some_and(|version| version > 0));
    for statement in statements {
        assert!(statement["Catalog Age"].as_f64().is_some_and(|age| age > 0.0), "{statement}");
        assert!(statement["Store Statement Reused"].is_null(), "tables in memory prepare none");
    }
    assert!(!kinds(&document["In Process"]).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_without_rows_has_no_first_row() {
    let document = explained("ANALYZE, FORMAT JSON", "SELECT symbol FROM raw_trades WHERE price < 0").await;
    assert_eq!(document["Actual Rows"], 0);
    assert!(document["Execution Time"].as_f64().is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_shows_the_stages_in_their_order() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let sql = "EXPLAIN SELECT symbol FROM live_positions WHERE net_qty > 0";
    let lines: Vec<String> = rows(&client, sql).await.unwrap().into_iter().flatten().flatten().collect();
    let is_title = |line: &&String| !line.starts_with(' ');
    let titles: Vec<&str> = lines.iter().filter(is_title).map(String::as_str).collect();
    assert_eq!(titles, ["Plan", "Guarded plan (tenant acme)", "Route", "Statement of piece 0 (postgresql)"]);
    let stage = |title: &str| {
        let begin = lines.iter().position(|line| line == title).unwrap() + 1;
        lines[begin..].iter().take_while(|line| line.starts_with(' ')).cloned().collect::<Vec<_>>().join("\n")
    };
    assert!(!stage(titles[0]).contains("acme"), "{lines:#?}");
    assert!(stage(titles[1]).contains("Filter: live_positions.tenant_id = Utf8(\"acme\")"), "{lines:#?}");
    assert!(stage(titles[2]).contains("piece 0 → materialize"), "{lines:#?}");
    assert!(stage(titles[3]).contains(r#"WHERE "t0"."tenant_id" = 'acme' AND"#), "{lines:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_text_tells_of_every_piece() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let sql = "EXPLAIN ANALYZE SELECT d.name, p.net_qty FROM dim_instruments d JOIN live_positions p USING (symbol)";
    let lines: Vec<String> = rows(&client, sql).await.unwrap().into_iter().flatten().flatten().collect();
    let run = lines.iter().position(|line| line == "Run").expect("what the run took");
    let told = |start: &str| lines[run..].iter().any(|line| line.trim_start().starts_with(start));
    assert!(told("rows: 5, bytes in memory:"), "{lines:#?}");
    // Of the ten instruments those with a position: their keys came from the other store.
    assert!(told("piece 0 (clickhouse): rows: 5,"), "{lines:#?}");
    assert!(told("symbol: 5 keys of piece 1"), "{lines:#?}");
    assert!(told("piece 1 (materialize): rows: 5,"), "{lines:#?}");
}
