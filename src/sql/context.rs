//! What the planner may look up: a tenant's tables, the functions of the table, nothing else.

use std::cell::Cell;
use std::sync::{Arc, LazyLock, OnceLock};

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::{ConfigOptions, Dialect};
use datafusion::common::{DFSchema, DataFusionError, TableReference};
use datafusion::logical_expr::planner::{ContextProvider, ExprPlanner, RelationPlanner, TypePlanner};
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, HigherOrderUDF, ScalarUDF, TableSource, WindowUDF};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, TableName, UserFacing};
use crate::catalog::system::{PG_CATALOG, System, SystemContext, is_system_function, is_system_table};
use crate::catalog::{Relation, RowsLeaf};
use crate::functions::{FunctionKind, FunctionRow, find, type_name, unknown_function};

use super::normalise::{internal_name, shown};
use super::operators::Operators;
use super::plan::PlanContext;
use super::relations::Forgetful;
use super::table_functions;
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
    relation_planners: [Arc<dyn RelationPlanner>; 1],
    operators: Arc<Operators>,
    types: Arc<PostgresTypes>,
    /// Made when a catalog is first asked for: most queries never do.
    system: OnceLock<System>,
    /// A table function was called with a parameter that has no value yet.
    needs_values: Cell<bool>,
}

impl<'a> Provider<'a> {
    pub(super) fn new(context: &'a PlanContext<'a>) -> Self {
        let operators = Arc::new(Operators::new(context.functions, context.time_zone));
        let expression_planners: Vec<Arc<dyn ExprPlanner>> = vec![
            Arc::clone(&operators) as Arc<dyn ExprPlanner>,
            Arc::new(datafusion::functions_nested::planner::NestedFunctionPlanner),
            Arc::new(datafusion::functions_nested::planner::FieldAccessPlanner),
        ];
        Self {
            context,
            expression_planners,
            relation_planners: [Arc::new(Forgetful::default())],
            operators,
            types: Arc::new(PostgresTypes),
            system: OnceLock::new(),
            needs_values: Cell::new(false),
        }
    }

    /// The resolution of operators, which the typing after planning shares.
    pub(super) fn operators(&self) -> &Operators {
        &self.operators
    }

    /// Whether a table function could not say its columns because an argument has no value yet.
    pub(super) fn needs_values(&self) -> bool {
        self.needs_values.get()
    }

