//! A document: read, compared, and written as PostgreSQL writes it.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::ops::Range;

use crate::base::{ErrorReport, SqlState};

use super::build::quoted;

/// How deep a document may nest.
const DEPTH: usize = 1_000;

/// A value and where it stands in the text.
#[derive(Debug, Clone)]
pub(in crate::functions) struct Json {
    pub(in crate::functions) kind: Kind,
    pub(in crate::functions) place: Range<usize>,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(in crate::functions) enum Kind {
    Null,
    Bool(bool),
    /// As it was written.
    Number(String),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// Reads a document.
    pub(in crate::functions) fn parse(text: &str) -> Result<Self, ErrorReport> {
        let mut reader = Reader { text, at: 0 };
        let found = reader.value(0)?;
        reader.blanks();
        if reader.at < text.len() { Err(malformed()) } else { Ok(found) }
    }

    /// The same, with the keys of a `jsonb`: each once, the last value of each, by length and bytes.
    pub(in crate::functions) fn parse_binary(text: &str) -> Result<Self, ErrorReport> {
        Ok(Self::parse(text)?.normal())
    }

    pub(in crate::functions) fn of(kind: Kind) -> Self {
        Self { kind, place: 0..0 }
    }

    fn normal(self) -> Self {
        let kind = match self.kind {
            Kind::Array(items) => Kind::Array(items.into_iter().map(Self::normal).collect()),
            Kind::Object(fields) => {
                let mut sorted: Vec<(String, Self)> = Vec::with_capacity(fields.len());
                let fields = fields.into_iter().map(|(key, value)| (key, value.normal())).rev();
                for (key, value) in fields {
                    match sorted.binary_search_by(|(known, _)| key_order(known, &key)) {
                        Ok(_) => {}
                        Err(at) => sorted.insert(at, (key, value)),
                    }
                }
                Kind::Object(sorted)
            }
            Kind::Number(digits) => Kind::Number(plain_number(&digits)),
            other @ (Kind::Null | Kind::Bool(_) | Kind::Text(_)) => other,
        };
        Self { kind, place: self.place }
    }

    /// The member of an object; of a key that comes twice the last one.
    pub(in crate::functions) fn field(&self, key: &str) -> Option<&Self> {
        match &self.kind {
            Kind::Object(fields) => fields.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value),
            _ => None,
        }
    }

    /// The element of an array; a negative index counts from the end.
    pub(in crate::functions) fn element(&self, index: i64) -> Option<&Self> {
        let Kind::Array(items) = &self.kind else { return None };
        let length = i64::try_from(items.len()).ok()?;
        let index = if index < 0 { index + length } else { index };
        usize::try_from(index).ok().and_then(|index| items.get(index))
    }

    /// Along a path of keys and indexes.
    pub(in crate::functions) fn at_path(&self, path: &[String]) -> Option<&Self> {
        let mut here = self;
        for step in path {
            here = match &here.kind {
                Kind::Object(_) => here.field(step)?,
                Kind::Array(_) => here.element(step.trim().parse().ok()?)?,
                _ => return None,
            };
        }
        Some(here)
    }

