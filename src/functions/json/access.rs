//! Parts of documents, and questions about them.

use datafusion::common::ScalarValue;

use crate::base::ErrorReport;

use super::super::overload::{Call, Overload, lenient, strict};
use super::super::value::{self, invalid, null};
use super::document::{Json, Kind};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = Vec::new();
    all.extend(of_json());
    all.extend(of_jsonb());
    all
}

fn of_json() -> Vec<Overload> {
    vec![
        strict("json_object_field", "(json, text) json", |call| part(call, field)),
        strict("json_object_field_text", "(json, text) text", |call| part_text(call, field)),
        strict("json_array_element", "(json, int4) json", |call| part(call, element)),
        strict("json_array_element_text", "(json, int4) text", |call| part_text(call, element)),
        strict("json_extract_path", "(json, text[]) json", |call| part(call, along)),
        strict("json_extract_path", "(json, variadic text) json", |call| part(call, along)),
        strict("json_extract_path_text", "(json, text[]) text", |call| part_text(call, along)),
        strict("json_extract_path_text", "(json, variadic text) text", |call| part_text(call, along)),
        strict("json_array_length", "(json) int4", length),
        strict("json_typeof", "(json) text", |call| Ok(value::text(document(call)?.type_name()))),
    ]
}

fn of_jsonb() -> Vec<Overload> {
    vec![
        strict("jsonb_object_field", "(jsonb, text) jsonb", |call| part(call, field)),
        strict("jsonb_object_field_text", "(jsonb, text) text", |call| part_text(call, field)),
        strict("jsonb_array_element", "(jsonb, int4) jsonb", |call| part(call, element)),
        strict("jsonb_array_element_text", "(jsonb, int4) text", |call| part_text(call, element)),
        strict("jsonb_extract_path", "(jsonb, text[]) jsonb", |call| part(call, along)),
        strict("jsonb_extract_path", "(jsonb, variadic text) jsonb", |call| part(call, along)),
        strict("jsonb_extract_path_text", "(jsonb, text[]) text", |call| part_text(call, along)),
        strict("jsonb_extract_path_text", "(jsonb, variadic text) text", |call| part_text(call, along)),
        strict("jsonb_array_length", "(jsonb) int4", length),
        strict("jsonb_typeof", "(jsonb) text", |call| Ok(value::text(document(call)?.type_name()))),
        strict("jsonb_cmp", "(jsonb, jsonb) int4", |call| {
            let order = document(call)?.compare(&Json::parse(call.text(1))?);
            Ok(ScalarValue::Int32(Some(order as i32)))
        }),
        strict("jsonb_contains", "(jsonb, jsonb) bool", |call| contains(call, 0, 1)),
        strict("jsonb_contained", "(jsonb, jsonb) bool", |call| contains(call, 1, 0)),
        strict("jsonb_exists", "(jsonb, text) bool", |call| {
            Ok(ScalarValue::Boolean(Some(exists(&document(call)?, call.text(1)))))
        }),
        strict("jsonb_exists_any", "(jsonb, text[]) bool", |call| {
            let (own, keys) = (document(call)?, keys(call, 1)?);
            Ok(ScalarValue::Boolean(Some(keys.iter().any(|key| exists(&own, key)))))
        }),
        strict("jsonb_exists_all", "(jsonb, text[]) bool", |call| {
            let (own, keys) = (document(call)?, keys(call, 1)?);
            Ok(ScalarValue::Boolean(Some(keys.iter().all(|key| exists(&own, key)))))
        }),
        strict("jsonb_scalar", "(jsonb, text) text", scalar),
        lenient("jsonb_pretty", "(jsonb) text", |call| {
            if call.is_null(0) { null(call) } else { Ok(value::text(document(call)?.pretty())) }
        }),
    ]
}

/// The text of a number or of a truth value that becomes a value of the type that is named; integers are rounded.
fn scalar(call: &Call<'_>) -> Found {
    let wanted = call.text(1);
    let document = document(call)?;
    match (&document.kind, wanted) {
        (Kind::Bool(value), "boolean") => Ok(value::text(value.to_string())),
        (Kind::Number(digits), "smallint" | "integer" | "bigint") => Ok(value::text(rounded(digits))),
        (Kind::Number(digits), wanted) if wanted != "boolean" => Ok(value::text(digits.as_str())),
        _ => {
            let found = if matches!(document.kind, Kind::Number(_)) { "numeric" } else { document.type_name() };
            Err(invalid(format!("cannot cast jsonb {found} to type {wanted}")))
        }
    }
}

