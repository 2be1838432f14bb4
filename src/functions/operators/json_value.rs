//! JSON as PostgreSQL reads, keeps and writes it.
//!
//! `json` is its own text, and its parts are pieces of that text. `jsonb` is a value: keys in order, numbers with the
//! digits that they had, one kind of spacing.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt::{self, Write};

/// A value of `jsonb`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// As PostgreSQL's numeric writes it.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    /// Ordered by the length of the key, then by its bytes; no key comes twice.
    Object(Vec<(String, Json)>),
}

/// The text of a `jsonb` constant as the value is written; `None` when it is no JSON.
pub(in crate::functions) fn normal_jsonb(text: &str) -> Option<String> {
    Json::parse(text).map(|value| value.to_string())
}

/// Arrays and objects within each other.
const MAX_DEPTH: usize = 512;

/// Reads a text from its beginning.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Scanner<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0 }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        self.skip_space();
        (self.peek() == Some(byte)).then(|| self.at += 1)
    }

    /// The piece of text that one value is.
    fn value(&mut self) -> Option<&'a str> {
        self.skip_space();
        let start = self.at;
        match self.peek()? {
            b'{' | b'[' => self.nested()?,
            b'"' => {
                self.string()?;
            }
            b'-' | b'0'..=b'9' => self.number()?,
            _ => self.word()?,
        }
        self.text.get(start..self.at)
    }

    fn nested(&mut self) -> Option<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let is_object = self.peek() == Some(b'{');
        self.at += 1;
        let end = if is_object { b'}' } else { b']' };
        if self.eat(end).is_none() {
            loop {
                if is_object {
                    self.skip_space();
                    self.string()?;
                    self.eat(b':')?;
                }
                self.value()?;
                if self.eat(b',').is_none() {
                    break;
                }
            }
            self.eat(end)?;
        }
        self.depth -= 1;
        Some(())
    }

    /// The piece between two quotes.
    fn string(&mut self) -> Option<&'a str> {
        if self.peek() != Some(b'"') {
            return None;
        }
        self.at += 1;
        let start = self.at;
        loop {
            match self.peek()? {
                b'"' => break,
                b'\\' => self.at += 2,
                0..0x20 => return None,
                _ => self.at += 1,
            }
        }
        let inner = self.text.get(start..self.at)?;
        self.at += 1;
        Some(inner)
    }

    fn digits(&mut self) -> Option<()> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > start).then_some(())
    }

    fn number(&mut self) -> Option<()> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let ends = !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric());
        ends.then_some(())
    }

    fn word(&mut self) -> Option<()> {
        let rest = self.text.get(self.at..)?;
        let word = ["null", "true", "false"].into_iter().find(|word| rest.starts_with(word))?;
        self.at += word.len();
        let ends = !self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric());
        ends.then_some(())
    }
}

/// The elements of an array as pieces of its text; `None` when it is no array.
pub(super) fn elements(text: &str) -> Option<Vec<&str>> {
    let mut scanner = Scanner::new(text);
    scanner.eat(b'[')?;
    let mut found = Vec::new();
    if scanner.eat(b']').is_some() {
        return Some(found);
    }
    loop {
        found.push(scanner.value()?);
        if scanner.eat(b',').is_none() {
            scanner.eat(b']')?;
            return Some(found);
        }
    }
}

/// The keys and values of an object, values as pieces of its text; `None` when it is no object.
pub(super) fn members(text: &str) -> Option<Vec<(Cow<'_, str>, &str)>> {
    let mut scanner = Scanner::new(text);
    scanner.eat(b'{')?;
    let mut found = Vec::new();
    if scanner.eat(b'}').is_some() {
        return Some(found);
    }
    loop {
        scanner.skip_space();
        let key = unescaped(scanner.string()?)?;
        scanner.eat(b':')?;
        found.push((key, scanner.value()?));
        if scanner.eat(b',').is_none() {
            scanner.eat(b'}')?;
            return Some(found);
        }
    }
}

/// The text that a piece in quotes means; `None` when the piece is no string.
pub(super) fn string_value(text: &str) -> Option<Cow<'_, str>> {
    let mut scanner = Scanner::new(text);
    scanner.skip_space();
    unescaped(scanner.string()?)
}

fn unescaped(inner: &str) -> Option<Cow<'_, str>> {
    if !inner.contains('\\') {
        return Some(Cow::Borrowed(inner));
    }
    let mut text = String::with_capacity(inner.len());
    let mut characters = inner.chars();
    while let Some(c) = characters.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match characters.next()? {
            'b' => text.push('\u{8}'),
            'f' => text.push('\u{c}'),
            'n' => text.push('\n'),
            'r' => text.push('\r'),
            't' => text.push('\t'),
            plain @ ('"' | '\\' | '/') => text.push(plain),
            'u' => text.push(code_point(&mut characters)?),
            _ => return None,
        }
    }
    Some(Cow::Owned(text))
}

