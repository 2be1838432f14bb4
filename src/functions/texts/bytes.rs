//! Bytes: their text forms, their parts, their digests.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datafusion::common::ScalarValue;
use sha2::Digest as _;

use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, strict};
use super::super::value::{self, fail, int4, invalid};
use super::cut::negative_length;

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = vec![
        strict("encode", "(bytea, text) text", encode),
        strict("decode", "(text, text) bytea", decode),
        strict("md5", "(text) text", |call| Ok(value::text(hex(&md5(call.text(0).as_bytes()))))),
        strict("md5", "(bytea) text", |call| Ok(value::text(hex(&md5(call.bytes(0)))))),
        strict("sha224", "(bytea) bytea", |call| Ok(binary(sha2::Sha224::digest(call.bytes(0)).to_vec()))),
        strict("sha256", "(bytea) bytea", |call| Ok(binary(sha2::Sha256::digest(call.bytes(0)).to_vec()))),
        strict("sha384", "(bytea) bytea", |call| Ok(binary(sha2::Sha384::digest(call.bytes(0)).to_vec()))),
        strict("sha512", "(bytea) bytea", |call| Ok(binary(sha2::Sha512::digest(call.bytes(0)).to_vec()))),
        strict("length", "(bytea) int4", |call| int4(size(call))),
        strict("length", "(bytea, text) int4", |call| {
            int4(i64::try_from(utf8(call)?.chars().count()).unwrap_or(i64::MAX))
        }),
        strict("octet_length", "(bytea) int4", |call| int4(size(call))),
        strict("bit_length", "(bytea) int4", |call| int4(size(call) * 8)),
        strict("get_byte", "(bytea, int4) int4", |call| int4(i64::from(byte_at(call)?))),
        strict("set_byte", "(bytea, int4, int4) bytea", |call| {
            byte_at(call)?;
            let mut bytes = call.bytes(0).to_vec();
            bytes[usize::try_from(call.int(1)).unwrap_or_default()] = call.int(2).to_le_bytes()[0];
            Ok(binary(bytes))
        }),
        strict("get_bit", "(bytea, int8) int4", |call| Ok(ScalarValue::Int32(Some(bit_at(call)?)))),
        strict("set_bit", "(bytea, int8, int4) bytea", set_bit),
        strict("overlay", "(bytea, bytea, int4) bytea", |call| overlay(call, length(call.bytes(1)))),
        strict("overlay", "(bytea, bytea, int4, int4) bytea", |call| overlay(call, call.int(3))),
        strict("position", "(bytea, bytea) int4", |call| int4(place(call.bytes(0), call.bytes(1)))),
        strict("convert_from", "(bytea, text) text", |call| Ok(value::text(utf8(call)?))),
        strict("convert_to", "(text, text) bytea", |call| {
            encoding(call.text(1))?;
            Ok(binary(call.text(0).as_bytes().to_vec()))
        }),
        strict("byteacat", "(bytea, bytea) bytea", |call| Ok(binary([call.bytes(0), call.bytes(1)].concat()))),
    ];
    for name in ["substring", "substr"] {
        all.push(strict(name, "(bytea, int4) bytea", |call| part(call, i64::MAX)));
        all.push(strict(name, "(bytea, int4, int4) bytea", |call| part(call, call.int(2))));
    }
    for name in ["btrim", "trim"] {
        all.push(strict(name, "(bytea, bytea) bytea", |call| Ok(trimmed(call, true, true))));
    }
    all.push(strict("ltrim", "(bytea, bytea) bytea", |call| Ok(trimmed(call, true, false))));
    all.push(strict("rtrim", "(bytea, bytea) bytea", |call| Ok(trimmed(call, false, true))));
    all
}

/// Without the bytes of a set at either end.
fn trimmed(call: &Call<'_>, begin: bool, end: bool) -> ScalarValue {
    let is_kept = |byte: &u8| !call.bytes(1).contains(byte);
    let bytes = call.bytes(0);
    let first = if begin { bytes.iter().position(is_kept).unwrap_or(bytes.len()) } else { 0 };
    let bytes = &bytes[first..];
    let length = if end { bytes.iter().rposition(is_kept).map_or(0, |last| last + 1) } else { bytes.len() };
    binary(bytes[..length].to_vec())
}

/// Where bytes begin in others, from 1 on; 0 where they are not.
fn place(bytes: &[u8], part: &[u8]) -> i64 {
    if part.is_empty() {
        return 1;
    }
    let found = bytes.windows(part.len()).position(|window| window == part);
    found.map_or(0, |at| i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1))
}

