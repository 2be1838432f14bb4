//! Expressions over one table, as the placements of logical tables have them.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Volatility};

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, SqlState, SqlType, TableName};
use crate::catalog::system::NoSettings;
use crate::catalog::{TableLeaf, TenantView};
use crate::functions::FunctionRegistry;

use super::plan::{PlanContext, SqlError, TableFunctions, plan_values};
use super::settle::meet;
use super::statement::{Query, StatementKind, parse};

/// A value of each row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct MappedColumn {
    /// How it is computed. Columns are qualified by the full name of the table.
    pub expression: Expr,
    /// Its type.
    pub sql_type: SqlType,
    /// Whether it may be NULL.
    pub nullable: bool,
}

/// Reads an expression over the columns of a table, without a look at the table.
///
/// # Errors
/// [`SqlError`] for a text that is no expression.
pub fn check_expression(expression: &str) -> Result<(), SqlError> {
    query(&TableName::new("schema", "table"), expression, &LimitSet::default()).map(drop)
}

/// Plans an expression over the columns of a table. Its value depends on nothing but the row: it is the same for every
/// user, session and time. Times are read in UTC. The limits are the defaults: what is configured limits clients.
///
/// # Errors
/// [`SqlError`] with PostgreSQL's SQLSTATE; `0A000` for what is no expression over one row.
pub fn plan_expression(
    table: &TableName,
    expression: &str,
    view: &TenantView,
    functions: &FunctionRegistry,
) -> Result<MappedColumn, SqlError> {
    let limits = &LimitSet::default();
    let query = query(table, expression, limits)?;
    let context = PlanContext {
        view,
        search_path: &[],
        functions,
        table_functions: &NoTableFunctions,
        limits,
        user: "",
        database: "",
        time_zone: "UTC",
        session_id: 0,
        settings: Arc::new(NoSettings),
        declared_types: &[],
        parameter_values: None,
    };
    let plan = plan_values(&query, &context).map_err(without_position)?;
    let field = plan.schema().fields().first().cloned();
    let (Some(field), Some(expression)) = (field, expression_of(plan, table)) else {
        return Err(no_row_expression());
    };
    let sql_type = SqlType::from_arrow(field.data_type())
        .map_err(|error| ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, error.to_string()))?;
    if !depends_on_the_row_alone(&expression) || matches!(sql_type, SqlType::Record(_)) {
        return Err(no_row_expression());
    }
    Ok(MappedColumn { expression, sql_type, nullable: field.is_nullable() })
}

/// The type in which values of both types meet without an explicit cast, as the columns of a UNION do; `None` when they
/// do not.
#[must_use]
pub fn common_type(one: &SqlType, other: &SqlType) -> Option<SqlType> {
    if one == other {
        return Some(one.clone());
    }
    SqlType::from_arrow(&meet(&one.arrow(), &other.arrow())?).ok()
}

/// `SELECT (expression) FROM schema.table`
fn query(table: &TableName, expression: &str, limits: &LimitSet) -> Result<Query, SqlError> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let text = format!("SELECT ({expression}) FROM {}.{}", quoted(&table.schema), quoted(&table.table));
    let mut statements = parse(&text, limits).map_err(without_position)?;
    match (statements.pop().map(|statement| statement.kind), statements.is_empty()) {
        (Some(StatementKind::Query(query)), true) => Ok(*query),
        _ => Err(no_row_expression()),
    }
}

/// The position is one in a text that nobody wrote.
fn without_position(error: SqlError) -> SqlError {
    SqlError(ErrorReport { position: None, ..error.0 })
}

fn no_row_expression() -> SqlError {
    let message = "it must be an expression over one row of its table";
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .with_hint(
            "Leave out aggregates, window functions, subqueries, parameters, and what depends on the user or the time.",
        )
        .into()
}

