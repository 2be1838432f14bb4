//! `round`, `trunc`, `ceil`, `floor`, `sign`: numeric stays numeric, and rounds half away from zero; double precision
//! rounds half to even.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowNativeTypeOp, ArrowPrimitiveType, AsArray, Decimal128Array, Float64Array, PrimitiveArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::function::by_arrays;
use super::overload::{Call, Overload, columns, strict};
use super::value::{fail, overflow};

pub(super) fn functions() -> Vec<Overload> {
    let mut all = vec![
        columns("round", "(numeric, int4) numeric", |args| run(&args, Direction::HalfAway)).returning(rounded_type),
        columns("trunc", "(numeric, int4) numeric", |args| run(&args, Direction::TowardZero)).returning(rounded_type),
    ];
    for signature in ["(float8) float8", "(numeric) numeric"] {
        all.extend([
            columns("round", signature, |args| run(&args, Direction::HalfAway)).returning(whole_type),
            columns("trunc", signature, |args| run(&args, Direction::TowardZero)).returning(whole_type),
            columns("ceil", signature, |args| run(&args, Direction::Upward)).returning(whole_type),
            columns("ceiling", signature, |args| run(&args, Direction::Upward)).returning(whole_type),
            columns("floor", signature, |args| run(&args, Direction::Downward)).returning(whole_type),
            columns("sign", signature, |args| sign(&args)).returning(whole_type),
        ]);
    }
    for signature in ["(int2) int2", "(int4) int4", "(int8) int8", "(float4) float4", "(float8) float8"] {
        all.push(strict("abs", signature, absolute));
    }
    all.push(strict("abs", "(numeric) numeric", absolute).returning(|types, _| types.first().cloned()));
    all
}

fn absolute(call: &Call<'_>) -> Result<ScalarValue, ErrorReport> {
    let out_of_range = |name: &str| fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{name} out of range"));
    Ok(match &call.args[0] {
        ScalarValue::Int16(Some(value)) => {
            ScalarValue::Int16(Some(value.checked_abs().ok_or_else(|| out_of_range("smallint"))?))
        }
        ScalarValue::Int32(Some(value)) => {
            ScalarValue::Int32(Some(value.checked_abs().ok_or_else(|| out_of_range("integer"))?))
        }
        ScalarValue::Int64(Some(value)) => {
            ScalarValue::Int64(Some(value.checked_abs().ok_or_else(|| out_of_range("bigint"))?))
        }
        ScalarValue::Float32(Some(value)) => ScalarValue::Float32(Some(value.abs())),
        ScalarValue::Float64(Some(value)) => ScalarValue::Float64(Some(value.abs())),
        ScalarValue::Decimal128(Some(value), precision, scale) => {
            ScalarValue::Decimal128(Some(value.abs()), *precision, *scale)
        }
        ScalarValue::Decimal256(Some(value), precision, scale) => {
            ScalarValue::Decimal256(Some(value.wrapping_abs()), *precision, *scale)
        }
        other => other.clone(),
    })
}

/// The scale that a literal second argument asks for; a column's values can only round within the scale there is.
fn rounded_type(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types {
        [one] => whole_type(std::slice::from_ref(one), literals),
        [one, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Null] => {
            let scale = match one {
                DataType::Decimal128(_, scale) => *scale,
                // Some of the digits of the result stand before the point.
                DataType::Decimal256(_, scale) => (*scale).min(30),
                DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Null => 0,
                _ => return None,
            };
            let wanted = match literals.get(1) {
                Some(Some(literal)) => literal.cast_to(&DataType::Int64).ok().and_then(|value| match value {
                    ScalarValue::Int64(digits) => digits,
                    _ => None,
                }),
                Some(None) | None => None,
            };
            let scale = wanted.map_or(scale, |digits| i8::try_from(digits.clamp(0, 30)).unwrap_or(scale));
            Some(DataType::Decimal128(38, scale))
        }
        _ => None,
    }
}

fn whole_type(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types {
        [DataType::Decimal128(_, _) | DataType::Decimal256(_, _)] => Some(DataType::Decimal128(38, 0)),
        [one] if one.is_numeric() || one.is_null() => Some(DataType::Float64),
        _ => None,
    }
}

/// Where a number goes that is not whole.
#[derive(Debug, Clone, Copy)]
enum Direction {
    HalfAway,
    TowardZero,
    Upward,
    Downward,
}

impl Direction {
    fn of_float(self, value: f64) -> f64 {
        match self {
            Self::HalfAway => value.round_ties_even(),
            Self::TowardZero => value.trunc(),
            Self::Upward => value.ceil(),
            Self::Downward => value.floor(),
        }
    }

    /// How many whole units a value has.
    fn of_units<T: ArrowNativeTypeOp>(self, value: T, unit: T) -> T {
        let (quotient, rest) = (value.div_wrapping(unit), value.mod_wrapping(unit));
        let positive = rest.is_gt(T::ZERO);
        let size = if positive { rest } else { rest.neg_wrapping() };
        let away = match self {
            Self::HalfAway => size.is_ge(unit.sub_wrapping(size)),
            Self::TowardZero => false,
            Self::Upward => positive,
            Self::Downward => rest.is_lt(T::ZERO),
        };
        match (away, positive) {
            (false, _) => quotient,
            (true, true) => quotient.add_wrapping(T::ONE),
            (true, false) => quotient.sub_wrapping(T::ONE),
        }
    }
}