/// After `\u`: one code point, which may need a second escape.
fn code_point(characters: &mut std::str::Chars<'_>) -> Option<char> {
    fn four(characters: &mut std::str::Chars<'_>) -> Option<u32> {
        (0..4).try_fold(0, |value, _| Some(value * 16 + characters.next()?.to_digit(16)?))
    }
    let high = four(characters)?;
    if !(0xD800..0xDC00).contains(&high) {
        return char::from_u32(high).filter(|c| *c != '\0');
    }
    if (characters.next()?, characters.next()?) != ('\\', 'u') {
        return None;
    }
    let low = four(characters)?;
    if !(0xDC00..0xE000).contains(&low) {
        return None;
    }
    char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
}

impl Json {
    /// Reads a whole text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut scanner = Scanner::new(text);
        let piece = scanner.value()?;
        scanner.skip_space();
        if scanner.peek().is_some() {
            return None;
        }
        Self::of_piece(piece)
    }

    fn of_piece(piece: &str) -> Option<Self> {
        Some(match piece.bytes().next()? {
            b'{' => {
                let members = members(piece)?;
                let members = members.into_iter().map(|(key, value)| Some((key.into_owned(), Self::of_piece(value)?)));
                Self::object(members.collect::<Option<_>>()?)
            }
            b'[' => Self::Array(elements(piece)?.into_iter().map(Self::of_piece).collect::<Option<_>>()?),
            b'"' => Self::Text(string_value(piece)?.into_owned()),
            b'n' => Self::Null,
            b't' => Self::Bool(true),
            b'f' => Self::Bool(false),
            _ => Self::Number(plain_number(piece)?),
        })
    }

    /// An object of members in any order; the last one of a key stays.
    pub(super) fn object(members: Vec<(String, Self)>) -> Self {
        let mut kept: Vec<(String, Self)> = Vec::with_capacity(members.len());
        let mut sorted: Vec<(usize, (String, Self))> = members.into_iter().enumerate().collect();
        sorted.sort_by(|(a_place, (a, _)), (b_place, (b, _))| {
            (a.len(), a.as_bytes(), b_place).cmp(&(b.len(), b.as_bytes(), a_place))
        });
        for (_, (key, value)) in sorted {
            if kept.last().is_none_or(|(last, _)| *last != key) {
                kept.push((key, value));
            }
        }
        Self::Object(kept)
    }

    /// The member of a key.
    pub(super) fn member(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Object(members) => members.iter().find(|(name, _)| name == key).map(|(_, value)| value),
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) | Self::Array(_) => None,
        }
    }

    /// Whether this holds the other (`@>`).
    pub(super) fn contains(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Object(_), Self::Object(members)) => {
                members.iter().all(|(key, value)| self.member(key).is_some_and(|own| own.contains_part(value)))
            }
            (Self::Array(_), Self::Array(_)) => self.contains_part(other),
            // An array holds a value that stands alone.
            (Self::Array(own), scalar) if scalar.is_scalar() => own.iter().any(|item| item.equals(scalar)),
            (own, other) => own.is_scalar() && own.equals(other),
        }
    }

    fn contains_part(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Array(own), Self::Array(others)) => {
                others.iter().all(|other| own.iter().any(|item| item.contains_part(other)))
            }
            (Self::Object(_), Self::Object(_)) => self.contains(other),
            (own, other) => own.is_scalar() && own.equals(other),
        }
    }

    fn is_scalar(&self) -> bool {
        !matches!(self, Self::Array(_) | Self::Object(_))
    }

    fn equals(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Equal
    }

    /// PostgreSQL's order of `jsonb`.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Number(a), Self::Number(b)) => compare_numbers(a, b),
            (Self::Text(a), Self::Text(b)) => a.as_bytes().cmp(b.as_bytes()),
            (Self::Bool(a), Self::Bool(b)) => a.cmp(b),
            (Self::Array(a), Self::Array(b)) => {
                let by_item = || a.iter().zip(b).map(|(a, b)| a.compare(b)).find(|order| order.is_ne());
                a.len().cmp(&b.len()).then_with(|| by_item().unwrap_or(Ordering::Equal))
            }
            (Self::Object(a), Self::Object(b)) => {
                let by_member = || {
                    let pairs = a.iter().zip(b);
                    pairs
                        .map(|((a_key, a), (b_key, b))| {
                            (a_key.len(), a_key).cmp(&(b_key.len(), b_key)).then_with(|| a.compare(b))
                        })
                        .find(|order| order.is_ne())
                };
                a.len().cmp(&b.len()).then_with(|| by_member().unwrap_or(Ordering::Equal))
            }
            (a, b) => a.kind().cmp(&b.kind()),
        }
    }

    /// An empty array is less than everything else.
    fn kind(&self) -> u8 {
        match self {
            Self::Array(items) if items.is_empty() => 0,
            Self::Null => 1,
            Self::Text(_) => 2,
            Self::Number(_) => 3,
            Self::Bool(_) => 4,
            Self::Array(_) => 5,
            Self::Object(_) => 6,
        }
    }
}

