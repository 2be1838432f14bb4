//! The operators that look into JSON.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int32Array, LargeBinaryArray, LargeBinaryBuilder, LargeStringArray,
    LargeStringBuilder, ListBuilder, StringArray, StringBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::super::function::{Function, by_arrays};
use super::json_value::{Json, elements, members, string_value};

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("json_get", same, |args| part(&args, |text, key| key.of(text).map(str::to_owned))),
        Function::strict("json_get_text", text, |args| part(&args, |text, key| as_text(key.of(text)?))),
        Function::strict("json_path", same, |args| path(&args, |piece| Some(piece.to_owned()))),
        Function::strict("json_path_text", text, |args| path(&args, as_text)),
        Function::strict("jsonb_holds", boolean, |args| pairs(&args, Json::contains)),
        Function::strict("jsonb_has", boolean, |args| keys(&args, Keys::All)),
        Function::strict("jsonb_has_any", boolean, |args| keys(&args, Keys::Any)),
        Function::strict("jsonb_has_all", boolean, |args| keys(&args, Keys::All)),
        Function::strict("jsonb_compare", |_, _| Some(DataType::Int32), |args| compare(&args)),
        Function::strict("json_elements", list_of_same, |args| {
            lists(&args, "elements", |text| elements(text).map(owned))
        }),
        Function::strict("json_elements_text", list_of_text, |args| lists(&args, "elements", texts_of_elements)),
        Function::strict("json_keys", list_of_text, |args| {
            lists(&args, "keys", |text| {
                Some(members(text)?.into_iter().map(|(key, _)| Some(key.into_owned())).collect())
            })
        }),
        Function::strict("json_values", list_of_same, |args| {
            lists(&args, "values", |text| Some(owned(members(text)?.into_iter().map(|(_, value)| value).collect())))
        }),
        Function::strict("json_values_text", list_of_text, |args| {
            lists(&args, "values", |text| Some(members(text)?.into_iter().map(|(_, value)| as_text(value)).collect()))
        }),
    ]
}

fn is_json(data_type: &DataType) -> bool {
    matches!(data_type, DataType::LargeUtf8 | DataType::LargeBinary)
}

fn same(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    types.first().filter(|found| is_json(found)).cloned()
}

fn text(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    is_json(types.first()?).then_some(DataType::Utf8)
}

fn boolean(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    is_json(types.first()?).then_some(DataType::Boolean)
}

fn list_of(element: DataType) -> DataType {
    DataType::List(Arc::new(Field::new_list_field(element, true)))
}

fn list_of_same(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    same(types, literals).map(list_of)
}

fn list_of_text(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    text(types, literals).map(list_of)
}

/// The texts of a column of either type.
pub(super) fn json_texts(array: &ArrayRef) -> Result<LargeStringArray, DataFusionError> {
    Ok(cast(array, &DataType::LargeUtf8)?.as_string::<i64>().clone())
}

/// Texts as a column of the wanted type.
pub(super) fn column(rows: Vec<Option<String>>, wanted: &DataType) -> ArrayRef {
    match wanted {
        DataType::LargeUtf8 => Arc::new(LargeStringArray::from(rows)),
        DataType::LargeBinary => {
            let bytes: Vec<Option<&[u8]>> = rows.iter().map(|row| row.as_deref().map(str::as_bytes)).collect();
            Arc::new(LargeBinaryArray::from(bytes))
        }
        _ => Arc::new(StringArray::from(rows)),
    }
}

/// A value of a column, which was checked when it came in.
pub(super) fn parsed(text: &str) -> Result<Json, DataFusionError> {
    Json::parse(text).ok_or_else(|| {
        wrap(ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax for type json"))
    })
}

/// What picks one part out of a value.
enum Key<'a> {
    Name(&'a str),
    Index(i64),
    /// The value itself.
    Whole,
    /// A step of a path: a number where the value is an array.
    Step(&'a str),
}

impl Key<'_> {
    fn of<'t>(&self, text: &'t str) -> Option<&'t str> {
        match self {
            Self::Name(name) => members(text)?.into_iter().rfind(|(key, _)| key == name).map(|(_, value)| value),
            Self::Whole => Some(text),
            Self::Index(index) => at(&elements(text)?, *index),
            Self::Step(step) => match elements(text) {
                Some(items) => at(&items, step.trim().parse().ok()?),
                None => Key::Name(step).of(text),
            },
        }
    }
}

