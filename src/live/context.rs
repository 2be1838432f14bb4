//! What the side listener is given.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prometheus_client::registry::Registry;

use crate::base::StoreKind;
use crate::base::limits::{self, LimitSet};
use crate::config::LiveSection;
use crate::engine::hub::Hub;
use crate::tenancy::{Authenticators, PolicyBook};

use super::channels::Channels;
use super::metrics::Metrics;

/// Whether the stores can be reached.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// The stores that cannot be reached now.
    async fn unreachable(&self) -> Vec<StoreKind>;
}

/// How connections are treated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSettings {
    /// Values of `Origin` that may connect.
    pub allowed_origins: Vec<String>,
    /// The time between two pings.
    pub heartbeat: Duration,
    /// The time without a sign of life after which a connection is closed.
    pub dead_after: Duration,
    /// The time in which a client must have authenticated.
    pub authentication: Duration,
}

impl LiveSettings {
    /// From a checked configuration.
    #[must_use]
    pub fn new(section: &LiveSection, limits: &LimitSet) -> Self {
        let authentication_seconds = limits.of(limits::WEBSOCKET_AUTHENTICATION_SECONDS);
        Self {
            allowed_origins: section.allowed_origins.clone(),
            heartbeat: Duration::from_secs(section.heartbeat_seconds),
            dead_after: Duration::from_secs(section.dead_after_seconds),
            authentication: Duration::from_secs(authentication_seconds as u64),
        }
    }
}

/// Everything that the side listener needs.
#[derive(Clone)]
pub struct LiveContext {
    /// Who checks tokens.
    pub authenticators: Authenticators,
    /// Which rows of a broadcast a tenant may see.
    pub policies: Arc<PolicyBook>,
    /// Where the pipeline's broadcasts come from.
    pub hub: Hub,
    /// The channels of the tenants; keep a clone to publish on them.
    pub channels: Channels,
    /// What `/readyz` asks.
    pub readiness: Arc<dyn Readiness>,
    /// The listener's counters, registered in `registry`.
    pub metrics: Metrics,
    /// What `/metrics` shows.
    pub registry: Arc<Registry>,
    /// How connections are treated.
    pub settings: LiveSettings,
    /// The limits in force.
    pub limits: LimitSet,
}
