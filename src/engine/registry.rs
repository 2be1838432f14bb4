//! The schema registry at work: who asks the stores for their tables, and when.
//!
//! Every minute all stores are asked; on demand (`SELECT catalog_refresh()`) too. A statement that finds a table changed has
//! its store asked at once, and all statements that find so share the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures::future::join_all;
use tokio::sync::Mutex;

use crate::base::limits::{self, LimitSet};
use crate::base::{StoreKind, TenantId};
use crate::catalog::{Snapshot, Table, TenantView, unguardable};
use crate::config::LogicalTableSection;
use crate::functions::FunctionRegistry;
use crate::stores::{Store, StoreError};
use crate::tenancy::{PolicyBook, Tenant};

use super::logical;
use super::memory::{CatalogMemory, Memory};

/// The tables of all stores, as they are known now.
#[derive(Debug)]
pub(super) struct Registry {
    stores: BTreeMap<StoreKind, Arc<dyn Store>>,
    policies: Arc<PolicyBook>,
    logical_tables: Vec<LogicalTableSection>,
    functions: FunctionRegistry,
    known: ArcSwap<Known>,
    /// Whoever holds it makes the next snapshot: an older one must not come after a newer one.
    turn: Mutex<Turn>,
    /// Discoveries of all stores that have ended.
    rounds: AtomicU64,
    /// Between two lookups of one store that statements ask for.
    pause: Duration,
    /// What outlives this process.
    memory: Option<Arc<Memory>>,
}

#[derive(Debug, Clone)]
struct Known {
    snapshot: Arc<Snapshot>,
    /// When each store last told its tables.
    told: BTreeMap<StoreKind, Instant>,
    unreached: Unreached,
    /// The tables that a tenant remembers of stores that have told nothing since the start.
    remembered: Remembered,
    /// The stores of which all that is remembered has been read.
    recalled: BTreeSet<StoreKind>,
    /// The snapshots of the tenants that remember any.
    of_tenants: BTreeMap<TenantId, Arc<Snapshot>>,
}

/// The stores whose tables are not known because they did not answer, and what was wrong with each.
type Unreached = BTreeMap<StoreKind, String>;

type Remembered = BTreeMap<TenantId, Vec<Table>>;

/// What a discovery leads to.
struct Next {
    tables: Vec<Table>,
    down: Vec<StoreKind>,
    told: BTreeMap<StoreKind, Instant>,
    unreached: Unreached,
    remembered: Remembered,
    recalled: BTreeSet<StoreKind>,
}

/// The last lookup of each store that a statement asked for.
#[derive(Debug, Default)]
struct Turn {
    lookups: BTreeMap<StoreKind, Lookup>,
}

#[derive(Debug, Clone, Copy)]
struct Lookup {
    began: Instant,
    /// It came to its end: whoever asked may have been cancelled meanwhile.
    ended: bool,
}

/// What is known of a store's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Knowledge {
    pub(super) tables: usize,
    /// Those of an earlier discovery, because the store was down at the last one.
    pub(super) stale: usize,
    /// Since the store last told; `None` when it never did.
    pub(super) age: Option<Duration>,
}

impl Turn {
    fn note(&mut self, stores: &[StoreKind], lookup: Lookup) {
        self.lookups.extend(stores.iter().map(|store| (*store, lookup)));
    }

    fn end(&mut self, stores: &[StoreKind]) {
        for store in stores {
            if let Some(lookup) = self.lookups.get_mut(store) {
                lookup.ended = true;
            }
        }
    }
}

type Found = Result<Vec<Table>, StoreError>;

impl Registry {
    /// It knows no table before the first discovery.
    pub(super) fn new(
        stores: Vec<Arc<dyn Store>>,
        policies: Arc<PolicyBook>,
        logical_tables: Vec<LogicalTableSection>,
        memory: Option<CatalogMemory>,
        limits: &LimitSet,
    ) -> Self {
        let most_bytes = limits.of(limits::CATALOG_VIEW_BYTES);
        let snapshot = Arc::new(Snapshot::new(0, [], Arc::clone(&policies)));
        Self {
            stores: stores.into_iter().map(|store| (store.kind(), store)).collect(),
            known: ArcSwap::from_pointee(Known {
                snapshot,
                told: BTreeMap::new(),
                unreached: Unreached::new(),
                remembered: Remembered::new(),
                recalled: BTreeSet::new(),
                of_tenants: BTreeMap::new(),
            }),
            turn: Mutex::default(),
            rounds: AtomicU64::new(0),
            pause: Duration::from_millis(limits.of(limits::CATALOG_LOOKUP_PAUSE_MS) as u64),
            memory: memory.map(|parts| Arc::new(Memory::new(parts, &policies, most_bytes))),
            policies,
            logical_tables,
            functions: FunctionRegistry::standard().with_limits(limits),
        }
    }

    /// The version of the catalog that is in force.
    pub(super) fn version(&self) -> u64 {
        self.known.load().snapshot.version()
    }

    pub(super) fn view(&self, tenant: &Arc<Tenant>) -> TenantView {
        let known = self.known.load();
        let snapshot = known.of_tenants.get(&tenant.id).unwrap_or(&known.snapshot);
        TenantView::new(Arc::clone(tenant), Arc::clone(snapshot))
    }

