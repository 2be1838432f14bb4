//! Documents from values of other types.

use std::fmt::Write as _;

use chrono_tz::Tz;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, Infinity};

use super::super::overload::{Call, Overload, lenient, strict};
use super::super::text::shown_value;
use super::super::type_tags::is_unnamed;
use super::super::value::{self, defect, fail, invalid, unsupported};
use super::access::stored;
use super::document::Json;
use crate::base::SqlState;

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("to_json", "(anyelement) json", |call| Ok(stored(json_of(&call.args[0], call.zone)?, false))).zoned(),
        strict("to_jsonb", "(anyelement) jsonb", |call| binary(&json_of(&call.args[0], call.zone)?)).zoned(),
        strict("array_to_json", "(anyarray) json", |call| Ok(stored(json_of(&call.args[0], call.zone)?, false)))
            .zoned(),
        strict("row_to_json", "(record) json", |call| Ok(stored(json_of(&call.args[0], call.zone)?, false))).zoned(),
        lenient("json_build_object", "() json", |call| object(call, false)),
        lenient("json_build_object", "(variadic any) json", |call| object(call, false)),
        lenient("jsonb_build_object", "() jsonb", |call| object(call, true)),
        lenient("jsonb_build_object", "(variadic any) jsonb", |call| object(call, true)),
        lenient("json_build_array", "() json", |call| array(call, false)),
        lenient("json_build_array", "(variadic any) json", |call| array(call, false)),
        lenient("jsonb_build_array", "() jsonb", |call| array(call, true)),
        lenient("jsonb_build_array", "(variadic any) jsonb", |call| array(call, true)),
        strict("json_object", "(text[]) json", |call| pairs(call, false)),
        strict("json_object", "(text[], text[]) json", |call| keys_and_values(call, false)),
        strict("jsonb_object", "(text[]) jsonb", |call| pairs(call, true)),
        strict("jsonb_object", "(text[], text[]) jsonb", |call| keys_and_values(call, true)),
    ]
}

/// A text in quotes, as PostgreSQL escapes it.
pub(in crate::functions) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

