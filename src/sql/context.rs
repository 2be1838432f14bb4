//! What the planner may look up: a tenant's tables, the functions of the table, nothing else.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::{ConfigOptions, Dialect};
use datafusion::common::{DataFusionError, ScalarValue, TableReference};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, Expr, HigherOrderUDF, LogicalPlan, ScalarUDF, TableSource, WindowUDF};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, TableName, UserFacing};
use crate::catalog::system::{PG_CATALOG, System, SystemContext, is_system_function, is_system_table};
use crate::catalog::{RowsLeaf, TableLeaf};

use super::array_literals::ArrayLiterals;
use super::plan::PlanContext;
use super::types::PostgresTypes;

/// The planner's settings, the same for every session.
pub(super) fn options() -> &'static ConfigOptions {
    static OPTIONS: LazyLock<ConfigOptions> = LazyLock::new(|| {
        let mut options = ConfigOptions::new();
        options.sql_parser.dialect = Dialect::PostgreSQL;
        options.sql_parser.parse_float_as_decimal = true;
        options.sql_parser.enable_ident_normalization = true;
        options.sql_parser.map_string_types_to_utf8view = false;
        options.sql_parser.collect_spans = true;
        options.sql_parser.default_null_ordering = "nulls_max".to_owned();
        // PostgreSQL keeps the order of a subquery, and clients rely on it.
        options.sql_parser.enable_subquery_sort_elimination = false;
        options.execution.time_zone = Some(crate::base::types::UTC.to_owned());
        options.optimizer.expand_views_at_output = false;
        options
    });
    &OPTIONS
}

/// The lookups of one planning.
pub(super) struct Provider<'a> {
    context: &'a PlanContext<'a>,
    expression_planners: Vec<Arc<dyn ExprPlanner>>,
    types: Arc<PostgresTypes>,
    /// Made when a catalog is first asked for: most queries never do.
    system: OnceLock<System>,
    /// A table function was called with a parameter that has no value yet.
    needs_values: AtomicBool,
}

impl<'a> Provider<'a> {
    pub(super) fn new(context: &'a PlanContext<'a>) -> Self {
        let expression_planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::new(ArrayLiterals),
            Arc::new(datafusion::functions_nested::planner::NestedFunctionPlanner),
            Arc::new(datafusion::functions_nested::planner::FieldAccessPlanner),
            Arc::new(datafusion::functions::datetime::planner::DatetimeFunctionPlanner),
            Arc::new(datafusion::functions::unicode::planner::UnicodeFunctionPlanner),
            Arc::new(datafusion::functions_aggregate::planner::AggregateFunctionPlanner),
            Arc::new(datafusion::functions_window::planner::WindowFunctionPlanner),
        ];
        Self {
            context,
            expression_planners,
            types: Arc::new(PostgresTypes),
            needs_values: AtomicBool::new(false),
            system: OnceLock::new(),
        }
    }

    fn system(&self) -> &System {
        self.system.get_or_init(|| {
            let context = SystemContext {
                user: self.context.user.to_owned(),
                database: self.context.database.to_owned(),
                search_path: self.context.search_path.to_vec(),
                settings: (self.context.settings)(),
                session_id: self.context.session_id,
            };
            System::new(self.context.view.clone(), context)
        })
    }

    /// A table of `pg_catalog` or `information_schema`. PostgreSQL looks bare names up in `pg_catalog` first.
    fn system_leaf(&self, name: &TableReference) -> Result<Option<Arc<RowsLeaf>>, ErrorReport> {
        let found = match name {
            TableReference::Bare { table } if is_system_table(PG_CATALOG, table) => self.system().bare_table(table),
            TableReference::Partial { schema, table } if is_system_table(schema, table) => {
                self.system().table(schema, table)
            }
            TableReference::Full { catalog, schema, table }
                if catalog.as_ref() == self.context.database && is_system_table(schema, table) =>
            {
                self.system().table(schema, table)
            }
            TableReference::Bare { .. } | TableReference::Partial { .. } | TableReference::Full { .. } => Ok(None),
        };
        found.map_err(|error| error.report())
    }

    /// Whether planning failed only because a parameter has no value yet.
    pub(super) fn needs_values(&self) -> bool {
        self.needs_values.load(Ordering::Relaxed)
    }

    /// The value of a table function's argument; `None` for a parameter without one.
    fn argument(&self, argument: &Expr) -> Result<Option<ScalarValue>, DataFusionError> {
        match argument {
            Expr::Literal(value, _) => Ok(Some(value.clone())),
            Expr::Cast(cast) => self.argument(&cast.expr),
            Expr::TryCast(cast) => self.argument(&cast.expr),
            Expr::Alias(alias) => self.argument(&alias.expr),
            Expr::Negative(inner) => match self.argument(inner)? {
                Some(value) => Ok(Some(value.arithmetic_negate()?)),
                None => Ok(None),
            },
            Expr::Placeholder(placeholder) => {
                let values = self.context.parameter_values.unwrap_or_default();
                let index = placeholder.id.trim_start_matches('$').parse::<usize>().ok().and_then(|n| n.checked_sub(1));
                let value = index.and_then(|index| values.get(index)).cloned();
                if value.is_none() {
                    self.needs_values.store(true, Ordering::Relaxed);
                }
                Ok(value)
            }
            other => Err(wrap(
                ErrorReport::new(
                    SqlState::FEATURE_NOT_SUPPORTED,
                    "the argument of a table function must be a literal or a parameter",
                )
                .with_detail(format!("It is {other}.")),
            )),
        }
    }

    fn leaf(&self, name: &TableReference) -> Result<Arc<TableLeaf>, ErrorReport> {
        let view = self.context.view;
        match name {
            TableReference::Bare { table } => match view.resolve(table, self.context.search_path) {
                Ok(leaf) => Ok(leaf),
                Err(error) => self.by_pattern(table).ok_or_else(|| error.report()),
            },
            TableReference::Partial { schema, table } => {
                view.leaf(&TableName::new(schema.as_ref(), table.as_ref())).map_err(|error| error.report())
            }
            TableReference::Full { catalog, schema, table } => {
                if catalog.as_ref() != self.context.database {
                    return Err(ErrorReport::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        format!("cross-database references are not implemented: \"{catalog}.{schema}.{table}\""),
                    ));
                }
                view.leaf(&TableName::new(schema.as_ref(), table.as_ref())).map_err(|error| error.report())
            }
        }
    }

    /// `"latest:vwap:*"` is the table whose keys have that pattern.
    fn by_pattern(&self, pattern: &str) -> Option<Arc<TableLeaf>> {
        let table =
            self.context.view.tables().find(|table| matches!(table.physical.as_slice(), [one] if one == pattern))?;
        self.context.view.leaf(&table.name).ok()
    }
}

