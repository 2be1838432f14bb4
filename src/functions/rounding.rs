//! `round`, `trunc`, `ceil`, `floor`, `sign`: numeric stays numeric, and rounds half away from zero; double precision
//! rounds half to even.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::base::{ErrorReport, SqlState};

use super::function::by_arrays;
use super::overload::{Call, Overload, columns, strict};
use super::value::fail;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = vec![
        columns("round", "(numeric, int4) numeric", |args| run(&args, half_away, f64::round_ties_even))
            .returning(rounded_type),
        columns("trunc", "(numeric, int4) numeric", |args| run(&args, toward_zero, f64::trunc)).returning(rounded_type),
    ];
    for signature in ["(float8) float8", "(numeric) numeric"] {
        all.extend([
            columns("round", signature, |args| run(&args, half_away, f64::round_ties_even)).returning(whole_type),
            columns("trunc", signature, |args| run(&args, toward_zero, f64::trunc)).returning(whole_type),
            columns("ceil", signature, |args| run(&args, upward, f64::ceil)).returning(whole_type),
            columns("ceiling", signature, |args| run(&args, upward, f64::ceil)).returning(whole_type),
            columns("floor", signature, |args| run(&args, downward, f64::floor)).returning(whole_type),
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
        other => other.clone(),
    })
}

/// The scale that a literal second argument asks for; a column's values can only round within the scale there is.
fn rounded_type(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types {
        [one] => whole_type(std::slice::from_ref(one), literals),
        [one, DataType::Int16 | DataType::Int32 | DataType::Int64 | DataType::Null] => {
            let scale = match one {
                DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
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

type Decimals = fn(i128, i128) -> i128;

fn half_away(value: i128, unit: i128) -> i128 {
    let (quotient, rest) = (value / unit, value % unit);
    if rest.abs() * 2 >= unit { quotient + value.signum() } else { quotient }
}

fn toward_zero(value: i128, unit: i128) -> i128 {
    value / unit
}

fn upward(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit) + i128::from(value.rem_euclid(unit) != 0)
}

fn downward(value: i128, unit: i128) -> i128 {
    value.div_euclid(unit)
}

fn run(
    arguments: &ScalarFunctionArgs,
    decimals: Decimals,
    floats: fn(f64) -> f64,
) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| match &result {
        DataType::Decimal128(_, scale) => round_decimals(arrays, *scale, decimals),
        _ => {
            let values = cast(&arrays[0], &DataType::Float64)?;
            Ok(Arc::new(
                values.as_primitive::<Float64Type>().iter().map(|value| value.map(floats)).collect::<Float64Array>(),
            ))
        }
    })
}

fn round_decimals(arrays: &[ArrayRef], result_scale: i8, how: Decimals) -> Result<ArrayRef, DataFusionError> {
    let scale = match arrays[0].data_type() {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => *scale,
        _ => 0,
    };
    let values = cast(&arrays[0], &DataType::Decimal128(38, scale))?;
    let values = values.as_primitive::<Decimal128Type>();
    let digits = match arrays.get(1) {
        Some(digits) => Some(cast(digits, &DataType::Int64)?),
        None => None,
    };
    let mut rows = Vec::with_capacity(values.len());
    for row in 0..values.len() {
        let digits = match &digits {
            Some(digits) if digits.is_null(row) => None,
            Some(digits) => Some(digits.as_primitive::<Int64Type>().value(row)),
            None => Some(0),
        };
        rows.push(match digits {
            Some(digits) if values.is_valid(row) => {
                Some(round_one(values.value(row), scale, digits, result_scale, how))
            }
            Some(_) | None => None,
        });
    }
    Ok(Arc::new(Decimal128Array::from(rows).with_precision_and_scale(38, result_scale)?))
}

fn round_one(value: i128, scale: i8, digits: i64, result_scale: i8, how: Decimals) -> i128 {
    let digits = digits.clamp(-38, i64::from(scale));
    let drop = u32::try_from(i64::from(scale) - digits).unwrap_or_default();
    let Some(unit) = 10_i128.checked_pow(drop) else { return 0 };
    // The value has `digits` digits after the point now.
    let rounded = how(value, unit);
    let shift = i64::from(result_scale) - digits;
    let factor = 10_i128.pow(u32::try_from(shift.unsigned_abs().min(38)).unwrap_or_default());
    if shift >= 0 { rounded.saturating_mul(factor) } else { rounded / factor }
}

fn sign(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| {
        let values = cast(&arrays[0], &DataType::Float64)?;
        let signs = values
            .as_primitive::<Float64Type>()
            .iter()
            .map(|value| value.map(|value| if value == 0.0 { 0.0 } else { value.signum() }));
        Ok(cast(&(Arc::new(signs.collect::<Float64Array>()) as ArrayRef), &result)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_round_in_every_direction() {
        assert_eq!(round_one(-2_500, 3, 0, 0, half_away), -3);
        assert_eq!(round_one(2_499, 3, 0, 0, half_away), 2);
        assert_eq!(round_one(2_345, 3, 2, 2, half_away), 235);
        assert_eq!(round_one(123_456, 3, -2, 0, half_away), 100);
        assert_eq!(round_one(-2_500, 3, 0, 0, upward), -2);
        assert_eq!(round_one(-2_500, 3, 0, 0, downward), -3);
        assert_eq!(round_one(15, 1, 3, 3, half_away), 1_500);
    }
}
