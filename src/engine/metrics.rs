//! What is counted about statements, in Prometheus's types.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

use crate::stores::StoreMetrics;

/// What PostgreSQL says of a statement that met no error.
const COMPLETED: &str = "00000";

/// How a statement ended.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Ending {
    /// `00000`, or the SQLSTATE of its error.
    pub sqlstate: String,
}

/// Counters of the engine.
#[derive(Debug, Clone)]
pub struct Metrics {
    /// Sessions opened since the start.
    pub sessions_opened: Counter,
    /// Statements by how they ended.
    pub statements: Family<Ending, Counter>,
    /// Those of them that came to a good end: counted without looking for them.
    completed: Counter,
    /// Rows sent.
    pub rows: Counter,
    /// Seconds from the start of a statement to its last row.
    pub statement_seconds: Histogram,
    /// Statements that were planned again because a table had changed since they were planned.
    pub replans: Counter,
    /// What is counted about the stores.
    pub stores: StoreMetrics,
}

impl Default for Metrics {
    fn default() -> Self {
        let statements = Family::<Ending, Counter>::default();
        let completed = statements.get_or_create_owned(&Ending { sqlstate: COMPLETED.to_owned() });
        Self {
            sessions_opened: Counter::default(),
            statements,
            completed,
            rows: Counter::default(),
            // 100 µs to 52 s.
            statement_seconds: Histogram::new(exponential_buckets(0.0001, 2.0, 20)),
            replans: Counter::default(),
            stores: StoreMetrics::default(),
        }
    }
}

impl Metrics {
    /// Shows them in a registry under `flowforge_…`.
    pub fn register(&self, registry: &mut Registry) {
        registry.register("flowforge_sessions_opened", "Sessions opened", self.sessions_opened.clone());
        registry.register("flowforge_statements", "Statements by how they ended", self.statements.clone());
        registry.register("flowforge_rows", "Rows sent", self.rows.clone());
        registry.register(
            "flowforge_statement_seconds",
            "Seconds from the start of a statement to its last row",
            self.statement_seconds.clone(),
        );
        let replans = "Statements planned again because a table had changed";
        registry.register("flowforge_replans", replans, self.replans.clone());
        self.stores.register(registry);
    }

    /// A statement ended.
    pub fn ended(&self, sqlstate: &str, elapsed: std::time::Duration) {
        match sqlstate {
            COMPLETED => self.completed.inc(),
            failed => self.statements.get_or_create(&Ending { sqlstate: failed.to_owned() }).inc(),
        };
        self.statement_seconds.observe(elapsed.as_secs_f64());
    }
}
