//! The binary format of each type.

use bytes::Bytes;
use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, Infinity, SqlState, SqlType};
use crate::pg::encode::{EPOCH_DAYS, EPOCH_US, JSONB_VERSION, moment_in_range};
use crate::pg::message::{Body, text_of};

use super::{array, number, text};

/// Microseconds of a day.
const DAY_US: i64 = 86_400_000_000;

/// Reads bytes as a value of the type.
pub fn read(value: &[u8], sql_type: &SqlType) -> Result<ScalarValue, ErrorReport> {
    let text = |value| text_of(value).map(str::to_owned);
    match sql_type {
        SqlType::Text | SqlType::TextLike(_) => Ok(ScalarValue::Utf8(Some(text(value)?))),
        SqlType::Json => Ok(ScalarValue::LargeUtf8(Some(text::json(&text(value)?, sql_type)?.to_owned()))),
        SqlType::Jsonb => jsonb(value),
        SqlType::Bytea => Ok(ScalarValue::Binary(Some(value.to_vec()))),
        SqlType::Record(_) => Err(super::record()),
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Numeric { .. }
        | SqlType::Date
        | SqlType::Time
        | SqlType::Timestamp
        | SqlType::Timestamptz
        | SqlType::Interval
        | SqlType::Uuid
        | SqlType::Oid
        | SqlType::Array(_) => {
            let mut body = Body::new(Bytes::copy_from_slice(value));
            let scalar = fields(&mut body, sql_type)?;
            body.end().map_err(|_| incorrect())?;
            Ok(scalar)
        }
    }
}

fn incorrect() -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_BINARY_REPRESENTATION, "incorrect binary data format in bind parameter")
}

fn jsonb(value: &[u8]) -> Result<ScalarValue, ErrorReport> {
    match value.split_first() {
        Some((&JSONB_VERSION, json)) => {
            let json = text::json(text_of(json)?, &SqlType::Jsonb)?;
            Ok(ScalarValue::LargeBinary(Some(json.as_bytes().to_vec())))
        }
        Some((version, _)) => Err(ErrorReport::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            format!("unsupported jsonb version number {version}"),
        )),
        None => Err(incorrect()),
    }
}

/// Reads the types that have fields of fixed size, and those that say themselves how much follows.
fn fields(body: &mut Body, sql_type: &SqlType) -> Result<ScalarValue, ErrorReport> {
    Ok(match sql_type {
        SqlType::Bool => ScalarValue::Boolean(Some(body.byte()? != 0)),
        SqlType::Int2 => ScalarValue::Int16(Some(body.int16()?)),
        SqlType::Int4 => ScalarValue::Int32(Some(body.int32()?)),
        SqlType::Int8 => ScalarValue::Int64(Some(int64(body)?)),
        SqlType::Oid => ScalarValue::UInt32(Some(body.int32()?.cast_unsigned())),
        SqlType::Float4 => ScalarValue::Float32(Some(f32::from_bits(body.int32()?.cast_unsigned()))),
        SqlType::Float8 => ScalarValue::Float64(Some(f64::from_bits(int64(body)?.cast_unsigned()))),
        SqlType::Numeric { precision, scale } => number::from_binary(body, *precision, *scale)?,
        SqlType::Date => ScalarValue::Date32(Some(date(body.int32()?)?)),
        SqlType::Time => ScalarValue::Time64Microsecond(Some(time(int64(body)?)?)),
        SqlType::Timestamp => ScalarValue::TimestampMicrosecond(Some(moment(int64(body)?)?), None),
        SqlType::Timestamptz => {
            let value = moment(int64(body)?)?;
            ScalarValue::TimestampMicrosecond(Some(value), Some(crate::base::types::UTC.into()))
        }
        SqlType::Interval => ScalarValue::IntervalMonthDayNano(Some(interval(body)?)),
        SqlType::Uuid => ScalarValue::FixedSizeBinary(16, Some(body.bytes(16)?.to_vec())),
        SqlType::Array(element) => array::from_binary(body, element)?,
        SqlType::Record(_) => return Err(super::record()),
        SqlType::Text | SqlType::TextLike(_) | SqlType::Json | SqlType::Jsonb | SqlType::Bytea => {
            return Err(incorrect());
        }
    })
}

fn int64(body: &mut Body) -> Result<i64, ErrorReport> {
    let (high, low) = (body.int32()?, body.int32()?);
    Ok(i64::from(high) << 32 | i64::from(low.cast_unsigned()))
}

fn date(days: i32) -> Result<i32, ErrorReport> {
    if let Some(infinity) = Infinity::of_days(days) {
        return Ok(infinity.days());
    }
    let in_range = |days: &i32| Infinity::of_days(*days).is_none();
    days.checked_add(EPOCH_DAYS).filter(in_range).ok_or_else(|| out_of_range("date out of range"))
}

fn time(time_us: i64) -> Result<i64, ErrorReport> {
    if (0..=DAY_US).contains(&time_us) { Ok(time_us) } else { Err(out_of_range("time out of range")) }
}

fn moment(since_2000_us: i64) -> Result<i64, ErrorReport> {
    if let Some(infinity) = Infinity::of_micros(since_2000_us) {
        return Ok(infinity.micros());
    }
    let since_1970_us = since_2000_us.checked_add(EPOCH_US).ok_or_else(|| out_of_range("timestamp out of range"))?;
    moment_in_range(since_1970_us)
}

fn interval(body: &mut Body) -> Result<IntervalMonthDayNano, ErrorReport> {
    let (time_us, days, months) = (int64(body)?, body.int32()?, body.int32()?);
    let nanoseconds = time_us.checked_mul(1_000).ok_or_else(|| out_of_range("interval out of range"))?;
    Ok(IntervalMonthDayNano::new(months, days, nanoseconds))
}

fn out_of_range(message: &str) -> ErrorReport {
    ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, message)
}
