//! Bad input gets a clear error with a SQLSTATE, and costs nobody else anything.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::Client;

use crate::support::{TestServer, sqlstate, value};

/// Another session that must go on whatever the first one meets.
async fn still_answers(bystander: &Client) {
    assert_eq!(value(bystander, "SELECT count(*) FROM marts.dim_instruments").await, "10");
}

fn in_list(bytes: usize) -> String {
    let mut sql = String::with_capacity(bytes + 100);
    sql.push_str("SELECT count(*) FROM raw_trades WHERE trade_id IN ('a'");
    let mut number = 0;
    while sql.len() < bytes {
        sql.push_str(&format!(",'T{number:012}'"));
        number += 1;
    }
    sql.push(')');
    sql
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_statements_fail_by_sqlstate_and_the_session_goes_on() {
    let server = TestServer::start().await;
    let (client, bystander) = (server.connect("acme").await, server.connect("globex").await);
    let cases = [
        (format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000)), "54001"),
        (format!("SELECT {}1", "NOT ".repeat(20_000)), "54000"),
        (format!("SELECT {}1", "- ".repeat(20_000)), "54000"),
        ("SELECT * FROM".to_owned(), "42601"),
        ("SELEC 1".to_owned(), "42601"),
        ("SELECT 'open".to_owned(), "42601"),
        ("SELECT $1".to_owned(), "42P02"),
        (";".repeat(2), "00000"),
    ];
    for (sql, expected) in &cases {
        let shown: String = sql.chars().take(60).collect();
        assert_eq!(&sqlstate(&client, sql).await, expected, "{shown}");
        assert_eq!(value(&client, "SELECT 1").await, "1", "after {shown}");
        still_answers(&bystander).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_five_megabyte_list_ends_in_an_answer_or_a_limit() {
    let server = TestServer::start().await;
    let (client, bystander) = (server.connect("acme").await, server.connect("globex").await);
    let sql = in_list(5 * 1024 * 1024);
    let query = client.simple_query(&sql);
    tokio::pin!(query);
    // Others are answered while it is planned.
    let outcome = loop {
        tokio::select! {
            outcome = &mut query => break outcome,
            () = tokio::time::sleep(Duration::from_millis(50)) => still_answers(&bystander).await,
        }
    };
    if let Err(error) = outcome {
        let code = error.code().map(|code| code.code().to_owned()).unwrap_or_default();
        assert!(code.starts_with("54") || code.starts_with("53"), "{code}: {error}");
    }
    assert_eq!(value(&client, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_graphs_fail_by_sqlstate() {
    let server = TestServer::start().await;
    let (client, bystander) = (server.connect("acme").await, server.connect("globex").await);
    let many: Vec<String> =
        (0..10_000).map(|n| format!(r#"{{"id":"n{n}","type":"limit","data":{{"config":{{"limit":1}}}}}}"#)).collect();
    let nested = format!("{}{}", "[".repeat(5_000), "]".repeat(5_000));
    let cycle = r#"{"nodes":[{"id":"a","type":"limit","data":{"config":{"limit":1}}},{"id":"b","type":"limit","data":{"config":{"limit":1}}}],
                    "edges":[{"id":"1","source":"a","target":"b"},{"id":"2","source":"b","target":"a"}]}"#;
    let cases = [
        ("10 MB", format!(r#"{{"nodes":[],"edges":[],"x":"{}"}}"#, "y".repeat(10 * 1024 * 1024)), "54000"),
        ("10,000 nodes", format!(r#"{{"nodes":[{}],"edges":[]}}"#, many.join(",")), "54000"),
        ("nesting", format!(r#"{{"nodes":[],"edges":[],"x":{nested}}}"#), "54000"),
        ("cycle", cycle.to_owned(), "22023"),
        ("no JSON", "{".to_owned(), "22P02"),
        ("no target", r#"{"nodes":[],"edges":[]}"#.to_owned(), "22023"),
    ];
    for (name, graph, expected) in &cases {
        let sql = format!("SELECT * FROM workflow_preview('{graph}', 'a')");
        assert_eq!(&sqlstate(&client, &sql).await, expected, "{name}");
        assert_eq!(value(&client, "SELECT 1").await, "1", "after {name}");
        still_answers(&bystander).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_on_the_socket_ends_its_connection_only() {
    let server = TestServer::start().await;
    let bystander = server.connect("globex").await;
    let length = |bytes: u32| bytes.to_be_bytes().to_vec();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("zeros", vec![0; 64]),
        ("a length of 2 GB", [length(0x7fff_ffff), vec![0, 3, 0, 0]].concat()),
        ("a length of 3", length(3)),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n".to_vec()),
        ("a startup without an end", [length(12), vec![0, 3, 0, 0], b"user".to_vec()].concat()),
        ("a truncated startup", [length(100), vec![0, 3, 0, 0]].concat()),
        ("protocol 9", [length(9), vec![0, 9, 0, 0], vec![0]].concat()),
    ];
    for (name, bytes) in cases {
        let mut socket = TcpStream::connect(server.pg()).await.unwrap();
        socket.write_all(&bytes).await.unwrap();
        socket.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), socket.read_to_end(&mut answer)).await;
        assert!(read.is_ok(), "{name}: the connection stays open");
        still_answers(&bystander).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_would_take_hours_is_cancelled_from_another_connection() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let cancel = client.cancel_token();
    let endless = "SELECT count(*) FROM raw_quotes a, raw_quotes b, raw_quotes c WHERE a.bid > b.ask AND b.bid > c.ask";
    let running = client.simple_query(endless);
    let stopper = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(tokio::time::timeout(Duration::from_secs(20), running), stopper);
    let error = outcome.expect("cancel came too late").unwrap_err();
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("57014"));
    assert_eq!(value(&client, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_timeout_ends_a_statement_and_not_the_session() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    client.simple_query("SET statement_timeout = '200ms'").await.unwrap();
    let endless = "SELECT count(*) FROM raw_quotes a, raw_quotes b, raw_quotes c WHERE a.bid > b.ask AND b.bid > c.ask";
    assert_eq!(sqlstate(&client, endless).await, "57014");
    client.simple_query("RESET statement_timeout").await.unwrap();
    assert_eq!(value(&client, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_past_a_limit_of_the_configuration_is_refused_by_name() {
    let server = TestServer::start_with(&[
        ("limits.sessions", "2"),
        ("limits.statement_bytes", "1000"),
        ("limits.statements_per_query", "3"),
        ("limits.preview_rows", "5"),
        ("limits.graph_nodes", "1"),
    ])
    .await;
    let client = server.connect("acme").await;
    let _second = server.connect("acme").await;
    let third = server.try_connect("acme", "acme").await.err().unwrap();
    assert_eq!(third.code().map(tokio_postgres::error::SqlState::code), Some("53300"));

    assert_eq!(sqlstate(&client, &format!("SELECT '{}'", "x".repeat(1000))).await, "54000");
    assert_eq!(sqlstate(&client, "SELECT 1; SELECT 2; SELECT 3; SELECT 4").await, "54000");
    let source = r#"{"id":"a","type":"data_source","data":{"config":{"table":"raw_trades"}}}"#;
    let one = format!(r#"{{"nodes":[{source}],"edges":[]}}"#);
    assert_eq!(sqlstate(&client, &format!("SELECT * FROM workflow_preview('{one}', 'a', 0, 6)")).await, "54000");
    assert_eq!(sqlstate(&client, &format!("SELECT * FROM workflow_preview('{one}', 'a', 0, 5)")).await, "00000");
    let two = format!(r#"{{"nodes":[{source},{{"id":"b","type":"limit","data":{{}}}}],"edges":[]}}"#);
    let error = client.simple_query(&format!("SELECT * FROM workflow_preview('{two}', 'a')")).await.unwrap_err();
    let error = error.as_db_error().unwrap();
    assert_eq!(error.code().code(), "54000");
    assert!(error.message().contains("graph_nodes"), "{}", error.message());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_password_and_unknown_user_look_the_same() {
    let server = TestServer::start().await;
    let told = |error: tokio_postgres::Error| {
        let error = error.as_db_error().unwrap().clone();
        (error.code().code().to_owned(), error.message().to_owned(), error.detail().map(str::to_owned))
    };
    let wrong = told(server.try_connect("acme", "nonsense").await.err().unwrap());
    let unknown = told(server.try_connect("nobody", "nonsense").await.err().unwrap());
    assert_eq!(wrong.0, "28P01");
    assert_eq!(wrong.1.replace("acme", "x"), unknown.1.replace("nobody", "x"));
    assert_eq!((wrong.0, wrong.2), (unknown.0, unknown.2));
}

/// A few bytes of a statement must not take the memory of everybody's queries.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_statement_cannot_ask_for_texts_without_bound() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    for (sql, state) in [
        ("SELECT length(repeat('x', 2000000000))", "54000"),
        ("SELECT length(lpad('x', 1500000000))", "54000"),
        ("SELECT length(replace(repeat('x', 100000), 'x', repeat('y', 100000)))", "54000"),
        ("SELECT max(length(repeat(symbol, 100000))) FROM raw_trades", "53200"),
    ] {
        assert_eq!(sqlstate(&client, sql).await, state, "{sql}");
    }
    assert_eq!(value(&client, "SELECT length(repeat('x', 1000000))").await, "1000000");
}

/// Texts of a few hundred characters whose planning once took hours: each ends, in an answer or in a limit.
#[tokio::test(flavor = "multi_thread")]
async fn short_statements_are_planned_soon() {
    let nested = |open: &str, close: &str| {
        format!("SELECT {}symbol{} FROM raw_trades LIMIT 1", open.repeat(40), close.repeat(40))
    };
    let chain =
        |link: &str, count: usize| format!("SELECT length(symbol){} FROM raw_trades LIMIT 1", link.repeat(count));
    let over_floats = |open: &str, close: &str| {
        let value = format!("{}price::float8{}", open.repeat(25), close.repeat(25));
        format!("SELECT {value}, count(*) FROM marts.fct_trades GROUP BY 1 LIMIT 1")
    };
    let derived = |open: &str, close: &str| {
        let rows = "SELECT price::float8 AS f, quantity::float8 AS g FROM marts.fct_trades";
        format!("{}{rows}{}", open.repeat(25), close.repeat(25))
    };
    let sums = derived("SELECT (f + g) / 2 AS f, (f - g) / 2 AS g FROM (", ") t");
    let cases = [
        (nested("upper(", ")"), "00000"),
        (nested("substring(", " from 1 for 3)"), "00000"),
        (nested("coalesce(", ", 'x')"), "54000"),
        (nested("nullif(", ", 'x')"), "54000"),
        (nested("((", " BETWEEN 'a' AND 'b')::text)"), "54000"),
        (nested("((", " IN ('a', 'b'))::text)"), "54000"),
        (nested("(((", ", 'x') < ('a', 'b'))::text)"), "54000"),
        (nested("(ARRAY[", "])[1]"), "54000"),
        (nested("(SELECT ", ")"), "54000"),
        (nested("CAST(CASE (", ")))"), "42601"),
        (chain("+1", 100), "00000"),
        (chain("/1.0", 60), "00000"),
        (chain("+1", 2_000), "54000"),
        (chain("/1.0", 2_000), "54000"),
        (over_floats("CASE WHEN ", " > 1.5 THEN 1::float8 ELSE 2::float8 END"), "00000"),
        (over_floats("CASE WHEN ", " BETWEEN 1.5 AND 2.5 THEN 1::float8 ELSE 2::float8 END"), "54000"),
        (over_floats("CASE WHEN 1.5::float8 < ", " THEN 1::float8 END"), "00000"),
        (over_floats("1::float8 / (1::float8 + ", ")"), "00000"),
        (over_floats("CASE WHEN ", " IN (1.5, 2.5) THEN NULL::float8 ELSE 2::float8 END"), "54000"),
        (derived("SELECT DISTINCT f, g FROM (", ") t"), "00000"),
        (derived("SELECT f + 1 AS f, g FROM (SELECT DISTINCT f, g FROM (", ") t) u"), "00000"),
        (format!("SELECT f, max(g) OVER (ORDER BY f) AS m FROM ({sums}) w ORDER BY m"), "00000"),
    ];
    let server = TestServer::start().await;
    let (client, bystander) = (server.connect("acme").await, server.connect("globex").await);
    for (sql, expected) in &cases {
        assert_eq!(&sqlstate(&client, sql).await, expected, "{:.90}", sql.replace(" CASE WHEN CASE", ""));
        still_answers(&bystander).await;
    }
}
