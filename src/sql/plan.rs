//! Planning a query over a tenant's view.

use std::sync::Arc;

use datafusion::common::{Column, DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::{EmptyRelation, Expr, LogicalPlan, Projection, lit};
use datafusion::optimizer::Analyzer;
use datafusion::sql::planner::{PlannerContext, SqlToRel};
use sqlparser::ast;

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, SqlState, SqlType, UserFacing};
use crate::catalog::TenantView;
use crate::catalog::system::SessionSettings;
use crate::functions::FunctionRegistry;

use super::announced::{self, Announced};
use super::context::{Provider, options};
use super::statement::Query;
use super::{
    check, correlation, digits, errors, expansion, filtered, finish, normalise, outer_types, parameters, peer_frames,
    recursion, row_limits, set_operations, settle,
};

/// Table functions that another folder brings, such as `workflow_preview`.
pub trait TableFunctions: Send + Sync {
    /// The plan that a call stands for; `None` when there is no such function. The arguments are literal values, or
    /// `None` where an argument is a parameter that has no value yet.
    fn expand(&self, name: &str, arguments: &[Option<ScalarValue>]) -> Option<Result<LogicalPlan, ErrorReport>>;

    /// Whether there is a function of this name.
    fn knows(&self, name: &str) -> bool;
}

/// What planning reads besides the text. Nothing in it changes while a statement is planned.
pub struct PlanContext<'a> {
    /// The tables that exist for this tenant.
    pub view: &'a TenantView,
    /// Where bare names are looked up, in order.
    pub search_path: &'a [String],
    /// The functions that exist.
    pub functions: &'a FunctionRegistry,
    /// Table functions of other folders.
    pub table_functions: &'a dyn TableFunctions,
    /// The limits in force.
    pub limits: &'a LimitSet,
    /// `current_user`, `session_user`.
    pub user: &'a str,
    /// `current_database()`.
    pub database: &'a str,
    /// The time zone of the session, an IANA name or an offset.
    pub time_zone: &'a str,
    /// `pg_backend_pid()`.
    pub session_id: i32,
    /// The settings of the session, for those who ask the catalogs for them.
    pub settings: Arc<dyn SessionSettings>,
    /// Types that the client declared for parameters, by position; `None` where it left the choice to the server.
    pub declared_types: &'a [Option<SqlType>],
    /// Values of the parameters when they are known already (planning again at Bind).
    pub parameter_values: Option<&'a [ScalarValue]>,
}

/// A planned query.
#[derive(Debug, Clone)]
pub struct PlannedQuery {
    /// The plan, typed and coerced, with `Placeholder`s where parameters stand and table leaves without data.
    pub plan: LogicalPlan,
    /// The names of the columns as the client sees them; the plan's own are unique where PostgreSQL's need not be.
    pub output_names: Vec<String>,
    /// What the row description says of each column besides the type that its values have here.
    pub announced: Vec<Announced>,
    /// The types of `$1`, `$2` …
    pub parameter_types: Vec<SqlType>,
    /// The row description cannot be told before the parameters have values: a table function's argument is one.
    pub needs_values: bool,
}

/// Why a text is no query.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct SqlError(#[from] pub ErrorReport);

impl UserFacing for SqlError {
    fn sqlstate(&self) -> crate::base::SqlState {
        self.0.sqlstate
    }
    fn detail(&self) -> Option<String> {
        self.0.detail.clone()
    }
    fn hint(&self) -> Option<String> {
        self.0.hint.clone()
    }
    fn position(&self) -> Option<usize> {
        self.0.position
    }
}

/// Plans a query.
///
/// # Errors
/// [`SqlError`] with PostgreSQL's SQLSTATE, and the position where one can be told.
pub fn plan_query(query: &Query, context: &PlanContext<'_>) -> Result<PlannedQuery, SqlError> {
    expansion::check(query.tree(), context.limits)?;
    let provider = Provider::new(context);
    let findings = check::check(query, &provider, context)?;
    let query = query.tree();
    let mut normal = query.clone();
    normalise::query(&mut normal, context, &findings)?;
    let (plan, parameter_types) = match typed_plan(normal, &provider, context) {
        Err(_) if provider.needs_values() => return Ok(later(query, context)),
        planned => planned.map_err(|error| errors::report(&error, query))?,
    };
    check_columns(&plan)?;
    let output_names = plan.schema().fields().iter().map(|field| normalise::shown(field.name()).to_owned()).collect();
    let mut announced = announced::of(query, &plan);
    let plan = as_shown(plan, &announced, &provider)
        .and_then(|plan| digits::plan(plan, &mut announced, provider.operators()))
        .map_err(|error| errors::report(&error, query))?;
    Ok(PlannedQuery { plan, output_names, announced, parameter_types, needs_values: false })
}

