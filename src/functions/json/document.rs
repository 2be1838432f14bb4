//! A document: compared, and written as PostgreSQL writes it.

use std::cmp::Ordering;
use std::fmt::Write as _;
use std::ops::Range;

use crate::base::limits::JSONB_EXTRA_DIGITS;
use crate::base::{ErrorReport, SqlState};

use super::super::value::overflow;
use super::build::quoted;
use super::read::read;

fn too_many_digits() -> ErrorReport {
    let message =
        format!("the numbers of a jsonb value have more than {JSONB_EXTRA_DIGITS} digits beside those of its text");
    ErrorReport::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
}

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
        read(text)
    }

    /// The same, with the keys of a `jsonb`: each once, the last value of each, by length and bytes.
    pub(in crate::functions) fn parse_binary(text: &str) -> Result<Self, ErrorReport> {
        Self::parse(text)?.normal(&mut (text.len() + JSONB_EXTRA_DIGITS))
    }

    pub(in crate::functions) fn of(kind: Kind) -> Self {
        Self { kind, place: 0..0 }
    }

    /// `digits_left` is how many digits the numbers may have still, written out.
    fn normal(self, digits_left: &mut usize) -> Result<Self, ErrorReport> {
        let kind = match self.kind {
            Kind::Array(items) => {
                Kind::Array(items.into_iter().map(|item| item.normal(digits_left)).collect::<Result<_, _>>()?)
            }
            Kind::Object(fields) => {
                let normal = |(key, value): (String, Self)| Ok((key, value.normal(digits_left)?));
                Kind::object(fields.into_iter().map(normal).collect::<Result<_, ErrorReport>>()?)
            }
            Kind::Number(digits) => {
                let plain = plain_number(&digits).ok_or_else(overflow)?;
                *digits_left = digits_left.checked_sub(plain.len()).ok_or_else(too_many_digits)?;
                Kind::Number(plain)
            }
            other @ (Kind::Null | Kind::Bool(_) | Kind::Text(_)) => other,
        };
        Ok(Self { kind, place: self.place })
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

    /// An array or object without anything in it.
    pub(in crate::functions) fn is_empty(&self) -> bool {
        match &self.kind {
            Kind::Array(items) => items.is_empty(),
            Kind::Object(fields) => fields.is_empty(),
            Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => false,
        }
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

    /// PostgreSQL's order of `jsonb`. A scalar counts as an array of one, so that only the empty array is less.
    pub(in crate::functions) fn compare(&self, other: &Self) -> Ordering {
        let is_empty = |json: &Self| matches!(&json.kind, Kind::Array(items) if items.is_empty());
        match (is_empty(self), is_empty(other)) {
            (true, false) if other.is_scalar() => Ordering::Less,
            (false, true) if self.is_scalar() => Ordering::Greater,
            _ => self.order(other),
        }
    }

    /// The order of parts: of two kinds by the kind, of two containers the one with less in it first.
    fn order(&self, other: &Self) -> Ordering {
        match (&self.kind, &other.kind) {
            (Kind::Bool(a), Kind::Bool(b)) => a.cmp(b),
            (Kind::Number(a), Kind::Number(b)) => number_order(a, b),
            (Kind::Text(a), Kind::Text(b)) => a.cmp(b),
            (Kind::Array(a), Kind::Array(b)) => {
                let by_item = || a.iter().zip(b).map(|(a, b)| a.order(b)).find(|order| order.is_ne());
                a.len().cmp(&b.len()).then_with(|| by_item().unwrap_or(Ordering::Equal))
            }
            (Kind::Object(a), Kind::Object(b)) => {
                let mut pairs = a.iter().zip(b).map(|((ka, a), (kb, b))| ka.cmp(kb).then_with(|| a.order(b)));
                let by_field = || pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal);
                a.len().cmp(&b.len()).then_with(by_field)
            }
            (a, b) => a.rank().cmp(&b.rank()),
        }
    }

    fn same(&self, other: &Self) -> bool {
        self.order(other).is_eq()
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

impl Kind {
    /// An object of fields in any order, as a `jsonb` has it: the last value of a key stays.
    pub(in crate::functions) fn object(fields: Vec<(String, Json)>) -> Self {
        let mut sorted: Vec<(usize, (String, Json))> = fields.into_iter().enumerate().collect();
        sorted.sort_by(|(a_place, (a, _)), (b_place, (b, _))| key_order(a, b).then(b_place.cmp(a_place)));
        let mut fields: Vec<(String, Json)> = sorted.into_iter().map(|(_, field)| field).collect();
        fields.dedup_by(|later, kept| later.0 == kept.0);
        Self::Object(fields)
    }

    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Null => 0,
            Self::Text(_) => 1,
            Self::Number(_) => 2,
            Self::Bool(_) => 3,
            Self::Array(_) => 4,
            Self::Object(_) => 5,
        }
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

/// Digits before and after the point that a numeric may have.
const MOST_DIGITS: (usize, usize) = (131_072, 16_383);

/// A number without exponent, as `numeric` writes it; `None` when it has too many digits.
fn plain_number(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let exponent: i64 = exponent.parse().ok().filter(|power: &i64| power.unsigned_abs() < 1_000_000)?;
    let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut digits = format!("{whole}{fraction}");
    let scale = i64::try_from(fraction.len()).ok()? - exponent;
    if scale < 0 {
        digits.extend(std::iter::repeat_n('0', usize::try_from(-scale).ok()?));
    }
    let scale = usize::try_from(scale.max(0)).ok()?;
    if digits.len() <= scale {
        digits = format!("{}{digits}", "0".repeat(scale + 1 - digits.len()));
    }
    let (whole, fraction) = digits.split_at(digits.len() - scale);
    let whole = whole.trim_start_matches('0');
    if whole.len() > MOST_DIGITS.0 || fraction.len() > MOST_DIGITS.1 {
        return None;
    }
    let is_zero = whole.is_empty() && fraction.bytes().all(|byte| byte == b'0');
    let whole = if whole.is_empty() { "0" } else { whole };
    let sign = if negative && !is_zero { "-" } else { "" };
    Some(if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") })
}

/// The order of two plain numbers.
fn number_order(a: &str, b: &str) -> Ordering {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn binary(text: &str) -> String {
        Json::parse_binary(text).unwrap().binary_text()
    }

    #[test]
    fn short_numbers_of_many_digits_are_bounded() {
        let document = |count: usize| format!("[{}]", vec!["1e131071"; count].join(","));
        assert!(Json::parse_binary(&document(20)).is_ok());
        let refused = Json::parse_binary(&document(200)).unwrap_err();
        assert_eq!(refused.sqlstate, SqlState::PROGRAM_LIMIT_EXCEEDED);
        let plain = format!("[{}]", vec!["12345678"; 1_000_000].join(","));
        assert!(Json::parse_binary(&plain).is_ok(), "what is written out may be long");
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
    fn values_are_in_postgresqls_order() {
        let json = |text: &str| Json::parse_binary(text).unwrap();
        let in_order = [
            "[]",
            "null",
            "\"a\"",
            "\"b\"",
            "-10",
            "-2",
            "2",
            "10",
            "true",
            "[null]",
            "[[]]",
            "[1,1]",
            "{}",
            r#"{"bb":1}"#,
            r#"{"c":1}"#,
        ];
        for pair in in_order.windows(2) {
            assert_eq!(json(pair[0]).compare(&json(pair[1])), Ordering::Less, "{pair:?}");
        }
        assert_eq!(json("1.50").compare(&json("1.5")), Ordering::Equal);
    }

    #[test]
    fn a_number_has_the_digits_of_a_numeric() {
        assert_eq!(binary("1e3000").len(), 3_001);
        assert!(Json::parse_binary("1e131073").is_err() && Json::parse_binary("1e-16384").is_err());
        assert!(Json::parse("1e9999999999").is_ok());
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
