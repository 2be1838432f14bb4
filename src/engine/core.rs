//! What sessions share.

use std::sync::Arc;

use crate::base::StoreKind;
use crate::base::limits::LimitSet;
use crate::catalog::TenantView;
use crate::config::{LogicalTableSection, SessionSection};
use crate::functions::FunctionRegistry;
use crate::stores::Store;
use crate::stores::hub::Hub;
use crate::stores::local::LocalExecutor;
use crate::tenancy::{PolicyBook, Tenant};

use super::memory::CatalogMemory;
use super::metrics::Metrics;
use super::registry::Registry;
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
    /// Names for rows of several tables.
    pub logical_tables: Vec<LogicalTableSection>,
    /// What the pipeline broadcasts.
    pub hub: Hub,
    /// What runs plans in process.
    pub local: Arc<LocalExecutor>,
    /// What sessions start with.
    pub session: SessionSection,
    /// Settings by which the server says something of itself, such as `port`.
    pub server_settings: Vec<(&'static str, String)>,
    /// Where the tenants' views of the tables are kept, if anywhere.
    pub memory: Option<CatalogMemory>,
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
    registry: Registry,
    hub: Hub,
    local: Arc<LocalExecutor>,
    session: SessionSection,
    server_settings: Vec<(&'static str, String)>,
    functions: FunctionRegistry,
    sessions: Arc<SessionRegistry>,
    metrics: Metrics,
}

impl Engine {
    /// An engine over these stores. It knows no table before the first [`Engine::discover`].
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        Self {
            shared: Arc::new(Shared {
                database: parts.database,
                functions: FunctionRegistry::standard().with_limits(&parts.limits),
                registry: Registry::new(
                    parts.stores,
                    parts.policies,
                    parts.logical_tables,
                    parts.memory,
                    &parts.limits,
                ),
                limits: parts.limits,
                hub: parts.hub,
                local: parts.local,
                session: parts.session,
                server_settings: parts.server_settings,
                sessions: Arc::new(SessionRegistry::default()),
                metrics: Metrics::default(),
            }),
        }
    }

    /// Asks every store for its tables and puts the new snapshot in force. A store that is down keeps its last known
    /// tables, marked stale; the names of such stores are returned.
    pub async fn discover(&self) -> Vec<StoreKind> {
        self.shared.registry.discover_unless(|_| false).await
    }

    /// The version of the catalog that is in force.
    #[must_use]
    pub fn catalog_version(&self) -> u64 {
        self.shared.registry.version()
    }

    /// The stores that do not answer now.
    pub async fn unreachable_stores(&self) -> Vec<StoreKind> {
        self.shared.registry.unreachable().await
    }

    /// What the pipeline broadcasts.
    #[must_use]
    pub fn hub(&self) -> &Hub {
        &self.shared.hub
    }

    /// The policies of the tables.
    #[must_use]
    pub fn policies(&self) -> &Arc<PolicyBook> {
        self.shared.registry.policies()
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
        self.shared.registry.view(tenant)
    }

    pub(super) fn database(&self) -> &str {
        &self.shared.database
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.shared.registry
    }

    pub(super) fn store(&self, kind: StoreKind) -> Option<&Arc<dyn Store>> {
        self.shared.registry.stores().get(&kind)
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
        Settings::new(user, &self.shared.session, &self.shared.server_settings)
    }
}
