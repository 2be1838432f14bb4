//! Which placement of a logical table serves which part of a query.
//!
//! Comes in: a plan whose leaves may be logical tables, and what the session wants. Goes out: the same plan over physical
//! tables, with the same columns, and why.
//! Does not: guard. The leaf of the physical table brings the policy of that table, and the guard looks at it afterwards.
//! Invariant: the columns of a logical table keep their names and types, whichever placement is taken.

mod bound;
mod choose;
mod expand;
#[cfg(test)]
mod tests;

use datafusion::logical_expr::LogicalPlan;

use crate::base::{Freshness, TableName};

use super::piece::RouteError;

/// A plan over physical tables.
#[derive(Debug, Clone)]
pub struct PlacedPlan {
    /// The plan.
    pub plan: LogicalPlan,
    /// What was taken for each reading of a logical table, in the order of the plan.
    pub choices: Vec<Choice>,
}

/// What was taken for one reading of a logical table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The logical table.
    pub table: TableName,
    /// The physical table that serves it.
    pub placement: TableName,
    /// What this placement is for.
    pub freshness: Freshness,
    /// Why this one, in a few words for `EXPLAIN`.
    pub reason: String,
}

/// Puts a placement in the place of every logical table.
///
/// What whoever reads a table said of it counts more than what the session said; where nobody said anything, the query
/// tells: a condition on the key of a placement for points asks for that one, anything else for history before the live
/// state. A placement serves only what uses no column that it lacks.
///
/// # Errors
/// [`RouteError::NoPlacement`] when no placement has all columns that are used of a table.
pub fn place_logical_tables(plan: LogicalPlan, wanted: Option<Freshness>) -> Result<PlacedPlan, RouteError> {
    if !expand::reads_logical_tables(&plan)? {
        return Ok(PlacedPlan { plan, choices: Vec::new() });
    }
    expand::expand(plan, wanted)
}
