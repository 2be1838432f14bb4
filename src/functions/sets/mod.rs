//! Functions that return rows, as arrays of them: what `FROM` and the SELECT list unnest.
//!
//! Comes in: arguments of settled types. Goes out: one array a row.
//! Does not: unnest; the planner does.
//! Invariant: what is generated keeps to the configured limit on generated rows.

mod arrays;
mod series;

use datafusion::logical_expr::ScalarUDF;

pub use series::series;
pub(super) use series::series_of;

/// Every implementation, with the limits as they are without configuration.
pub(super) fn functions() -> Vec<ScalarUDF> {
    let mut all = arrays::functions();
    all.push(series_of(&crate::base::limits::LimitSet::default()));
    all
}
