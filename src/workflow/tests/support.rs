//! A small catalog, graphs as short texts, and running a plan over rows in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray, TimestampMicrosecondArray,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::ConfigOptions;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::Analyzer;
use datafusion::prelude::SessionContext;
use serde_json::{Value, json};

use crate::base::limits::LimitSet;
use crate::base::{RequestClock, SqlType, StoreKind, TableName, TenantId};
use crate::catalog::{Column, DEFAULT_SEARCH_PATH, Snapshot, Table, TableLeaf, TenantView};
use crate::tenancy::{Policy, PolicyBook, Tenant};
use crate::workflow::{CompiledWorkflow, Problem, WorkflowContext, WorkflowError, compile, validate};

/// The columns of `flowforge.t`.
pub fn columns_of_t() -> Vec<(&'static str, SqlType, bool)> {
    vec![
        ("id", SqlType::Int8, false),
        ("n", SqlType::Int4, true),
        ("price", SqlType::Numeric { precision: 18, scale: 4 }, true),
        ("name", SqlType::Text, true),
        ("flag", SqlType::Bool, true),
        ("day", SqlType::Date, true),
        ("at", SqlType::Timestamp, true),
        ("ts", SqlType::Timestamptz, true),
        ("f", SqlType::Float8, true),
        ("extra", SqlType::Jsonb, true),
    ]
}

fn table(name: &str, store: StoreKind, physical: &[&str], columns: Vec<(&str, SqlType, bool)>) -> Table {
    let column = |(name, sql_type, nullable): (&str, SqlType, bool)| Column {
        name: name.to_owned(),
        store_type: sql_type.name(),
        sql_type,
        nullable,
    };
    Table {
        name: TableName::parse(name).unwrap(),
        store,
        physical: physical.iter().map(ToString::to_string).collect(),
        columns: columns.into_iter().map(column).collect(),
        key: None,
        filters_first: false,
        stale: false,
    }
}

/// The view of a tenant over a few tables.
pub fn view() -> TenantView {
    view_without(BTreeMap::new())
}

/// The same while some stores have never answered, which would have `latest.awaited`.
pub fn view_without(unreached: BTreeMap<StoreKind, String>) -> TenantView {
    let one = || vec![("symbol", SqlType::Text, false), ("v", SqlType::Float8, true)];
    let wide: Vec<(String, SqlType, bool)> = (0..200).map(|i| (format!("c{i}"), SqlType::Int4, true)).collect();
    let wide = wide.iter().map(|(name, sql_type, nullable)| (name.as_str(), sql_type.clone(), *nullable)).collect();
    let tables = vec![
        table("flowforge.t", StoreKind::ClickHouse, &["flowforge", "t"], columns_of_t()),
        table("metrics.twice", StoreKind::ClickHouse, &["metrics", "twice"], one()),
        table("materialize.twice", StoreKind::Materialize, &["materialize", "twice"], one()),
        table("latest.vwap", StoreKind::Redis, &["latest:vwap:*"], one()),
        table("elsewhere.far", StoreKind::ClickHouse, &["elsewhere", "far"], one()),
        table("marts.wide", StoreKind::ClickHouse, &["marts", "wide"], wide),
        table("marts.hidden", StoreKind::ClickHouse, &["marts", "hidden"], one()),
    ];
    let visible = tables.iter().map(|table| table.name.clone()).filter(|name| name.table != "hidden");
    let awaited = TableName::parse("latest.awaited").unwrap();
    let shared = visible.chain([awaited]).map(|name| (name, Policy::Shared));
    let policies = Arc::new(PolicyBook::new(shared.collect::<Vec<_>>()));
    let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes: BTreeMap::new() };
    TenantView::new(Arc::new(tenant), Arc::new(Snapshot::new(1, tables, policies).with_unreached(unreached)))
}

/// 2024-03-31 10:20:30 UTC.
pub fn now() -> DateTime<Utc> {
    DateTime::parse_from_rfc3339("2024-03-31T10:20:30Z").unwrap().with_timezone(&Utc)
}

