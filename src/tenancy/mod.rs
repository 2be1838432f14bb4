//! Who is asking, and which rows are theirs.
//!
//! Comes in: configuration, a password or a token. Goes out: an [`Identity`] with its tenant, and the policy of a table.
//! Does not: plan, connect to stores, or speak a protocol. The one address it may read from is that of the public keys.
//! Invariant: nothing outside this folder makes an [`Identity`].

mod authenticators;
mod keys;
pub mod policy;
mod scram;
pub mod tenant;
mod token;

pub use crate::config::ScramVerifier;
pub use authenticators::Authenticators;
pub use policy::{Admission, Cell, Policy, PolicyBook};
pub use scram::PasswordError;
pub use tenant::{Identity, Tenant};
pub use token::{AuthError, MintError};
