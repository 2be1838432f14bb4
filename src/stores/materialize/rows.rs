//! The rows of a statement, in batches.

use datafusion::arrow::array::{RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Kind, Type};

use crate::base::engine_error::wrap;
use crate::base::{InternalError, StoreKind, UserFacing};
use crate::stores::StoreError;

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
    /// For rows with columns of these types of the store. The bytes of one type may well pass for those of another.
    ///
    /// # Errors
    /// [`StoreError::Outdated`] when the store has columns of other types than the plan.
    pub(super) fn new(schema: SchemaRef, sent: &[Type]) -> std::result::Result<Self, StoreError> {
        let defect = |error: InternalError| StoreError::Failed(error.report());
        if sent.len() < schema.fields().len() {
            return Err(defect(InternalError::new("materialize sends too few columns")));
        }
        let typed = schema.fields().iter().zip(sent);
        let columns = typed.map(|(field, sent)| match is_readable(sent, field.data_type()) {
            true => Column::new(field.data_type()).map_err(defect),
            false => {
                tracing::warn!(%sent, %field, "materialize sends a column of another type than the plan knows");
                Err(StoreError::Outdated { store: StoreKind::Materialize })
            }
        });
        let columns = columns.collect::<std::result::Result<_, _>>()?;
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
        for (place, column) in self.columns.iter_mut().enumerate() {
            let raw: Option<Raw<'_>> = row.try_get(place).map_err(|error| wrap(InternalError::new(error).report()))?;
            column.push(raw.map(|raw| raw.0)).map_err(|error| wrap(error.report()))?;
        }
        Ok(())
    }
}

/// Whether the bytes of a type of the store are read as values of an Arrow type.
fn is_readable(sent: &Type, wanted: &DataType) -> bool {
    let one_of = |types: &[Type]| types.contains(sent);
    match wanted {
        DataType::Boolean => one_of(&[Type::BOOL]),
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::UInt64 => {
            one_of(&[Type::INT2, Type::INT4, Type::INT8])
        }
        DataType::UInt32 => one_of(&[Type::OID]),
        DataType::Float32 | DataType::Float64 => one_of(&[Type::FLOAT4, Type::FLOAT8]),
        DataType::Decimal128(..) | DataType::Decimal256(..) => one_of(&[Type::NUMERIC]),
        DataType::Utf8 => one_of(&[Type::TEXT, Type::VARCHAR, Type::BPCHAR, Type::NAME, Type::UNKNOWN]),
        DataType::LargeUtf8 => one_of(&[Type::JSON]),
        DataType::LargeBinary => one_of(&[Type::JSONB]),
        DataType::Binary => one_of(&[Type::BYTEA]),
        DataType::FixedSizeBinary(16) => one_of(&[Type::UUID]),
        DataType::Date32 => one_of(&[Type::DATE]),
        DataType::Time64(_) => one_of(&[Type::TIME]),
        DataType::Timestamp(_, None) => one_of(&[Type::TIMESTAMP]),
        DataType::Timestamp(_, Some(_)) => one_of(&[Type::TIMESTAMPTZ]),
        DataType::Interval(_) => one_of(&[Type::INTERVAL]),
        DataType::List(element) => match sent.kind() {
            Kind::Array(sent) => is_readable(sent, element.data_type()),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::datatypes::{Field, Schema};

    use super::*;

    fn rows(wanted: DataType, sent: Type) -> std::result::Result<Rows, StoreError> {
        Rows::new(Arc::new(Schema::new(vec![Field::new("a", wanted, true)])), &[sent])
    }

    #[test]
    fn bytes_are_not_read_as_another_type() {
        assert!(rows(DataType::Int64, Type::INT4).is_ok());
        assert!(rows(DataType::Decimal128(38, 4), Type::NUMERIC).is_ok());
        for (wanted, sent) in [
            (DataType::Int64, Type::FLOAT8),
            (DataType::Int64, Type::NUMERIC),
            (DataType::Decimal128(38, 4), Type::FLOAT8),
            (DataType::Date32, Type::INT4),
            (DataType::Utf8, Type::JSONB),
        ] {
            let refused = rows(wanted.clone(), sent.clone());
            assert!(matches!(refused, Err(StoreError::Outdated { .. })), "{sent} as {wanted}");
        }
    }
}
