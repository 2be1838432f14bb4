//! `numeric` as PostgreSQL computes it: exact digits, and as many after the point as its rules give each result.
//!
//! Comes in: decimals with the digits of their column. Goes out: results with PostgreSQL's digits, cut to what 38 digits
//! can hold.
//! Does not: have NaN and infinity; the store's type has none.
//! Invariant: a result is rounded once, half away from zero.

mod big;
mod elementary;
mod exact;
mod exact_aggregates;
mod functions;

pub(super) use big::{Big, division_by_zero};
pub(super) use exact::functions as exact_functions;
pub(super) use exact_aggregates::functions as exact_aggregates;
pub(super) use functions::functions;

/// A square root with as many digits after the point.
pub(super) fn root_at(x: &Big, scale: i64) -> Result<Big, crate::base::ErrorReport> {
    elementary::square_root(x, Some(scale))
}
