//! `numeric` from its text and from its binary form.

use datafusion::arrow::datatypes::i256;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState, SqlType};
use crate::pg::message::Body;

use super::text::is_space;
use super::{invalid, unsupported};

/// The exponent past which a number is out of range whatever its digits.
const EXPONENT: i64 = 200_000;

/// A number as its digits and how many of them stand behind the point.
struct Decimal {
    negative: bool,
    /// ASCII digits.
    digits: Vec<u8>,
    fraction_digits: i64,
}

/// Reads `-12.5e3`.
pub fn from_text(text: &str, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
    let error = || invalid(&SqlType::Numeric { precision, scale }, text);
    let trimmed = text.trim_matches(is_space);
    let unsigned = trimmed.strip_prefix(['-', '+']).unwrap_or(trimmed);
    if ["nan", "inf", "infinity"].contains(&unsigned.to_ascii_lowercase().as_str()) {
        return Err(unsupported("a numeric that is not finite"));
    }
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().map_err(|_| error())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(error());
    }
    let fraction_digits = i64::try_from(fraction.len()).map_err(|_| error())? - i64::from(exponent);
    Decimal { negative: trimmed.starts_with('-'), digits, fraction_digits }.fit(precision, scale)
}

/// Reads the binary form: digits in base 10,000.
pub fn from_binary(value: &mut Body, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
    let error = |what| {
        ErrorReport::new(
            SqlState::INVALID_BINARY_REPRESENTATION,
            format!("invalid {what} in external \"numeric\" value"),
        )
    };
    let count = value.int16()?.cast_unsigned();
    let weight = value.int16()?;
    let negative = match value.int16()?.cast_unsigned() {
        0 => false,
        0x4000 => true,
        0xc000 | 0xd000 | 0xf000 => return Err(unsupported("a numeric that is not finite")),
        _ => return Err(error("sign")),
    };
    value.int16()?;
    let mut digits = Vec::with_capacity(usize::from(count) * 4);
    for _ in 0..count {
        let group = value.int16()?;
        if !(0..10_000).contains(&group) {
            return Err(error("digit"));
        }
        digits.extend_from_slice(format!("{group:04}").as_bytes());
    }
    let fraction_digits = 4 * (i64::from(count) - 1 - i64::from(weight));
    Decimal { negative, digits, fraction_digits }.fit(precision, scale)
}

impl Decimal {
    /// The number with so many digits, rounded half away from zero as PostgreSQL does.
    fn fit(mut self, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
        let missing = i64::from(scale) - self.fraction_digits;
        let zero = self.digits.iter().all(|digit| *digit == b'0');
        let leading = self.digits.iter().take_while(|digit| **digit == b'0').count();
        self.digits.drain(..leading);
        if !zero && missing > EXPONENT {
            return Err(overflow(precision, scale));
        }
        let mut round_up = false;
        match usize::try_from(missing) {
            Ok(missing) if !zero => self.digits.resize(self.digits.len() + missing, b'0'),
            Ok(_) => {}
            Err(_) => {
                let surplus = usize::try_from(missing.unsigned_abs()).unwrap_or(usize::MAX);
                let kept = self.digits.len().checked_sub(surplus);
                round_up = kept.and_then(|kept| self.digits.get(kept)).is_some_and(|digit| *digit >= b'5');
                self.digits.truncate(kept.unwrap_or(0));
            }
        }
        if self.digits.len() > usize::from(precision) {
            return Err(overflow(precision, scale));
        }
        self.value(round_up, precision, scale)
    }

    fn value(&self, round_up: bool, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
        let text = std::str::from_utf8(&self.digits).unwrap_or_default();
        let text = if text.is_empty() { "0" } else { text };
        let magnitude = i256::from_string(text)
            .and_then(|value| value.checked_add(if round_up { i256::ONE } else { i256::ZERO }))
            .filter(|value| value.to_string().len() <= usize::from(precision));
        let magnitude = magnitude.ok_or_else(|| overflow(precision, scale))?;
        let value = if self.negative { magnitude.wrapping_neg() } else { magnitude };
        if precision > 38 {
            return Ok(ScalarValue::Decimal256(Some(value), precision, scale));
        }
        let value = value.to_i128().ok_or_else(|| overflow(precision, scale))?;
        Ok(ScalarValue::Decimal128(Some(value), precision, scale))
    }
}

fn overflow(precision: u8, scale: i8) -> ErrorReport {
    let whole = i16::from(precision) - i16::from(scale);
    ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow").with_detail(format!(
        "A field with precision {precision}, scale {scale} must round to an absolute value less than 10^{whole}."
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_to_their_scale() {
        let read = |text| match from_text(text, 10, 2) {
            Ok(ScalarValue::Decimal128(Some(value), 10, 2)) => Ok(value),
            Ok(other) => panic!("{other:?}"),
            Err(report) => Err(report.sqlstate.code()),
        };
        assert_eq!(read("12.345"), Ok(1235));
        assert_eq!(read("-12.345"), Ok(-1235));
        assert_eq!(read("1e3"), Ok(100_000));
        assert_eq!(read("12345e-5"), Ok(12));
        assert_eq!(read("0.005"), Ok(1));
        assert_eq!(read("0.004"), Ok(0));
        assert_eq!(read("0.0004"), Ok(0));
        assert_eq!(read("."), Err("22P02"));
        assert_eq!(read(""), Err("22P02"));
        assert_eq!(read("1e"), Err("22P02"));
        assert_eq!(read("1_0"), Err("22P02"));
        assert_eq!(read("0e999999"), Ok(0));
        assert_eq!(read("1e999999"), Err("22003"));
        assert_eq!(read("1e-999999"), Ok(0));
        assert_eq!(read("99999999.994"), Ok(9_999_999_999));
        assert_eq!(read("99999999.995"), Err("22003"));
        assert_eq!(read("NaN"), Err("0A000"));
    }
}
