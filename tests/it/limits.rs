//! Every limit of `base/limits.rs`: a value at the limit passes, one past it is refused by name.
//!
//! A limit without a case here fails the test. What SQL cannot reach names the test that does it.

use std::path::Path;

use flowforge::base::limits;
use tokio_postgres::Client;

use crate::support::{TestServer, sqlstate};

/// How a limit is tested.
enum Case {
    /// With this value in force the first text passes and the second fails with the SQLSTATE.
    Sql(usize, String, String, &'static str),
    /// The test of that name in that file does it.
    Test(&'static str, &'static str),
    /// Nothing reads it yet; whoever does must add a case.
    Unused,
}

fn sql(value: usize, passes: impl Into<String>, fails: impl Into<String>, state: &'static str) -> Case {
    Case::Sql(value, passes.into(), fails.into(), state)
}

fn preview(rows: usize) -> String {
    let source = r#"{"id":"a","type":"data_source","data":{"config":{"table":"raw_trades"}}}"#;
    format!(r#"SELECT * FROM workflow_preview('{{"nodes":[{source}],"edges":[]}}', 'a', 0, {rows})"#)
}

fn case(name: &str) -> Case {
    const GRAPHS: &str = "src/workflow/tests/problems.rs";
    const GRAPH_TEXT: &str = "src/workflow/json.rs";
    const LIVE: &str = "tests/it/live.rs";
    const WIRE: &str = "tests/it/wire/behaviour.rs";
    const HERE: &str = "tests/it/limits.rs";
    let nested = |depth: usize| format!("SELECT {}1{}", "(".repeat(depth), ")".repeat(depth));
    let coalesced = |depth: usize| format!("SELECT {}1{}", "coalesce(".repeat(depth), ", 1)".repeat(depth));
    let cursors = |count: usize| {
        let declare = |n| format!("DECLARE c{n} CURSOR FOR SELECT n FROM generate_series(1, 100) AS t(n);");
        (1..=count).map(declare).collect::<String>()
    };
    match name {
        "tenant_id_bytes" | "identifier_bytes" => Case::Test("src/base/ids.rs", "names_end_at_their_limits"),
        "statement_bytes" => {
            sql(100, format!("SELECT '{}'", "x".repeat(91)), format!("SELECT '{}'", "x".repeat(92)), "54000")
        }
        "statement_depth" => sql(5, nested(5), nested(6), "54001"),
        "statement_chain" => {
            let ored = |count: usize| format!("SELECT true{}", " OR true".repeat(count));
            sql(5, ored(5), ored(6), "54000")
        }
        "operator_chain" => {
            sql(5, format!("SELECT 1{}", "+1".repeat(5)), format!("SELECT 1{}", "+1".repeat(6)), "54000")
        }
        "plan_expansion" => sql(103, coalesced(6), coalesced(7), "54000"),
        "statement_tokens" => sql(3, "SELECT 1", "SELECT 1 ", "54000"),
        "statements_per_query" => sql(3, "SELECT 1;SELECT 2;SELECT 3", "SELECT 1;SELECT 2;SELECT 3;SELECT 4", "54000"),
        "generated_rows" => {
            sql(10, "SELECT * FROM generate_series(1, 10)", "SELECT * FROM generate_series(1, 11)", "54000")
        }
        "redis_scan_keys" => Case::Test("tests/it/engines.rs", "a_scan_of_redis_ends_at_its_limit"),
        "join_keys" | "join_side_bytes" | "join_filter_bytes" => {
            Case::Test("tests/it/keys.rs", "past_a_limit_the_other_side_is_read_whole")
        }
        "catalog_lookup_pause_ms" => Case::Test("tests/it/registry.rs", "lookups_keep_their_pause"),
        "catalog_view_bytes" => {
            Case::Test("src/engine/memory_tests.rs", "a_view_past_its_limit_is_neither_kept_nor_read")
        }
        "parameters" => sql(
            3,
            "PREPARE p AS SELECT $1::int, $2::int, $3::int",
            "PREPARE q AS SELECT $1::int, $2::int, $3::int, $4::int",
            "54000",
        ),
        "result_columns" => sql(3, "SELECT 1, 2, 3", "SELECT 1, 2, 3, 4", "54011"),
        "prepared_statements" => {
            sql(2, "PREPARE a AS SELECT 1; PREPARE b AS SELECT 1", "PREPARE c AS SELECT 1", "54000")
        }
        "portals" => sql(2, cursors(2), cursors(3), "54000"),
        "suspended_portals" => {
            let two = cursors(2);
            sql(1, format!("{two} FETCH 1 FROM c1"), format!("{two} FETCH 1 FROM c1; FETCH 1 FROM c2"), "54000")
        }
        "cursor_history_bytes" => {
            let declare = "DECLARE c SCROLL CURSOR FOR SELECT n::int8 FROM generate_series(1, 100) AS t(n);";
            sql(80, format!("{declare} FETCH 10 FROM c"), format!("{declare} FETCH 11 FROM c"), "54000")
        }
        "savepoints" => {
            sql(2, "BEGIN; SAVEPOINT a; SAVEPOINT b; COMMIT", "BEGIN; SAVEPOINT a; SAVEPOINT b; SAVEPOINT c", "54000")
        }
        "preview_rows" => sql(5, preview(5), preview(6), "54000"),
        "graph_nodes" => {
            Case::Test("tests/it/robustness.rs", "one_past_a_limit_of_the_configuration_is_refused_by_name")
        }
        "graph_bytes" => Case::Test(GRAPH_TEXT, "every_limit_is_54000_one_past_it"),
        "graph_edges" | "graph_depth" | "graph_tree_nodes" | "node_columns" | "json_depth" => {
            Case::Test(GRAPHS, "limits_are_told_by_their_names")
        }
        "preview_default_rows" | "preview_timeout_ms" => Case::Test(HERE, "a_preview_ends_at_its_rows_and_at_its_time"),
        "sessions" | "sessions_per_tenant" => Case::Test(HERE, "one_session_too_many_is_told_by_name"),
        "queries_per_tenant" => Case::Test("tests/it/sessions.rs", "a_suspended_portal_takes_nobodys_place"),
        "client_write_seconds" => Case::Test(WIRE, "a_client_that_never_reads_is_cut_off"),
        "token_bytes" => Case::Test(WIRE, "a_token_past_its_limit_is_refused"),
        "frontend_message_bytes" => Case::Test(WIRE, "a_message_past_its_limit_is_refused_while_it_is_being_sent"),
        "startup_message_bytes" => Case::Test(WIRE, "a_startup_message_past_its_limit_is_refused"),
        "authentication_seconds" => Case::Test(WIRE, "who_does_not_log_in_is_put_out"),
        "row_buffer_bytes" => Case::Test(WIRE, "a_client_that_does_not_read_slows_only_its_own_query"),
        "query_memory_bytes" | "query_memory_per_tenant_bytes" => {
            Case::Test("src/stores/local/tests.rs", "a_query_that_needs_too_much_memory_fails_alone")
        }
        "embedded_table_rows" => Case::Test("src/demo/tests.rs", "memory_stays_bounded_while_days_pass"),
        "websocket_connections" | "websocket_connections_per_tenant" | "channels_per_connection" => {
            Case::Test(LIVE, "one_past_the_limits_of_connections_and_channels_is_refused")
        }
        "websocket_message_bytes" => Case::Test(LIVE, "a_message_that_is_too_long_closes_with_1009"),
        "websocket_authentication_seconds" => Case::Test(LIVE, "without_a_good_token_it_closes_with_4001"),
        "websocket_queue_messages" => {
            Case::Test("src/live/outbox.rs", "one_message_past_the_limit_ends_the_connection")
        }
        "websocket_queue_bytes" => Case::Test("src/live/outbox.rs", "one_byte_past_the_limit_ends_the_connection"),
        "channel_history_messages" | "channel_history_bytes" | "channel_history_seconds" => {
            Case::Test("src/live/channels_tests.rs", "what_is_past_a_limit_of_the_history_is_forgotten")
        }
        "retired_channels" => Case::Test("src/live/channels_tests.rs", "too_many_closed_channels_begin_a_new_epoch"),
        "formula_bytes" | "formula_depth" => Case::Unused,
        other => panic!("the limit {other} has no case: add one"),
    }
}

async fn refused(client: &Client, text: &str, state: &str, name: &str) {
    let error = client.simple_query(text).await.expect_err(name);
    let report = error.as_db_error().unwrap_or_else(|| panic!("{name}: {error:?}"));
    assert_eq!(report.code().code(), state, "{name}: {text}: {report:?}");
    let told = format!("{} {}", report.message(), report.detail().unwrap_or_default());
    assert!(told.contains(name), "{name} is not named: {told}");
}

fn read(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap_or_default()
}

/// A test with its body, up to the bracket that closes it on its own column.
fn body<'a>(source: &'a str, test: &str) -> Option<&'a str> {
    let start = source.find(&format!("fn {test}("))?;
    let indent = source[..start].rsplit('\n').next()?.len() - source[..start].rsplit('\n').next()?.trim_start().len();
    let end = source[start..].find(&format!("\n{}}}\n", " ".repeat(indent)))?;
    Some(&source[start..start + end])
}

