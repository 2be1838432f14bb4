//! Values of a configuration, read as the type of the column that they are compared with.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, Timelike, Utc};
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use crate::base::SqlType;
use crate::base::types::UTC;

use super::decimals::{self, Decimal};
use super::nodes::integer;
use super::times::{Moment, time_of_day};

/// Characters of a value that a message shows.
const SHOWN_CHARACTERS: usize = 60;

/// Values of one type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Typed {
    /// The type in which the column must be compared with them, where it is not the column's own.
    pub cast: Option<DataType>,
    pub values: Vec<ScalarValue>,
    /// How long they stay true, where they are relative to the clock.
    pub valid_for: Option<Duration>,
}

/// A value that is none of the column's type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mismatch {
    pub expected: String,
    pub actual: String,
}

/// Reads all values of one condition, so that they have one type.
pub(super) fn read(sql_type: &SqlType, values: &[&Value], now: DateTime<Utc>) -> Result<Typed, Mismatch> {
    match sql_type {
        SqlType::Numeric { precision, scale } => numerics(sql_type, *precision, *scale, values),
        SqlType::Date => dates(sql_type, values, now),
        SqlType::Timestamp | SqlType::Timestamptz => moments(sql_type, values, now),
        SqlType::Json
        | SqlType::Jsonb
        | SqlType::Bytea
        | SqlType::Interval
        | SqlType::Array(_)
        | SqlType::Record(_) => Err(Mismatch {
            expected: "a column of numbers, text, truth values or times".to_owned(),
            actual: sql_type.name(),
        }),
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Text
        | SqlType::TextLike(_)
        | SqlType::Time
        | SqlType::Uuid
        | SqlType::Oid => {
            let values = each(sql_type, values, |value| scalar(sql_type, value))?;
            Ok(Typed { cast: None, values, valid_for: None })
        }
    }
}

fn each<T>(sql_type: &SqlType, values: &[&Value], read: impl Fn(&Value) -> Option<T>) -> Result<Vec<T>, Mismatch> {
    let mismatch = |value: &Value| Mismatch { expected: wanted(sql_type), actual: shown(value) };
    values.iter().map(|value| read(value).ok_or_else(|| mismatch(value))).collect()
}

fn wanted(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz => {
            format!("{}, as 2024-01-31 or 2024-01-31T10:30, or relative as now, today, -7d", sql_type.name())
        }
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Numeric { .. }
        | SqlType::Text
        | SqlType::TextLike(_)
        | SqlType::Time
        | SqlType::Interval
        | SqlType::Uuid
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Bytea
        | SqlType::Oid
        | SqlType::Array(_)
        | SqlType::Record(_) => sql_type.name(),
    }
}

/// A value of a type whose values need not agree with each other.
fn scalar(sql_type: &SqlType, value: &Value) -> Option<ScalarValue> {
    match sql_type {
        SqlType::Bool => Some(ScalarValue::Boolean(Some(truth(value)?))),
        SqlType::Int2 => Some(ScalarValue::Int16(Some(whole(value)?.try_into().ok()?))),
        SqlType::Int4 => Some(ScalarValue::Int32(Some(whole(value)?.try_into().ok()?))),
        SqlType::Int8 => Some(ScalarValue::Int64(Some(whole(value)?))),
        SqlType::Oid => Some(ScalarValue::UInt32(Some(whole(value)?.try_into().ok()?))),
        #[expect(clippy::cast_possible_truncation, reason = "real has the digits that it has")]
        SqlType::Float4 => Some(ScalarValue::Float32(Some(float(value)? as f32))),
        SqlType::Float8 => Some(ScalarValue::Float64(Some(float(value)?))),
        SqlType::Text | SqlType::TextLike(_) => Some(ScalarValue::Utf8(Some(value.as_str()?.to_owned()))),
        SqlType::Time => Some(ScalarValue::Time64Microsecond(Some(microseconds(time_of_day(value.as_str()?.trim())?)))),
        SqlType::Uuid => {
            let bytes = uuid::Uuid::parse_str(value.as_str()?.trim()).ok()?.as_bytes().to_vec();
            Some(ScalarValue::FixedSizeBinary(16, Some(bytes)))
        }
        SqlType::Numeric { .. }
        | SqlType::Date
        | SqlType::Timestamp
        | SqlType::Timestamptz
        | SqlType::Interval
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Bytea
        | SqlType::Array(_)
        | SqlType::Record(_) => None,
    }
}

