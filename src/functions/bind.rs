//! Values for parameters, and the request's clock for the functions that tell the time.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::base::engine_error::{report, wrap};
use crate::base::{ErrorReport, InternalError, RequestClock, SqlState, UserFacing, infinite};

use super::clock;

/// What an expression that nobody may read is called.
const UNREAD: &str = "unread ";

/// Stands for a column that its store was not asked for. A plan that reads it cannot be bound.
#[must_use]
pub fn unread(field: &FieldRef) -> Expr {
    Expr::Placeholder(Placeholder::new_with_field(format!("{UNREAD}{}", field.name()), Some(Arc::clone(field))))
}

/// Whether an expression is one that nobody may read, under whatever name.
#[must_use]
pub fn is_unread(expr: &Expr) -> bool {
    match expr {
        Expr::Alias(alias) => is_unread(&alias.expr),
        Expr::Placeholder(placeholder) => placeholder.id.starts_with(UNREAD),
        _ => false,
    }
}

/// Puts values for the parameters and for the clock's functions into a plan. The schema stays the same.
///
/// # Errors
/// `08P01` when a value is missing, `42804` when one does not fit, `XX000` when the plan reads what is [`unread`].
pub fn bind(plan: &LogicalPlan, values: &[ScalarValue], clock: RequestClock) -> Result<LogicalPlan, ErrorReport> {
    bind_plan(plan, values, clock).map_err(|error| report(&error))
}

fn bind_plan(plan: &LogicalPlan, values: &[ScalarValue], clock: RequestClock) -> Result<LogicalPlan, DataFusionError> {
    if !needs_binding(plan)? {
        return Ok(plan.clone());
    }
    let bound = plan.clone().transform_up_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        let change = |expr: Expr| {
            if !mentions(&expr)? {
                return Ok(Transformed::no(expr));
            }
            let name = names.save(&expr);
            let bound = expr.transform_up(|expr| replace(expr, values, clock))?;
            Ok(bound.update_data(|expr| name.restore(expr)))
        };
        // The keys of grouping sets have names of their own.
        node.map_expressions(|expr| match expr {
            Expr::GroupingSet(_) => expr.map_children(change),
            expr => change(expr),
        })
    })?;
    Ok(bound.data)
}

fn replace(expr: Expr, values: &[ScalarValue], clock: RequestClock) -> Result<Transformed<Expr>, DataFusionError> {
    match expr {
        Expr::Placeholder(placeholder) => {
            Ok(Transformed::yes(Expr::Literal(parameter_value(&placeholder, values)?, None)))
        }
        Expr::ScalarFunction(call) => match clock::value(call.func.name(), clock) {
            Some(value) if call.args.is_empty() => Ok(Transformed::yes(Expr::Literal(value, None))),
            Some(_) | None => Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        other => Ok(Transformed::no(other)),
    }
}

/// The value of one parameter, with the causes that the engine gives.
///
/// # Errors
/// Those of [`bind`].
pub fn parameter_value(placeholder: &Placeholder, values: &[ScalarValue]) -> Result<ScalarValue, DataFusionError> {
    if let Some(column) = placeholder.id.strip_prefix(UNREAD) {
        let defect = format!("column {column} is read, and was not asked of its store");
        return Err(wrap(InternalError::new(defect).report()));
    }
    let number = placeholder.id.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok()).unwrap_or_default();
    let value = number.checked_sub(1).and_then(|index| values.get(index)).ok_or_else(|| {
        wrap(ErrorReport::new(
            SqlState::PROTOCOL_VIOLATION,
            format!("bind message supplies {} parameters, but the statement needs ${number}", values.len()),
        ))
    })?;
    match &placeholder.field {
        Some(field) => fit(value, field.data_type(), number),
        None => Ok(value.clone()),
    }
}

/// The value as the type that the plan was made for.
fn fit(value: &ScalarValue, wanted: &DataType, number: usize) -> Result<ScalarValue, DataFusionError> {
    if value.data_type() == *wanted {
        return Ok(value.clone());
    }
    infinite::converted(value, wanted).map_err(|_| {
        wrap(ErrorReport::new(
            SqlState::DATATYPE_MISMATCH,
            format!("the value of parameter ${number} does not fit its type"),
        ))
    })
}

/// Whether anything in a plan waits for values or for the clock.
fn needs_binding(plan: &LogicalPlan) -> Result<bool, DataFusionError> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= mentions(expr)?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

fn mentions(expr: &Expr) -> Result<bool, DataFusionError> {
    expr.exists(|expr| Ok(matches!(expr, Expr::Placeholder(_)) || is_clock(expr)))
}

fn is_clock(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if clock::is_clock(call.func.name()))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::Field;
    use datafusion::logical_expr::LogicalPlanBuilder;

    use super::*;

    #[test]
    fn a_plan_that_reads_what_was_not_asked_for_cannot_be_bound() {
        let field = Arc::new(Field::new("price", DataType::Int64, false));
        let plan = LogicalPlanBuilder::empty(true).project([unread(&field).alias("price")]).unwrap().build().unwrap();
        assert_eq!(plan.schema().field(0).data_type(), &DataType::Int64);
        let start = chrono::DateTime::UNIX_EPOCH;
        let clock = RequestClock { transaction_start: start, statement_start: start };
        let report = bind(&plan, &[ScalarValue::Int64(Some(1))], clock).unwrap_err();
        assert_eq!(report.sqlstate, SqlState::INTERNAL_ERROR);
    }
}
