//! Numbers as operands: the type in which two of them meet, and constants that fit the type of the other one.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, Operator};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::operators::{convert, literal_type};

pub(super) fn is_integer(data_type: &DataType) -> bool {
    data_type.is_integer()
}

pub(super) fn is_number(data_type: &DataType) -> bool {
    data_type.is_numeric()
}

/// Where a type stands among the numbers.
fn rank(data_type: &DataType) -> u8 {
    match data_type {
        DataType::Int8 | DataType::UInt8 | DataType::Int16 => 1,
        DataType::UInt16 | DataType::Int32 => 2,
        DataType::Int64 | DataType::UInt64 | DataType::UInt32 => 3,
        DataType::Decimal32(_, _)
        | DataType::Decimal64(_, _)
        | DataType::Decimal128(_, _)
        | DataType::Decimal256(_, _) => 4,
        DataType::Float16 | DataType::Float32 => 5,
        _ => 6,
    }
}

/// The type in which two numbers meet. For decimals it says only that they are: their digits differ.
pub(super) fn common_number(a: &DataType, b: &DataType) -> DataType {
    match (rank(a), rank(b)) {
        (5, 5) => DataType::Float32,
        (a, b) if a >= 5 || b >= 5 => DataType::Float64,
        (a, b) if a == 4 || b == 4 => DataType::Decimal128(38, 0),
        (a, b) => match a.max(b) {
            1 => DataType::Int16,
            2 => DataType::Int32,
            _ => DataType::Int64,
        },
    }
}

/// The decimal that holds every value of an integer type; decimals stay as they are.
fn as_decimal(data_type: &DataType) -> DataType {
    match rank(data_type) {
        1 => DataType::Decimal128(5, 0),
        2 => DataType::Decimal128(10, 0),
        3 => DataType::Decimal128(20, 0),
        _ => data_type.clone(),
    }
}

pub(super) fn widened(expr: Expr, from: &DataType, common: &DataType) -> Expr {
    let wanted = if rank(common) == 4 { as_decimal(from) } else { common.clone() };
    if wanted == *from { expr } else { convert(expr, &wanted) }
}

fn scale(data_type: &DataType) -> i16 {
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => i16::from(*scale),
        _ => 0,
    }
}

pub(super) fn too_long(a: &DataType, b: &DataType) -> bool {
    scale(a) + scale(b) > 38
}

pub(super) fn long(expr: Expr, from: &DataType) -> Expr {
    match as_decimal(from) {
        DataType::Decimal128(precision, scale) => convert(expr, &DataType::Decimal256(precision, scale)),
        _ => expr,
    }
}

/// Two numbers to compare. A constant takes the column's type where it fits exactly, so that the column stays bare.
pub(super) fn unified_numbers(left: Expr, a: &DataType, right: Expr, b: &DataType) -> (Expr, Expr) {
    if let Some(exact) = exact(&right, a) {
        return (left, exact);
    }
    if let Some(exact) = exact(&left, b) {
        return (exact, right);
    }
    let common = common_number(a, b);
    (widened(left, a, &common), widened(right, b, &common))
}

/// The constant as a value of the type, if it has the same value there.
fn exact(expr: &Expr, wanted: &DataType) -> Option<Expr> {
    let Expr::Literal(value, _) = expr else { return None };
    let keeps_kind = rank(wanted) >= rank(&value.data_type()) && rank(wanted) <= 4;
    if !keeps_kind {
        return None;
    }
    let cast = value.cast_to(wanted).ok()?;
    let back = cast.cast_to(&value.data_type()).ok()?;
    (back == *value && !cast.is_null()).then_some(Expr::Literal(cast, None))
}

/// PostgreSQL does not let a number become infinite, or nothing. Told of constants: a store tells it of columns its way.
pub(super) fn within_range(op: Operator, left: &Expr, right: &Expr) -> Result<(), DataFusionError> {
    let (Some(a), Some(b)) = (float(left), float(right)) else { return Ok(()) };
    let result = match op {
        Operator::Plus => a + b,
        Operator::Minus => a - b,
        Operator::Multiply => a * b,
        _ => return Ok(()),
    };
    let is_real = |expr: &Expr| literal_type(expr) == Some(DataType::Float32);
    let (most, least) =
        if is_real(left) { (f64::from(f32::MAX), f64::from(f32::from_bits(1))) } else { (f64::MAX, 0.0) };
    let message = if a.is_finite() && b.is_finite() && result.abs() > most {
        "value out of range: overflow"
    } else if op == Operator::Multiply && a != 0.0 && b != 0.0 && (result == 0.0 || result.abs() < least) {
        "value out of range: underflow"
    } else {
        return Ok(());
    };
    Err(wrap(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)))
}

fn float(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Literal(ScalarValue::Float64(value), _) => *value,
        Expr::Literal(ScalarValue::Float32(value), _) => value.map(f64::from),
        _ => None,
    }
}
