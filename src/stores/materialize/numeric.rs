//! `numeric` from PostgreSQL's binary form: groups of four digits.

use bytes::Buf;
use datafusion::arrow::datatypes::i256;

use crate::base::{ErrorReport, SqlState};

use super::decode::{Unreadable, malformed};

/// Four digits.
const LARGEST_GROUP: u16 = 9_999;

/// The number times ten to the power of `scale`, when it has at most `precision` digits then. Digits that the column's
/// scale has no place for are rounded as PostgreSQL rounds.
pub(super) fn read(mut value: &[u8], precision: u8, scale: i8) -> Result<i256, Unreadable> {
    if value.len() < 8 {
        return Err(malformed("numeric"));
    }
    let count = value.get_u16();
    let weight = value.get_i16();
    let negative = match value.get_u16() {
        0 => false,
        0x4000 => true,
        _ => {
            return Err(Unreadable::Value(ErrorReport::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "a numeric that is not finite is not supported",
            )));
        }
    };
    value.get_u16();
    if value.len() != usize::from(count) * 2 {
        return Err(malformed("numeric"));
    }
    let mut digits = String::with_capacity(usize::from(count) * 4);
    for _ in 0..count {
        let group = value.get_u16();
        if group > LARGEST_GROUP {
            return Err(malformed("numeric"));
        }
        digits.extend([1_000, 100, 10, 1].map(|unit| char::from(b'0' + (group / unit % 10) as u8)));
    }
    let fraction_digits = 4 * (i64::from(count) - 1 - i64::from(weight));
    let magnitude = scaled(digits, i64::from(scale) - fraction_digits, precision)?;
    Ok(if negative { magnitude.wrapping_neg() } else { magnitude })
}

/// The digits with so many more behind them, or fewer.
fn scaled(mut digits: String, missing: i64, precision: u8) -> Result<i256, Unreadable> {
    let round_up = match usize::try_from(missing) {
        Ok(_) if digits.bytes().all(|digit| digit == b'0') => return Ok(i256::ZERO),
        Ok(missing) if missing > usize::from(precision) => return Err(overflow()),
        Ok(missing) => {
            digits.extend(std::iter::repeat_n('0', missing));
            false
        }
        Err(_) => {
            let surplus = usize::try_from(missing.unsigned_abs()).unwrap_or(usize::MAX);
            match digits.len().checked_sub(surplus) {
                Some(kept) => {
                    let first_cut = digits.as_bytes().get(kept).copied().unwrap_or(b'0');
                    digits.truncate(kept);
                    first_cut >= b'5'
                }
                None => return Ok(i256::ZERO),
            }
        }
    };
    let digits = digits.trim_start_matches('0');
    let cut = if digits.is_empty() { "0" } else { digits };
    if cut.len() > usize::from(precision) {
        return Err(overflow());
    }
    let value = i256::from_string(cut).ok_or_else(overflow)?;
    Ok(if round_up { value.wrapping_add(i256::ONE) } else { value })
}

fn overflow() -> Unreadable {
    Unreadable::Value(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(groups: &[u16], weight: i16, sign: u16) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend(u16::try_from(groups.len()).unwrap().to_be_bytes());
        bytes.extend(weight.to_be_bytes());
        bytes.extend(sign.to_be_bytes());
        bytes.extend(0_u16.to_be_bytes());
        bytes.extend(groups.iter().flat_map(|group| group.to_be_bytes()));
        bytes
    }

    #[test]
    fn digits_get_the_columns_scale() {
        // 12345.678
        let value = encoded(&[1, 2345, 6780], 1, 0);
        assert_eq!(read(&value, 38, 3).unwrap(), i256::from_i128(12_345_678));
        assert_eq!(read(&value, 38, 6).unwrap(), i256::from_i128(12_345_678_000));
        assert_eq!(read(&value, 38, 2).unwrap(), i256::from_i128(1_234_568), "rounded up");
        assert_eq!(read(&value, 38, 0).unwrap(), i256::from_i128(12_346));
        assert_eq!(read(&encoded(&[1, 2345, 6780], 1, 0x4000), 38, 2).unwrap(), i256::from_i128(-1_234_568));
        assert_eq!(read(&encoded(&[], 0, 0), 38, 10).unwrap(), i256::ZERO);
        // 0.00005
        assert_eq!(read(&encoded(&[5000], -2, 0), 38, 4).unwrap(), i256::ONE);
        assert_eq!(read(&encoded(&[5000], -2, 0), 38, 1).unwrap(), i256::ZERO);
        // 1e20
        assert_eq!(read(&encoded(&[1], 5, 0), 38, 0).unwrap(), i256::from_i128(10_i128.pow(20)));
    }

    #[test]
    fn a_group_has_four_digits() {
        assert_eq!(read(&encoded(&[12, 9_999], 1, 0), 38, 0).unwrap(), i256::from_i128(129_999));
        assert!(matches!(read(&encoded(&[10_000], 0, 0), 38, 0), Err(Unreadable::Malformed(_))));
    }

    #[test]
    fn what_does_not_fit_is_an_error() {
        assert!(read(&encoded(&[1], 5, 0), 10, 0).is_err());
        assert!(read(&encoded(&[], 0, 0xc000), 38, 0).is_err());
        assert!(read(&[0, 1, 0], 38, 0).is_err());
        let mut short = encoded(&[1, 2], 0, 0);
        short.pop();
        assert!(read(&short, 38, 0).is_err());
    }
}
