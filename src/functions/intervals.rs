//! Intervals by their length, and in their parts.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::function::{Function, by_arrays};

type Columns = Result<ArrayRef, DataFusionError>;
type Spans = PrimitiveArray<IntervalMonthDayNanoType>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict(
            "interval_order",
            |_, _| Some(DataType::Decimal128(38, 0)),
            |args| by_arrays(&args, |all| lengths(&all[0])),
        ),
        Function::strict("interval_days", interval, |args| {
            by_arrays(&args, |all| part(all, |span| IntervalMonthDayNano::new(span.months, span.days, 0)))
        }),
        Function::strict("interval_time", interval, |args| {
            by_arrays(&args, |all| part(all, |span| IntervalMonthDayNano::new(0, 0, span.nanoseconds)))
        }),
    ]
}

fn interval(_types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    Some(DataType::Interval(IntervalUnit::MonthDayNano))
}

/// The nanoseconds of an interval as PostgreSQL compares them: a month has 30 days, a day 24 hours.
#[must_use]
pub fn length(span: IntervalMonthDayNano) -> i128 {
    const DAY: i128 = 86_400_000_000_000;
    (i128::from(span.months) * 30 + i128::from(span.days)) * DAY + i128::from(span.nanoseconds)
}

fn spans(array: &ArrayRef) -> Result<Spans, DataFusionError> {
    let cast = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    Ok(cast.as_primitive::<IntervalMonthDayNanoType>().clone())
}

/// The length of each interval.
pub(super) fn lengths(intervals: &ArrayRef) -> Columns {
    let lengths = spans(intervals)?.iter().map(|span| span.map(length)).collect::<Decimal128Array>();
    Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
}

fn part(arrays: &[ArrayRef], of: fn(IntervalMonthDayNano) -> IntervalMonthDayNano) -> Columns {
    Ok(Arc::new(spans(&arrays[0])?.unary::<_, IntervalMonthDayNanoType>(of)))
}
