//! Rows by their keys, without a plan.

use std::collections::BTreeSet;
use std::fmt;

use datafusion::execution::SendableRecordBatchStream;

/// Some columns of a table, read by keys again and again: what can be known before the keys is worked out once.
pub(in crate::stores) trait KeyedRows: fmt::Debug + Send + Sync {
    /// The rows of these keys, of those that leave the table.
    fn rows(&self, keys: BTreeSet<String>) -> SendableRecordBatchStream;
}
