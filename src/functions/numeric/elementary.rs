//! Roots, logarithms, exponentials and powers.

use crate::base::{ErrorReport, SqlState};

use super::super::value::{fail, overflow};
use super::big::{Big, SIGNIFICANT, rounded, shown_scale, ten_to, zero};

/// Digits that are computed and not shown.
const GUARD: i64 = 12;

/// No result has more digits before the point.
const LARGEST: f64 = 200.0;

/// A square root, with PostgreSQL's digits where `scale` does not say how many.
pub(in crate::functions) fn square_root(x: &Big, scale: Option<i64>) -> Result<Big, ErrorReport> {
    if x.is_negative() {
        let message = "cannot take square root of a negative number";
        return Err(fail(SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION, message));
    }
    let (weight, _, _) = x.leading();
    let scale = scale.unwrap_or_else(|| shown_scale(SIGNIFICANT - ((weight + 1) * 2 - 1), &[x]));
    let fine = scale + GUARD;
    let root = x.at(2 * fine).digits.sqrt();
    Ok(Big { digits: root, scale: fine }.at(scale))
}

/// The power of ten of a natural logarithm, roughly (`estimate_ln_dweight`).
fn logarithm_weight(x: &Big) -> i64 {
    let near_one = x.compare(&Big::new(9, 1)).is_ge() && x.compare(&Big::new(11, 1)).is_le();
    if near_one {
        let rest = x.subtract(&Big::new(1, 0));
        let (weight, first, _) = rest.leading();
        return if rest.is_zero() { 0 } else { weight * 4 + decimal_log(first) };
    }
    let (weight, first, second) = x.leading();
    let (digits, weight) = match second {
        Some(second) => (first * 10_000 + second, weight * 4 - 4),
        None => (first, weight * 4),
    };
    #[expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "an estimate")]
    let found = ((digits as f64).ln() + weight as f64 * std::f64::consts::LN_10).abs().log10() as i64;
    found
}

fn decimal_log(digit: i64) -> i64 {
    i64::from(digit.max(1).ilog10())
}

fn check_logarithm(x: &Big) -> Result<(), ErrorReport> {
    let message = if x.is_zero() {
        "cannot take logarithm of zero"
    } else if x.is_negative() {
        "cannot take logarithm of a negative number"
    } else {
        return Ok(());
    };
    Err(fail(SqlState::INVALID_ARGUMENT_FOR_LOGARITHM, message))
}

/// A natural logarithm.
pub(super) fn natural_logarithm(x: &Big) -> Result<Big, ErrorReport> {
    check_logarithm(x)?;
    let scale = shown_scale(SIGNIFICANT - logarithm_weight(x), &[x]);
    Ok(logarithm(x, scale + GUARD).at(scale))
}

/// A logarithm to a base.
pub(super) fn logarithm_to(base: &Big, x: &Big) -> Result<Big, ErrorReport> {
    check_logarithm(base)?;
    check_logarithm(x)?;
    let weight = logarithm_weight(x) - logarithm_weight(base);
    let scale = shown_scale(SIGNIFICANT - weight, &[base, x]);
    let fine = scale + GUARD + 20;
    let (base, x) = (logarithm(base, fine), logarithm(x, fine));
    if base.is_zero() {
        return Err(super::big::division_by_zero());
    }
    Ok(x.divide(&base, scale))
}

/// `ln x` to this many digits: halved by square roots until the series is short.
fn logarithm(x: &Big, scale: i64) -> Big {
    let fine = scale + 30;
    let one = ten_to(fine);
    let (low, high) = (&one * 9 / 10, &one * 11 / 10);
    let mut here = x.at(fine).digits;
    let mut halvings = 0_u32;
    if here == zero() {
        // Too small for these digits: from the other side.
        let inverse = Big::new(1, 0).divide(x, fine);
        let found = logarithm(&inverse, scale);
        return Big { digits: -found.digits, scale: found.scale };
    }
    while here < low || here > high {
        here = (here * &one).sqrt();
        halvings += 1;
    }
    // ln x = 2 artanh((x - 1) / (x + 1))
    let part = (&here - &one) * &one / (&here + &one);
    let square = &part * &part / &one;
    let (mut power, mut sum, mut odd) = (part.clone(), part, 1);
    while power != zero() {
        power = power * &square / &one;
        odd += 2;
        sum += &power / odd;
    }
    let sum = sum * num_bigint::BigInt::from(2).pow(halvings + 1);
    Big { digits: sum, scale: fine }.at(scale)
}

/// `e` to a power.
pub(super) fn exponential(x: &Big) -> Result<Big, ErrorReport> {
    let weight = x.estimate() * std::f64::consts::LOG10_E;
    exponential_at(x, weight, &[x])
}

fn exponential_at(x: &Big, weight: f64, arguments: &[&Big]) -> Result<Big, ErrorReport> {
    if weight > LARGEST {
        return Err(overflow().with_detail("A numeric has at most 38 digits here."));
    }
    #[expect(clippy::cast_possible_truncation, reason = "an estimate")]
    let scale = shown_scale(SIGNIFICANT - weight.max(-2_000.0) as i64, arguments);
    #[expect(clippy::cast_possible_truncation, reason = "an estimate")]
    let fine = scale + GUARD + (weight.abs() as i64).min(2_000);
    Ok(power_of_e(x, fine).at(scale))
}

