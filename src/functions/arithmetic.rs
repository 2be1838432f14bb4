//! Arithmetic with PostgreSQL's overflow, division and dates.

use std::ops::Range;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, IntervalMonthDayNanoArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    ArrowNativeType, DataType, Date32Type, Field, Float32Type, Float64Type, Int32Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::physical_expr_common::datum::apply;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, Infinity, SqlState};

use super::function::{Function, by_arrays};
use super::signature::{dimensions, nested};
use super::time_columns;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("int_add", same, |args| checked(&args, Operation::Add)),
        Function::strict("int_subtract", same, |args| checked(&args, Operation::Subtract)),
        Function::strict("int_multiply", same, |args| checked(&args, Operation::Multiply)),
        Function::strict("float_divide", same, |args| float_divide(&args)),
        Function::strict("narrow_float", |_, _| Some(DataType::Float32), |args| by_arrays(&args, narrow)),
        Function::strict("round_items", same, |args| by_arrays(&args, |arrays| of_items(arrays, &round_half_even))),
        Function::strict("narrow_items", narrow_list, |args| {
            by_arrays(&args, |arrays| of_items(arrays, &|items| narrow(std::slice::from_ref(items))))
        }),
        Function::strict("date_add_days", |_, _| Some(DataType::Date32), |args| days(&args, 1)),
        Function::strict("date_subtract_days", |_, _| Some(DataType::Date32), |args| days(&args, -1)),
        Function::strict("date_difference", |_, _| Some(DataType::Int32), |args| date_difference(&args)),
        Function::strict("timestamp_difference", |_, _| Some(interval()), |args| timestamp_difference(&args)),
        Function::strict("interval_multiply", |_, _| Some(interval()), |args| scale_interval(&args, false)),
        Function::strict("interval_divide", |_, _| Some(interval()), |args| scale_interval(&args, true)),
    ]
}

/// The float itself; of a NaN, the one without a sign.
#[must_use]
pub fn plain_nan() -> ScalarUDF {
    Function::strict("plain_nan", same, |args| {
        by_arrays(&args, |arrays| match arrays.first() {
            Some(floats) if *floats.data_type() == DataType::Float64 => {
                let floats = floats.as_primitive::<Float64Type>();
                Ok(Arc::new(floats.unary::<_, Float64Type>(|float| if float.is_nan() { f64::NAN } else { float })))
            }
            Some(floats) if *floats.data_type() == DataType::Float32 => {
                let floats = floats.as_primitive::<Float32Type>();
                Ok(Arc::new(floats.unary::<_, Float32Type>(|float| if float.is_nan() { f32::NAN } else { float })))
            }
            Some(others) => Ok(Arc::clone(others)),
            None => Err(arity()),
        })
    })
}

fn interval() -> DataType {
    DataType::Interval(IntervalUnit::MonthDayNano)
}

fn same(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    types.first().cloned()
}

#[derive(Clone, Copy)]
enum Operation {
    Add,
    Subtract,
    Multiply,
}

