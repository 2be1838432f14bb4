//! `GROUP BY ()`: all rows are one group.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Select,
};

use super::forms::{binary, call, nested, number, take};

/// Takes empty sets of keys away. Where no key is left, a condition that always holds makes one group of all rows.
pub(super) fn of_all_rows(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    let before = keys.len();
    keys.retain(|key| !matches!(key, Expr::Tuple(values) if values.is_empty()));
    if keys.len() == before || !keys.is_empty() {
        return;
    }
    let always = binary(count_rows(), BinaryOperator::GtEq, number("0"));
    select.having = Some(match &mut select.having {
        Some(condition) => binary(nested(take(condition)), BinaryOperator::And, always),
        None => always,
    });
}

fn count_rows() -> Expr {
    let mut all = call("count", Vec::new());
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut all {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    all
}
