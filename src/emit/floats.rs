//! Floats in ClickHouse as PostgreSQL compares them: one zero, and one NaN, which equals itself and is above all numbers.
//!
//! ClickHouse tells rows apart by the bits of a float, so that 0 and -0 are two groups; it compares a NaN with nothing, and
//! sorts it beside NULL. A constant that is a number spares most of what is written here.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::{Between, BinaryExpr, Sort};
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use sqlparser::ast::{self, BinaryOperator};

use super::call::{order_key, plain_call};
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::{Writer, binary};
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
    let plain = template::instantiate(writer.dialect, "if(isNaN({0}), toFloat64('nan'), {0} + 0)", vec![written])?;
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
    let Some(template) = comparison(expr.op, may_be_nan(&expr.left), may_be_nan(&expr.right)).filter(|_| are_floats)
    else {
        return Ok(None);
    };
    let operands = vec![writer.alone(&expr.left, scope)?, writer.alone(&expr.right, scope)?];
    template::instantiate(writer.dialect, template, operands).map(nested).map(Some)
}

/// How two floats are compared of which these may be a NaN, where the operator alone would be wrong. NULL stays NULL.
fn comparison(op: Operator, left_may: bool, right_may: bool) -> Option<&'static str> {
    Some(match (op, left_may, right_may) {
        (Operator::Gt, true, true) => "{0} > {1} OR (isNaN({0}) AND NOT isNaN({1}))",
        (Operator::Gt, true, false) => "{0} > {1} OR isNaN({0})",
        (Operator::GtEq, true, true) => "{0} >= {1} OR (isNaN({0}) AND {1} IS NOT NULL)",
        (Operator::GtEq, true, false) => "{0} >= {1} OR isNaN({0})",
        (Operator::Lt, true, true) => "{0} < {1} OR (isNaN({1}) AND NOT isNaN({0}))",
        (Operator::Lt, false, true) => "{0} < {1} OR isNaN({1})",
        (Operator::LtEq, true, true) => "{0} <= {1} OR (isNaN({1}) AND {0} IS NOT NULL)",
        (Operator::LtEq, false, true) => "{0} <= {1} OR isNaN({1})",
        (Operator::Eq, true, true) => "{0} = {1} OR (isNaN({0}) AND isNaN({1}))",
        (Operator::NotEq, true, true) => "{0} <> {1} AND NOT (isNaN({0}) AND isNaN({1}))",
        _ => return None,
    })
}

fn nested(expr: ast::Expr) -> ast::Expr {
    ast::Expr::Nested(Box::new(expr))
}

/// BETWEEN of floats: the two comparisons that it stands for.
///
/// # Errors
/// [`EmitError`] when ClickHouse cannot say an operand.
pub(super) fn between(writer: &mut Writer, between: &Between, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    let written = writer.alone(&between.expr, scope)?;
    template::check_repeated(writer.dialect, &written)?;
    let mut side = |op: Operator, plain: &'static str, bound: &Expr| {
        let template = comparison(op, may_be_nan(&between.expr), may_be_nan(bound)).unwrap_or(plain);
        let operands = vec![written.clone(), writer.alone(bound, scope)?];
        template::instantiate(writer.dialect, template, operands).map(nested)
    };
    let (low, joined, high) = match between.negated {
        false => (
            side(Operator::GtEq, "{0} >= {1}", &between.low)?,
            BinaryOperator::And,
            side(Operator::LtEq, "{0} <= {1}", &between.high)?,
        ),
        true => (
            side(Operator::Lt, "{0} < {1}", &between.low)?,
            BinaryOperator::Or,
            side(Operator::Gt, "{0} > {1}", &between.high)?,
        ),
    };
    Ok(nested(binary(low, joined, high)))
}

/// Whether a value may be a NaN: all but numbers may. A NULL is compared in the long form, which stays NULL.
pub(super) fn may_be_nan(expr: &Expr) -> bool {
    match unnamed(expr) {
        Expr::Literal(ScalarValue::Float64(Some(value)), _) => value.is_nan(),
        Expr::Literal(ScalarValue::Float32(Some(value)), _) => value.is_nan(),
        _ => true,
    }
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
    of_type(writer, template::instantiate(writer.dialect, written, args)?, data_type)
}
