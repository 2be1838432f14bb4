//! `numeric` from its text and from its binary form.

use datafusion::arrow::datatypes::i256;
use datafusion::common::ScalarValue;

use crate::base::array_text::is_space;
use crate::base::{ErrorReport, SqlState, SqlType};
use crate::pg::message::Body;

use super::{invalid, unsupported};

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
    /// The number with so many digits behind the point. More digits than that are refused: a value that was rounded
    /// would compare as another one, silently.
    fn fit(mut self, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
        let leading = self.digits.iter().take_while(|digit| **digit == b'0').count();
        self.digits.drain(..leading);
        let missing = i64::from(scale) - self.fraction_digits;
        match usize::try_from(missing) {
            _ if self.digits.is_empty() => {}
            Ok(missing) if missing > usize::from(precision) => return Err(overflow(precision, scale)),
            Ok(missing) => self.digits.resize(self.digits.len() + missing, b'0'),
            Err(_) => self.cut(missing.unsigned_abs(), scale)?,
        }
        if self.digits.len() > usize::from(precision) {
            return Err(overflow(precision, scale));
        }
        self.value(precision, scale)
    }

    /// Takes zeros off the end.
    fn cut(&mut self, surplus: u64, scale: i8) -> Result<(), ErrorReport> {
        let kept = usize::try_from(surplus).ok().and_then(|surplus| self.digits.len().checked_sub(surplus));
        let kept = kept.filter(|kept| self.digits.iter().skip(*kept).all(|digit| *digit == b'0'));
        match kept {
            Some(kept) => {
                self.digits.truncate(kept);
                Ok(())
            }
            None => Err(unsupported(&format!("a numeric parameter with more than {scale} digits after the point"))
                .with_hint(
                    "Cast the parameter in the statement to a numeric with more of them, as in $1::numeric(38,20).",
                )),
        }
    }

    fn value(&self, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
        let text = std::str::from_utf8(&self.digits).unwrap_or_default();
        let text = if text.is_empty() { "0" } else { text };
        let magnitude = i256::from_string(text).ok_or_else(|| overflow(precision, scale))?;
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
    fn numbers_have_the_scale_of_their_type() {
        let read = |text| match from_text(text, 10, 2) {
            Ok(ScalarValue::Decimal128(Some(value), 10, 2)) => Ok(value),
            Ok(other) => panic!("{other:?}"),
            Err(report) => Err(report.sqlstate.code()),
        };
        assert_eq!(read("12.34"), Ok(1234));
        assert_eq!(read("-12.3"), Ok(-1230));
        assert_eq!(read("12.34000"), Ok(1234));
        assert_eq!(read("1e3"), Ok(100_000));
        assert_eq!(read("1234000e-5"), Ok(1234));
        assert_eq!(read("12.345"), Err("0A000"));
        assert_eq!(read("0.0004"), Err("0A000"));
        assert_eq!(read("+.5"), Ok(50));
        assert_eq!(read("5."), Ok(500));
        assert_eq!(read("."), Err("22P02"));
        assert_eq!(read(""), Err("22P02"));
        assert_eq!(read("1e"), Err("22P02"));
        assert_eq!(read("1_0"), Err("22P02"));
        assert_eq!(read("0e999999"), Ok(0));
        assert_eq!(read("1e999999"), Err("22003"));
        assert_eq!(read("1e-999999"), Err("0A000"));
        assert_eq!(read("99999999.99"), Ok(9_999_999_999));
        assert_eq!(read("100000000"), Err("22003"));
        assert_eq!(read("NaN"), Err("0A000"));
    }
}