/// Counted from the end when it is negative.
fn at<'t>(items: &[&'t str], index: i64) -> Option<&'t str> {
    let index = if index < 0 { index + i64::try_from(items.len()).ok()? } else { index };
    items.get(usize::try_from(index).ok()?).copied()
}

/// A string without its quotes, other values as they are written; null is NULL.
fn as_text(piece: &str) -> Option<String> {
    match piece.bytes().next()? {
        b'"' => string_value(piece).map(std::borrow::Cow::into_owned),
        b'n' => None,
        _ => Some(piece.to_owned()),
    }
}

fn part(
    arguments: &ScalarFunctionArgs,
    pick: impl Fn(&str, &Key<'_>) -> Option<String>,
) -> Result<ColumnarValue, DataFusionError> {
    let wanted = arguments.return_type().clone();
    by_arrays(arguments, |arrays| -> Columns {
        let texts = json_texts(&arrays[0])?;
        // A jsonb that is one value counts as an array of it.
        let alone = |text: &str, index: i64| {
            let is_alone = !text.trim_start().starts_with(['[', '{']) && matches!(index, 0 | -1);
            is_alone && *arrays[0].data_type() == DataType::LargeBinary
        };
        let rows: Vec<Option<String>> = if arrays[1].data_type().is_integer() {
            let indexes = cast(&arrays[1], &DataType::Int64)?;
            let indexes = indexes.as_primitive::<Int64Type>();
            let one = |(text, index): (Option<&str>, Option<i64>)| {
                let (text, index) = (text?, index?);
                if alone(text, index) { pick(text, &Key::Whole) } else { pick(text, &Key::Index(index)) }
            };
            texts.iter().zip(indexes).map(one).collect()
        } else {
            let names = cast(&arrays[1], &DataType::Utf8)?;
            texts.iter().zip(names.as_string::<i32>()).map(|(text, name)| pick(text?, &Key::Name(name?))).collect()
        };
        Ok(column(rows, &wanted))
    })
}

/// The items of a text array in one row; `None` where one of them is NULL.
pub(super) fn steps(array: &ArrayRef, row: usize) -> Result<Option<Vec<String>>, DataFusionError> {
    let list = array.as_list::<i32>();
    if list.is_null(row) {
        return Ok(None);
    }
    let items = cast(&list.value(row), &DataType::Utf8)?;
    Ok(items.as_string::<i32>().iter().map(|item| item.map(str::to_owned)).collect())
}

fn path(
    arguments: &ScalarFunctionArgs,
    show: impl Fn(&str) -> Option<String>,
) -> Result<ColumnarValue, DataFusionError> {
    let wanted = arguments.return_type().clone();
    by_arrays(arguments, |arrays| -> Columns {
        let texts = json_texts(&arrays[0])?;
        let mut rows = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let steps = steps(&arrays[1], row)?;
            let found = text.zip(steps).and_then(|(text, steps)| {
                let piece = steps.iter().try_fold(text.trim(), |piece, step| Key::Step(step).of(piece))?;
                show(piece)
            });
            rows.push(found);
        }
        Ok(column(rows, &wanted))
    })
}

fn pairs(
    arguments: &ScalarFunctionArgs,
    holds: impl Fn(&Json, &Json) -> bool,
) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| -> Columns {
        let (left, right) = (json_texts(&arrays[0])?, json_texts(&arrays[1])?);
        let rows = left.iter().zip(&right).map(|pair| match pair {
            (Some(left), Some(right)) => Ok(Some(holds(&parsed(left)?, &parsed(right)?))),
            (None, _) | (_, None) => Ok(None),
        });
        Ok(Arc::new(rows.collect::<Result<BooleanArray, DataFusionError>>()?))
    })
}

fn compare(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| -> Columns {
        let (left, right) = (json_texts(&arrays[0])?, json_texts(&arrays[1])?);
        let rows = left.iter().zip(&right).map(|pair| match pair {
            (Some(left), Some(right)) => Ok(Some(parsed(left)?.compare(&parsed(right)?) as i32)),
            (None, _) | (_, None) => Ok(None),
        });
        Ok(Arc::new(rows.collect::<Result<Int32Array, DataFusionError>>()?))
    })
}

#[derive(Clone, Copy)]
enum Keys {
    Any,
    All,
}

