//! The text format: what PostgreSQL's output functions print.

use std::fmt::Write;

use bytes::BufMut;
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::ScalarBuffer;
use datafusion::arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int16Type,
    Int32Type, Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};

use crate::base::{ErrorReport, InternalError, SqlType, UserFacing};

use super::number::{self, NumericForm, TextNumeric};
use super::{ValueWriter, array, datetime, record};

/// The writer for an array in its normal form.
pub fn writer(array: &ArrayRef, sql_type: &SqlType, zone: Tz) -> Result<ValueWriter, ErrorReport> {
    Ok(match sql_type {
        SqlType::Bool => {
            let values = array.as_boolean().clone();
            Box::new(move |row, out| {
                out.put_u8(if values.value(row) { b't' } else { b'f' });
                Ok(())
            })
        }
        SqlType::Int2 => integer(array.as_primitive::<Int16Type>().values().clone()),
        SqlType::Int4 => integer(array.as_primitive::<Int32Type>().values().clone()),
        SqlType::Int8 => integer(array.as_primitive::<Int64Type>().values().clone()),
        SqlType::Oid => integer(array.as_primitive::<UInt32Type>().values().clone()),
        SqlType::Float4 => {
            let values = array.as_primitive::<Float32Type>().values().clone();
            Box::new(move |row, out| {
                number::put_float4(out, values[row]);
                Ok(())
            })
        }
        SqlType::Float8 => {
            let values = array.as_primitive::<Float64Type>().values().clone();
            Box::new(move |row, out| {
                number::put_float8(out, values[row]);
                Ok(())
            })
        }
        SqlType::Numeric { .. } => numeric::<TextNumeric>(array)?,
        SqlType::Text | SqlType::TextLike(_) | SqlType::Json | SqlType::Jsonb => {
            bytes(array, |value, out| out.put_slice(value))?
        }
        SqlType::Bytea => bytes(array, put_hex)?,
        SqlType::Date => {
            let values = array.as_primitive::<Date32Type>().values().clone();
            Box::new(move |row, out| {
                datetime::put_date(out, values[row]);
                Ok(())
            })
        }
        SqlType::Time => {
            let values = array.as_primitive::<Time64MicrosecondType>().values().clone();
            Box::new(move |row, out| {
                datetime::put_time(out, values[row]);
                Ok(())
            })
        }
        SqlType::Timestamp => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values().clone();
            Box::new(move |row, out| datetime::put_timestamp(out, values[row]))
        }
        SqlType::Timestamptz => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values().clone();
            Box::new(move |row, out| datetime::put_timestamptz(out, values[row], zone))
        }
        SqlType::Interval => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>().values().clone();
            Box::new(move |row, out| {
                datetime::put_interval(out, values[row]);
                Ok(())
            })
        }
        SqlType::Uuid => {
            let values = array.as_fixed_size_binary().clone();
            Box::new(move |row, out| {
                put_uuid(out, values.value(row));
                Ok(())
            })
        }
        SqlType::Array(_) => array::text(array, sql_type, zone)?,
        SqlType::Record(columns) => record::text(array, columns, zone)?,
    })
}

fn integer<T: ArrowNativeType + Into<i64>>(values: ScalarBuffer<T>) -> ValueWriter {
    Box::new(move |row, out| {
        number::put_integer(out, values[row].into());
        Ok(())
    })
}

/// The writer of a decimal.
pub fn numeric<F: NumericForm>(array: &ArrayRef) -> Result<ValueWriter, ErrorReport> {
    match array.data_type() {
        DataType::Decimal128(_, scale) => {
            let (values, scale) = (array.as_primitive::<Decimal128Type>().values().clone(), i16::from(*scale));
            Ok(Box::new(move |row, out| {
                let value = values[row];
                F::put_unscaled(out, value < 0, value.unsigned_abs(), scale);
                Ok(())
            }))
        }
        DataType::Decimal256(_, scale) => {
            let (values, scale) = (array.as_primitive::<Decimal256Type>().values().clone(), i16::from(*scale));
            Ok(Box::new(move |row, out| {
                let text = values[row].to_string();
                let digits = text.strip_prefix('-').unwrap_or(&text);
                F::put(out, text.starts_with('-'), digits.as_bytes(), scale);
                Ok(())
            }))
        }
        // Each value with digits of its own.
        _ => bytes(array, |text, out| {
            let (negative, digits) = match text.strip_prefix(b"-") {
                Some(digits) => (true, digits),
                None => (false, text),
            };
            let scale = digits.iter().rev().position(|byte| *byte == b'.').unwrap_or(0);
            let digits: Vec<u8> = digits.iter().copied().filter(u8::is_ascii_digit).collect();
            F::put(out, negative, &digits, i16::try_from(scale).unwrap_or(i16::MAX));
        }),
    }
}

/// A writer over any layout of texts or bytes.
pub fn bytes(
    array: &ArrayRef,
    put: impl Fn(&[u8], &mut Vec<u8>) + Send + Sync + 'static,
) -> Result<ValueWriter, ErrorReport> {
    macro_rules! writer {
        ($values:expr, $value:ident => $bytes:expr) => {{
            let values = $values.clone();
            Box::new(move |row, out| {
                let $value = values.value(row);
                put($bytes, out);
                Ok(())
            })
        }};
    }
    Ok(match array.data_type() {
        DataType::Utf8 => writer!(array.as_string::<i32>(), value => value.as_bytes()),
        DataType::LargeUtf8 => writer!(array.as_string::<i64>(), value => value.as_bytes()),
        DataType::Utf8View => writer!(array.as_string_view(), value => value.as_bytes()),
        DataType::Binary => writer!(array.as_binary::<i32>(), value => value),
        DataType::LargeBinary => writer!(array.as_binary::<i64>(), value => value),
        DataType::BinaryView => writer!(array.as_binary_view(), value => value),
        other => return Err(unexpected(other)),
    })
}

fn put_hex(value: &[u8], out: &mut Vec<u8>) {
    out.reserve(2 + 2 * value.len());
    out.put_slice(b"\\x");
    for byte in value {
        put_hex_byte(out, *byte);
    }
}

fn put_hex_byte(out: &mut Vec<u8>, byte: u8) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.put_u8(DIGITS[usize::from(byte >> 4)]);
    out.put_u8(DIGITS[usize::from(byte & 15)]);
}

fn put_uuid(out: &mut Vec<u8>, value: &[u8]) {
    for (index, byte) in value.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            out.put_u8(b'-');
        }
        put_hex_byte(out, *byte);
    }
}

/// The report for an array whose type is not the normal form of its SQL type: a defect.
pub fn unexpected(data_type: &DataType) -> ErrorReport {
    let mut cause = String::new();
    let _ = write!(cause, "a result column has the Arrow type {data_type}, which its SQL type does not have");
    InternalError::new(cause).report()
}