fn sources(folder: &Path) -> String {
    let mut all = String::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            all.push_str(&sources(&path));
        } else if !path.ends_with("base/limits.rs") {
            all.push_str(&std::fs::read_to_string(&path).unwrap_or_default());
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn every_limit_holds_at_its_value_and_one_past_it() {
    for limit in limits::ALL {
        match case(limit.name) {
            Case::Sql(value, passes, fails, state) => {
                let server =
                    TestServer::start_with(&[(&format!("limits.{}", limit.name), value.to_string().as_str())]).await;
                let client = server.connect("acme").await;
                assert_eq!(sqlstate(&client, &passes).await, "00000", "{}: {passes}", limit.name);
                refused(&client, &fails, state, limit.name).await;
            }
            Case::Test(file, test) => {
                let source = read(file);
                let body = body(&source, test).unwrap_or_else(|| panic!("{}: {file} has no test {test}", limit.name));
                let constant = limit.name.to_uppercase();
                let names_it = body.contains(limit.name) || body.contains(&constant);
                assert!(names_it, "{}: {test} in {file} does not name the limit that it is to go past", limit.name);
                assert!(body.contains("assert"), "{}: {test} in {file} asserts nothing", limit.name);
            }
            Case::Unused => {
                let constant = limit.name.to_uppercase();
                let source = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
                assert!(!source.contains(&constant), "{} is used now: give it a case", limit.name);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_session_too_many_is_told_by_name() {
    for (limit, others) in [("sessions", "globex"), ("sessions_per_tenant", "acme")] {
        let server = TestServer::start_with(&[(&format!("limits.{limit}"), "2")]).await;
        let _held = (server.connect("acme").await, server.connect(others).await);
        let error = server.try_connect("acme", "acme").await.err().unwrap();
        let report = error.as_db_error().unwrap();
        assert_eq!((report.code().code(), report.message()), ("53300", "sorry, too many clients already"));
        assert_eq!(report.detail(), Some(format!("limit {limit} exceeded").as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_ends_at_its_rows_and_at_its_time() {
    let graph = r#"{"nodes":[{"id":"a","type":"data_source","data":{"config":{"table":"raw_quotes"}}}],"edges":[]}"#;
    let server = TestServer::start_with(&[("limits.preview_default_rows", "3")]).await;
    let client = server.connect("acme").await;
    let rows = crate::support::rows(&client, &format!("SELECT * FROM workflow_preview('{graph}', 'a')")).await.unwrap();
    assert_eq!(rows.len(), 3);
    let server = TestServer::start_with(&[("limits.preview_timeout_ms", "1")]).await;
    let client = server.connect("acme").await;
    let slow = format!(
        "SELECT count(*) FROM workflow_preview('{graph}', 'a') p, raw_quotes a, raw_quotes b WHERE a.bid > b.ask"
    );
    assert_eq!(sqlstate(&client, &slow).await, "57014");
}
