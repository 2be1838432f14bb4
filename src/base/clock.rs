//! When a request began.

use chrono::{DateTime, Utc};

/// The moments that `now()`, `statement_timestamp()` and a workflow's relative times mean. Read once a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestClock {
    /// The start of the transaction.
    pub transaction_start: DateTime<Utc>,
    /// The start of the statement.
    pub statement_start: DateTime<Utc>,
}
