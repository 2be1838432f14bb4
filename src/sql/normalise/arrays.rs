//! Subscripts of arrays, and values that are compared with their items.

use sqlparser::ast::{
    AccessExpr, BinaryOperator, Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Subscript, UnaryOperator, Value,
};

use crate::base::ErrorReport;

use super::forms::{has_query, internal, number, take, text, unsupported};
use super::system::has_column;

/// A form of arrays as a call; `None` where the expression is none.
pub(super) fn rewrite(expr: &mut Expr) -> Result<Option<Expr>, ErrorReport> {
    match expr {
        Expr::CompoundFieldAccess { root, access_chain } => Ok(subscripts(root, access_chain)),
        Expr::AnyOp { left, compare_op, right, .. } if !matches!(right.as_ref(), Expr::Subquery(_)) => {
            if let Some(list) = as_list(left, compare_op, right, &BinaryOperator::Eq) {
                return Ok(Some(list));
            }
            quantified("compare_any", left, compare_op, right).map(Some)
        }
        Expr::AllOp { left, compare_op, right } if !matches!(right.as_ref(), Expr::Subquery(_)) => {
            if let Some(list) = as_list(left, compare_op, right, &BinaryOperator::NotEq) {
                return Ok(Some(list));
            }
            quantified("compare_all", left, compare_op, right).map(Some)
        }
        Expr::Like { any: true, negated, expr: left, pattern, escape_char: None } => {
            let op = if *negated { "!~~" } else { "~~" };
            Ok(Some(internal("compare_any", vec![text(op), take(left), take(pattern)])))
        }
        Expr::ILike { any: true, negated, expr: left, pattern, escape_char: None } => {
            let op = if *negated { "!~~*" } else { "~~*" };
            Ok(Some(internal("compare_any", vec![text(op), take(left), take(pattern)])))
        }
        Expr::Like { any: false, negated, expr: left, pattern, escape_char: None } => {
            let op = if *negated { "!~~" } else { "~~" };
            Ok(all_argument(pattern).map(|all| internal("compare_all", vec![text(op), take(left), all])))
        }
        Expr::ILike { any: false, negated, expr: left, pattern, escape_char: None } => {
            let op = if *negated { "!~~*" } else { "~~*" };
            Ok(all_argument(pattern).map(|all| internal("compare_all", vec![text(op), take(left), all])))
        }
        _ => Ok(None),
    }
}

/// The parser takes `ALL (…)` after LIKE for a call.
fn all_argument(pattern: &Expr) -> Option<Expr> {
    let Expr::Function(function) = pattern else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(array))]
            if function.name.to_string().eq_ignore_ascii_case("all") =>
        {
            Some(array.clone())
        }
        _ => None,
    }
}

/// `x = ANY (ARRAY[…])` is `x IN (…)`, `x <> ALL (ARRAY[…])` is `x NOT IN (…)`.
fn as_list(left: &mut Expr, op: &BinaryOperator, right: &mut Expr, wanted: &BinaryOperator) -> Option<Expr> {
    let Expr::Array(array) = right else { return None };
    let is_nested = |item: &Expr| matches!(item, Expr::Array(_));
    if op != wanted || array.elem.is_empty() || array.elem.iter().any(is_nested) {
        return None;
    }
    let list = std::mem::take(&mut array.elem);
    Some(Expr::InList { expr: Box::new(take(left)), list, negated: *wanted == BinaryOperator::NotEq })
}

fn quantified(function: &str, left: &mut Expr, op: &BinaryOperator, right: &mut Expr) -> Result<Expr, ErrorReport> {
    let symbol = match op {
        BinaryOperator::Eq => "=",
        BinaryOperator::NotEq => "<>",
        BinaryOperator::Lt => "<",
        BinaryOperator::LtEq => "<=",
        BinaryOperator::Gt => ">",
        BinaryOperator::GtEq => ">=",
        BinaryOperator::PGLikeMatch => "~~",
        BinaryOperator::PGNotLikeMatch => "!~~",
        BinaryOperator::PGILikeMatch => "~~*",
        BinaryOperator::PGNotILikeMatch => "!~~*",
        BinaryOperator::PGRegexMatch => "~",
        BinaryOperator::PGRegexNotMatch => "!~",
        BinaryOperator::PGRegexIMatch => "~*",
        BinaryOperator::PGRegexNotIMatch => "!~*",
        other => return Err(unsupported(&format!("{other} between a value and an array"))),
    };
    let array = match take(right) {
        Expr::Nested(inner) => *inner,
        other => other,
    };
    Ok(internal(function, vec![text(symbol), take(left), array]))
}

/// What stands for a bound that is left out.
const OPEN: &str = "9223372036854775808";

fn open() -> Expr {
    Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(number(OPEN)) }
}

/// `a[i][j]`, `a[i:j]`; `None` where the chain has something else in it.
fn subscripts(root: &mut Expr, chain: &[AccessExpr]) -> Option<Expr> {
    let all: Option<Vec<&Subscript>> = chain
        .iter()
        .map(|access| match access {
            AccessExpr::Subscript(subscript) => Some(subscript),
            AccessExpr::Dot(_) => None,
        })
        .collect();
    let all = all.filter(|all| !all.is_empty())?;
    let sliced = all.iter().any(|subscript| matches!(subscript, Subscript::Slice { .. }));
    let mut arguments = Vec::new();
    for subscript in all {
        match subscript {
            Subscript::Index { index } if sliced => arguments.extend([open_lower(), index.clone()]),
            Subscript::Index { index } => arguments.push(index.clone()),
            Subscript::Slice { lower_bound, upper_bound, stride: None } => {
                arguments.push(lower_bound.clone().unwrap_or_else(open));
                arguments.push(upper_bound.clone().unwrap_or_else(open));
            }
            Subscript::Slice { stride: Some(_), .. } => return None,
        }
    }
    let root = match take(root) {
        Expr::Nested(inner) => *inner,
        other => other,
    };
    arguments.insert(0, root);
    Some(internal(if sliced { "array_part" } else { "array_subscript" }, arguments))
}

/// A plain subscript beside a slice means the items up to it.
fn open_lower() -> Expr {
    Expr::Value(Value::Number("1".to_owned(), false).into())
}

/// `ARRAY[…]` of columns within a query that stands in another one, or of subqueries, as a call: the planner looks for
/// columns of the outer query, and for the tables of WITH, in calls, and not in constructors.
pub(super) fn of_outer_names(expr: &mut Expr, is_within: bool) {
    if matches!(expr, Expr::Array(_))
        && ((is_within && has_column(expr)) || has_query(expr))
        && let Expr::Array(array) = expr
        && !array.elem.is_empty()
    {
        *expr = internal("make_array", std::mem::take(&mut array.elem));
    }
}
