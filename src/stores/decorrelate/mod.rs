//! Correlated subqueries and LATERAL as joins, for what runs in process.
//!
//! Comes in: a plan in which subqueries refer to columns outside of them. Goes out: a plan without such references, except
//! where the engine's own rules are known to do it well.
//! Does not: change rows. Stores that know correlated subqueries never see this form.
//! Invariant: a subquery is evaluated once for each distinct set of outer values (its domain), never once for each row.
//!
//! The engine turns a correlated subquery into a join only where the correlation is an equality in a plain filter. This is
//! the general way (Neumann and Kemper, "Unnesting Arbitrary Queries", BTW 2015): the domain is joined into the
//! subquery from below, so that outer references become columns, and the result is joined to the outer rows.

mod domain;
mod free;
mod lower;
mod nullability;
mod ordered;
mod outer_joins;
mod push;
mod quantified;
mod recursion;
mod sets;
mod simple;
mod single_value;

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, not_impl_err};
use datafusion::logical_expr::LogicalPlan;

/// Takes correlated subqueries out of a plan.
///
/// # Errors
/// `NotImplemented` for an outer reference in a place where none can be resolved.
pub fn decorrelate(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !has_work(&plan)? {
        return Ok(plan);
    }
    let mut decorrelator = Decorrelator { names: 0, carriers: Vec::new() };
    let plan = decorrelator.run(plan)?;
    match free::columns(&plan)?.first() {
        None => Ok(plan),
        Some(column) => not_impl_err!("reference to outer column {column} in this place"),
    }
}

/// The work on one plan.
struct Decorrelator {
    names: usize,
    /// The recursions whose terms are being rebuilt, the innermost last.
    carriers: Vec<recursion::Carrier>,
}

impl Decorrelator {
    /// Inner plans first: what is left free in them is bound by an outer one.
    fn run(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let plan = plan.map_children(|child| self.run(child).map(Transformed::yes))?.data;
        let plan = plan.map_subqueries(|subquery| self.run(subquery).map(Transformed::yes))?.data;
        self.lower(plan)
    }

    /// A name that nothing else has.
    fn fresh(&mut self, kind: &str) -> String {
        self.names += 1;
        format!("__{kind}_{}", self.names)
    }
}

/// Whether the plan has any subquery at all; most have none, and are not touched.
fn has_work(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found = matches!(node, LogicalPlan::Subquery(_));
        node.apply_subqueries(|_| {
            found = true;
            Ok(TreeNodeRecursion::Stop)
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn shared(plan: LogicalPlan) -> Arc<LogicalPlan> {
    Arc::new(plan)
}

#[cfg(test)]
mod tests;
