//! The order of the rows that a subquery sorts, for an aggregate that a join has come below: each row carries its place.

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{Column, Result};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::logical_expr::{Expr, LogicalPlan, SortExpr, Window};

use super::shared;

/// Whether the rows of a plan come in an order that it asks for.
pub(super) fn is_sorted(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Sort(_) => true,
        LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) | LogicalPlan::Filter(_) | LogicalPlan::Limit(_) => {
            plan.inputs().into_iter().all(is_sorted)
        }
        _ => false,
    }
}

/// Whether the values of expressions depend on the order in which their aggregates read rows.
pub(super) fn depend_on_order(expressions: &[Expr]) -> bool {
    let mut calls = expressions.iter();
    calls.any(|expression| {
        expression
            .exists(|part| Ok(matches!(part, Expr::AggregateFunction(call) if reads_as_they_come(call))))
            .unwrap_or(true)
    })
}

fn reads_as_they_come(call: &AggregateFunction) -> bool {
    // The library says of `count` that it is, and then reads an order as an argument.
    let is_sensitive =
        call.func.order_sensitivity() != AggregateOrderSensitivity::Insensitive && call.func.name() != "count";
    is_sensitive && call.params.order_by.is_empty() && !call.params.distinct
}

/// The rows with their places in a last column.
pub(super) fn numbered(input: LogicalPlan, name: &str) -> Result<LogicalPlan> {
    let number = Expr::from(WindowFunction::new(row_number_udwf(), vec![])).alias(name);
    Ok(LogicalPlan::Window(Window::try_new(vec![number], shared(input))?))
}

/// The expression whose aggregates read rows by the places in a column.
pub(super) fn by_place(expression: Expr, name: &str) -> Result<Expr> {
    let place = SortExpr::new(Expr::Column(Column::new_unqualified(name)), true, false);
    expression
        .transform_up(|part| match part {
            Expr::AggregateFunction(mut call) if reads_as_they_come(&call) => {
                call.params.order_by.push(place.clone());
                Ok(Transformed::yes(Expr::AggregateFunction(call)))
            }
            other => Ok(Transformed::no(other)),
        })
        .data()
}
