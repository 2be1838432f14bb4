//! The functions of double precision, with PostgreSQL's errors where the library gives NaN.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::function::by_arrays;
use super::overload::{Overload, columns, lenient};

const ONE: &str = "(float8) float8";
/// In radians.
const DEGREE: f64 = std::f64::consts::PI / 180.0;
const TWO: &str = "(float8, float8) float8";

pub(super) fn functions() -> Vec<Overload> {
    let mut all = vec![
        columns("power", TWO, |args| binary(&args, power)),
        columns("pow", TWO, |args| binary(&args, power)),
        columns("sqrt", ONE, |args| unary(&args, square_root)),
        columns("exp", ONE, |args| unary(&args, |x| within_both(x.exp(), x.is_finite()))),
        columns("ln", ONE, |args| unary(&args, |x| logarithm(x, f64::ln))),
        columns("log10", ONE, |args| unary(&args, |x| logarithm(x, f64::log10))),
        columns("log", ONE, |args| unary(&args, |x| logarithm(x, f64::log10))),
        columns("cbrt", ONE, |args| unary(&args, |x| Ok(x.cbrt()))),
        columns("degrees", ONE, |args| unary(&args, |x| within(x / DEGREE, x.is_finite()))),
        columns("radians", ONE, |args| unary(&args, |x| Ok(x * DEGREE))),
        lenient("pi", "() float8", |_| Ok(ScalarValue::Float64(Some(std::f64::consts::PI)))),
        lenient("random", "() float8", |_| Ok(ScalarValue::Float64(Some(rand::random::<f64>())))).volatile(),
    ];
    all.extend(circular());
    all.extend(in_degrees());
    all
}

fn circular() -> Vec<Overload> {
    vec![
        columns("sin", ONE, |args| unary(&args, |x| finite(x, f64::sin))),
        columns("cos", ONE, |args| unary(&args, |x| finite(x, f64::cos))),
        columns("tan", ONE, |args| unary(&args, |x| finite(x, f64::tan))),
        columns("cot", ONE, |args| unary(&args, |x| finite(x, |x| 1.0 / x.tan()))),
        columns("asin", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, f64::asin))),
        columns("acos", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, f64::acos))),
        columns("atan", ONE, |args| unary(&args, |x| Ok(x.atan()))),
        columns("atan2", TWO, |args| binary(&args, |y, x| Ok(y.atan2(x)))),
        columns("sinh", ONE, |args| unary(&args, |x| Ok(x.sinh()))),
        columns("cosh", ONE, |args| unary(&args, |x| Ok(x.cosh()))),
        columns("tanh", ONE, |args| unary(&args, |x| Ok(x.tanh()))),
        columns("asinh", ONE, |args| unary(&args, |x| Ok(x.asinh()))),
        columns("acosh", ONE, |args| unary(&args, |x| inside(x, 1.0, f64::INFINITY, f64::acosh))),
        columns("atanh", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, f64::atanh))),
    ]
}

fn in_degrees() -> Vec<Overload> {
    vec![
        columns("sind", ONE, |args| unary(&args, |x| finite(x, sine))),
        columns("cosd", ONE, |args| unary(&args, |x| finite(x, |x| sine(x + 90.0)))),
        columns("tand", ONE, |args| unary(&args, |x| finite(x, tangent))),
        columns("cotd", ONE, |args| unary(&args, |x| finite(x, |x| tangent(90.0 - x)))),
        columns("asind", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, |x| whole(x.asin().to_degrees())))),
        columns("acosd", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, |x| whole(x.acos().to_degrees())))),
        columns("atand", ONE, |args| unary(&args, |x| Ok(whole(x.atan().to_degrees())))),
        columns("atan2d", TWO, |args| binary(&args, |y, x| Ok(whole(y.atan2(x).to_degrees())))),
    ]
}

/// Where degrees come out whole but for the last bits, they are whole.
fn whole(degrees: f64) -> f64 {
    let near = degrees.round();
    if (degrees - near).abs() < 1e-13 * near.abs().max(1.0) { near } else { degrees }
}

