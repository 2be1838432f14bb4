//! Case, lengths, single characters, and what is made of all of a text.

use datafusion::common::ScalarValue;
use unicode_normalization::UnicodeNormalization;

use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, strict};
use super::super::value::{self, fail, int4, invalid};
use super::cut::length;
use super::escape::like_escape;
use crate::base::limits::VALUE_BYTES;

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = Vec::new();
    for name in ["length", "char_length", "character_length"] {
        all.push(strict(name, "(text) int4", |call| int4(length(call.text(0)))));
    }
    all.extend([
        strict("octet_length", "(text) int4", |call| int4(bytes_of(call.text(0).len()))),
        strict("bit_length", "(text) int4", |call| int4(bytes_of(call.text(0).len()) * 8)),
        strict("upper", "(text) text", |call| Ok(value::text(mapped(call.text(0), upper)))),
        strict("lower", "(text) text", |call| Ok(value::text(mapped(call.text(0), lower)))),
        strict("initcap", "(text) text", |call| Ok(value::text(capitals(call.text(0))))),
        strict("reverse", "(text) text", |call| Ok(value::text(call.text(0).chars().rev().collect::<String>()))),
        strict("replace", "(text, text, text) text", replaced),
        strict("translate", "(text, text, text) text", |call| Ok(value::text(translated(call)))),
        strict("ascii", "(text) int4", |call| int4(call.text(0).chars().next().map_or(0, |c| i64::from(u32::from(c))))),
        strict("chr", "(int4) text", chr),
        strict("to_hex", "(int4) text", |call| {
            let value = i32::try_from(call.int(0)).unwrap_or_default();
            Ok(value::text(format!("{value:x}")))
        }),
        strict("to_hex", "(int8) text", |call| Ok(value::text(format!("{:x}", call.int(0))))),
        strict("normalize", "(text) text", |call| normalized(call.text(0), "NFC")),
        strict("normalize", "(text, text) text", |call| normalized(call.text(0), call.text(1))),
        strict("is_normalized", "(text, text) bool", |call| {
            let normal = normalized(call.text(0), call.text(1))?;
            Ok(ScalarValue::Boolean(Some(normal == value::text(call.text(0)))))
        }),
        strict("like_escape", "(text, text) text", |call| like_escape(call.text(0), call.text(1)).map(value::text)),
        strict("unistr", "(text) text", |call| unescaped(call.text(0)).map(value::text)),
    ]);
    all
}

fn replaced(call: &Call<'_>) -> Found {
    let (text, from, to) = (call.text(0), call.text(1), call.text(2));
    if from.is_empty() {
        return Ok(value::text(text));
    }
    let more = bytes_of(to.len()).saturating_sub(bytes_of(from.len())).max(0);
    if more > 0 && bytes_of(text.matches(from).count()).saturating_mul(more) > VALUE_BYTES {
        return Err(fail(SqlState::PROGRAM_LIMIT_EXCEEDED, "out of memory"));
    }
    Ok(value::text(text.replace(from, to)))
}

fn bytes_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn mapped(text: &str, change: fn(char) -> char) -> String {
    text.chars().map(change).collect()
}

/// A letter whose other case is more than one character stays as it is.
fn upper(c: char) -> char {
    let mut found = c.to_uppercase();
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn lower(c: char) -> char {
    let mut found = c.to_lowercase();
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

fn capitals(text: &str) -> String {
    let mut inside = false;
    let change = |c: char| {
        let changed = if inside { lower(c) } else { upper(c) };
        inside = c.is_alphanumeric();
        changed
    };
    text.chars().map(change).collect()
}

fn translated(call: &Call<'_>) -> String {
    let from: Vec<char> = call.text(1).chars().collect();
    let to: Vec<char> = call.text(2).chars().collect();
    let one = |c: char| match from.iter().position(|known| *known == c) {
        Some(index) => to.get(index).copied(),
        None => Some(c),
    };
    call.text(0).chars().filter_map(one).collect()
}

fn chr(call: &Call<'_>) -> Found {
    let code = call.int(0);
    if code < 0 {
        return Err(invalid("character number must be positive"));
    }
    if code == 0 {
        return Err(fail(SqlState::PROGRAM_LIMIT_EXCEEDED, "null character not permitted"));
    }
    let found = u32::try_from(code).ok().and_then(char::from_u32);
    found.map(value::text).ok_or_else(|| {
        let why = if code > 0x10_ffff { "requested character too large" } else { "requested character not valid" };
        fail(SqlState::PROGRAM_LIMIT_EXCEEDED, format!("{why} for encoding: {code}"))
    })
}

fn normalized(text: &str, form: &str) -> Found {
    Ok(value::text(match form.to_ascii_uppercase().as_str() {
        "NFC" => text.nfc().collect::<String>(),
        "NFD" => text.nfd().collect::<String>(),
        "NFKC" => text.nfkc().collect::<String>(),
        "NFKD" => text.nfkd().collect::<String>(),
        _ => return Err(invalid(format!("invalid normalization form: {form}"))),
    }))
}

fn bad_escape() -> ErrorReport {
    fail(SqlState::SYNTAX_ERROR, "invalid Unicode escape")
        .with_hint("Unicode escapes must be \\XXXX, \\+XXXXXX, \\uXXXX, or \\UXXXXXXXX.")
}

/// `\0061`, `\+000061`, `\u0061`, `\U00000061`, `\\`
fn unescaped(text: &str) -> Result<String, ErrorReport> {
    let mut out = String::with_capacity(text.len());
    let mut high: Option<u32> = None;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        if c != '\\' {
            out.push(c);
            rest = after;
            continue;
        }
        if let Some(after) = after.strip_prefix('\\') {
            out.push('\\');
            rest = after;
            continue;
        }
        let (digits, count) = match after.chars().next() {
            Some('u') => (&after[1..], 4),
            Some('U') => (&after[1..], 8),
            Some('+') => (&after[1..], 6),
            _ => (after, 4),
        };
        let code =
            digits.get(..count).and_then(|digits| u32::from_str_radix(digits, 16).ok()).ok_or_else(bad_escape)?;
        rest = &digits[count..];
        let code = match (high.take(), code) {
            (None, 0xd800..=0xdbff) => {
                high = Some(code);
                continue;
            }
            (Some(high), 0xdc00..=0xdfff) => 0x10000 + ((high - 0xd800) << 10) + (code - 0xdc00),
            (None, code) => code,
            (Some(_), _) => return Err(fail(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair")),
        };
        let found = char::from_u32(code).filter(|c| *c != '\0');
        out.push(found.ok_or_else(|| invalid(format!("invalid Unicode code point: {code:04X}")))?);
    }
    if high.is_some() {
        return Err(fail(SqlState::SYNTAX_ERROR, "invalid Unicode surrogate pair"));
    }
    Ok(out)
}
