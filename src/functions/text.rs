//! Values as text, as PostgreSQL's output functions write them.

use std::fmt::Write as _;
use std::sync::Arc;

use chrono::{Datelike, Timelike};
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Float32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
};
use datafusion::arrow::util::display::array_value_to_string;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use crate::base::engine_error::report;
use crate::base::{ErrorReport, Infinity};

use super::datetime::wall_clock;
use super::function::{Function, by_arrays};
use super::time_columns;
use super::value::defect;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![Function::strict(
        "text_of",
        |_, _| Some(DataType::Utf8),
        |args| by_arrays(&args, |arrays| texts(&arrays[0], zone(arrays))),
    )]
}

/// The session's zone is the last argument, a constant.
fn zone(arrays: &[ArrayRef]) -> Tz {
    let name = arrays.get(1).filter(|zones| !zones.is_empty() && zones.data_type() == &DataType::Utf8);
    name.and_then(|zones| zones.as_string::<i32>().value(0).parse().ok()).unwrap_or(Tz::UTC)
}

/// Whether the library's own cast to text writes something else than PostgreSQL.
#[must_use]
pub fn differs_as_text(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Float32
            | DataType::Float64
            | DataType::Timestamp(_, _)
            | DataType::Time64(_)
            | DataType::Interval(_)
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::FixedSizeBinary(_)
            | DataType::List(_)
            | DataType::Struct(_)
    )
}

/// Every value as text.
pub(super) fn texts(array: &ArrayRef, zone: Tz) -> Result<ArrayRef, DataFusionError> {
    if *array.data_type() == DataType::Date32 {
        return time_columns::date_texts(array);
    }
    if !differs_as_text(array.data_type()) {
        return Ok(cast(array, &DataType::Utf8)?);
    }
    let mut rows = Vec::with_capacity(array.len());
    for row in 0..array.len() {
        rows.push(if array.is_null(row) { None } else { Some(value_text(array, row, zone)?) });
    }
    Ok(Arc::new(StringArray::from(rows)))
}

fn value_text(array: &ArrayRef, row: usize, zone: Tz) -> Result<String, DataFusionError> {
    Ok(match array.data_type() {
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            float_text(f64::from(value), &value.to_string(), &format!("{value:e}"), 6)
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            float_text(value, &value.to_string(), &format!("{value:e}"), 15)
        }
        DataType::Timestamp(_, with_zone) => {
            let zone = with_zone.as_ref().map(|_| zone);
            timestamp_text(time_columns::micros(&array.slice(row, 1))?.value(0), zone)
        }
        DataType::Time64(_) => {
            let micros = cast(&cast(array, &DataType::Time64(super::arithmetic::MICROSECOND))?, &DataType::Int64)?;
            clock_text(micros.as_primitive::<Int64Type>().value(row))
        }
        DataType::Interval(_) => interval_text(array.as_primitive::<IntervalMonthDayNanoType>().value(row)),
        DataType::Binary => bytes_text(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => String::from_utf8_lossy(array.as_binary::<i64>().value(row)).into_owned(),
        DataType::FixedSizeBinary(_) => {
            let bytes = array.as_fixed_size_binary().value(row);
            uuid::Uuid::from_slice(bytes).map_or_else(|_| bytes_text(bytes), |value| value.to_string())
        }
        DataType::List(_) => list_text(&array.as_list::<i32>().value(row), zone)?,
        DataType::Struct(_) => row_text(array.as_struct(), row, zone)?,
        _ => array_value_to_string(array, row)?,
    })
}

/// The shortest digits that read back, with an exponent where PostgreSQL writes one.
fn float_text(value: f64, plain: &str, scientific: &str, digits: i32) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if value != 0.0 && (exponent < -4 || exponent >= digits) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", exponent.abs());
    }
    plain.to_owned()
}

fn timestamp_text(micros: i64, zone: Option<Tz>) -> String {
    if let Some(infinity) = Infinity::of_micros(micros) {
        return infinity.word().to_owned();
    }
    let Some((wall, offset_seconds)) = wall_clock(micros, zone.unwrap_or(Tz::UTC)) else { return String::new() };
    let mut text = format!("{:04}-{:02}-{:02} ", time_columns::shown_year(wall.year()), wall.month(), wall.day());
    let of_day = i64::from(wall.num_seconds_from_midnight()) * 1_000_000 + i64::from(wall.nanosecond() / 1_000);
    text.push_str(&clock_text(of_day));
    if zone.is_some() {
        let sign = if offset_seconds < 0 { '-' } else { '+' };
        let minutes = offset_seconds.abs() / 60;
        let _ = write!(text, "{sign}{:02}", minutes / 60);
        if minutes % 60 != 0 {
            let _ = write!(text, ":{:02}", minutes % 60);
        }
    }
    text.push_str(time_columns::era(wall.year()));
    text
}

fn clock_text(micros: i64) -> String {
    let seconds = micros / 1_000_000;
    let text = format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60);
    with_fraction(text, micros % 1_000_000)
}

