//! The wall between tenants.
//!
//! Comes in: a plan over [`TableLeaf`](crate::catalog::TableLeaf)s and a tenant. Goes out: a [`GuardedPlan`], in which
//! every leaf stands under its policy's filter; and, after emission, a [`VerifiedStatement`].
//! Does not: route, emit, or run.
//! Invariant: [`apply()`] is the only way to a [`GuardedPlan`] and [`verify()`] the only way to a [`VerifiedStatement`].

mod apply;
mod binding;
mod predicate;
mod printed;
#[cfg(debug_assertions)]
mod read_back;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

pub use apply::{GuardError, GuardedPlan, apply};
pub use verify::{Requirement, VerifiedStatement, VerifyError, verify};
