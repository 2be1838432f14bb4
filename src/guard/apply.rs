//! Putting the tenant's filter on every leaf.

use std::sync::Arc;

use datafusion::logical_expr::LogicalPlan;

use crate::base::{InternalError, SqlState, UserFacing};
use crate::tenancy::Tenant;

/// A plan in which every table leaf stands under its policy's filter for one tenant.
#[derive(Debug, Clone)]
pub struct GuardedPlan {
    plan: LogicalPlan,
    tenant: Arc<Tenant>,
}

impl GuardedPlan {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }

    /// The tenant whose rows it reads.
    #[must_use]
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }
}

/// Why a plan could not be guarded.
#[derive(Debug, Clone, thiserror::Error)]
pub enum GuardError {
    /// A defect: a leaf of a kind that the guard does not know, or a policy on a column that the table lacks.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

impl UserFacing for GuardError {
    fn sqlstate(&self) -> SqlState {
        let Self::Internal(error) = self;
        error.sqlstate()
    }
}

/// Guards a plan for a tenant.
///
/// # Errors
/// [`GuardError`] when a leaf cannot be guarded; the plan is then not run.
pub fn apply(_plan: LogicalPlan, _tenant: &Arc<Tenant>) -> Result<GuardedPlan, GuardError> {
    todo!("guard helper")
}
