//! What the side listener counts.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::close::Close;

type Labels = Vec<(&'static str, String)>;

/// Counters of the side listener. Cheap to clone; all clones count together.
#[derive(Debug, Clone, Default)]
pub struct Metrics {
    /// Open connections. Whoever reads the counters proved nothing, so they name no tenant.
    connections: Gauge,
    /// Connections that the server closed, by code.
    closes: Family<Labels, Counter>,
    /// Messages that were handed to a connection's writer.
    pub(super) sent: Counter,
    /// `table_update` messages that took the place of a queued one.
    pub(super) merged: Counter,
    /// Messages from clients.
    pub(super) received: Counter,
    /// Messages from clients that were answered with an error.
    pub(super) refused: Counter,
    /// Broadcasts of the pipeline.
    pub(super) broadcasts: Counter,
    /// Broadcasts that this process fell behind and lost.
    pub(super) lost_broadcasts: Counter,
}

impl Metrics {
    /// Counters that the registry shows, under names that begin with `flowforge_live_`.
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("flowforge_live");
        registry.register("connections", "Open WebSocket connections", metrics.connections.clone());
        registry.register("closes", "WebSocket connections that the server closed, by code", metrics.closes.clone());
        registry.register("messages_sent", "Messages handed to writers", metrics.sent.clone());
        registry.register("updates_merged", "Queued table updates that a newer one replaced", metrics.merged.clone());
        registry.register("messages_received", "Messages from clients", metrics.received.clone());
        registry.register("messages_refused", "Messages from clients answered with an error", metrics.refused.clone());
        registry.register("broadcasts", "Broadcasts of the pipeline", metrics.broadcasts.clone());
        registry.register("broadcasts_lost", "Broadcasts lost by falling behind", metrics.lost_broadcasts.clone());
        metrics
    }

    pub(super) fn closed(&self, close: Close) {
        self.closes.get_or_create(&vec![("code", close.code().to_string())]).inc();
    }

    pub(super) fn connected(&self) {
        self.connections.inc();
    }

    pub(super) fn disconnected(&self) {
        self.connections.dec();
    }
}
