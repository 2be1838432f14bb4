//! Documents, texts, bits and intervals of a group.

use std::cmp::Ordering;

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::AggregateUDF;

use crate::base::ErrorReport;

use super::super::json::{Json, json_of, object_key};
use super::super::signature::element;
use super::super::value::{defect, fail, invalid, list, text};
use super::ordered::compare;
use super::{Group, Nulls, Step, aggregate, stepwise};
use crate::base::SqlState;

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<AggregateUDF> {
    vec![
        aggregate("json_agg", "(anyelement) json", |group| array(group, false)).nulls(Nulls::Kept).done(),
        aggregate("jsonb_agg", "(anyelement) jsonb", |group| array(group, true)).nulls(Nulls::Kept).done(),
        aggregate("json_object_agg", "(any, any) json", |group| object(group, false)).nulls(Nulls::Kept).done(),
        aggregate("jsonb_object_agg", "(any, any) jsonb", |group| object(group, true)).nulls(Nulls::Kept).done(),
        aggregate("string_agg", "(text, text) text", joined).nulls(Nulls::SkippedFirst).done(),
        aggregate("array_agg", "(anyelement) anyarray", |group| {
            if group.rows.is_empty() {
                return group.null();
            }
            let values: Vec<ScalarValue> = group.column(0).cloned().collect();
            fit_together(&values)?;
            Ok(list(&values, &element(group.returns).unwrap_or(DataType::Null)))
        })
        .nulls(Nulls::Kept)
        .done(),
        stepwise("bool_and", "(bool) bool", all).done(),
        stepwise("every", "(bool) bool", all).done(),
        stepwise("bool_or", "(bool) bool", any).done(),
        bits("bit_and", |before, value| of_bits(&before, value, |a, b| a & b)),
        bits("bit_or", |before, value| of_bits(&before, value, |a, b| a | b)),
        bits("bit_xor", |before, value| of_bits(&before, value, |a, b| a ^ b)),
        stepwise("interval_sum", "(interval) interval", interval_sum).done(),
        stepwise("value_min", "(anyelement) anyelement", |best, value| extreme(best, value, Ordering::Less)).done(),
        stepwise("value_max", "(anyelement) anyelement", |best, value| extreme(best, value, Ordering::Greater)).done(),
    ]
}

/// Arrays become one with a dimension more, where they have the same lengths.
fn fit_together(values: &[ScalarValue]) -> Result<(), ErrorReport> {
    let mut known = None;
    for value in values {
        let ScalarValue::List(array) = value else { return Ok(()) };
        let items = array.is_valid(0).then(|| array.value(0));
        let found = match &items {
            None => Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, "cannot accumulate null arrays")),
            Some(items) if items.is_empty() => {
                Err(fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "cannot accumulate empty arrays"))
            }
            Some(items) => Ok(lengths(items)),
        }?;
        if *known.get_or_insert_with(|| found.clone()) != found {
            let message = "cannot accumulate arrays of different dimensionality";
            return Err(fail(SqlState::ARRAY_SUBSCRIPT_ERROR, message));
        }
    }
    Ok(())
}

/// How many items an array has in each of its dimensions.
fn lengths(items: &ArrayRef) -> Vec<usize> {
    let mut lengths = vec![items.len()];
    if let Some(list) = items.as_list_opt::<i32>()
        && !list.is_empty()
    {
        lengths.extend(self::lengths(&list.value(0)));
    }
    lengths
}

fn all(before: ScalarValue, value: &ScalarValue) -> Found {
    Ok(if *value == ScalarValue::Boolean(Some(false)) { value.clone() } else { before })
}

fn any(before: ScalarValue, value: &ScalarValue) -> Found {
    Ok(if *value == ScalarValue::Boolean(Some(true)) { value.clone() } else { before })
}

fn bits(name: &'static str, step: Step) -> AggregateUDF {
    stepwise(name, "(int2) int2", step).or_stepwise("(int4) int4", step).or_stepwise("(int8) int8", step).done()
}

fn of_bits(before: &ScalarValue, value: &ScalarValue, of: fn(i64, i64) -> i64) -> Found {
    let number = |value: &ScalarValue| match value {
        ScalarValue::Int16(Some(value)) => i64::from(*value),
        ScalarValue::Int32(Some(value)) => i64::from(*value),
        ScalarValue::Int64(Some(value)) => *value,
        _ => 0,
    };
    ScalarValue::Int64(Some(of(number(before), number(value)))).cast_to(&value.data_type()).map_err(defect)
}

/// Of equal values the first.
fn extreme(best: ScalarValue, value: &ScalarValue, wanted: Ordering) -> Found {
    Ok(if compare(value, &best) == wanted { value.clone() } else { best })
}

fn interval_sum(before: ScalarValue, value: &ScalarValue) -> Found {
    let (ScalarValue::IntervalMonthDayNano(Some(a)), ScalarValue::IntervalMonthDayNano(Some(b))) = (&before, value)
    else {
        return Ok(before);
    };
    let sum = || {
        let (months, days) = (a.months.checked_add(b.months)?, a.days.checked_add(b.days)?);
        Some(IntervalMonthDayNano::new(months, days, a.nanoseconds.checked_add(b.nanoseconds)?))
    };
    let sum = sum().ok_or_else(|| fail(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range"))?;
    Ok(ScalarValue::IntervalMonthDayNano(Some(sum)))
}

fn document(words: String, binary: bool) -> Found {
    if binary {
        let text = Json::parse_binary(&words)?.binary_text();
        return Ok(ScalarValue::LargeBinary(Some(text.into_bytes())));
    }
    Ok(ScalarValue::LargeUtf8(Some(words)))
}

fn array(group: &Group<'_>, binary: bool) -> Found {
    if group.rows.is_empty() {
        return group.null();
    }
    let mut items = String::new();
    for (index, item) in group.column(0).enumerate() {
        // Rows stand on lines of their own.
        let is_row = matches!(item, ScalarValue::Struct(_)) && !item.is_null();
        items.push_str(match (index, is_row) {
            (0, _) => "",
            (_, true) => ", \n ",
            (_, false) => ", ",
        });
        items.push_str(&json_of(item, Tz::UTC)?);
    }
    document(format!("[{items}]"), binary)
}

fn object(group: &Group<'_>, binary: bool) -> Found {
    if group.rows.is_empty() {
        return group.null();
    }
    let mut fields = Vec::with_capacity(group.rows.len());
    for row in group.rows {
        if row[0].is_null() {
            return Err(invalid("field name must not be null"));
        }
        fields.push(format!("{} : {}", object_key(&row[0], Tz::UTC)?, json_of(&row[1], Tz::UTC)?));
    }
    document(format!("{{ {} }}", fields.join(", ")), binary)
}

/// Every value but the first with its own delimiter before it.
fn joined(group: &Group<'_>) -> Found {
    if group.rows.is_empty() {
        return group.null();
    }
    let mut out = String::new();
    for (index, row) in group.rows.iter().enumerate() {
        if let (true, ScalarValue::Utf8(Some(delimiter))) = (index > 0, &row[1]) {
            out.push_str(delimiter);
        }
        if let ScalarValue::Utf8(Some(value)) = &row[0] {
            out.push_str(value);
        }
    }
    Ok(text(out))
}