    pub(super) fn policies(&self) -> &Arc<PolicyBook> {
        &self.policies
    }

    pub(super) fn stores(&self) -> &BTreeMap<StoreKind, Arc<dyn Store>> {
        &self.stores
    }

    /// What is known of the tables of a store.
    pub(super) fn knowledge(&self, store: StoreKind) -> Knowledge {
        let known = self.known.load();
        Knowledge {
            tables: known.snapshot.of_store(store).count(),
            stale: known.snapshot.stale_count(store) + most_remembered(&known.remembered, store),
            age: known.told.get(&store).map(Instant::elapsed),
        }
    }

    /// How many discoveries of all stores have ended.
    pub(super) fn rounds(&self) -> u64 {
        self.rounds.load(Ordering::Acquire)
    }

    /// Asks every store, one discovery at a time, unless so many have ended when the turn comes that it is enough. A store
    /// that is down keeps its last known tables, marked stale; the names of such stores are returned.
    pub(super) async fn discover_unless(&self, is_enough: impl FnOnce(u64) -> bool) -> Vec<StoreKind> {
        let mut turn = self.turn.lock().await;
        if is_enough(self.rounds()) {
            return Vec::new();
        }
        let every: Vec<StoreKind> = self.stores.keys().copied().collect();
        let down = self.look_at(&every, &mut turn, true).await;
        self.rounds.fetch_add(1, Ordering::Release);
        down
    }

    /// Asks the stores that said that their tables have changed, unless somebody has asked since. Asked too soon after the
    /// last time, it waits: statements that meet changed tables cannot make the server ask a store more often than the pause
    /// allows.
    pub(super) async fn look_again(&self, changed: &[StoreKind]) {
        let heard = Instant::now();
        loop {
            let mut turn = self.turn.lock().await;
            let is_known =
                |store: &StoreKind| turn.lookups.get(store).is_some_and(|last| last.ended && last.began >= heard);
            if changed.iter().all(is_known) {
                return;
            }
            if let Some(left) = self.until_next(&turn, changed) {
                drop(turn);
                tokio::time::sleep(left).await;
                continue;
            }
            self.look_at(changed, &mut turn, false).await;
            return;
        }
    }

    /// Asks stores for their tables and puts what they tell in force; names those that are down. Where nothing is found
    /// changed, the catalog keeps its version, and plans stay good.
    async fn look_at(&self, stores: &[StoreKind], turn: &mut Turn, may_recall: bool) -> Vec<StoreKind> {
        let before = self.known.load_full();
        turn.note(stores, Lookup { began: Instant::now(), ended: false });
        let found = self.ask(stores).await;
        let mut next = self.put_together(&before, found);
        if may_recall {
            self.recall(&mut next).await;
        }
        let is_same = before.snapshot.version() > 0
            && before.snapshot.is_of(&next.tables)
            && before.unreached == next.unreached
            && before.remembered == next.remembered;
        let down = next.down.clone();
        self.put_in_force(before.snapshot.version() + u64::from(!is_same), next);
        turn.end(stores);
        down
    }

    /// How long it is until the stores may be asked again; `None` when they may now.
    fn until_next(&self, turn: &Turn, stores: &[StoreKind]) -> Option<Duration> {
        let last = stores.iter().filter_map(|store| turn.lookups.get(store)).map(|last| last.began).max()?;
        self.pause.checked_sub(last.elapsed()).filter(|left| !left.is_zero())
    }

    async fn ask(&self, stores: &[StoreKind]) -> BTreeMap<StoreKind, Found> {
        let asked = self.stores.iter().filter(|(kind, _)| stores.contains(kind));
        join_all(asked.map(async |(kind, store)| (*kind, store.discover().await))).await.into_iter().collect()
    }

    /// What was found, and of the stores that did not answer or were not asked what was known before.
    fn put_together(&self, before: &Known, mut found: BTreeMap<StoreKind, Found>) -> Next {
        let (mut tables, mut down) = (Vec::new(), Vec::new());
        let (mut told, mut unreached) = (before.told.clone(), before.unreached.clone());
        for kind in self.stores.keys() {
            let known = before.snapshot.of_store(*kind).map(AsRef::as_ref);
            match found.remove(kind) {
                None => tables.extend(known.cloned()),
                Some(Ok(found)) => {
                    told.insert(*kind, Instant::now());
                    unreached.remove(kind);
                    tables.extend(found.into_iter().filter(|table| self.can_be_guarded(table)));
                }
                Some(Err(error)) => {
                    tracing::warn!(store = %kind, %error, "discovery failed; the last known tables stay, marked stale");
                    down.push(*kind);
                    unreached.remove(kind);
                    let stale: Vec<Table> = known.map(Table::as_stale).collect();
                    if stale.is_empty()
                        && let StoreError::Unavailable { detail, .. } = error
                    {
                        unreached.insert(*kind, detail);
                    }
                    tables.extend(stale);
                }
            }
        }
        let mut remembered = before.remembered.clone();
        for view in remembered.values_mut() {
            view.retain(|table| !told.contains_key(&table.store));
        }
        let recalled = before.recalled.clone();
        Next { tables, down, told, unreached, remembered, recalled }
    }