/// Whether keys of an object, or strings in an array, are there.
fn keys(arguments: &ScalarFunctionArgs, which: Keys) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| -> Columns {
        let texts = json_texts(&arrays[0])?;
        let mut rows = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let wanted = match arrays[1].data_type() {
                DataType::List(_) => present(&arrays[1], row)?,
                _ => cast(&arrays[1], &DataType::Utf8)?
                    .as_string::<i32>()
                    .iter()
                    .nth(row)
                    .flatten()
                    .map(|key| vec![key.to_owned()]),
            };
            let (Some(text), Some(wanted)) = (text, wanted) else {
                rows.push(None);
                continue;
            };
            let value = parsed(text)?;
            let has = |key: &String| has_key(&value, key);
            rows.push(Some(match which {
                Keys::Any => wanted.iter().any(has),
                Keys::All => wanted.iter().all(has),
            }));
        }
        Ok(Arc::new(BooleanArray::from(rows)))
    })
}

/// The items of a text array without its NULLs.
fn present(array: &ArrayRef, row: usize) -> Result<Option<Vec<String>>, DataFusionError> {
    let list = array.as_list::<i32>();
    if list.is_null(row) {
        return Ok(None);
    }
    let items = cast(&list.value(row), &DataType::Utf8)?;
    Ok(Some(items.as_string::<i32>().iter().flatten().map(str::to_owned).collect()))
}

fn has_key(value: &Json, key: &str) -> bool {
    match value {
        Json::Object(_) => value.member(key).is_some(),
        Json::Array(items) => items.iter().any(|item| matches!(item, Json::Text(text) if text == key)),
        Json::Text(text) => text == key,
        Json::Null | Json::Bool(_) | Json::Number(_) => false,
    }
}

fn owned(pieces: Vec<&str>) -> Vec<Option<String>> {
    pieces.into_iter().map(|piece| Some(piece.to_owned())).collect()
}

fn texts_of_elements(text: &str) -> Option<Vec<Option<String>>> {
    Some(elements(text)?.into_iter().map(as_text).collect())
}

/// One array a row.
fn lists(
    arguments: &ScalarFunctionArgs,
    what: &str,
    items: impl Fn(&str) -> Option<Vec<Option<String>>>,
) -> Result<ColumnarValue, DataFusionError> {
    let DataType::List(field) = arguments.return_type().clone() else {
        return Err(DataFusionError::Internal("a list is expected".to_owned()));
    };
    by_arrays(arguments, |arrays| -> Columns {
        let is_json = *arrays[0].data_type() == DataType::LargeUtf8;
        let what = if is_json && what == "elements" { "json" } else { what };
        let texts = json_texts(&arrays[0])?;
        let mut rows = Vec::with_capacity(texts.len());
        for text in &texts {
            rows.push(match text {
                Some(text) => Some(items(text).ok_or_else(|| wrong_kind(what, text))?),
                None => None,
            });
        }
        Ok(list_column(rows, field.data_type()))
    })
}

/// `cannot extract elements from a scalar`
fn wrong_kind(what: &str, text: &str) -> DataFusionError {
    let kind = match text.trim_start().bytes().next() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        _ => "a scalar",
    };
    let message = match (what, kind) {
        ("keys", kind) => format!("cannot call json_object_keys on {kind}"),
        ("values", kind) => format!("cannot deconstruct {kind}"),
        ("json", "a scalar") => "cannot call json_array_elements on a scalar".to_owned(),
        ("json", _) => "cannot call json_array_elements on a non-array".to_owned(),
        (_, kind) => format!("cannot extract elements from {kind}"),
    };
    wrap(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn list_column(rows: Vec<Option<Vec<Option<String>>>>, element: &DataType) -> ArrayRef {
    match element {
        DataType::LargeUtf8 => {
            let mut builder = ListBuilder::new(LargeStringBuilder::new());
            rows.into_iter().for_each(|row| builder.append_option(row));
            Arc::new(builder.finish())
        }
        DataType::LargeBinary => {
            let mut builder = ListBuilder::new(LargeBinaryBuilder::new());
            let bytes =
                |row: Vec<Option<String>>| row.into_iter().map(|item| item.map(String::into_bytes)).collect::<Vec<_>>();
            rows.into_iter().for_each(|row| builder.append_option(row.map(bytes)));
            Arc::new(builder.finish())
        }
        _ => {
            let mut builder = ListBuilder::new(StringBuilder::new());
            rows.into_iter().for_each(|row| builder.append_option(row));
            Arc::new(builder.finish())
        }
    }
}
