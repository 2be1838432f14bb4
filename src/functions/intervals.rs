//! Intervals by their length, and in their parts.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, PrimitiveArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, IntervalMonthDayNanoType, IntervalUnit};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::function::{Function, by_arrays};

type Columns = Result<ArrayRef, DataFusionError>;
type Spans = PrimitiveArray<IntervalMonthDayNanoType>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("interval_order", |_, _| Some(DataType::Decimal128(38, 0)), |args| by_arrays(&args, order)),
        Function::lenient("interval_greatest", interval, |args| by_arrays(&args, |all| chosen(all, i128::gt))),
        Function::lenient("interval_least", interval, |args| by_arrays(&args, |all| chosen(all, i128::lt))),
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
pub(super) fn length(span: IntervalMonthDayNano) -> i128 {
    const DAY: i128 = 86_400_000_000_000;
    (i128::from(span.months) * 30 + i128::from(span.days)) * DAY + i128::from(span.nanoseconds)
}

fn spans(array: &ArrayRef) -> Result<Spans, DataFusionError> {
    let cast = cast(array, &DataType::Interval(IntervalUnit::MonthDayNano))?;
    Ok(cast.as_primitive::<IntervalMonthDayNanoType>().clone())
}

fn order(arrays: &[ArrayRef]) -> Columns {
    let lengths = spans(&arrays[0])?.iter().map(|span| span.map(length)).collect::<Decimal128Array>();
    Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?))
}

/// Of each row the interval that is better than all before it; NULL is passed over.
fn chosen(arrays: &[ArrayRef], is_better: fn(&i128, &i128) -> bool) -> Columns {
    let columns = arrays.iter().map(spans).collect::<Result<Vec<_>, _>>()?;
    let rows = columns.first().map_or(0, Array::len);
    let best = |row: usize| {
        let values = columns.iter().filter(|column| column.is_valid(row)).map(|column| column.value(row));
        values.reduce(|best, value| if is_better(&length(value), &length(best)) { value } else { best })
    };
    Ok(Arc::new((0..rows).map(best).collect::<Spans>()))
}

fn part(arrays: &[ArrayRef], of: fn(IntervalMonthDayNano) -> IntervalMonthDayNano) -> Columns {
    Ok(Arc::new(spans(&arrays[0])?.unary::<_, IntervalMonthDayNanoType>(of)))
}