fn overlay(call: &Call<'_>, count: i64) -> Found {
    let (bytes, new, from) = (call.bytes(0), call.bytes(1), call.int(2));
    if from <= 0 {
        return Err(negative_length());
    }
    if from.saturating_add(count) > i64::from(i32::MAX) {
        return Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"));
    }
    let at = |place: i64| usize::try_from(place).unwrap_or_default().min(bytes.len());
    Ok(binary([&bytes[..at(from - 1)], new, &bytes[at((from - 1).saturating_add(count))..]].concat()))
}

fn set_bit(call: &Call<'_>) -> Found {
    let before = bit_at(call)?;
    let wanted = call.int(2);
    if !matches!(wanted, 0 | 1) {
        return Err(invalid("new bit must be 0 or 1"));
    }
    let mut bytes = call.bytes(0).to_vec();
    if i64::from(before) != wanted {
        bytes[usize::try_from(call.int(1) / 8).unwrap_or_default()] ^= 1 << (call.int(1) % 8);
    }
    Ok(binary(bytes))
}

fn length(bytes: &[u8]) -> i64 {
    i64::try_from(bytes.len()).unwrap_or(i64::MAX)
}

fn binary(bytes: Vec<u8>) -> ScalarValue {
    ScalarValue::Binary(Some(bytes))
}

fn size(call: &Call<'_>) -> i64 {
    length(call.bytes(0))
}

fn part(call: &Call<'_>, count: i64) -> Found {
    if count < 0 {
        return Err(negative_length());
    }
    let bytes = call.bytes(0);
    let at = |place: i64| usize::try_from(place.max(0)).unwrap_or(usize::MAX).min(bytes.len());
    let end = at((call.int(1) - 1).saturating_add(count));
    Ok(binary(bytes[at(call.int(1) - 1).min(end)..end].to_vec()))
}

fn out_of_range(index: i64, last: i64) -> ErrorReport {
    fail(SqlState::ARRAY_SUBSCRIPT_ERROR, format!("index {index} out of valid range, 0..{last}"))
}

fn byte_at(call: &Call<'_>) -> Result<u8, ErrorReport> {
    let index = usize::try_from(call.int(1)).ok();
    index.and_then(|index| call.bytes(0).get(index)).copied().ok_or_else(|| out_of_range(call.int(1), size(call) - 1))
}

fn bit_at(call: &Call<'_>) -> Result<i32, ErrorReport> {
    let index = usize::try_from(call.int(1)).ok();
    let byte = index.and_then(|index| call.bytes(0).get(index / 8));
    let byte = byte.ok_or_else(|| out_of_range(call.int(1), size(call) * 8 - 1))?;
    Ok(i32::from(byte >> (call.int(1) % 8) & 1))
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}

fn unrecognized(name: &str) -> ErrorReport {
    invalid(format!("unrecognized encoding: \"{name}\""))
}

fn encode(call: &Call<'_>) -> Found {
    let bytes = call.bytes(0);
    Ok(value::text(match call.text(1).to_lowercase().as_str() {
        "hex" => hex(bytes),
        "base64" => lines(&STANDARD.encode(bytes)),
        "escape" => escaped(bytes),
        _ => return Err(unrecognized(call.text(1))),
    }))
}

/// base64 in lines of 76 characters.
fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 76);
    for (index, c) in text.chars().enumerate() {
        if index > 0 && index % 76 == 0 {
            out.push('\n');
        }
        out.push(c);
    }
    out
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for byte in bytes {
        match byte {
            0 | 0x80.. => out.push_str(&format!("\\{byte:03o}")),
            b'\\' => out.push_str("\\\\"),
            other => out.push(char::from(*other)),
        }
    }
    out
}

fn decode(call: &Call<'_>) -> Found {
    let text = call.text(0);
    match call.text(1).to_lowercase().as_str() {
        "hex" => from_hex(text).map(binary),
        "base64" => from_base64(text).map(binary),
        "escape" => from_escape(text).map(binary),
        _ => Err(unrecognized(call.text(1))),
    }
}

/// `\x` and hexadecimal digits, or the escape format: what a text is as `bytea`.
pub(in crate::functions) fn read_bytes(text: &str) -> Result<Vec<u8>, ErrorReport> {
    match text.strip_prefix("\\x") {
        Some(digits) => from_hex(digits),
        None => from_escape(text),
    }
}

