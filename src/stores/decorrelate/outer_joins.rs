//! Conditions of outer joins in which there is a subquery.
//!
//! A left join is one with the rows of its right side that fit, as LATERAL finds them; a right join is a left join with its
//! sides exchanged; a full join is a left join, and the rows of the right side that fit no row of the left one.

use std::sync::Arc;

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, NullEquality, Result, Spans, not_impl_err};
use datafusion::logical_expr::expr::Exists;
use datafusion::logical_expr::{
    Expr, Filter, Join, JoinConstraint, JoinType, LogicalPlan, Projection, Subquery, Union, lit,
};
use datafusion::scalar::ScalarValue;

use crate::functions;

use super::domain::pick;
use super::free;
use super::push::conditions_as_filter;
use super::quantified::as_outer;
use super::{Decorrelator, shared};

impl Decorrelator {
    /// An outer join whose condition has a subquery, as one whose condition has none.
    pub(super) fn lower_conditional_join(&mut self, join: &Join) -> Result<LogicalPlan> {
        let condition = conditions_as_filter(join).unwrap_or_else(|| lit(true));
        let names = join.schema.columns();
        let (left, right) = (&join.left, &join.right);
        let (left_width, width) = (left.schema().fields().len(), names.len());
        let plan = match join.join_type {
            JoinType::Left => self.left_join(left, right, condition)?,
            JoinType::Right => {
                let exchanged = self.left_join(right, left, condition)?;
                let right_width = width - left_width;
                return pick(exchanged, (right_width..width).chain(0..right_width).map(|index| (index, None)));
            }
            JoinType::Full => self.full_join(left, right, condition)?,
            JoinType::Inner
            | JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::RightAnti
            | JoinType::LeftMark
            | JoinType::RightMark => return not_impl_err!("a subquery in the condition of a {} join", join.join_type),
        };
        pick(plan, names.into_iter().enumerate().map(|(index, name)| (index, Some(name))))
    }

    fn left_join(&mut self, left: &Arc<LogicalPlan>, right: &Arc<LogicalPlan>, condition: Expr) -> Result<LogicalPlan> {
        let fitting = self.lower_filter(Filter::try_new(as_outer(condition, left)?, Arc::clone(right))?)?;
        let (on, always) = (Vec::new(), Some(lit(true)));
        let equality = NullEquality::NullEqualsNothing;
        let constraint = JoinConstraint::On;
        let left = Arc::clone(left);
        let join = Join::try_new(left, shared(fitting), on, always, JoinType::Left, constraint, equality, false)?;
        self.lower_join(join)
    }

    fn full_join(&mut self, left: &Arc<LogicalPlan>, right: &Arc<LogicalPlan>, condition: Expr) -> Result<LogicalPlan> {
        if is_volatile(left)? || is_volatile(right)? {
            return not_impl_err!("a subquery in the condition of a FULL JOIN of rows that are others each time");
        }
        let fitting = self.left_join(left, right, condition.clone())?;
        let fits = self.lower_filter(Filter::try_new(as_outer(condition, right)?, Arc::clone(left))?)?;
        let outer_ref_columns = free::columns(&fits)?.into_iter().map(Expr::Column).collect();
        let subquery = Subquery { subquery: shared(fits), outer_ref_columns, spans: Spans::new() };
        let without_left = Expr::Exists(Exists { subquery, negated: true });
        let alone = self.lower_filter(Filter::try_new(without_left, Arc::clone(right))?)?;
        // The columns of a union are told apart by their names alone, and both sides may have the same.
        let base = self.fresh("full");
        let name = |place: usize| Column::new_unqualified(format!("{base}_{place}"));
        let left_width = left.schema().fields().len();
        let width = left_width + right.schema().fields().len();
        let fitting = pick(fitting, (0..width).map(|place| (place, Some(name(place)))))?;
        let null = |data_type| ScalarValue::try_from(data_type).map(lit);
        let nulls = left.schema().fields().iter().map(|field| null(field.data_type()));
        let own = right.schema().columns().into_iter().map(|column| Ok(Expr::Column(column)));
        let columns = nulls.chain(own).enumerate().map(|(place, value)| Ok(value?.alias(name(place).name)));
        let alone = Projection::try_new(columns.collect::<Result<_>>()?, shared(alone))?;
        let alone = LogicalPlan::Projection(alone);
        Ok(LogicalPlan::Union(Union::try_new(vec![shared(fitting), shared(alone)])?))
    }
}

fn is_call_that_differs(expression: &Expr) -> bool {
    matches!(expression, Expr::ScalarFunction(call) if functions::differs_within_statement(&call.func))
}

/// Whether a plan gives other rows each time that it runs.
fn is_volatile(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expression| {
            found |= expression.exists(|part| Ok(is_call_that_differs(part)))?;
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
