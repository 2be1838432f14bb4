//! DISTINCT ON: its expressions are a set, and the planner wants them in the order of ORDER BY. DISTINCT: what is sorted by
//! is an output column, and the planner does not always see that it is.

use sqlparser::ast::{
    Distinct, Expr, OrderBy, OrderByExpr, OrderByKind, OrderByOptions, Query, Select, SelectItem, SetExpr, Value,
    ValueWithSpan,
};

/// Puts the expressions of DISTINCT ON in the order in which ORDER BY names them, and what ORDER BY does not name behind
/// the rest of it.
pub(super) fn order(query: &mut Query) {
    let Query { body, order_by, .. } = query;
    let SetExpr::Select(select) = body.as_mut() else { return };
    let mut on = match select.distinct.take() {
        Some(Distinct::On(on)) => on,
        other => {
            if other.is_some() {
                name_keys(order_by, &select.projection);
            }
            select.distinct = other;
            return;
        }
    };
    on.iter_mut().for_each(|expr| *expr = meant(expr, select));
    on.dedup();
    if let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = order_by {
        let (sorted, rest) = by_keys(on, keys, select);
        let all_named = rest.is_empty() || keys.len() == sorted.len();
        on = sorted;
        if all_named {
            keys.extend(rest.iter().cloned().map(key));
        }
        on.extend(rest);
    }
    select.distinct = Some(Distinct::On(on));
}

/// A key that is written as an output column is that column.
fn name_keys(order_by: &mut Option<OrderBy>, items: &[SelectItem]) {
    let Some(OrderBy { kind: OrderByKind::Expressions(keys), .. }) = order_by else { return };
    for key in keys {
        if matches!(key.expr, Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_)) {
            continue;
        }
        let written = key.expr.to_string();
        let named = items.iter().find_map(|item| match item {
            SelectItem::ExprWithAlias { expr, alias } if expr.to_string() == written => Some(alias),
            _ => None,
        });
        if let Some(alias) = named {
            key.expr = Expr::Identifier(alias.clone());
        }
    }
}

fn key(expr: Expr) -> OrderByExpr {
    OrderByExpr { expr, options: OrderByOptions { asc: None, nulls_first: None }, with_fill: None }
}

/// The expressions that the first keys name, in their order, and the others.
fn by_keys(on: Vec<Expr>, keys: &[OrderByExpr], select: &Select) -> (Vec<Expr>, Vec<Expr>) {
    let mut rest = on;
    let mut sorted = Vec::with_capacity(rest.len());
    for key in keys {
        let wanted = meant(&key.expr, select);
        match rest.iter().position(|expr| same(expr, &wanted)) {
            Some(place) => sorted.push(rest.remove(place)),
            // A key may be named twice.
            None if sorted.iter().any(|expr| same(expr, &wanted)) => {}
            None => break,
        }
    }
    (sorted, rest)
}

/// What a position in the SELECT list means.
fn meant(expr: &Expr, select: &Select) -> Expr {
    let Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) = expr else { return expr.clone() };
    let place = digits.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    match place.and_then(|place| select.projection.get(place)) {
        Some(SelectItem::UnnamedExpr(item) | SelectItem::ExprWithAlias { expr: item, .. }) => item.clone(),
        _ => expr.clone(),
    }
}

/// The same expression, as far as its text tells; a column with its table and without.
fn same(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Identifier(a), Expr::Identifier(b)) => a.value.eq_ignore_ascii_case(&b.value),
        (Expr::Identifier(a), Expr::CompoundIdentifier(parts))
        | (Expr::CompoundIdentifier(parts), Expr::Identifier(a)) => {
            parts.last().is_some_and(|last| last.value.eq_ignore_ascii_case(&a.value))
        }
        (a, b) => a.to_string().eq_ignore_ascii_case(&b.to_string()),
    }
}