/// The one expression of a plan that is nothing but a select list over the table, whose columns have its full name.
fn expression_of(plan: LogicalPlan, table: &TableName) -> Option<Expr> {
    let LogicalPlan::Projection(Projection { expr, input, .. }) = plan else { return None };
    let scan = match input.as_ref() {
        LogicalPlan::SubqueryAlias(named) => named.input.as_ref(),
        other => other,
    };
    let LogicalPlan::TableScan(scan) = scan else { return None };
    let is_whole = scan.projection.is_none() && scan.filters.is_empty() && scan.fetch.is_none();
    let is_table = TableLeaf::of(&scan.source).is_some_and(|leaf| leaf.table().name == *table);
    let Ok([expression]) = <[Expr; 1]>::try_from(expr) else { return None };
    let qualified = expression.unalias().transform(|part| match part {
        Expr::Column(column) => {
            Ok(Transformed::yes(Expr::Column(Column::new(Some(scan.table_name.clone()), column.name))))
        }
        other => Ok(Transformed::no(other)),
    });
    qualified.ok().filter(|_| is_whole && is_table).map(|qualified| qualified.data)
}

fn depends_on_the_row_alone(expression: &Expr) -> bool {
    let depends = expression.exists(|node| {
        Ok(match node {
            Expr::Placeholder(_)
            | Expr::ScalarVariable(..)
            | Expr::OuterReferenceColumn(..)
            | Expr::ScalarSubquery(_)
            | Expr::Exists(_)
            | Expr::InSubquery(_)
            | Expr::SetComparison(_)
            | Expr::AggregateFunction(_)
            | Expr::WindowFunction(_)
            | Expr::Unnest(_)
            | Expr::GroupingSet(_) => true,
            Expr::ScalarFunction(call) => call.func.signature().volatility != Volatility::Immutable,
            _ => false,
        })
    });
    matches!(depends, Ok(false))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::testing::view;

    fn planned(expression: &str) -> Result<MappedColumn, ErrorReport> {
        let functions = FunctionRegistry::standard();
        plan_expression(&TableName::new("marts", "t"), expression, &view(), &functions).map_err(|error| error.0)
    }

    fn type_of(expression: &str) -> String {
        planned(expression).map_or_else(|report| report.sqlstate.to_string(), |column| column.sql_type.name())
    }

    #[test]
    fn expressions_over_a_row_have_a_type() {
        for (expression, expected) in [
            ("name", "text"),
            ("\"price\"", "numeric(18,6)"),
            ("price::double precision", "double precision"),
            ("upper(name) || 'x'", "text"),
            ("CASE WHEN flag THEN id ELSE 0 END", "integer"),
            ("'constant'", "text"),
            ("seen", "timestamp with time zone"),
        ] {
            assert_eq!(type_of(expression), expected, "{expression}");
        }
        let column = planned("id").unwrap();
        assert_eq!(column.expression.to_string(), "marts.t.id");
        assert!(column.nullable);
    }

    #[test]
    fn what_is_no_expression_over_a_row_is_refused() {
        for (expression, expected) in [
            ("count(*)", "0A000"),
            ("row_number() OVER ()", "0A000"),
            ("(SELECT max(id) FROM marts.t)", "0A000"),
            ("current_user", "0A000"),
            ("now()", "0A000"),
            ("random()", "0A000"),
            ("$1::int", "0A000"),
            ("nothing", "42703"),
            ("upper(id)", "42883"),
            ("name +", "42601"),
            ("name) FROM marts.t; SELECT (name", "0A000"),
            ("id, name", "0A000"),
        ] {
            assert_eq!(type_of(expression), expected, "{expression}");
        }
        let hint = planned("count(*)").unwrap_err();
        assert!(hint.hint.is_some() && hint.position.is_none());
    }

    #[test]
    fn an_expression_is_read_without_its_table() {
        assert!(check_expression("anything + 1").is_ok());
        assert_eq!(check_expression("anything +").unwrap_err().0.sqlstate, SqlState::SYNTAX_ERROR);
        assert!(check_expression("a) FROM b; DROP TABLE (c").is_err());
    }

    #[test]
    fn types_meet_as_in_a_union() {
        let number = |precision, scale| SqlType::Numeric { precision, scale };
        for (one, other, expected) in [
            (SqlType::Int4, SqlType::Int8, Some(SqlType::Int8)),
            (number(18, 4), SqlType::Float8, Some(SqlType::Float8)),
            (number(18, 4), number(38, 6), Some(number(38, 6))),
            (SqlType::Date, SqlType::Timestamptz, Some(SqlType::Timestamptz)),
            (SqlType::Text, SqlType::Text, Some(SqlType::Text)),
            (SqlType::Text, SqlType::Int4, None),
            (SqlType::Bool, SqlType::Int4, None),
        ] {
            assert_eq!(common_type(&one, &other), expected, "{one} {other}");
        }
    }
}
