//! Filters go below a join that runs in process, so that each store reads only the rows that count.

use std::sync::Arc;

use datafusion::common::DFSchema;
use datafusion::logical_expr::logical_plan::{Filter, Join};
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
