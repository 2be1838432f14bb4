//! Sets of keys as the planner knows them; `GROUP BY ()`: all rows are one group.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, Select, SelectItem,
    Value, ValueWithSpan, Visitor,
};

use crate::base::syntax_walk::walk;
use crate::functions::{self, FunctionKind};
use crate::sql::grouping_sets::{Kind, nested_steps};

use super::forms::{binary, call, nested, number, take};

/// Puts the expressions of the SELECT list for positions in sets of keys, which the planner takes for constants.
pub(super) fn of_positions(select: &mut Select) {
    let Select { group_by: GroupByExpr::Expressions(keys, _), projection, .. } = select else { return };
    for key in keys {
        let (Expr::GroupingSets(sets) | Expr::Rollup(sets) | Expr::Cube(sets)) = key else { continue };
        for key in sets.iter_mut().flatten() {
            let Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) = key else { continue };
            let place = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
            if let Some(SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }) =
                place.and_then(|place| projection.get(place))
            {
                *key = item.clone();
            }
        }
    }
}

/// Writes ROLLUP and CUBE that take several columns in one step, or one column in several, as the sets that they are. A
/// set has a column once.
pub(super) fn of_tuples(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    for key in keys {
        let sets: Vec<Vec<Expr>> = match key {
            Expr::Rollup(steps) if is_many(steps) => first_steps(steps),
            Expr::Cube(steps) if is_many(steps) => subsets(steps),
            Expr::GroupingSets(sets) => sets.iter().flat_map(|set| sets_of(set)).collect(),
            _ => continue,
        };
        *key = Expr::GroupingSets(sets.into_iter().map(without_repeats).collect());
    }
}

/// The sets of one of GROUPING SETS.
fn sets_of(set: &[Expr]) -> Vec<Vec<Expr>> {
    let Some((kind, steps)) = nested_steps(set) else { return vec![set.to_vec()] };
    let steps: Vec<Vec<Expr>> = steps.into_iter().map(<[Expr]>::to_vec).collect();
    match kind {
        Kind::Rollup => first_steps(&steps),
        Kind::Cube => subsets(&steps),
    }
}

fn first_steps(steps: &[Vec<Expr>]) -> Vec<Vec<Expr>> {
    (0..=steps.len()).rev().map(|n| steps[..n].concat()).collect()
}

fn is_many(steps: &[Vec<Expr>]) -> bool {
    let repeats = || steps.iter().enumerate().any(|(place, step)| steps[..place].contains(step));
    // More columns have more sets than a statement may have: the planner says so.
    steps.len() <= 12 && (steps.iter().any(|step| step.len() > 1) || repeats())
}

fn without_repeats(set: Vec<Expr>) -> Vec<Expr> {
    let mut kept: Vec<Expr> = Vec::with_capacity(set.len());
    for key in set {
        if !kept.contains(&key) {
            kept.push(key);
        }
    }
    kept
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

/// Takes empty sets of keys away. Where no key is left, a condition that always holds makes one group of all rows. So it
/// does where a HAVING has no keys: the planner knows an aggregation by its aggregates only.
pub(super) fn of_all_rows(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    let before = keys.len();
    keys.retain(|key| !matches!(key, Expr::Tuple(values) if values.is_empty()));
    let has_bare_condition = before == 0 && select.having.as_ref().is_some_and(|condition| !calls(condition));
    if !keys.is_empty() || (before == 0 && !has_bare_condition) {
        return;
    }
    let always = binary(count_rows(), BinaryOperator::GtEq, number("0"));
    select.having = Some(match &mut select.having {
        Some(condition) => binary(nested(take(condition)), BinaryOperator::And, always),
        None => always,
    });
}

/// Whether an expression calls an aggregate, as far as names tell.
fn calls(condition: &Expr) -> bool {
    struct Calls;
    impl Visitor for Calls {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
            let name = function.name.to_string().to_lowercase();
            match functions::find(&name, FunctionKind::Aggregate) {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        }
    }
    walk(condition, &mut Calls).is_break()
}

fn count_rows() -> Expr {
    let mut all = call("count", Vec::new());
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut all {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    all
}
