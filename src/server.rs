//! Putting it together: configuration → stores → engine → listeners, and the way back down.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::base::limits::{self, LimitSet};
use crate::base::{InternalError, StoreKind, TenantId, UserName};
use crate::catalog::Table;
use crate::catalog::system::started_at;
use crate::config::{Config, ConfigError, ConnectionSection, Problem, RedisSection, StoreBackend, TlsSection};
use crate::demo;
use crate::engine::{CatalogMemory, Engine, EngineParts, check_logical_tables};
use crate::live;
use crate::pg;
use crate::stores::clickhouse::ClickHouseStore;
use crate::stores::hub::Hub;
use crate::stores::local::LocalExecutor;
use crate::stores::materialize::MaterializeStore;
use crate::stores::redis::{RedisConnection, RedisStore, RedisTable, RedisTexts};
use crate::stores::resilience::ResilientStore;
use crate::stores::{Store, StoreError, Trust};
use crate::tenancy::{Authenticators, MintError, PolicyBook};

/// How often every store is asked for its tables.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(60);

/// How often they are asked while one of them does not answer: its tables are not known, or stale.
const REDISCOVERY_INTERVAL: Duration = Duration::from_secs(5);

/// Seconds that the tokens of the greeting live.
const GREETING_TOKEN_SECONDS: u64 = 24 * 60 * 60;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration does not hold together.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The certificate or its key cannot be used; the text names the file.
    #[error("cannot use the certificate: {0}")]
    Certificate(String),
    /// An embedded store could not be filled.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// A running server. Dropping it without [`Server::stop`] leaves its tasks to the runtime.
#[derive(Debug)]
pub struct Server {
    engine: Engine,
    authenticators: Authenticators,
    pg_address: SocketAddr,
    http_address: SocketAddr,
    shutdown: CancellationToken,
    listeners: Vec<JoinHandle<()>>,
}

impl Server {
    /// Starts everything that the configuration asks for, and returns when both listeners accept connections.
    ///
    /// # Errors
    /// [`StartError`]: an address in use, a certificate that cannot be used, stores that cannot be filled.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        started_at();
        let tls = tls_settings(config)?;
        check(config)?;
        let limits = config.limit_set();
        let authenticators = Authenticators::new(config)?;
        // The addresses first: a port in use is told before a week of data is made.
        let pg_listener = listen(config.server.pg_listen).await?;
        let http_listener = listen(config.server.http_listen).await?;
        let (pg_address, http_address) = (address_of(&pg_listener)?, address_of(&http_listener)?);

        let shutdown = CancellationToken::new();
        let (engine, feed) = engine(config, &limits, &authenticators)?;
        let down = engine.discover().await;
        tokio::spawn(rediscover(engine.clone(), down, shutdown.clone()));
        if let Some(feed) = feed {
            tokio::spawn(feed.run(shutdown.clone()));
        }

        let grace = Duration::from_secs(config.server.shutdown_grace_seconds);
        let pg_context = pg::PgContext {
            backend: engine.clone(),
            authenticator: Arc::new(authenticators.clone()),
            tls,
            limits: Arc::new(limits),
            shutdown_grace: grace,
        };
        let listeners = vec![
            tokio::spawn(pg::serve(pg_listener, Arc::new(pg_context), shutdown.clone())),
            tokio::spawn(serve_live(http_listener, live_context(config, &engine, &authenticators), shutdown.clone())),
        ];
        Ok(Self { engine, authenticators, pg_address, http_address, shutdown, listeners })
    }

    /// Where the PostgreSQL listener is.
    #[must_use]
    pub fn pg_address(&self) -> SocketAddr {
        self.pg_address
    }

    /// Where the side listener is.
    #[must_use]
    pub fn http_address(&self) -> SocketAddr {
        self.http_address
    }

    /// The engine behind both listeners.
    #[must_use]
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Makes a token for development.
    ///
    /// # Errors
    /// [`MintError`] when the tenant is unknown or tokens are not made with a shared secret.
    pub fn mint_token(&self, tenant: &TenantId, user: &UserName, lifetime_seconds: u64) -> Result<String, MintError> {
        self.authenticators.mint_token(tenant, user, lifetime_seconds)
    }

    /// Stops accepting, lets running statements end within the grace period, and returns when all connections are closed.
    pub async fn stop(self) {
        self.shutdown.cancel();
        for listener in self.listeners {
            if let Err(error) = listener.await {
                tracing::error!(%error, "a listener did not end well");
            }
        }
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|source| StartError::Listen { address, source })
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, InternalError> {
    listener.local_addr().map_err(InternalError::new)
}