    fn system(&self) -> &System {
        self.system.get_or_init(|| {
            let context = SystemContext {
                user: self.context.user.to_owned(),
                database: self.context.database.to_owned(),
                search_path: self.context.search_path.to_vec(),
                settings: Arc::clone(&self.context.settings),
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

    fn relation(&self, name: &TableReference) -> Result<Relation, ErrorReport> {
        let view = self.context.view;
        match name {
            TableReference::Bare { table } => match view.resolve(table, self.context.search_path) {
                Ok(relation) => Ok(relation),
                Err(error) => self.by_pattern(table).ok_or_else(|| error.report()),
            },
            TableReference::Partial { schema, table } => {
                view.find(&TableName::new(schema.as_ref(), table.as_ref())).map_err(|error| error.report())
            }
            TableReference::Full { catalog, schema, table } => {
                if catalog.as_ref() != self.context.database {
                    return Err(ErrorReport::new(
                        SqlState::FEATURE_NOT_SUPPORTED,
                        format!("cross-database references are not implemented: \"{catalog}.{schema}.{table}\""),
                    ));
                }
                view.find(&TableName::new(schema.as_ref(), table.as_ref())).map_err(|error| error.report())
            }
        }
    }

    /// `"latest:vwap:*"` is the table whose keys have that pattern.
    fn by_pattern(&self, pattern: &str) -> Option<Relation> {
        let table =
            self.context.view.tables().find(|table| matches!(table.physical.as_slice(), [one] if one == pattern))?;
        self.context.view.leaf(&table.name).ok().map(Relation::Table)
    }
}

impl ContextProvider for Provider<'_> {
    fn get_table_source(&self, name: TableReference) -> Result<Arc<dyn TableSource>, DataFusionError> {
        if let Some(leaf) = self.system_leaf(&name).map_err(wrap)? {
            return Ok(leaf);
        }
        self.relation(&name).map(Relation::into_source).map_err(wrap)
    }

    fn get_table_function_source(&self, name: &str, args: Vec<Expr>) -> Result<Arc<dyn TableSource>, DataFusionError> {
        let name = shown(name.trim_matches('"')).to_lowercase();
        let args = args
            .into_iter()
            .map(|arg| self.operators.settle(arg, &DFSchema::empty()))
            .collect::<Result<Vec<_>, _>>()?;
        if name == "generate_series" {
            let args = self.operators.series_arguments(args, &DFSchema::empty())?;
            return table_functions::generate_series(&args, self.context.limits);
        }
        if let Some(leaf) = self.system().table_function(&name).map_err(|error| wrap(error.report()))? {
            return Ok(leaf);
        }
        let values = table_functions::values(&args, self.context.parameter_values)?;
        match self.context.table_functions.expand(&name, &values) {
            Some(Ok(plan)) => Ok(Arc::new(table_functions::PlanSource::new(plan))),
            Some(Err(report)) => {
                self.needs_values.set(values.iter().any(Option::is_none));
                Err(wrap(report))
            }
            None => {
                let types = args.iter().map(|arg| arg.get_type(&DFSchema::empty()).map(|found| type_name(&found)));
                let types = types.collect::<Result<Vec<_>, _>>()?.join(", ");
                Err(wrap(ErrorReport::new(
                    SqlState::UNDEFINED_FUNCTION,
                    format!("function {name}({types}) does not exist"),
                )))
            }
        }
    }

    fn create_cte_work_table(&self, name: &str, schema: SchemaRef) -> Result<Arc<dyn TableSource>, DataFusionError> {
        let table = datafusion::catalog::cte_worktable::CteWorkTable::new(name, schema);
        Ok(datafusion::datasource::provider_as_source(Arc::new(table)))
    }

    fn get_expr_planners(&self) -> &[Arc<dyn ExprPlanner>] {
        &self.expression_planners
    }

    fn get_relation_planners(&self) -> &[Arc<dyn RelationPlanner>] {
        &self.relation_planners
    }

    fn get_type_planner(&self) -> Option<Arc<dyn TypePlanner>> {
        Some(Arc::clone(&self.types) as Arc<dyn TypePlanner>)
    }

    fn get_function_meta(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        if let Some(name) = internal_name(name) {
            return self.context.functions.scalars.get(name).cloned();
        }
        if let Some(row) = find(name, FunctionKind::Scalar) {
            return self.context.functions.scalars.get(name).filter(|_| row.is_callable()).cloned();
        }
        if is_system_function(name) {
            return self.system().scalar(name);
        }
        let planner_knows = ["unnest", "make_map", "map", "unnest_outer"].contains(&name);
        let is_of_rows = || self.get_aggregate_meta(name).is_some() || self.get_window_meta(name).is_some();
        if planner_knows || is_of_rows() {
            return None;
        }
        Some(Arc::new(unknown_function(name)))
    }

    fn get_higher_order_meta(&self, _name: &str) -> Option<Arc<HigherOrderUDF>> {
        None
    }

    fn get_aggregate_meta(&self, name: &str) -> Option<Arc<AggregateUDF>> {
        let is_callable = find(name, FunctionKind::Aggregate).is_none_or(FunctionRow::is_callable);
        self.context.functions.aggregates.get(name).filter(|_| is_callable).cloned()
    }

    fn get_window_meta(&self, name: &str) -> Option<Arc<WindowUDF>> {
        if let Some(name) = internal_name(name) {
            return self.context.functions.windows.get(name).cloned();
        }
        let is_callable = find(name, FunctionKind::Window).is_none_or(FunctionRow::is_callable);
        self.context.functions.windows.get(name).filter(|_| is_callable).cloned()
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
