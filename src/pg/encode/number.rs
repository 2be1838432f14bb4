//! Numbers as PostgreSQL prints them.

use std::fmt::Write;

use bytes::{BufMut, BytesMut};

/// Decimal digits of an unsigned number, without leading zeros; `0` has one digit.
pub struct Digits {
    buffer: [u8; 39],
    start: usize,
}

impl Digits {
    /// The digits of a number.
    #[must_use]
    pub fn of(mut value: u128) -> Self {
        let mut digits = Self { buffer: [0; 39], start: 39 };
        // Division of 128 bits is slow: take 19 digits at a time.
        const CHUNK: u128 = 10_000_000_000_000_000_000;
        while value >= CHUNK {
            let (rest, low) = (value / CHUNK, value % CHUNK);
            digits.push(low as u64, 19);
            value = rest;
        }
        digits.push(value as u64, 1);
        digits
    }

    /// Writes a number in front of the digits so far, with at least that many digits.
    fn push(&mut self, mut value: u64, at_least: usize) {
        let end = self.start;
        while value > 0 || end - self.start < at_least {
            self.start -= 1;
            self.buffer[self.start] = b'0' + (value % 10) as u8;
            value /= 10;
        }
    }

    /// The digits as ASCII.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.buffer[self.start..]
    }
}

/// An integer.
pub fn put_integer(out: &mut BytesMut, value: i64) {
    if value < 0 {
        out.put_u8(b'-');
    }
    out.put_slice(Digits::of(u128::from(value.unsigned_abs())).as_bytes());
}

/// A decimal number from its unscaled digits: as many digits after the point as the scale says.
pub fn put_decimal(out: &mut BytesMut, negative: bool, digits: &[u8], scale: i16) {
    if negative {
        out.put_u8(b'-');
    }
    let Ok(scale) = usize::try_from(scale) else {
        out.put_slice(digits);
        if digits != b"0" {
            out.put_bytes(b'0', usize::from(scale.unsigned_abs()));
        }
        return;
    };
    if digits.len() > scale {
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        out.put_slice(whole);
        if !fraction.is_empty() {
            out.put_u8(b'.');
            out.put_slice(fraction);
        }
    } else {
        out.put_slice(b"0.");
        out.put_bytes(b'0', scale - digits.len());
        out.put_slice(digits);
    }
}

/// The decimal exponent from which `real` is printed with an exponent.
const FLOAT4_FIXED_DIGITS: i32 = 6;
/// The decimal exponent from which `double precision` is printed with an exponent.
const FLOAT8_FIXED_DIGITS: i32 = 15;

/// A `real`: the shortest digits that read back the same.
pub fn put_float4(out: &mut BytesMut, value: f32) {
    if put_special(out, f64::from(value)) {
        return;
    }
    let mut scientific = Stack::default();
    let _ = write!(scientific, "{value:e}");
    put_shortest(out, scientific.as_str(), FLOAT4_FIXED_DIGITS);
}

/// A `double precision`: the shortest digits that read back the same.
pub fn put_float8(out: &mut BytesMut, value: f64) {
    if put_special(out, value) {
        return;
    }
    let mut scientific = Stack::default();
    let _ = write!(scientific, "{value:e}");
    put_shortest(out, scientific.as_str(), FLOAT8_FIXED_DIGITS);
}

fn put_special(out: &mut BytesMut, value: f64) -> bool {
    if value.is_nan() {
        out.put_slice(b"NaN");
    } else if value.is_infinite() {
        out.put_slice(if value < 0.0 { b"-Infinity" } else { b"Infinity" });
    } else {
        return false;
    }
    true
}

/// Rewrites `d.ddde±x` as PostgreSQL prints it: fixed where the exponent is at least -4 and below `fixed_digits`.
fn put_shortest(out: &mut BytesMut, scientific: &str, fixed_digits: i32) {
    let unsigned = scientific.strip_prefix('-').unwrap_or(scientific);
    if unsigned.len() < scientific.len() {
        out.put_u8(b'-');
    }
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..fixed_digits).contains(&exponent) {
        out.put_slice(mantissa.as_bytes());
        let sign = if exponent < 0 { '-' } else { '+' };
        let _ = write!(out, "e{sign}{:02}", exponent.unsigned_abs());
        return;
    }
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    match usize::try_from(exponent) {
        Ok(shift) if rest.len() > shift => {
            let (whole, fraction) = rest.split_at(shift);
            let _ = write!(out, "{first}{whole}.{fraction}");
        }
        Ok(shift) => {
            let _ = write!(out, "{first}{rest}");
            out.put_bytes(b'0', shift - rest.len());
        }
        Err(_) => {
            out.put_slice(b"0.");
            out.put_bytes(b'0', (exponent.unsigned_abs() as usize) - 1);
            let _ = write!(out, "{first}{rest}");
        }
    }
}