fn from_hex(text: &str) -> Result<Vec<u8>, ErrorReport> {
    let mut digits = Vec::with_capacity(text.len());
    for c in text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')) {
        let digit = c.to_digit(16).ok_or_else(|| invalid(format!("invalid hexadecimal digit: \"{c}\"")))?;
        digits.push(u8::try_from(digit).unwrap_or_default());
    }
    if digits.len() % 2 != 0 {
        return Err(invalid("invalid hexadecimal data: odd number of digits"));
    }
    Ok(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

fn from_base64(text: &str) -> Result<Vec<u8>, ErrorReport> {
    let plain: String = text.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')).collect();
    let foreign = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '='));
    if let Some(c) = plain.chars().find(foreign) {
        return Err(invalid(format!("invalid symbol \"{c}\" found while decoding base64 sequence")));
    }
    STANDARD.decode(&plain).map_err(|_| {
        invalid("invalid base64 end sequence")
            .with_hint("Input data is missing padding, is truncated, or is otherwise corrupted.")
    })
}

fn from_escape(text: &str) -> Result<Vec<u8>, ErrorReport> {
    let bad = || fail(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {}", "bytea"));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        match &bytes[at..] {
            [b'\\', b'\\', ..] => {
                out.push(b'\\');
                at += 2;
            }
            [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
                out.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
                at += 4;
            }
            [b'\\', ..] => return Err(bad()),
            [other, ..] => {
                out.push(*other);
                at += 1;
            }
            [] => break,
        }
    }
    Ok(out)
}

fn encoding(name: &str) -> Result<(), ErrorReport> {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    match plain.to_lowercase().as_str() {
        "utf8" | "unicode" | "sqlascii" => Ok(()),
        "latin1" | "latin2" | "win1252" | "win1251" | "koi8r" | "euckr" | "eucjp" | "sjis" | "big5" | "gbk" => {
            Err(value::unsupported(format!("encoding \"{name}\" is not supported")))
        }
        _ => Err(invalid(format!("invalid source encoding name \"{name}\""))),
    }
}

fn utf8(call: &Call<'_>) -> Result<String, ErrorReport> {
    encoding(call.text(1))?;
    let bytes = call.bytes(0);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let rest = &bytes[error.valid_up_to()..];
            let wrong = &rest[..error.error_len().unwrap_or(rest.len()).max(1).min(rest.len())];
            let shown: Vec<String> = wrong.iter().map(|byte| format!("0x{byte:02x}")).collect();
            let message = format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" "));
            Err(fail(SqlState::CHARACTER_NOT_IN_REPERTOIRE, message))
        }
    }
}

/// RFC 1321.
fn md5(message: &[u8]) -> [u8; 16] {
    const SHIFTS: [[u32; 4]; 4] = [[7, 12, 17, 22], [5, 9, 14, 20], [4, 11, 16, 23], [6, 10, 15, 21]];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the constants are defined so")]
    let constants: Vec<u32> = (1..=64_u32).map(|i| (f64::from(i).sin().abs() * 4_294_967_296.0) as u32).collect();
    let mut state: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(padded.len().next_multiple_of(64), 0);
    if message.len() % 64 >= 56 {
        padded.resize(padded.len() + 64, 0);
    }
    let end = padded.len() - 8;
    let bits = u64::try_from(message.len()).unwrap_or(u64::MAX).wrapping_mul(8);
    padded[end..].copy_from_slice(&bits.to_le_bytes());
    for block in padded.chunks_exact(64) {
        let word = |index: usize| {
            u32::from_le_bytes([block[4 * index], block[4 * index + 1], block[4 * index + 2], block[4 * index + 3]])
        };
        let [mut a, mut b, mut c, mut d] = state;
        for i in 0..64 {
            let (mix, index) = match i / 16 {
                0 => ((b & c) | (!b & d), i),
                1 => ((d & b) | (!d & c), (5 * i + 1) % 16),
                2 => (b ^ c ^ d, (3 * i + 5) % 16),
                _ => (c ^ (b | !d), (7 * i) % 16),
            };
            let sum = a.wrapping_add(mix).wrapping_add(constants[i]).wrapping_add(word(index));
            (a, d, c, b) = (d, c, b, b.wrapping_add(sum.rotate_left(SHIFTS[i / 16][i % 4])));
        }
        for (part, add) in state.iter_mut().zip([a, b, c, d]) {
            *part = part.wrapping_add(add);
        }
    }
    let mut digest = [0; 16];
    for (index, part) in state.iter().enumerate() {
        digest[4 * index..4 * index + 4].copy_from_slice(&part.to_le_bytes());
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_the_known_ones() {
        assert_eq!(hex(&md5(b"")), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(hex(&md5(b"abc")), "900150983cd24fb0d6963f7d28e17f72");
        assert_eq!(hex(&md5(&[b'a'; 60])), "cc7ed669cf88f201c3297c6a91e1d18d");
        assert_eq!(hex(&md5(&[b'x'; 64])), "c1bb4f81d892b2d57947682aeb252456");
    }
}
