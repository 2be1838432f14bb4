//! A store that is slow, busy or down: retries before the first row, a breaker, places, a limit on its silence.
//!
//! Comes in: a store that does each thing once. Goes out: the same store, which fails at once when it is known to be down
//! and comes back by itself.
//! Does not: know what kind of store it is.
//! Invariant: no statement is repeated once a row of it was passed on.

mod breaker;
mod store;

pub use breaker::BreakerState;
pub use store::{Condition, ResilientStore};
