//! What is counted about each store, in Prometheus's types.

use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::base::{SqlState, StoreKind};

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct StoreLabel {
    /// `clickhouse`, `materialize` or `redis`.
    pub store: &'static str,
}

/// A failure of a store.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FailureLabel {
    store: &'static str,
    /// The class of its SQLSTATE: `08` for a store that is not reached, `57` for what was stopped, `XX` for a defect.
    class: &'static str,
}

type Seconds = Family<StoreLabel, Histogram, fn() -> Histogram>;

/// Counters of all stores. Cheap to clone; all clones count together.
#[derive(Debug, Clone)]
pub struct StoreMetrics {
    requests: Family<StoreLabel, Counter>,
    errors: Family<FailureLabel, Counter>,
    rows: Family<StoreLabel, Counter>,
    bytes: Family<StoreLabel, Counter>,
    first_row_seconds: Seconds,
    seconds: Seconds,
}

impl Default for StoreMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            errors: Family::default(),
            rows: Family::default(),
            bytes: Family::default(),
            first_row_seconds: Seconds::new_with_constructor(durations),
            seconds: Seconds::new_with_constructor(durations),
        }
    }
}

/// 100 µs to 52 s.
fn durations() -> Histogram {
    Histogram::new(exponential_buckets(0.0001, 2.0, 20))
}

impl StoreMetrics {
    /// Shows them in a registry under `flowforge_store_…`.
    pub fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("flowforge_store");
        registry.register("requests", "Statements sent to a store", self.requests.clone());
        registry.register("errors", "Statements that failed in a store, by SQLSTATE class", self.errors.clone());
        registry.register("rows", "Rows that came from a store", self.rows.clone());
        registry.register("bytes", "Bytes that those rows take in memory", self.bytes.clone());
        let first = "Seconds from a statement sent to a store to its first rows";
        registry.register("first_row_seconds", first, self.first_row_seconds.clone());
        registry.register("seconds", "Seconds from a statement sent to a store to its end", self.seconds.clone());
    }

    /// Those of one store.
    pub(super) fn of(&self, kind: StoreKind) -> OneStore {
        let store = kind.name();
        let label = StoreLabel { store };
        OneStore {
            store,
            requests: self.requests.get_or_create_owned(&label),
            errors: self.errors.clone(),
            rows: self.rows.get_or_create_owned(&label),
            bytes: self.bytes.get_or_create_owned(&label),
            first_row_seconds: self.first_row_seconds.get_or_create_owned(&label),
            seconds: self.seconds.get_or_create_owned(&label),
        }
    }
}

/// The counters of one store.
#[derive(Debug, Clone)]
pub(super) struct OneStore {
    store: &'static str,
    requests: Counter,
    errors: Family<FailureLabel, Counter>,
    rows: Counter,
    bytes: Counter,
    first_row_seconds: Histogram,
    seconds: Histogram,
}

impl OneStore {
    pub(super) fn asked(&self) {
        self.requests.inc();
    }

    pub(super) fn failed(&self, sqlstate: SqlState) {
        let class = sqlstate.code().get(..2).unwrap_or_default();
        self.errors.get_or_create(&FailureLabel { store: self.store, class }).inc();
    }

    pub(super) fn came(&self, rows: usize, bytes: usize) {
        self.rows.inc_by(rows as u64);
        self.bytes.inc_by(bytes as u64);
    }

    pub(super) fn first_row_after(&self, elapsed: Duration) {
        self.first_row_seconds.observe(elapsed.as_secs_f64());
    }

    pub(super) fn ended_after(&self, elapsed: Duration) {
        self.seconds.observe(elapsed.as_secs_f64());
    }
}
