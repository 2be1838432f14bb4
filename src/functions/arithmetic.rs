//! Arithmetic with PostgreSQL's overflow, division and dates.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, IntervalMonthDayNanoArray, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::compute::kernels::numeric;
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType, i256,
};
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use datafusion::physical_expr_common::datum::apply;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, SqlType};

use super::function::{Function, by_arrays};

/// Digits after the point that a quotient has at least, as in PostgreSQL.
pub const QUOTIENT_SCALE: i8 = 16;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("int_add", same, |args| checked(&args, Operation::Add)),
        Function::strict("int_subtract", same, |args| checked(&args, Operation::Subtract)),
        Function::strict("int_multiply", same, |args| checked(&args, Operation::Multiply)),
        Function::strict("float_divide", same, |args| float_divide(&args)),
        Function::strict("numeric_divide", quotient, |args| by_arrays(&args, |arrays| divide(&arrays[0], &arrays[1]))),
        Function::strict("avg_of", average_type, |args| by_arrays(&args, |arrays| average(&arrays[0], &arrays[1]))),
        Function::strict("date_add_days", |_, _| Some(DataType::Date32), |args| days(&args, 1)),
        Function::strict("date_subtract_days", |_, _| Some(DataType::Date32), |args| days(&args, -1)),
        Function::strict("date_difference", |_, _| Some(DataType::Int32), |args| date_difference(&args)),
        Function::strict("timestamp_difference", |_, _| Some(interval()), |args| timestamp_difference(&args)),
        Function::strict("interval_multiply", |_, _| Some(interval()), |args| scale_interval(&args, false)),
        Function::strict("interval_order", |_, _| Some(DataType::Decimal128(38, 0)), |args| interval_order(&args)),
        Function::strict("interval_divide", |_, _| Some(interval()), |args| scale_interval(&args, true)),
    ]
}