    /// Adds what the tenants last saw of stores that have told nothing since the start. Once all of it is read, it stays.
    async fn recall(&self, next: &mut Next) {
        let Some(memory) = &self.memory else { return };
        let is_kept = |store: &StoreKind| self.stores.get(store).is_some_and(|store| store.has_own_catalog());
        let is_unknown =
            |store: &&StoreKind| is_kept(store) && !next.told.contains_key(store) && !next.recalled.contains(store);
        let unknown: Vec<StoreKind> = next.down.iter().filter(is_unknown).copied().collect();
        for store in unknown {
            let (views, is_all) = memory.recall(store).await;
            if is_all {
                next.recalled.insert(store);
            }
            for (tenant, tables) in views {
                let view = next.remembered.entry(tenant).or_default();
                view.retain(|table| table.store != store);
                view.extend(tables.into_iter().filter(|table| self.can_be_guarded(table)));
            }
        }
    }

    /// A table whose rows its policy cannot tell apart exists for nobody; the operator hears why.
    fn can_be_guarded(&self, table: &Table) -> bool {
        let problem = self.policies.of(&table.name).and_then(|policy| unguardable(table, policy));
        if let Some(problem) = &problem {
            tracing::warn!(
                table = %problem.table,
                column = problem.column,
                store_type = problem.store_type,
                "{problem}, so nobody sees the table"
            );
        }
        problem.is_none()
    }

    fn put_in_force(&self, version: u64, next: Next) {
        let before = self.known.load();
        let Next { tables, down: _, told, unreached, remembered, recalled } = next;
        if version == before.snapshot.version() {
            self.keep(&before.snapshot, &told);
            self.known.store(Arc::new(Known { told, recalled, ..before.as_ref().clone() }));
            return;
        }
        let views = remembered.iter().filter(|(_, view)| !view.is_empty());
        let of_tenants = views.map(|(tenant, view)| {
            // What a store tells now counts more than what is remembered under the same name.
            let all = view.iter().chain(&tables).cloned();
            let mut unreached = unreached.clone();
            unreached.retain(|store, _| view.iter().all(|table| table.store != *store));
            (tenant.clone(), Arc::new(self.snapshot_of(version, all, unreached)))
        });
        let of_tenants = of_tenants.collect();
        let snapshot = Arc::new(self.snapshot_of(version, tables, unreached.clone()));
        for table in snapshot.invisible() {
            tracing::warn!(table = %table.name, "the table has no policy, so nobody sees it");
        }
        self.keep(&snapshot, &told);
        self.known.store(Arc::new(Known { snapshot, told, unreached, remembered, recalled, of_tenants }));
    }

    fn snapshot_of(&self, version: u64, tables: impl IntoIterator<Item = Table>, unreached: Unreached) -> Snapshot {
        let physical = Snapshot::new(version, tables, Arc::clone(&self.policies)).with_unreached(unreached);
        self.with_logical_tables(physical)
    }

    /// The snapshot with the logical tables over its own. One that no longer fits is not there.
    fn with_logical_tables(&self, physical: Snapshot) -> Snapshot {
        let physical = Arc::new(physical);
        let defined = match logical::define(&self.logical_tables, &physical, &self.functions) {
            Ok(defined) => defined,
            Err(error) => {
                tracing::warn!(%error, "there are no logical tables");
                logical::Defined::default()
            }
        };
        for problem in &defined.problems {
            tracing::warn!(%problem, "the logical table does not fit, so it is not there");
        }
        for (table, placement) in &defined.absent {
            tracing::warn!(%table, %placement, "the placement has no table that somebody sees, so it serves nothing");
        }
        Arc::unwrap_or_clone(physical).with_logical(defined.tables).with_unplaced(defined.unplaced)
    }

    /// Keeps the views of what stores with a catalog of their own have told, while the statements go on.
    fn keep(&self, snapshot: &Arc<Snapshot>, told: &BTreeMap<StoreKind, Instant>) {
        let Some(memory) = &self.memory else { return };
        let stores = self.stores.iter().filter(|(kind, store)| store.has_own_catalog() && told.contains_key(kind));
        let stores: Vec<StoreKind> = stores.map(|(kind, _)| *kind).collect();
        let (memory, snapshot) = (Arc::clone(memory), Arc::clone(snapshot));
        tokio::spawn(async move { memory.keep(&snapshot, &stores).await });
    }

    /// The stores that do not answer now.
    pub(super) async fn unreachable(&self) -> Vec<StoreKind> {
        let asked = self.stores.iter().map(async |(kind, store)| store.ping().await.is_err().then_some(*kind));
        join_all(asked).await.into_iter().flatten().collect()
    }
}

/// How many tables of a store the tenant remembers that remembers most.
fn most_remembered(remembered: &Remembered, store: StoreKind) -> usize {
    let count = |view: &Vec<Table>| view.iter().filter(|table| table.store == store).count();
    remembered.values().map(count).max().unwrap_or_default()
}