fn run(arguments: &ScalarFunctionArgs, direction: Direction) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| match (&result, arrays[0].data_type()) {
        (DataType::Decimal128(_, to), DataType::Decimal256(_, scale)) => {
            let rows = rounded::<Decimal256Type>(arrays[0].as_primitive(), *scale, arrays.get(1), *to, direction)?;
            decimals(rows.into_iter().map(|row| row.map_or(Some(None), |row| row.to_i128().map(Some))), *to)
        }
        (DataType::Decimal128(_, to), found) => {
            let scale = if let DataType::Decimal128(_, scale) = found { *scale } else { 0 };
            let values = cast(&arrays[0], &DataType::Decimal128(38, scale))?;
            let rows = rounded::<Decimal128Type>(values.as_primitive(), scale, arrays.get(1), *to, direction)?;
            decimals(rows.into_iter().map(Some), *to)
        }
        _ => {
            let values = cast(&arrays[0], &DataType::Float64)?;
            let values = values.as_primitive::<Float64Type>().iter();
            Ok(Arc::new(values.map(|value| value.map(|value| direction.of_float(value))).collect::<Float64Array>()))
        }
    })
}

/// The rows as a column; one that is too large for it is an error.
fn decimals(rows: impl Iterator<Item = Option<Option<i128>>>, scale: i8) -> Result<ArrayRef, DataFusionError> {
    let rows = rows.map(|row| row.ok_or_else(|| wrap(overflow()))).collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(Decimal128Array::from(rows).with_precision_and_scale(38, scale)?))
}

/// Every value rounded to its number of digits after the point, and brought to the scale of the result.
fn rounded<T: ArrowPrimitiveType>(
    values: &PrimitiveArray<T>,
    scale: i8,
    digits: Option<&ArrayRef>,
    result_scale: i8,
    direction: Direction,
) -> Result<Vec<Option<T::Native>>, DataFusionError> {
    let digits = digits.map(|digits| cast(digits, &DataType::Int64)).transpose()?;
    let digits = |row: usize| match &digits {
        Some(digits) if digits.is_null(row) => None,
        Some(digits) => Some(digits.as_primitive::<Int64Type>().value(row)),
        None => Some(0),
    };
    let one = |row: usize| match digits(row) {
        Some(digits) if values.is_valid(row) => {
            let value = round_one(values.value(row), scale, digits, result_scale, direction);
            value.map(Some).ok_or_else(|| wrap(overflow()))
        }
        Some(_) | None => Ok(None),
    };
    (0..values.len()).map(one).collect()
}

/// `None` when the result does not fit.
fn round_one<T: ArrowNativeTypeOp>(
    value: T,
    scale: i8,
    digits: i64,
    result_scale: i8,
    direction: Direction,
) -> Option<T> {
    let digits = digits.clamp(-76, i64::from(scale));
    let ten = T::usize_as(10);
    let power = |power: i64| ten.pow_checked(u32::try_from(power).ok()?).ok();
    // A unit that is too large for the type is larger than any value.
    let Some(unit) = power(i64::from(scale) - digits) else { return Some(T::ZERO) };
    // The value has `digits` digits after the point now.
    let rounded = direction.of_units(value, unit);
    let shift = i64::from(result_scale) - digits;
    if shift < 0 {
        return power(-shift).map(|factor| rounded.div_wrapping(factor));
    }
    if rounded.is_zero() { Some(rounded) } else { rounded.mul_checked(power(shift)?).ok() }
}

fn sign(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| {
        let values = cast(&arrays[0], &DataType::Float64)?;
        let signs = values
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(|value| if value == 0.0 || value.is_nan() { 0.0 } else { value.signum() }));
        Ok(cast(&(Arc::new(signs.collect::<Float64Array>()) as ArrayRef), &result)?)
    })
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::i256;

    use super::*;

    #[test]
    fn decimals_round_in_every_direction() {
        use Direction::{Downward, HalfAway, TowardZero, Upward};
        let round = |value: i128, scale, digits, to, direction| {
            let wide = round_one(i256::from_i128(value), scale, digits, to, direction).and_then(i256::to_i128);
            let narrow = round_one(value, scale, digits, to, direction);
            assert_eq!(narrow, wide, "{value} {direction:?}");
            narrow
        };
        assert_eq!(round(-2_500, 3, 0, 0, HalfAway), Some(-3));
        assert_eq!(round(2_499, 3, 0, 0, HalfAway), Some(2));
        assert_eq!(round(2_345, 3, 2, 2, HalfAway), Some(235));
        assert_eq!(round(-2_345, 3, 2, 2, TowardZero), Some(-234));
        assert_eq!(round(123_456, 3, -2, 0, HalfAway), Some(100));
        assert_eq!(round(-2_500, 3, 0, 0, Upward), Some(-2));
        assert_eq!(round(-2_500, 3, 0, 0, Downward), Some(-3));
        assert_eq!(round(15, 1, 3, 3, HalfAway), Some(1_500));
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let large = 10_i128.pow(37) * 9;
        assert_eq!(round_one(large, 0, 0, 2, Direction::HalfAway), None);
        assert_eq!(round_one(large, 38, 0, 0, Direction::HalfAway), Some(1));
        assert_eq!(round_one(0_i128, 0, 0, 38, Direction::HalfAway), Some(0));
        assert_eq!(round_one(large, 38, -60, 0, Direction::HalfAway), Some(0));
    }
}
