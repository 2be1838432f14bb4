//! A decimal number of any length.

use datafusion::arrow::datatypes::i256;
use datafusion::common::ScalarValue;
use num_bigint::BigInt;

use crate::base::{ErrorReport, SqlState};

use super::super::value::{self, fail, overflow};

/// Digits that a result has at least (`NUMERIC_MIN_SIG_DIGITS`).
pub(in crate::functions) const SIGNIFICANT: i64 = 16;

/// The most digits after the point (`NUMERIC_MAX_DISPLAY_SCALE`).
const MOST: i64 = 1_000;

/// `digits / 10^scale`
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::functions) struct Big {
    pub(super) digits: BigInt,
    pub(super) scale: i64,
}

pub(super) fn zero() -> BigInt {
    BigInt::from(0)
}

pub(super) fn ten_to(power: i64) -> BigInt {
    BigInt::from(10).pow(u32::try_from(power.max(0)).unwrap_or_default())
}

/// A quotient, rounded half away from zero.
pub(super) fn rounded(dividend: &BigInt, divisor: &BigInt) -> BigInt {
    let quotient = dividend / divisor;
    let rest = dividend - &quotient * divisor;
    let twice = BigInt::from(rest.magnitude().clone()) * 2;
    if twice < BigInt::from(divisor.magnitude().clone()) || rest == zero() {
        return quotient;
    }
    if (*dividend < zero()) == (*divisor < zero()) { quotient + 1 } else { quotient - 1 }
}

impl Big {
    pub(in crate::functions) fn new(digits: impl Into<BigInt>, scale: i64) -> Self {
        Self { digits: digits.into(), scale }
    }

    pub(super) fn wide(digits: i256, scale: i64) -> Self {
        Self::new(BigInt::from_signed_bytes_le(&digits.to_le_bytes()), scale)
    }

    /// A number argument.
    pub(in crate::functions) fn of(value: &ScalarValue) -> Self {
        match value {
            ScalarValue::Decimal128(Some(digits), _, scale) => Self::new(*digits, i64::from(*scale)),
            ScalarValue::Decimal256(Some(digits), _, scale) => Self::wide(*digits, i64::from(*scale)),
            ScalarValue::Int16(Some(value)) => Self::new(*value, 0),
            ScalarValue::Int32(Some(value)) => Self::new(*value, 0),
            ScalarValue::Int64(Some(value)) => Self::new(*value, 0),
            _ => Self::new(0, 0),
        }
    }

    pub(in crate::functions) fn is_zero(&self) -> bool {
        self.digits == zero()
    }

    pub(in crate::functions) fn is_negative(&self) -> bool {
        self.digits < zero()
    }

    /// The same with other digits after the point.
    pub(in crate::functions) fn at(&self, scale: i64) -> Self {
        let digits = if scale >= self.scale {
            &self.digits * ten_to(scale - self.scale)
        } else {
            rounded(&self.digits, &ten_to(self.scale - scale))
        };
        Self { digits, scale }
    }

    pub(in crate::functions) fn add(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { digits: self.at(scale).digits + other.at(scale).digits, scale }
    }

    pub(in crate::functions) fn subtract(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { digits: self.at(scale).digits - other.at(scale).digits, scale }
    }

    pub(in crate::functions) fn multiply(&self, other: &Self) -> Self {
        Self { digits: &self.digits * &other.digits, scale: self.scale + other.scale }
    }

    /// A quotient with as many digits after the point; the divisor is not zero.
    pub(in crate::functions) fn divide(&self, other: &Self, scale: i64) -> Self {
        let shift = scale + other.scale - self.scale;
        let (mut dividend, mut divisor) = (self.digits.clone(), other.digits.clone());
        if shift >= 0 {
            dividend *= ten_to(shift);
        } else {
            divisor *= ten_to(-shift);
        }
        Self { digits: rounded(&dividend, &divisor), scale }
    }

    /// The whole part of a quotient, cut.
    pub(in crate::functions) fn divide_cut(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { digits: self.at(scale).digits / other.at(scale).digits, scale: 0 }
    }

    pub(in crate::functions) fn remainder(&self, other: &Self) -> Self {
        let scale = self.scale.max(other.scale);
        Self { digits: self.at(scale).digits % other.at(scale).digits, scale }
    }

