//! What the size of the catalog costs a statement: from its text to what a store is sent, with 15 tables of 50 columns in the
//! catalog and with 10,000 of them. Both take turns; nothing asserts a time.

#![allow(missing_docs, reason = "a benchmark has no interface")]
#![allow(clippy::print_stdout, reason = "it is what a benchmark is for")]

#[allow(dead_code, clippy::unwrap_used, reason = "each benchmark takes what it needs")]
mod common;

use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use flowforge::base::limits::LimitSet;
use flowforge::base::{ErrorReport, SqlType, StoreKind, TableName, TenantId};
use flowforge::catalog::system::NoSettings;
use flowforge::catalog::{Column, DEFAULT_SEARCH_PATH, Snapshot, Table, TenantView};
use flowforge::emit::{Dialect, Emitter, emit};
use flowforge::functions::FunctionRegistry;
use flowforge::guard::{self, verify};
use flowforge::route::{place_logical_tables, route};
use flowforge::sql::{PlanContext, StatementKind, TableFunctions, parse, plan_query};
use flowforge::tenancy::{Policy, PolicyBook, Tenant};

use common::{Times, microseconds};

const FEW: usize = 15;
const MANY: usize = 10_000;
const COLUMNS: usize = 50;
const RUNS: usize = 1_000;
const WARM_UP: usize = 100;
/// Runs before it is the other catalog's turn.
const TURN: usize = 10;

/// `t0` and `t3` are in ClickHouse, `t1` in Materialize.
const STATEMENTS: &[(&str, &str)] = &[
    ("a lookup", "SELECT c1, c2 FROM marts.t0 WHERE c4 = $1"),
    ("all columns of a bare name", "SELECT * FROM t1 WHERE c4 = 'AAPL' LIMIT 10"),
    ("an aggregate", "SELECT c4, count(*), sum(c2) FROM t0 WHERE c1 > 10 GROUP BY c4 ORDER BY 3 DESC LIMIT 10"),
    ("a join in one store", "SELECT a.c4, b.c2 FROM t0 a JOIN t3 b ON b.c4 = a.c4 WHERE b.c1 > 10"),
    ("a join of two stores", "SELECT a.c4, b.c2 FROM t0 a JOIN t1 b ON b.c4 = a.c4 WHERE b.c1 > 10"),
];

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let (few, many) = (Catalog::of(FEW)?, Catalog::of(MANY)?);
    let planner = Planner::new();
    println!("planning with {FEW} and with {MANY} tables of {COLUMNS} columns in the catalog");
    for (name, sql) in STATEMENTS {
        let mut times = [Times::default(), Times::default()];
        for catalog in [&few, &many] {
            planner.run(catalog, sql, WARM_UP, &mut Times::default())?;
        }
        for _ in 0..RUNS / TURN {
            for (catalog, times) in [&few, &many].into_iter().zip(&mut times) {
                planner.run(catalog, sql, TURN, times)?;
            }
        }
        let [few, many] = times.map(|times| microseconds(times.median()));
        println!("{name}: {few:.0} µs and {many:.0} µs, ratio {:.2} (goal at most 1.5)", many / few);
    }
    Ok(())
}

/// What a session sees.
struct Catalog {
    tenant: Arc<Tenant>,
    snapshot: Arc<Snapshot>,
}

impl Catalog {
    fn of(tables: usize) -> Outcome<Self> {
        let tables: Vec<Table> = (0..tables).map(table).collect();
        let policy = Policy::TenantColumn { column: "tenant_id".to_owned() };
        let policies = PolicyBook::new(tables.iter().map(|table| (table.name.clone(), policy.clone())));
        let tenant = Tenant { id: TenantId::new("acme")?, attributes: BTreeMap::new() };
        Ok(Self { tenant: Arc::new(tenant), snapshot: Arc::new(Snapshot::new(1, tables, Arc::new(policies))) })
    }
}

/// The table of that number: two in ClickHouse and one in Materialize take turns.
fn table(number: usize) -> Table {
    let (store, schema) = match number % 3 {
        1 => (StoreKind::Materialize, "materialize"),
        _ => (StoreKind::ClickHouse, "marts"),
    };
    let name = format!("t{number}");
    Table {
        name: TableName::new(schema, &name),
        store,
        physical: vec![schema.to_owned(), name],
        columns: (0..COLUMNS).map(|place| column(store, place)).collect(),
        key: None,
        filters_first: store == StoreKind::ClickHouse,
        stale: false,
    }
}

fn column(store: StoreKind, place: usize) -> Column {
    let (sql_type, clickhouse) = match place % 4 {
        0 => (SqlType::Text, "String"),
        1 => (SqlType::Int8, "Int64"),
        2 => (SqlType::Numeric { precision: 18, scale: 4 }, "Decimal(18, 4)"),
        _ => (SqlType::Timestamp, "DateTime64(6)"),
    };
    let store_type = if store == StoreKind::ClickHouse { clickhouse.to_owned() } else { sql_type.to_string() };
    let name = if place == 0 { "tenant_id".to_owned() } else { format!("c{place}") };
    Column { name, sql_type, nullable: false, store_type }
}

struct NoTableFunctions;

impl TableFunctions for NoTableFunctions {
    fn expand(&self, _: &str, _: &[Option<ScalarValue>]) -> Option<Result<LogicalPlan, ErrorReport>> {
        None
    }

    fn knows(&self, _: &str) -> bool {
        false
    }
}

/// What does not change from statement to statement.
struct Planner {
    functions: FunctionRegistry,
    limits: LimitSet,
    search_path: Vec<String>,
}

impl Planner {
    fn new() -> Self {
        let search_path = DEFAULT_SEARCH_PATH.map(str::to_owned).to_vec();
        Self { functions: FunctionRegistry::standard(), limits: LimitSet::default(), search_path }
    }

    fn run(&self, catalog: &Catalog, sql: &str, count: usize, times: &mut Times) -> Outcome<()> {
        for _ in 0..count {
            let started = Instant::now();
            let statements = self.statements(catalog, black_box(sql)).map_err(|error| format!("{sql}: {error}"))?;
            times.push(started.elapsed());
            black_box(statements);
        }
        Ok(())
    }

    /// The whole way, as for a statement that is prepared: text, plan, guard, route, what the stores are sent.
    fn statements(&self, catalog: &Catalog, sql: &str) -> Outcome<Vec<String>> {
        let view = TenantView::new(Arc::clone(&catalog.tenant), Arc::clone(&catalog.snapshot));
        let plan = self.plan(&view, sql)?;
        let placed = place_logical_tables(plan, None)?.plan;
        let routed = route(guard::apply(placed, view.tenant())?, &Emitter)?;
        let written = routed.pieces.iter().map(|piece| -> Outcome<String> {
            let emitted = emit(piece, Dialect::of(piece.store))?;
            Ok(verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements)?.text().to_owned())
        });
        written.collect()
    }

    fn plan(&self, view: &TenantView, sql: &str) -> Outcome<LogicalPlan> {
        let context = PlanContext {
            view,
            search_path: &self.search_path,
            functions: &self.functions,
            table_functions: &NoTableFunctions,
            limits: &self.limits,
            user: "acme",
            database: "flowforge",
            time_zone: "UTC",
            session_id: 1,
            settings: Arc::new(NoSettings),
            declared_types: &[],
            parameter_values: None,
        };
        let statements = parse(sql, &self.limits)?;
        match statements.first().map(|statement| &statement.kind) {
            Some(StatementKind::Query(query)) => Ok(plan_query(query, &context)?.plan),
            _ => Err("it is no query".into()),
        }
    }
}
