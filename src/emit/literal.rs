//! Literal values.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::temporal_conversions;
use datafusion::common::ScalarValue;
use sqlparser::ast::{Expr, Value};

use crate::base::infinite;

use super::dialect::Dialect;
use super::error::EmitError;
use super::{quote, types};

/// Where a literal stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Beside an operand of the same type, which gives it its type.
    Beside,
    /// On its own: the type must be said.
    Alone,
}

/// A literal.
///
/// # Errors
/// [`EmitError::Unsupported`] for a type that the dialect does not have.
pub(super) fn write(dialect: Dialect, value: &ScalarValue, place: Place) -> Result<Expr, EmitError> {
    let data_type = value.data_type();
    if value.is_null() {
        let null = Expr::Value(Value::Null.into());
        return match (&data_type, dialect, place) {
            // Its rows have no type in Arrow.
            (DataType::Null, Dialect::ClickHouse, Place::Alone) => types::cast(dialect, null, &DataType::Utf8),
            (DataType::Null, ..) => Ok(null),
            _ => types::cast(dialect, null, &data_type),
        };
    }
    if infinite::is_infinite(value) {
        return Err(EmitError::unsupported("an infinite date or timestamp", dialect));
    }
    match value {
        ScalarValue::Boolean(Some(value)) => Ok(Expr::Value(Value::Boolean(*value).into())),
        ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            Ok(Expr::Value(quote::text(dialect, text)?.into()))
        }
        ScalarValue::Int32(Some(_)) | ScalarValue::Int64(Some(_)) => {
            let number = number(value.to_string());
            // PostgreSQL reads a whole number as integer when it fits, and as bigint when it does not.
            let typed = dialect != Dialect::ClickHouse && matches!(value, ScalarValue::Int32(_));
            if place == Place::Beside || typed { Ok(number) } else { types::cast_value(dialect, number, &data_type) }
        }
        ScalarValue::Int8(Some(_))
        | ScalarValue::Int16(Some(_))
        | ScalarValue::UInt8(Some(_))
        | ScalarValue::UInt16(Some(_))
        | ScalarValue::UInt32(Some(_))
        | ScalarValue::UInt64(Some(_)) => types::cast_value(dialect, number(value.to_string()), &data_type),
        ScalarValue::Float16(Some(value)) => float(dialect, f64::from(*value), &data_type),
        ScalarValue::Float32(Some(value)) => float(dialect, f64::from(*value), &data_type),
        ScalarValue::Float64(Some(value)) => float(dialect, *value, &data_type),
        ScalarValue::Decimal32(Some(_), _, scale)
        | ScalarValue::Decimal64(Some(_), _, scale)
        | ScalarValue::Decimal128(Some(_), _, scale)
        | ScalarValue::Decimal256(Some(_), _, scale) => decimal(dialect, value, *scale, &data_type),
        ScalarValue::Date32(_)
        | ScalarValue::Date64(_)
        | ScalarValue::Time32Second(_)
        | ScalarValue::Time32Millisecond(_)
        | ScalarValue::Time64Microsecond(_)
        | ScalarValue::Time64Nanosecond(_)
        | ScalarValue::TimestampSecond(..)
        | ScalarValue::TimestampMillisecond(..)
        | ScalarValue::TimestampMicrosecond(..)
        | ScalarValue::TimestampNanosecond(..) => moment(dialect, value, &data_type),
        ScalarValue::IntervalMonthDayNano(Some(interval)) if dialect != Dialect::ClickHouse => {
            let micros = interval.nanoseconds / 1_000;
            let text = format!("{} months {} days {} microseconds", interval.months, interval.days, micros);
            typed_text(dialect, &text, &data_type)
        }
        ScalarValue::Binary(Some(bytes)) | ScalarValue::BinaryView(Some(bytes)) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            typed_text(dialect, &format!("\\x{digits}"), &data_type)
        }
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => match uuid::Uuid::from_slice(bytes) {
            Ok(uuid) => typed_text(dialect, &uuid.to_string(), &data_type),
            Err(_) => Err(unsupported(dialect, &data_type)),
        },
        ScalarValue::LargeUtf8(Some(text)) => typed_text(dialect, text, &data_type),
        ScalarValue::Dictionary(_, inner) => write(dialect, inner, place),
        ScalarValue::RunEndEncoded(_, _, inner) => write(dialect, inner, place),
        ScalarValue::List(array) => list(dialect, array.as_ref().value(0).as_ref(), &data_type),
        ScalarValue::Null
        | ScalarValue::Boolean(None)
        | ScalarValue::Utf8(None)
        | ScalarValue::Utf8View(None)
        | ScalarValue::LargeUtf8(None)
        | ScalarValue::Int8(None)
        | ScalarValue::Int16(None)
        | ScalarValue::Int32(None)
        | ScalarValue::Int64(None)
        | ScalarValue::UInt8(None)
        | ScalarValue::UInt16(None)
        | ScalarValue::UInt32(None)
        | ScalarValue::UInt64(None)
        | ScalarValue::Float16(None)
        | ScalarValue::Float32(None)
        | ScalarValue::Float64(None)
        | ScalarValue::Decimal32(None, _, _)
        | ScalarValue::Decimal64(None, _, _)
        | ScalarValue::Decimal128(None, _, _)
        | ScalarValue::Decimal256(None, _, _)
        | ScalarValue::Binary(None)
        | ScalarValue::BinaryView(None)
        | ScalarValue::FixedSizeBinary(_, _)
        | ScalarValue::LargeBinary(_)
        | ScalarValue::LargeList(_)
        | ScalarValue::ListView(_)
        | ScalarValue::LargeListView(_)
        | ScalarValue::FixedSizeList(_)
        | ScalarValue::Struct(_)
        | ScalarValue::Map(_)
        | ScalarValue::Union(..)
        | ScalarValue::DurationSecond(_)
        | ScalarValue::DurationMillisecond(_)
        | ScalarValue::DurationMicrosecond(_)
        | ScalarValue::DurationNanosecond(_)
        | ScalarValue::IntervalYearMonth(_)
        | ScalarValue::IntervalDayTime(_)
        | ScalarValue::IntervalMonthDayNano(_) => Err(unsupported(dialect, &data_type)),
    }
}

