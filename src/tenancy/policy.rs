//! Row policies: which rows of a table a tenant may see.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::base::TableName;

/// The rule for one table. A table without one does not exist for anybody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// Rows whose column equals the tenant's id.
    TenantColumn {
        /// The column with the tenant's id.
        column: String,
    },
    /// Rows whose column is in a list that the tenant has.
    ListAttribute {
        /// The column that is compared.
        column: String,
        /// The tenant's attribute with the allowed values, such as `symbols`.
        attribute: String,
    },
    /// Both rules at once.
    TenantColumnAndList {
        /// The column with the tenant's id.
        tenant_column: String,
        /// The column that is compared with the list.
        column: String,
        /// The tenant's attribute with the allowed values.
        attribute: String,
    },
    /// Every tenant sees every row.
    Shared,
}

/// The policies of all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyBook {
    policies: HashMap<TableName, Policy>,
}

impl PolicyBook {
    /// A book from pairs of table and policy.
    pub fn new(policies: impl IntoIterator<Item = (TableName, Policy)>) -> Self {
        Self { policies: policies.into_iter().collect() }
    }

    /// The policy of a table, or `None`: then the table is invisible.
    #[must_use]
    pub fn of(&self, table: &TableName) -> Option<&Policy> {
        self.policies.get(table)
    }
}
