//! A small serving layer for tests of the planning stages: tables of three stores, two tenants, some rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;
use flowforge::base::limits::LimitSet;
use flowforge::base::{ErrorReport, RequestClock, SqlType, StoreKind, TableName, TenantId, UserFacing};
use flowforge::catalog::{Column, Snapshot, Table, TenantView};
use flowforge::functions::FunctionRegistry;
use flowforge::sql::{PlanContext, StatementKind, TableFunctions, parse, plan_query};
use flowforge::tenancy::{Policy, PolicyBook, Tenant};
use flowforge::workflow::{WorkflowContext, compile};

const NUMBER: SqlType = SqlType::Numeric { precision: 18, scale: 4 };

fn table(name: &str, store: StoreKind, physical: &[&str], columns: &[(&str, SqlType, bool)]) -> Table {
    let columns = columns.iter().map(|(name, sql_type, nullable)| Column {
        name: (*name).to_owned(),
        sql_type: sql_type.clone(),
        nullable: *nullable,
        store_type: store_type(store, sql_type),
    });
    Table {
        name: TableName::parse(name).unwrap(),
        store,
        physical: physical.iter().map(|part| (*part).to_owned()).collect(),
        columns: columns.collect(),
        key: (store == StoreKind::Redis).then(|| "symbol".to_owned()),
        filters_first: store == StoreKind::ClickHouse,
        stale: false,
    }
}

/// A type in the words of its store.
fn store_type(store: StoreKind, sql_type: &SqlType) -> String {
    let name = match (store, sql_type) {
        (StoreKind::ClickHouse, SqlType::Text) => "String",
        (StoreKind::ClickHouse, SqlType::Int4) => "Int32",
        (StoreKind::ClickHouse, SqlType::Int8) => "Int64",
        (StoreKind::ClickHouse, SqlType::Float8) => "Float64",
        (StoreKind::ClickHouse, SqlType::Date) => "Date32",
        (StoreKind::ClickHouse, SqlType::Timestamp) => "DateTime64(6)",
        (StoreKind::ClickHouse, SqlType::Numeric { precision, scale }) => {
            return format!("Decimal({precision}, {scale})");
        }
        (StoreKind::ClickHouse, other) => panic!("no type of ClickHouse for {other}"),
        (StoreKind::Materialize | StoreKind::Redis, other) => return other.to_string(),
    };
    name.to_owned()
}

/// The tables. Not all of the serving layer's, but every kind of policy and store.
pub fn tables() -> Vec<Table> {
    let text = || SqlType::Text;
    vec![
        table(
            "flowforge.raw_trades",
            StoreKind::ClickHouse,
            &["flowforge", "raw_trades"],
            &[
                ("trade_id", text(), false),
                ("event_time", SqlType::Timestamp, false),
                ("symbol", text(), false),
                ("side", text(), false),
                ("quantity", NUMBER, false),
                ("price", NUMBER, true),
            ],
        ),
        table(
            "marts.fct_trades",
            StoreKind::ClickHouse,
            &["marts", "fct_trades"],
            &[
                ("tenant_id", text(), false),
                ("trade_id", text(), false),
                ("symbol", text(), false),
                ("sector", text(), true),
                ("quantity", SqlType::Int8, false),
                ("price", SqlType::Float8, true),
                ("trade_date", SqlType::Date, false),
            ],
        ),
        table(
            "marts.dim_instruments",
            StoreKind::ClickHouse,
            &["marts", "dim_instruments"],
            &[
                ("symbol", text(), false),
                ("name", text(), false),
                ("sector", text(), true),
                ("lot_size", SqlType::Int4, true),
            ],
        ),
        table(
            "materialize.live_positions",
            StoreKind::Materialize,
            &["materialize", "live_positions"],
            &[
                ("tenant_id", text(), false),
                ("symbol", text(), false),
                ("net_qty", NUMBER, true),
                ("trade_count", SqlType::Int8, true),
                ("last_update", SqlType::Timestamptz, true),
            ],
        ),
        table(
            "materialize.live_quotes",
            StoreKind::Materialize,
            &["materialize", "live_quotes"],
            &[
                ("symbol", text(), false),
                ("bid", SqlType::Float8, true),
                ("ask", SqlType::Float8, true),
                ("bid_size", SqlType::Int8, true),
            ],
        ),
        table(
            "latest.vwap",
            StoreKind::Redis,
            &["latest:vwap:*"],
            &[("symbol", text(), false), ("vwap", SqlType::Float8, true), ("volume", SqlType::Float8, true)],
        ),
    ]
}

