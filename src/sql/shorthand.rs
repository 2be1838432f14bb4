//! Forms that only abbreviate others, written out in the tree right after it was parsed: what comes later never sees them.
//!
//! What the parser cannot hold comes here behind names that no text can write; `rewritten_tokens` has put them there.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, Query, Select, SelectItem, SetExpr, Values, VisitorMut};

use crate::base::syntax_walk::walk_mut;

use super::grouping_sets;
use super::normalise::of_positions;

/// Stands where a SELECT selects nothing.
pub(super) const NOTHING: &str = "\u{2063}nothing";

/// Stands before the keys of `GROUP BY DISTINCT`.
pub(super) const DISTINCT_SETS: &str = "\u{2063}distinct";

/// Begins the last of the names of USING, which is the alias of the columns that are merged: `USING (k) AS m`.
pub(super) const JOIN_ALIAS: &str = "\u{2063}as";

/// Writes the forms of a query out.
pub(super) fn write_out(query: &mut Query) {
    let _: ControlFlow<()> = walk_mut(query, &mut Shorthand);
}

struct Shorthand;

impl VisitorMut for Shorthand {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if let Some(with) = query.with.as_mut().filter(|with| with.recursive) {
            with.cte_tables.iter_mut().for_each(|table| without_parentheses(&mut table.query));
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let is_nothing = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(expr) if is_mark(expr, NOTHING));
        select.projection.retain(|item| !is_nothing(item));
        distinct_sets(select);
        ControlFlow::Continue(())
    }
}

/// A query in parentheses of its own is that query: a recursive one must be seen to be a union. The clauses may stand on
/// either side of the parentheses.
fn without_parentheses(query: &mut Query) {
    loop {
        let is_bare = has_body_only(query);
        if !matches!(query.body.as_ref(), SetExpr::Query(inner) if is_bare || has_body_only(inner)) {
            return;
        }
        let nothing = Values { explicit_row: false, value_keyword: false, rows: Vec::new() };
        match std::mem::replace(query.body.as_mut(), SetExpr::Values(nothing)) {
            SetExpr::Query(inner) if is_bare => *query = *inner,
            SetExpr::Query(inner) => query.body = inner.body,
            other => *query.body = other,
        }
    }
}

fn has_body_only(query: &Query) -> bool {
    query.with.is_none()
        && query.order_by.is_none()
        && query.limit_clause.is_none()
        && query.fetch.is_none()
        && query.locks.is_empty()
        && query.for_clause.is_none()
        && query.settings.is_none()
        && query.format_clause.is_none()
        && query.pipe_operators.is_empty()
}

fn is_mark(expr: &Expr, mark: &str) -> bool {
    matches!(expr, Expr::Identifier(name) if name.value == mark)
}

/// `GROUP BY DISTINCT`: every set of keys once.
fn distinct_sets(select: &mut Select) {
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    if !keys.first().is_some_and(|key| is_mark(key, DISTINCT_SETS)) {
        return;
    }
    keys.remove(0);
    of_positions(select);
    let GroupByExpr::Expressions(keys, _) = &mut select.group_by else { return };
    if let Some(sets) = grouping_sets::distinct(keys) {
        *keys = vec![Expr::GroupingSets(sets)];
    }
}
