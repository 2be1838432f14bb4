//! Identifiers and constants in quotes.

use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, lenient, strict};
use super::super::text::shown_value;
use super::super::value::{self, fail, invalid};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("quote_ident", "(text) text", |call| Ok(value::text(identifier(call.text(0))))),
        strict("quote_literal", "(text) text", |call| Ok(value::text(literal(call.text(0))))),
        strict("quote_literal", "(anyelement) text", quoted_value).zoned(),
        lenient("quote_nullable", "(text) text", |call| {
            Ok(value::text(call.maybe_text(0).map_or_else(|| "NULL".to_owned(), literal)))
        }),
        lenient("quote_nullable", "(anyelement) text", |call| {
            if call.is_null(0) { Ok(value::text("NULL")) } else { quoted_value(call) }
        })
        .zoned(),
        strict("parse_ident", "(text) text[]", |call| parts(call.text(0), true)),
        strict("parse_ident", "(text, bool) text[]", |call| parts(call.text(0), call.bool(1))),
    ]
}

fn quoted_value(call: &Call<'_>) -> Found {
    Ok(value::text(literal(&shown_value(&call.args[0], call.zone)?)))
}

/// A constant; with a backslash inside it says so.
pub(super) fn literal(text: &str) -> String {
    let doubled = text.replace('\'', "''");
    if text.contains('\\') { format!("E'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

/// A name, in quotes where it would be read as something else.
pub(super) fn identifier(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && name.chars().all(plain) && !is_keyword(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn is_keyword(name: &str) -> bool {
    KEYWORDS.split_whitespace().any(|keyword| keyword == name)
}

/// Every keyword of PostgreSQL 15 that is not unreserved.
const KEYWORDS: &str = "all analyse analyze and any array as asc asymmetric both case cast check collate column \
    constraint create current_catalog current_date current_role current_time current_timestamp current_user default \
    deferrable desc distinct do else end except false fetch for foreign from grant group having in initially intersect \
    into lateral leading limit localtime localtimestamp not null offset on only or order placing primary references \
    returning select session_user some symmetric table then to trailing true union unique user using variadic when \
    where window with authorization binary collation concurrently cross current_schema freeze full ilike inner is \
    isnull join left like natural notnull outer overlaps right similar tablesample verbose between bigint bit boolean \
    char character coalesce dec decimal exists extract float greatest grouping inout int integer interval least \
    national nchar none normalize nullif numeric out overlay position precision real row setof smallint substring time \
    timestamp treat trim values varchar xmlattributes xmlconcat xmlelement xmlexists xmlforest xmlnamespaces xmlparse \
    xmlpi xmlroot xmlserialize xmltable";

/// `"A b".c` is `{"A b",c}`.
fn parts(text: &str, strict: bool) -> Found {
    let bad = || invalid(format!("string is not a valid identifier: \"{text}\""));
    let mut found: Vec<Option<String>> = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let (part, after) = if let Some(quoted) = rest.strip_prefix('"') {
            quoted_part(quoted).ok_or_else(|| bad().with_detail("String has unclosed double quotes."))?
        } else {
            let begins = |c: char| c.is_alphabetic() || c == '_';
            let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
            if !rest.starts_with(begins) {
                return Err(bad());
            }
            let end = rest.find(|c| !inside(c)).unwrap_or(rest.len());
            (rest[..end].to_lowercase(), &rest[end..])
        };
        if part.is_empty() {
            return Err(bad().with_detail("Quoted identifier must not be empty."));
        }
        found.push(Some(part));
        let after = after.trim_start();
        match after.strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.is_empty() || !strict => return Ok(value::texts(found)),
            None => return Err(bad()),
        }
    }
}

fn quoted_part(text: &str) -> Option<(String, &str)> {
    let mut part = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"')?;
        part.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                part.push('"');
                rest = after;
            }
            None => return Some((part, rest)),
        }
    }
}

/// NULL is no name.
pub(super) fn null_identifier() -> ErrorReport {
    fail(SqlState::NULL_VALUE_NOT_ALLOWED, "null values cannot be formatted as an SQL identifier")
}
