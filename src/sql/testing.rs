//! A small catalog with rows, for the tests of this folder.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{TimeZone, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::common::ScalarValue;
use datafusion::common::tree_node::Transformed;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::execution::context::SessionContext;
use datafusion::logical_expr::LogicalPlan;

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, RequestClock, SqlType, StoreKind, TableName, TenantId, engine_error};
use crate::catalog::{Column, RowsLeaf, Snapshot, Table, TableLeaf, TenantView};
use crate::functions::{self, FunctionRegistry};
use crate::tenancy::{Policy, PolicyBook, Tenant};

use super::plan::{PlanContext, PlannedQuery, SqlError, TableFunctions, plan_query};
use super::statement::{StatementKind, parse};

struct NoTableFunctions;

impl TableFunctions for NoTableFunctions {
    fn expand(&self, _name: &str, _arguments: &[Option<ScalarValue>]) -> Option<Result<LogicalPlan, ErrorReport>> {
        None
    }

    fn knows(&self, _name: &str) -> bool {
        false
    }
}

fn column(name: &str, sql_type: SqlType) -> Column {
    Column { name: name.into(), sql_type, nullable: true, store_type: String::new() }
}

fn table(schema: &str, name: &str, physical: &[&str], columns: Vec<Column>) -> Table {
    Table {
        name: TableName::new(schema, name),
        store: StoreKind::ClickHouse,
        physical: physical.iter().map(|part| (*part).to_owned()).collect(),
        columns,
        key: None,
        filters_first: false,
        stale: false,
    }
}

/// Tables `marts.t` (one column of every type, three rows, the last all NULL) and `latest.vwap`.
pub(super) fn view() -> TenantView {
    let columns = vec![
        column("id", SqlType::Int4),
        column("small", SqlType::Int2),
        column("big", SqlType::Int8),
        column("price", SqlType::Numeric { precision: 18, scale: 6 }),
        column("ratio", SqlType::Float8),
        column("name", SqlType::Text),
        column("flag", SqlType::Bool),
        column("day", SqlType::Date),
        column("at", SqlType::Timestamp),
        column("seen", SqlType::Timestamptz),
    ];
    let latest = vec![column("symbol", SqlType::Text), column("vwap", SqlType::Float8)];
    let tables = [table("marts", "t", &["marts", "t"], columns), table("latest", "vwap", &["latest:vwap:*"], latest)];
    let policies = tables.iter().map(|table| (table.name.clone(), Policy::Shared));
    let policies = Arc::new(PolicyBook::new(policies));
    let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes: BTreeMap::new() };
    TenantView::new(Arc::new(tenant), Arc::new(Snapshot::new(1, tables, policies)))
}

fn rows_of(leaf: &TableLeaf) -> RecordBatch {
    let values: &[[&str; 10]] = &[
        [
            "1",
            "10",
            "100",
            "1.500000",
            "0.5",
            "apple",
            "true",
            "2024-01-31",
            "2024-01-31 10:20:30.123456",
            "2024-01-31 10:20:30Z",
        ],
        [
            "2",
            "20",
            "5000000000",
            "2.250000",
            "1.25",
            "Banana",
            "false",
            "2024-02-29",
            "2024-02-29 00:00:00",
            "2024-02-29 23:59:59Z",
        ],
    ];
    let schema = datafusion::logical_expr::TableSource::schema(leaf);
    let columns = schema.fields().iter().enumerate().map(|(index, field)| {
        let cells = values.iter().map(|row| Some(row[index])).chain([None]);
        let text = datafusion::arrow::array::StringArray::from_iter(cells);
        datafusion::arrow::compute::cast(&text, field.data_type()).unwrap()
    });
    RecordBatch::try_new(Arc::clone(&schema), columns.collect()).unwrap()
}

pub(super) fn plan_with(sql: &str, declared: &[Option<SqlType>]) -> Result<PlannedQuery, SqlError> {
    let limits = LimitSet::default();
    let view = view();
    let functions = FunctionRegistry::standard();
    let path: Vec<String> = ["marts", "latest"].map(str::to_owned).to_vec();
    let context = PlanContext {
        view: &view,
        search_path: &path,
        functions: &functions,
        table_functions: &NoTableFunctions,
        limits: &limits,
        user: "acme",
        database: "flowforge",
        time_zone: "UTC",
        settings: std::sync::Arc::new(crate::catalog::system::NoSettings),
        session_id: 7,
        declared_types: declared,
        parameter_values: None,
    };
    let kind = parse(sql, &limits)?.remove(0).kind;
    let StatementKind::Query(query) = kind else { panic!("no query: {sql}") };
    plan_query(&query, &context)
}

pub(super) fn plan(sql: &str) -> PlannedQuery {
    plan_with(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
}

pub(super) fn fails(sql: &str) -> ErrorReport {
    match plan_with(sql, &[]) {
        Err(error) => error.0,
        Ok(planned) => match run_plan(&planned.plan, &[]) {
            Err(report) => report,
            Ok(batches) => panic!("{sql} gave {}", pretty_format_batches(&batches).unwrap()),
        },
    }
}

pub(super) fn clock() -> RequestClock {
    let start = Utc.with_ymd_and_hms(2024, 5, 6, 7, 8, 9).unwrap();
    RequestClock { transaction_start: start, statement_start: start + chrono::Duration::seconds(1) }
}

pub(super) fn run_plan(plan: &LogicalPlan, values: &[ScalarValue]) -> Result<Vec<RecordBatch>, ErrorReport> {
    let bound = functions::bind(plan, values, clock())?;
    let with_rows = bound
        .transform_up_with_subqueries(|node| match node {
            LogicalPlan::TableScan(mut scan) => {
                let batch = if let Some(leaf) = TableLeaf::of(&scan.source) {
                    rows_of(leaf)
                } else if let Some(leaf) = RowsLeaf::of(&scan.source) {
                    leaf.rows().clone()
                } else {
                    return Ok(Transformed::no(LogicalPlan::TableScan(scan)));
                };
                let table = MemTable::try_new(batch.schema(), vec![vec![batch]])?;
                scan.source = provider_as_source(Arc::new(table));
                Ok(Transformed::yes(LogicalPlan::TableScan(scan)))
            }
            other => Ok(Transformed::no(other)),
        })
        .unwrap()
        .data;
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime
        .block_on(async { SessionContext::new().execute_logical_plan(with_rows).await?.collect().await })
        .map_err(|error| engine_error::report(&error))
}

/// The rows as text, `|` between cells, one line a row.
pub(super) fn rows_with(sql: &str, values: &[ScalarValue]) -> String {
    let planned = plan(sql);
    let batches = run_plan(&planned.plan, values).unwrap_or_else(|report| panic!("{sql}: {report:?}"));
    let mut lines = Vec::new();
    for batch in &batches {
        for row in 0..batch.num_rows() {
            let cells = batch.columns().iter().map(|column| {
                if column.is_null(row) || column.data_type().is_null() {
                    return "NULL".to_owned();
                }
                datafusion::arrow::util::display::array_value_to_string(column, row).unwrap()
            });
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines.join("\n")
}

pub(super) fn rows(sql: &str) -> String {
    rows_with(sql, &[])
}

/// The SQL types of the columns.
pub(super) fn types(sql: &str) -> Vec<String> {
    let planned = plan(sql);
    let fields = planned.plan.schema().fields().iter().zip(&planned.announced);
    let announced = fields.map(|(field, announced)| match &announced.text_type {
        Some(known) => known.name(),
        None => SqlType::from_arrow(field.data_type()).unwrap().name(),
    });
    announced.collect()
}
