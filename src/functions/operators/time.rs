//! Operators of times of the day, and OVERLAPS.

use std::sync::Arc;

use chrono_tz::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Int64Array, IntervalMonthDayNanoArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit,
};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, Infinity, SqlState, SqlType};

use super::super::function::{Function, by_arrays};
use super::super::text::shown_value;
use super::super::time_columns;

type Columns = Result<ArrayRef, DataFusionError>;

const DAY: i64 = 86_400_000_000;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("date_add_time", timestamp, |args| by_arrays(&args, date_and_time)),
        Function::strict("time_add_interval", time, |args| by_arrays(&args, |arrays| moved(arrays, 1))),
        Function::strict("time_subtract_interval", time, |args| by_arrays(&args, |arrays| moved(arrays, -1))),
        Function::strict("time_difference", interval, |args| by_arrays(&args, difference)),
        Function::strict("zone_shift", zoned, |args| by_arrays(&args, zone_shift)),
        Function::lenient("overlaps", |_, _| Some(DataType::Boolean), |args| by_arrays(&args, overlaps)),
    ]
}

fn is_time(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Time64(TimeUnit::Microsecond))
}

fn timestamp(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types, [DataType::Date32, DataType::Time64(_)]).then(|| SqlType::Timestamp.arrow())
}

fn time(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types, [first, DataType::Interval(_)] if is_time(first)).then(|| SqlType::Time.arrow())
}

fn interval(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types, [first, second] if is_time(first) && is_time(second)).then(|| SqlType::Interval.arrow())
}

fn zoned(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types {
        [DataType::Interval(_), DataType::Timestamp(_, Some(_))] => Some(SqlType::Timestamp.arrow()),
        [DataType::Interval(_), DataType::Timestamp(_, None) | DataType::Date32] => Some(SqlType::Timestamptz.arrow()),
        _ => None,
    }
}

/// A zone that is so far east of Greenwich.
fn zone_shift(arrays: &[ArrayRef]) -> Columns {
    let to_wall = matches!(arrays[1].data_type(), DataType::Timestamp(_, Some(_)));
    let sign = if to_wall { 1 } else { -1 };
    let spans = arrays[0].as_primitive::<IntervalMonthDayNanoType>();
    if let Some(span) = spans.iter().flatten().find(|span| span.months != 0 || span.days != 0) {
        let shown = shown_value(&ScalarValue::IntervalMonthDayNano(Some(span)), Tz::UTC).map_err(wrap)?;
        let message = format!("interval time zone \"{shown}\" must not include months or days");
        return Err(wrap(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message)));
    }
    let moments = time_columns::micros(&arrays[1])?;
    let rows = spans.iter().zip(&moments).map(|(span, moment)| later(moment?, sign * (span?.nanoseconds / 1_000)));
    let array: TimestampMicrosecondArray = rows.collect();
    Ok(if to_wall { Arc::new(array) } else { Arc::new(array.with_timezone(crate::base::types::UTC)) })
}

/// What is infinite stays where it is.
fn later(moment: i64, micros: i64) -> Option<i64> {
    if Infinity::of_micros(moment).is_some() { Some(moment) } else { moment.checked_add(micros) }
}

fn date_and_time(arrays: &[ArrayRef]) -> Columns {
    let days = time_columns::micros(&arrays[0])?;
    let pairs = days.iter().zip(arrays[1].as_primitive::<Time64MicrosecondType>());
    let rows = pairs.map(|(day, time)| later(day?, time?));
    Ok(Arc::new(rows.collect::<TimestampMicrosecondArray>()))
}

/// Only what is shorter than a day moves a time of the day.
fn moved(arrays: &[ArrayRef], sign: i64) -> Columns {
    let times = arrays[0].as_primitive::<Time64MicrosecondType>().iter();
    let spans = arrays[1].as_primitive::<IntervalMonthDayNanoType>();
    let rows = times.zip(spans).map(|(time, span)| {
        let moved = i128::from(time?) + i128::from(sign) * i128::from(span?.nanoseconds / 1_000);
        i64::try_from(moved.rem_euclid(i128::from(DAY))).ok()
    });
    Ok(Arc::new(rows.collect::<Time64MicrosecondArray>()))
}

fn difference(arrays: &[ArrayRef]) -> Columns {
    let left = arrays[0].as_primitive::<Time64MicrosecondType>().iter();
    let rows = left.zip(arrays[1].as_primitive::<Time64MicrosecondType>());
    let rows = rows.map(|(left, right)| Some(IntervalMonthDayNano::new(0, 0, (left? - right?) * 1_000)));
    Ok(Arc::new(rows.collect::<IntervalMonthDayNanoArray>()))
}

/// Two spans of time, each by two ends of one type.
fn overlaps(arrays: &[ArrayRef]) -> Columns {
    let ends: Vec<Int64Array> = arrays
        .iter()
        .map(|array| match array.data_type() {
            DataType::Time64(_) => Ok(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone()),
            _ => time_columns::micros(array),
        })
        .collect::<Result<_, DataFusionError>>()?;
    let value = |end: usize, row: usize| {
        let end = ends.get(end)?;
        end.is_valid(row).then(|| end.value(row))
    };
    let rows = (0..arrays[0].len())
        .map(|row| overlap(ordered(value(0, row), value(1, row))?, ordered(value(2, row), value(3, row))?));
    Ok(Arc::new(rows.collect::<BooleanArray>()))
}

/// The earlier end, and the later one if it is known; `None` where neither is.
fn ordered(a: Option<i64>, b: Option<i64>) -> Option<(i64, Option<i64>)> {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.min(b), Some(a.max(b)))),
        (Some(one), None) | (None, Some(one)) => Some((one, None)),
        (None, None) => None,
    }
}

/// As the standard has it: an unknown end leaves it open unless the known ones decide.
fn overlap(first: (i64, Option<i64>), second: (i64, Option<i64>)) -> Option<bool> {
    let (earlier, later) = if first.0 <= second.0 { (first, second) } else { (second, first) };
    if earlier.0 == later.0 {
        return if earlier.1.is_some() && later.1.is_some() { Some(true) } else { None };
    }
    match earlier.1 {
        Some(end) if later.0 < end => Some(true),
        Some(_) if later.1.is_some() => Some(false),
        Some(_) | None => None,
    }
}
