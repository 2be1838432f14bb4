//! The keys of a small piece as a filter on a large one that it is joined with.
//!
//! Comes in: the optimised plan over pieces, and the pieces. Goes out: which keys go from where to where, and in a run the
//! rows and keys of the one and the filtered other.
//! Does not: write statements, or choose a store.
//! Invariant: a filter drops no row that can be seen above the join, whatever stands between.

mod collect;
mod descend;
mod estimate;
mod find;
mod narrow;
#[cfg(test)]
mod tests;

pub use collect::{Allowance, Collected, NoRows, collect};
pub use find::{KeyColumn, KeyPlan, Transfer, find};
pub use narrow::{Narrowed, narrowed};
