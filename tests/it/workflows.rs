//! The workflow calls through the wire.

use serde_json::{Value, json};

use crate::support::{TestServer, rows, sqlstate, value};

fn graph() -> Value {
    json!({
        "nodes": [
            {"id": "n1", "type": "data_source", "data": {"config": {"table": "raw_trades"}}},
            {"id": "n2", "type": "filter", "data": {"config": {"column": "side", "operator": "=", "value": "BUY"}}},
            {"id": "n3", "type": "select", "data": {"config": {"columns": ["symbol", "price", "quantity"]}}},
            {"id": "n4", "type": "sort", "data": {"config": {"sort_by": [{"column": "price", "direction": "desc"},
                                                                      {"column": "quantity", "direction": "asc"}]}}},
            {"id": "n5", "type": "limit", "data": {"config": {"limit": 7, "offset": 2}}},
            {"id": "n6", "type": "table_output", "data": {"config": {"title": "Trades"}}}
        ],
        "edges": (1..6).map(|n| json!({"id": format!("e{n}"), "source": format!("n{n}"), "target": format!("n{}", n + 1)}))
                       .collect::<Vec<_>>()
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_gives_the_rows_that_the_graph_means() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let graph = graph();
    let by_graph = rows(&client, &format!("SELECT * FROM workflow_preview('{graph}', 'n6')")).await.unwrap();
    let by_sql = rows(
        &client,
        "SELECT symbol, price, quantity FROM raw_trades WHERE side = 'BUY' ORDER BY price DESC, quantity LIMIT 7 OFFSET 2",
    )
    .await
    .unwrap();
    assert_eq!(by_graph.len(), 7);
    assert_eq!(by_graph, by_sql);

    let page = rows(&client, &format!("SELECT * FROM workflow_preview('{graph}', 'n6', 2, 3)")).await.unwrap();
    assert_eq!(page, by_sql[2..5]);
    let all = value(&client, &format!("SELECT count(*) FROM workflow_preview('{graph}', 'n2')")).await;
    assert_eq!(all, "100", "a preview has 100 rows when it does not say");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_is_joined_by_the_names_of_its_columns() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let preview = format!("workflow_preview('{}', 'n6')", graph());
    let counts = [
        format!("SELECT count(*) FROM {preview} p JOIN dim_instruments i USING (symbol) WHERE symbol > 'A'"),
        format!("SELECT count(*) FROM dim_instruments i RIGHT JOIN {preview} p USING (symbol) WHERE symbol > 'A'"),
        format!(
            "SELECT count(*) FROM {preview} p JOIN dim_instruments i USING (symbol) JOIN live_quotes q USING (symbol) \
             WHERE symbol || i.sector > 'A'"
        ),
        format!(
            "SELECT count(*) FROM (SELECT symbol FROM {preview}) a WHERE EXISTS \
             (SELECT 1 FROM {preview} p JOIN dim_instruments i USING (symbol) WHERE symbol = a.symbol)"
        ),
    ];
    for sql in counts {
        assert_eq!(value(&client, &sql).await, "7", "{sql}");
    }
    let sql = format!(
        "SELECT symbol FROM {preview} p LEFT JOIN dim_instruments i USING (symbol) GROUP BY symbol ORDER BY symbol || ''"
    );
    assert!(!rows(&client, &sql).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_linear_run_is_one_guarded_statement() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let sql =
        format!("SELECT segment, store, dialect, sql, node_ids, \"limit\" FROM workflow_compile('{}', 'n6')", graph());
    let found = rows(&client, &sql).await.unwrap();
    assert_eq!(found.len(), 1);
    let text = |index: usize| found[0][index].clone().unwrap();
    assert_eq!((text(0).as_str(), text(1).as_str(), text(2).as_str()), ("0", "clickhouse", "clickhouse"));
    assert_eq!(text(3).matches("SELECT").count(), 1, "{}", text(3));
    assert!(text(3).contains("IN ('AAPL', 'MSFT', 'GOOGL', 'AMZN', 'NVDA')"), "{}", text(3));
    assert_eq!(text(4), "{n1,n2,n3,n4,n5,n6}");
    assert_eq!(text(5), "7");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_columns_of_a_graph_in_a_parameter_are_not_known_before_it_has_a_value() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    // The driver describes the statement before it binds: the columns cannot be known then. What a client that asks at the
    // portal gets stands in `tests/wire/server/workflow.wire`.
    let error = client.prepare("SELECT * FROM workflow_preview($1, 'n6')").await.err().unwrap();
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("0A000"));
    assert!(error.as_db_error().unwrap().hint().unwrap().contains("portal"));
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_and_columns_are_rows() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let mut broken = graph();
    broken["nodes"][0]["data"]["config"]["table"] = json!("raw_trade");
    broken["nodes"][1]["data"]["config"]["opertor"] = json!("=");
    let problems =
        rows(&client, &format!("SELECT node_id, severity, code FROM workflow_validate('{broken}') ORDER BY 1")).await;
    let problems = problems.unwrap();
    let has = |node: &str, severity: &str, code: &str| {
        problems.iter().any(|row| {
            let cell = |index: usize| row[index].as_deref().unwrap_or_default();
            (cell(0), cell(1), cell(2)) == (node, severity, code)
        })
    };
    assert!(has("n1", "error", "unknown_table"), "{problems:?}");
    assert!(has("n2", "warning", "unknown_key"), "{problems:?}");
    assert_eq!(sqlstate(&client, &format!("SELECT * FROM workflow_preview('{broken}', 'n6')")).await, "42P01");

    let columns = rows(
        &client,
        &format!("SELECT name, dtype, nullable, sql_type FROM workflow_schema('{}', 'n4') ORDER BY ordinal", graph()),
    )
    .await
    .unwrap();
    let cells: Vec<Vec<&str>> =
        columns.iter().map(|row| row.iter().map(|cell| cell.as_deref().unwrap_or_default()).collect()).collect();
    assert_eq!(cells[0], ["symbol", "string", "f", "text"]);
    assert_eq!(cells[1], ["price", "float64", "f", "numeric(18,6)"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn relative_times_are_read_at_every_run() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let graph = json!({
        "nodes": [
            {"id": "a", "type": "data_source", "data": {"config": {"table": "raw_trades"}}},
            {"id": "b", "type": "filter", "data": {"config": {"column": "event_time", "operator": "after", "value": "-7d"}}}
        ],
        "edges": [{"id": "e", "source": "a", "target": "b"}]
    });
    let plan = |sql: String| {
        let client = &client;
        async move { rows(client, &sql).await.unwrap() }
    };
    let sql = format!("SELECT sql FROM workflow_compile('{graph}', 'b')");
    let first = plan(sql.clone()).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_ne!(first, plan(sql).await, "seven days before now is later now");
}
