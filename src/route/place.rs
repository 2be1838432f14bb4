//! Where a plan could run, told from the bottom up.

use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::logical_plan::TableScan;

use crate::base::StoreKind;
use crate::catalog::TableLeaf;

use super::piece::Capability;
use super::subqueries;

/// Where a plan could run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// It reads no table: anywhere that can say it.
    Neutral,
    /// In this store.
    Store(StoreKind),
    /// In process only.
    Local,
}

impl Side {
    /// Where two inputs of one node could run together.
    pub(super) fn with(self, other: Self) -> Self {
        match (self, other) {
            (Self::Neutral, side) | (side, Self::Neutral) => side,
            (Self::Store(left), Self::Store(right)) if left == right => self,
            (Self::Store(_) | Self::Local, Self::Store(_) | Self::Local) => Self::Local,
        }
    }
}

/// Whether a plan stands inside the query whose columns it may refer to, or is to run on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is a whole statement, or goes where its outer query goes.
    Attached,
    /// It is a subquery that was separated from its outer query: a node that reads an outer column cannot go to a store.
    Detached,
}

/// The name of a scanned table in its store, part by part; `None` for what is no table of a store.
#[must_use]
pub fn physical_name(scan: &TableScan) -> Option<&[String]> {
    TableLeaf::of(&scan.source).map(|leaf| leaf.table().physical.as_slice())
}

/// Whether the store can look at the guard of the table before anything else of a statement.
#[must_use]
pub fn filters_first(scan: &TableScan) -> bool {
    TableLeaf::of(&scan.source).is_some_and(|leaf| leaf.table().filters_first)
}

/// A column's type in the words of its store, and which store that is; `None` for what is no table of a store.
#[must_use]
pub fn store_type<'a>(scan: &'a TableScan, column: &str) -> Option<(StoreKind, &'a str)> {
    let table = TableLeaf::of(&scan.source)?.table();
    let known = table.columns.iter().find(|known| known.name == column)?;
    Some((table.store, known.store_type.as_str()))
}

impl Standing {
    /// How the inputs of a node stand. No dialect says LATERAL, so such a subquery runs in process and its parts on
    /// their own.
    pub(super) fn below(self, plan: &LogicalPlan) -> Self {
        match plan {
            LogicalPlan::Subquery(subquery) if !subquery.outer_ref_columns.is_empty() => Self::Detached,
            _ => self,
        }
    }
}

/// Where a scan's rows are.
pub(super) fn of_scan(scan: &TableScan) -> Side {
    match TableLeaf::of(&scan.source) {
        Some(leaf) => Side::Store(leaf.table().store),
        None => Side::Local,
    }
}

/// Where the whole plan could run, its subqueries included.
#[recursive::recursive]
pub(super) fn of_plan(plan: &LogicalPlan, capability: &dyn Capability, standing: Standing) -> Side {
    let inputs = plan.inputs();
    let below = standing.below(plan);
    let side = inputs
        .iter()
        .map(|input| of_plan(input, capability, below))
        .chain(subqueries_of(plan, capability))
        .reduce(Side::with);
    of_node(plan, side, capability, standing)
}

/// Where the node itself could run, when its inputs and subqueries could run at `inputs`.
pub(super) fn of_node(
    plan: &LogicalPlan,
    inputs: Option<Side>,
    capability: &dyn Capability,
    standing: Standing,
) -> Side {
    let side = match (plan, inputs) {
        (LogicalPlan::TableScan(scan), _) => of_scan(scan),
        (_, Some(side)) => side,
        (_, None) => Side::Neutral,
    };
    match side {
        Side::Store(store) => {
            let said = is_bound(plan, standing)
                && capability.supports(store, plan)
                && neutral_inputs_said(plan, store, capability, standing);
            if said { side } else { Side::Local }
        }
        Side::Neutral | Side::Local => side,
    }
}

/// The sides of the subqueries in a node's own expressions.
fn subqueries_of(plan: &LogicalPlan, capability: &dyn Capability) -> Vec<Side> {
    let mut sides = Vec::new();
    // The closure never fails.
    drop(plan.apply_expressions(|expr| {
        for subquery in subqueries::of_expr(expr) {
            sides.push(of_plan(&subquery.subquery, capability, Standing::Attached));
        }
        Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
    }));
    sides
}

/// The side of all subqueries of a node together; `None` without one.
pub(super) fn of_subqueries(plan: &LogicalPlan, capability: &dyn Capability) -> Option<Side> {
    subqueries_of(plan, capability).into_iter().reduce(Side::with)
}

/// Whether the queries around give the columns that a node reads of them.
fn is_bound(plan: &LogicalPlan, standing: Standing) -> bool {
    standing == Standing::Attached || !subqueries::reads_outer(plan)
}

/// An input without tables goes where the other inputs go, if that store can say it.
fn neutral_inputs_said(plan: &LogicalPlan, store: StoreKind, capability: &dyn Capability, standing: Standing) -> bool {
    let inputs = plan.inputs();
    if inputs.len() < 2 {
        return true;
    }
    inputs.iter().all(|input| reads_table(input) || said(input, store, capability, standing))
}

fn said(plan: &LogicalPlan, store: StoreKind, capability: &dyn Capability, standing: Standing) -> bool {
    is_bound(plan, standing)
        && capability.supports(store, plan)
        && plan.inputs().iter().all(|input| said(input, store, capability, standing))
}

/// Whether the plan has a table of a store in it.
pub(super) fn reads_table(plan: &LogicalPlan) -> bool {
    matches!(plan, LogicalPlan::TableScan(_)) || plan.inputs().iter().any(|input| reads_table(input))
}
