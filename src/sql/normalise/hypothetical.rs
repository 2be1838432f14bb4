//! Aggregates that say where a row would stand: how many rows come before it, counted.

use sqlparser::ast::{
    BinaryOperator, DataType, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    OrderByExpr,
};

use crate::base::ErrorReport;

use super::forms::{binary, call, cast, nested, number, unsupported};
use super::system::{bare_name, plain_argument};

/// `rank(v) WITHIN GROUP (ORDER BY x)` and its kin.
pub(super) fn rewrite(function: &Function) -> Result<Option<Expr>, ErrorReport> {
    let Some(name) = bare_name(&function.name).filter(|_| !function.within_group.is_empty()) else { return Ok(None) };
    if !matches!(name.as_str(), "rank" | "dense_rank" | "percent_rank" | "cume_dist") {
        return Ok(None);
    }
    let FunctionArguments::List(list) = &function.args else { return Ok(None) };
    let Some(values) = list.args.iter().map(plain_argument).collect::<Option<Vec<_>>>() else { return Ok(None) };
    let keys = &function.within_group;
    if keys.len() != values.len() {
        return Ok(None);
    }
    let before = rows_that(precede(&values, keys), function);
    let double = |expr: Expr| cast(nested(expr), DataType::DoublePrecision);
    let one_more = |expr: Expr| nested(binary(expr, BinaryOperator::Plus, number("1")));
    Ok(Some(match name.as_str() {
        "rank" => one_more(before),
        "dense_rank" => one_more(distinct_before(&values, keys, function)?),
        "percent_rank" => {
            let all = call("nullif", vec![rows_that(None, function), number("0")]);
            let share = binary(double(before), BinaryOperator::Divide, double(all));
            call("coalesce", vec![share, cast(number("0"), DataType::DoublePrecision)])
        }
        _ => {
            let equal = peers(&values, keys);
            let first = precede(&values, keys).map(|first| either(first, equal.clone())).unwrap_or(equal);
            let up_to = one_more(rows_that(Some(first), function));
            binary(double(up_to), BinaryOperator::Divide, double(one_more(rows_that(None, function))))
        }
    }))
}

fn either(left: Expr, right: Expr) -> Expr {
    nested(binary(left, BinaryOperator::Or, right))
}

fn both(left: Expr, right: Expr) -> Expr {
    nested(binary(left, BinaryOperator::And, right))
}

fn is_null(expr: &Expr) -> Expr {
    Expr::IsNull(Box::new(nested(expr.clone())))
}

fn is_not_null(expr: &Expr) -> Expr {
    Expr::IsNotNull(Box::new(nested(expr.clone())))
}

/// Whether a row's key comes before the value.
fn precedes(value: &Expr, key: &OrderByExpr) -> Expr {
    let descending = key.options.asc == Some(false);
    let op = if descending { BinaryOperator::Gt } else { BinaryOperator::Lt };
    let nulls_first = key.options.nulls_first.unwrap_or(descending);
    let differs = if nulls_first {
        both(is_null(&key.expr), is_not_null(value))
    } else {
        both(is_not_null(&key.expr), is_null(value))
    };
    let compared = binary(nested(key.expr.clone()), op, nested(value.clone()));
    either(call("coalesce", vec![compared, Expr::Value(sqlparser::ast::Value::Boolean(false).into())]), differs)
}

fn same(value: &Expr, key: &OrderByExpr) -> Expr {
    nested(Expr::IsNotDistinctFrom(Box::new(nested(key.expr.clone())), Box::new(nested(value.clone()))))
}

/// Whether a row comes before the one that the values would be.
fn precede(values: &[Expr], keys: &[OrderByExpr]) -> Option<Expr> {
    values.iter().zip(keys).rev().fold(None, |rest, (value, key)| {
        let first = precedes(value, key);
        Some(match rest {
            Some(rest) => either(first, both(same(value, key), rest)),
            None => first,
        })
    })
}

fn peers(values: &[Expr], keys: &[OrderByExpr]) -> Expr {
    let all = values.iter().zip(keys).map(|(value, key)| same(value, key));
    all.reduce(both).unwrap_or_else(|| Expr::Value(sqlparser::ast::Value::Boolean(true).into()))
}

/// `count(*)` of the call's rows for which a condition holds.
fn rows_that(condition: Option<Expr>, function: &Function) -> Expr {
    counted(FunctionArgExpr::Wildcard, false, condition, function)
}

fn counted(argument: FunctionArgExpr, distinct: bool, condition: Option<Expr>, function: &Function) -> Expr {
    let mut count = call("count", Vec::new());
    if let Expr::Function(Function { args: FunctionArguments::List(list), filter, .. }) = &mut count {
        list.args = vec![FunctionArg::Unnamed(argument)];
        list.duplicate_treatment = distinct.then_some(DuplicateTreatment::Distinct);
        let given = function.filter.as_deref().cloned().map(nested);
        *filter = match (condition, given) {
            (Some(condition), Some(given)) => Some(Box::new(both(condition, given))),
            (one, other) => one.or(other).map(Box::new),
        };
    }
    count
}

/// How many different keys come before.
fn distinct_before(values: &[Expr], keys: &[OrderByExpr], function: &Function) -> Result<Expr, ErrorReport> {
    let ([_], [key]) = (values, keys) else {
        return Err(unsupported("the hypothetical-set aggregate dense_rank over several keys"));
    };
    let before = precede(values, keys);
    let argument = FunctionArgExpr::Expr(key.expr.clone());
    let different = counted(argument, true, before.clone(), function);
    // NULL is a key as well.
    let nulls = before.map_or_else(|| is_null(&key.expr), |before| both(is_null(&key.expr), before));
    let has_null = call("least", vec![rows_that(Some(nulls), function), number("1")]);
    Ok(nested(binary(different, BinaryOperator::Plus, has_null)))
}
