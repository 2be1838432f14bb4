//! Sets of keys as the planner knows them; `GROUP BY ()`: all rows are one group.

use std::ops::ControlFlow;

use sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, OrderBy, Select,
    SelectItem, Value, ValueWithSpan, VisitorMut,
};

use crate::base::syntax_walk::walk_mut;
use crate::functions::{self, FunctionKind};
use crate::sql::grouping_sets::{first_steps, sets_of, subsets, without_repeats};

use super::forms::{binary, call, has_call, nested, number, take};
use super::marks::marked;

/// Puts the expressions of the SELECT list for positions in sets of keys, which the planner takes for constants.
pub(in crate::sql) fn of_positions(select: &mut Select) {
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

/// Writes ROLLUP and CUBE within GROUPING SETS, which the parser takes for calls, as the sets that they are.
pub(super) fn of_nested(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    for key in keys {
        if let Expr::GroupingSets(sets) = key {
            *sets = sets.iter().flat_map(|set| sets_of(set)).collect();
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
            Expr::GroupingSets(sets) => std::mem::take(sets),
            _ => continue,
        };
        *key = Expr::GroupingSets(sets.into_iter().map(without_repeats).collect());
    }
}

fn is_many(steps: &[Vec<Expr>]) -> bool {
    let repeats = || steps.iter().enumerate().any(|(place, step)| steps[..place].contains(step));
    // More columns have more sets than a statement may have: the planner says so.
    steps.len() <= 12 && (steps.iter().any(|step| step.len() > 1) || repeats())
}

/// A key that is written twice is one. Of a key and a cast of it the planner makes two columns of one name: such a cast is
/// marked, here and wherever the SELECT repeats it.
pub(super) fn of_repeats(select: &mut Select, order_by: Option<&mut OrderBy>) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    *keys = without_repeats(std::mem::take(keys));
    let leaves: Vec<&Expr> = keys.iter().flat_map(leaves).collect();
    if !leaves.iter().any(|key| matches!(key, Expr::Cast { .. })) {
        return;
    }
    let bases: Vec<(Expr, Expr)> = leaves.iter().map(|key| (canonical(key), canonical(without_casts(key)))).collect();
    let meets = |place: usize| bases.iter().any(|(key, base)| *base == bases[place].1 && *key != bases[place].0);
    let casts: Vec<Expr> = (0..leaves.len())
        .filter(|place| matches!(leaves[*place], Expr::Cast { .. }) && meets(*place))
        .map(|place| bases[place].0.clone())
        .collect();
    if casts.is_empty() {
        return;
    }
    let mut marks = CastMarks { casts };
    let _: ControlFlow<()> = walk_mut(&mut select.group_by, &mut marks);
    let _: ControlFlow<()> = walk_mut(&mut select.projection, &mut marks);
    let _: ControlFlow<()> = walk_mut(&mut select.having, &mut marks);
    if let Some(order_by) = order_by {
        let _: ControlFlow<()> = walk_mut(order_by, &mut marks);
    }
}

/// The keys of a key that is a set of them.
fn leaves(key: &Expr) -> Vec<&Expr> {
    match key {
        Expr::GroupingSets(sets) | Expr::Rollup(sets) | Expr::Cube(sets) => sets.iter().flatten().collect(),
        single => vec![single],
    }
}

/// A column is the same with the name of its table and without.
fn canonical(expr: &Expr) -> Expr {
    struct Bare;
    impl VisitorMut for Bare {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::CompoundIdentifier(parts) = expr
                && let Some(column) = parts.pop()
            {
                *expr = Expr::Identifier(column);
            }
            ControlFlow::Continue(())
        }
    }
    let mut copy = expr.clone();
    let _: ControlFlow<()> = walk_mut(&mut copy, &mut Bare);
    copy
}

fn without_casts(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => without_casts(expr),
        other => other,
    }
}

/// Casts that are keys beside what they cast.
struct CastMarks {
    casts: Vec<Expr>,
}

impl VisitorMut for CastMarks {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let name = match &*expr {
            Expr::Cast { data_type, .. } if self.casts.contains(&canonical(expr)) => Some(data_type.to_string()),
            _ => None,
        };
        if let Some(name) = name {
            *expr = marked(take(expr), &name);
        }
        ControlFlow::Continue(())
    }
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
    has_call(condition, |function| {
        let name = function.name.to_string().to_lowercase();
        functions::find(&name, FunctionKind::Aggregate).is_some()
    })
}

fn count_rows() -> Expr {
    let mut all = call("count", Vec::new());
    if let Expr::Function(Function { args: FunctionArguments::List(list), .. }) = &mut all {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    all
}
