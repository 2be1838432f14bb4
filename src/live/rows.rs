//! Rows of a broadcast: which of them a tenant may see, and how they read as JSON.
//!
//! Integers and floats are JSON numbers (`NaN`, `Infinity` and `-Infinity` are texts, as JSON has no such numbers),
//! `numeric` is a text with all its digits, `boolean` is a boolean, times are ISO 8601 texts (`timestamptz` in UTC with a
//! `Z`), `uuid` and everything else is the text that PostgreSQL would show, `json` and `jsonb` stand as they are, and
//! arrays are arrays.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Date32Type, TimestampMicrosecondType};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::base::{Infinity, SqlType};
use crate::tenancy::{Admission, Cell, Policy, Tenant};

/// The columns that a policy compares, as texts.
pub(super) struct Compared {
    columns: Vec<(String, StringArray)>,
    rows: usize,
}

impl Compared {
    pub(super) fn new(batch: &RecordBatch, policy: &Policy) -> Self {
        let text = |name: &str| Some((name.to_owned(), text_column(batch.column_by_name(name)?)?));
        let columns = policy.columns().into_iter().filter_map(text).collect();
        Self { columns, rows: batch.num_rows() }
    }

    /// The rows that the tenant may see; `None` when that cannot be told from the rows.
    pub(super) fn admitted(&self, policy: &Policy, tenant: &Tenant) -> Option<Vec<usize>> {
        let mut admitted = Vec::new();
        for row in 0..self.rows {
            match policy.admits(tenant, |column| self.cell(column, row)) {
                Admission::Yes => admitted.push(row),
                Admission::No => {}
                Admission::Undecidable => return None,
            }
        }
        Some(admitted)
    }

    fn cell(&self, column: &str, row: usize) -> Cell<'_> {
        match self.columns.iter().find(|(name, _)| name == column) {
            None => Cell::Absent,
            Some((_, values)) if values.is_null(row) => Cell::Null,
            Some((_, values)) => Cell::Text(values.value(row)),
        }
    }
}

/// A column as texts; `None` where it is no text in SQL.
fn text_column(column: &ArrayRef) -> Option<StringArray> {
    if SqlType::from_arrow(column.data_type()).ok()? != SqlType::Text {
        return None;
    }
    let texts = cast(column, &DataType::Utf8).ok()?;
    texts.as_string_opt::<i32>().cloned()
}

/// Every row as a JSON array.
///
/// # Errors
/// [`ArrowError`] for a value that cannot be shown, such as a timestamp far outside the calendar.
pub(super) fn json_rows(batch: &RecordBatch) -> Result<Vec<String>, ArrowError> {
    let mut rows = vec![String::from("["); batch.num_rows()];
    for (index, column) in batch.columns().iter().enumerate() {
        let writer = Writer::new(column.as_ref())?;
        for (row, text) in rows.iter_mut().enumerate() {
            if index > 0 {
                text.push(',');
            }
            writer.write(text, row)?;
        }
    }
    rows.iter_mut().for_each(|text| text.push(']'));
    Ok(rows)
}

/// The names of the columns as a JSON array.
pub(super) fn json_columns(batch: &RecordBatch) -> String {
    let schema = batch.schema();
    let names: Vec<String> = schema.fields().iter().map(|field| json_text(field.name())).collect();
    format!("[{}]", names.join(","))
}

/// A text as a JSON string.
pub(super) fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Writes the values of one column.
struct Writer<'a> {
    column: &'a dyn Array,
    sql_type: SqlType,
    formatter: Option<ArrayFormatter<'a>>,
}

const OPTIONS: FormatOptions<'static> = FormatOptions::new()
    .with_timestamp_format(Some("%Y-%m-%dT%H:%M:%S%.f"))
    .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
    .with_date_format(Some("%Y-%m-%d"))
    .with_time_format(Some("%H:%M:%S%.f"));