/// A number as numeric writes it: no exponent, and the digits after the point that it had.
fn plain_number(text: &str) -> Option<String> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (text, 0),
    };
    if exponent.abs() > 20_000 {
        return None;
    }
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let point = i64::try_from(whole.len()).ok()? + exponent;
    let (mut whole, fraction) = match usize::try_from(point) {
        Ok(point) if point >= digits.len() => (format!("{digits}{}", "0".repeat(point - digits.len())), String::new()),
        Ok(point) => (digits[..point].to_owned(), digits[point..].to_owned()),
        Err(_) => (String::new(), format!("{}{digits}", "0".repeat(usize::try_from(-point).ok()?))),
    };
    whole = whole.trim_start_matches('0').to_owned();
    let is_zero = whole.is_empty() && fraction.bytes().all(|digit| digit == b'0');
    if whole.is_empty() {
        whole.push('0');
    }
    let sign = if negative && !is_zero { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

fn compare_numbers(a: &str, b: &str) -> Ordering {
    fn parts(text: &str) -> (bool, &str, &str) {
        let (negative, rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
        (negative, whole, fraction.trim_end_matches('0'))
    }
    let ((a_negative, a_whole, a_fraction), (b_negative, b_whole, b_fraction)) = (parts(a), parts(b));
    match (a_negative, b_negative) {
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
        (negative, _) => {
            let order = (a_whole.len(), a_whole, a_fraction).cmp(&(b_whole.len(), b_whole, b_fraction));
            if negative { order.reverse() } else { order }
        }
    }
}

/// Writes a string in quotes.
pub(super) fn write_string(out: &mut impl Write, text: &str) -> fmt::Result {
    out.write_char('"')?;
    for c in text.chars() {
        match c {
            '"' => out.write_str("\\\"")?,
            '\\' => out.write_str("\\\\")?,
            '\u{8}' => out.write_str("\\b")?,
            '\u{c}' => out.write_str("\\f")?,
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            control if control < ' ' => write!(out, "\\u{:04x}", u32::from(control))?,
            plain => out.write_char(plain)?,
        }
    }
    out.write_char('"')
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(digits) => f.write_str(digits),
            Self::Text(text) => write_string(f, text),
            Self::Array(items) => {
                f.write_char('[')?;
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    item.fmt(f)?;
                }
                f.write_char(']')
            }
            Self::Object(members) => {
                f.write_char('{')?;
                for (index, (key, value)) in members.iter().enumerate() {
                    if index > 0 {
                        f.write_str(", ")?;
                    }
                    write_string(f, key)?;
                    f.write_str(": ")?;
                    value.fmt(f)?;
                }
                f.write_char('}')
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_written_in_one_way() {
        for (text, expected) in [
            (" { \"b\" : 1 , \"aa\":[1,2 , {}], \"b\": 2.50 } ", r#"{"b": 2.50, "aa": [1, 2, {}]}"#),
            ("1e2", "100"),
            ("1.5e3", "1500"),
            ("1.50", "1.50"),
            ("-0", "0"),
            ("1e-3", "0.001"),
            ("12.5e-1", "1.25"),
            (r#""\u00e9\n\ud83d\ude00""#, "\"é\\n😀\""),
            ("[]", "[]"),
        ] {
            assert_eq!(normal_jsonb(text).as_deref(), Some(expected), "{text}");
        }
        for bad in ["", "{", "[1,]", "{a:1}", "01", "1.", "nul", "nulls", "\"a", "[1] 2", "\"\\x\"", "'a'"] {
            assert_eq!(normal_jsonb(bad), None, "{bad}");
        }
    }

    #[test]
    fn values_hold_and_follow_each_other() {
        let json = |text: &str| Json::parse(text).unwrap();
        assert!(json(r#"{"a": 1, "b": [1, {"c": 2, "d": 3}]}"#).contains(&json(r#"{"b": [{"c": 2}]}"#)));
        assert!(json("[1, 2, 3]").contains(&json("2.0")));
        assert!(!json("[[1]]").contains(&json("1")));
        assert!(!json("{}").contains(&json("[]")));
        for (less, more) in
            [("null", "\"a\""), ("\"b\"", "1"), ("2", "10"), ("1", "true"), ("-10", "-2"), ("[]", "null")]
        {
            assert_eq!(json(less).compare(&json(more)), Ordering::Less, "{less} {more}");
        }
    }

    #[test]
    fn pieces_keep_their_text() {
        assert_eq!(elements(" [ 1.0 , {\"a\" :1} ]"), Some(vec!["1.0", "{\"a\" :1}"]));
        assert_eq!(members("{\"a\" : [1,2]}").unwrap()[0].1, "[1,2]");
        assert_eq!(elements("{}"), None);
    }
}