/// A table's policy: tenant column, list or shared.
pub fn policies() -> PolicyBook {
    let name = |name: &str| TableName::parse(name).unwrap();
    let owner = Policy::TenantColumn { column: "tenant_id".to_owned() };
    let list = Policy::ListAttribute { column: "symbol".to_owned(), attribute: "symbols".to_owned() };
    PolicyBook::new([
        (name("flowforge.raw_trades"), list.clone()),
        (name("marts.fct_trades"), owner),
        (name("marts.dim_instruments"), Policy::Shared),
        (
            name("materialize.live_positions"),
            Policy::TenantColumnAndList {
                tenant_column: "tenant_id".to_owned(),
                column: "symbol".to_owned(),
                attribute: "symbols".to_owned(),
            },
        ),
        (name("materialize.live_quotes"), list.clone()),
        (name("latest.vwap"), list),
    ])
}

/// `acme`, `globex`, or `empty`, which has no list.
pub fn tenant(name: &str) -> Arc<Tenant> {
    let symbols: &[&str] = match name {
        "acme" => &["AAPL", "O'NE\\IL"],
        "globex" => &["TSLA", "META"],
        _ => &[],
    };
    let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    let attributes =
        if symbols.is_empty() { BTreeMap::new() } else { BTreeMap::from([("symbols".to_owned(), symbols)]) };
    Arc::new(Tenant { id: TenantId::new(name).unwrap(), attributes })
}

/// The tenant's view of the tables.
pub fn view(tenant: &Arc<Tenant>) -> TenantView {
    TenantView::new(Arc::clone(tenant), Arc::new(Snapshot::new(1, tables(), Arc::new(policies()))))
}

struct NoTableFunctions;

impl TableFunctions for NoTableFunctions {
    fn expand(
        &self,
        _name: &str,
        _arguments: &[Option<datafusion::common::ScalarValue>],
    ) -> Option<Result<LogicalPlan, ErrorReport>> {
        None
    }

    fn knows(&self, _name: &str) -> bool {
        false
    }
}

/// The plan of a query, before the guard.
pub fn plan(view: &TenantView, sql: &str) -> Result<LogicalPlan, ErrorReport> {
    let limits = LimitSet::default();
    let search_path: Vec<String> =
        flowforge::catalog::DEFAULT_SEARCH_PATH.iter().map(|schema| (*schema).to_owned()).collect();
    let functions = FunctionRegistry::standard();
    let context = PlanContext {
        view,
        search_path: &search_path,
        functions: &functions,
        table_functions: &NoTableFunctions,
        limits: &limits,
        user: "tester",
        database: "flowforge",
        time_zone: "UTC",
        session_id: 1,
        settings: std::sync::Arc::new(flowforge::catalog::system::NoSettings),
        declared_types: &[],
        parameter_values: None,
    };
    let statements = parse(sql, &limits).map_err(|error| error.report())?;
    match statements.first().map(|statement| &statement.kind) {
        Some(StatementKind::Query(query)) => {
            plan_query(query, &context).map(|planned| planned.plan).map_err(|error| error.report())
        }
        other => panic!("{sql}: {other:?}"),
    }
}

/// The plan of a workflow's target, before the guard. It is 2024-03-31 10:20:30 UTC.
pub fn workflow_plan(view: &TenantView, graph: &str, target: &str) -> Result<LogicalPlan, ErrorReport> {
    let limits = LimitSet::default();
    let search_path = flowforge::catalog::DEFAULT_SEARCH_PATH.map(str::to_owned);
    let now = chrono::DateTime::from_timestamp(1_711_880_430, 0).unwrap();
    let clock = RequestClock { transaction_start: now, statement_start: now };
    let context = WorkflowContext { view, search_path: &search_path, clock, limits: &limits };
    compile(graph, target, &context).map(|compiled| compiled.plan).map_err(|error| error.report())
}
