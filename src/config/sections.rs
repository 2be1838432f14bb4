//! The sections of the configuration. What a key means to an operator stands in `config/flowforge.toml`.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use crate::base::{TableName, TenantId, UserName};

use super::logical::LogicalTableSection;
use super::secret::Secret;
use super::stores::StoresSection;

/// The whole configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// `[server]`
    pub server: ServerSection,
    /// `[tls]`; `None`: no TLS.
    pub tls: Option<TlsSection>,
    /// `[auth]`
    pub auth: AuthSection,
    /// `[[tenants]]`
    pub tenants: Vec<TenantSection>,
    /// `[[policies]]`
    pub policies: Vec<PolicySection>,
    /// `[[logical_tables]]`
    pub logical_tables: Vec<LogicalTableSection>,
    /// `[session]`
    pub session: SessionSection,
    /// `[limits]`: name and value, see [`crate::base::limits`].
    pub limits: BTreeMap<String, usize>,
    /// `[live]`
    pub live: LiveSection,
    /// `[stores]`
    pub stores: StoresSection,
    /// `[demo]`
    pub demo: DemoSection,
    /// `[log]`
    pub log: LogSection,
}

/// Where the server listens, and how it ends.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ServerSection {
    /// Address of the PostgreSQL listener.
    pub pg_listen: SocketAddr,
    /// Address of the side listener.
    pub http_listen: SocketAddr,
    /// The only database that clients can name.
    pub database: String,
    /// Seconds that running statements have to end after the first Ctrl-C.
    pub shutdown_grace_seconds: u64,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self {
            pg_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 6432)),
            http_listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            database: "flowforge".to_owned(),
            shutdown_grace_seconds: 10,
        }
    }
}

/// The certificate of the PostgreSQL listener. Both files are needed. [`Config::check`] says so, not the type: they may
/// come from two variables of the environment, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TlsSection {
    /// PEM file with the certificate chain.
    pub certificate: PathBuf,
    /// PEM file with the private key.
    pub key: PathBuf,
}

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AuthSection {
    /// Users with a password.
    pub users: Vec<UserSection>,
    /// The user name with which a token is given as the password.
    pub token_user: String,
    /// How tokens are checked; `None`: no tokens.
    pub jwt: Option<JwtSection>,
}

impl Default for AuthSection {
    fn default() -> Self {
        Self { users: Vec::new(), token_user: "token".to_owned(), jwt: None }
    }
}

/// One user with a password.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSection {
    /// The login name.
    pub name: UserName,
    /// The tenant that the user belongs to.
    pub tenant: TenantId,
    /// `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`
    pub verifier: Secret,
}

/// How tokens are signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum JwtAlgorithm {
    /// HMAC with SHA-256 and a shared secret.
    HS256,
    /// RSA with SHA-256 and a set of public keys.
    RS256,
    /// ECDSA on P-256 and a set of public keys.
    ES256,
}

/// How tokens are checked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JwtSection {
    /// The only algorithm that is accepted.
    pub algorithm: JwtAlgorithm,
    /// The shared secret of HS256, at least 32 bytes.
    pub secret: Option<Secret>,
    /// A file with the public keys (JWKS) of RS256 and ES256.
    pub jwks_file: Option<PathBuf>,
    /// An address that serves them.
    pub jwks_url: Option<String>,
    /// What `iss` must be.
    pub issuer: Option<String>,
    /// What `aud` must hold.
    pub audience: Option<String>,
    /// The claim with the tenant's id.
    #[serde(default = "default_tenant_claim")]
    pub tenant_claim: String,
    /// Seconds by which clocks may differ.
    #[serde(default = "default_leeway_seconds")]
    pub leeway_seconds: u64,
}

fn default_tenant_claim() -> String {
    "tenant_id".to_owned()
}

const fn default_leeway_seconds() -> u64 {
    5
}

impl JwtSection {
    /// Tokens with a shared secret and nothing else to check.
    #[must_use]
    pub fn hs256(secret: Secret) -> Self {
        Self {
            algorithm: JwtAlgorithm::HS256,
            secret: Some(secret),
            jwks_file: None,
            jwks_url: None,
            issuer: None,
            audience: None,
            tenant_claim: default_tenant_claim(),
            leeway_seconds: default_leeway_seconds(),
        }
    }
}

/// One tenant.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantSection {
    /// The id, which is also the value of tenant columns.
    pub id: TenantId,
    /// Lists that policies refer to.
    #[serde(default)]
    pub attributes: BTreeMap<String, Vec<String>>,
}

/// The kinds of row policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyKind {
    /// `column` equals the tenant's id.
    TenantColumn,
    /// `column` is in the tenant's list `attribute`.
    ListAttribute,
    /// `tenant_column` equals the tenant's id and `column` is in the list `attribute`.
    TenantColumnAndList,
    /// Every tenant sees every row.
    Shared,
}

/// The row policy of one table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicySection {
    /// `schema.table`
    pub table: TableName,
    /// Which rule.
    pub kind: PolicyKind,
    /// The compared column; see [`PolicyKind`].
    pub column: Option<String>,
    /// The column with the tenant's id, where `column` means another one.
    pub tenant_column: Option<String>,
    /// The tenant's list.
    pub attribute: Option<String>,
}

/// What a session starts with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionSection {
    /// Milliseconds that a statement may run; 0: no end.
    pub statement_timeout_ms: u64,
    /// Where a bare table name is looked up.
    pub search_path: Vec<String>,
    /// Milliseconds that a session may be idle outside a transaction; 0: no end.
    pub idle_session_timeout_ms: u64,
    /// Milliseconds that a session may be idle inside a transaction; 0: no end.
    pub idle_in_transaction_session_timeout_ms: u64,
}

impl Default for SessionSection {
    fn default() -> Self {
        let path = ["flowforge", "metrics", "marts", "materialize", "latest", "workflows"];
        Self {
            statement_timeout_ms: 0,
            search_path: path.map(str::to_owned).to_vec(),
            idle_session_timeout_ms: 0,
            idle_in_transaction_session_timeout_ms: 0,
        }
    }
}

/// The WebSocket.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LiveSection {
    /// Values of `Origin` that a browser may come from. A client without `Origin` is no browser and passes.
    pub allowed_origins: Vec<String>,
    /// Seconds between two pings.
    pub heartbeat_seconds: u64,
    /// Seconds without a sign of life after which a connection is closed.
    pub dead_after_seconds: u64,
}

impl Default for LiveSection {
    fn default() -> Self {
        Self { allowed_origins: Vec::new(), heartbeat_seconds: 25, dead_after_seconds: 60 }
    }
}

/// The data of the embedded stores.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DemoSection {
    /// The same seed makes the same history.
    pub seed: u64,
    /// Trades that the feed adds in a second.
    pub trades_per_second: u32,
    /// Quotes that the feed adds in a second.
    pub quotes_per_second: u32,
}

impl Default for DemoSection {
    fn default() -> Self {
        Self { seed: 42, trades_per_second: 10, quotes_per_second: 50 }
    }
}

/// The log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogSection {
    /// What is logged, such as `info` or `info,flowforge::pg=debug`.
    pub filter: String,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { filter: "info".to_owned() }
    }
}
