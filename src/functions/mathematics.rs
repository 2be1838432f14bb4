//! `power`, `sqrt`, `ln`, `log`, `exp`: double precision, with PostgreSQL's errors where the library gives NaN.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Float64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::function::{Function, by_arrays};

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("power", floats, |args| binary(&args, power)),
        Function::strict("pow", floats, |args| binary(&args, power)),
        Function::strict("sqrt", floats, |args| unary(&args, square_root)),
        Function::strict("exp", floats, |args| unary(&args, |x| within(x.exp(), x.is_finite()))),
        Function::strict("ln", floats, |args| unary(&args, |x| logarithm(x, f64::ln))),
        Function::strict("log10", floats, |args| unary(&args, |x| logarithm(x, f64::log10))),
        Function::strict("log", floats, |args| match args.args.len() {
            1 => unary(&args, |x| logarithm(x, f64::log10)),
            _ => binary(&args, |base, x| Ok(logarithm(x, f64::ln)? / logarithm(base, f64::ln)?)),
        }),
    ]
}

fn floats(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let fits = !types.is_empty() && types.iter().all(|one| one.is_numeric() || one.is_null());
    fits.then_some(DataType::Float64)
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
    within(base.powf(exponent), base.is_finite() && exponent.is_finite())
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
    if arguments.args.len() != 2 {
        return Err(wrap(super::function::undefined("power", &[])));
    }
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