/// A number in decimal digits, rounded half away from zero.
fn rounded(digits: &str) -> String {
    let Some((whole, fraction)) = digits.split_once('.') else { return digits.to_owned() };
    let up = fraction.bytes().next().is_some_and(|digit| digit >= b'5');
    match (up, whole.parse::<i128>()) {
        (true, Ok(value)) if whole.starts_with('-') => (value - 1).to_string(),
        (true, Ok(value)) => (value + 1).to_string(),
        _ => whole.to_owned(),
    }
}

pub(super) fn document(call: &Call<'_>) -> Result<Json, ErrorReport> {
    Json::parse(call.text(0))
}

/// The values of a text array, without NULLs.
pub(super) fn keys(call: &Call<'_>, index: usize) -> Result<Vec<String>, ErrorReport> {
    let items = call.items(index)?;
    Ok(items.into_iter().filter_map(|item| if let ScalarValue::Utf8(text) = item { text } else { None }).collect())
}

type Step = for<'a> fn(&Call<'_>, &'a Json) -> Result<Option<&'a Json>, ErrorReport>;

fn field<'a>(call: &Call<'_>, json: &'a Json) -> Result<Option<&'a Json>, ErrorReport> {
    Ok(json.field(call.text(1)))
}

fn element<'a>(call: &Call<'_>, json: &'a Json) -> Result<Option<&'a Json>, ErrorReport> {
    // A jsonb that is a scalar counts as an array of it.
    let alone = json.is_scalar() && is_binary(call) && matches!(call.int(1), 0 | -1);
    Ok(if alone { Some(json) } else { json.element(call.int(1)) })
}

fn along<'a>(call: &Call<'_>, json: &'a Json) -> Result<Option<&'a Json>, ErrorReport> {
    let path = match call.args.get(1) {
        Some(ScalarValue::List(_)) => {
            let items = call.items(1)?;
            if items.iter().any(ScalarValue::is_null) {
                return Ok(None);
            }
            keys(call, 1)?
        }
        _ => (1..call.args.len()).map(|index| call.text(index).to_owned()).collect(),
    };
    Ok(json.at_path(&path))
}

/// A part as it was written, or in the one form of `jsonb`.
pub(super) fn written(json: &Json, text: &str, binary: bool) -> String {
    if binary { json.binary_text() } else { text[json.place.clone()].to_owned() }
}

pub(super) fn is_binary(call: &Call<'_>) -> bool {
    matches!(call.args.first(), Some(ScalarValue::LargeBinary(_)))
}

/// A document as a value of its type.
pub(super) fn stored(text: String, binary: bool) -> ScalarValue {
    if binary { ScalarValue::LargeBinary(Some(text.into_bytes())) } else { ScalarValue::LargeUtf8(Some(text)) }
}

fn part(call: &Call<'_>, step: Step) -> Found {
    let json = document(call)?;
    match step(call, &json)? {
        Some(found) => Ok(stored(written(found, call.text(0), is_binary(call)), is_binary(call))),
        None => null(call),
    }
}

fn part_text(call: &Call<'_>, step: Step) -> Found {
    let json = document(call)?;
    let bare = |found: &Json| found.bare(|found| written(found, call.text(0), is_binary(call)));
    Ok(ScalarValue::Utf8(step(call, &json)?.and_then(bare)))
}

fn length(call: &Call<'_>) -> Found {
    let json = document(call)?;
    match &json.kind {
        Kind::Array(items) => value::int4(i64::try_from(items.len()).unwrap_or(i64::MAX)),
        Kind::Object(_) => Err(invalid("cannot get array length of a non-array")),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
            Err(invalid("cannot get array length of a scalar"))
        }
    }
}

fn contains(call: &Call<'_>, holder: usize, part: usize) -> Found {
    let (own, other) = (Json::parse(call.text(holder))?, Json::parse(call.text(part))?);
    Ok(ScalarValue::Boolean(Some(own.contains(&other))))
}

/// Whether a key, or a text of an array, is there.
fn exists(json: &Json, key: &str) -> bool {
    let is_key = |item: &Json| matches!(&item.kind, Kind::Text(text) if text == key);
    match &json.kind {
        Kind::Object(_) => json.field(key).is_some(),
        Kind::Array(items) => items.iter().any(is_key),
        Kind::Text(_) => is_key(json),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) => false,
    }
}
