//! The operators that make another `jsonb` of one: `||`, `-`, `#-`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::super::function::{Function, by_arrays};
use super::json::{column, json_texts, parsed, steps};
use super::json_value::Json;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("jsonb_joined", jsonb, |args| concat(&args)),
        Function::strict("jsonb_without", jsonb, |args| delete(&args)),
        Function::strict("jsonb_without_path", jsonb, |args| delete_path(&args)),
    ]
}

fn jsonb(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    (*types.first()? == DataType::LargeBinary).then_some(DataType::LargeBinary)
}

fn concat(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let (left, right) = (json_texts(&arrays[0])?, json_texts(&arrays[1])?);
        let mut rows = Vec::with_capacity(left.len());
        for pair in left.iter().zip(&right) {
            rows.push(match pair {
                (Some(left), Some(right)) => Some(joined(parsed(left)?, parsed(right)?).to_string()),
                (None, _) | (_, None) => None,
            });
        }
        Ok(column(rows, &DataType::LargeBinary))
    })
}

fn joined(left: Json, right: Json) -> Json {
    match (left, right) {
        (Json::Object(mut members), Json::Object(more)) => {
            members.extend(more);
            Json::object(members)
        }
        (left, right) => {
            let items = |value: Json| match value {
                Json::Array(items) => items,
                other => vec![other],
            };
            let mut all = items(left);
            all.extend(items(right));
            Json::Array(all)
        }
    }
}

fn invalid(message: &str) -> DataFusionError {
    wrap(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message))
}

fn delete(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let texts = json_texts(&arrays[0])?;
        let mut rows = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            if arrays[1].is_null(row) {
                rows.push(None);
                continue;
            }
            let Some(text) = text else {
                rows.push(None);
                continue;
            };
            rows.push(Some(without(parsed(text)?, &arrays[1], row)?.to_string()));
        }
        Ok(column(rows, &DataType::LargeBinary))
    })
}

fn without(value: Json, keys: &ArrayRef, row: usize) -> Result<Json, DataFusionError> {
    match keys.data_type() {
        DataType::List(_) => {
            let keys = steps(keys, row)?.unwrap_or_default();
            keys.iter().try_fold(value, |value, key| without_key(value, key))
        }
        found if found.is_integer() => {
            let index = cast(keys, &DataType::Int64)?.as_primitive::<Int64Type>().value(row);
            without_index(value, index)
        }
        _ => {
            let names = cast(keys, &DataType::Utf8)?;
            without_key(value, names.as_string::<i32>().value(row))
        }
    }
}

fn without_key(value: Json, key: &str) -> Result<Json, DataFusionError> {
    match value {
        Json::Object(members) => Ok(Json::Object(members.into_iter().filter(|(name, _)| name != key).collect())),
        Json::Array(items) => {
            let is_key = |item: &Json| matches!(item, Json::Text(text) if text == key);
            Ok(Json::Array(items.into_iter().filter(|item| !is_key(item)).collect()))
        }
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Err(invalid("cannot delete from scalar")),
    }
}

fn without_index(value: Json, index: i64) -> Result<Json, DataFusionError> {
    match value {
        Json::Array(mut items) => {
            if let Some(place) = place(index, items.len()) {
                items.remove(place);
            }
            Ok(Json::Array(items))
        }
        Json::Object(_) => Err(invalid("cannot delete from object using integer index")),
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::Text(_) => Err(invalid("cannot delete from scalar")),
    }
}

fn place(index: i64, length: usize) -> Option<usize> {
    let index = if index < 0 { index + i64::try_from(length).ok()? } else { index };
    usize::try_from(index).ok().filter(|place| *place < length)
}

fn delete_path(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let texts = json_texts(&arrays[0])?;
        let mut rows = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            rows.push(match (text, steps(&arrays[1], row)?) {
                (Some(text), Some(steps)) => Some(at_path(parsed(text)?, &steps)?.to_string()),
                (None, _) | (_, None) => None,
            });
        }
        Ok(column(rows, &DataType::LargeBinary))
    })
}

fn at_path(value: Json, steps: &[String]) -> Result<Json, DataFusionError> {
    let Some((step, rest)) = steps.split_first() else { return Ok(value) };
    match value {
        Json::Object(members) if rest.is_empty() => without_key(Json::Object(members), step),
        Json::Object(members) => {
            let each = members.into_iter().map(|(key, value)| {
                let value = if key == *step { at_path(value, rest)? } else { value };
                Ok((key, value))
            });
            Ok(Json::Object(each.collect::<Result<_, DataFusionError>>()?))
        }
        Json::Array(mut items) => {
            let index = step.trim().parse::<i64>().map_err(|_| {
                let message = format!("path element at position 1 is not an integer: \"{step}\"");
                wrap(ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, message))
            })?;
            if let Some(place) = place(index, items.len()) {
                let item = items.remove(place);
                if !rest.is_empty() {
                    items.insert(place, at_path(item, rest)?);
                }
            }
            Ok(Json::Array(items))
        }
        scalar => Ok(scalar),
    }
}
