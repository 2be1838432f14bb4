//! `(SELECT e)` without FROM is `e`. The planner takes no query in DISTINCT ON, nor where a window is defined or its
//! function called.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Distinct, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr, OrderByKind, Query, Select,
    SelectItem, SetExpr, Visitor, WindowSpec,
};

use crate::base::syntax_walk::walk;

use super::forms::internal_name;
use super::marks::marked_in;
use super::system::has_column;

/// The keys of DISTINCT ON, and those of the ORDER BY beside it.
pub(super) fn in_distinct(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let Some(Distinct::On(keys)) = &mut select.distinct else { return };
    keys.iter_mut().for_each(write_out);
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(keys) = &mut order_by.kind
    {
        keys.iter_mut().for_each(|key| write_out(&mut key.expr));
    }
}

/// The arguments of a window function.
pub(super) fn in_call(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    for argument in &mut list.args {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) = argument {
            write_out(value);
        }
    }
}

/// The keys of a window.
pub(super) fn in_window(spec: &mut WindowSpec) {
    spec.partition_by.iter_mut().for_each(write_out);
    spec.order_by.iter_mut().for_each(|key| write_out(&mut key.expr));
}

fn write_out(expr: &mut Expr) {
    if let Some(value) = query_of(expr).and_then(value).cloned() {
        *expr = value;
    }
}

fn query_of(expr: &Expr) -> Option<&Query> {
    match expr {
        Expr::Nested(inner) => query_of(inner),
        Expr::Subquery(query) => Some(query),
        Expr::Function(function) => marked_in(function).and_then(query_of),
        _ => None,
    }
}

/// What a query selects that reads nothing and has one row. A bare name would mean an output column outside, and a constant
/// would have no type.
fn value(query: &Query) -> Option<&Expr> {
    let is_bare = query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty();
    let SetExpr::Select(select) = query.body.as_ref() else { return None };
    let [SelectItem::UnnamedExpr(value) | SelectItem::ExprWithAlias { expr: value, .. }] = select.projection.as_slice()
    else {
        return None;
    };
    let is_value = !matches!(value, Expr::Identifier(_)) && has_column(value) && !calls(value);
    (is_bare && has_one_row(select) && is_value).then_some(value)
}

fn has_one_row(select: &Select) -> bool {
    let has_keys = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    select.from.is_empty()
        && select.selection.is_none()
        && select.having.is_none()
        && select.distinct.is_none()
        && select.named_window.is_empty()
        && !has_keys
}

/// Whether an expression calls something by name, which may be an aggregate or make rows, or has a query.
fn calls(value: &Expr) -> bool {
    struct Calls;
    impl Visitor for Calls {
        type Break = ();
        fn pre_visit_query(&mut self, _query: &Query) -> ControlFlow<()> {
            ControlFlow::Break(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            match expr {
                Expr::Function(function) if internal_name(&function.name.to_string()).is_none() => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    walk(value, &mut Calls).is_break()
}