fn out_of_range(data_type: &DataType) -> DataFusionError {
    let name = super::function::type_name(data_type);
    wrap(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range")))
}

fn checked(arguments: &ScalarFunctionArgs, operation: Operation) -> Result<ColumnarValue, DataFusionError> {
    let [left, right] = arguments.args.as_slice() else { return Err(arity()) };
    let kernel = match operation {
        Operation::Add => numeric::add,
        Operation::Subtract => numeric::sub,
        Operation::Multiply => numeric::mul,
    };
    apply(left, right, kernel).map_err(|error| match error.find_root() {
        DataFusionError::ArrowError(arrow, _) if matches!(**arrow, ArrowError::ArithmeticOverflow(_)) => {
            out_of_range(arguments.return_type())
        }
        _ => error,
    })
}

fn arity() -> DataFusionError {
    wrap(ErrorReport::new(SqlState::UNDEFINED_FUNCTION, "wrong number of arguments"))
}

fn division_by_zero() -> DataFusionError {
    wrap(ErrorReport::new(SqlState::DIVISION_BY_ZERO, "division by zero"))
}

fn float_divide(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let [left, right] = arguments.args.as_slice() else { return Err(arity()) };
    let zero = match right {
        ColumnarValue::Scalar(value) => is_zero(value.to_array()?.as_ref())?,
        ColumnarValue::Array(array) => is_zero(array)?,
    };
    // A zero below a NULL is no error.
    if zero {
        let arrays = ColumnarValue::values_to_arrays(&arguments.args)?;
        let divisors = cast(&arrays[1], &DataType::Float64)?;
        let divisors = divisors.as_primitive::<Float64Type>();
        let hits = (0..divisors.len())
            .any(|row| !arrays[0].is_null(row) && divisors.is_valid(row) && divisors.value(row) == 0.0);
        if hits {
            return Err(division_by_zero());
        }
    }
    apply(left, right, numeric::div)
}

/// A `double precision` as `real`; one that only the wider type can hold is refused.
fn narrow(arrays: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let Some(floats) = arrays.first() else { return Err(arity()) };
    let wide = cast(floats, &DataType::Float64)?;
    let wide = wide.as_primitive::<Float64Type>();
    let narrow = cast(wide, &DataType::Float32)?;
    let one = |(wide, narrow): (Option<f64>, Option<f32>)| match (wide, narrow) {
        (Some(wide), Some(narrow)) if narrow.is_infinite() && wide.is_finite() => Err("overflow"),
        (Some(wide), Some(narrow)) if narrow == 0.0 && wide != 0.0 => Err("underflow"),
        _ => Ok(()),
    };
    match wide.iter().zip(narrow.as_primitive::<Float32Type>()).try_for_each(one) {
        Ok(()) => Ok(narrow),
        Err(what) => {
            let message = format!("value out of range: {what}");
            Err(wrap(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)))
        }
    }
}

/// The array with other items, however many dimensions it has.
fn of_items(
    arrays: &[ArrayRef],
    change: &dyn Fn(&ArrayRef) -> Result<ArrayRef, DataFusionError>,
) -> Result<ArrayRef, DataFusionError> {
    let Some(array) = arrays.first() else { return Err(arity()) };
    let Some(list) = array.as_list_opt::<i32>() else { return change(array) };
    // What lies outside the rows is no item of theirs, and must not fail.
    let (first, last) = (list.value_offsets()[0], list.value_offsets()[list.len()]);
    let (start, length) = (first.as_usize(), (last - first).as_usize());
    let items = of_items(&[list.values().slice(start, length)], change)?;
    let field = Arc::new(Field::new_list_field(items.data_type().clone(), true));
    let offsets = OffsetBuffer::from_lengths(list.offsets().lengths());
    Ok(Arc::new(ListArray::try_new(field, offsets, items, list.nulls().cloned())?))
}

fn round_half_even(items: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let floats = cast(items, &DataType::Float64)?;
    let whole = floats.as_primitive::<Float64Type>().unary::<_, Float64Type>(f64::round_ties_even);
    Ok(cast(&whole, items.data_type())?)
}

fn narrow_list(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let list = types.first()?;
    Some(nested(DataType::Float32, dimensions(list)))
}

fn is_zero(array: &dyn Array) -> Result<bool, DataFusionError> {
    let floats = cast(array, &DataType::Float64)?;
    Ok(floats.as_primitive::<Float64Type>().iter().flatten().any(|value| value == 0.0))
}

/// The days of `date` since 1970, from 4714 BC on.
const DATES: Range<i32> = -2_440_588..2_145_042_906;

fn overflow(message: &str) -> DataFusionError {
    wrap(ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, message))
}

fn days(arguments: &ScalarFunctionArgs, sign: i32) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let dates = cast(&arrays[0], &DataType::Date32)?;
        let offsets = cast(&arrays[1], &DataType::Int32)?;
        let pairs = dates.as_primitive::<Date32Type>().iter().zip(offsets.as_primitive::<Int32Type>().iter());
        let mut rows = Vec::with_capacity(dates.len());
        for (date, offset) in pairs {
            rows.push(match (date, offset) {
                (Some(date), Some(_)) if Infinity::of_days(date).is_some() => Some(date),
                (Some(date), Some(offset)) => {
                    let moved = offset.checked_mul(sign).and_then(|offset| date.checked_add(offset));
                    let moved = moved.filter(|date| DATES.contains(date));
                    Some(moved.ok_or_else(|| overflow("date out of range"))?)
                }
                (None, _) | (_, None) => None,
            });
        }
        Ok(Arc::new(datafusion::arrow::array::Date32Array::from(rows)))
    })
}

