//! `GROUP BY ()`: all rows are one group.

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Select,
};

use super::forms::{binary, call, nested, number, take};

/// Writes ROLLUP and CUBE that take several columns in one step as the sets that they are.
pub(super) fn of_tuples(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    for key in keys {
        let sets = match key {
            Expr::Rollup(steps) if has_tuple(steps) => (0..=steps.len()).rev().map(|n| steps[..n].concat()).collect(),
            Expr::Cube(steps) if has_tuple(steps) => subsets(steps),
            _ => continue,
        };
        *key = Expr::GroupingSets(sets);
    }
}

fn has_tuple(steps: &[Vec<Expr>]) -> bool {
    // More columns have more sets than a statement may have: the planner says so.
    steps.iter().any(|step| step.len() > 1) && steps.len() <= 12
}

fn subsets(steps: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    let of = |chosen: u32| {
        let steps = steps.iter().enumerate().filter(|(place, _)| chosen & (1 << (steps.len() - 1 - place)) != 0);
        steps.flat_map(|(_, step)| step.clone()).collect()
    };
    (0..1_u32 << steps.len()).rev().map(of).collect()
}

/// `GROUP BY (a, b)` is `GROUP BY a, b`.
pub(super) fn of_rows(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    if !keys.iter().any(|key| matches!(key, Expr::Tuple(values) if !values.is_empty())) {
        return;
    }
    let flat = std::mem::take(keys).into_iter().flat_map(|key| match key {
        Expr::Tuple(values) if !values.is_empty() => values,
        key => vec![key],
    });
    *keys = flat.collect();
}

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