fn unsupported(dialect: Dialect, data_type: &DataType) -> EmitError {
    EmitError::unsupported(format!("a literal of type {data_type}"), dialect)
}

/// Digits. A sign goes into parentheses: two in a row would be a comment.
fn number(digits: String) -> Expr {
    let negative = digits.starts_with('-');
    let number = Expr::Value(Value::Number(digits, false).into());
    if negative { Expr::Nested(Box::new(number)) } else { number }
}

fn typed_text(dialect: Dialect, text: &str, data_type: &DataType) -> Result<Expr, EmitError> {
    types::cast_value(dialect, Expr::Value(quote::text(dialect, text)?.into()), data_type)
}

/// The shortest digits that read back as the same number.
fn float(dialect: Dialect, value: f64, data_type: &DataType) -> Result<Expr, EmitError> {
    if value.is_finite() {
        let digits = number(format!("{value:?}"));
        // ClickHouse reads digits with a point as this very type.
        let plain = dialect == Dialect::ClickHouse && *data_type == DataType::Float64;
        return if plain { Ok(digits) } else { types::cast_value(dialect, digits, data_type) };
    }
    let text = match (value.is_nan(), dialect) {
        (true, Dialect::ClickHouse) => "nan".to_owned(),
        (true, Dialect::PostgreSql | Dialect::Redis) => "NaN".to_owned(),
        (false, Dialect::ClickHouse) => if value > 0.0 { "inf" } else { "-inf" }.to_owned(),
        (false, Dialect::PostgreSql | Dialect::Redis) => if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned(),
    };
    typed_text(dialect, &text, data_type)
}