/// The nanoseconds of an interval as PostgreSQL compares them: a month has 30 days, a day 24 hours.
fn interval_order(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    const DAY: i128 = 86_400_000_000_000;
    by_arrays(arguments, |arrays| {
        let spans = cast(&arrays[0], &interval())?;
        let length = |span: IntervalMonthDayNano| {
            (i128::from(span.months) * 30 + i128::from(span.days)) * DAY + i128::from(span.nanoseconds)
        };
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        let lengths = spans.map(|span| span.map(length)).collect::<Decimal128Array>();
        Ok(Arc::new(lengths.with_precision_and_scale(38, 0)?) as ArrayRef)
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

fn is_zero(array: &dyn Array) -> Result<bool, DataFusionError> {
    let floats = cast(array, &DataType::Float64)?;
    Ok(floats.as_primitive::<Float64Type>().iter().flatten().any(|value| value == 0.0))
}

fn scale_of(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(*scale),
        DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Null => Some(0),
        _ => None,
    }
}

fn quotient(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let [left, right] = types else { return None };
    let scale = scale_of(left)?.max(scale_of(right)?).max(QUOTIENT_SCALE);
    Some(DataType::Decimal128(38, scale))
}

fn decimal(array: &ArrayRef) -> Result<Decimal128Array, DataFusionError> {
    let scale = scale_of(array.data_type()).unwrap_or_default();
    let array = cast(array, &DataType::Decimal128(38, scale))?;
    Ok(array.as_primitive::<Decimal128Type>().clone())
}

/// A quotient of decimals, rounded half away from zero.
fn divide(left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let (left, right) = (decimal(left)?, decimal(right)?);
    let scale = left.scale().max(right.scale()).max(QUOTIENT_SCALE);
    let shift =
        u32::try_from(i32::from(scale) + i32::from(right.scale()) - i32::from(left.scale())).unwrap_or_default();
    let mut rows = Vec::with_capacity(left.len());
    for (dividend, divisor) in left.iter().zip(right.iter()) {
        rows.push(match (dividend, divisor) {
            (Some(dividend), Some(divisor)) => Some(divide_one(dividend, divisor, shift)?),
            (None, _) | (_, None) => None,
        });
    }
    Ok(Arc::new(Decimal128Array::from(rows).with_precision_and_scale(38, scale)?))
}

fn divide_one(dividend: i128, divisor: i128, shift: u32) -> Result<i128, DataFusionError> {
    if divisor == 0 {
        return Err(division_by_zero());
    }
    if let Some(scaled) = 10_i128.checked_pow(shift).and_then(|power| dividend.checked_mul(power)) {
        let (quotient, rest) = (scaled / divisor, scaled % divisor);
        let up = rest.unsigned_abs() * 2 >= divisor.unsigned_abs();
        let away = if (scaled < 0) == (divisor < 0) { 1 } else { -1 };
        return Ok(if up && rest != 0 { quotient + away } else { quotient });
    }
    let overflow = || wrap(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow"));
    let ten = i256::from_i128(10);
    let scaled = i256::from_i128(dividend).checked_mul(ten.wrapping_pow(shift)).ok_or_else(overflow)?;
    let wide = i256::from_i128(divisor);
    let quotient = scaled.checked_div(wide).ok_or_else(overflow)?;
    let rest = scaled.checked_rem(wide).ok_or_else(overflow)?;
    let up = rest.wrapping_abs().wrapping_mul(i256::from_i128(2)) >= wide.wrapping_abs();
    let away = if (dividend < 0) == (divisor < 0) { 1 } else { -1 };
    let rounded = if up && rest != i256::ZERO { quotient.wrapping_add(i256::from_i128(away)) } else { quotient };
    rounded.to_i128().filter(|value| value.unsigned_abs() < 10_u128.pow(38)).ok_or_else(overflow)
}

fn average_type(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types.first()? {
        DataType::Float32 | DataType::Float64 => Some(DataType::Float64),
        _ => quotient(types, literals),
    }
}

fn average(sum: &ArrayRef, count: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    if sum.data_type().is_floating() {
        let (sum, count) = (cast(sum, &DataType::Float64)?, cast(count, &DataType::Float64)?);
        let pairs = sum.as_primitive::<Float64Type>().iter().zip(count.as_primitive::<Float64Type>().iter());
        let rows = pairs.map(|(sum, count)| Some(sum? / count?));
        return Ok(Arc::new(rows.collect::<Float64Array>()));
    }
    divide(sum, count)
}

fn days(arguments: &ScalarFunctionArgs, sign: i32) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let dates = cast(&arrays[0], &DataType::Date32)?;
        let offsets = cast(&arrays[1], &DataType::Int32)?;
        let pairs = dates.as_primitive::<Date32Type>().iter().zip(offsets.as_primitive::<Int32Type>().iter());
        let mut rows = Vec::with_capacity(dates.len());
        for (date, offset) in pairs {
            rows.push(match (date, offset) {
                (Some(date), Some(offset)) => {
                    let moved = offset.checked_mul(sign).and_then(|offset| date.checked_add(offset));
                    Some(moved.ok_or_else(|| {
                        wrap(ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range"))
                    })?)
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
        let rows = pairs.map(|(left, right)| Some(left?.wrapping_sub(right?)));
        Ok(Arc::new(rows.collect::<datafusion::arrow::array::Int32Array>()))
    })
}

fn micros(array: &ArrayRef) -> Result<TimestampMicrosecondArray, DataFusionError> {
    let plain = cast(&cast(array, &SqlType::Timestamptz.arrow())?, &DataType::Int64)?;
    Ok(plain.as_primitive::<Int64Type>().reinterpret_cast::<TimestampMicrosecondType>())
}

const DAY_MICROS: i64 = 86_400_000_000;

/// Days and the rest of the time, never months.
fn timestamp_difference(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let (left, right) = (micros(&arrays[0])?, micros(&arrays[1])?);
        let rows = left.iter().zip(right.iter()).map(|(left, right)| {
            let difference = left?.wrapping_sub(right?);
            let days = i32::try_from(difference / DAY_MICROS).unwrap_or_default();
            Some(IntervalMonthDayNano::new(0, days, (difference % DAY_MICROS) * 1_000))
        });
        Ok(Arc::new(rows.collect::<IntervalMonthDayNanoArray>()))
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
                (Some(span), Some(number)) => Some(scaled(span, if divide { 1.0 / number } else { number })),
                (None, _) | (_, None) => None,
            });
        }
        Ok(Arc::new(IntervalMonthDayNanoArray::from(rows)))
    })
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates, which is the range of an interval")]
fn scaled(span: IntervalMonthDayNano, factor: f64) -> IntervalMonthDayNano {
    let months = f64::from(span.months) * factor;
    let days = f64::from(span.days) * factor + months.fract() * 30.0;
    let nanos = span.nanoseconds as f64 * factor + days.fract() * 86_400e9;
    // Only microseconds exist in PostgreSQL.
    let nanos = (nanos / 1_000.0).round() as i64 * 1_000;
    IntervalMonthDayNano::new(months.trunc() as i32, days.trunc() as i32, nanos)
}

/// The arithmetic of time units needs this type in one place.
pub(super) const MICROSECOND: TimeUnit = TimeUnit::Microsecond;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotients_round_half_away_from_zero() {
        assert_eq!(divide_one(2, 3, 2).unwrap(), 67);
        assert_eq!(divide_one(-2, 3, 2).unwrap(), -67);
        assert_eq!(divide_one(1, -2, 0).unwrap(), -1);
        assert_eq!(divide_one(1, 3, 0).unwrap(), 0);
        assert_eq!(divide_one(10_i128.pow(37), 10_i128.pow(20), 16).unwrap(), 10_i128.pow(33));
        assert!(divide_one(1, 0, 0).is_err());
        assert!(divide_one(10_i128.pow(37), 1, 16).is_err());
    }
}
