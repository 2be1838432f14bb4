//! Filters go below a join that runs in process, and below what a select list computes in process, so that each store reads
//! only the rows that count.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::logical_plan::{Filter, Join, Projection};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};

use super::columns::position_of;
use super::subqueries;

/// A filter over a join, with every part that reads one side only moved to that side where the join keeps its meaning.
pub(super) fn below_join(plan: LogicalPlan) -> LogicalPlan {
    let LogicalPlan::Filter(filter) = &plan else { return plan };
    let LogicalPlan::Join(join) = filter.input.as_ref() else { return plan };
    let (to_left, to_right) = match join.join_type {
        JoinType::Inner => (true, true),
        JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti => (true, false),
        JoinType::Right | JoinType::RightSemi | JoinType::RightAnti => (false, true),
        JoinType::Full | JoinType::LeftMark | JoinType::RightMark => (false, false),
    };
    let (mut left, mut right, mut above) = (Vec::new(), Vec::new(), Vec::new());
    for part in split_conjunction(&filter.predicate) {
        let (in_left, in_right) = (reads_only(part, join.left.schema()), reads_only(part, join.right.schema()));
        match (in_left && !in_right && to_left, in_right && !in_left && to_right) {
            (true, _) => left.push(part.clone()),
            (_, true) => right.push(part.clone()),
            (false, false) => above.push(part.clone()),
        }
    }
    if left.is_empty() && right.is_empty() {
        return plan;
    }
    let join = Join { left: filtered(&join.left, left), right: filtered(&join.right, right), ..join.clone() };
    match above.into_iter().reduce(Expr::and) {
        None => LogicalPlan::Join(join),
        Some(predicate) => LogicalPlan::Filter(Filter::new(predicate, Arc::new(LogicalPlan::Join(join)))),
    }
}

/// A filter over a select list, with every part moved below the list that reads only columns which the list has as they are.
pub(super) fn below_list(plan: LogicalPlan) -> LogicalPlan {
    let LogicalPlan::Filter(filter) = &plan else { return plan };
    let Some(list) = list_below(&filter.input) else { return plan };
    let (mut below, mut above) = (Vec::new(), Vec::new());
    for part in split_conjunction(&filter.predicate) {
        match behind(part, filter.input.schema(), list) {
            Some(part) => below.push(part),
            None => above.push(part.clone()),
        }
    }
    if below.is_empty() {
        return plan;
    }
    let input = over_filtered_rows(&filter.input, below);
    match above.into_iter().reduce(Expr::and) {
        None => Arc::unwrap_or_clone(input),
        Some(predicate) => LogicalPlan::Filter(Filter::new(predicate, input)),
    }
}

/// A select list under whatever alias.
fn list_below(plan: &LogicalPlan) -> Option<&Projection> {
    match plan {
        LogicalPlan::SubqueryAlias(alias) => list_below(&alias.input),
        LogicalPlan::Projection(projection) => Some(projection),
        _ => None,
    }
}

/// A condition on the columns of a list as one on those of its rows, if each is one of them.
fn behind(part: &Expr, schema: &DFSchema, projection: &Projection) -> Option<Expr> {
    let reads_outer = part.exists(|expr| Ok(matches!(expr, Expr::OuterReferenceColumn(..))));
    // No store reads a column of a query further out, and what takes such queries apart looks for it above.
    if !reads_only(part, schema) || !matches!(reads_outer, Ok(false)) {
        return None;
    }
    let mut is_plain = true;
    let moved = part.clone().transform(|expr| {
        let Expr::Column(column) = &expr else { return Ok(Transformed::no(expr)) };
        let own = position_of(schema, column, 0).and_then(|position| projection.expr.get(position));
        match own.map(|own| own.clone().unalias()) {
            Some(own @ Expr::Column(_)) => Ok(Transformed::yes(own)),
            Some(_) | None => {
                is_plain = false;
                Ok(Transformed::no(expr))
            }
        }
    });
    moved.ok().filter(|_| is_plain).map(|moved| moved.data)
}

/// The plan that [`list_below`] knows, with conditions on the rows of its list.
fn over_filtered_rows(plan: &Arc<LogicalPlan>, conditions: Vec<Expr>) -> Arc<LogicalPlan> {
    match plan.as_ref() {
        LogicalPlan::SubqueryAlias(alias) => {
            let mut changed = alias.clone();
            changed.input = over_filtered_rows(&alias.input, conditions);
            Arc::new(LogicalPlan::SubqueryAlias(changed))
        }
        LogicalPlan::Projection(projection) => {
            let mut changed = projection.clone();
            changed.input = filtered(&projection.input, conditions);
            Arc::new(LogicalPlan::Projection(changed))
        }
        _ => filtered(plan, conditions),
    }
}

fn filtered(input: &Arc<LogicalPlan>, parts: Vec<Expr>) -> Arc<LogicalPlan> {
    match parts.into_iter().reduce(Expr::and) {
        None => Arc::clone(input),
        Some(predicate) => Arc::new(LogicalPlan::Filter(Filter::new(predicate, Arc::clone(input)))),
    }
}

fn reads_only(part: &Expr, schema: &DFSchema) -> bool {
    let columns = part.column_refs();
    let plain = !columns.is_empty() && subqueries::of_expr(part).is_empty() && !part.is_volatile();
    plain && columns.iter().all(|column| position_of(schema, column, 0).is_some())
}