/// Calls with a context over the view.
pub fn with_context<T>(limits: &LimitSet, call: impl FnOnce(&WorkflowContext<'_>) -> T) -> T {
    with_view(&view(), limits, call)
}

/// Calls with a context over a view.
pub fn with_view<T>(view: &TenantView, limits: &LimitSet, call: impl FnOnce(&WorkflowContext<'_>) -> T) -> T {
    let search_path: Vec<String> = DEFAULT_SEARCH_PATH.iter().map(ToString::to_string).collect();
    let clock = RequestClock { transaction_start: now(), statement_start: now() };
    call(&WorkflowContext { view, search_path: &search_path, clock, limits })
}

pub fn compiled(graph: &Value, target: &str) -> Result<CompiledWorkflow, WorkflowError> {
    with_context(&LimitSet::default(), |context| compile(&graph.to_string(), target, context))
}

pub fn problems(graph: &Value) -> Vec<Problem> {
    with_context(&LimitSet::default(), |context| validate(&graph.to_string(), context).unwrap())
}

/// A node with the canvas's trimmings.
pub fn node(id: &str, kind: &str, config: &Value) -> Value {
    json!({"id": id, "type": kind, "position": {"x": 1, "y": 2}, "data": {"label": id, "nodeType": kind, "config": config}})
}

/// A chain: `t` as `n0`, then the given nodes as `n1`, `n2` …
pub fn chain(nodes: &[(&str, Value)]) -> Value {
    let mut all = vec![node("n0", "data_source", &json!({"table": "t"}))];
    all.extend(nodes.iter().enumerate().map(|(i, (kind, config))| node(&format!("n{}", i + 1), kind, config)));
    let edge = |i: usize| json!({"id": format!("e{i}"), "source": format!("n{i}"), "target": format!("n{}", i + 1)});
    json!({"nodes": all, "edges": (0..nodes.len()).map(edge).collect::<Vec<_>>()})
}

pub fn last(nodes: &[(&str, Value)]) -> String {
    format!("n{}", nodes.len())
}

fn moment(text: &str) -> i64 {
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap().and_utc().timestamp_micros()
}

fn day(text: &str) -> i32 {
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").unwrap();
    i32::try_from((date - NaiveDate::default()).num_days()).unwrap()
}

/// Eight rows with NULLs, duplicates and awkward texts.
pub fn small_rows() -> RecordBatch {
    let days = [
        Some("2024-01-01"),
        Some("2024-01-02"),
        None,
        Some("2024-02-29"),
        Some("2024-03-30"),
        Some("2024-03-31"),
        Some("2024-03-31"),
        Some("2025-01-01"),
    ];
    let times = [
        Some("2024-01-01 10:00:00"),
        Some("2024-01-02 11:30:15.5"),
        None,
        Some("2024-02-29 23:59:59.999999"),
        Some("2024-03-30 10:20:30"),
        Some("2024-03-31 10:20:29"),
        Some("2024-03-31 10:20:31"),
        Some("2025-01-01 00:00:00"),
    ];
    let times: Vec<Option<i64>> = times.iter().map(|time| time.map(moment)).collect();
    let prices = [
        Some(15_000_i128),
        Some(22_500),
        None,
        Some(1),
        Some(1_000_000_000),
        Some(15_000),
        Some(-30_000),
        Some(12_346),
    ];
    let names =
        [Some("apple"), Some("Apple%"), None, Some("50% off"), Some("a_b"), Some("aXb"), Some(""), Some("back\\slash")];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter_values(1..=8)),
        Arc::new(Int32Array::from(vec![Some(10), Some(20), None, Some(-5), Some(20), Some(0), Some(7), Some(100)])),
        Arc::new(Decimal128Array::from(prices.to_vec()).with_precision_and_scale(18, 4).unwrap()),
        Arc::new(StringArray::from(names.to_vec())),
        Arc::new(BooleanArray::from(vec![
            Some(true),
            Some(false),
            None,
            Some(true),
            Some(false),
            Some(true),
            None,
            Some(false),
        ])),
        Arc::new(Date32Array::from(days.iter().map(|text| text.map(day)).collect::<Vec<_>>())),
        Arc::new(TimestampMicrosecondArray::from(times.clone())),
        Arc::new(TimestampMicrosecondArray::from(times).with_timezone("+00:00")),
        Arc::new(Float64Array::from(vec![
            Some(0.5),
            Some(1.5),
            None,
            None,
            Some(-1.0),
            Some(2.0),
            Some(0.5),
            Some(1e9),
        ])),
        datafusion::arrow::array::new_null_array(&SqlType::Jsonb.arrow(), 8),
    ];
    batch_of_t(arrays)
}

