//! One typed configuration: file, then environment, then flags.
//!
//! Comes in: TOML text, environment, flags. Goes out: a [`Config`] in which everything was checked.
//! Does not: open files of certificates or keys, connect, or know what a tenant may see.
//! Invariant: an unknown key is an error that names it, and a [`Secret`] never shows itself.

mod check;
mod error;
mod load;
mod logical;
mod secret;
mod sections;
mod stores;
mod verifier;

pub use error::{ConfigError, Problem};
pub use load::Override;
pub use logical::{LogicalTableSection, PlacementSection};
pub use secret::Secret;
pub use sections::{
    AuthSection, Config, DemoSection, JwtAlgorithm, JwtSection, LiveSection, LogSection, PolicyKind, PolicySection,
    ServerSection, SessionSection, TenantSection, TlsSection, UserSection,
};
pub use stores::{
    ClickHouseSection, ConnectionSection, MaterializeSection, RedisCatalogSection, RedisFieldSection, RedisSection,
    RedisTableSection, RedisTopology, StoreBackend, StoresSection,
};
pub use verifier::{InvalidVerifier, ScramVerifier};
