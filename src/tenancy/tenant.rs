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
    tenant: Arc<Tenant>,
    user: UserName,
    expires_at: Option<i64>,
}

impl Identity {
    pub(super) fn new(tenant: Arc<Tenant>, user: UserName, expires_at: Option<i64>) -> Self {
        Self { tenant, user, expires_at }
    }

    /// An identity that nobody proved, for tests of other folders.
    #[doc(hidden)]
    #[must_use]
    pub fn unproven_for_tests(tenant: Arc<Tenant>, user: UserName, expires_at: Option<i64>) -> Self {
        Self::new(tenant, user, expires_at)
    }

    /// The tenant that the user belongs to.
    #[must_use]
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The login name.
    #[must_use]
    pub fn user(&self) -> &UserName {
        &self.user
    }

    /// When the proof of identity ends, in seconds since 1970 (`exp` of a token); `None` for a password.
    #[must_use]
    pub fn expires_at(&self) -> Option<i64> {
        self.expires_at
    }
}