    /// `object`, `array`, `string` …
    pub(in crate::functions) fn type_name(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "boolean",
            Kind::Number(_) => "number",
            Kind::Text(_) => "string",
            Kind::Array(_) => "array",
            Kind::Object(_) => "object",
        }
    }

    pub(in crate::functions) fn is_scalar(&self) -> bool {
        !matches!(self.kind, Kind::Array(_) | Kind::Object(_))
    }

    /// A text without quotes; anything else as it is written; `None` for null.
    pub(in crate::functions) fn bare(&self, written: impl FnOnce(&Self) -> String) -> Option<String> {
        match &self.kind {
            Kind::Null => None,
            Kind::Text(text) => Some(text.clone()),
            Kind::Bool(_) | Kind::Number(_) | Kind::Array(_) | Kind::Object(_) => Some(written(self)),
        }
    }

    /// The text of a `jsonb`.
    pub(in crate::functions) fn binary_text(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, None);
        out
    }

    /// With line breaks and indents.
    pub(in crate::functions) fn pretty(&self) -> String {
        let mut out = String::new();
        self.write(&mut out, Some(0));
        out
    }

    fn write(&self, out: &mut String, indent: Option<usize>) {
        match &self.kind {
            Kind::Null => out.push_str("null"),
            Kind::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Kind::Number(digits) => out.push_str(digits),
            Kind::Text(text) => out.push_str(&quoted(text)),
            Kind::Array(items) => {
                let items = items.iter().map(|item| (None, item));
                write_items(out, indent, ('[', ']'), items);
            }
            Kind::Object(fields) => {
                let fields = fields.iter().map(|(key, value)| (Some(key.as_str()), value));
                write_items(out, indent, ('{', '}'), fields);
            }
        }
    }

    /// The order of `jsonb`, for equality.
    pub(in crate::functions) fn same(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Null, Kind::Null) => true,
            (Kind::Bool(a), Kind::Bool(b)) => a == b,
            (Kind::Number(a), Kind::Number(b)) => without_zeros(a) == without_zeros(b),
            (Kind::Text(a), Kind::Text(b)) => a == b,
            (Kind::Array(a), Kind::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.same(b)),
            (Kind::Object(a), Kind::Object(b)) => {
                a.len() == b.len() && a.iter().zip(b).all(|((ka, a), (kb, b))| ka == kb && a.same(b))
            }
            _ => false,
        }
    }

    /// `@>`
    pub(in crate::functions) fn contains(&self, other: &Self) -> bool {
        match (&self.kind, &other.kind) {
            (Kind::Object(_), Kind::Object(wanted)) => {
                wanted.iter().all(|(key, value)| self.field(key).is_some_and(|own| own.contains_inside(value)))
            }
            (Kind::Array(own), Kind::Array(wanted)) => {
                wanted.iter().all(|value| own.iter().any(|one| one.contains_inside(value)))
            }
            // An array may contain a scalar, but not the other way round.
            (Kind::Array(own), _) if other.is_scalar() => own.iter().any(|one| one.same(other)),
            _ => self.same(other),
        }
    }

    fn contains_inside(&self, other: &Self) -> bool {
        if self.is_scalar() != other.is_scalar() || self.type_name() != other.type_name() {
            return false;
        }
        self.contains(other)
    }
}

fn write_items<'a>(
    out: &mut String,
    indent: Option<usize>,
    (open, close): (char, char),
    items: impl Iterator<Item = (Option<&'a str>, &'a Json)>,
) {
    out.push(open);
    let inner = indent.map(|depth| depth + 4);
    let line = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n(' ', depth));
    };
    for (index, (key, value)) in items.enumerate() {
        if index > 0 {
            out.push_str(if inner.is_some() { "," } else { ", " });
        }
        if let Some(depth) = inner {
            line(out, depth);
        }
        if let Some(key) = key {
            let _ = write!(out, "{}: ", quoted(key));
        }
        value.write(out, inner);
    }
    if let Some(depth) = indent {
        line(out, depth);
    }
    out.push(close);
}

