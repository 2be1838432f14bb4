//! The functions of arrays. An array of arrays is one array with dimensions, as in PostgreSQL.

use chrono_tz::Tz;
use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};

use crate::base::engine_error::report;
use crate::base::limits::ARRAY_ELEMENTS;
use crate::base::{ErrorReport, SqlState};

use super::array_order::{contains, overlaps};
use super::function::by_arrays;
use super::overload::{Call, Overload, columns, lenient, strict};
use super::signature::element;
use super::text::shown_value;
use super::value::{self, defect, fail, int4, items, list, null, unsupported};
use super::value_order::{key_of, keys};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = shapes();
    all.extend(searches());
    all.extend(changes());
    all.extend(texts());
    all
}

fn shapes() -> Vec<Overload> {
    vec![
        strict("array_length", "(anyarray, int4) int4", |call| dimension(call, |length| length)),
        strict("array_upper", "(anyarray, int4) int4", |call| dimension(call, |length| length)),
        strict("array_lower", "(anyarray, int4) int4", |call| dimension(call, |_| 1)),
        strict("array_ndims", "(anyarray) int4", |call| match shape(&call.args[0])?.len() {
            0 => null(call),
            count => int4(i64::try_from(count).unwrap_or_default()),
        }),
        strict("array_dims", "(anyarray) text", |call| {
            let lengths = shape(&call.args[0])?;
            if lengths.is_empty() {
                return null(call);
            }
            Ok(value::text(lengths.iter().map(|length| format!("[1:{length}]")).collect::<String>()))
        }),
        strict("cardinality", "(anyarray) int4", |call| {
            let lengths = shape(&call.args[0])?;
            int4(if lengths.is_empty() { 0 } else { lengths.iter().product() })
        }),
    ]
}

fn searches() -> Vec<Overload> {
    vec![
        lenient("array_position", "(anycompatiblearray, anycompatible) int4", |call| position(call, 1)),
        lenient("array_position", "(anycompatiblearray, anycompatible, int4) int4", |call| {
            if call.is_null(2) {
                return Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, "initial position must not be null"));
            }
            position(call, call.int(2))
        }),
        lenient("array_positions", "(anycompatiblearray, anycompatible) int4[]", positions),
        columns("arraycontains", "(anycompatiblearray, anycompatiblearray) bool", |args| {
            by_arrays(&args, |arrays| contains(&arrays[0], &arrays[1]))
        }),
        columns("arraycontained", "(anycompatiblearray, anycompatiblearray) bool", |args| {
            by_arrays(&args, |arrays| contains(&arrays[1], &arrays[0]))
        }),
        columns("arrayoverlap", "(anycompatiblearray, anycompatiblearray) bool", |args| {
            by_arrays(&args, |arrays| overlaps(&arrays[0], &arrays[1]))
        }),
    ]
}

