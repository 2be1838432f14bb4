//! A tenant's view of the snapshot: the only source of table leaves.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::TableSource;

use crate::base::engine_error::nearest;
use crate::base::{SqlState, StoreKind, TableName, UserFacing};
use crate::tenancy::{Policy, Tenant};

use super::logical::LogicalLeaf;
use super::snapshot::Snapshot;
use super::table::{Column, Table};

/// Why a name is no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// Nothing of that name, or nothing that this tenant may know of.
    #[error("relation \"{name}\" does not exist")]
    UndefinedTable {
        /// As the user wrote it.
        name: String,
        /// The most similar visible name.
        nearest: Option<String>,
    },
    /// A table with a policy, and no store is known to have it; but not every store could be asked.
    #[error("{} not available", named(stores))]
    Unreached {
        /// The stores that may have it.
        stores: Vec<StoreKind>,
        /// What is wrong with the first of them.
        detail: String,
    },
    /// No schema of that name.
    #[error("schema \"{0}\" does not exist")]
    UndefinedSchema(String),
}

fn named(stores: &[StoreKind]) -> String {
    let names: Vec<String> = stores.iter().map(ToString::to_string).collect();
    match names.as_slice() {
        [one] => format!("store {one} is"),
        several => format!("stores {} are", several.join(", ")),
    }
}

impl UserFacing for CatalogError {
    fn sqlstate(&self) -> SqlState {
        match self {
            Self::UndefinedTable { .. } => SqlState::UNDEFINED_TABLE,
            Self::Unreached { .. } => SqlState::CONNECTION_FAILURE,
            Self::UndefinedSchema(_) => SqlState::INVALID_SCHEMA_NAME,
        }
    }

    fn detail(&self) -> Option<String> {
        match self {
            Self::Unreached { detail, .. } => Some(detail.clone()),
            Self::UndefinedTable { .. } | Self::UndefinedSchema(_) => None,
        }
    }

    fn hint(&self) -> Option<String> {
        match self {
            Self::UndefinedTable { nearest: Some(near), .. } => {
                Some(format!("Perhaps you meant the table \"{near}\"."))
            }
            Self::Unreached { .. } => Some("Its tables are looked up again until it answers.".to_owned()),
            Self::UndefinedTable { nearest: None, .. } | Self::UndefinedSchema(_) => None,
        }
    }
}

/// A table in a plan, with the policy that the guard will put on it.
///
/// It has no data: a plan over it cannot run before the guard and the router have replaced it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableLeaf {
    table: Arc<Table>,
    policy: Policy,
    schema: SchemaRef,
}

impl TableLeaf {
    /// The table.
    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// The rule for its rows.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The leaf behind a plan's table source, when it is one.
    #[must_use]
    pub fn of(source: &Arc<dyn TableSource>) -> Option<&Self> {
        (source.as_ref() as &dyn std::any::Any).downcast_ref::<Self>()
    }
}

impl TableSource for TableLeaf {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }
}

/// What a name in FROM means.
#[derive(Debug, Clone, PartialEq)]
pub enum Relation {
    /// A table of a store.
    Table(Arc<TableLeaf>),
    /// A name for rows of several tables.
    Logical(Arc<LogicalLeaf>),
}

impl Relation {
    /// Its full name.
    #[must_use]
    pub fn name(&self) -> &TableName {
        match self {
            Self::Table(leaf) => &leaf.table().name,
            Self::Logical(leaf) => &leaf.table().name,
        }
    }

    /// Its columns in their order.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        match self {
            Self::Table(leaf) => &leaf.table().columns,
            Self::Logical(leaf) => &leaf.table().columns,
        }
    }

    /// The leaf of a plan for it.
    #[must_use]
    pub fn into_source(self) -> Arc<dyn TableSource> {
        match self {
            Self::Table(leaf) => leaf,
            Self::Logical(leaf) => leaf,
        }
    }

    /// The relation behind a plan's table source, when it is one.
    #[must_use]
    pub fn name_of(source: &Arc<dyn TableSource>) -> Option<&TableName> {
        let table = TableLeaf::of(source).map(|leaf| &leaf.table().name);
        table.or_else(|| LogicalLeaf::of(source).map(|leaf| &leaf.table().name))
    }
}

/// What one tenant may see of a snapshot.
#[derive(Debug, Clone)]
pub struct TenantView {
    tenant: Arc<Tenant>,
    snapshot: Arc<Snapshot>,
}

