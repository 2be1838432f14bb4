//! Documents changed: merged, cut, set.

use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, strict};
use super::super::value::{fail, invalid};
use super::access::{keys, stored};
use super::build::quoted;
use super::document::{Json, Kind};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("jsonb_concat", "(jsonb, jsonb) jsonb", concat),
        strict("jsonb_delete", "(jsonb, text) jsonb", |call| delete_keys(call, &[call.text(1).to_owned()])),
        strict("jsonb_delete", "(jsonb, text[]) jsonb", |call| delete_keys(call, &keys(call, 1)?)),
        strict("jsonb_delete", "(jsonb, int4) jsonb", delete_index),
        strict("jsonb_delete_path", "(jsonb, text[]) jsonb", delete_path),
        strict("jsonb_set", "(jsonb, text[], jsonb) jsonb", |call| set(call, Change::Set { create: true })),
        strict("jsonb_set", "(jsonb, text[], jsonb, bool) jsonb", |call| {
            set(call, Change::Set { create: call.bool(3) })
        }),
        strict("jsonb_insert", "(jsonb, text[], jsonb) jsonb", |call| set(call, Change::Insert { after: false })),
        strict("jsonb_insert", "(jsonb, text[], jsonb, bool) jsonb", |call| {
            set(call, Change::Insert { after: call.bool(3) })
        }),
        strict("jsonb_strip_nulls", "(jsonb) jsonb", |call| {
            Ok(stored(stripped(Json::parse(call.text(0))?).binary_text(), true))
        }),
        strict("json_strip_nulls", "(json) json", |call| {
            Ok(stored(compact(&stripped(Json::parse(call.text(0))?)), false))
        }),
    ]
}

fn binary(json: &Json) -> Found {
    Ok(stored(json.binary_text(), true))
}

fn concat(call: &Call<'_>) -> Found {
    let (left, right) = (Json::parse(call.text(0))?, Json::parse(call.text(1))?);
    let items = |json: Json| match json.kind {
        Kind::Array(items) => items,
        other => vec![Json::of(other)],
    };
    let kind = match (left.kind, right.kind) {
        (Kind::Object(mut a), Kind::Object(b)) => {
            a.extend(b);
            Kind::object(a)
        }
        (a, b) => {
            let mut all = items(Json::of(a));
            all.extend(items(Json::of(b)));
            Kind::Array(all)
        }
    };
    binary(&Json::of(kind))
}

fn path(call: &Call<'_>) -> Result<Vec<String>, ErrorReport> {
    let mut steps = Vec::new();
    for (index, item) in call.items(1)?.into_iter().enumerate() {
        match item {
            ScalarValue::Utf8(Some(step)) => steps.push(step),
            _ => {
                let message = format!("path element at position {} is null", index + 1);
                return Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, message));
            }
        }
    }
    Ok(steps)
}

fn delete_keys(call: &Call<'_>, keys: &[String]) -> Found {
    let json = Json::parse(call.text(0))?;
    let gone = |name: &String| keys.contains(name);
    let kind = match json.kind {
        Kind::Object(fields) => Kind::Object(fields.into_iter().filter(|(name, _)| !gone(name)).collect()),
        Kind::Array(items) => Kind::Array(
            items.into_iter().filter(|item| !matches!(&item.kind, Kind::Text(text) if gone(text))).collect(),
        ),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
            return Err(invalid("cannot delete from scalar"));
        }
    };
    binary(&Json::of(kind))
}

fn delete_index(call: &Call<'_>) -> Found {
    let mut json = Json::parse(call.text(0))?;
    match &mut json.kind {
        Kind::Array(items) => {
            if let Some(index) = place(call.int(1), items.len()) {
                items.remove(index);
            }
        }
        Kind::Object(_) => return Err(invalid("cannot delete from object using integer index")),
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {
            return Err(invalid("cannot delete from scalar"));
        }
    }
    binary(&json)
}

/// The index of an element, counted from the end where it is negative.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let index = if index < 0 { index + length } else { index };
    usize::try_from(index).ok().filter(|_| index < length)
}