/// A value as a document.
pub(in crate::functions) fn json_of(value: &ScalarValue, zone: Tz) -> Result<String, ErrorReport> {
    if value.is_null() {
        return Ok("null".to_owned());
    }
    Ok(match value {
        ScalarValue::Boolean(Some(value)) => value.to_string(),
        ScalarValue::LargeUtf8(Some(text)) => text.clone(),
        ScalarValue::LargeBinary(Some(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        ScalarValue::List(_) => {
            let items = value::items(value)?;
            let items = items.iter().map(|item| json_of(item, zone)).collect::<Result<Vec<_>, _>>()?;
            format!("[{}]", items.join(","))
        }
        ScalarValue::Struct(row) => {
            let mut fields = Vec::with_capacity(row.num_columns());
            for (field, column) in row.fields().iter().zip(row.columns()) {
                if is_unnamed(field.name()) {
                    return Err(unsupported(
                        "a document of records whose columns have different names is not supported",
                    ));
                }
                let item = ScalarValue::try_from_array(column, 0).map_err(defect)?;
                fields.push(format!("{}:{}", quoted(field.name()), json_of(&item, zone)?));
            }
            format!("{{{}}}", fields.join(","))
        }
        ScalarValue::TimestampMicrosecond(_, with_zone) => {
            let shown = shown_value(value, zone)?.replacen(' ', "T", 1);
            // The offset has its minutes here.
            let is_zoned = with_zone.is_some() && Infinity::of(value).is_none();
            let bare_hours = is_zoned && shown.len() > 3 && shown.as_bytes()[shown.len() - 3] != b':';
            quoted(&if bare_hours { format!("{shown}:00") } else { shown })
        }
        other => {
            let shown = shown_value(other, zone)?;
            let number = other.data_type().is_numeric() && !shown.ends_with(['N', 'y']);
            if number { shown } else { quoted(&shown) }
        }
    })
}

fn binary(text: &str) -> Found {
    Ok(stored(Json::parse_binary(text)?.binary_text(), true))
}

fn finished(text: String, is_binary: bool) -> Found {
    if is_binary { binary(&text) } else { Ok(stored(text, false)) }
}

/// A value as the key of an object.
pub(in crate::functions) fn object_key(value: &ScalarValue, zone: Tz) -> Result<String, ErrorReport> {
    if !is_simple(&value.data_type()) {
        return Err(invalid("key value must be scalar, not array, composite, or json"));
    }
    Ok(quoted(&shown_value(value, zone)?))
}

fn is_simple(data_type: &DataType) -> bool {
    !matches!(data_type, DataType::List(_) | DataType::Struct(_) | DataType::LargeUtf8 | DataType::LargeBinary)
}

fn object(call: &Call<'_>, is_binary: bool) -> Found {
    let prefix = if is_binary { "jsonb" } else { "json" };
    if !call.args.len().is_multiple_of(2) {
        let hint = format!("The arguments of {prefix}_build_object() must consist of alternating keys and values.");
        return Err(invalid("argument list must have even number of elements").with_hint(hint));
    }
    let mut fields = Vec::with_capacity(call.args.len() / 2);
    for (index, pair) in call.args.chunks_exact(2).enumerate() {
        if pair[0].is_null() {
            let place = 2 * index + 1;
            return Err(if is_binary {
                invalid(format!("argument {place}: key must not be null"))
            } else {
                invalid(format!("argument {place} cannot be null")).with_hint("Object keys should be text.")
            });
        }
        fields.push(format!("{} : {}", object_key(&pair[0], call.zone)?, json_of(&pair[1], call.zone)?));
    }
    finished(format!("{{{}}}", fields.join(", ")), is_binary)
}

fn array(call: &Call<'_>, is_binary: bool) -> Found {
    let items = call.args.iter().map(|item| json_of(item, call.zone)).collect::<Result<Vec<_>, _>>()?;
    finished(format!("[{}]", items.join(", ")), is_binary)
}

fn text_items(call: &Call<'_>, index: usize) -> Result<Vec<Option<String>>, ErrorReport> {
    let mut flat = Vec::new();
    for item in call.items(index)? {
        match item {
            ScalarValue::Utf8(text) => flat.push(text),
            ScalarValue::List(_) => {
                let inner = value::items(&item)?;
                if inner.len() != 2 {
                    return Err(fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "array must have two columns"));
                }
                flat.extend(inner.into_iter().map(|one| if let ScalarValue::Utf8(text) = one { text } else { None }));
            }
            other => return Err(defect(format!("an element of type {}", other.data_type()))),
        }
    }
    Ok(flat)
}

fn pairs(call: &Call<'_>, is_binary: bool) -> Found {
    let items = text_items(call, 0)?;
    if items.len() % 2 != 0 {
        return Err(fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "array must have even number of elements"));
    }
    let pairs = items.chunks_exact(2).map(|pair| (pair[0].as_deref(), pair[1].as_deref()));
    object_of_texts(pairs, is_binary)
}

fn keys_and_values(call: &Call<'_>, is_binary: bool) -> Found {
    let (keys, values) = (text_items(call, 0)?, text_items(call, 1)?);
    if keys.len() != values.len() {
        return Err(fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "mismatched array dimensions"));
    }
    object_of_texts(keys.iter().map(Option::as_deref).zip(values.iter().map(Option::as_deref)), is_binary)
}

fn object_of_texts<'a>(pairs: impl Iterator<Item = (Option<&'a str>, Option<&'a str>)>, is_binary: bool) -> Found {
    let mut fields = Vec::new();
    for (key, value) in pairs {
        let Some(key) = key else {
            return Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, "null value not allowed for object key"));
        };
        fields.push(format!("{} : {}", quoted(key), value.map_or_else(|| "null".to_owned(), quoted)));
    }
    finished(format!("{{{}}}", fields.join(", ")), is_binary)
}
