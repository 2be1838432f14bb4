//! The numbers of a path: written, computed and shown as `numeric` is.

use num_bigint::BigInt;

use crate::base::ErrorReport;

use super::super::super::numeric::{Big, division_by_zero};
use super::super::super::value::overflow;
use super::super::document::{Json, Kind};
use super::syntax::Operator;

/// The most digits that a number has after the point.
const MOST_SCALE: i64 = 16_383;

/// A number as a path may write it: also `.5`, `1.` and `1.e3`.
pub(super) fn written(text: &str) -> Result<String, ErrorReport> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, ""));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let whole = if whole.is_empty() { "0" } else { whole };
    let point = if fraction.is_empty() { "" } else { "." };
    let power = if exponent.is_empty() { "" } else { "e" };
    normal(&format!("{whole}{point}{fraction}{power}{exponent}"))
}

/// The digits of a number without exponent.
pub(super) fn normal(text: &str) -> Result<String, ErrorReport> {
    match Json::parse_binary(text)?.kind {
        Kind::Number(digits) => Ok(digits),
        _ => Err(overflow()),
    }
}

/// The number with the other sign.
pub(super) fn negated(digits: &str) -> String {
    if digits.bytes().all(|byte| matches!(byte, b'0' | b'.')) {
        return digits.to_owned();
    }
    digits.strip_prefix('-').map_or_else(|| format!("-{digits}"), str::to_owned)
}

/// The number without sign.
pub(super) fn absolute(digits: &str) -> String {
    digits.strip_prefix('-').unwrap_or(digits).to_owned()
}

fn big(digits: &str) -> Result<Big, ErrorReport> {
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let number = format!("{whole}{fraction}").parse::<BigInt>().map_err(|_| overflow())?;
    Ok(Big::new(number, i64::try_from(fraction.len()).unwrap_or(i64::MAX)))
}

fn shown(number: &Big) -> Result<String, ErrorReport> {
    let number = if number.scale() > MOST_SCALE { number.at(MOST_SCALE) } else { number.clone() };
    let scale = usize::try_from(number.scale()).unwrap_or_default();
    let digits = format!("{:0>width$}", number.digits_text(), width = scale + 1);
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let sign = if number.is_negative() { "-" } else { "" };
    let point = if fraction.is_empty() { "" } else { "." };
    // It also refuses too many digits.
    normal(&format!("{sign}{whole}{point}{fraction}"))
}

/// The result of an operator.
pub(super) fn calculated(operator: Operator, left: &str, right: &str) -> Result<String, ErrorReport> {
    let (left, right) = (big(left)?, big(right)?);
    if matches!(operator, Operator::Divide | Operator::Remainder) && right.is_zero() {
        return Err(division_by_zero());
    }
    shown(&match operator {
        Operator::Add => left.add(&right),
        Operator::Subtract => left.subtract(&right),
        Operator::Multiply => left.multiply(&right),
        Operator::Divide => left.divide(&right, left.quotient_scale(&right)),
        Operator::Remainder => left.remainder(&right),
    })
}

/// The whole number below, or above.
pub(super) fn whole(digits: &str, up: bool) -> Result<String, ErrorReport> {
    let Some((whole, fraction)) = digits.split_once('.') else { return Ok(digits.to_owned()) };
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    let whole = if whole == "-0" { "0" } else { whole };
    if is_whole || digits.starts_with('-') == up {
        return Ok(whole.to_owned());
    }
    let one = Big::new(1, 0);
    let whole = big(whole)?;
    shown(&if up { whole.add(&one) } else { whole.subtract(&one) })
}

/// The number without its fraction as an integer of four bytes.
pub(super) fn integer(digits: &str) -> Option<i32> {
    let whole = digits.split_once('.').map_or(digits, |(whole, _)| whole);
    whole.parse().ok()
}

/// What computing with a number costs, in steps: the time grows with the square of its digits.
pub(super) fn cost(digits: &str) -> usize {
    const FREE: usize = 64;
    (digits.len() / FREE).pow(2)
}
