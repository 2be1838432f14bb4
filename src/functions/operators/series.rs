//! `generate_series` as an array, for calls that stand in expressions or read columns.

use std::sync::Arc;

use datafusion::arrow::array::Decimal128Builder;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Builder, Int64Builder, ListBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Field, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType,
    TimestampMicrosecondType,
};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use crate::base::engine_error::wrap;
use crate::base::limits::{self, LimitSet};
use crate::base::types::UTC;
use crate::base::{ErrorReport, SqlState, SqlType};

use super::super::function::{Function, by_arrays};

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![Function::strict("series_of", series_type, |args| series(&args))]
}

fn series_type(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let element = element(types)?;
    Some(DataType::List(Arc::new(Field::new_list_field(element, true))))
}

fn element(types: &[DataType]) -> Option<DataType> {
    let (bounds, step) = match types {
        [start, stop] => ([start, stop], None),
        [start, stop, step] => ([start, stop], Some(step)),
        _ => return None,
    };
    // A text is a constant whose type the planner settles later.
    let is_time = |one: &DataType| matches!(one, DataType::Date32 | DataType::Timestamp(_, _) | DataType::Utf8);
    if bounds.iter().all(|one| is_time(one)) && matches!(step, Some(DataType::Interval(_) | DataType::Utf8)) {
        let plain = bounds.iter().all(|one| matches!(one, DataType::Timestamp(_, None)));
        return Some(if plain { SqlType::Timestamp.arrow() } else { SqlType::Timestamptz.arrow() });
    }
    if types.iter().all(DataType::is_integer) {
        let wide = types.iter().any(|one| matches!(one, DataType::Int64 | DataType::UInt64));
        return Some(if wide { DataType::Int64 } else { DataType::Int32 });
    }
    let scale = |one: &DataType| match one {
        DataType::Decimal128(_, scale) => Some(*scale),
        one if one.is_integer() => Some(0),
        _ => None,
    };
    let scales: Option<Vec<i8>> = types.iter().map(scale).collect();
    Some(DataType::Decimal128(38, scales?.into_iter().max()?))
}

fn series(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let DataType::List(field) = arguments.return_type().clone() else {
        return Err(DataFusionError::Internal("a series is a list".to_owned()));
    };
    by_arrays(arguments, |arrays| match field.data_type() {
        DataType::Timestamp(_, zone) => times(arrays, zone.is_some()),
        wanted @ DataType::Decimal128(_, scale) => numerics(arrays, wanted, *scale),
        wanted => integers(arrays, *wanted == DataType::Int64),
    })
}

/// What one query may make in all is bounded where it is made; here each row is.
fn check(count: usize) -> Result<(), DataFusionError> {
    LimitSet::default().check(limits::GENERATED_ROWS, count).map_err(wrap)
}

fn zero_step() -> DataFusionError {
    wrap(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero"))
}

fn steps(start: i128, stop: i128, step: i128) -> Result<impl Iterator<Item = i128>, DataFusionError> {
    if step == 0 {
        return Err(zero_step());
    }
    let count = if (stop - start) * step.signum() < 0 { 0 } else { (stop - start) / step + 1 };
    check(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok((0..count).map(move |index| start + index * step))
}

fn integers(arrays: &[ArrayRef], wide: bool) -> Columns {
    let columns = arrays.iter().map(|array| cast(array, &DataType::Int64)).collect::<Result<Vec<_>, _>>()?;
    let value = |column: usize, row: usize| {
        let column = columns.get(column)?.as_primitive::<Int64Type>();
        column.is_valid(row).then(|| i128::from(column.value(row)))
    };
    let rows = (0..arrays[0].len()).map(|row| {
        let step = if arrays.len() > 2 { value(2, row) } else { Some(1) };
        match (value(0, row), value(1, row), step) {
            (Some(start), Some(stop), Some(step)) => Ok(Some(steps(start, stop, step)?.collect::<Vec<_>>())),
            _ => Ok(None),
        }
    });
    let rows = rows.collect::<Result<Vec<_>, DataFusionError>>()?;
    if wide {
        let mut builder = ListBuilder::new(Int64Builder::new());
        rows.into_iter().for_each(|row| {
            builder
                .append_option(row.map(|row| row.into_iter().map(|one| i64::try_from(one).ok()).collect::<Vec<_>>()));
        });
        return Ok(Arc::new(builder.finish()));
    }
    let mut builder = ListBuilder::new(Int32Builder::new());
    rows.into_iter().for_each(|row| {
        builder.append_option(row.map(|row| row.into_iter().map(|one| i32::try_from(one).ok()).collect::<Vec<_>>()));
    });
    Ok(Arc::new(builder.finish()))
}

fn numerics(arrays: &[ArrayRef], wanted: &DataType, scale: i8) -> Columns {
    let columns = arrays.iter().map(|array| cast(array, wanted)).collect::<Result<Vec<_>, _>>()?;
    let one = 10_i128.pow(u32::try_from(scale).unwrap_or_default());
    let value = |column: usize, row: usize| {
        let column = columns.get(column)?.as_primitive::<Decimal128Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let mut builder = ListBuilder::new(Decimal128Builder::new().with_data_type(wanted.clone()));
    for row in 0..arrays[0].len() {
        let step = if arrays.len() > 2 { value(2, row) } else { Some(one) };
        match (value(0, row), value(1, row), step) {
            (Some(start), Some(stop), Some(step)) => builder.append_value(steps(start, stop, step)?.map(Some)),
            _ => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn times(arrays: &[ArrayRef], zoned: bool) -> Columns {
    let plain = if zoned { SqlType::Timestamptz.arrow() } else { SqlType::Timestamp.arrow() };
    let (starts, stops) = (cast(&arrays[0], &plain)?, cast(&arrays[1], &plain)?);
    let (starts, stops) =
        (starts.as_primitive::<TimestampMicrosecondType>(), stops.as_primitive::<TimestampMicrosecondType>());
    let spans = arrays[2].as_primitive::<IntervalMonthDayNanoType>();
    let values = TimestampMicrosecondBuilder::new();
    let values = if zoned { values.with_timezone(UTC) } else { values };
    let mut builder = ListBuilder::new(values);
    for row in 0..starts.len() {
        if starts.is_null(row) || stops.is_null(row) || spans.is_null(row) {
            builder.append_null();
        } else {
            builder.append_value(moments(starts.value(row), stops.value(row), spans.value(row))?.into_iter().map(Some));
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// The moments from one to another by a step.
fn moments(start: i64, stop: i64, step: IntervalMonthDayNano) -> Result<Vec<i64>, DataFusionError> {
    let rough = i128::from(step.months) * 2_592_000_000_000
        + i128::from(step.days) * 86_400_000_000
        + i128::from(step.nanoseconds / 1_000);
    if rough == 0 {
        return Err(zero_step());
    }
    let mut rows = Vec::new();
    let mut now = start;
    while (rough > 0 && now <= stop) || (rough < 0 && now >= stop) {
        check(rows.len() + 1)?;
        rows.push(now);
        now = later(now, step).ok_or_else(zero_step)?;
    }
    Ok(rows)
}

fn later(micros: i64, step: IntervalMonthDayNano) -> Option<i64> {
    let moment = chrono::DateTime::<chrono::Utc>::from_timestamp_micros(micros)?;
    let months = chrono::Months::new(step.months.unsigned_abs());
    let moment =
        if step.months < 0 { moment.checked_sub_months(months)? } else { moment.checked_add_months(months)? };
    moment.timestamp_micros().checked_add(i64::from(step.days) * 86_400_000_000)?.checked_add(step.nanoseconds / 1_000)
}
