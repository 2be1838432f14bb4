//! The distinct outer values that a subquery is evaluated for.

use datafusion::common::{Column, NullEquality, Result};
use datafusion::logical_expr::{
    Distinct, Expr, Join, JoinConstraint, JoinType, LogicalPlan, Projection, SubqueryAlias,
};

use super::{Decorrelator, shared};

/// The domain of one subquery.
pub(super) struct Domain {
    /// The outer columns, as the outer plan names them.
    pub(super) outer: Vec<Column>,
    /// The same under names that nothing else has, distinct; not yet under an alias of its own.
    plan: LogicalPlan,
}

impl Domain {
    /// The domain of these columns over the outer rows.
    pub(super) fn new(names: &mut Decorrelator, outer_rows: &LogicalPlan, outer: Vec<Column>) -> Result<Self> {
        let base = names.fresh("outer");
        let renamed =
            outer.iter().enumerate().map(|(i, column)| Expr::Column(column.clone()).alias(format!("{base}_{i}")));
        let projection = Projection::try_new(renamed.collect(), shared(outer_rows.clone()))?;
        let plan = LogicalPlan::Distinct(Distinct::All(shared(LogicalPlan::Projection(projection))));
        Ok(Self { outer, plan })
    }

    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        self.outer.len()
    }

    /// The rows under an alias of their own: the same domain may stand on both sides of a join.
    pub(super) fn instance(&self, names: &mut Decorrelator) -> Result<LogicalPlan> {
        let alias = names.fresh("domain");
        Ok(LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(shared(self.plan.clone()), alias)?))
    }

    /// The domain's columns in a plan that has been joined with it: always the last ones.
    pub(super) fn columns_in(&self, plan: &LogicalPlan) -> Vec<Column> {
        let columns = plan.schema().columns();
        columns[columns.len() - self.width()..].to_vec()
    }
}

/// A join on pairs of columns, where NULL equals NULL as it does among values of a domain.
pub(super) fn join_null_safe(
    left: LogicalPlan,
    right: LogicalPlan,
    pairs: impl IntoIterator<Item = (Column, Column)>,
    filter: Option<Expr>,
    join_type: JoinType,
) -> Result<LogicalPlan> {
    let on = pairs.into_iter().map(|(left, right)| (Expr::Column(left), Expr::Column(right))).collect();
    let (left, right) = (shared(left), shared(right));
    let constraint = JoinConstraint::On;
    let join = Join::try_new(left, right, on, filter, join_type, constraint, NullEquality::NullEqualsNull, false)?;
    Ok(LogicalPlan::Join(join))
}

/// A projection of some columns by their positions, under the given names.
pub(super) fn pick(
    plan: LogicalPlan,
    picked: impl IntoIterator<Item = (usize, Option<Column>)>,
) -> Result<LogicalPlan> {
    let columns = plan.schema().columns();
    let expressions = picked.into_iter().map(|(index, name)| match name {
        Some(name) if name != columns[index] => {
            Expr::Column(columns[index].clone()).alias_qualified(name.relation, name.name)
        }
        Some(_) | None => Expr::Column(columns[index].clone()),
    });
    let expressions: Vec<Expr> = expressions.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(expressions, shared(plan))?))
}
