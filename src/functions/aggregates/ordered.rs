//! Ordered-set aggregates: `mode`, `percentile_cont`, `percentile_disc`. The ordered value comes first, then the fraction.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::AggregateUDF;

use crate::base::{ErrorReport, SqlState};

use super::super::intervals::length;
use super::super::signature::{dimensions, nested};
use super::super::value::{defect, fail, items, list};
use super::super::value_order::key_of;
use super::{Group, Nulls, aggregate};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<AggregateUDF> {
    vec![
        aggregate("mode", "(anyelement) anyelement", mode).within_group().done(),
        aggregate("percentile_cont", "(float8, float8) float8", |group| percentile(group, continuous))
            .or("(interval, float8) interval", |group| percentile(group, continuous))
            .or("(float8, float8[]) float8[]", |group| percentiles(group, continuous))
            .or("(interval, float8[]) interval[]", |group| percentiles(group, continuous))
            .nulls(Nulls::SkippedFirst)
            .within_group()
            .done(),
        aggregate("percentile_disc", "(anyelement, float8) anyelement", |group| percentile(group, discrete))
            .or("(anyelement, float8[]) anyarray", |group| percentiles(group, discrete))
            .returning(|types, _| Some(nested(types.first()?.clone(), dimensions(types.get(1)?))))
            .nulls(Nulls::SkippedFirst)
            .within_group()
            .done(),
    ]
}

/// The order of values of one type; NULL is the largest.
pub(super) fn compare(a: &ScalarValue, b: &ScalarValue) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, other) => true.cmp(&other),
        (false, true) => Ordering::Less,
        (false, false) => match (a, b) {
            (ScalarValue::IntervalMonthDayNano(Some(a)), ScalarValue::IntervalMonthDayNano(Some(b))) => {
                length(*a).cmp(&length(*b))
            }
            (ScalarValue::Float64(Some(a)), ScalarValue::Float64(Some(b))) => plain(*a).total_cmp(&plain(*b)),
            (ScalarValue::Float32(Some(a)), ScalarValue::Float32(Some(b))) => {
                plain(f64::from(*a)).total_cmp(&plain(f64::from(*b)))
            }
            _ => match (key(a), key(b)) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => a.partial_cmp(b).unwrap_or(Ordering::Equal),
            },
        },
    }
}

/// There is one zero, and one value that is no number: above all numbers.
fn plain(float: f64) -> f64 {
    if float.is_nan() { f64::NAN } else { float + 0.0 }
}

/// The key of an array, a row or a document, which only its key orders.
fn key(value: &ScalarValue) -> Option<Vec<u8>> {
    match value {
        ScalarValue::List(_) | ScalarValue::Struct(_) | ScalarValue::LargeBinary(_) => key_of(value).ok().flatten(),
        _ => None,
    }
}

/// Sorts what has a value, which has one type in all rows; of equal ones the first stays first.
pub(super) fn sort_by_value<T>(rows: &mut [T], value: impl Fn(&T) -> &ScalarValue) {
    if rows.iter().any(|row| key(value(row)).is_some()) {
        rows.sort_by_cached_key(|row| (value(row).is_null(), key(value(row))));
    } else {
        rows.sort_by(|a, b| compare(value(a), value(b)));
    }
}

fn sorted(group: &Group<'_>) -> Vec<ScalarValue> {
    let mut values: Vec<ScalarValue> = group.column(0).cloned().collect();
    sort_by_value(&mut values, |value| value);
    if group.descending {
        values.reverse();
    }
    values
}

/// The most frequent value; of several the first in order.
fn mode(group: &Group<'_>) -> Found {
    let values = sorted(group);
    let mut best: Option<(&ScalarValue, usize)> = None;
    for run in values.chunk_by(|a, b| compare(a, b).is_eq()) {
        if best.is_none_or(|(_, count)| run.len() > count) {
            best = run.first().map(|value| (value, run.len()));
        }
    }
    match best {
        Some((value, _)) => Ok(value.clone()),
        None => group.null(),
    }
}

type At = fn(&[ScalarValue], f64) -> Found;

fn check(fraction: f64) -> Result<(), ErrorReport> {
    if (0.0..=1.0).contains(&fraction) {
        return Ok(());
    }
    let message = format!("percentile value {fraction} is not between 0 and 1");
    Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message))
}

fn percentile(group: &Group<'_>, at: At) -> Found {
    match group.column(1).next() {
        Some(ScalarValue::Float64(Some(fraction))) => {
            check(*fraction)?;
            at(&sorted(group), *fraction)
        }
        _ => group.null(),
    }
}

fn percentiles(group: &Group<'_>, at: At) -> Found {
    let Some(fractions) = group.column(1).next().filter(|fractions| !fractions.is_null()) else { return group.null() };
    of_fractions(fractions, group.returns, &sorted(group), at)
}

/// The values at fractions in an array of the same dimensions.
fn of_fractions(fractions: &ScalarValue, returns: &DataType, values: &[ScalarValue], at: At) -> Found {
    let element = super::super::signature::element(returns).unwrap_or(DataType::Float64);
    let mut found = Vec::new();
    for fraction in items(fractions)? {
        found.push(match &fraction {
            ScalarValue::Float64(Some(fraction)) => {
                check(*fraction)?;
                at(values, *fraction)?
            }
            ScalarValue::List(_) => of_fractions(&fraction, &element, values, at)?,
            _ => ScalarValue::try_from(&element).map_err(defect)?,
        });
    }
    Ok(list(&found, &element))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place among the rows"
)]
fn discrete(values: &[ScalarValue], fraction: f64) -> Found {
    let place = (fraction * values.len() as f64).ceil().max(1.0) as usize;
    Ok(values[place.min(values.len()) - 1].clone())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "a place among the rows"
)]
fn continuous(values: &[ScalarValue], fraction: f64) -> Found {
    let place = fraction * (values.len() - 1) as f64;
    let (low, high) = (place.floor() as usize, place.ceil() as usize);
    let part = place - place.floor();
    Ok(match (&values[low], &values[high]) {
        (ScalarValue::Float64(Some(low)), ScalarValue::Float64(Some(high))) => {
            ScalarValue::Float64(Some(low + (high - low) * part))
        }
        (ScalarValue::IntervalMonthDayNano(Some(low)), ScalarValue::IntervalMonthDayNano(Some(high))) => {
            ScalarValue::IntervalMonthDayNano(Some(between(*low, *high, part)))
        }
        (low, _) => low.clone(),
    })
}

/// What is left of months becomes days of 1/30, what is left of days becomes time.
#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the range of an interval")]
fn between(low: IntervalMonthDayNano, high: IntervalMonthDayNano, part: f64) -> IntervalMonthDayNano {
    let months = f64::from(high.months - low.months) * part;
    let days = f64::from(high.days - low.days) * part + months.fract() * 30.0;
    let micros = (high.nanoseconds - low.nanoseconds) as f64 / 1_000.0 * part + days.fract() * 86_400e6;
    IntervalMonthDayNano::new(
        low.months + months.trunc() as i32,
        low.days + days.trunc() as i32,
        low.nanoseconds + micros.round() as i64 * 1_000,
    )
}
