//! Splitting a plan into pieces.

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{JoinType, LogicalPlan};
use std::sync::Arc;

use crate::base::{InternalError, StoreKind};
use crate::guard::GuardedPlan;

use super::columns::{ColumnSet, needs};
use super::leaf::Pieces;
use super::piece::{Capability, RouteError, RoutedPlan};
use super::place::{self, Side, Standing};
use super::push;
use super::subqueries;

/// Splits a guarded plan into the largest pieces that one store can run whole.
///
/// # Errors
/// [`RouteError::Unsupported`] when a part can run nowhere.
#[expect(clippy::needless_pass_by_value, reason = "a guarded plan is routed once, and then gone")]
pub fn route(plan: GuardedPlan, capability: &dyn Capability) -> Result<RoutedPlan, RouteError> {
    let mut pieces = Pieces::new(&plan);
    match place::of_plan(plan.plan(), capability, Standing::Attached) {
        Side::Store(store) => {
            pieces.add(store, plan.plan().clone(), format!("every table is in {store}"))?;
            Ok(RoutedPlan { pieces: pieces.into_vec(), local: None })
        }
        Side::Neutral => Ok(RoutedPlan { pieces: Vec::new(), local: Some(plan.plan().clone()) }),
        Side::Local => {
            let wanted = ColumnSet::all(plan.plan().schema().fields().len());
            let mut split = Split { capability, pieces: &mut pieces };
            let (local, side) = split.plan(plan.plan().clone(), &wanted, Standing::Attached)?;
            let local = split.cut(local, side, &wanted, side)?;
            Ok(RoutedPlan { pieces: pieces.into_vec(), local: Some(local) })
        }
    }
}

struct Split<'a, 'b> {
    capability: &'a dyn Capability,
    pieces: &'a mut Pieces<'b>,
}

impl Split<'_, '_> {
    /// Splits below a node. What comes back with a store's side is still whole, for the node above may go there too.
    #[recursive::recursive]
    fn plan(
        &mut self,
        plan: LogicalPlan,
        wanted: &ColumnSet,
        standing: Standing,
    ) -> Result<(LogicalPlan, Side), InternalError> {
        let plan = push::below_list(push::below_join(plan));
        let needed = needs(&plan, wanted)?;
        let mut sides = Vec::new();
        let below = standing.below(&plan);
        let plan = map_inputs(plan, |input, at| {
            let (input, side) = self.plan(input, needed_of(&needed, at)?, below)?;
            sides.push(side);
            Ok(input)
        })?;
        let inputs = sides.iter().copied().chain(place::of_subqueries(&plan, self.capability)).reduce(Side::with);
        let side = place::of_node(&plan, inputs, self.capability, standing);
        if side != Side::Local {
            return Ok((plan, side));
        }
        let together = sides.iter().copied().reduce(Side::with).unwrap_or(Side::Neutral);
        let plan = map_inputs(plan, |input, at| {
            let side = sides.get(at).copied().unwrap_or(Side::Local);
            self.cut(input, side, needed_of(&needed, at)?, together)
        })?;
        Ok((self.detach_subqueries(plan)?, Side::Local))
    }

    /// Subqueries of a node that runs in process run there as well, over pieces of their own.
    fn detach_subqueries(&mut self, plan: LogicalPlan) -> Result<LogicalPlan, InternalError> {
        let mapped = plan.map_subqueries(|node| match node {
            LogicalPlan::Subquery(subquery) => {
                let inner = Arc::unwrap_or_clone(subquery.subquery);
                let inner = self.detached(inner).map_err(|error| DataFusionError::External(Box::new(error)))?;
                Ok(Transformed::yes(LogicalPlan::Subquery(Subquery { subquery: Arc::new(inner), ..subquery })))
            }
            other => Ok(Transformed::no(other)),
        });
        mapped.map(|transformed| transformed.data).map_err(InternalError::new)
    }

    fn detached(&mut self, plan: LogicalPlan) -> Result<LogicalPlan, InternalError> {
        let wanted = ColumnSet::all(plan.schema().fields().len());
        let (plan, side) = self.plan(plan, &wanted, Standing::Detached)?;
        self.cut(plan, side, &wanted, Side::Local)
    }

    /// A plan of one store becomes a piece; the rest stays as it is.
    fn cut(
        &mut self,
        plan: LogicalPlan,
        side: Side,
        wanted: &ColumnSet,
        together: Side,
    ) -> Result<LogicalPlan, InternalError> {
        match side {
            Side::Store(_) if is_product(&plan) => {
                let needed = needs(&plan, wanted)?;
                map_inputs(plan, |input, at| {
                    let side = if place::reads_table(&input) { side } else { Side::Neutral };
                    self.cut(input, side, needed_of(&needed, at)?, together)
                })
            }
            Side::Store(store) => self.pieces.cut(store, plan, wanted, reason(store, together)),
            Side::Neutral | Side::Local => Ok(plan),
        }
    }
}

/// Whether every row of one side meets every row of the other: more rows than both have are not fetched from a store. What
/// only names or computes is no less of them.
fn is_product(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Join(join) => join.join_type == JoinType::Inner && join.on.is_empty() && join.filter.is_none(),
        LogicalPlan::Projection(projection) => {
            is_product(&projection.input) && projection.expr.iter().all(|expr| subqueries::of_expr(expr).is_empty())
        }
        LogicalPlan::SubqueryAlias(alias) => is_product(&alias.input),
        _ => false,
    }
}

fn reason(store: StoreKind, together: Side) -> String {
    match together {
        Side::Store(_) => format!("what stands above it cannot be said on {store}"),
        Side::Neutral | Side::Local => format!("the largest part that {store} has alone"),
    }
}

fn needed_of(needed: &[ColumnSet], at: usize) -> Result<&ColumnSet, InternalError> {
    needed.get(at).ok_or_else(|| InternalError::new(format!("no input {at}")))
}

/// Rebuilds a node over new inputs, which have the same schemas as the old ones.
fn map_inputs(
    plan: LogicalPlan,
    mut each: impl FnMut(LogicalPlan, usize) -> Result<LogicalPlan, InternalError>,
) -> Result<LogicalPlan, InternalError> {
    let mut at = 0;
    let mapped = plan.map_children(|input| {
        let mapped = each(input, at).map_err(|error| DataFusionError::External(Box::new(error)))?;
        at += 1;
        Ok(Transformed::yes(mapped))
    });
    mapped.map(|transformed| transformed.data).map_err(InternalError::new)
}
