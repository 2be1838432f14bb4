//! `pg_catalog` and `information_schema` as rows, and the functions that go with them.
//!
//! Comes in: a tenant's view and what the session says of itself. Goes out: row leaves and scalar functions.
//! Does not: plan or run anything; most system tables have no rows here, but all of them have their columns.
//! Invariant: nothing is told of a table without a policy: every row and every function reads the tenant's view.

mod builder;
mod definition;
mod fixed;
mod functions;
mod identifier;
mod information;
mod keywords;
mod relation_rows;
mod relations;
mod session_rows;
mod type_names;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock, OnceLock};

use chrono::{DateTime, Utc};
use datafusion::logical_expr::ScalarUDF;
use parking_lot::Mutex;

use crate::base::{ErrorReport, InternalError, SqlState};

use super::rows::RowsLeaf;
use super::snapshot::Snapshot;
use super::view::TenantView;

use builder::Rows;
use definition::Definition;
use relations::{Relation, Relations};

pub use relations::{INFORMATION_SCHEMA, PG_CATALOG};

/// The OID of a type that is written as SQL writes it, such as `timestamp with time zone` or `text[]`.
#[must_use]
pub fn type_oid(name: &str) -> Option<u32> {
    type_names::read_type(name)
}

/// One setting of the session, as `pg_settings` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its name, as `SHOW` takes it.
    pub name: String,
    /// Its value now; a number is one of its unit.
    pub value: String,
    /// Its value at the start of the session.
    pub reset_value: String,
    /// Its value where nobody says another.
    pub boot_value: String,
    /// The unit of a number.
    pub unit: Option<&'static str>,
    /// The chapter of PostgreSQL's manual.
    pub category: &'static str,
    /// Who may change it, in PostgreSQL's words.
    pub context: &'static str,
    /// `bool`, `integer`, `real`, `enum` or `string`.
    pub value_type: &'static str,
    /// The least number.
    pub minimum: Option<&'static str>,
    /// The greatest number.
    pub maximum: Option<&'static str>,
    /// The values of an enum.
    pub values: Option<Vec<&'static str>>,
}

/// The settings of a session, as they are when they are asked for.
pub trait SessionSettings: fmt::Debug + Send + Sync {
    /// Every setting.
    fn all(&self) -> Vec<Setting>;

    /// The value of one; `None` when there is none of that name.
    fn get(&self, name: &str) -> Option<String>;

    /// Changes one, as SET and SET LOCAL do, `None` to its default; gives its new value.
    ///
    /// # Errors
    /// Those of SET.
    fn set(&self, name: &str, value: Option<&str>, local: bool) -> Result<String, ErrorReport>;
}

/// No settings at all, for tests and for plans outside of a session.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoSettings;

impl SessionSettings for NoSettings {
    fn all(&self) -> Vec<Setting> {
        Vec::new()
    }

    fn get(&self, _name: &str) -> Option<String> {
        None
    }

    fn set(&self, name: &str, _value: Option<&str>, _local: bool) -> Result<String, ErrorReport> {
        Err(unrecognized_setting(name))
    }
}

/// The report for a setting that does not exist.
#[must_use]
pub fn unrecognized_setting(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_OBJECT, format!("unrecognized configuration parameter \"{name}\""))
}

/// What a session says of itself to the catalogs.
#[derive(Debug, Clone)]
pub struct SystemContext {
    /// The login name.
    pub user: String,
    /// The name of the one database.
    pub database: String,
    /// Where bare names are looked up, in order.
    pub search_path: Vec<String>,
    /// Its settings.
    pub settings: Arc<dyn SessionSettings>,
    /// `pg_backend_pid()`.
    pub session_id: i32,
}

/// What does not depend on the session: kept with the snapshot, made when it is first asked for.
#[derive(Debug, Clone, Default)]
pub(super) struct SnapshotCache {
    shared: OnceLock<Arc<Shared>>,
}

#[derive(Debug)]
struct Shared {
    relations: Relations,
    /// By the database's name and the table's OID; `information_schema` has the database's name in its rows.
    leaves: Mutex<HashMap<(String, u32), Arc<RowsLeaf>>>,
}

impl SnapshotCache {
    fn of(snapshot: &Snapshot) -> &Arc<Shared> {
        snapshot.system_cache().shared.get_or_init(|| {
            Arc::new(Shared { relations: Relations::new(snapshot), leaves: Mutex::new(HashMap::new()) })
        })
    }
}

/// The system tables and functions of one session at one version of the catalog. Cheap to make and to clone.
#[derive(Clone)]
pub struct System {
    inner: Arc<Inner>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "System({}, version {})", self.inner.context.user, self.inner.view.version())
    }
}