fn truth(value: &Value) -> Option<bool> {
    let text = match value {
        Value::Bool(truth) => return Some(*truth),
        Value::String(text) => text.trim().to_ascii_lowercase(),
        Value::Null | Value::Number(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    match text.as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(_) => integer(value),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_f64(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn decimal(value: &Value) -> Option<Decimal> {
    match value {
        Value::String(text) => Decimal::read(text.trim()),
        Value::Number(number) => Decimal::read(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn numerics(sql_type: &SqlType, precision: u8, scale: i8, values: &[&Value]) -> Result<Typed, Mismatch> {
    let numbers = each(sql_type, values, decimal)?;
    let too_wide = || Mismatch { expected: wanted(sql_type), actual: "a number with too many digits".to_owned() };
    let (data_type, values) = decimals::common(precision, scale, &numbers).ok_or_else(too_wide)?;
    let cast = (data_type != sql_type.arrow()).then_some(data_type);
    Ok(Typed { cast, values, valid_for: None })
}

fn read_moments(sql_type: &SqlType, values: &[&Value], now: DateTime<Utc>) -> Result<Vec<Moment>, Mismatch> {
    each(sql_type, values, |value| Moment::read(value.as_str()?, now))
}

fn shortest(moments: &[Moment]) -> Option<Duration> {
    moments.iter().filter_map(|moment| moment.valid_for).min()
}

/// A date is compared with dates; with a time of day in the value, both as timestamps, as PostgreSQL does.
fn dates(sql_type: &SqlType, values: &[&Value], now: DateTime<Utc>) -> Result<Typed, Mismatch> {
    let moments = read_moments(sql_type, values, now)?;
    let valid_for = shortest(&moments);
    if moments.iter().all(|moment| moment.is_day) {
        let days = moments.iter().map(|moment| ScalarValue::Date32(Some(days(moment.at.date()))));
        return Ok(Typed { cast: None, values: days.collect(), valid_for });
    }
    let values = moments.iter().map(|moment| timestamp(moment.at, None)).collect();
    Ok(Typed { cast: Some(DataType::Timestamp(TimeUnit::Microsecond, None)), values, valid_for })
}

fn moments(sql_type: &SqlType, values: &[&Value], now: DateTime<Utc>) -> Result<Typed, Mismatch> {
    let moments = read_moments(sql_type, values, now)?;
    let zone = (*sql_type == SqlType::Timestamptz).then_some(UTC);
    let values = moments.iter().map(|moment| timestamp(moment.at, zone)).collect();
    Ok(Typed { cast: None, values, valid_for: shortest(&moments) })
}

fn timestamp(at: NaiveDateTime, zone: Option<&str>) -> ScalarValue {
    ScalarValue::TimestampMicrosecond(Some(at.and_utc().timestamp_micros()), zone.map(Into::into))
}

fn days(date: NaiveDate) -> i32 {
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    // Years are four digits, so the days fit.
    i32::try_from(days).unwrap_or(i32::MAX)
}

fn microseconds(time: NaiveTime) -> i64 {
    i64::from(time.num_seconds_from_midnight()) * 1_000_000 + i64::from(time.nanosecond() / 1_000)
}

/// A value as a message shows it.
pub(super) fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= SHOWN_CHARACTERS {
        return text;
    }
    let begin: String = text.chars().take(SHOWN_CHARACTERS).collect();
    format!("{begin}…")
}