/// A call of a table function: the plan that it stands for, which the planner puts in its place.
struct Expansion {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl Expansion {
    fn new(plan: LogicalPlan) -> Self {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Self { plan, schema }
    }
}

impl TableSource for Expansion {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

impl ContextProvider for Provider<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>, DataFusionError> {
        if let Some(leaf) = self.system_leaf(&name).map_err(wrap)? {
            return Ok(leaf);
        }
        match self.leaf(&name) {
            Ok(leaf) => Ok(leaf),
            Err(report) => Err(wrap(report)),
        }
    }

    fn get_table_function_source(
        &self,
        name: &str,
        arguments: Vec<Expr>,
    ) -> Result<Arc<dyn TableSource>, DataFusionError> {
        let values = arguments.iter().map(|argument| self.argument(argument)).collect::<Result<Vec<_>, _>>()?;
        if self.needs_values() {
            return Err(wrap(ErrorReport::new(SqlState::INDETERMINATE_DATATYPE, "a parameter has no value yet")));
        }
        match self.context.table_functions.expand(name, &values) {
            Some(plan) => Ok(Arc::new(Expansion::new(plan.map_err(wrap)?))),
            None => Err(wrap(ErrorReport::new(
                SqlState::UNDEFINED_FUNCTION,
                format!("function {name} does not exist as a table"),
            ))),
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>, DataFusionError> {
        let table = datafusion::catalog::cte_worktable::CteWorkTable::new(name, schema);
        Ok(datafusion::datasource::provider_as_source(Arc::new(table)))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expression_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::clone(&self.types) as Arc<dyn TypePlanner>)
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        let known = self.context.functions.scalars.get(name).cloned();
        known.or_else(|| is_system_function(name).then(|| self.system().scalar(name)).flatten())
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        self.context.functions.aggregates.get(name).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        self.context.functions.windows.get(name).cloned()
    }

    fn get_variable_type(&self, _variable_names: &[String]) -> Option<DataType> {
        None
    }

    fn options(&self) -> &ConfigOptions {
        options()
    }

    fn udf_names(&self) -> Vec<String> {
        self.context.functions.scalars.keys().cloned().collect()
    }

    fn higher_order_function_names(&self) -> Vec<String> {
        Vec::new()
    }

    fn udaf_names(&self) -> Vec<String> {
        self.context.functions.aggregates.keys().cloned().collect()
    }

    fn udwf_names(&self) -> Vec<String> {
        self.context.functions.windows.keys().cloned().collect()
    }
}
