//! The stores' sections. What a key means to an operator stands in `config/flowforge.toml`.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::base::TableName;

use super::secret::Secret;

/// The three stores.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoresSection {
    /// `[stores.clickhouse]`
    pub clickhouse: ClickHouseSection,
    /// `[stores.materialize]`
    pub materialize: MaterializeSection,
    /// `[stores.redis]`
    pub redis: RedisSection,
}

/// What plays a store.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreBackend {
    /// Tables in the memory of this process, filled by `[demo]`.
    #[default]
    Embedded,
    /// The real one.
    Remote,
    /// Nothing: its tables do not exist.
    None,
}

/// ClickHouse.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClickHouseSection {
    /// What plays it.
    pub kind: StoreBackend,
    /// Addresses of the replicas, such as `http://127.0.0.1:8123`.
    pub urls: Vec<String>,
    /// The user of this server.
    pub user: String,
    /// That user's password.
    pub password: Secret,
    /// PEM file of the authorities whose certificates are trusted; `None`: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The databases whose tables are served.
    pub databases: Vec<String>,
    /// Timeouts, retries, the breaker.
    pub connection: ConnectionSection,
}

impl Default for ClickHouseSection {
    fn default() -> Self {
        Self {
            kind: StoreBackend::default(),
            urls: Vec::new(),
            user: "default".to_owned(),
            password: Secret::new(""),
            ca_file: None,
            databases: ["flowforge", "metrics", "marts"].map(str::to_owned).to_vec(),
            connection: ConnectionSection::default(),
        }
    }
}

/// Materialize.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MaterializeSection {
    /// What plays it.
    pub kind: StoreBackend,
    /// Its address, such as `postgres://flowforge@127.0.0.1:6875/materialize?sslmode=require`.
    pub url: Option<Secret>,
    /// The password, where the address does not hold it.
    pub password: Option<Secret>,
    /// PEM file of the authorities whose certificates are trusted; `None`: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Timeouts, retries, the breaker.
    pub connection: ConnectionSection,
}

/// How Redis is set up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RedisTopology {
    /// One server.
    #[default]
    Single,
    /// A cluster; the addresses are some of its nodes.
    Cluster,
    /// Sentinels tell which server is the master; the addresses are theirs.
    Sentinel,
}

/// Redis.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisSection {
    /// What plays it.
    pub kind: StoreBackend,
    /// How it is set up.
    pub topology: RedisTopology,
    /// Addresses, such as `redis://127.0.0.1:6379/0`.
    pub urls: Vec<String>,
    /// The user, where access lists are in use.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// PEM file of the authorities whose certificates are trusted; `None`: those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// The master's name, for Sentinel.
    pub master: Option<String>,
    /// What is read as tables.
    pub tables: Vec<RedisTableSection>,
    /// Where the tenants' views of the catalog are kept.
    pub catalog: RedisCatalogSection,
    /// Timeouts, retries, the breaker.
    pub connection: ConnectionSection,
}

/// The keys under which this server keeps each tenant's view of the other stores' tables.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RedisCatalogSection {
    /// What the keys begin with; nothing is kept where it is empty.
    pub prefix: String,
    /// Seconds that a view is kept after it was last written.
    pub lifetime_seconds: u64,
}

impl Default for RedisCatalogSection {
    fn default() -> Self {
        Self { prefix: "flowforge:catalog:".to_owned(), lifetime_seconds: 7 * 24 * 60 * 60 }
    }
}

impl RedisCatalogSection {
    /// How long a view is kept.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        Duration::from_secs(self.lifetime_seconds)
    }
}

/// A pattern of keys that is read as a table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisTableSection {
    /// `schema.table`
    pub table: TableName,
    /// The keys, with one `*`, such as `latest:vwap:*`.
    pub pattern: String,
    /// The column that holds what `*` stands for.
    pub key: String,
    /// The fields of the hashes that are columns, in their order.
    pub fields: Vec<RedisFieldSection>,
}

/// A field of a hash.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisFieldSection {
    /// The field, which is also the column's name.
    pub name: String,
    /// `text`, `bigint`, `double`, `boolean` or `timestamptz`.
    #[serde(rename = "type")]
    pub field_type: String,
}

/// How a store is dealt with that is slow, busy or down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ConnectionSection {
    /// Milliseconds until a connection must stand.
    pub connect_timeout_ms: u64,
    /// Milliseconds that the store may be silent while it owes rows.
    pub answer_timeout_ms: u64,
    /// Statements that run there at once; further ones wait.
    pub concurrent_queries: usize,
    /// How often a statement is tried in all, as long as no row of it has come.
    pub attempts: u32,
    /// Failures in a row after which statements fail at once.
    pub breaker_failures: u32,
    /// Milliseconds until one is let through again to try.
    pub breaker_pause_ms: u64,
}

impl Default for ConnectionSection {
    fn default() -> Self {
        Self {
            connect_timeout_ms: 2_000,
            answer_timeout_ms: 60_000,
            concurrent_queries: 32,
            attempts: 3,
            breaker_failures: 5,
            breaker_pause_ms: 2_000,
        }
    }
}

impl ConnectionSection {
    /// How long a connection may take to come about.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// How long the store may be silent while it owes rows.
    #[must_use]
    pub const fn answer_timeout(&self) -> Duration {
        Duration::from_millis(self.answer_timeout_ms)
    }

    /// How long a breaker stays open.
    #[must_use]
    pub const fn breaker_pause(&self) -> Duration {
        Duration::from_millis(self.breaker_pause_ms)
    }
}
