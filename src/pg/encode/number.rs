//! Numbers as PostgreSQL prints them.

use std::fmt::Write;

use bytes::BufMut;

/// The digits of the numbers below 100.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

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
        while value >= 100 {
            self.start -= 2;
            self.buffer[self.start..self.start + 2].copy_from_slice(&PAIRS[(value % 100) as usize]);
            value /= 100;
        }
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
pub fn put_integer(out: &mut Vec<u8>, value: i64) {
    if value < 0 {
        out.put_u8(b'-');
    }
    out.put_slice(Digits::of(u128::from(value.unsigned_abs())).as_bytes());
}

/// A decimal number from its unscaled digits: as many digits after the point as the scale says.
pub fn put_decimal(out: &mut Vec<u8>, negative: bool, digits: &[u8], scale: i16) {
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
pub fn put_float4(out: &mut Vec<u8>, value: f32) {
    if put_special(out, f64::from(value)) {
        return;
    }
    let mut scientific = Stack::default();
    let _ = write!(scientific, "{value:e}");
    put_shortest(out, scientific.as_str(), FLOAT4_FIXED_DIGITS);
}

/// A `double precision`: the shortest digits that read back the same.
pub fn put_float8(out: &mut Vec<u8>, value: f64) {
    if put_special(out, value) {
        return;
    }
    let mut scientific = Stack::default();
    let _ = write!(scientific, "{value:e}");
    put_shortest(out, scientific.as_str(), FLOAT8_FIXED_DIGITS);
}

fn put_special(out: &mut Vec<u8>, value: f64) -> bool {
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
fn put_shortest(out: &mut Vec<u8>, scientific: &str, fixed_digits: i32) {
    let unsigned = scientific.strip_prefix('-').unwrap_or(scientific);
    if unsigned.len() < scientific.len() {
        out.put_u8(b'-');
    }
    let (mantissa, exponent) = unsigned.split_once('e').unwrap_or((unsigned, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if !(-4..fixed_digits).contains(&exponent) {
        out.put_slice(mantissa.as_bytes());
        out.put_slice(if exponent < 0 { b"e-" } else { b"e+" });
        if exponent.unsigned_abs() < 10 {
            out.put_u8(b'0');
        }
        put_integer(out, i64::from(exponent.unsigned_abs()));
        return;
    }
    let (first, rest) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    match usize::try_from(exponent) {
        Ok(shift) if rest.len() > shift => {
            let (whole, fraction) = rest.split_at(shift);
            [first, whole, ".", fraction].iter().for_each(|part| out.put_slice(part.as_bytes()));
        }
        Ok(shift) => {
            [first, rest].iter().for_each(|part| out.put_slice(part.as_bytes()));
            out.put_bytes(b'0', shift - rest.len());
        }
        Err(_) => {
            out.put_slice(b"0.");
            out.put_bytes(b'0', (exponent.unsigned_abs() as usize) - 1);
            [first, rest].iter().for_each(|part| out.put_slice(part.as_bytes()));
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

/// How a `numeric` is written in one of the formats.
pub trait NumericForm {
    /// A number from its unscaled digits.
    fn put(out: &mut Vec<u8>, negative: bool, digits: &[u8], scale: i16);

    /// A number from its unscaled value.
    fn put_unscaled(out: &mut Vec<u8>, negative: bool, value: u128, scale: i16) {
        Self::put(out, negative, Digits::of(value).as_bytes(), scale);
    }
}

/// As people read it.
pub enum TextNumeric {}

impl NumericForm for TextNumeric {
    fn put(out: &mut Vec<u8>, negative: bool, digits: &[u8], scale: i16) {
        put_decimal(out, negative, digits, scale);
    }
}

/// Digits in base 10,000 without zeros at either end, the power of 10,000 of the first, sign and scale.
pub enum BinaryNumeric {}

impl NumericForm for BinaryNumeric {
    fn put(out: &mut Vec<u8>, negative: bool, digits: &[u8], scale: i16) {
        let start = begin_groups(out);
        let mut first = None;
        let mut end = out.len();
        let mut group = 0_u16;
        // The power of ten of the digit that comes next.
        let mut exponent = i64::try_from(digits.len()).unwrap_or(i64::MAX) - 1 - i64::from(scale);
        let padding = usize::try_from((exponent + 1 - digits.len() as i64).rem_euclid(4)).unwrap_or(0);
        for digit in digits.iter().copied().chain(std::iter::repeat_n(b'0', padding)) {
            group = group * 10 + u16::from(digit - b'0');
            if exponent.rem_euclid(4) == 0 {
                if group > 0 || first.is_some() {
                    first.get_or_insert(exponent.div_euclid(4));
                    out.put_u16(group);
                }
                if group > 0 {
                    end = out.len();
                }
                group = 0;
            }
            exponent -= 1;
        }
        out.truncate(end);
        let weight = i16::try_from(first.unwrap_or_default()).unwrap_or(i16::MAX);
        end_groups(out, start, weight, negative, scale);
    }

    fn put_unscaled(out: &mut Vec<u8>, negative: bool, value: u128, scale: i16) {
        let fraction_groups = usize::try_from(scale).map(|scale| scale.div_ceil(4));
        let aligned = fraction_groups.ok().and_then(|groups| {
            let zeros = u32::try_from(4 * groups).ok()?.checked_sub(u32::try_from(scale).ok()?)?;
            Some((groups, u64::try_from(value).ok()?.checked_mul(10_u64.pow(zeros))?))
        });
        // Few numbers need more than 64 bits, with which division is slow.
        let Some((fraction_groups, mut rest)) = aligned else {
            return Self::put(out, negative, Digits::of(value).as_bytes(), scale);
        };
        let start = begin_groups(out);
        let mut dropped = 0;
        while rest > 0 && rest.is_multiple_of(10_000) {
            rest /= 10_000;
            dropped += 1;
        }
        // 64 bits have at most five groups, the lowest one first.
        let mut groups = [0_u16; 5];
        let mut count = 0;
        while rest > 0 {
            groups[count] = (rest % 10_000) as u16;
            rest /= 10_000;
            count += 1;
        }
        groups[..count].iter().rev().for_each(|group| out.put_u16(*group));
        let places = |count: usize| i16::try_from(count).unwrap_or(i16::MAX);
        let weight = if count == 0 { 0 } else { places(count + dropped) - 1 - places(fraction_groups) };
        end_groups(out, start, weight, negative, scale);
    }
}

/// Bytes before the groups of a binary `numeric`.
const GROUPS_START: usize = 8;

fn begin_groups(out: &mut Vec<u8>) -> usize {
    let start = out.len();
    out.put_slice(&[0; GROUPS_START]);
    start
}

fn end_groups(out: &mut [u8], start: usize, weight: i16, negative: bool, scale: i16) {
    let count = u16::try_from((out.len() - start - GROUPS_START) / 2).unwrap_or(u16::MAX);
    let sign: u16 = if negative && count > 0 { 0x4000 } else { 0 };
    let mut head = &mut out[start..start + GROUPS_START];
    head.put_u16(count);
    head.put_i16(weight);
    head.put_u16(sign);
    head.put_i16(scale.max(0));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
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

    /// Groups, weight, sign and scale.
    fn binary(put: impl FnOnce(&mut Vec<u8>)) -> (Vec<i16>, i16, u16, i16) {
        let mut out = b"before".to_vec();
        put(&mut out);
        let numbers: Vec<i16> = out[6..].chunks_exact(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect();
        assert_eq!(usize::try_from(numbers[0]).unwrap(), numbers.len() - 4);
        (numbers[4..].to_vec(), numbers[1], numbers[2].cast_unsigned(), numbers[3])
    }

    #[test]
    fn base_10000_has_no_zero_groups_at_its_ends() {
        for (digits, scale, groups, weight) in [
            ("12345", 2, vec![123, 4500], 0),
            ("1", 8, vec![1], -2),
            ("100000000", 0, vec![1], 2),
            ("0", 4, vec![], 0),
            ("5", -4, vec![5], 1),
            ("5", -5, vec![50], 1),
            ("123", -1, vec![1230], 0),
            ("10000", 4, vec![1], 0),
            ("1000000010000", 4, vec![1, 0, 1], 2),
            ("10", 1, vec![1], 0),
            (
                "340282366920938463463374607431768211455",
                0,
                vec![340, 2823, 6692, 938, 4634, 6337, 4607, 4317, 6821, 1455],
                9,
            ),
        ] {
            let expected = (groups, weight, 0, i16::max(scale, 0));
            assert_eq!(binary(|out| BinaryNumeric::put(out, false, digits.as_bytes(), scale)), expected, "{digits}");
            let value = digits.parse().unwrap();
            assert_eq!(binary(|out| BinaryNumeric::put_unscaled(out, false, value, scale)), expected, "{digits}");
        }
        assert_eq!(binary(|out| BinaryNumeric::put_unscaled(out, true, 15, 1)), (vec![1, 5000], 0, 0x4000, 1));
        assert_eq!(binary(|out| BinaryNumeric::put_unscaled(out, true, 0, 1)), (vec![], 0, 0, 1));
    }

    proptest! {
        #[test]
        fn a_number_and_its_digits_are_written_alike(value in prop_oneof![any::<u128>(), (0_u128..1 << 70)], zeros in 0_u32..9, scale in -40_i16..76) {
            let value = value / 10_u128.pow(zeros) * 10_u128.pow(zeros);
            let digits = value.to_string();
            let of_digits = binary(|out| BinaryNumeric::put(out, false, digits.as_bytes(), scale));
            prop_assert_eq!(binary(|out| BinaryNumeric::put_unscaled(out, false, value, scale)), of_digits);
        }
    }
}
