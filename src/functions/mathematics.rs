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
        columns("asinh", ONE, |args| unary(&args, |x| Ok(inverse_sine(x)))),
        columns("acosh", ONE, |args| unary(&args, |x| inside(x, 1.0, f64::INFINITY, inverse_cosine))),
        columns("atanh", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, f64::atanh))),
    ]
}

/// From here on, 1 counts for nothing beside the square of a number.
const LARGE: f64 = 1e20;

/// The inverse of the hyperbolic sine. The library doubles its argument, which has no room at the end of the range.
fn inverse_sine(x: f64) -> f64 {
    if x.abs() > LARGE { (x.abs().ln() + std::f64::consts::LN_2).copysign(x) } else { x.asinh() }
}

fn inverse_cosine(x: f64) -> f64 {
    if x > LARGE { x.ln() + std::f64::consts::LN_2 } else { x.acosh() }
}

fn in_degrees() -> Vec<Overload> {
    vec![
        columns("sind", ONE, |args| unary(&args, |x| finite(x, sine))),
        columns("cosd", ONE, |args| unary(&args, |x| finite(x, cosine))),
        columns("tand", ONE, |args| unary(&args, |x| finite(x, tangent))),
        columns("cotd", ONE, |args| unary(&args, |x| finite(x, cotangent))),
        columns("asind", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, arc_sine))),
        columns("acosd", ONE, |args| unary(&args, |x| inside(x, -1.0, 1.0, arc_cosine))),
        columns("atand", ONE, |args| unary(&args, |x| Ok(arc(x.atan())))),
        columns("atan2d", TWO, |args| binary(&args, |y, x| Ok(arc(y.atan2(x))))),
    ]
}

/// In degrees, as PostgreSQL scales it: exact where the angle is a multiple of 30 or 45.
fn arc_sine(x: f64) -> f64 {
    let of_positive = |x: f64| match x <= 0.5 {
        true => x.asin() / 0.5_f64.asin() * 30.0,
        false => 90.0 - x.acos() / 0.5_f64.acos() * 60.0,
    };
    if x < 0.0 { -of_positive(-x) } else { of_positive(x) }
}

fn arc_cosine(x: f64) -> f64 {
    if x < 0.0 { 90.0 + arc_sine(-x) } else { 90.0 - arc_sine(x) }
}

/// A slope in degrees: that of 1 is 45.
fn arc(radians: f64) -> f64 {
    radians / 1.0_f64.atan() * 45.0
}

/// The sine of up to 30 degrees.
fn small_sine(degrees: f64) -> f64 {
    (degrees * DEGREE).sin() / (30.0 * DEGREE).sin() / 2.0
}

/// The cosine of up to 60 degrees.
fn small_cosine(degrees: f64) -> f64 {
    1.0 - (1.0 - (degrees * DEGREE).cos()) / (1.0 - (60.0 * DEGREE).cos()) / 2.0
}

/// The sine of an angle up to 90 degrees.
fn quarter_sine(degrees: f64) -> f64 {
    if degrees <= 30.0 { small_sine(degrees) } else { small_cosine(90.0 - degrees) }
}

fn quarter_cosine(degrees: f64) -> f64 {
    if degrees <= 60.0 { small_cosine(degrees) } else { small_sine(90.0 - degrees) }
}

/// An angle in the first quarter, and the signs of its sine and of its cosine.
fn in_first_quarter(degrees: f64) -> (f64, f64, f64) {
    let turn = degrees % 360.0;
    let (angle, sine) = if turn < 0.0 { (-turn, -1.0) } else { (turn, 1.0) };
    let (angle, sine) = if angle > 180.0 { (360.0 - angle, -sine) } else { (angle, sine) };
    if angle > 90.0 { (180.0 - angle, sine, -1.0) } else { (angle, sine, 1.0) }
}

fn sine(degrees: f64) -> f64 {
    let (angle, sign, _) = in_first_quarter(degrees);
    sign * quarter_sine(angle)
}

fn cosine(degrees: f64) -> f64 {
    let (angle, _, sign) = in_first_quarter(degrees);
    sign * quarter_cosine(angle)
}

fn tangent(degrees: f64) -> f64 {
    let (angle, sine, cosine) = in_first_quarter(degrees);
    let of_45 = quarter_sine(45.0) / quarter_cosine(45.0);
    without_minus(sine * cosine * (quarter_sine(angle) / quarter_cosine(angle) / of_45))
}

fn cotangent(degrees: f64) -> f64 {
    let (angle, sine, cosine) = in_first_quarter(degrees);
    let of_45 = quarter_cosine(45.0) / quarter_sine(45.0);
    without_minus(sine * cosine * (quarter_cosine(angle) / quarter_sine(angle) / of_45))
}

/// 0 has no sign here.
fn without_minus(x: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x }
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
