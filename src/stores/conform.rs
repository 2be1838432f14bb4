//! Rows of a store under the schema that the plan was made with.

use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch, RecordBatchOptions, new_null_array};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::arrow::util::display::FormatOptions;
use datafusion::common::{DataFusionError, Result};

/// A value that does not fit is an error, not NULL.
const EXACT: CastOptions<'static> = CastOptions { safe: false, format_options: FormatOptions::new() };

/// The columns of a store's rows: the plan says of some that they are never NULL where an outer join or a subquery
/// without rows makes them so.
pub(super) fn may_be_null(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| field.as_ref().clone().with_nullable(true));
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The same rows under the plan's schema. A store may say that a column can be NULL where the plan knows that it is not,
/// and may hold text in another layout; the values are checked, not the claims.
///
/// # Errors
/// When the rows have another number of columns, or a value does not fit its type.
pub(super) fn conform(batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    // A statement must have a column, also where only the number of its rows is asked for.
    if !schema.fields().is_empty() && batch.num_columns() != schema.fields().len() {
        let message = format!("{} columns came where {} are due", batch.num_columns(), schema.fields().len());
        return Err(DataFusionError::Internal(message));
    }
    let columns = batch
        .columns()
        .iter()
        .zip(schema.fields())
        .map(|(column, field)| match column.data_type() == field.data_type() {
            true => Ok(Arc::clone(column)),
            false if field.data_type().is_null() && column.null_count() == column.len() => {
                Ok(new_null_array(&DataType::Null, column.len()))
            }
            false => cast_with_options(column, field.data_type(), &EXACT),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns, &rows)?)
}