impl TenantView {
    /// The tenant's view.
    #[must_use]
    pub fn new(tenant: Arc<Tenant>, snapshot: Arc<Snapshot>) -> Self {
        Self { tenant, snapshot }
    }

    /// The tenant.
    #[must_use]
    pub fn tenant(&self) -> &Arc<Tenant> {
        &self.tenant
    }

    /// The snapshot's version.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.snapshot.version()
    }

    /// The snapshot behind it, for the rest of this folder only: it also knows tables that nobody may see.
    pub(super) fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The tables, in the order of their names.
    pub fn tables(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.snapshot.visible().map(|(table, _)| table)
    }

    /// The schemas that hold a visible table or logical table, each once, in order.
    #[must_use]
    pub fn schemas(&self) -> Vec<&str> {
        let mut schemas: Vec<&str> = self.names().map(|name| name.schema.as_str()).collect();
        schemas.sort_unstable();
        schemas.dedup();
        schemas
    }

    /// The leaf of a table by its full name.
    ///
    /// # Errors
    /// [`CatalogError::UndefinedTable`] when there is none or it has no policy; [`CatalogError::Unreached`] when a store may
    /// have it that never answered.
    pub fn leaf(&self, name: &TableName) -> Result<Arc<TableLeaf>, CatalogError> {
        match self.snapshot.find(name) {
            Some((table, policy)) => {
                Ok(Arc::new(TableLeaf { table: Arc::clone(table), policy: policy.clone(), schema: table.schema() }))
            }
            None => Err(self.unreached(name).unwrap_or_else(|| self.undefined(&name.to_string()))),
        }
    }

    /// What a full name means.
    ///
    /// # Errors
    /// [`CatalogError::UndefinedTable`] when there is nothing of that name, or nothing that this tenant may know of;
    /// [`CatalogError::Unreached`] when a store may have it, or all its placements, that never answered.
    pub fn find(&self, name: &TableName) -> Result<Relation, CatalogError> {
        match self.snapshot.find_logical(name) {
            Some(table) => {
                // A placement whose table this tenant may not see has no leaf, so that the whole is refused, not served.
                let leaves = table.placements.iter().map(|placement| self.leaf(&placement.table));
                let leaves = leaves.collect::<Result<Vec<_>, _>>().map_err(|_| self.undefined(&name.to_string()))?;
                Ok(Relation::Logical(Arc::new(LogicalLeaf::new(Arc::clone(table), leaves))))
            }
            None => self.leaf(name).map(Relation::Table),
        }
    }

    /// The schemas of the path that hold a visible table of that name, in the order of the path.
    pub fn matches<'a>(&'a self, table: &'a str, search_path: &'a [String]) -> impl Iterator<Item = TableName> + 'a {
        search_path.iter().map(move |schema| TableName::new(schema, table)).filter(|name| self.is_known(name))
    }

    /// What a bare name means: in the first schema of the path that has it, as in PostgreSQL.
    ///
    /// # Errors
    /// [`CatalogError::UndefinedTable`] when no schema of the path has it; [`CatalogError::Unreached`] when a store may have
    /// it that never answered, and no schema before has it.
    pub fn resolve(&self, table: &str, search_path: &[String]) -> Result<Relation, CatalogError> {
        for schema in search_path {
            let name = TableName::new(schema, table);
            if self.is_known(&name) {
                return self.find(&name);
            }
            if let Some(unreached) = self.unreached(&name) {
                return Err(unreached);
            }
        }
        Err(self.undefined(table))
    }

    fn is_known(&self, name: &TableName) -> bool {
        self.snapshot.find(name).is_some() || self.snapshot.find_logical(name).is_some()
    }

    fn unreached(&self, name: &TableName) -> Option<CatalogError> {
        let stores = self.snapshot.may_hold(name);
        let detail = stores.values().next()?.clone();
        Some(CatalogError::Unreached { stores: stores.keys().copied().collect(), detail })
    }

    /// The names of all that can stand in FROM.
    fn names(&self) -> impl Iterator<Item = &TableName> {
        self.tables().map(|table| &table.name).chain(self.snapshot.logical().map(|table| &table.name))
    }

    fn undefined(&self, name: &str) -> CatalogError {
        let full: Vec<String> = self.names().map(ToString::to_string).collect();
        let bare = self.names().map(|name| name.table.as_str());
        let near = nearest(name, full.iter().map(String::as_str).chain(bare)).map(str::to_owned);
        CatalogError::UndefinedTable { name: name.to_owned(), nearest: near }
    }
}
