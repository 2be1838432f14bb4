//! What every table that this process reads itself must answer: whose rows leave it, and which of them are asked for.
//!
//! Comes in: what the guard requires of the table, and the filters above it. Goes out: a mask over its rows, and keys.
//! Does not: read anything.
//! Invariant: a row that is not the tenant's never leaves the table, whatever stands above it.

mod admitted;
mod keyed;
mod keys;

pub(super) use admitted::Admitted;
pub(super) use keyed::KeyedRows;
pub(super) use keys::{key_text, wanted_keys};
