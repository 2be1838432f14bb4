//! Decimal numbers as they are written, without a detour over floats.

use datafusion::arrow::datatypes::{DataType, i256};
use datafusion::scalar::ScalarValue;

/// The most digits that a decimal of the engine has.
const MOST_DIGITS: usize = 76;

/// A decimal number: sign, digits without leading zeros, and how many of them stand behind the point.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    negative: bool,
    digits: String,
    scale: usize,
}

impl Decimal {
    /// Reads `-12.50` or `1.25e3`; `None` when it is no number or has too many digits.
    pub fn read(text: &str) -> Option<Self> {
        let (negative, text) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
            None => (text, 0),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if whole.len() + fraction.len() == 0 || !all_digits(whole) || !all_digits(fraction) || exponent.abs() > 400 {
            return None;
        }
        let mut digits = format!("{whole}{fraction}");
        let mut scale = i32::try_from(fraction.len()).ok()? - exponent;
        while scale < 0 {
            digits.push('0');
            scale += 1;
        }
        let mut scale = usize::try_from(scale).ok()?;
        // Trailing zeros say nothing and would widen the type.
        while scale > 0 && digits.ends_with('0') {
            digits.pop();
            scale -= 1;
        }
        let digits = digits.trim_start_matches('0').to_owned();
        (digits.len() <= MOST_DIGITS && scale <= MOST_DIGITS).then_some(Self { negative, digits, scale })
    }

    /// Digits before the point.
    pub fn whole_digits(&self) -> usize {
        self.digits.len().saturating_sub(self.scale)
    }

    /// Digits behind the point.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// The number as a value with these digits in all and behind the point; `None` when it does not fit.
    pub fn value(&self, precision: u8, scale: u8) -> Option<ScalarValue> {
        let zeros = usize::from(scale).checked_sub(self.scale)?;
        let sign = if self.negative { "-" } else { "" };
        let text = format!("{sign}0{}{}", self.digits, "0".repeat(zeros));
        if self.digits.len() + zeros > usize::from(precision) {
            return None;
        }
        let scale = i8::try_from(scale).ok()?;
        if precision <= 38 {
            return Some(ScalarValue::Decimal128(Some(text.parse().ok()?), precision, scale));
        }
        Some(ScalarValue::Decimal256(Some(i256::from_string(&text)?), precision, scale))
    }
}

/// A type that holds a column's values and the numbers exactly, and the numbers in it. `None` when no type is that wide.
pub(super) fn common(precision: u8, scale: i8, numbers: &[Decimal]) -> Option<(DataType, Vec<ScalarValue>)> {
    let own_scale = usize::try_from(scale).ok()?;
    let own_whole = usize::from(precision).saturating_sub(own_scale);
    let scale = numbers.iter().map(Decimal::scale).fold(own_scale, usize::max);
    let whole = numbers.iter().map(Decimal::whole_digits).fold(own_whole, usize::max);
    if whole + scale > MOST_DIGITS {
        return None;
    }
    let wide = u8::try_from(whole + scale).ok()?.max(precision);
    let scale = u8::try_from(scale).ok()?;
    let values = numbers.iter().map(|number| number.value(wide, scale)).collect::<Option<Vec<_>>>()?;
    let signed = i8::try_from(scale).ok()?;
    let data_type = if wide <= 38 { DataType::Decimal128(wide, signed) } else { DataType::Decimal256(wide, signed) };
    Some((data_type, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, precision: u8, scale: u8) -> Option<ScalarValue> {
        Decimal::read(text)?.value(precision, scale)
    }

    #[test]
    fn numbers_are_read_exactly() {
        let decimal = |unscaled: i128| Some(ScalarValue::Decimal128(Some(unscaled), 18, 4));
        for (text, expected) in [
            ("1", 10_000),
            ("-1.5", -15_000),
            ("0.0001", 1),
            ("1e2", 1_000_000),
            ("1.50000000", 15_000),
            (".5", 5_000),
            ("+2.", 20_000),
            ("-0", 0),
            ("12e-3", 120),
        ] {
            assert_eq!(value(text, 18, 4), decimal(expected), "{text}");
        }
        for text in ["", "-", ".", "abc", "1.2.3", "1e", "NaN", "1e999", "0x1", "1_000", "1,5", "ä"] {
            assert_eq!(Decimal::read(text), None, "{text}");
        }
        assert_eq!(value("0.00001", 18, 4), None);
    }

    #[test]
    fn a_number_finer_or_wider_than_the_column_widens_the_type() {
        let number = |text: &str| Decimal::read(text).unwrap();
        assert_eq!(common(18, 4, &[number("1.5")]).unwrap().0, DataType::Decimal128(18, 4));
        assert_eq!(common(18, 4, &[number("1.23456")]).unwrap().0, DataType::Decimal128(19, 5));
        assert_eq!(common(8, 2, &[number("1e10"), number("0.001")]).unwrap().0, DataType::Decimal128(14, 3));
        assert_eq!(common(38, 10, &[number("0.00000000001")]).unwrap().0, DataType::Decimal256(39, 11));
        assert!(common(38, 10, &[number(&"9".repeat(70))]).is_none());
    }
}
