//! Functions that return rows, as arrays of them.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, strict};
use super::super::signature::element;
use super::super::value::{defect, fail, invalid, list, texts};
use super::access::{document, is_binary, stored, written};
use super::document::{Json, Kind};

type Found = Result<ScalarValue, ErrorReport>;

/// No text calls them by these names. A function with two columns is two of them.
#[rustfmt::skip]
pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("json_array_elements[]", "(json) json[]", |call| elements(call, "json_array_elements")),
        strict("json_array_elements_text[]", "(json) text[]", |call| elements(call, "json_array_elements_text")),
        strict("json_array_literal[]", "(json) text", array_literal),
        strict("json_each[key]", "(json) text[]", |call| names(call, "json_each")),
        strict("json_each[value]", "(json) json[]", |call| values(call, "json_each")),
        strict("json_each_text[key]", "(json) text[]", |call| names(call, "json_each_text")),
        strict("json_each_text[value]", "(json) text[]", |call| values(call, "json_each_text")),
        strict("json_object_keys[]", "(json) text[]", |call| names(call, "json_object_keys")),
        strict("jsonb_array_elements[]", "(jsonb) jsonb[]", |call| elements(call, "jsonb_array_elements")),
        strict("jsonb_array_elements_text[]", "(jsonb) text[]", |call| elements(call, "jsonb_array_elements_text")),
        strict("jsonb_array_literal[]", "(jsonb) text", array_literal),
        strict("jsonb_each[key]", "(jsonb) text[]", |call| names(call, "jsonb_each")),
        strict("jsonb_each[value]", "(jsonb) jsonb[]", |call| values(call, "jsonb_each")),
        strict("jsonb_each_text[key]", "(jsonb) text[]", |call| names(call, "jsonb_each_text")),
        strict("jsonb_each_text[value]", "(jsonb) text[]", |call| values(call, "jsonb_each_text")),
        strict("jsonb_object_keys[]", "(jsonb) text[]", |call| names(call, "jsonb_object_keys")),
    ]
}

fn elements(call: &Call<'_>, name: &str) -> Found {
    match document(call)?.kind {
        Kind::Array(items) => parts(call, &items),
        kind => {
            let is_object = matches!(kind, Kind::Object(_));
            Err(invalid(match (is_binary(call), is_object) {
                (true, true) => "cannot extract elements from an object".to_owned(),
                (true, false) => "cannot extract elements from a scalar".to_owned(),
                (false, true) => format!("cannot call {name} on a non-array"),
                (false, false) => format!("cannot call {name} on a scalar"),
            }))
        }
    }
}

/// A document as the text of an array of PostgreSQL, for a column of a record.
fn array_literal(call: &Call<'_>) -> Found {
    let document = document(call)?;
    Ok(match &document.kind {
        Kind::Null => ScalarValue::Utf8(None),
        Kind::Array(items) => {
            let mut literal = String::new();
            write_array(call, items, &mut literal);
            ScalarValue::Utf8(Some(literal))
        }
        _ => return Err(fail(SqlState::INVALID_TEXT_REPRESENTATION, "expected JSON array")),
    })
}

/// The parser of documents bounds how deep they are.
fn write_array(call: &Call<'_>, items: &[Json], literal: &mut String) {
    literal.push('{');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            literal.push(',');
        }
        if let Kind::Array(items) = &item.kind {
            write_array(call, items, literal);
            continue;
        }
        let Some(text) = item.bare(|part| written(part, call.text(0), is_binary(call))) else {
            literal.push_str("NULL");
            continue;
        };
        literal.push('"');
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                literal.push('\\');
            }
            literal.push(character);
        }
        literal.push('"');
    }
    literal.push('}');
}

fn names(call: &Call<'_>, name: &str) -> Found {
    Ok(texts(fields(call, name)?.into_iter().map(|(key, _)| Some(key))))
}

fn values(call: &Call<'_>, name: &str) -> Found {
    let values: Vec<Json> = fields(call, name)?.into_iter().map(|(_, value)| value).collect();
    parts(call, &values)
}

fn fields(call: &Call<'_>, name: &str) -> Result<Vec<(String, Json)>, ErrorReport> {
    match document(call)?.kind {
        Kind::Object(fields) => Ok(fields),
        kind => {
            let what = if matches!(kind, Kind::Array(_)) { "an array" } else { "a scalar" };
            Err(invalid(match (name.contains("_each"), is_binary(call)) {
                (true, true) => format!("cannot call {name} on a non-object"),
                (true, false) if matches!(kind, Kind::Array(_)) => {
                    "cannot deconstruct an array as an object".to_owned()
                }
                (true, false) => "cannot deconstruct a scalar".to_owned(),
                (false, _) => format!("cannot call {name} on {what}"),
            }))
        }
    }
}

/// Parts of a document as an array: of documents, or of texts without quotes.
fn parts(call: &Call<'_>, parts: &[Json]) -> Found {
    let element = element(call.returns).ok_or_else(|| defect("the result is no array"))?;
    let is_binary = is_binary(call);
    let shown = |part: &Json| written(part, call.text(0), is_binary);
    let one = |part: &Json| match element {
        DataType::Utf8 => ScalarValue::Utf8(part.bare(shown)),
        _ => stored(shown(part), is_binary),
    };
    Ok(list(&parts.iter().map(one).collect::<Vec<_>>(), &element))
}