/// Exact where the sine is 0, 1/2 or 1.
fn sine(degrees: f64) -> f64 {
    let turn = degrees.rem_euclid(360.0);
    match turn {
        0.0 | 180.0 => 0.0,
        30.0 | 150.0 => 0.5,
        90.0 => 1.0,
        210.0 | 330.0 => -0.5,
        270.0 => -1.0,
        other => other.to_radians().sin(),
    }
}

fn tangent(degrees: f64) -> f64 {
    match degrees.rem_euclid(180.0) {
        0.0 => 0.0,
        45.0 => 1.0,
        90.0 => f64::INFINITY,
        135.0 => -1.0,
        _ => sine(degrees) / sine(degrees + 90.0),
    }
}

fn out_of_range() -> DataFusionError {
    fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "input is out of range")
}

fn finite(x: f64, of: fn(f64) -> f64) -> Result<f64, DataFusionError> {
    if x.is_infinite() { Err(out_of_range()) } else { Ok(of(x)) }
}

fn inside(x: f64, low: f64, high: f64, of: fn(f64) -> f64) -> Result<f64, DataFusionError> {
    if x < low || x > high { Err(out_of_range()) } else { Ok(of(x)) }
}

fn fail(state: SqlState, message: &str) -> DataFusionError {
    wrap(ErrorReport::new(state, message))
}

fn within(result: f64, from_finite: bool) -> Result<f64, DataFusionError> {
    if result.is_infinite() && from_finite {
        return Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: overflow"));
    }
    Ok(result)
}

/// As [`within`], where a result of 0 is one that is too small.
fn within_both(result: f64, from_finite: bool) -> Result<f64, DataFusionError> {
    if result == 0.0 && from_finite {
        return Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range: underflow"));
    }
    within(result, from_finite)
}

fn square_root(x: f64) -> Result<f64, DataFusionError> {
    if x < 0.0 {
        return Err(fail(
            SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION,
            "cannot take square root of a negative number",
        ));
    }
    Ok(x.sqrt())
}

fn logarithm(x: f64, of: fn(f64) -> f64) -> Result<f64, DataFusionError> {
    let state = SqlState::INVALID_ARGUMENT_FOR_LOGARITHM;
    if x == 0.0 {
        return Err(fail(state, "cannot take logarithm of zero"));
    }
    if x < 0.0 {
        return Err(fail(state, "cannot take logarithm of a negative number"));
    }
    Ok(of(x))
}

fn power(base: f64, exponent: f64) -> Result<f64, DataFusionError> {
    let state = SqlState::INVALID_ARGUMENT_FOR_POWER_FUNCTION;
    if base == 0.0 && exponent < 0.0 {
        return Err(fail(state, "zero raised to a negative power is undefined"));
    }
    if base < 0.0 && exponent.is_finite() && exponent.fract() != 0.0 {
        return Err(fail(state, "a negative number raised to a non-integer power yields a complex result"));
    }
    let (result, from_finite) = (base.powf(exponent), base.is_finite() && exponent.is_finite());
    if base == 0.0 { within(result, from_finite) } else { within_both(result, from_finite) }
}

fn unary(
    arguments: &ScalarFunctionArgs,
    of: impl Fn(f64) -> Result<f64, DataFusionError>,
) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let values = cast(&arrays[0], &DataType::Float64)?;
        let rows = values.as_primitive::<Float64Type>().iter().map(|value| value.map(&of).transpose());
        Ok(Arc::new(rows.collect::<Result<Float64Array, _>>()?))
    })
}

fn binary(
    arguments: &ScalarFunctionArgs,
    of: impl Fn(f64, f64) -> Result<f64, DataFusionError>,
) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let left = cast(&arrays[0], &DataType::Float64)?;
        let right = cast(&arrays[1], &DataType::Float64)?;
        let (left, right) = (left.as_primitive::<Float64Type>(), right.as_primitive::<Float64Type>());
        let mut rows = Vec::with_capacity(left.len());
        for (a, b) in left.iter().zip(right.iter()) {
            rows.push(match (a, b) {
                (Some(a), Some(b)) => Some(of(a, b)?),
                (None, _) | (_, None) => None,
            });
        }
        Ok(Arc::new(Float64Array::from(rows)))
    })
}
