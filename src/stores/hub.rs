//! The hub: what the pipeline tells everybody.
//!
//! In process for the embedded stores; the same messages come from Redis channels where there is one.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use tokio::sync::broadcast;

use crate::base::TableName;
use crate::base::limits;

/// One broadcast of the pipeline. It carries no tenant: who receives it must filter its rows.
#[derive(Debug, Clone)]
pub enum Broadcast {
    /// Something in the table changed.
    TableUpdate {
        /// The table.
        table: TableName,
        /// When.
        at: DateTime<Utc>,
    },
    /// These rows are new.
    TableRows {
        /// The table.
        table: TableName,
        /// The rows, with the table's columns.
        rows: RecordBatch,
        /// When.
        at: DateTime<Utc>,
    },
    /// Something looks wrong in the market data. Goes out as rows of no table: receivers see it as a `table_update` of
    /// the table it is about.
    Alert {
        /// The table it is about.
        table: TableName,
        /// The symbol it is about.
        symbol: String,
        /// `spread`, `volume` or `price_jump`.
        kind: &'static str,
        /// A sentence for people.
        message: String,
        /// When.
        at: DateTime<Utc>,
    },
}

/// Sends every broadcast to every receiver. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Hub {
    sender: broadcast::Sender<Arc<Broadcast>>,
}

impl Default for Hub {
    fn default() -> Self {
        Self { sender: broadcast::Sender::new(limits::HUB_BACKLOG_MESSAGES) }
    }
}

impl Hub {
    /// Sends to all. Nobody listening is no error.
    pub fn publish(&self, message: Broadcast) {
        // The only error is that there is no receiver.
        drop(self.sender.send(Arc::new(message)));
    }

    /// Receives all that is sent from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Broadcast>> {
        self.sender.subscribe()
    }
}
