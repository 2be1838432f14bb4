//! Casts of columns to the types that they have: `v::int` is `v` where `v` is an integer. To the planner they are two keys,
//! to PostgreSQL one.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, OrderBy, Query, Select, SetExpr, Visitor, VisitorMut};

use crate::base::syntax_walk::{walk, walk_mut};
use crate::sql::check::{Findings, cast_column};
use crate::sql::grouping_sets::is_of_sets;

use super::forms::take;

/// Takes such casts off in every SELECT that has them among its keys, or has sets of keys.
pub(super) fn take_off(query: &mut Query, findings: &Findings) {
    if !findings.same_casts.is_empty() {
        let _: ControlFlow<()> = walk_mut(query, &mut Queries { casts: Casts { same: &findings.same_casts } });
    }
}

struct Queries<'a> {
    casts: Casts<'a>,
}

impl VisitorMut for Queries<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let order_by = query.order_by.as_mut();
        self.in_body(&mut query.body, order_by);
        ControlFlow::Continue(())
    }
}

impl Queries<'_> {
    fn in_body(&mut self, body: &mut SetExpr, order_by: Option<&mut OrderBy>) {
        match body {
            SetExpr::Select(select) if self.has_keys(select) => self.in_select(select, order_by),
            SetExpr::SetOperation { left, right, .. } => {
                self.in_body(left, None);
                self.in_body(right, None);
            }
            // A query has its own turn.
            _ => {}
        }
    }

    fn has_keys(&self, select: &Select) -> bool {
        let GroupByExpr::Expressions(keys, _) = &select.group_by else { return false };
        keys.iter().any(is_of_sets) || walk(keys, &mut Casts { same: self.casts.same }).is_break()
    }

    fn in_select(&mut self, select: &mut Select, order_by: Option<&mut OrderBy>) {
        let _: ControlFlow<()> = walk_mut(&mut select.group_by, &mut self.casts);
        let _: ControlFlow<()> = walk_mut(&mut select.projection, &mut self.casts);
        let _: ControlFlow<()> = walk_mut(&mut select.having, &mut self.casts);
        if let Some(order_by) = order_by {
            let _: ControlFlow<()> = walk_mut(order_by, &mut self.casts);
        }
    }
}

/// Finds such casts, and takes them off.
struct Casts<'a> {
    same: &'a HashMap<usize, usize>,
}

impl Casts<'_> {
    fn is_same(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Cast { .. })
            && cast_column(expr).is_some_and(|(place, casts)| self.same.get(&place).is_some_and(|most| casts <= *most))
    }
}

impl Visitor for Casts<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.is_same(expr) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

impl VisitorMut for Casts<'_> {
    type Break = ();

    // From the outside: what is around a cast that is taken off has its own type.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.is_same(expr) {
            while let Expr::Cast { expr: inner, .. } | Expr::Nested(inner) = expr {
                *expr = take(inner);
            }
        }
        ControlFlow::Continue(())
    }
}
