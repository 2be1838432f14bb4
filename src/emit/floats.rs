//! Floats in ClickHouse as PostgreSQL compares them: one zero, and one NaN, which equals itself and is above all numbers.
//!
//! ClickHouse tells rows apart by the bits of a float, so that 0 and -0 are two groups; it compares a NaN with nothing, and
//! sorts it beside NULL. A constant that is a number spares most of what is written here.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, BinaryExpr, Sort};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use sqlparser::ast::{self, BinaryOperator, UnaryOperator};

use super::call::{order_key, plain_call};
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::{Tightness, Writer, at_least, atom, binary, operator};
use super::scope::Scope;
use super::uses::unnamed;
use super::{template, types};

/// Whether the values of an expression are floats of ClickHouse.
pub(super) fn is_float(writer: &Writer, expr: &Expr, scope: &Scope<'_>) -> bool {
    writer.dialect == Dialect::ClickHouse && expr.get_type(scope.schema).is_ok_and(|found| found.is_floating())
}

/// What rows are told apart by: a float with one zero and one NaN, and anything else as it is.
///
/// # Errors
/// [`EmitError`] for a type that the dialect has no name of.
pub(super) fn told_apart(writer: &Writer, written: ast::Expr, data_type: &DataType) -> Result<ast::Expr, EmitError> {
    if writer.dialect != Dialect::ClickHouse || !data_type.is_floating() {
        return Ok(written);
    }
    let plain = template::instantiate("if(isNaN({0}), toFloat64('nan'), {0} + 0)", vec![written])?;
    of_type(writer, plain, data_type)
}

/// The sum of a short float and a number is a long one.
fn of_type(writer: &Writer, written: ast::Expr, data_type: &DataType) -> Result<ast::Expr, EmitError> {
    if *data_type == DataType::Float64 { Ok(written) } else { types::cast(writer.dialect, written, data_type) }
}

/// A key as it stands in a list of keys.
///
/// # Errors
/// [`EmitError`] when the dialect cannot say the key.
pub(super) fn key(writer: &mut Writer, key: &Expr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    let written = writer.alone(key, scope)?;
    match key.get_type(scope.schema) {
        Ok(data_type) if !matches!(unnamed(key), Expr::Literal(..)) => told_apart(writer, written, &data_type),
        Ok(_) | Err(_) => Ok(written),
    }
}

/// A comparison of floats; `None` where ClickHouse gives PostgreSQL's answer by itself.
///
/// # Errors
/// [`EmitError`] when ClickHouse cannot say an operand.
pub(super) fn compared(
    writer: &mut Writer,
    expr: &BinaryExpr,
    scope: &Scope<'_>,
) -> Result<Option<ast::Expr>, EmitError> {
    let are_floats = is_float(writer, &expr.left, scope) && is_float(writer, &expr.right, scope);
    let (left_may, right_may) = (may_be_nan(&expr.left), may_be_nan(&expr.right));
    let differs = match expr.op {
        Operator::Gt | Operator::GtEq => left_may,
        Operator::Lt | Operator::LtEq => right_may,
        Operator::Eq | Operator::NotEq => left_may && right_may,
        _ => false,
    };
    let (true, true, Some(op)) = (are_floats, differs, operator(expr.op)) else { return Ok(None) };
    let left = writer.alone(&expr.left, scope)?;
    let right = writer.alone(&expr.right, scope)?;
    let is_nan = |side: &ast::Expr| plain_call("isNaN", vec![side.clone()]);
    let and = |a: ast::Expr, b: ast::Expr| binary(a, BinaryOperator::And, b);
    let both = and(is_nan(&left), is_nan(&right));
    // NULL on the other side is still NULL.
    let alone = |nan: &ast::Expr, other: &ast::Expr, other_may: bool| match other_may {
        true => and(is_nan(nan), not(is_nan(other))),
        false => is_nan(nan),
    };
    let beside = |nan: &ast::Expr, other: &ast::Expr, other_may: bool| match other_may {
        true => and(is_nan(nan), ast::Expr::IsNotNull(Box::new(atom(other.clone())))),
        false => is_nan(nan),
    };
    let (joined, rest) = match expr.op {
        Operator::Gt => (BinaryOperator::Or, alone(&left, &right, right_may)),
        Operator::GtEq => (BinaryOperator::Or, beside(&left, &right, right_may)),
        Operator::Lt => (BinaryOperator::Or, alone(&right, &left, left_may)),
        Operator::LtEq => (BinaryOperator::Or, beside(&right, &left, left_may)),
        Operator::NotEq => (BinaryOperator::And, not(both)),
        _ => (BinaryOperator::Or, both),
    };
    let plain = binary(at_least(left, Tightness::Arithmetic), op, at_least(right, Tightness::Arithmetic));
    let whole = binary(plain, joined, at_least(rest, Tightness::Comparison));
    Ok(Some(ast::Expr::Nested(Box::new(whole))))
}

fn not(expr: ast::Expr) -> ast::Expr {
    ast::Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(atom(expr)) }
}

/// Whether a value may be a NaN: all but constants may.
pub(super) fn may_be_nan(expr: &Expr) -> bool {
    match unnamed(expr) {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => value.is_nan(),
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => value.is_nan(),
        Expr::Literal(value, _) => !value.is_null(),
        _ => true,
    }
}

/// BETWEEN as the two comparisons that it stands for.
pub(super) fn between(between: &Between) -> Expr {
    let of = |op, bound: &Expr| BinaryExpr::new(between.expr.clone(), op, Box::new(bound.clone()));
    let (low, joined, high) = match between.negated {
        false => (Operator::GtEq, Operator::And, Operator::LtEq),
        true => (Operator::Lt, Operator::Or, Operator::Gt),
    };
    let sides = [of(low, &between.low), of(high, &between.high)].map(|side| Box::new(Expr::BinaryExpr(side)));
    let [low, high] = sides;
    Expr::BinaryExpr(BinaryExpr::new(low, joined, high))
}

/// The key that stands before a float in an order: ClickHouse sorts a NaN as if it were a NULL, right beside them.
pub(super) fn nan_key(writer: &Writer, key: &Sort, written: &ast::Expr, scope: &Scope<'_>) -> Option<ast::OrderByExpr> {
    let is_beside_null = key.asc != key.nulls_first;
    let is_number = matches!(unnamed(&key.expr), Expr::Literal(..)) || !is_float(writer, &key.expr, scope);
    let nan = || plain_call("isNaN", vec![written.clone()]);
    (!is_number && !is_beside_null).then(|| order_key(nan(), key.asc, key.nulls_first))
}

/// `min` and `max`, which in ClickHouse depend on where among the rows a NaN stands.
///
/// # Errors
/// [`EmitError`] for a type that the dialect has no name of.
pub(super) fn extreme(
    writer: &Writer,
    is_max: bool,
    args: Vec<ast::Expr>,
    data_type: &DataType,
) -> Result<ast::Expr, EmitError> {
    let written = match is_max {
        true => "if(countIf(isNaN({0})) > 0, toFloat64('nan'), max({0}))",
        false => "ifNull(minIf({0}, NOT isNaN({0})), if(countIf(isNaN({0})) > 0, toFloat64('nan'), NULL))",
    };
    of_type(writer, template::instantiate(written, args)?, data_type)
}