/// The certificate and its key, when they are configured. What cannot be used is told with its file.
fn tls_settings(config: &Config) -> Result<Option<pg::TlsSettings>, StartError> {
    let Some(TlsSection { certificate, key }) = &config.tls else { return Ok(None) };
    let told =
        |file: &Path, error: &dyn std::error::Error| StartError::Certificate(format!("{}: {error}", file.display()));
    let read = |file: &Path| std::fs::read(file).map_err(|error| told(file, &error));
    let settings = pg::TlsSettings::from_pem(&read(certificate)?, &read(key)?);
    settings.map(Some).map_err(|error| match error {
        pg::InvalidTls::Certificate(_) => told(certificate, &error),
        pg::InvalidTls::Key(_) => told(key, &error),
        pg::InvalidTls::Pair(_) => {
            StartError::Certificate(format!("{}, {}: {error}", certificate.display(), key.display()))
        }
    })
}

/// The engine over the configured stores, and the feed that goes on filling those that are embedded.
fn engine(
    config: &Config,
    limits: &LimitSet,
    authenticators: &Authenticators,
) -> Result<(Engine, Option<demo::Feed>), StartError> {
    let hub = Hub::default();
    let local = LocalExecutor::new(limits)?;
    let (mut stores, feed) = embedded_stores(config, limits, &hub, &local)?;
    stores.extend(remote_stores(config, limits, &local)?);
    let engine = Engine::new(EngineParts {
        database: config.server.database.clone(),
        limits: limits.clone(),
        stores,
        policies: Arc::new(PolicyBook::from_config(&config.policies)),
        hub,
        local,
        logical_tables: config.logical_tables.clone(),
        session: config.session.clone(),
        server_settings: server_settings(config, limits),
        memory: catalog_memory(config, authenticators)?,
    });
    Ok((engine, feed))
}

/// What a client that asks `SHOW` is told of this server.
fn server_settings(config: &Config, limits: &LimitSet) -> Vec<(&'static str, String)> {
    let listen = config.server.pg_listen;
    let ssl = if config.tls.is_some() { "on" } else { "off" };
    vec![
        ("listen_addresses", listen.ip().to_string()),
        ("max_connections", limits.of(limits::SESSIONS).to_string()),
        ("port", listen.port().to_string()),
        ("ssl", ssl.to_owned()),
    ]
}

/// Where the tenants' views of the tables are kept: in a Redis that is somewhere else, unless the configuration says no.
fn catalog_memory(config: &Config, authenticators: &Authenticators) -> Result<Option<CatalogMemory>, StartError> {
    let section = &config.stores.redis;
    if section.kind != StoreBackend::Remote || section.catalog.prefix.is_empty() {
        return Ok(None);
    }
    Ok(Some(CatalogMemory {
        texts: Arc::new(RedisTexts::new(redis_connection(section)?)),
        prefix: section.catalog.prefix.clone(),
        lifetime: section.catalog.lifetime(),
        tenants: authenticators.tenants().map(Arc::clone).collect(),
    }))
}

fn redis_connection(section: &RedisSection) -> Result<RedisConnection, ConfigError> {
    let trust = trust(StoreKind::Redis, section.ca_file.as_deref())?;
    RedisConnection::new(section, &trust).map_err(|error| refused("stores.redis.urls", &error))
}

