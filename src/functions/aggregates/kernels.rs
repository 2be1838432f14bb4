//! Documents, texts, bits and intervals of a group.

use std::cmp::Ordering;

use chrono_tz::Tz;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::AggregateUDF;

use crate::base::ErrorReport;

use super::super::json::{Json, json_of, object_key};
use super::super::signature::element;
use super::super::value::{defect, fail, invalid, list, text};
use super::ordered::compare;
use super::{Group, Nulls, aggregate};
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
            Ok(list(&values, &element(group.returns).unwrap_or(DataType::Null)))
        })
        .nulls(Nulls::Kept)
        .done(),
        aggregate("bool_and", "(bool) bool", |group| all_or_any(group, false)).done(),
        aggregate("every", "(bool) bool", |group| all_or_any(group, false)).done(),
        aggregate("bool_or", "(bool) bool", |group| all_or_any(group, true)).done(),
        bits("bit_and", |group| folded(group, |a, b| a & b)),
        bits("bit_or", |group| folded(group, |a, b| a | b)),
        bits("bit_xor", |group| folded(group, |a, b| a ^ b)),
        aggregate("interval_sum", "(interval) interval", interval_sum).done(),
        aggregate("value_min", "(anyelement) anyelement", |group| extreme(group, Ordering::Less)).done(),
        aggregate("value_max", "(anyelement) anyelement", |group| extreme(group, Ordering::Greater)).done(),
    ]
}

fn all_or_any(group: &Group<'_>, decides: bool) -> Found {
    if group.rows.is_empty() {
        return group.null();
    }
    let found = group.column(0).any(|value| *value == ScalarValue::Boolean(Some(decides)));
    Ok(ScalarValue::Boolean(Some(found == decides)))
}

fn bits(name: &'static str, kernel: super::OfGroup) -> AggregateUDF {
    aggregate(name, "(int2) int2", kernel).or("(int4) int4", kernel).or("(int8) int8", kernel).done()
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

fn folded(group: &Group<'_>, of: fn(i64, i64) -> i64) -> Found {
    let number = |value: &ScalarValue| match value {
        ScalarValue::Int16(Some(value)) => i64::from(*value),
        ScalarValue::Int32(Some(value)) => i64::from(*value),
        ScalarValue::Int64(Some(value)) => *value,
        _ => 0,
    };
    match group.column(0).map(number).reduce(of) {
        Some(found) => ScalarValue::Int64(Some(found)).cast_to(group.returns).map_err(defect),
        None => group.null(),
    }
}

/// The first of the values that are before, or after, all others.
fn extreme(group: &Group<'_>, wanted: Ordering) -> Found {
    let found = group.column(0).reduce(|best, value| if compare(value, best) == wanted { value } else { best });
    found.map_or_else(|| group.null(), |value| Ok(value.clone()))
}

fn interval_sum(group: &Group<'_>) -> Found {
    if group.rows.is_empty() {
        return group.null();
    }
    let (mut months, mut days, mut nanos) = (0_i32, 0_i32, 0_i64);
    let out_of_range = || fail(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range");
    for value in group.column(0) {
        if let ScalarValue::IntervalMonthDayNano(Some(span)) = value {
            months = months.checked_add(span.months).ok_or_else(out_of_range)?;
            days = days.checked_add(span.days).ok_or_else(out_of_range)?;
            nanos = nanos.checked_add(span.nanoseconds).ok_or_else(out_of_range)?;
        }
    }
    Ok(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(months, days, nanos))))
}