/// Rows of `flowforge.t`.
pub fn batch_of_t(arrays: Vec<ArrayRef>) -> RecordBatch {
    let view = view();
    let leaf = view.leaf(&TableName::new("flowforge", "t")).unwrap();
    RecordBatch::try_new(leaf.table().schema(), arrays).unwrap()
}

/// Runs a plan over `t` and gives its rows as texts.
pub fn run(plan: &LogicalPlan, rows: &RecordBatch) -> Vec<Vec<String>> {
    let table = Arc::new(MemTable::try_new(rows.schema(), vec![vec![rows.clone()]]).unwrap());
    let with_rows = plan.clone().transform_up(|node| match node {
        LogicalPlan::TableScan(mut scan) if TableLeaf::of(&scan.source).is_some() => {
            scan.source = provider_as_source(Arc::clone(&table) as _);
            Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
        }
        other => Ok(Transformed::no(other)),
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let batches = runtime.block_on(async {
        let session = SessionContext::new();
        session.execute_logical_plan(with_rows.unwrap().data).await.unwrap().collect().await.unwrap()
    });
    batches.iter().flat_map(texts).collect()
}

fn texts(batch: &RecordBatch) -> Vec<Vec<String>> {
    let options = FormatOptions::default().with_null("NULL");
    let formats: Vec<_> =
        batch.columns().iter().map(|array| ArrayFormatter::try_new(array.as_ref(), &options).unwrap()).collect();
    (0..batch.num_rows()).map(|row| formats.iter().map(|format| format.value(row).to_string()).collect()).collect()
}

/// The plan is typed already: the analyzer has nothing to add to it.
pub fn assert_typed(plan: &LogicalPlan) {
    let analyzed = Analyzer::new().execute_and_check(plan.clone(), &ConfigOptions::default(), |_, _| {}).unwrap();
    assert_eq!(plan.display_indent_schema().to_string(), analyzed.display_indent_schema().to_string());
}

/// The ids of the rows that a chain over the small table gives, in their order.
pub fn ids(nodes: &[(&str, Value)]) -> Result<Vec<String>, WorkflowError> {
    let compiled = compiled(&chain(nodes), &last(nodes))?;
    assert_typed(&compiled.plan);
    let place = compiled.columns.find("id").unwrap();
    Ok(run(&compiled.plan, &small_rows()).into_iter().map(|mut row| row.swap_remove(place)).collect())
}

/// How often each node of the plan stands in it.
pub fn shape(plan: &LogicalPlan) -> String {
    let text = plan.display_indent().to_string();
    let words = text.lines().map(|line| line.trim().split([':', ' ']).next().unwrap_or_default());
    words.collect::<Vec<_>>().join(" ")
}

/// Problems as `code node port`, for comparing.
pub fn codes(graph: &Value) -> Vec<String> {
    let text = |problem: &Problem| {
        let parts = [Some(problem.code.name()), problem.node_id.as_deref(), problem.port.as_deref()];
        let severity = if problem.is_error() { "" } else { " (warning)" };
        format!("{}{severity}", parts.into_iter().flatten().collect::<Vec<_>>().join(" "))
    };
    problems(graph).iter().map(text).collect()
}