/// What a configuration must be beyond its own sections: expressions that fit the tables, and a certificate that can be used. Those of stores that would have to
/// be asked are looked at when they are discovered.
///
/// # Errors
/// [`ConfigError::Problems`] with every problem.
pub fn check(config: &Config) -> Result<(), ConfigError> {
    let limits = config.limit_set();
    let policies = Arc::new(PolicyBook::from_config(&config.policies));
    let mut problems = check_logical_tables(&config.logical_tables, known_tables(config, &limits), policies);
    problems.extend(tls_settings(config).err().map(|error| Problem::new("tls", error.to_string())));
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::Problems(problems)) }
}

/// The tables that are known before any store is asked.
fn known_tables(config: &Config, limits: &LimitSet) -> Vec<Table> {
    let is_embedded = |table: &Table| backend(config, table.store) == StoreBackend::Embedded;
    // A declaration that cannot be is told when the stores are filled.
    let embedded = demo::DemoTables::empty(limits).ok();
    let embedded = embedded.iter().flat_map(demo::DemoTables::all).map(|table| table.definition().as_ref().clone());
    let mut tables: Vec<Table> = embedded.filter(is_embedded).collect();
    if config.stores.redis.kind == StoreBackend::Remote {
        // So is a pattern of keys, when the store is made.
        let read = config.stores.redis.tables.iter().filter_map(|section| RedisTable::new(section).ok());
        tables.extend(read.map(|table| table.definition().clone()));
    }
    tables
}

type EmbeddedStores = (Vec<Arc<dyn Store>>, Option<demo::Feed>);

/// The stores that this process plays. Where it plays none there is nothing to fill.
fn embedded_stores(
    config: &Config,
    limits: &LimitSet,
    hub: &Hub,
    local: &Arc<LocalExecutor>,
) -> Result<EmbeddedStores, StartError> {
    let is_embedded = |kind: StoreKind| backend(config, kind) == StoreBackend::Embedded;
    if !StoreKind::ALL.into_iter().any(is_embedded) {
        return Ok((Vec::new(), None));
    }
    let rates = demo::Rates {
        trades_per_second: f64::from(config.demo.trades_per_second),
        quotes_per_second: f64::from(config.demo.quotes_per_second),
    };
    let options = demo::DemoOptions { seed: config.demo.seed, rates };
    let embedded = demo::start(options, hub, limits, local)?;
    let stores = embedded.stores.into_iter().filter(|store| is_embedded(store.kind())).collect();
    Ok((stores, embedded.feed))
}

fn backend(config: &Config, kind: StoreKind) -> StoreBackend {
    match kind {
        StoreKind::ClickHouse => config.stores.clickhouse.kind,
        StoreKind::Materialize => config.stores.materialize.kind,
        StoreKind::Redis => config.stores.redis.kind,
    }
}

/// The stores that are somewhere else.
fn remote_stores(
    config: &Config,
    limits: &LimitSet,
    local: &Arc<LocalExecutor>,
) -> Result<Vec<Arc<dyn Store>>, StartError> {
    let remote = StoreKind::ALL.into_iter().filter(|kind| backend(config, *kind) == StoreBackend::Remote);
    remote.map(|kind| remote_store(config, kind, limits, local)).collect()
}

fn remote_store(
    config: &Config,
    kind: StoreKind,
    limits: &LimitSet,
    local: &Arc<LocalExecutor>,
) -> Result<Arc<dyn Store>, StartError> {
    let (store, connection): (Arc<dyn Store>, ConnectionSection) = match kind {
        StoreKind::ClickHouse => {
            let section = &config.stores.clickhouse;
            let trust = trust(kind, section.ca_file.as_deref())?;
            (Arc::new(ClickHouseStore::new(section, &trust)?), section.connection)
        }
        StoreKind::Materialize => {
            let section = &config.stores.materialize;
            let trust = trust(kind, section.ca_file.as_deref())?;
            (Arc::new(MaterializeStore::new(section, &trust)?), section.connection)
        }
        StoreKind::Redis => {
            let section = &config.stores.redis;
            let connection = redis_connection(section)?;
            let tables = section.tables.iter().map(RedisTable::new).collect::<Result<Vec<_>, _>>();
            let tables = tables.map_err(|error| refused("stores.redis.tables", &error))?;
            (Arc::new(RedisStore::new(connection, tables, limits, Arc::clone(local))), section.connection)
        }
    };
    Ok(Arc::new(ResilientStore::new(store, connection)))
}