impl<'a> Writer<'a> {
    fn new(column: &'a dyn Array) -> Result<Self, ArrowError> {
        let sql_type = SqlType::from_arrow(column.data_type())
            .map_err(|error| ArrowError::NotYetImplemented(error.to_string()))?;
        let formatter = match sql_type {
            SqlType::Array(_) => None,
            SqlType::Record(_) => return Err(ArrowError::NotYetImplemented("columns of type record".to_owned())),
            _ => Some(ArrayFormatter::try_new(column, &OPTIONS)?),
        };
        Ok(Self { column, sql_type, formatter })
    }

    fn write(&self, out: &mut String, row: usize) -> Result<(), ArrowError> {
        if self.column.is_null(row) {
            out.push_str("null");
            return Ok(());
        }
        if let Some(infinity) = infinity_at(self.column, row) {
            out.push_str(&json_text(infinity.word()));
            return Ok(());
        }
        let Some(formatter) = &self.formatter else {
            return write_list(out, self.column, row);
        };
        let shown = formatter.value(row).try_to_string()?;
        match &self.sql_type {
            SqlType::Bool | SqlType::Int2 | SqlType::Int4 | SqlType::Int8 | SqlType::Oid => out.push_str(&shown),
            SqlType::Float4 | SqlType::Float8 => write_float(out, &shown),
            SqlType::Json => write_json(out, &shown),
            SqlType::Jsonb => write_json(out, &String::from_utf8_lossy(bytes_at(self.column, row))),
            SqlType::Uuid => out.push_str(&json_text(&uuid_text(bytes_at(self.column, row)))),
            SqlType::Bytea => out.push_str(&json_text(&format!("\\x{shown}"))),
            SqlType::Numeric { .. }
            | SqlType::Text
            | SqlType::TextLike(_)
            | SqlType::Date
            | SqlType::Time
            | SqlType::Timestamp
            | SqlType::Timestamptz
            | SqlType::Interval
            | SqlType::Array(_)
            | SqlType::Record(_) => out.push_str(&json_text(&shown)),
        }
        Ok(())
    }
}

/// What is infinite is no day of the calendar.
fn infinity_at(column: &dyn Array, row: usize) -> Option<Infinity> {
    if let Some(dates) = column.as_primitive_opt::<Date32Type>() {
        return Infinity::of_days(dates.value(row));
    }
    column.as_primitive_opt::<TimestampMicrosecondType>().and_then(|moments| Infinity::of_micros(moments.value(row)))
}

fn write_float(out: &mut String, shown: &str) {
    match shown {
        "NaN" => out.push_str("\"NaN\""),
        "inf" => out.push_str("\"Infinity\""),
        "-inf" => out.push_str("\"-Infinity\""),
        finite => out.push_str(finite),
    }
}

/// A document as it is; what is none, as a text.
fn write_json(out: &mut String, text: &str) {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(value) => out.push_str(&value.to_string()),
        Err(_) => out.push_str(&json_text(text)),
    }
}

fn write_list(out: &mut String, column: &dyn Array, row: usize) -> Result<(), ArrowError> {
    let values = match column.data_type() {
        DataType::List(_) => column.as_list::<i32>().value(row),
        DataType::LargeList(_) => column.as_list::<i64>().value(row),
        DataType::FixedSizeList(_, _) => column.as_fixed_size_list().value(row),
        other => return Err(ArrowError::NotYetImplemented(format!("arrays of type {other}"))),
    };
    let writer = Writer::new(values.as_ref())?;
    out.push('[');
    for index in 0..values.len() {
        if index > 0 {
            out.push(',');
        }
        writer.write(out, index)?;
    }
    out.push(']');
    Ok(())
}

fn bytes_at(column: &dyn Array, row: usize) -> &[u8] {
    if let Some(values) = column.as_fixed_size_binary_opt() {
        return values.value(row);
    }
    column.as_binary_opt::<i64>().map(|values| values.value(row)).unwrap_or_default()
}

fn uuid_text(bytes: &[u8]) -> String {
    uuid::Uuid::from_slice(bytes).map(|uuid| uuid.to_string()).unwrap_or_default()
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