fn date_difference(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let left = cast(&arrays[0], &DataType::Date32)?;
        let right = cast(&arrays[1], &DataType::Date32)?;
        let pairs = left.as_primitive::<Date32Type>().iter().zip(right.as_primitive::<Date32Type>().iter());
        let difference = |(left, right): (Option<i32>, Option<i32>)| {
            let (Some(left), Some(right)) = (left, right) else { return Ok(None) };
            match Infinity::of_days(left).or(Infinity::of_days(right)) {
                Some(_) => Err(overflow("cannot subtract infinite dates")),
                None => Ok(Some(left.wrapping_sub(right))),
            }
        };
        let rows = pairs.map(difference).collect::<Result<datafusion::arrow::array::Int32Array, _>>()?;
        Ok(Arc::new(rows))
    })
}

const DAY_MICROS: i64 = 86_400_000_000;

fn span_between(left: i64, right: i64) -> Result<IntervalMonthDayNano, DataFusionError> {
    if Infinity::of_micros(left).or(Infinity::of_micros(right)).is_some() {
        return Err(overflow("cannot subtract infinite timestamps"));
    }
    let difference = left.wrapping_sub(right);
    let days = i32::try_from(difference / DAY_MICROS).unwrap_or_default();
    Ok(IntervalMonthDayNano::new(0, days, (difference % DAY_MICROS) * 1_000))
}

/// Days and the rest of the time, never months.
fn timestamp_difference(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let (left, right) = (time_columns::micros(&arrays[0])?, time_columns::micros(&arrays[1])?);
        let rows = left.iter().zip(right.iter()).map(|(left, right)| match (left, right) {
            (Some(left), Some(right)) => span_between(left, right).map(Some),
            (None, _) | (_, None) => Ok(None),
        });
        Ok(Arc::new(rows.collect::<Result<IntervalMonthDayNanoArray, _>>()?))
    })
}

/// An interval times or divided by a number: what is left of months becomes days of 1/30, what is left of days, hours.
fn scale_interval(arguments: &ScalarFunctionArgs, divide: bool) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let numbers = cast(&arrays[1], &DataType::Float64)?;
        let intervals = cast(&arrays[0], &interval())?;
        let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
        let mut rows = Vec::with_capacity(intervals.len());
        for (span, number) in intervals.iter().zip(numbers.as_primitive::<Float64Type>().iter()) {
            rows.push(match (span, number) {
                (Some(_), Some(0.0)) if divide => return Err(division_by_zero()),
                (Some(span), Some(number)) => {
                    let scale = |value| if divide { value / number } else { value * number };
                    Some(scaled(span, scale).ok_or_else(|| overflow("interval out of range"))?)
                }
                (None, _) | (_, None) => None,
            });
        }
        Ok(Arc::new(IntervalMonthDayNanoArray::from(rows)))
    })
}

/// `None` for what no interval can hold.
#[expect(clippy::cast_possible_truncation, reason = "what is cast is in the range of its type")]
fn scaled(span: IntervalMonthDayNano, scale: impl Fn(f64) -> f64) -> Option<IntervalMonthDayNano> {
    // `interval_mul` rounds what is left of months and days to millionths in between, and so does this.
    let millionths = |value: f64| (value * 1e6).round_ties_even() / 1e6;
    let (months, days) = (scale(f64::from(span.months)), scale(f64::from(span.days)));
    let is_integer = |value: f64| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
    if !is_integer(months) || !is_integer(days) {
        return None;
    }
    let month_days = millionths(months.fract() * 30.0);
    let mut whole_days = days.trunc() + month_days.trunc();
    let mut seconds = millionths((days.fract() + month_days.fract()) * 86_400.0);
    if seconds.abs() >= 86_400.0 {
        whole_days += (seconds / 86_400.0).trunc();
        seconds %= 86_400.0;
    }
    let micros = (scale(span.nanoseconds as f64 / 1_000.0) + seconds * 1e6).round_ties_even();
    if !is_integer(whole_days) || micros.abs() >= i64::MAX as f64 {
        return None;
    }
    let nanos = (micros as i64).saturating_mul(1_000);
    Some(IntervalMonthDayNano::new(months.trunc() as i32, whole_days as i32, nanos))
}

/// The arithmetic of time units needs this type in one place.
pub(super) const MICROSECOND: TimeUnit = TimeUnit::Microsecond;
