//! Record batches, row by row.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Date32Builder, Decimal128Builder, Float64Builder, Int16Builder, Int64Builder, RecordBatch, StringBuilder,
    TimestampMicrosecondBuilder,
};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimeUnit};
use datafusion::common::{DataFusionError, Result};

/// One value of a row.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Text(&'a str),
    /// A whole number, or the digits of a decimal without its point.
    Number(i128),
    Double(f64),
    /// Milliseconds since 1970.
    Time(i64),
    /// Days since 1970.
    Day(i64),
}

#[derive(Debug)]
enum Builder {
    Text(StringBuilder),
    Decimal(Decimal128Builder),
    Int2(Int16Builder),
    Int8(Int64Builder),
    Double(Float64Builder),
    Time(TimestampMicrosecondBuilder),
    Day(Date32Builder),
}

impl Builder {
    fn new(data_type: &DataType, capacity: usize) -> Option<Self> {
        Some(match data_type {
            DataType::Utf8 => Self::Text(StringBuilder::with_capacity(capacity, capacity * 8)),
            DataType::Decimal128(..) => {
                Self::Decimal(Decimal128Builder::with_capacity(capacity).with_data_type(data_type.clone()))
            }
            DataType::Int16 => Self::Int2(Int16Builder::with_capacity(capacity)),
            DataType::Int64 => Self::Int8(Int64Builder::with_capacity(capacity)),
            DataType::Float64 => Self::Double(Float64Builder::with_capacity(capacity)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Time(TimestampMicrosecondBuilder::with_capacity(capacity).with_data_type(data_type.clone()))
            }
            DataType::Date32 => Self::Day(Date32Builder::with_capacity(capacity)),
            _ => return None,
        })
    }

    /// `None` when the value is of another kind than the column, or too large for it.
    fn push(&mut self, cell: Cell<'_>) -> Option<()> {
        match (self, cell) {
            (Self::Text(builder), Cell::Text(text)) => builder.append_value(text),
            (Self::Decimal(builder), Cell::Number(number)) => builder.append_value(number),
            (Self::Int2(builder), Cell::Number(number)) => builder.append_value(number.try_into().ok()?),
            (Self::Int8(builder), Cell::Number(number)) => builder.append_value(number.try_into().ok()?),
            (Self::Double(builder), Cell::Double(number)) => builder.append_value(number),
            (Self::Time(builder), Cell::Time(milliseconds)) => builder.append_value(milliseconds * 1_000),
            (Self::Day(builder), Cell::Day(days)) => builder.append_value(days.try_into().ok()?),
            _ => return None,
        }
        Some(())
    }

    fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Text(builder) => Arc::new(builder.finish()),
            Self::Decimal(builder) => Arc::new(builder.finish()),
            Self::Int2(builder) => Arc::new(builder.finish()),
            Self::Int8(builder) => Arc::new(builder.finish()),
            Self::Double(builder) => Arc::new(builder.finish()),
            Self::Time(builder) => Arc::new(builder.finish()),
            Self::Day(builder) => Arc::new(builder.finish()),
        }
    }
}

/// Collects rows for one table.
#[derive(Debug)]
pub(super) struct Rows {
    schema: SchemaRef,
    builders: Vec<Builder>,
}

impl Rows {
    pub(super) fn new(schema: &SchemaRef, capacity: usize) -> Result<Self> {
        let builders = schema
            .fields()
            .iter()
            .map(|field| Builder::new(field.data_type(), capacity).ok_or_else(|| misfit(field.name())))
            .collect::<Result<_>>()?;
        Ok(Self { schema: Arc::clone(schema), builders })
    }

    /// Adds one row: a value for each column.
    pub(super) fn push<const N: usize>(&mut self, cells: [Cell<'_>; N]) -> Result<()> {
        if N != self.builders.len() {
            return Err(misfit("a row of another width"));
        }
        for (number, (builder, cell)) in self.builders.iter_mut().zip(cells).enumerate() {
            builder.push(cell).ok_or_else(|| misfit(self.schema.field(number).name()))?;
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<RecordBatch> {
        let columns = self.builders.iter_mut().map(Builder::finish).collect();
        Ok(RecordBatch::try_new(self.schema, columns)?)
    }
}

fn misfit(what: &str) -> DataFusionError {
    DataFusionError::Internal(format!("a value of the demo does not fit its column: {what}"))
}
