//! Texts that are read as bit strings and become numbers at once: `('x' || md5(key))::bit(64)::bigint`, which tools write
//! where they need a number for a text.

use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, strict};
use super::super::value::fail;

/// Both take the length of the bit string, too.
pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("bits_to_int4", "(text, int8) int4", |call| {
            let number = bits(call, 32, "integer out of range")?;
            Ok(ScalarValue::Int32(Some(u32::try_from(number).unwrap_or(u32::MAX).cast_signed())))
        }),
        strict("bits_to_int8", "(text, int8) int8", |call| {
            Ok(ScalarValue::Int64(Some(bits(call, 64, "bigint out of range")?.cast_signed())))
        }),
    ]
}

/// The number that the bits of a text are, cut or filled up on the right to the length.
fn bits(call: &Call<'_>, most: i64, out_of_range: &str) -> Result<u64, ErrorReport> {
    let (text, length) = (call.text(0), call.int(1));
    let (digits, width) = match text.as_bytes().first() {
        Some(b'x' | b'X') => (&text[1..], 4),
        Some(b'b' | b'B') => (&text[1..], 1),
        Some(_) | None => (text, 1),
    };
    let mut number = 0_u64;
    let mut filled = 0;
    for digit in digits.chars() {
        let value = digit.to_digit(1 << width).ok_or_else(|| {
            let kind = if width == 4 { "hexadecimal" } else { "binary" };
            fail(SqlState::INVALID_TEXT_REPRESENTATION, format!("\"{digit}\" is not a valid {kind} digit"))
        })?;
        for bit in (0..width).rev() {
            if filled < length.min(most) {
                number = number << 1 | u64::from(value >> bit & 1);
            }
            filled += 1;
        }
    }
    if length > most {
        return Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, out_of_range));
    }
    let missing = u32::try_from((length - filled).max(0)).unwrap_or(u32::MAX);
    Ok(number.checked_shl(missing).unwrap_or(0))
}
