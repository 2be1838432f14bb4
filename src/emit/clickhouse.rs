//! Where ClickHouse reads an operator or a cast otherwise than PostgreSQL.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::BinaryExpr;
use datafusion::logical_expr::{Expr, ExprSchemable, Operator};
use sqlparser::ast::{self, BinaryOperator, Value};

use crate::base::InternalError;

use super::call::plain_call;
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::{Writer, atom, binary as join_operands, operator};
use super::scope::Scope;
use super::{floats, template};

fn unsupported<T>(what: impl Into<String>) -> Result<T, EmitError> {
    Err(EmitError::unsupported(what, Dialect::ClickHouse))
}

/// The operator in ClickHouse's own way; `None` where it is everybody's.
///
/// # Errors
/// [`EmitError::Unsupported`] where ClickHouse cannot give PostgreSQL's answer.
pub(super) fn binary(
    writer: &mut Writer,
    expr: &BinaryExpr,
    scope: &Scope<'_>,
) -> Result<Option<ast::Expr>, EmitError> {
    match expr.op {
        Operator::Divide | Operator::Modulo => divide(writer, expr, scope).map(Some),
        Operator::Plus | Operator::Minus | Operator::Multiply => {
            let operands = [&expr.left, &expr.right].map(|operand| operand.get_type(scope.schema).ok());
            match operands.iter().flatten().find(|data_type| data_type.is_temporal()) {
                Some(data_type) => unsupported(format!("arithmetic on {data_type}")),
                None if operands.iter().flatten().all(DataType::is_integer) => whole(writer, expr, scope).map(Some),
                None => Ok(None),
            }
        }
        Operator::Eq | Operator::NotEq | Operator::Lt | Operator::LtEq | Operator::Gt | Operator::GtEq => {
            floats::compared(writer, expr, scope)
        }
        Operator::And
        | Operator::Or
        | Operator::IsDistinctFrom
        | Operator::IsNotDistinctFrom
        | Operator::StringConcat => Ok(None),
        Operator::RegexMatch
        | Operator::RegexIMatch
        | Operator::RegexNotMatch
        | Operator::RegexNotIMatch
        | Operator::LikeMatch
        | Operator::ILikeMatch
        | Operator::NotLikeMatch
        | Operator::NotILikeMatch
        | Operator::BitwiseAnd
        | Operator::BitwiseOr
        | Operator::BitwiseXor
        | Operator::BitwiseShiftRight
        | Operator::BitwiseShiftLeft
        | Operator::AtArrow
        | Operator::ArrowAt
        | Operator::Arrow
        | Operator::LongArrow
        | Operator::HashArrow
        | Operator::HashLongArrow
        | Operator::AtAt
        | Operator::IntegerDivide
        | Operator::HashMinus
        | Operator::AtQuestion
        | Operator::Question
        | Operator::QuestionAnd
        | Operator::QuestionPipe
        | Operator::Colon => unsupported(format!("operator {}", expr.op)),
    }
}

fn whole(writer: &mut Writer, expr: &BinaryExpr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    let Some(op) = operator(expr.op) else { return unsupported(format!("operator {}", expr.op)) };
    let operands = vec![writer.alone(&expr.left, scope)?, writer.alone(&expr.right, scope)?];
    checked(operands, &op, &Expr::BinaryExpr(expr.clone()), scope)
}

/// Whole numbers wrap around where PostgreSQL has an error: computed with more bits, they are narrowed with a check. The
/// result has the type of `typed`.
///
/// # Errors
/// [`EmitError::Unsupported`] for what is no whole number.
pub(super) fn checked(
    operands: Vec<ast::Expr>,
    op: &BinaryOperator,
    typed: &Expr,
    scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    let wide = operands.into_iter().map(|operand| plain_call("toInt128", vec![operand]));
    let Some(result) = wide.reduce(|left, right| join_operands(left, op.clone(), right)) else {
        return Err(InternalError::new("an operator without operands").into());
    };
    narrowed(result, typed, scope)
}

/// The opposite of a number. The smallest whole number has none, and ClickHouse would give it back as it is.
///
/// # Errors
/// [`EmitError`] when ClickHouse cannot say the number.
pub(super) fn negative(writer: &mut Writer, inner: &Expr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    let minus = |operand| ast::Expr::UnaryOp { op: ast::UnaryOperator::Minus, expr: Box::new(operand) };
    let is_whole = inner.get_type(scope.schema).is_ok_and(|data_type| data_type.is_integer());
    if !is_whole || matches!(inner, Expr::Literal(..)) {
        return Ok(minus(ast::Expr::Nested(Box::new(writer.expr(inner, scope)?))));
    }
    let wide = plain_call("toInt128", vec![writer.alone(inner, scope)?]);
    narrowed(minus(wide), inner, scope)
}