fn index_of(step: &str, position: usize) -> Result<i64, ErrorReport> {
    step.trim().parse().map_err(|_| {
        let message = format!("path element at position {position} is not an integer: \"{step}\"");
        fail(SqlState::INVALID_TEXT_REPRESENTATION, message)
    })
}

fn delete_path(call: &Call<'_>) -> Found {
    let mut json = Json::parse(call.text(0))?;
    if json.is_scalar() {
        return Err(invalid("cannot delete path in scalar"));
    }
    if !json.is_empty() {
        delete_at(&mut json, &path(call)?, 1)?;
    }
    binary(&json)
}

fn delete_at(json: &mut Json, path: &[String], position: usize) -> Result<(), ErrorReport> {
    let Some((step, rest)) = path.split_first() else { return Ok(()) };
    match &mut json.kind {
        Kind::Object(fields) if rest.is_empty() => fields.retain(|(key, _)| key != step),
        Kind::Object(fields) => {
            if let Some((_, inner)) = fields.iter_mut().find(|(key, _)| key == step) {
                delete_at(inner, rest, position + 1)?;
            }
        }
        Kind::Array(items) => {
            if let Some(index) = place(index_of(step, position)?, items.len()) {
                if rest.is_empty() {
                    items.remove(index);
                } else {
                    delete_at(&mut items[index], rest, position + 1)?;
                }
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Change {
    Set { create: bool },
    Insert { after: bool },
}

fn set(call: &Call<'_>, change: Change) -> Found {
    let mut json = Json::parse(call.text(0))?;
    if json.is_scalar() {
        return Err(invalid("cannot set path in scalar"));
    }
    let new = Json::parse(call.text(2))?;
    if json.is_empty() && matches!(change, Change::Set { create: false }) {
        return binary(&json);
    }
    set_at(&mut json, &path(call)?, &new, change, 1)?;
    binary(&json)
}

fn set_at(json: &mut Json, path: &[String], new: &Json, change: Change, position: usize) -> Result<(), ErrorReport> {
    let Some((step, rest)) = path.split_first() else { return Ok(()) };
    match &mut json.kind {
        Kind::Object(fields) => {
            let known = fields.iter().position(|(key, _)| key == step);
            match (known, change) {
                (Some(at), _) if !rest.is_empty() => set_at(&mut fields[at].1, rest, new, change, position + 1)?,
                (Some(at), Change::Set { .. }) => fields[at].1 = new.clone(),
                (Some(_), Change::Insert { .. }) => {
                    return Err(invalid("cannot replace existing key")
                        .with_hint("Try using the function jsonb_set to replace key value."));
                }
                (None, Change::Set { create: true } | Change::Insert { .. }) if rest.is_empty() => {
                    fields.push((step.clone(), new.clone()));
                    json.kind = Kind::object(std::mem::take(fields));
                }
                (None, _) => {}
            }
        }
        Kind::Array(items) => {
            let index = index_of(step, position)?;
            match place(index, items.len()) {
                Some(at) if !rest.is_empty() => set_at(&mut items[at], rest, new, change, position + 1)?,
                Some(at) => match change {
                    Change::Set { .. } => items[at] = new.clone(),
                    Change::Insert { after } => items.insert(at + usize::from(after), new.clone()),
                },
                None if rest.is_empty() && !matches!(change, Change::Set { create: false }) => {
                    items.insert(if index < 0 { 0 } else { items.len() }, new.clone());
                }
                None => {}
            }
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => {}
    }
    Ok(())
}

fn stripped(json: Json) -> Json {
    let kind = match json.kind {
        Kind::Object(fields) => Kind::Object(
            fields
                .into_iter()
                .filter(|(_, value)| !matches!(value.kind, Kind::Null))
                .map(|(key, value)| (key, stripped(value)))
                .collect(),
        ),
        Kind::Array(items) => Kind::Array(items.into_iter().map(stripped).collect()),
        other => other,
    };
    Json::of(kind)
}

/// Without a blank.
fn compact(json: &Json) -> String {
    match &json.kind {
        Kind::Array(items) => format!("[{}]", items.iter().map(compact).collect::<Vec<_>>().join(",")),
        Kind::Object(fields) => {
            let fields = fields.iter().map(|(key, value)| format!("{}:{}", quoted(key), compact(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
        }
        Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => json.binary_text(),
    }
}