fn power_of_e(x: &Big, scale: i64) -> Big {
    let fine = scale + 30;
    let one = ten_to(fine);
    let mut halvings = 0_u32;
    let mut here = x.at(fine).digits;
    let limit = &one / 100;
    while num_bigint::BigInt::from(here.magnitude().clone()) > limit {
        here = rounded(&here, &num_bigint::BigInt::from(2));
        halvings += 1;
    }
    let (mut term, mut sum, mut count) = (one.clone(), one.clone(), 0);
    while term != zero() {
        count += 1;
        term = term * &here / &one / count;
        sum += &term;
    }
    for _ in 0..halvings {
        sum = &sum * &sum / &one;
    }
    Big { digits: sum, scale: fine }
}

/// A power.
pub(super) fn power(base: &Big, exponent: &Big) -> Result<Big, ErrorReport> {
    let state = SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION;
    if base.is_zero() && exponent.is_negative() {
        return Err(fail(state, "zero raised to a negative power is undefined"));
    }
    let whole = exponent.trimmed();
    if whole.scale <= 0 {
        let scale = shown_scale(SIGNIFICANT, &[base]);
        return whole_power(base, &whole.digits, scale);
    }
    if base.is_negative() {
        let message = "a negative number raised to a non-integer power yields a complex result";
        return Err(fail(state, message));
    }
    if base.is_zero() {
        return Ok(Big::new(0, SIGNIFICANT));
    }
    let rough = logarithm(base, 40).multiply(exponent);
    let weight = rough.estimate() * std::f64::consts::LOG10_E;
    if weight > LARGEST {
        return Err(overflow().with_detail("A numeric has at most 38 digits here."));
    }
    let digits = 60 + exponent.scale + base.scale;
    exponential_at(&logarithm(base, digits).multiply(exponent), weight, &[base, exponent]).map(|found| {
        // The digits of the product are those of the computation, not of the arguments.
        #[expect(clippy::cast_possible_truncation, reason = "an estimate")]
        let scale = shown_scale(SIGNIFICANT - weight.max(-2_000.0) as i64, &[base, exponent]);
        found.at(scale)
    })
}

fn whole_power(base: &Big, exponent: &num_bigint::BigInt, scale: i64) -> Result<Big, ErrorReport> {
    let Ok(exponent) = i64::try_from(exponent) else {
        return Err(overflow().with_detail("A numeric has at most 38 digits here."));
    };
    let base = base.trimmed();
    let magnitude = base.estimate().abs();
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let weight = if magnitude == 0.0 { 0.0 } else { magnitude.log10() * exponent as f64 };
    if weight > LARGEST {
        return Err(overflow().with_detail("A numeric has at most 38 digits here."));
    }
    if weight < -LARGEST {
        return Ok(Big::new(0, scale));
    }
    let count = u32::try_from(exponent.unsigned_abs()).unwrap_or(u32::MAX);
    if base.scale == 0 && (base.digits == num_bigint::BigInt::from(1)) {
        return Ok(Big::new(1, 0).at(scale));
    }
    if base.is_zero() && count > 0 {
        return Ok(Big::new(0, scale));
    }
    // Near one the digits would grow without end.
    if count > 10_000 {
        let odd = base.is_negative() && count % 2 == 1;
        let base = if base.is_negative() { Big { digits: -base.digits.clone(), scale: base.scale } } else { base };
        let found = power_of_e(&logarithm(&base, 80).multiply(&Big::new(exponent, 0)), 60 + scale).at(scale);
        return Ok(if odd { Big { digits: -found.digits, scale } } else { found });
    }
    let power = Big { digits: base.digits.pow(count), scale: base.scale * i64::from(count) };
    Ok(if exponent < 0 { Big::new(1, 0).divide(&power, scale) } else { power.at(scale) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &Big) -> (String, i64) {
        (found.digits.to_string(), found.scale)
    }

    // Each was read off PostgreSQL 15.
    #[test]
    fn results_have_postgresqls_digits() {
        assert_eq!(shown(&square_root(&Big::new(20, 1), None).unwrap()), ("1414213562373095".to_owned(), 15));
        assert_eq!(shown(&square_root(&Big::new(200_000, 1), None).unwrap()), ("1414213562373095".to_owned(), 13));
        assert_eq!(shown(&natural_logarithm(&Big::new(100, 1)).unwrap()), ("23025850929940457".to_owned(), 16));
        assert_eq!(shown(&natural_logarithm(&Big::new(100_001, 5)).unwrap()), ("9999950000333331".to_owned(), 21));
        assert_eq!(shown(&exponential(&Big::new(10, 1)).unwrap()), ("27182818284590452".to_owned(), 16));
        assert_eq!(shown(&exponential(&Big::new(-55, 1)).unwrap()), ("4086771438464067".to_owned(), 18));
        assert_eq!(shown(&power(&Big::new(25, 1), &Big::new(25, 1)).unwrap()), ("98821176880261854".to_owned(), 16));
        assert_eq!(shown(&power(&Big::new(100, 1), &Big::new(-3, 0)).unwrap()), ("10000000000000".to_owned(), 16));
        assert_eq!(shown(&power(&Big::new(0, 2), &Big::new(4_078_529, 0)).unwrap()), ("0".to_owned(), 16));
        assert_eq!(shown(&logarithm_to(&Big::new(30, 1), &Big::new(100, 1)).unwrap()).0, "20959032742893846");
    }
}
