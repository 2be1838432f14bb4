//! What sessions share.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::future::join_all;

use crate::base::StoreKind;
use crate::base::limits::LimitSet;
use crate::catalog::{Snapshot, TenantView};
use crate::functions::FunctionRegistry;
use crate::stores::hub::Hub;
use crate::stores::local::LocalExecutor;
use crate::stores::{Store, StoreError};
use crate::tenancy::{PolicyBook, Tenant};

use super::metrics::Metrics;
use super::sessions::SessionRegistry;
use super::settings::Settings;

/// What an engine is made of.
pub struct EngineParts {
    /// The name of the one database.
    pub database: String,
    /// The limits in force.
    pub limits: LimitSet,
    /// The stores, at most one of a kind.
    pub stores: Vec<Arc<dyn Store>>,
    /// The policies of the tables.
    pub policies: Arc<PolicyBook>,
    /// What the pipeline broadcasts.
    pub hub: Hub,
    /// What runs plans in process.
    pub local: Arc<LocalExecutor>,
    /// Where bare names are looked up when the session does not say; empty for the built-in path.
    pub search_path: Vec<String>,
    /// Milliseconds that a statement may run when the session does not say; 0 for no limit.
    pub statement_timeout_ms: u64,
}

/// Everything that sessions share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    database: String,
    limits: LimitSet,
    stores: BTreeMap<StoreKind, Arc<dyn Store>>,
    policies: Arc<PolicyBook>,
    hub: Hub,
    local: Arc<LocalExecutor>,
    search_path: Vec<String>,
    statement_timeout_ms: u64,
    functions: FunctionRegistry,
    snapshot: ArcSwap<Snapshot>,
    /// Whoever holds it makes the next snapshot: an older one must not come after a newer one.
    discovering: tokio::sync::Mutex<()>,
    sessions: Arc<SessionRegistry>,
    metrics: Metrics,
}

impl Engine {
    /// An engine over these stores. It knows no table before the first [`Engine::discover`].
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let snapshot = Snapshot::new(0, [], Arc::clone(&parts.policies));
        Self {
            shared: Arc::new(Shared {
                database: parts.database,
                functions: FunctionRegistry::standard().with_limits(&parts.limits),
                limits: parts.limits,
                stores: parts.stores.into_iter().map(|store| (store.kind(), store)).collect(),
                policies: parts.policies,
                hub: parts.hub,
                local: parts.local,
                search_path: parts.search_path,
                statement_timeout_ms: parts.statement_timeout_ms,
                snapshot: ArcSwap::from_pointee(snapshot),
                discovering: tokio::sync::Mutex::new(()),
                sessions: Arc::new(SessionRegistry::default()),
                metrics: Metrics::default(),
            }),
        }
    }

    /// Asks every store for its tables and puts the new snapshot in force. A store that is down keeps its last known
    /// tables, marked stale; the names of such stores are returned.
    pub async fn discover(&self) -> Vec<StoreKind> {
        self.discover_unless(|_| false).await
    }

    /// The version of the catalog that is in force.
    #[must_use]
    pub fn catalog_version(&self) -> u64 {
        self.shared.snapshot.load().version()
    }

    /// [`Self::discover`], one at a time, unless the version in force when the turn comes is good enough.
    pub(super) async fn discover_unless(&self, is_enough: impl FnOnce(u64) -> bool) -> Vec<StoreKind> {
        let _turn = self.shared.discovering.lock().await;
        let before = self.shared.snapshot.load_full();
        if is_enough(before.version()) {
            return Vec::new();
        }
        let mut tables = Vec::new();
        let mut down = Vec::new();
        let mut unreached = BTreeMap::new();
        let asked = self.shared.stores.iter().map(async |(kind, store)| (kind, store.discover().await));
        for (kind, found) in join_all(asked).await {
            match found {
                Ok(found) => tables.extend(found),
                Err(error) => {
                    tracing::warn!(store = %kind, %error, "discovery failed; the last known tables stay, marked stale");
                    down.push(*kind);
                    let known = tables.len();
                    tables.extend(before.of_store(*kind).map(|table| table.as_stale()));
                    if tables.len() == known
                        && let StoreError::Unavailable { detail, .. } = error
                    {
                        unreached.insert(*kind, detail);
                    }
                }
            }
        }
        let policies = Arc::clone(&self.shared.policies);
        let snapshot = Snapshot::new(before.version() + 1, tables, policies).with_unreached(unreached);
        for table in snapshot.invisible() {
            tracing::warn!(table = %table.name, "the table has no policy, so nobody sees it");
        }
        self.shared.snapshot.store(Arc::new(snapshot));
        down
    }

    /// The stores that do not answer now.
    pub async fn unreachable_stores(&self) -> Vec<StoreKind> {
        let asked = self.shared.stores.iter().map(async |(kind, store)| store.ping().await.is_err().then_some(*kind));
        join_all(asked).await.into_iter().flatten().collect()
    }

    /// What the pipeline broadcasts.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// The policies of the tables.
    #[must_use]
    pub fn policies(&self) -> &Arc<PolicyBook> {
        &self.shared.policies
    }

    /// What is counted.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.shared.metrics
    }

    /// How many sessions are open.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.shared.sessions.count()
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> &LimitSet {
        &self.shared.limits
    }

    /// A tenant's view of the tables as they are now.
    #[must_use]
    pub fn view(&self, tenant: &Arc<Tenant>) -> TenantView {
        TenantView::new(Arc::clone(tenant), self.shared.snapshot.load_full())
    }

    pub(super) fn database(&self) -> &str {
        &self.shared.database
    }

    pub(super) fn store(&self, kind: StoreKind) -> Option<&Arc<dyn Store>> {
        self.shared.stores.get(&kind)
    }

    pub(super) fn local(&self) -> &Arc<LocalExecutor> {
        &self.shared.local
    }

    pub(super) fn functions(&self) -> &FunctionRegistry {
        &self.shared.functions
    }

    pub(super) fn sessions(&self) -> &Arc<SessionRegistry> {
        &self.shared.sessions
    }

    pub(super) fn new_settings(&self, user: &str) -> Settings {
        Settings::new(user, &self.shared.search_path, self.shared.statement_timeout_ms)
    }
}