/// Whose certificates a store may show.
fn trust(store: StoreKind, ca_file: Option<&Path>) -> Result<Trust, ConfigError> {
    Trust::new(ca_file).map_err(|error| refused(&format!("stores.{store}.ca_file"), &error))
}

fn refused(key: &str, error: &dyn std::error::Error) -> ConfigError {
    ConfigError::Problems(vec![Problem::new(key, error.to_string())])
}

/// What the side listener is given.
fn live_context(config: &Config, engine: &Engine, authenticators: &Authenticators) -> live::LiveContext {
    let mut registry = Registry::default();
    engine.register_metrics(&mut registry);
    let metrics = live::Metrics::register(&mut registry);
    live::LiveContext {
        authenticators: authenticators.clone(),
        policies: Arc::clone(engine.policies()),
        hub: engine.hub().clone(),
        channels: live::Channels::new(engine.limits()),
        readiness: Arc::new(Stores(engine.clone())),
        metrics,
        registry: Arc::new(registry),
        settings: live::LiveSettings::new(&config.live, engine.limits()),
        limits: engine.limits().clone(),
    }
}

struct Stores(Engine);

#[async_trait]
impl live::Readiness for Stores {
    async fn unreachable(&self) -> Vec<StoreKind> {
        self.0.unreachable_stores().await
    }
}

async fn serve_live(listener: TcpListener, context: live::LiveContext, shutdown: CancellationToken) {
    if let Err(error) = live::serve(listener, context, shutdown).await {
        tracing::error!(%error, "the side listener ended");
    }
}

async fn rediscover(engine: Engine, mut down: Vec<StoreKind>, shutdown: CancellationToken) {
    loop {
        let pause = if down.is_empty() { DISCOVERY_INTERVAL } else { REDISCOVERY_INTERVAL };
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(pause) => down = engine.discover().await,
        }
    }
}

/// How to go on after `flowforge demo` has started.
///
/// # Errors
/// [`MintError`] when the configuration has no shared secret for tokens.
pub fn greeting(config: &Config, server: &Server) -> Result<String, MintError> {
    let (pg, http) = (server.pg_address(), server.http_address());
    let database = &config.server.database;
    let mut text = format!("FlowForge is ready: PostgreSQL on {pg}, WebSocket and health on http://{http}\n\n");
    for tenant in &config.tenants {
        let users = config.auth.users.iter().filter(|user| user.tenant == tenant.id);
        // The demo's users have their name as password.
        for user in users.take(1) {
            let name = &user.name;
            let token = server.mint_token(&tenant.id, name, GREETING_TOKEN_SECONDS)?;
            text.push_str(&format!(
                "{name}\n  psql postgres://{name}:{name}@{pg}/{database}\n  ws://{http}/ws?token={token}\n\n"
            ));
        }
    }
    text.push_str(TRY);
    Ok(text)
}

const TRY: &str = "\
Worth trying:
  SELECT symbol, count(*), sum(notional) FROM fct_trades GROUP BY symbol ORDER BY 3 DESC;
  SELECT p.symbol, p.net_qty, q.mid_price FROM live_positions p JOIN live_quotes q USING (symbol);
  EXPLAIN SELECT * FROM raw_trades WHERE side = 'BUY' ORDER BY event_time DESC LIMIT 5;
Ctrl-C ends it.";
