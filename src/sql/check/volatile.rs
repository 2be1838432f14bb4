//! Queries of WITH that would give other rows each time. PostgreSQL runs such a query once, whoever reads it; here each
//! reading runs it, so only one is allowed.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, TableFactor, TableSampleKind, Visitor};

use crate::base::SqlState;
use crate::base::syntax_walk::walk;
use crate::functions;
use crate::sql::normalise::bare_name;

use super::scope::{Cte, parts};
use super::{Checker, error};

impl Checker<'_> {
    /// Whether the rows of a query may be others each time that it runs.
    pub(super) fn is_volatile(&self, query: &Query) -> bool {
        walk(query, &mut Volatile { checker: self }).is_break()
    }

    /// Notes that a query of WITH is read at this place.
    pub(super) fn note_reading(&mut self, cte: &Cte, place: usize) {
        if cte.is_volatile && *self.readings.entry(cte.place).or_insert(place) != place {
            let message = format!(
                "WITH query \"{}\" gives other rows each time that it runs, and is read more than once",
                cte.name
            );
            let report = error(SqlState::FEATURE_NOT_SUPPORTED, message, place);
            self.later(report.with_hint("Read it once, or leave out random() and the like."));
        }
    }
}

struct Volatile<'a, 'b> {
    checker: &'a Checker<'b>,
}

impl Visitor for Volatile<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        let Expr::Function(function) = expr else { return ControlFlow::Continue(()) };
        let known = bare_name(&function.name).and_then(|name| self.checker.context.functions.scalars.get(&name));
        match known.is_some_and(|known| functions::differs_within_statement(known)) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<()> {
        let TableFactor::Table { name, sample, .. } = factor else { return ControlFlow::Continue(()) };
        let is_sampled = sample.as_ref().is_some_and(|kind| {
            let (TableSampleKind::BeforeTableAlias(sample) | TableSampleKind::AfterTableAlias(sample)) = kind;
            sample.seed.is_none()
        });
        let reads_volatile = match parts(name).as_slice() {
            [single] => self.checker.scope.cte(single).is_some_and(|cte| cte.is_volatile),
            _ => false,
        };
        if is_sampled || reads_volatile { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}
