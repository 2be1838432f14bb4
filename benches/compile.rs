//! From the JSON of a graph to its plan, and on to the verified statement: a chain of seven nodes (goal 200 µs), and a
//! chain of fifty filters (goal 2 ms).

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;

use chrono::Utc;
use criterion::{Criterion, criterion_group, criterion_main};
use flowforge::base::limits::LimitSet;
use flowforge::base::{RequestClock, SqlType, StoreKind, TableName, TenantId};
use flowforge::catalog::{Column, DEFAULT_SEARCH_PATH, Snapshot, Table, TenantView};
use flowforge::emit::{Dialect, Emitter, emit};
use flowforge::guard::{self, verify};
use flowforge::route::route;
use flowforge::tenancy::{Policy, PolicyBook, Tenant};
use flowforge::workflow::{WorkflowContext, compile, validate};
use serde_json::{Value, json};

/// `flowforge.raw_trades` under the policy of the demo.
fn view() -> TenantView {
    let decimal = |scale| SqlType::Numeric { precision: 18, scale };
    let columns = [
        ("trade_id", SqlType::Text, "String"),
        ("event_time", SqlType::Timestamp, "DateTime64(6, 'UTC')"),
        ("symbol", SqlType::Text, "String"),
        ("side", SqlType::Text, "String"),
        ("quantity", decimal(4), "Decimal(18, 4)"),
        ("price", decimal(6), "Decimal(18, 6)"),
        ("notional", decimal(4), "Decimal(18, 4)"),
    ];
    let column = |(name, sql_type, store_type): (&str, SqlType, &str)| Column {
        name: name.to_owned(),
        store_type: store_type.to_owned(),
        sql_type,
        nullable: false,
    };
    let name = TableName::new("flowforge", "raw_trades");
    let table = Table {
        name: name.clone(),
        store: StoreKind::ClickHouse,
        physical: vec!["flowforge".to_owned(), "raw_trades".to_owned()],
        columns: columns.into_iter().map(column).collect(),
        key: None,
        filters_first: true,
        stale: false,
    };
    let policy = Policy::ListAttribute { column: "symbol".to_owned(), attribute: "symbols".to_owned() };
    let symbols = ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA"].map(str::to_owned).to_vec();
    let Ok(id) = TenantId::new("acme") else { unreachable!("a good name") };
    let tenant = Tenant { id, attributes: BTreeMap::from([("symbols".to_owned(), symbols)]) };
    let policies = Arc::new(PolicyBook::new([(name, policy)]));
    TenantView::new(Arc::new(tenant), Arc::new(Snapshot::new(1, [table], policies)))
}

fn chain(nodes: &[(&str, Value)]) -> String {
    let node = |(place, (kind, config)): (usize, &(&str, Value))| {
        json!({"id": format!("n{place}"), "type": kind, "position": {"x": 120 * place, "y": 80},
               "data": {"label": kind, "nodeType": kind, "config": config}})
    };
    let edge = |place: usize| {
        json!({"id": format!("e{place}"), "source": format!("n{}", place - 1), "target": format!("n{place}"),
               "sourceHandle": null, "targetHandle": null})
    };
    let edges: Vec<Value> = (1..nodes.len()).map(edge).collect();
    json!({"nodes": nodes.iter().enumerate().map(node).collect::<Vec<_>>(), "edges": edges}).to_string()
}

/// Source, two filters, select, sort, limit, output.
fn seven() -> String {
    chain(&[
        ("data_source", json!({"table": "raw_trades"})),
        ("filter", json!({"column": "price", "operator": ">", "value": "100.50"})),
        ("filter", json!({"column": "symbol", "operator": "in", "value": ["AAPL", "MSFT"]})),
        ("select", json!({"columns": ["event_time", "symbol", "side", "price", "quantity"]})),
        ("sort", json!({"sort_by": [{"column": "event_time", "direction": "desc"}]})),
        ("limit", json!({"limit": 100})),
        ("table_output", json!({"title": "Trades", "rows_per_page": 25})),
    ])
}

fn fifty_filters() -> String {
    let filter = |place: usize| match place % 3 {
        0 => ("filter", json!({"column": "price", "operator": ">", "value": place})),
        1 => ("filter", json!({"column": "symbol", "operator": "!=", "value": format!("S{place}")})),
        _ => ("filter", json!({"column": "event_time", "operator": "after", "value": "2024-01-31T10:30"})),
    };
    let mut nodes = vec![("data_source", json!({"table": "raw_trades"}))];
    nodes.extend((0..50).map(filter));
    chain(&nodes)
}

/// The whole way: graph, plan, guard, route, statement, the second look.
fn statement(graph: &str, target: &str, context: &WorkflowContext<'_>) -> Result<String, Box<dyn Error>> {
    let plan = compile(graph, target, context)?.plan;
    let guarded = guard::apply(plan, context.view.tenant())?;
    let routed = route(guarded, &Emitter)?;
    let piece = routed.pieces.first().ok_or("no piece")?;
    let emitted = emit(piece, Dialect::of(piece.store))?;
    Ok(verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements)?.text().to_owned())
}

fn compiling(criterion: &mut Criterion) {
    let view = view();
    let search_path = DEFAULT_SEARCH_PATH.map(str::to_owned);
    let limits = LimitSet::default();
    let now = Utc::now();
    let clock = RequestClock { transaction_start: now, statement_start: now };
    let context = WorkflowContext { view: &view, search_path: &search_path, clock, limits: &limits };
    for (name, graph, target) in [("chain_of_7", seven(), "n6"), ("filters_50", fifty_filters(), "n50")] {
        criterion.bench_function(&format!("graph_to_plan/{name}"), |bencher| {
            bencher.iter(|| black_box(compile(black_box(&graph), target, &context)).is_ok());
        });
        let emitted = statement(&graph, target, &context);
        assert!(matches!(&emitted, Ok(sql) if sql.starts_with("SELECT")), "{emitted:?}");
        criterion.bench_function(&format!("graph_to_statement/{name}"), |bencher| {
            bencher.iter(|| black_box(statement(black_box(&graph), target, &context)).is_ok());
        });
        criterion.bench_function(&format!("validate/{name}"), |bencher| {
            bencher.iter(|| black_box(validate(black_box(&graph), &context)).is_ok());
        });
    }
}

criterion_group!(benches, compiling);
criterion_main!(benches);
