//! Rewrites of the syntax tree before planning: forms that PostgreSQL has and the planner has not, written with forms
//! that it has.
//!
//! Comes in: a query as it was parsed. Goes out: the same query for the planner.
//! Does not: look names up.
//! Invariant: a rewrite never changes what the query means, and every identifier keeps its place in the text.

mod forms;
mod names;
mod numbers;
mod selects;
mod system;
mod tables;

use std::ops::ControlFlow;

use sqlparser::ast::{self, Expr, Query, Select, TableFactor, VisitorMut};

use crate::base::ErrorReport;
use crate::base::syntax_walk::walk_mut;

use super::plan::PlanContext;

pub(super) use names::{figured, shown};

/// Rewrites a query in place.
pub(super) fn query(query: &mut ast::Query, context: &PlanContext<'_>) -> Result<(), ErrorReport> {
    // Names first: they come from the text as it was written.
    names::assign(query);
    system::rewrite(query)?;
    match walk_mut(query, &mut Normaliser { context }) {
        ControlFlow::Break(report) => Err(*report),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Normaliser<'a> {
    context: &'a PlanContext<'a>,
}

type Flow = ControlFlow<Box<ErrorReport>>;

fn flow(result: Result<(), ErrorReport>) -> Flow {
    match result {
        Ok(()) => ControlFlow::Continue(()),
        Err(report) => ControlFlow::Break(Box::new(report)),
    }
}

impl VisitorMut for Normaliser<'_> {
    type Break = Box<ErrorReport>;

    fn post_visit_query(&mut self, query: &mut Query) -> Flow {
        numbers::restore_in_query(query);
        flow(selects::refuse_all(&query.body).and_then(|()| forms::fetch_to_limit(query)))
    }

    fn post_visit_select(&mut self, select: &mut Select) -> Flow {
        numbers::restore_in_select(select);
        selects::star_of_using(select);
        flow(selects::check_items(select))
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> Flow {
        flow(tables::prepare(factor, self.context))
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> Flow {
        numbers::type_number(expr);
        flow(forms::rewrite(expr, self.context))
    }
}