/// By length, then by bytes.
fn key_order(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A number without exponent, as `numeric` writes it.
fn plain_number(text: &str) -> String {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.trim_start_matches('+').parse().unwrap_or_default();
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let scale = i64::try_from(fraction.len()).unwrap_or_default() - exponent;
    if scale < 0 {
        digits.extend(std::iter::repeat_n('0', usize::try_from(-scale).unwrap_or_default().min(20_000)));
    }
    let scale = usize::try_from(scale.max(0)).unwrap_or_default().min(20_000);
    if digits.len() <= scale {
        digits = format!("{}{digits}", "0".repeat(scale + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let zero = whole == "0" && fraction.bytes().all(|byte| byte == b'0');
    let sign = if negative && !zero { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

fn malformed() -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json")
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> Result<(), ErrorReport> {
        self.blanks();
        if self.peek() != Some(wanted) {
            return Err(malformed());
        }
        self.at += 1;
        Ok(())
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, ErrorReport> {
        if !self.text[self.at..].starts_with(word) {
            return Err(malformed());
        }
        self.at += word.len();
        Ok(kind)
    }

    fn value(&mut self, depth: usize) -> Result<Json, ErrorReport> {
        if depth > DEPTH {
            return Err(ErrorReport::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded"));
        }
        self.blanks();
        let begin = self.at;
        let kind = match self.peek().ok_or_else(malformed)? {
            b'n' => self.word("null", Kind::Null)?,
            b't' => self.word("true", Kind::Bool(true))?,
            b'f' => self.word("false", Kind::Bool(false))?,
            b'"' => Kind::Text(self.string()?),
            b'[' => self.array(depth)?,
            b'{' => self.object(depth)?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(malformed()),
        };
        Ok(Json { kind, place: begin..self.at })
    }

    fn array(&mut self, depth: usize) -> Result<Kind, ErrorReport> {
        self.at += 1;
        let mut items = Vec::new();
        self.blanks();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(Kind::Array(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        self.take(b']')?;
        Ok(Kind::Array(items))
    }

    fn object(&mut self, depth: usize) -> Result<Kind, ErrorReport> {
        self.at += 1;
        let mut fields = Vec::new();
        self.blanks();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Kind::Object(fields));
        }
        loop {
            self.blanks();
            if self.peek() != Some(b'"') {
                return Err(malformed());
            }
            let key = self.string()?;
            self.take(b':')?;
            fields.push((key, self.value(depth + 1)?));
            self.blanks();
            match self.peek() {
                Some(b',') => self.at += 1,
                _ => break,
            }
        }
        self.take(b'}')?;
        Ok(Kind::Object(fields))
    }

    fn number(&mut self) -> Result<Kind, ErrorReport> {
        let rest = &self.text[self.at..];
        let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.')));
        let word = &rest[..end.unwrap_or(rest.len())];
        if !is_number(word) {
            return Err(malformed());
        }
        self.at += word.len();
        Ok(Kind::Number(word.to_owned()))
    }

    fn string(&mut self) -> Result<String, ErrorReport> {
        self.at += 1;
        let mut out = String::new();
        loop {
            let rest = &self.text[self.at..];
            let c = rest.chars().next().ok_or_else(malformed)?;
            self.at += c.len_utf8();
            match c {
                '"' => return Ok(out),
                '\\' => self.escape(&mut out)?,
                '\0'..='\u{1f}' => return Err(malformed()),
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Result<(), ErrorReport> {
        let c = self.peek().ok_or_else(malformed)?;
        self.at += 1;
        out.push(match c {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode()?,
            _ => return Err(malformed()),
        });
        Ok(())
    }

    fn unicode(&mut self) -> Result<char, ErrorReport> {
        let first = self.hex()?;
        let code = if (0xd800..0xdc00).contains(&first) {
            if !self.text[self.at..].starts_with("\\u") {
                return Err(malformed());
            }
            self.at += 2;
            let second = self.hex()?;
            if !(0xdc00..0xe000).contains(&second) {
                return Err(malformed());
            }
            0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
        } else {
            first
        };
        if code == 0 {
            return Err(ErrorReport::new(SqlState::UNTRANSLATABLE_CHARACTER, "unsupported Unicode escape sequence"));
        }
        char::from_u32(code).ok_or_else(malformed)
    }

    fn hex(&mut self) -> Result<u32, ErrorReport> {
        let digits = self.text.get(self.at..self.at + 4).ok_or_else(malformed)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_| malformed())
    }
}

fn is_number(word: &str) -> bool {
    let word = word.strip_prefix('-').unwrap_or(word);
    let (mantissa, exponent) = match word.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (word, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(text: &str) -> String {
        Json::parse_binary(text).unwrap().binary_text()
    }

    #[test]
    fn a_jsonb_has_one_form() {
        assert_eq!(binary(r#"{"b":1, "aa":[1 ,2], "b":{"x":null}}"#), r#"{"b": {"x": null}, "aa": [1, 2]}"#);
        assert_eq!(binary("1.50"), "1.50");
        assert_eq!(binary("[1e2, -0, 1.5e-3, 12E+1]"), "[100, 0, 0.0015, 120]");
        assert_eq!(binary(r#""\u00e4\n""#), "\"ä\\n\"");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for bad in ["", "{", "[1,]", "01", "1.", "nul", "\"a", "{a:1}", "[1] 2", "+1", "\"\\x\""] {
            assert!(Json::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn containment_is_postgresqls() {
        let holds = |a: &str, b: &str| Json::parse_binary(a).unwrap().contains(&Json::parse_binary(b).unwrap());
        assert!(holds("[1,2,[1,3]]", "[[1,3]]"));
        assert!(holds(r#"{"a":1,"b":2}"#, r#"{"b":2.0}"#));
        assert!(holds(r#"["foo","bar"]"#, r#""bar""#));
        assert!(!holds(r#""bar""#, r#"["bar"]"#));
    }
}
