//! The functions of numbers.

use std::cmp::Ordering;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::function::Returns;
use super::super::overload::{Call, Overload, lenient, strict};
use super::super::signature::scale_of;
use super::super::value::{fail, int4, items, null, overflow};
use super::big::{Big, division_by_zero, zero};
use super::elementary::{exponential, logarithm_to, natural_logarithm, power, square_root};

type Found = Result<ScalarValue, ErrorReport>;

pub(in crate::functions) fn functions() -> Vec<Overload> {
    let mut all = arithmetic();
    all.extend(elementary());
    all.extend(whole());
    all.extend(digits());
    all.extend(buckets());
    all
}

/// A column of results: enough digits for most, as PostgreSQL gives each its own.
fn fine(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    Some(DataType::Decimal128(38, most_digits(types).max(16)))
}

/// The most digits after the point that an argument has, as far as a result has room for them beside those before it.
fn most_digits(types: &[DataType]) -> i8 {
    let most = types.iter().map(scale_of).max().unwrap_or_default();
    if types.iter().any(|one| matches!(one, DataType::Decimal256(_, _))) { most.min(30) } else { most }
}

fn widest(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    Some(DataType::Decimal128(38, most_digits(types)))
}

fn whole_numbers(_types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    Some(DataType::Decimal128(38, 0))
}

const FINE: Returns = fine;
const WIDEST: Returns = widest;
const WHOLE: Returns = whole_numbers;

fn pair(call: &Call<'_>) -> (Big, Big) {
    (Big::of(&call.args[0]), Big::of(&call.args[1]))
}

fn quotient(call: &Call<'_>) -> Found {
    let (left, right) = pair(call);
    if right.is_zero() {
        return Err(division_by_zero());
    }
    left.divide(&right, left.quotient_scale(&right)).value()
}

fn arithmetic() -> Vec<Overload> {
    vec![
        strict("numeric_divide", "(numeric, numeric) numeric", quotient).returning(FINE),
        strict("avg_of", "(int8, int8) numeric", quotient).returning(FINE),
        strict("avg_of", "(numeric, int8) numeric", quotient).returning(FINE),
        strict("avg_of", "(float8, int8) float8", float_average),
        strict("div", "(numeric, numeric) numeric", |call| {
            let (left, right) = pair(call);
            if right.is_zero() { Err(division_by_zero()) } else { left.divide_cut(&right).value() }
        })
        .returning(WHOLE),
        strict("mod", "(numeric, numeric) numeric", |call| {
            let (left, right) = pair(call);
            if right.is_zero() { Err(division_by_zero()) } else { left.remainder(&right).value() }
        })
        .returning(WIDEST),
        strict("mod", "(int2, int2) int2", remainder),
        strict("mod", "(int4, int4) int4", remainder),
        strict("mod", "(int8, int8) int8", remainder),
    ]
}

#[expect(clippy::cast_precision_loss, reason = "a count of rows")]
fn float_average(call: &Call<'_>) -> Found {
    Ok(ScalarValue::Float64(Some(call.float(0) / call.int(1) as f64)))
}

fn remainder(call: &Call<'_>) -> Found {
    if call.int(1) == 0 {
        return Err(division_by_zero());
    }
    ScalarValue::Int64(Some(call.int(0).wrapping_rem(call.int(1)))).cast_to(call.returns).map_err(|_| overflow())
}

fn elementary() -> Vec<Overload> {
    vec![
        strict("sqrt", "(numeric) numeric", |call| square_root(&Big::of(&call.args[0]), None)?.value()).returning(FINE),
        strict("exp", "(numeric) numeric", |call| exponential(&Big::of(&call.args[0]))?.value()).returning(FINE),
        strict("ln", "(numeric) numeric", |call| natural_logarithm(&Big::of(&call.args[0]))?.value()).returning(FINE),
        strict("log", "(numeric) numeric", decimal_logarithm).returning(FINE),
        strict("log10", "(numeric) numeric", decimal_logarithm).returning(FINE),
        strict("log", "(numeric, numeric) numeric", |call| {
            let (base, x) = pair(call);
            logarithm_to(&base, &x)?.value()
        })
        .returning(FINE),
        strict("power", "(numeric, numeric) numeric", |call| {
            let (base, exponent) = pair(call);
            power(&base, &exponent)?.value()
        })
        .returning(FINE),
        strict("pow", "(numeric, numeric) numeric", |call| {
            let (base, exponent) = pair(call);
            power(&base, &exponent)?.value()
        })
        .returning(FINE),
    ]
}

fn decimal_logarithm(call: &Call<'_>) -> Found {
    logarithm_to(&Big::new(10, 0), &Big::of(&call.args[0]))?.value()
}

fn whole() -> Vec<Overload> {
    vec![
        strict("factorial", "(int8) numeric", factorial).returning(WHOLE),
        strict("gcd", "(int4, int4) int4", |call| integer(&greatest_divisor(&pair(call)), call)),
        strict("gcd", "(int8, int8) int8", |call| integer(&greatest_divisor(&pair(call)), call)),
        strict("gcd", "(numeric, numeric) numeric", |call| greatest_divisor(&pair(call)).value()).returning(WIDEST),
        strict("lcm", "(int4, int4) int4", |call| integer(&least_multiple(&pair(call)), call)),
        strict("lcm", "(int8, int8) int8", |call| integer(&least_multiple(&pair(call)), call)),
        strict("lcm", "(numeric, numeric) numeric", |call| least_multiple(&pair(call)).value()).returning(WIDEST),
    ]
}

