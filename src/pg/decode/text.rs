//! The text format of each type.

use chrono_tz::Tz;
use datafusion::common::ScalarValue;
use serde::de::IgnoredAny;

use crate::base::array_text::is_space;
use crate::base::{ErrorReport, SqlState, SqlType};

use super::{array, datetime, interval, invalid, number};

/// Reads a text as a value of the type.
pub fn read(text: &str, sql_type: &SqlType, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    Ok(match sql_type {
        SqlType::Bool => ScalarValue::Boolean(Some(boolean(text)?)),
        SqlType::Int2 => ScalarValue::Int16(Some(integer(text, sql_type)?)),
        SqlType::Int4 => ScalarValue::Int32(Some(integer(text, sql_type)?)),
        SqlType::Int8 => ScalarValue::Int64(Some(integer(text, sql_type)?)),
        SqlType::Oid => ScalarValue::UInt32(Some(oid(text)?)),
        SqlType::Float4 => ScalarValue::Float32(Some(float4(text)?)),
        SqlType::Float8 => ScalarValue::Float64(Some(float8(text)?)),
        SqlType::Numeric { precision, scale } => number::from_text(text, *precision, *scale)?,
        SqlType::Text | SqlType::TextLike(_) => ScalarValue::Utf8(Some(text.to_owned())),
        SqlType::Date => ScalarValue::Date32(Some(datetime::date(text)?)),
        SqlType::Time => ScalarValue::Time64Microsecond(Some(datetime::time(text)?)),
        SqlType::Timestamp => ScalarValue::TimestampMicrosecond(Some(datetime::timestamp(text)?), None),
        SqlType::Timestamptz => {
            let value = datetime::timestamptz(text, zone)?;
            ScalarValue::TimestampMicrosecond(Some(value), Some(crate::base::types::UTC.into()))
        }
        SqlType::Interval => ScalarValue::IntervalMonthDayNano(Some(interval::read(text)?)),
        SqlType::Uuid => ScalarValue::FixedSizeBinary(16, Some(uuid(text)?)),
        SqlType::Json => ScalarValue::LargeUtf8(Some(json(text, sql_type)?.to_owned())),
        SqlType::Jsonb => ScalarValue::LargeBinary(Some(json(text, sql_type)?.as_bytes().to_vec())),
        SqlType::Bytea => ScalarValue::Binary(Some(bytea(text)?)),
        SqlType::Array(element) => array::from_text(text, element, zone)?,
        SqlType::Record(_) => return Err(super::record()),
    })
}

/// `t`, `true`, `yes`, `on`, `1` and their opposites, and beginnings of them that are clear.
fn boolean(text: &str) -> Result<bool, ErrorReport> {
    let word = text.trim_matches(is_space).to_ascii_lowercase();
    let begins = |full: &str| !word.is_empty() && full.starts_with(&word);
    if word == "1" || word == "on" || begins("true") || begins("yes") {
        return Ok(true);
    }
    if word == "0" || word == "of" || word == "off" || begins("false") || begins("no") {
        return Ok(false);
    }
    Err(invalid(&SqlType::Bool, text))
}

fn integer<T: TryFrom<i64>>(text: &str, sql_type: &SqlType) -> Result<T, ErrorReport> {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let value = match text.trim_matches(is_space).parse::<i64>() {
        Ok(value) => T::try_from(value).ok(),
        Err(error) if matches!(error.kind(), PosOverflow | NegOverflow) => None,
        Err(_) => return Err(invalid(sql_type, text)),
    };
    value.ok_or_else(|| out_of_range(text, sql_type))
}

fn out_of_range(text: &str, sql_type: &SqlType) -> ErrorReport {
    ErrorReport::new(
        SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
        format!("value \"{text}\" is out of range for type {}", sql_type.name()),
    )
}

/// An oid; a negative number means the same 32 bits.
fn oid(text: &str) -> Result<u32, ErrorReport> {
    let value: i64 = integer(text, &SqlType::Oid)?;
    let unsigned = u32::try_from(value).ok();
    unsigned
        .or_else(|| i32::try_from(value).ok().map(i32::cast_unsigned))
        .ok_or_else(|| out_of_range(text, &SqlType::Oid))
}

fn float8(text: &str) -> Result<f64, ErrorReport> {
    let number = text.trim_matches(is_space);
    let value: f64 = number.parse().map_err(|_| invalid(&SqlType::Float8, text))?;
    check_float(value.is_infinite(), value == 0.0, number, &SqlType::Float8)?;
    Ok(value)
}

fn float4(text: &str) -> Result<f32, ErrorReport> {
    let number = text.trim_matches(is_space);
    let value: f32 = number.parse().map_err(|_| invalid(&SqlType::Float4, text))?;
    check_float(value.is_infinite(), value == 0.0, number, &SqlType::Float4)?;
    Ok(value)
}

/// Digits that end as infinity or as zero were too large or too small.
fn check_float(infinite: bool, zero: bool, number: &str, sql_type: &SqlType) -> Result<(), ErrorReport> {
    let mantissa = number.split(['e', 'E']).next().unwrap_or_default();
    let overflow = infinite && number.bytes().any(|byte| byte.is_ascii_digit());
    let underflow = zero && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    if overflow || underflow {
        return Err(ErrorReport::new(
            SqlState::NUMERIC_VALUE_OUT_OF_RANGE,
            format!("\"{number}\" is out of range for type {}", sql_type.name()),
        ));
    }
    Ok(())
}

