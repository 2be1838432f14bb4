//! SQL text: statements, plans, guard, route, emission, and the second look.
#![no_main]

use datafusion::common::ScalarValue;
use datafusion::logical_expr::LogicalPlan;
use flowforge::base::ErrorReport;
use flowforge::emit::{Dialect, Emitter, emit};
use flowforge::functions::FunctionRegistry;
use flowforge::guard::{self, verify};
use flowforge::route::route;
use flowforge::sql::{ExplainTarget, PlanContext, StatementKind, TableFunctions, parse, plan_query};
use flowforge_fuzz::{LIMITS, SEARCH_PATH, VIEW};
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static FUNCTIONS: LazyLock<FunctionRegistry> = LazyLock::new(FunctionRegistry::standard);

struct NoTableFunctions;

impl TableFunctions for NoTableFunctions {
    fn expand(&self, _name: &str, _arguments: &[Option<ScalarValue>]) -> Option<Result<LogicalPlan, ErrorReport>> {
        None
    }

    fn knows(&self, _name: &str) -> bool {
        false
    }
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(statements) = parse(text, &LIMITS) else { return };
    for statement in statements {
        let query = match &statement.kind {
            StatementKind::Query(query) | StatementKind::Explain { target: ExplainTarget::Query(query), .. } => query,
            StatementKind::Declare(cursor) => &cursor.query,
            StatementKind::Copy(copy) => &copy.query,
            StatementKind::Explain { target: ExplainTarget::Execute(_), .. }
            | StatementKind::Prepare { .. }
            | StatementKind::Execute(_)
            | StatementKind::Fetch(_)
            | StatementKind::Close(_)
            | StatementKind::Upkeep(_)
            | StatementKind::Session(_)
            | StatementKind::Write(_) => continue,
        };
        let context = PlanContext {
            view: &VIEW,
            search_path: &SEARCH_PATH,
            functions: &FUNCTIONS,
            table_functions: &NoTableFunctions,
            limits: &LIMITS,
            user: "acme",
            database: "flowforge",
            time_zone: "UTC",
            session_id: 1,
            settings: std::sync::Arc::new(flowforge::catalog::system::NoSettings),
            declared_types: &[],
            parameter_values: None,
        };
        let Ok(planned) = plan_query(query, &context) else { continue };
        let Ok(guarded) = guard::apply(planned.plan, VIEW.tenant()) else { continue };
        let Ok(routed) = route(guarded, &Emitter) else { continue };
        for piece in routed.pieces {
            if let Ok(emitted) = emit(&piece, Dialect::of(piece.store)) {
                // What the emitter writes, the guard must recognise.
                verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements)
                    .expect("an emitted statement lost its guard");
            }
        }
    }
});