/// Plans a query as [`plan_query`] does, without what the row description asks for: numbers keep their type.
pub(super) fn plan_values(query: &Query, context: &PlanContext<'_>) -> Result<LogicalPlan, SqlError> {
    expansion::check(query.tree(), context.limits)?;
    let provider = Provider::new(context);
    let findings = check::check(query, &provider, context)?;
    let mut normal = query.tree().clone();
    normalise::query(&mut normal, context, &findings)?;
    let planned = typed_plan(normal, &provider, context).map_err(|error| errors::report(&error, query.tree()))?;
    Ok(planned.0)
}

/// A `character(n)` is kept without the blanks at its end, and shown with them.
fn as_shown(
    plan: LogicalPlan,
    announced: &[Announced],
    provider: &Provider<'_>,
) -> Result<LogicalPlan, DataFusionError> {
    if announced.iter().all(|column| column.padded_length().is_none()) {
        return Ok(plan);
    }
    let columns = plan.schema().iter().zip(announced).map(|((qualifier, field), announced)| {
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        match announced.padded_length() {
            Some(length) => {
                let padded = provider.operators().call("padded", vec![column, lit(length)])?;
                Ok(padded.alias_qualified(qualifier.cloned(), field.name()))
            }
            None => Ok(column),
        }
    });
    let columns = columns.collect::<Result<Vec<_>, DataFusionError>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// What can be told of a query that must wait for its parameters: their types, text where the client declared none.
fn later(query: &ast::Query, context: &PlanContext<'_>) -> PlannedQuery {
    let count = parameters::count(query).max(context.declared_types.len());
    let declared = |index: usize| context.declared_types.get(index).cloned().flatten();
    PlannedQuery {
        plan: LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema: Arc::new(DFSchema::empty()) }),
        output_names: Vec::new(),
        announced: Vec::new(),
        parameter_types: (0..count).map(|index| declared(index).unwrap_or(SqlType::Text)).collect(),
        needs_values: true,
    }
}

fn typed_plan(
    query: ast::Query,
    provider: &Provider<'_>,
    context: &PlanContext<'_>,
) -> Result<(LogicalPlan, Vec<SqlType>), DataFusionError> {
    let raw = raw_plan(query, provider, context)?;
    let settled = settle::plan(recursion::plan(raw, provider.operators())?, provider.operators())?;
    let settled = row_limits::plan(set_operations::plan(outer_types::plan(settled)?)?)?;
    let (filled, types) = parameters::resolve(settled, context)?;
    let finished = finish::plan(coerce(peer_frames::plan(filled, provider.operators())?)?, provider.operators())?;
    Ok((correlation::plan(filtered::plan(finished)?)?, types))
}

/// The plan as the planner makes it, before types are coerced.
fn raw_plan(
    query: ast::Query,
    provider: &Provider<'_>,
    context: &PlanContext<'_>,
) -> Result<LogicalPlan, DataFusionError> {
    let declared = parameters::declared(context);
    let mut planner_context = PlannerContext::new().with_prepare_param_data_types(declared);
    let planner = SqlToRel::new(provider);
    planner.sql_statement_to_plan_with_context(ast::Statement::Query(Box::new(query)), &mut planner_context)
}

/// Makes every implicit cast explicit.
fn coerce(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    // Not `execute_and_check`: its check refuses correlated subqueries that what runs in process takes apart itself.
    Analyzer::new().rules.iter().try_fold(plan, |plan, rule| rule.analyze(plan, options()))
}

/// Every column must have a type that the wire can announce.
fn check_columns(plan: &LogicalPlan) -> Result<(), SqlError> {
    for field in plan.schema().fields() {
        SqlType::from_arrow(field.data_type()).map_err(|error| {
            ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, format!("column \"{}\": {error}", field.name()))
        })?;
    }
    Ok(())
}