fn integer(found: &Big, call: &Call<'_>) -> Found {
    match call.returns {
        DataType::Int32 => match found.int8()? {
            ScalarValue::Int64(Some(value)) => int4(value),
            other => Ok(other),
        },
        _ => found.int8(),
    }
}

fn factorial(call: &Call<'_>) -> Found {
    let number = call.int(0);
    if number < 0 {
        let message = "factorial of a negative number is undefined";
        return Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    // 34! has more digits than a numeric.
    if number > 40 {
        return Err(overflow().with_detail("A numeric has at most 38 digits here."));
    }
    (1..=number).fold(Big::new(1, 0), |product, one| product.multiply(&Big::new(one, 0))).value()
}

fn greatest_divisor((a, b): &(Big, Big)) -> Big {
    let (mut a, mut b) = (a.clone(), b.clone());
    let scale = a.scale.max(b.scale);
    while !b.is_zero() {
        let rest = a.remainder(&b);
        a = std::mem::replace(&mut b, rest);
    }
    let found = a.at(scale);
    if found.is_negative() { Big { digits: -found.digits, scale } } else { found }
}

fn least_multiple(pair: &(Big, Big)) -> Big {
    let (a, b) = pair;
    let scale = a.scale.max(b.scale);
    if a.is_zero() || b.is_zero() {
        return Big { digits: zero(), scale };
    }
    let found = a.divide_cut(&greatest_divisor(pair)).multiply(b).at(scale);
    if found.is_negative() { Big { digits: -found.digits, scale } } else { found }
}

fn digits() -> Vec<Overload> {
    vec![
        strict("scale", "(numeric) int4", |call| int4(Big::of(&call.args[0]).scale)),
        strict("min_scale", "(numeric) int4", |call| int4(Big::of(&call.args[0]).trimmed().scale)),
        strict("trim_scale", "(numeric) numeric", |call| Big::of(&call.args[0]).trimmed().value()).returning(WIDEST),
    ]
}

fn buckets() -> Vec<Overload> {
    vec![
        strict("width_bucket", "(float8, float8, float8, int4) int4", |call| {
            let (value, low, high) = (call.float(0), call.float(1), call.float(2));
            check_bounds(call.int(3), low == high)?;
            if value.is_nan() || low.is_nan() || high.is_nan() {
                return Err(bucket_error("operand, lower bound, and upper bound cannot be NaN"));
            }
            if low.is_infinite() || high.is_infinite() {
                return Err(bucket_error("lower and upper bounds must be finite"));
            }
            #[expect(clippy::cast_precision_loss, reason = "a number of buckets")]
            let part = (value - low) / (high - low) * call.int(3) as f64;
            #[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
            bucket(part < 0.0, value == high || part >= f64::from(i32::MAX), part.floor() as i64, call.int(3))
        }),
        strict("width_bucket", "(numeric, numeric, numeric, int4) int4", |call| {
            let (value, low) = pair(call);
            let high = Big::of(&call.args[2]);
            check_bounds(call.int(3), low.compare(&high).is_eq())?;
            let (over, width) = (value.subtract(&low), high.subtract(&low));
            let before = over.is_negative() != width.is_negative() && !over.is_zero();
            let part = over.multiply(&Big::new(call.int(3), 0)).divide_cut(&width);
            let part = i64::try_from(&part.digits).unwrap_or(i64::MAX);
            bucket(before, false, part, call.int(3))
        }),
        lenient("width_bucket", "(anycompatible, anycompatiblearray) int4", |call| {
            if call.is_null(0) || call.is_null(1) {
                return null(call);
            }
            let thresholds = items(&call.args[1])?;
            if thresholds.iter().any(|limit| matches!(limit, ScalarValue::List(_))) {
                return Err(fail(SqlState::ARRAY_SUBSCRIPT_ERROR, "thresholds must be one-dimensional array"));
            }
            if thresholds.iter().any(ScalarValue::is_null) {
                return Err(fail(SqlState::NULL_VALUE_NOT_ALLOWED, "thresholds array must not contain NULLs"));
            }
            let reached = |limit: &ScalarValue| {
                matches!(limit.partial_cmp(&call.args[0]), Some(Ordering::Less | Ordering::Equal))
            };
            int4(i64::try_from(thresholds.iter().filter(|limit| reached(limit)).count()).unwrap_or(i64::MAX))
        }),
    ]
}

fn bucket_error(message: &str) -> ErrorReport {
    fail(SqlState::INVALID_ARGUMENT_FOR_WIDTH_BUCKET_FUNCTION, message)
}

fn check_bounds(count: i64, equal: bool) -> Result<(), ErrorReport> {
    if count <= 0 {
        return Err(bucket_error("count must be greater than zero"));
    }
    if equal { Err(bucket_error("lower bound cannot equal upper bound")) } else { Ok(()) }
}

fn bucket(before: bool, after: bool, part: i64, count: i64) -> Found {
    int4(match (before, after) {
        (true, _) => 0,
        (_, true) => count + 1,
        _ => part.saturating_add(1).min(count + 1),
    })
}
