//! Which subqueries the engine's own rules turn into joins, and well.

use datafusion::common::Result;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Aggregate, BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator};

use super::free::{self, subquery_of};
use super::lower::Place;

/// Aggregates whose value over no rows the engine knows how to restore.
const PLAIN_AGGREGATES: [&str; 5] = ["count", "sum", "min", "max", "avg"];

/// Whether a subquery expression over these outer rows can stay as it is.
pub(super) fn is_left_to_the_engine(expression: &Expr, rows: &LogicalPlan, place: Place) -> Result<bool> {
    let Some(subquery) = subquery_of(expression) else { return Ok(true) };
    // The engine's own rule for ANY and ALL takes `x` for the column of that name in the subquery.
    if is_outside_of_value(expression) || matches!(expression, Expr::SetComparison(_)) {
        return Ok(false);
    }
    let free = free::columns(&subquery.subquery)?;
    let bound_here = free.iter().all(|column| rows.schema().has_column(column));
    let is_scalar = matches!(expression, Expr::ScalarSubquery(_));
    let is_in_filter = matches!(place, Place::Filter | Place::Alternative | Place::Condition);
    if free.is_empty() {
        return Ok(is_scalar || (is_in_filter && !needs_unknown(expression, rows, place, false)?));
    }
    if !bound_here {
        // Bound further out: here it becomes a plain part of the plan, in which the outer one finds it.
        return Ok(false);
    }
    if is_scalar {
        let is_plain = is_plain_aggregate(&subquery.subquery)? && !is_named_as_key(&subquery.subquery)?;
        return Ok((is_in_filter || place == Place::Output) && is_plain);
    }
    Ok(is_in_filter && !needs_unknown(expression, rows, place, true)? && is_filtered(&subquery.subquery, false)?)
}

/// Whether it matters that `x IN (subquery)` is NULL where the engine takes it for false, or for true.
///
/// Its join for a whole condition `x NOT IN (subquery)` looks for a NULL among all rows of the subquery, so also among those
/// that belong to other outer rows; and it refuses a second equality. Its mark, for a part of a condition, is never NULL.
fn needs_unknown(expression: &Expr, rows: &LogicalPlan, place: Place, is_correlated: bool) -> Result<bool> {
    let Expr::InSubquery(within) = expression else { return Ok(false) };
    let is_whole = place == Place::Filter;
    if !within.negated && matches!(place, Place::Filter | Place::Alternative) {
        return Ok(false);
    }
    if is_whole {
        return Ok(is_correlated);
    }
    let found = within.subquery.subquery.schema().fields().first();
    Ok(found.is_none_or(|field| field.is_nullable()) || within.expr.nullable(rows.schema())?)
}

/// `x NOT IN (subquery)` where `x` is no column: the engine's join keeps the rows in which such an `x` is NULL.
fn is_outside_of_value(expression: &Expr) -> bool {
    matches!(expression, Expr::InSubquery(within) if within.negated && !matches!(*within.expr, Expr::Column(_)))
}

/// Filters and projections over a plan without outer references; only the filters have some.
fn is_filtered(plan: &LogicalPlan, only_equalities: bool) -> Result<bool> {
    if free::columns(plan)?.is_empty() {
        return Ok(true);
    }
    match plan {
        LogicalPlan::Projection(projection) if !projection.expr.iter().any(Expr::contains_outer) => {
            is_filtered(&projection.input, only_equalities)
        }
        LogicalPlan::Filter(filter) => {
            let own = free::columns_of_expression(&filter.predicate, &[&filter.input])?;
            let mut conjuncts = split_conjunction(&filter.predicate).into_iter();
            let direct = conjuncts.all(|conjunct| !has_subquery(conjunct) && (!only_equalities || is_key(conjunct)));
            Ok((own.is_empty() || direct) && is_filtered(&filter.input, only_equalities)?)
        }
        // Through an alias the engine takes a condition up by the names that its columns have below: above, they may have others
        // or mean something else.
        _ => Ok(false),
    }
}

fn is_plain_aggregate(plan: &LogicalPlan) -> Result<bool> {
    match plan {
        LogicalPlan::Projection(projection) => {
            let plain = projection.expr.iter().all(|expr| matches!(expr.clone().unalias(), Expr::Column(_)));
            Ok(plain && is_plain_aggregate(&projection.input)?)
        }
        LogicalPlan::Aggregate(aggregate) => {
            Ok(aggregate.group_expr.is_empty() && has_plain_calls(aggregate) && is_filtered(&aggregate.input, true)?)
        }
        _ => Ok(false),
    }
}

/// Whether the value has the name of a column that is compared with an outer one, `(SELECT count(*) AS k … WHERE k = outer.k)`:
/// the engine puts that column beside the value, and then finds two of the name.
fn is_named_as_key(plan: &LogicalPlan) -> Result<bool> {
    let names: Vec<&str> = plan.schema().fields().iter().map(|field| field.name().as_str()).collect();
    let mut found = false;
    plan.apply(|node| {
        if let LogicalPlan::Filter(filter) = node {
            let correlated = split_conjunction(&filter.predicate).into_iter().filter(|part| part.contains_outer());
            found |= correlated.flat_map(Expr::column_refs).any(|column| names.contains(&column.name.as_str()));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn has_plain_calls(aggregate: &Aggregate) -> bool {
    aggregate.aggr_expr.iter().all(|call| match call.clone().unalias() {
        Expr::AggregateFunction(function) => {
            PLAIN_AGGREGATES.contains(&function.func.name())
                && function.params.filter.is_none()
                && !function.params.args.iter().any(|argument| argument.contains_outer() || has_subquery(argument))
        }
        _ => false,
    })
}

/// `inner = outer`, or a condition without outer columns.
fn is_key(conjunct: &Expr) -> bool {
    if !conjunct.contains_outer() {
        return true;
    }
    let Expr::BinaryExpr(BinaryExpr { left, op: Operator::Eq, right }) = conjunct else { return false };
    let is_pair = |inner: &Expr, outer: &Expr| {
        matches!(inner, Expr::Column(_)) && matches!(outer, Expr::OuterReferenceColumn(_, _))
    };
    is_pair(left, right) || is_pair(right, left)
}

fn has_subquery(expression: &Expr) -> bool {
    expression.exists(|part| Ok(subquery_of(part).is_some())).unwrap_or(true)
}
