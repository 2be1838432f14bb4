//! What a backslash begins in the names and texts of a path.

use crate::base::{ErrorReport, SqlState};

use super::super::super::value::fail;
use super::lex::near;

/// Reads the escape at the begin of a text, adds what it means, and gives the bytes that it takes.
pub(super) fn unescape(text: &str, out: &mut String) -> Result<usize, ErrorReport> {
    let Some(c) = text.chars().nth(1) else { return Err(near("unexpected end after backslash", "\\")) };
    match c {
        'u' => return unicodes(text, out),
        'x' => return hexadecimal(text, out),
        'b' => out.push('\u{8}'),
        'f' => out.push('\u{c}'),
        'n' => out.push('\n'),
        'r' => out.push('\r'),
        't' => out.push('\t'),
        'v' => out.push('\u{b}'),
        other => out.push(other),
    }
    Ok(1 + c.len_utf8())
}

fn hex_digits(text: &str, most: usize) -> usize {
    text.bytes().take(most).take_while(u8::is_ascii_hexdigit).count()
}

fn value(digits: &str) -> u32 {
    u32::from_str_radix(digits, 16).unwrap_or_default()
}

/// `\xHH`
fn hexadecimal(text: &str, out: &mut String) -> Result<usize, ErrorReport> {
    let count = hex_digits(text.get(2..).unwrap_or_default(), 2);
    let written = text.get(..2 + count).unwrap_or_default();
    if count < 2 {
        return Err(near("invalid hex character sequence", written));
    }
    out.push(character(value(written.get(2..).unwrap_or_default()))?);
    Ok(written.len())
}

/// A run of `\uHHHH` and `\u{H…}`: two of them may be one character.
fn unicodes(text: &str, out: &mut String) -> Result<usize, ErrorReport> {
    let (mut at, mut high) = (0, None);
    let mut codes = Vec::new();
    while let Some(rest) = text.get(at..).filter(|rest| rest.starts_with("\\u")) {
        let (code, length) = unicode(rest);
        at += length;
        codes.push(code.ok_or_else(|| near("invalid unicode sequence", text.get(..at).unwrap_or_default()))?);
    }
    for code in codes {
        match (high, code) {
            (None, 0xd800..=0xdbff) => high = Some(code),
            (Some(_), 0xd800..=0xdbff) => return Err(surrogate("high surrogate must not follow a high surrogate")),
            (Some(first), 0xdc00..=0xdfff) => {
                out.push(character(0x10000 + ((first - 0xd800) << 10) + (code - 0xdc00))?);
                high = None;
            }
            (Some(_), _) | (None, 0xdc00..=0xdfff) => {
                return Err(surrogate("low surrogate must follow a high surrogate"));
            }
            (None, _) => out.push(character(code)?),
        }
    }
    if high.is_some() {
        return Err(surrogate("low surrogate must follow a high surrogate"));
    }
    Ok(at)
}

/// The code of one escape, and the bytes that belong to it even where it is none.
fn unicode(text: &str) -> (Option<u32>, usize) {
    let rest = text.get(2..).unwrap_or_default();
    let digits = |rest: &str, count: usize| value(rest.get(..count).unwrap_or_default());
    if let Some(braced) = rest.strip_prefix('{') {
        let count = hex_digits(braced, 6);
        let is_closed = count > 0 && braced.get(count..).is_some_and(|rest| rest.starts_with('}'));
        return (is_closed.then(|| digits(braced, count)), 3 + count + usize::from(is_closed));
    }
    let count = hex_digits(rest, 4);
    ((count == 4).then(|| digits(rest, count)), 2 + count)
}

fn character(code: u32) -> Result<char, ErrorReport> {
    if code == 0 {
        return Err(fail(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence")
            .with_detail("\\u0000 cannot be converted to text."));
    }
    char::from_u32(code).ok_or_else(|| fail(SqlState::SYNTAX_ERROR, "invalid Unicode code point"))
}

fn surrogate(what: &str) -> ErrorReport {
    fail(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type jsonpath")
        .with_detail(format!("Unicode {what}."))
}