/// `abs`, whose result has no sign in ClickHouse and one bit more.
///
/// # Errors
/// [`EmitError`] when ClickHouse cannot say it.
pub(super) fn absolute(mut args: Vec<ast::Expr>, inner: &Expr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    if !inner.get_type(scope.schema).is_ok_and(|data_type| data_type.is_integer()) {
        return Ok(plain_call("abs", args));
    }
    let wide = args.drain(..).map(|arg| plain_call("toInt128", vec![arg])).collect();
    narrowed(plain_call("abs", wide), inner, scope)
}

fn narrowed(wide: ast::Expr, typed: &Expr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    let target = match typed.get_type(scope.schema) {
        Ok(DataType::Int16) => "Nullable(Int16)",
        Ok(DataType::Int32) => "Nullable(Int32)",
        Ok(DataType::Int64) => "Nullable(Int64)",
        Ok(other) => return unsupported(format!("arithmetic that gives {other}")),
        Err(_) => return unsupported("arithmetic of unknown types"),
    };
    let target = ast::Expr::Value(Value::SingleQuotedString(target.to_owned()).into());
    Ok(plain_call("accurateCast", vec![wide, target]))
}

/// `/` of whole numbers is `intDiv`, which fails on zero as PostgreSQL does; of floats it would give infinity, so the
/// divisor is checked. Of decimals it keeps the wrong scale.
fn divide(writer: &mut Writer, expr: &BinaryExpr, scope: &Scope<'_>) -> Result<ast::Expr, EmitError> {
    let (Ok(left_type), Ok(right_type)) = (expr.left.get_type(scope.schema), expr.right.get_type(scope.schema)) else {
        return unsupported("a division of unknown types");
    };
    let left = atom(writer.expr(&expr.left, scope)?);
    let right = atom(writer.expr(&expr.right, scope)?);
    let integers = left_type.is_integer() && right_type.is_integer();
    match expr.op {
        Operator::Divide if integers => Ok(plain_call("intDiv", vec![left, right])),
        Operator::Modulo if integers => Ok(join_operands(left, BinaryOperator::Modulo, right)),
        Operator::Divide if left_type.is_floating() && right_type.is_floating() => {
            let checked = "{0} / ({1} + throwIf({1} = 0, 'division by zero'))";
            template::instantiate(writer.dialect, checked, vec![left, right])
        }
        _ => unsupported(format!("{left_type} {} {right_type}", expr.op)),
    }
}

/// Whether a column of this type may come in another Arrow type than the plan's: a date as a number of days, a moment in
/// seconds, by the type that the table has.
pub(super) fn arrives_otherwise(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Date32 | DataType::Timestamp(..) | DataType::Boolean | DataType::FixedSizeBinary(_))
}

/// Lets a cast pass that ClickHouse does as PostgreSQL does.
///
/// # Errors
/// [`EmitError::Unsupported`] where it rounds, cuts, wraps or formats otherwise.
pub(super) fn check_cast(inner: &Expr, target: &DataType, scope: &Scope<'_>) -> Result<(), EmitError> {
    let literal = matches!(inner, Expr::Literal(..));
    let Ok(source) = inner.get_type(scope.schema) else {
        return unsupported("a cast from an unknown type");
    };
    if source == *target || source == DataType::Null || same_answer(&source, target, literal) {
        return Ok(());
    }
    unsupported(format!("a cast from {source} to {target}"))
}

fn same_answer(source: &DataType, target: &DataType, literal: bool) -> bool {
    let bits = |data_type: &DataType| data_type.primitive_width().unwrap_or(0);
    match (source, target) {
        (from, to) if from.is_integer() && to.is_integer() => bits(from) <= bits(to),
        (from, to) if from.is_integer() => to.is_floating() || is_decimal(to) || to.is_string(),
        (DataType::Boolean, to) => to.is_string() || *to == DataType::Int32,
        (from, to) if from.is_floating() && to.is_floating() => bits(from) <= bits(to),
        (from, to) if is_decimal(from) => *to == DataType::Float64 || widens(from, to),
        (from, to) if from.is_string() => to.is_string() || (literal && (to.is_integer() || to.is_temporal())),
        (DataType::Date32, DataType::Timestamp(..)) | (DataType::Timestamp(..), DataType::Date32) => true,
        (DataType::Timestamp(from, _), DataType::Timestamp(to, _)) => from <= to,
        _ => false,
    }
}

fn is_decimal(data_type: &DataType) -> bool {
    digits(data_type).is_some()
}

fn digits(data_type: &DataType) -> Option<(u8, i8)> {
    match data_type {
        DataType::Decimal32(precision, scale)
        | DataType::Decimal64(precision, scale)
        | DataType::Decimal128(precision, scale)
        | DataType::Decimal256(precision, scale) => Some((*precision, *scale)),
        _ => None,
    }
}

/// No digit is lost on either side of the point.
fn widens(from: &DataType, to: &DataType) -> bool {
    match (digits(from), digits(to)) {
        (Some((from_precision, from_scale)), Some((to_precision, to_scale))) => {
            let whole = |precision: u8, scale: i8| i16::from(precision) - i16::from(scale);
            from_scale <= to_scale && whole(from_precision, from_scale) <= whole(to_precision, to_scale)
        }
        _ => false,
    }
}
