//! Exact numbers: integers that stand for decimals with a fixed number of digits after the point.

/// Digits after the point of a price.
pub(super) const PRICE_SCALE: i128 = 1_000_000;
/// Digits after the point of a quantity and of a notional.
pub(super) const QUANTITY_SCALE: i128 = 10_000;
/// A price times a quantity.
pub(super) const PRODUCT_SCALE: i128 = PRICE_SCALE * QUANTITY_SCALE;

/// Division that rounds a half away from zero, as PostgreSQL rounds a numeric. Nothing by zero is zero: callers divide
/// by counts and quantities that are zero only where the numerator is.
pub(super) fn divide(numerator: i128, denominator: i128) -> i128 {
    if denominator == 0 {
        return 0;
    }
    let (numerator, denominator) = if denominator < 0 { (-numerator, -denominator) } else { (numerator, denominator) };
    let half = denominator / 2;
    let away = if numerator < 0 { -half } else { half };
    // For an odd denominator no remainder is exactly a half, so adding the rounded-down half is right.
    (numerator + away) / denominator
}

/// The number as the double precision columns of the latest values hold it.
#[expect(clippy::cast_precision_loss, reason = "a double has 15 digits; the exact number stands in the other tables")]
pub(super) fn to_double(number: i128, scale: i128) -> f64 {
    number as f64 / scale as f64
}

#[cfg(test)]
mod tests {
    use super::divide;

    #[test]
    fn halves_go_away_from_zero() {
        let cases =
            [(5, 2, 3), (-5, 2, -3), (5, -2, -3), (4, 3, 1), (-4, 3, -1), (7, 3, 2), (10, 4, 3), (1, 3, 0), (9, 0, 0)];
        for (numerator, denominator, expected) in cases {
            assert_eq!(divide(numerator, denominator), expected, "{numerator}/{denominator}");
        }
    }
}
