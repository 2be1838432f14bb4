//! Records in both formats.

use bytes::BufMut;
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};

use crate::base::{ErrorReport, SqlType};

use super::text::unexpected;
use super::{FieldWriter, Format, ValueWriter};

/// `(1,"b c",)`: NULL is nothing.
pub fn text(array: &ArrayRef, types: &[SqlType], zone: Tz) -> Result<ValueWriter, ErrorReport> {
    let columns = columns(array, types, Format::Text, zone)?;
    Ok(Box::new(move |row, out| {
        out.put_u8(b'(');
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                out.put_u8(b',');
            }
            if !column.is_null(row) {
                let start = out.len();
                (column.value)(row, out)?;
                quote_from(out, start);
            }
        }
        out.put_u8(b')');
        Ok(())
    }))
}

/// Puts quotes around the value that begins at `start`, where it could be misread without them.
fn quote_from(out: &mut Vec<u8>, start: usize) {
    let value = &out[start..];
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'(' | b')' | b',' | b' ' | b'\t'..=b'\r');
    if !value.is_empty() && !value.iter().any(special) {
        return;
    }
    let value = out.split_off(start);
    out.put_u8(b'"');
    for byte in &value {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(*byte);
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// The number of columns, then the type of each before its length and its value.
pub fn binary(array: &ArrayRef, types: &[SqlType]) -> Result<ValueWriter, ErrorReport> {
    let columns = columns(array, types, Format::Binary, Tz::UTC)?;
    let oids: Vec<u32> = types.iter().map(SqlType::oid).collect();
    let count = i32::try_from(oids.len()).unwrap_or(i32::MAX);
    Ok(Box::new(move |row, out| {
        out.put_i32(count);
        for (column, oid) in columns.iter().zip(&oids) {
            out.put_u32(*oid);
            column.write(row, out)?;
        }
        Ok(())
    }))
}

fn columns(array: &ArrayRef, types: &[SqlType], format: Format, zone: Tz) -> Result<Vec<FieldWriter>, ErrorReport> {
    let rows = array.as_struct();
    if rows.num_columns() != types.len() {
        return Err(unexpected(array.data_type()));
    }
    let columns = rows.columns().iter().zip(types);
    columns.map(|(column, sql_type)| FieldWriter::new(column, sql_type, format, zone)).collect()
}
