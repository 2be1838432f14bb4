//! The rows of a statement, in batches.

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::base::engine_error::wrap;
use crate::base::{InternalError, UserFacing};

use super::decode::Column;

/// The bytes of a value as they came.
struct Raw<'a>(&'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> std::result::Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// Columns that fill with rows.
pub(super) struct Rows {
    schema: SchemaRef,
    columns: Vec<Column>,
}

impl Rows {
    pub(super) fn new(schema: SchemaRef) -> std::result::Result<Self, InternalError> {
        let columns = schema.fields().iter().map(|field| Column::new(field.data_type())).collect::<std::result::Result<_, _>>()?;
        Ok(Self { schema, columns })
    }

    /// These rows as one batch.
    pub(super) fn batch(&mut self, rows: &[Row]) -> Result<RecordBatch> {
        for row in rows {
            self.push(row)?;
        }
        let columns = self.columns.iter_mut().map(Column::finish).collect::<std::result::Result<Vec<_>, _>>();
        let columns = columns.map_err(|error| wrap(error.report()))?;
        let count = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        Ok(RecordBatch::try_new_with_options(SchemaRef::clone(&self.schema), columns, &count)?)
    }

    fn push(&mut self, row: &Row) -> Result<()> {
        if row.len() < self.columns.len() {
            return Err(DataFusionError::Internal("a row lacks columns".to_owned()));
        }
        for (place, column) in self.columns.iter_mut().enumerate() {
            let raw: Option<Raw<'_>> = row.try_get(place).map_err(|error| wrap(InternalError::new(error).report()))?;
            column.push(raw.map(|raw| raw.0)).map_err(|error| wrap(error.report()))?;
        }
        Ok(())
    }
}