    pub(in crate::functions) fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let scale = self.scale.max(other.scale);
        self.at(scale).digits.cmp(&other.at(scale).digits)
    }

    /// Without the zeros at the end.
    pub(in crate::functions) fn trimmed(&self) -> Self {
        let mut found = self.clone();
        while found.scale > 0 && &found.digits % 10 == zero() {
            found.digits /= 10;
            found.scale -= 1;
        }
        found
    }

    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn estimate(&self) -> f64 {
        let text = self.digits.magnitude().to_string();
        let head: f64 = text[..text.len().min(17)].parse().unwrap_or_default();
        let power = i64::try_from(text.len().saturating_sub(17)).unwrap_or_default() - self.scale;
        let found = head * 10_f64.powf(power as f64);
        if self.is_negative() { -found } else { found }
    }

    /// The power of 10,000 of the first digit in base 10,000, that digit, and the one after it.
    pub(super) fn leading(&self) -> (i64, i64, Option<i64>) {
        if self.is_zero() {
            return (0, 0, None);
        }
        let text = self.digits.magnitude().to_string();
        let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
        let exponent = length - 1 - self.scale;
        let weight = exponent.div_euclid(4);
        let first = usize::try_from(exponent.rem_euclid(4) + 1).unwrap_or(1);
        let digit = |from: usize| {
            let part: String = text.chars().skip(from).take(if from == 0 { first } else { 4 }).collect();
            let wanted = if from == 0 { first } else { 4 };
            format!("{part:0<wanted$}").parse::<i64>().unwrap_or_default()
        };
        let more = text.chars().skip(first).any(|c| c != '0');
        (weight, digit(0), more.then(|| digit(first)))
    }

    /// The digits after the point that a quotient has (`select_div_scale`).
    pub(in crate::functions) fn quotient_scale(&self, other: &Self) -> i64 {
        let (weight, first, _) = self.leading();
        let (other_weight, other_first, _) = other.leading();
        let weight = weight - other_weight - i64::from(first <= other_first);
        shown_scale(SIGNIFICANT - weight * 4, &[self, other])
    }

    /// The number as a value: as many of its digits as 38 can hold.
    pub(in crate::functions) fn value(&self) -> Result<ScalarValue, ErrorReport> {
        let mut here = if self.scale > 38 { self.at(38) } else { self.clone() };
        if here.scale < 0 {
            here = here.at(0);
        }
        loop {
            let fitting = i128::try_from(&here.digits).ok().filter(|digits| digits.unsigned_abs() < 10_u128.pow(38));
            if let Some(digits) = fitting {
                return Ok(ScalarValue::Decimal128(Some(digits), 38, i8::try_from(here.scale).unwrap_or_default()));
            }
            if here.scale == 0 {
                return Err(overflow().with_detail("A numeric has at most 38 digits here."));
            }
            let length = i64::try_from(here.digits.magnitude().to_string().len()).unwrap_or(i64::MAX);
            here = self.at((here.scale - (length - 38).max(1)).max(0));
        }
    }

    /// The digits without sign and point.
    pub(in crate::functions) fn digits_text(&self) -> String {
        self.digits.magnitude().to_string()
    }

    /// Digits after the point.
    pub(in crate::functions) fn scale(&self) -> i64 {
        self.scale
    }

    /// The number as a bigint.
    pub(in crate::functions) fn int8(&self) -> Result<ScalarValue, ErrorReport> {
        let found = i64::try_from(&self.at(0).digits);
        let out = |_| fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "bigint out of range");
        found.map(|found| ScalarValue::Int64(Some(found))).map_err(out)
    }
}

/// Never fewer digits than the arguments have, and never too many.
pub(super) fn shown_scale(wanted: i64, arguments: &[&Big]) -> i64 {
    let most = arguments.iter().map(|one| one.scale).max().unwrap_or_default();
    wanted.max(most).clamp(0, MOST)
}

/// `division by zero`
pub(in crate::functions) fn division_by_zero() -> ErrorReport {
    value::fail(SqlState::DIVISION_BY_ZERO, "division by zero")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quotient(a: (i64, i64), b: (i64, i64)) -> (String, i64) {
        let (a, b) = (Big::new(a.0, a.1), Big::new(b.0, b.1));
        let found = a.divide(&b, a.quotient_scale(&b));
        (found.digits.to_string(), found.scale)
    }

    // Each was read off PostgreSQL 15.
    #[test]
    fn quotients_have_postgresqls_digits() {
        assert_eq!(quotient((10, 1), (3, 0)), ("33333333333333333333".to_owned(), 20));
        assert_eq!(quotient((10, 0), (40, 1)), ("25000000000000000".to_owned(), 16));
        assert_eq!(quotient((100, 1), (10, 0)), ("100000000000000000000".to_owned(), 20));
        assert_eq!(quotient((100_000, 0), (30, 1)), ("33333333333333333".to_owned(), 12));
        assert_eq!(quotient((1, 4), (3, 0)), ("33333333333333333333".to_owned(), 24));
    }
}