fn changes() -> Vec<Overload> {
    vec![
        lenient("array_append", "(anycompatiblearray, anycompatible) anycompatiblearray", |call| {
            let mut found = call.items(0)?;
            one_dimension(&call.args[0])?;
            found.push(call.args[1].clone());
            made(call, &found)
        }),
        lenient("array_prepend", "(anycompatible, anycompatiblearray) anycompatiblearray", |call| {
            let mut found = vec![call.args[0].clone()];
            one_dimension(&call.args[1])?;
            found.extend(call.items(1)?);
            made(call, &found)
        }),
        lenient("array_cat", "(anycompatiblearray, anycompatiblearray) anycompatiblearray", |call| {
            if call.is_null(0) || call.is_null(1) {
                return Ok(call.args[usize::from(call.is_null(0))].clone());
            }
            let mut found = call.items(0)?;
            found.extend(call.items(1)?);
            made(call, &found)
        }),
        lenient("array_remove", "(anycompatiblearray, anycompatible) anycompatiblearray", |call| {
            if call.is_null(0) {
                return null(call);
            }
            one_dimension_only(&call.args[0], "removing elements from multidimensional arrays is not supported")?;
            let items = call.items(0)?;
            let found = equal_to(&items, &call.args[1])?;
            let kept = items.into_iter().zip(found).filter(|(_, is_equal)| !is_equal).map(|(item, _)| item);
            made(call, &kept.collect::<Vec<_>>())
        }),
        lenient("array_replace", "(anycompatiblearray, anycompatible, anycompatible) anycompatiblearray", |call| {
            if call.is_null(0) {
                return null(call);
            }
            one_dimension(&call.args[0])?;
            let items = call.items(0)?;
            let found = equal_to(&items, &call.args[1])?;
            let swap = |(item, is_equal)| if is_equal { call.args[2].clone() } else { item };
            made(call, &items.into_iter().zip(found).map(swap).collect::<Vec<_>>())
        }),
        strict("trim_array", "(anyarray, int4) anyarray", |call| {
            let found = call.items(0)?;
            let keep = i64::try_from(found.len()).unwrap_or_default() - call.int(1);
            match usize::try_from(keep).ok().and_then(|keep| found.get(..keep)) {
                Some(kept) => made(call, kept),
                None => Err(fail(
                    SqlState::ARRAY_SUBSCRIPT_ERROR,
                    format!("number of elements to trim must be between 0 and {}", found.len()),
                )),
            }
        }),
        lenient("array_fill", "(anyelement, int4[]) anyarray", fill),
        lenient("array_fill", "(anyelement, int4[], int4[]) anyarray", |call| {
            let ones = call.items(2)?.iter().all(|item| *item == ScalarValue::Int32(Some(1)));
            if ones { fill(call) } else { Err(unsupported("array lower bounds other than 1 are not supported")) }
        }),
    ]
}

fn texts() -> Vec<Overload> {
    vec![
        lenient("array_to_string", "(anyarray, text) text", |call| joined(call, None)).zoned(),
        lenient("array_to_string", "(anyarray, text, text) text", |call| joined(call, call.maybe_text(2))).zoned(),
        lenient("string_to_array", "(text, text) text[]", |call| split(call, None)),
        lenient("string_to_array", "(text, text, text) text[]", |call| split(call, call.maybe_text(2))),
    ]
}

/// An array of the type of the result.
fn made(call: &Call<'_>, values: &[ScalarValue]) -> Found {
    let element = element(call.returns).ok_or_else(|| defect("the result is no array"))?;
    let values = values.iter().map(|one| value::fitted(one.clone(), &element)).collect::<Result<Vec<_>, _>>()?;
    Ok(list(&values, &element))
}

/// The lengths of the dimensions; none of an empty array.
fn shape(array: &ScalarValue) -> Result<Vec<i64>, ErrorReport> {
    let mut lengths = Vec::new();
    let mut here = array.clone();
    while let ScalarValue::List(_) = here {
        let inner = items(&here)?;
        let Some(first) = inner.first() else { return Ok(Vec::new()) };
        lengths.push(i64::try_from(inner.len()).unwrap_or(i64::MAX));
        here = first.clone();
    }
    Ok(lengths)
}

/// All elements of all dimensions.
fn flat(array: &ScalarValue) -> Result<Vec<ScalarValue>, ErrorReport> {
    let mut found = Vec::new();
    for item in items(array)? {
        match item {
            ScalarValue::List(_) => found.extend(flat(&item)?),
            other => found.push(other),
        }
    }
    Ok(found)
}

fn is_nested(array: &ScalarValue) -> bool {
    matches!(element(&array.data_type()), Some(DataType::List(_)))
}

fn one_dimension(array: &ScalarValue) -> Result<(), ErrorReport> {
    if is_nested(array) {
        return Err(fail(SqlState::DATA_EXCEPTION, "argument must be empty or one-dimensional array"));
    }
    Ok(())
}

fn one_dimension_only(array: &ScalarValue, message: &str) -> Result<(), ErrorReport> {
    if is_nested(array) { Err(unsupported(message)) } else { Ok(()) }
}

fn dimension(call: &Call<'_>, of: fn(i64) -> i64) -> Found {
    let lengths = shape(&call.args[0])?;
    let index = usize::try_from(call.int(1)).ok().and_then(|number| number.checked_sub(1));
    match index.and_then(|index| lengths.get(index)) {
        Some(length) => int4(of(*length)),
        None => null(call),
    }
}

