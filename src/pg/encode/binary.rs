//! The binary format: what PostgreSQL's send functions write.

use bytes::BufMut;
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{
    Date32Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Time64MicrosecondType, TimestampMicrosecondType, UInt32Type,
};

use crate::base::{ErrorReport, Infinity, SqlType, TextType};
use crate::engine::type_oid;

use super::number::BinaryNumeric;
use super::{ValueWriter, array, datetime, record, text};

/// Days from 1970-01-01 to 2000-01-01, from which PostgreSQL counts.
pub const EPOCH_DAYS: i32 = 10_957;
/// Microseconds from 1970-01-01 to 2000-01-01.
pub const EPOCH_US: i64 = EPOCH_DAYS as i64 * datetime::DAY_US;
/// The version byte of `jsonb`, and of `jsonpath`.
pub const JSONB_VERSION: u8 = 1;

macro_rules! fixed {
    ($array:expr, $arrow:ty, $put:ident $(, $value:ident => $changed:expr)?) => {{
        let values = $array.as_primitive::<$arrow>().values().clone();
        Box::new(move |row, out| {
            let value = values[row];
            $(let $value = value; let value = $changed;)?
            out.$put(value);
            Ok(())
        })
    }};
}

/// The writer for an array in its normal form.
pub fn writer(array: &ArrayRef, sql_type: &SqlType) -> Result<ValueWriter, ErrorReport> {
    Ok(match sql_type {
        SqlType::Bool => {
            let values = array.as_boolean().clone();
            Box::new(move |row, out| {
                out.put_u8(u8::from(values.value(row)));
                Ok(())
            })
        }
        SqlType::Int2 => fixed!(array, Int16Type, put_i16),
        SqlType::Int4 => fixed!(array, Int32Type, put_i32),
        SqlType::Int8 => fixed!(array, Int64Type, put_i64),
        SqlType::Oid => fixed!(array, UInt32Type, put_u32),
        SqlType::Float4 => fixed!(array, Float32Type, put_f32),
        SqlType::Float8 => fixed!(array, Float64Type, put_f64),
        SqlType::Numeric { .. } => text::numeric::<BinaryNumeric>(array)?,
        SqlType::Text | SqlType::Json | SqlType::Bytea => text::bytes(array, |value, out| out.put_slice(value))?,
        SqlType::TextLike(kind) => text_like(array, *kind)?,
        SqlType::Jsonb => versioned(array)?,
        SqlType::Date => fixed!(array, Date32Type, put_i32, days => since_2000(days)),
        SqlType::Time => fixed!(array, Time64MicrosecondType, put_i64),
        SqlType::Timestamp | SqlType::Timestamptz => {
            let values = array.as_primitive::<TimestampMicrosecondType>().values().clone();
            Box::new(move |row, out| {
                out.put_i64(match Infinity::of_micros(values[row]) {
                    Some(infinity) => infinity.micros(),
                    None => datetime::checked(values[row])? - EPOCH_US,
                });
                Ok(())
            })
        }
        SqlType::Interval => {
            let values = array.as_primitive::<IntervalMonthDayNanoType>().values().clone();
            Box::new(move |row, out| {
                let (months, days, time_us) = datetime::interval_parts(values[row]);
                out.put_i64(time_us);
                out.put_i32(days);
                out.put_i32(months);
                Ok(())
            })
        }
        SqlType::Uuid => {
            let values = array.as_fixed_size_binary().clone();
            Box::new(move |row, out| {
                out.put_slice(values.value(row));
                Ok(())
            })
        }
        SqlType::Array(_) => array::binary(array, sql_type)?,
        SqlType::Record(columns) => record::binary(array, columns)?,
    })
}

/// The last and the first number are infinite on the wire, too.
fn since_2000(days: i32) -> i32 {
    Infinity::of_days(days).map_or_else(|| days.saturating_sub(EPOCH_DAYS), Infinity::days)
}

/// The types that are texts in this process, where they are none on the wire.
fn text_like(array: &ArrayRef, kind: TextType) -> Result<ValueWriter, ErrorReport> {
    match kind {
        TextType::Varchar | TextType::Character | TextType::Name | TextType::Unknown => {
            text::bytes(array, |value, out| out.put_slice(value))
        }
        TextType::QuotedChar => text::bytes(array, |value, out| out.put_u8(single_byte(value))),
        TextType::Regtype => text::bytes(array, |name, out| out.put_u32(regtype(name))),
        TextType::Jsonpath => versioned(array),
    }
}

/// A version byte, then the text.
fn versioned(array: &ArrayRef) -> Result<ValueWriter, ErrorReport> {
    text::bytes(array, |value, out| {
        out.put_u8(JSONB_VERSION);
        out.put_slice(value);
    })
}

/// The byte that a `"char"` is: `\303` stands for one that is no character, and nothing for 0.
fn single_byte(shown: &[u8]) -> u8 {
    match shown {
        [b'\\', octal @ ..] if octal.len() == 3 => octal.iter().fold(0, |byte, digit| (byte << 3) | (digit & 7)),
        [byte, ..] => *byte,
        [] => 0,
    }
}

/// The OID of a type that is written as its name, or as a number where it has none; `-` is 0.
fn regtype(name: &[u8]) -> u32 {
    let name = std::str::from_utf8(name).unwrap_or_default();
    type_oid(name).or_else(|| name.parse().ok()).unwrap_or(0)
}
