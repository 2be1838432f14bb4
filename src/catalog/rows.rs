//! Rows that this server makes itself: catalogs, and the answers of `workflow_validate` and its kin.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::TableSource;

/// A leaf whose rows are already here. They were made for one tenant, so the guard lets them pass.
#[derive(Debug, Clone)]
pub struct RowsLeaf {
    rows: RecordBatch,
}

impl RowsLeaf {
    /// A leaf of rows that hold nothing but what the asking tenant may see.
    #[must_use]
    pub fn new(rows: RecordBatch) -> Self {
        Self { rows }
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &RecordBatch {
        &self.rows
    }

    /// The leaf behind a plan's table source, when it is one.
    #[must_use]
    pub fn of(source: &Arc<dyn TableSource>) -> Option<&Self> {
        (source.as_ref() as &dyn std::any::Any).downcast_ref::<Self>()
    }
}

impl TableSource for RowsLeaf {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
