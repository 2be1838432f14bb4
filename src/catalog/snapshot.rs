//! What discovery found, at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::base::{StoreKind, TableName};
use crate::tenancy::{Policy, PolicyBook};

use super::logical::{self, LogicalTable};
use super::system::SnapshotCache;
use super::table::Table;

/// Every table of every store, immutable. A change is a new snapshot with a higher version.
#[derive(Debug, Clone)]
pub struct Snapshot {
    version: u64,
    tables: BTreeMap<TableName, Arc<Table>>,
    logical: BTreeMap<TableName, Arc<LogicalTable>>,
    /// The logical tables that have no placement now, each with the tables that would be one.
    unplaced: BTreeMap<TableName, Vec<TableName>>,
    policies: Arc<PolicyBook>,
    /// The stores whose tables nobody knows, because they never answered, and why.
    unreached: BTreeMap<StoreKind, String>,
    system: SnapshotCache,
}

impl Snapshot {
    /// A snapshot of the tables under the policies.
    pub fn new(version: u64, tables: impl IntoIterator<Item = Table>, policies: Arc<PolicyBook>) -> Self {
        let tables = tables.into_iter().map(|table| (table.name.clone(), Arc::new(table))).collect();
        Self {
            version,
            tables,
            logical: BTreeMap::new(),
            unplaced: BTreeMap::new(),
            policies,
            unreached: BTreeMap::new(),
            system: SnapshotCache::default(),
        }
    }

    /// The same, with stores that never answered and what was wrong with each.
    #[must_use]
    pub fn with_unreached(mut self, unreached: BTreeMap<StoreKind, String>) -> Self {
        self.unreached = unreached;
        self
    }

    /// The stores that may have a table: one that has a policy and that no store is known to have, or a logical table without
    /// a placement that would have one there. Empty when every store has told its tables.
    pub(super) fn may_hold(&self, name: &TableName) -> &BTreeMap<StoreKind, String> {
        static NONE: BTreeMap<StoreKind, String> = BTreeMap::new();
        let is_awaited = match self.unplaced.get(name) {
            Some(placements) => placements.iter().any(|table| self.is_awaited(table)),
            None => self.is_awaited(name),
        };
        if is_awaited { &self.unreached } else { &NONE }
    }

    fn is_awaited(&self, table: &TableName) -> bool {
        self.policies.of(table).is_some() && !self.tables.contains_key(table)
    }

    /// The same with logical tables over its own. What of them has no visible placement is left out, and so is one that
    /// has the name of a physical table.
    #[must_use]
    pub fn with_logical(self, tables: impl IntoIterator<Item = LogicalTable>) -> Self {
        let logical = logical::seen_tables(tables, &self.tables, |name| self.find(name).is_some());
        Self { logical, system: SnapshotCache::default(), ..self }
    }

    /// The same with the names of logical tables that have no placement now, each with the tables that would be one.
    #[must_use]
    pub fn with_unplaced(mut self, unplaced: BTreeMap<TableName, Vec<TableName>>) -> Self {
        self.unplaced = unplaced;
        self
    }

    /// Grows with every change.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Whether these tables, and no others, are in it.
    #[must_use]
    pub fn is_of(&self, tables: &[Table]) -> bool {
        let found = |table: &Table| self.tables.get(&table.name).is_some_and(|known| known.as_ref() == table);
        self.tables.len() == tables.len() && tables.iter().all(found)
    }

    /// How many tables were not looked up at the last discovery, because their store was down.
    #[must_use]
    pub fn stale_count(&self, store: StoreKind) -> usize {
        self.of_store(store).filter(|table| table.stale).count()
    }

    /// Every table that has a policy, with it, in the order of the names. The others do not exist for anybody.
    pub fn visible(&self) -> impl Iterator<Item = (&Arc<Table>, &Policy)> {
        self.tables.values().filter_map(|table| Some((table, self.policies.of(&table.name)?)))
    }

    /// The logical tables, in the order of their names, with nothing but what is visible of them.
    pub fn logical(&self) -> impl Iterator<Item = &Arc<LogicalTable>> {
        self.logical.values()
    }

    /// One logical table.
    #[must_use]
    pub fn find_logical(&self, name: &TableName) -> Option<&Arc<LogicalTable>> {
        self.logical.get(name)
    }

    /// Whether a store has a table of that name, seen or not.
    #[must_use]
    pub fn is_physical(&self, name: &TableName) -> bool {
        self.tables.contains_key(name)
    }

    /// What the system tables keep of this snapshot.
    pub(super) fn system_cache(&self) -> &SnapshotCache {
        &self.system
    }

    /// One table with its policy.
    #[must_use]
    pub fn find(&self, name: &TableName) -> Option<(&Arc<Table>, &Policy)> {
        Some((self.tables.get(name)?, self.policies.of(name)?))
    }

    /// The tables of one store.
    pub fn of_store(&self, store: StoreKind) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values().filter(move |table| table.store == store)
    }

    /// Tables that were discovered and have no policy: an operator wants to know of them.
    pub fn invisible(&self) -> impl Iterator<Item = &Arc<Table>> {
        self.tables.values().filter(|table| self.policies.of(&table.name).is_none())
    }
}