fn with_fraction(mut text: String, micros: i64) -> String {
    if micros != 0 {
        let digits = format!("{micros:06}");
        text.push('.');
        text.push_str(digits.trim_end_matches('0'));
    }
    text
}

/// `1 year 2 mons -3 days 04:05:06.7`
fn interval_text(span: IntervalMonthDayNano) -> String {
    let mut parts = Vec::new();
    let mut negative = false;
    let mut part = |value: i32, one: &str, many: &str| {
        if value != 0 {
            let plus = if negative && value > 0 { "+" } else { "" };
            parts.push(format!("{plus}{value} {}", if value == 1 { one } else { many }));
            negative = value < 0;
        }
    };
    part(span.months / 12, "year", "years");
    part(span.months % 12, "mon", "mons");
    part(span.days, "day", "days");
    let micros = span.nanoseconds / 1_000;
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 {
            "-"
        } else if negative {
            "+"
        } else {
            ""
        };
        parts.push(format!("{sign}{}", clock_text(micros.abs())));
    }
    parts.join(" ")
}

fn bytes_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 + bytes.len() * 2);
    text.push_str("\\x");
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn list_text(values: &ArrayRef, zone: Tz) -> Result<String, DataFusionError> {
    let nested = matches!(values.data_type(), DataType::List(_));
    let texts = texts(values, zone)?;
    let items = texts.as_string::<i32>().iter().map(|text| match text {
        None => "NULL".to_owned(),
        Some(text) if nested => text.to_owned(),
        Some(text) => quoted_item(text),
    });
    Ok(format!("{{{}}}", items.collect::<Vec<_>>().join(",")))
}

/// `(1,"a b",)`: NULL is nothing, and an empty text is in quotes.
fn row_text(rows: &StructArray, row: usize, zone: Tz) -> Result<String, DataFusionError> {
    let mut fields = Vec::with_capacity(rows.num_columns());
    for column in rows.columns() {
        if let DataType::Boolean = column.data_type()
            && column.is_valid(row)
        {
            fields.push(if column.as_boolean().value(row) { "t" } else { "f" }.to_owned());
            continue;
        }
        let one = texts(&column.slice(row, 1), zone)?;
        let one = one.as_string::<i32>();
        fields.push(if one.is_null(0) { String::new() } else { quoted_field(one.value(0)) });
    }
    Ok(format!("({})", fields.join(",")))
}

fn quoted_field(text: &str) -> String {
    let special = |c: char| matches!(c, '(' | ')' | ',' | '"' | '\\') || c.is_whitespace();
    if text.is_empty() || text.contains(special) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

fn quoted_item(text: &str) -> String {
    let special = |c: char| matches!(c, '{' | '}' | ',' | '"' | '\\') || c.is_whitespace();
    if text.is_empty() || text.eq_ignore_ascii_case("null") || text.contains(special) {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        text.to_owned()
    }
}

/// One value as text; empty for NULL.
pub(super) fn shown_value(value: &ScalarValue, zone: Tz) -> Result<String, ErrorReport> {
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) => return Ok(text.clone()),
        ScalarValue::Int32(Some(number)) => return Ok(number.to_string()),
        ScalarValue::Int64(Some(number)) => return Ok(number.to_string()),
        _ => {}
    }
    let array = value.to_array().map_err(defect)?;
    let texts = texts(&array, zone).map_err(|error| report(&error))?;
    let texts = texts.as_string::<i32>();
    Ok(if texts.is_valid(0) { texts.value(0).to_owned() } else { String::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eight(value: f64) -> String {
        float_text(value, &value.to_string(), &format!("{value:e}"), 15)
    }

    #[test]
    fn floats_look_as_in_postgresql() {
        let texts: Vec<String> =
            [1.0, 0.5, 1e15, 1e14, 1.5e-5, 0.0001, -0.0, 123_456_789.125].iter().map(|v| eight(*v)).collect();
        assert_eq!(texts, ["1", "0.5", "1e+15", "100000000000000", "1.5e-05", "0.0001", "-0", "123456789.125"]);
    }

    #[test]
    fn times_and_intervals_look_as_in_postgresql() {
        assert_eq!(timestamp_text(1_704_067_200_120_000, None), "2024-01-01 00:00:00.12");
        assert_eq!(timestamp_text(1_704_067_200_000_000, Some(Tz::Asia__Kolkata)), "2024-01-01 05:30:00+05:30");
        let nanos = 14_706_500_000_000;
        assert_eq!(interval_text(IntervalMonthDayNano::new(14, -3, nanos)), "1 year 2 mons -3 days +04:05:06.5");
        assert_eq!(interval_text(IntervalMonthDayNano::new(0, 1, 0)), "1 day");
        assert_eq!(interval_text(IntervalMonthDayNano::new(0, 0, 0)), "00:00:00");
        assert_eq!(interval_text(IntervalMonthDayNano::new(0, 0, -nanos)), "-04:05:06.5");
    }
}