/// A short text on the stack; what does not fit is cut, and the longest float has 24 characters.
#[derive(Default)]
struct Stack {
    buffer: [u8; 32],
    length: usize,
}

impl Stack {
    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.buffer[..self.length]).unwrap_or_default()
    }
}

impl Write for Stack {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = self.length + text.len();
        let target = self.buffer.get_mut(self.length..end).ok_or(std::fmt::Error)?;
        target.copy_from_slice(text.as_bytes());
        self.length = end;
        Ok(())
    }
}

/// `numeric` in binary: digits in base 10,000, weight, sign and scale.
pub fn put_numeric_binary(out: &mut BytesMut, negative: bool, digits: &[u8], scale: i16) {
    let (groups, weight) = base_10000(digits, scale);
    let sign: u16 = if negative && !groups.is_empty() { 0x4000 } else { 0 };
    out.put_u16(u16::try_from(groups.len()).unwrap_or(u16::MAX));
    out.put_i16(weight);
    out.put_u16(sign);
    out.put_i16(scale.max(0));
    for group in groups {
        out.put_i16(group);
    }
}

/// Groups of four decimal digits without zero groups at either end, and the power of 10,000 of the first.
fn base_10000(digits: &[u8], scale: i16) -> (Vec<i16>, i16) {
    let mut aligned = digits.to_vec();
    if scale < 0 {
        aligned.resize(aligned.len() + usize::from(scale.unsigned_abs()), b'0');
    }
    let fraction = usize::try_from(scale).unwrap_or(0);
    // Both sides of the point are filled up to whole groups.
    let fill_right = fraction.next_multiple_of(4) - fraction;
    aligned.resize(aligned.len() + fill_right, b'0');
    let fraction = fraction + fill_right;
    let wanted = aligned.len().max(fraction).next_multiple_of(4);
    let mut padded = vec![b'0'; wanted - aligned.len()];
    padded.append(&mut aligned);
    let mut groups: Vec<i16> = padded
        .chunks_exact(4)
        .map(|group| group.iter().fold(0, |value, digit| value * 10 + i16::from(digit - b'0')))
        .collect();
    let mut weight = i16::try_from((wanted - fraction) / 4).unwrap_or(i16::MAX) - 1;
    while groups.last() == Some(&0) {
        groups.pop();
    }
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight = if groups.is_empty() { 0 } else { weight - i16::try_from(leading).unwrap_or(i16::MAX) };
    (groups, weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(put: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        put(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn integers_have_all_their_digits() {
        for value in [0, 1, -1, 42, i64::MAX, i64::MIN, 10_000_000_000_000_000, -100] {
            assert_eq!(shown(|out| put_integer(out, value)), value.to_string());
        }
        for value in [0, 10_u128.pow(19), 10_u128.pow(38), u128::MAX, 10_u128.pow(19) - 1, 10_u128.pow(20) + 7] {
            assert_eq!(Digits::of(value).as_bytes(), value.to_string().as_bytes());
        }
    }

    #[test]
    fn floats_print_as_in_postgres_15() {
        let eight = |value| shown(|out| put_float8(out, value));
        let expected = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1e20, "1e+20"),
            (1e14, "100000000000000"),
            (1e15, "1e+15"),
            (123_456_789_012_345.6, "123456789012345.6"),
            (1e-4, "0.0001"),
            (1e-5, "1e-05"),
            (-1.5e-7, "-1.5e-07"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
            (f64::NEG_INFINITY, "-Infinity"),
            (1234.5678, "1234.5678"),
        ];
        for (value, text) in expected {
            assert_eq!(eight(value), text);
        }
        let four = |value| shown(|out| put_float4(out, value));
        assert_eq!(
            [four(0.1), four(123_456.0), four(1_234_567.0), four(1e6), four(3.4e38), four(0.00012)],
            ["0.1", "123456", "1.234567e+06", "1e+06", "3.4e+38", "0.00012"]
        );
    }

    #[test]
    fn decimals_keep_their_scale() {
        let decimal = |value: i128, scale| {
            shown(|out| put_decimal(out, value < 0, Digits::of(value.unsigned_abs()).as_bytes(), scale))
        };
        assert_eq!(decimal(12345, 2), "123.45");
        assert_eq!(decimal(-5, 3), "-0.005");
        assert_eq!(decimal(0, 2), "0.00");
        assert_eq!(decimal(7, 0), "7");
        assert_eq!(decimal(7, -2), "700");
        assert_eq!(decimal(100, 2), "1.00");
    }

    #[test]
    fn base_10000_has_no_zero_groups_at_its_ends() {
        assert_eq!(base_10000(b"12345", 2), (vec![123, 4500], 0));
        assert_eq!(base_10000(b"1", 8), (vec![1], -2));
        assert_eq!(base_10000(b"100000000", 0), (vec![1], 2));
        assert_eq!(base_10000(b"0", 4), (vec![], 0));
        assert_eq!(base_10000(b"5", -4), (vec![5], 1));
    }
}