#[derive(Debug)]
struct Inner {
    view: TenantView,
    context: SystemContext,
    shared: Arc<Shared>,
}

impl System {
    /// The system tables as one session sees them. Make a new one when the catalog, the search path or a setting changes.
    #[must_use]
    pub fn new(view: TenantView, context: SystemContext) -> Self {
        let shared = Arc::clone(SnapshotCache::of(view.snapshot()));
        Self { inner: Arc::new(Inner { view, context, shared }) }
    }

    /// A system table by its full name; `None` when there is none.
    ///
    /// # Errors
    /// [`InternalError`] when its rows do not fit its columns.
    pub fn table(&self, schema: &str, name: &str) -> Result<Option<Arc<RowsLeaf>>, InternalError> {
        definition::find(schema, name).map(|definition| self.leaf(definition)).transpose()
    }

    /// A system table by its bare name, which PostgreSQL looks up in `pg_catalog` before the search path.
    ///
    /// # Errors
    /// As [`Self::table`].
    pub fn bare_table(&self, name: &str) -> Result<Option<Arc<RowsLeaf>>, InternalError> {
        self.table(PG_CATALOG, name)
    }

    /// A system function by its bare name in lower case; `None` when there is none.
    #[must_use]
    pub fn scalar(&self, name: &str) -> Option<Arc<ScalarUDF>> {
        functions::find(self, name)
    }

    /// The rows of a system function that stands in FROM; `None` when there is none of that name.
    ///
    /// # Errors
    /// As [`Self::table`].
    pub fn table_function(&self, name: &str) -> Result<Option<Arc<RowsLeaf>>, InternalError> {
        if name == "pg_get_keywords" { keywords::rows().map(Some) } else { Ok(None) }
    }

    /// The view that the rows are made from.
    #[must_use]
    pub fn view(&self) -> &TenantView {
        &self.inner.view
    }

    /// What the session said of itself.
    #[must_use]
    pub fn context(&self) -> &SystemContext {
        &self.inner.context
    }

    fn relations(&self) -> &Relations {
        &self.inner.shared.relations
    }

    /// Whether the relation's bare name means it and no other.
    fn sees_bare(&self, relation: &Relation<'_>) -> bool {
        let found = self.relations().resolve(relation.name, &self.inner.context.search_path);
        found.is_some_and(|found| found.oid == relation.oid)
    }

    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }

    fn leaf(&self, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
        if let Some(leaf) = session_rows::rows(self, definition) {
            return leaf;
        }
        let key = (self.inner.context.database.clone(), definition.oid);
        if let Some(leaf) = self.inner.shared.leaves.lock().get(&key) {
            return Ok(Arc::clone(leaf));
        }
        let leaf = self.make_leaf(definition)?;
        self.inner.shared.leaves.lock().insert(key, Arc::clone(&leaf));
        Ok(leaf)
    }

    fn make_leaf(&self, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
        if let Some(leaf) = relation_rows::rows(self.relations(), definition) {
            return leaf;
        }
        if let Some(leaf) = information::rows(self, definition) {
            return leaf;
        }
        match fixed::rows(definition)? {
            Some(leaf) => Ok(leaf),
            None => Rows::new(definition, 0).finish(),
        }
    }
}

static STARTED_AT: LazyLock<DateTime<Utc>> = LazyLock::new(Utc::now);

/// When the server started, which is when this was first called: `pg_postmaster_start_time()`.
pub fn started_at() -> DateTime<Utc> {
    *STARTED_AT
}

/// The schema and name of every system table.
pub fn names() -> impl Iterator<Item = (&'static str, &'static str)> {
    definition::all().iter().map(|definition| (definition.schema, definition.name))
}

/// Whether there is a system table of that name.
#[must_use]
pub fn is_system_table(schema: &str, name: &str) -> bool {
    definition::find(schema, name).is_some()
}

/// The names of the columns of a system table; `None` when there is none of that name.
#[must_use]
pub fn system_columns(schema: &str, name: &str) -> Option<impl Iterator<Item = &'static str> + use<>> {
    Some(definition::find(schema, name)?.columns.iter().map(|column| column.name))
}

/// Whether there is a system function of that name.
#[must_use]
pub fn is_system_function(name: &str) -> bool {
    functions::names().any(|known| known == name)
}

/// The name of every system function.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::names()
}

/// Whether a schema is one of the system's own.
#[must_use]
pub fn is_system_schema(schema: &str) -> bool {
    schema == PG_CATALOG || schema == INFORMATION_SCHEMA
}

#[cfg(test)]
mod tests;