fn position(call: &Call<'_>, from: i64) -> Found {
    if call.is_null(0) {
        return null(call);
    }
    one_dimension_only(&call.args[0], "searching for elements in multidimensional arrays is not supported")?;
    let found = call.items(0)?;
    let skip = usize::try_from(from - 1).unwrap_or_default();
    match equal_to(&found, &call.args[1])?.into_iter().skip(skip).position(|is_equal| is_equal) {
        Some(index) => int4(i64::try_from(index + skip + 1).unwrap_or(i64::MAX)),
        None => null(call),
    }
}

fn positions(call: &Call<'_>) -> Found {
    if call.is_null(0) {
        return null(call);
    }
    one_dimension_only(&call.args[0], "searching for elements in multidimensional arrays is not supported")?;
    let found = equal_to(&call.items(0)?, &call.args[1])?;
    let found = found.into_iter().zip(1_i64..).filter(|(is_equal, _)| *is_equal);
    let numbers = found.map(|(_, number)| int4(number)).collect::<Result<Vec<_>, _>>()?;
    Ok(list(&numbers, &DataType::Int32))
}

/// Which items PostgreSQL says are equal to a value, or are NULL as it is: 1.50 is 1.5, and an interval of a day one of 24
/// hours.
fn equal_to(items: &[ScalarValue], value: &ScalarValue) -> Result<Vec<bool>, ErrorReport> {
    let is_plain =
        |data_type: &DataType| data_type.is_integer() || matches!(data_type, DataType::Utf8 | DataType::Date32);
    let Some(first) = items.first().map(ScalarValue::data_type) else { return Ok(Vec::new()) };
    if is_plain(&first) && first == value.data_type() {
        return Ok(items.iter().map(|item| item == value).collect());
    }
    let by_keys = || -> Result<Vec<bool>, DataFusionError> {
        let wanted = key_of(value)?;
        let found = keys(&ScalarValue::iter_to_array(items.iter().cloned())?)?;
        Ok(found.as_binary::<i32>().iter().map(|key| key == wanted.as_deref()).collect())
    };
    by_keys().map_err(|error| report(&error))
}

fn fill(call: &Call<'_>) -> Found {
    if call.is_null(1) {
        return Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension array or low bound array cannot be null"));
    }
    let lengths = call.items(1)?;
    if lengths.iter().any(ScalarValue::is_null) {
        return Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, "dimension values cannot be null"));
    }
    let length = match lengths.as_slice() {
        [] => return made(call, &[]),
        [ScalarValue::Int32(Some(length))] => i64::from(*length),
        _ => return Err(unsupported("array_fill of more than one dimension is not supported")),
    };
    if !(0..=ARRAY_ELEMENTS).contains(&length) {
        let message = format!("array size exceeds the maximum allowed ({ARRAY_ELEMENTS})");
        return Err(fail(SqlState::PROGRAM_LIMIT_EXCEEDED, message));
    }
    made(call, &vec![call.args[0].clone(); usize::try_from(length).unwrap_or_default()])
}

fn joined(call: &Call<'_>, null_text: Option<&str>) -> Found {
    if call.is_null(0) || call.is_null(1) {
        return null(call);
    }
    let mut parts = Vec::new();
    for item in flat(&call.args[0])? {
        if !item.is_null() {
            parts.push(array_item(&item, call.zone)?);
        } else if let Some(text) = null_text {
            parts.push(text.to_owned());
        }
    }
    Ok(value::text(parts.join(call.text(1))))
}

/// A boolean is shown as `t` and `f`, not as it is cast.
fn array_item(item: &ScalarValue, zone: Tz) -> Result<String, ErrorReport> {
    match item {
        ScalarValue::Boolean(Some(value)) => Ok(if *value { "t" } else { "f" }.to_owned()),
        other => shown_value(other, zone),
    }
}

fn split(call: &Call<'_>, null_text: Option<&str>) -> Found {
    if call.is_null(0) {
        return null(call);
    }
    let text = call.text(0);
    let parts: Vec<String> = match call.maybe_text(1) {
        _ if text.is_empty() => Vec::new(),
        None => text.chars().map(String::from).collect(),
        Some("") => vec![text.to_owned()],
        Some(separator) => text.split(separator).map(str::to_owned).collect(),
    };
    Ok(value::texts(parts.into_iter().map(|part| (Some(part.as_str()) != null_text).then_some(part))))
}