/// 32 hexadecimal digits, a hyphen allowed after each fourth, braces around.
fn uuid(text: &str) -> Result<Vec<u8>, ErrorReport> {
    let error = || invalid(&SqlType::Uuid, text);
    let inner = match text.strip_prefix('{') {
        Some(rest) => rest.strip_suffix('}').ok_or_else(error)?,
        None => text,
    };
    let mut digits = Vec::with_capacity(32);
    for byte in inner.bytes() {
        match char::from(byte).to_digit(16) {
            Some(digit) => digits.push(digit as u8),
            None if byte == b'-' && !digits.is_empty() && digits.len() % 4 == 0 && digits.len() < 32 => {}
            None => return Err(error()),
        }
    }
    if digits.len() != 32 {
        return Err(error());
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

/// A text that is JSON.
pub fn json<'a>(text: &'a str, sql_type: &SqlType) -> Result<&'a str, ErrorReport> {
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(text),
        Err(error) => Err(ErrorReport::new(
            SqlState::INVALID_TEXT_REPRESENTATION,
            format!("invalid input syntax for type {}", sql_type.name()),
        )
        .with_detail(format!("The text is not JSON: {error}."))),
    }
}

/// `\x` and hexadecimal digits, or the escape format.
fn bytea(text: &str) -> Result<Vec<u8>, ErrorReport> {
    match text.strip_prefix("\\x") {
        Some(hex) => hexadecimal(hex),
        None => escaped(text),
    }
}

fn hexadecimal(hex: &str) -> Result<Vec<u8>, ErrorReport> {
    let error = |message: String| ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message);
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut high = None;
    for character in hex.chars() {
        // Spaces are allowed between bytes, not inside one.
        if is_space(character) && high.is_none() {
            continue;
        }
        let digit =
            character.to_digit(16).ok_or_else(|| error(format!("invalid hexadecimal digit: \"{character}\"")))? as u8;
        match high.take() {
            Some(first) => bytes.push(first << 4 | digit),
            None => high = Some(digit),
        }
    }
    match high {
        Some(_) => Err(error("invalid hexadecimal data: odd number of digits".to_owned())),
        None => Ok(bytes),
    }
}

fn escaped(text: &str) -> Result<Vec<u8>, ErrorReport> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = match (first, after) {
            (b'\\', [b'\\', after @ ..]) => {
                bytes.push(b'\\');
                after
            }
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..]) => {
                bytes.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                after
            }
            (b'\\', _) => return Err(invalid(&SqlType::Bytea, text)),
            (other, after) => {
                bytes.push(other);
                after
            }
        };
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str, sql_type: &SqlType) -> (&'static str, String) {
        let report = read(text, sql_type, Tz::UTC).unwrap_err();
        (report.sqlstate.code(), report.message)
    }

    #[test]
    fn errors_have_the_words_of_postgres() {
        let expect = |text, sql_type, state, message: &str| {
            assert_eq!(code(text, &sql_type), (state, message.to_owned()));
        };
        expect("abc", SqlType::Int4, "22P02", "invalid input syntax for type integer: \"abc\"");
        expect("", SqlType::Int8, "22P02", "invalid input syntax for type bigint: \"\"");
        expect("99999", SqlType::Int2, "22003", "value \"99999\" is out of range for type smallint");
        expect(
            "99999999999999999999",
            SqlType::Int8,
            "22003",
            "value \"99999999999999999999\" is out of range for type bigint",
        );
        expect("1e400", SqlType::Float8, "22003", "\"1e400\" is out of range for type double precision");
        expect("1e-400", SqlType::Float8, "22003", "\"1e-400\" is out of range for type double precision");
        expect("maybe", SqlType::Bool, "22P02", "invalid input syntax for type boolean: \"maybe\"");
        expect("o", SqlType::Bool, "22P02", "invalid input syntax for type boolean: \"o\"");
        expect("{", SqlType::Json, "22P02", "invalid input syntax for type json");
        expect("0-0", SqlType::Uuid, "22P02", "invalid input syntax for type uuid: \"0-0\"");
        expect("\\xabc", SqlType::Bytea, "22023", "invalid hexadecimal data: odd number of digits");
    }

    #[test]
    fn texts_become_values() {
        let value = |text, sql_type: &SqlType| read(text, sql_type, Tz::UTC).unwrap();
        assert_eq!(value(" 42 ", &SqlType::Int4), ScalarValue::Int32(Some(42)));
        assert_eq!(value("YES", &SqlType::Bool), ScalarValue::Boolean(Some(true)));
        assert_eq!(value("of", &SqlType::Bool), ScalarValue::Boolean(Some(false)));
        assert_eq!(value("-1", &SqlType::Oid), ScalarValue::UInt32(Some(u32::MAX)));
        assert_eq!(value("-Infinity", &SqlType::Float4), ScalarValue::Float32(Some(f32::NEG_INFINITY)));
        assert_eq!(value("\\xDEad", &SqlType::Bytea), ScalarValue::Binary(Some(vec![0xde, 0xad])));
        assert_eq!(value("a\\\\\\001", &SqlType::Bytea), ScalarValue::Binary(Some(vec![b'a', b'\\', 1])));
        assert_eq!(
            value("{a0eebc99-9c0b4ef8-bb6d6bb9-bd380a11}", &SqlType::Uuid),
            value("A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", &SqlType::Uuid)
        );
    }
}
