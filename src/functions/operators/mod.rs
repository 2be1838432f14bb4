//! Operators that the planner writes as calls and that PostgreSQL has no function of a name for: of arrays, times, bits.
//!
//! Comes in: arguments of settled types, as the planner's own resolution left them. Goes out: implementations.
//! Does not: resolve types; what reaches an implementation fits it.
//! Invariant: none of them can be called by name.

mod array;
mod array_compare;
mod bits;
mod time;

use datafusion::logical_expr::ScalarUDF;

/// Every implementation.
pub(super) fn functions() -> Vec<ScalarUDF> {
    [array::functions(), array_compare::functions(), bits::functions(), time::functions()]
        .into_iter()
        .flatten()
        .collect()
}
