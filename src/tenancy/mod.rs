//! Who is asking, and which rows are theirs.
//!
//! Comes in: configuration, a password or a token. Goes out: an [`Identity`] with its tenant, and the policy of a table.
//! Does not: plan, connect to stores, or speak a protocol.
//! Invariant: nothing outside this folder makes an [`Identity`].

pub mod policy;
pub mod tenant;

pub use policy::{Policy, PolicyBook};
pub use tenant::{Identity, Tenant};
