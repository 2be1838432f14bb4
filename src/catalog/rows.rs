//! Rows that this server makes itself: catalogs, and the answers of `workflow_validate` and its kin.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::logical_expr::TableSource;

use crate::base::SqlType;

/// A leaf whose rows are already here. They were made for one tenant, so the guard lets them pass.
#[derive(Debug, Clone)]
pub struct RowsLeaf {
    rows: RecordBatch,
    shown: Vec<Option<ShownType>>,
}

/// What the row description says of a text column that is not of type `text`: its type and its modifier.
pub type ShownType = (SqlType, i32);

impl RowsLeaf {
    /// A leaf of rows that hold nothing but what the asking tenant may see.
    #[must_use]
    pub fn new(rows: RecordBatch) -> Self {
        Self { rows, shown: Vec::new() }
    }

    /// The same with what is said of its columns.
    #[must_use]
    pub fn shown_as(mut self, shown: Vec<Option<ShownType>>) -> Self {
        self.shown = shown;
        self
    }

    /// What the row description says of a column besides the type of its values.
    #[must_use]
    pub fn shown_type(&self, column: usize) -> Option<&ShownType> {
        self.shown.get(column)?.as_ref()
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
