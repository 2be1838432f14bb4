//! The second look: does every base table of the final statement stand inside its guard?

use sqlparser::ast::Statement;
use sqlparser::dialect::Dialect;

use crate::base::{InternalError, SqlState, UserFacing};
use crate::tenancy::{Policy, Tenant};

use super::walk::{Refusal, Walk};

/// What must stand on one base table of an emitted statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// The table's name in the store, part by part.
    pub physical: Vec<String>,
    /// The rule for its rows.
    pub policy: Policy,
    /// The tenant's id, the value of tenant columns.
    pub tenant_id: String,
    /// The values of the policy's list attribute; empty where the policy has none.
    pub list: Vec<String>,
}

impl Requirement {
    /// The requirement that a policy makes for a tenant.
    #[must_use]
    pub fn new(physical: Vec<String>, policy: &Policy, tenant: &Tenant) -> Self {
        let list = match policy {
            Policy::ListAttribute { attribute, .. } | Policy::TenantColumnAndList { attribute, .. } => {
                tenant.attributes.get(attribute).cloned().unwrap_or_default()
            }
            Policy::TenantColumn { .. } | Policy::Shared => Vec::new(),
        };
        Self { physical, policy: policy.clone(), tenant_id: tenant.id.to_string(), list }
    }

    /// Columns and the values that a row must have in each of them. No value at all where nothing is allowed; no column
    /// where every row is.
    #[must_use]
    pub fn admitted_values(&self) -> Vec<(&str, &[String])> {
        let owner = std::slice::from_ref(&self.tenant_id);
        match &self.policy {
            Policy::Shared => Vec::new(),
            Policy::TenantColumn { column } => vec![(column, owner)],
            Policy::ListAttribute { column, attribute: _ } => vec![(column, &self.list)],
            Policy::TenantColumnAndList { tenant_column, column, attribute: _ } => {
                vec![(tenant_column, owner), (column, &self.list)]
            }
        }
    }
}

/// A statement in which every base table was seen to stand inside its guard. Stores run nothing else.
#[derive(Debug, Clone)]
pub struct VerifiedStatement {
    statement: Statement,
    text: String,
}

impl VerifiedStatement {
    /// The statement as it goes to the store.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The same as a tree.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }
}

/// A base table without its guard: a defect of this server.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub struct VerifyError(#[from] pub InternalError);

impl UserFacing for VerifyError {
    fn sqlstate(&self) -> SqlState {
        self.0.sqlstate()
    }

    fn hint(&self) -> Option<String> {
        self.0.hint()
    }
}

/// Walks a final statement and checks every base table against the requirements.
///
/// The walk knows nothing of how the statement was made. What it does not know, it refuses. Where assertions are on, the
/// text is read back with the store's grammar and what was read is walked, too.
///
/// # Errors
/// [`VerifyError`] when a table is unknown or stands outside its guard.
pub fn verify(
    statement: Statement,
    grammar: &dyn Dialect,
    requirements: &[Requirement],
) -> Result<VerifiedStatement, VerifyError> {
    let text = statement.to_string();
    let walked = match &statement {
        Statement::Query(query) => Walk::new(requirements, grammar).query(query),
        _ => Err(Refusal("it is no query".to_owned())),
    };
    match walked.and_then(|()| read_back(&statement, grammar, requirements)) {
        Ok(()) => Ok(VerifiedStatement { statement, text }),
        Err(Refusal(cause)) => Err(VerifyError(InternalError::new(format!("verify: {cause}: {text}")))),
    }
}

#[cfg(debug_assertions)]
use super::read_back::check as read_back;

/// The release trusts the walk over the tree, see `read_back.rs`.
#[cfg(not(debug_assertions))]
fn read_back(_: &Statement, _: &dyn Dialect, _: &[Requirement]) -> Result<(), Refusal> {
    Ok(())
}