/// A decimal is written with its digits after the point, so that PostgreSQL reads it as numeric. ClickHouse would read
/// it as a float, and gets it as text.
fn decimal(dialect: Dialect, value: &ScalarValue, scale: i8, data_type: &DataType) -> Result<Expr, EmitError> {
    let array = value.to_array().map_err(crate::base::InternalError::new)?;
    let digits =
        datafusion::arrow::util::display::array_value_to_string(&array, 0).map_err(crate::base::InternalError::new)?;
    match dialect {
        Dialect::ClickHouse => typed_text(dialect, &digits, data_type),
        Dialect::PostgreSql | Dialect::Redis if scale > 0 => Ok(number(digits)),
        Dialect::PostgreSql | Dialect::Redis => types::cast_value(dialect, number(digits), data_type),
    }
}

/// Dates and times in ISO form; a timestamp with a zone is in UTC.
fn moment(dialect: Dialect, value: &ScalarValue, data_type: &DataType) -> Result<Expr, EmitError> {
    let zoned = matches!(data_type, DataType::Timestamp(_, Some(_)));
    // Of years before the first and after four digits, stores read other forms, or none.
    let is_read_everywhere = |text: &String| !text.starts_with(['+', '-']) && !text.starts_with("0000");
    let text = iso(value).filter(is_read_everywhere).ok_or_else(|| unsupported(dialect, data_type))?;
    let text = if zoned && dialect != Dialect::ClickHouse { format!("{text}+00:00") } else { text };
    typed_text(dialect, &text, data_type)
}

fn iso(value: &ScalarValue) -> Option<String> {
    let stamp = "%Y-%m-%d %H:%M:%S%.f";
    match value {
        ScalarValue::Date32(Some(days)) => {
            Some(temporal_conversions::date32_to_datetime(*days)?.format("%Y-%m-%d").to_string())
        }
        ScalarValue::Date64(Some(millis)) => {
            Some(temporal_conversions::date64_to_datetime(*millis)?.format("%Y-%m-%d").to_string())
        }
        ScalarValue::Time32Second(Some(time)) => {
            Some(temporal_conversions::time32s_to_time(*time)?.format("%H:%M:%S%.f").to_string())
        }
        ScalarValue::Time32Millisecond(Some(time)) => {
            Some(temporal_conversions::time32ms_to_time(*time)?.format("%H:%M:%S%.f").to_string())
        }
        ScalarValue::Time64Microsecond(Some(time)) => {
            Some(temporal_conversions::time64us_to_time(*time)?.format("%H:%M:%S%.f").to_string())
        }
        ScalarValue::Time64Nanosecond(Some(time)) => {
            Some(temporal_conversions::time64ns_to_time(*time)?.format("%H:%M:%S%.f").to_string())
        }
        ScalarValue::TimestampSecond(Some(time), _) => {
            Some(temporal_conversions::timestamp_s_to_datetime(*time)?.format(stamp).to_string())
        }
        ScalarValue::TimestampMillisecond(Some(time), _) => {
            Some(temporal_conversions::timestamp_ms_to_datetime(*time)?.format(stamp).to_string())
        }
        ScalarValue::TimestampMicrosecond(Some(time), _) => {
            Some(temporal_conversions::timestamp_us_to_datetime(*time)?.format(stamp).to_string())
        }
        ScalarValue::TimestampNanosecond(Some(time), _) => {
            Some(temporal_conversions::timestamp_ns_to_datetime(*time)?.format(stamp).to_string())
        }
        _ => None,
    }
}

fn list(dialect: Dialect, elements: &dyn Array, data_type: &DataType) -> Result<Expr, EmitError> {
    let elements = (0..elements.len())
        .map(|at| {
            let element = ScalarValue::try_from_array(elements, at).map_err(crate::base::InternalError::new)?;
            write(dialect, &element, Place::Alone)
        })
        .collect::<Result<Vec<_>, EmitError>>()?;
    let array = Expr::Array(sqlparser::ast::Array { elem: elements, named: dialect != Dialect::ClickHouse });
    types::cast_value(dialect, array, data_type)
}
