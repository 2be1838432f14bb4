//! A tenant and an authenticated user.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{TenantId, UserName};

/// A tenant with the lists that its policies refer to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tenant {
    /// The id; also the value of tenant columns.
    pub id: TenantId,
    /// List attributes by name, such as `symbols`. A policy on a list that the tenant does not have selects no row.
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// A user whose password or token was checked.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The tenant that the user belongs to.
    pub tenant: Arc<Tenant>,
    /// The login name.
    pub user: UserName,
    /// When the proof of identity ends, in seconds since 1970 (`exp` of a token); `None` for a password.
    pub expires_at: Option<i64>,
}
