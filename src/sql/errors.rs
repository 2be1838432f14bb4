//! The planner's errors as reports. What PostgreSQL finds wrong with a query was told before (`check`); what is left is
//! what this server does not do.

use std::ops::ControlFlow;

use datafusion::common::DataFusionError;
use sqlparser::ast::{Expr, Ident, ObjectName, Query, Spanned, TableFactor, Visitor};

use crate::base::engine_error;
use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};

/// The report, with the position that the planner noted, or that of the function that does not exist here.
pub(super) fn report(error: &DataFusionError, query: &Query) -> ErrorReport {
    let mut report = engine_error::report(error);
    if report.position.is_none() {
        report.position = diagnosed(error).or_else(|| function_place(&report, query));
    }
    report
}

/// The position that the planner noted itself. Locations have the character position as their column.
fn diagnosed(error: &DataFusionError) -> Option<usize> {
    match error {
        DataFusionError::Diagnostic(diagnostic, inner) => {
            diagnostic.span.and_then(|span| usize::try_from(span.start.column).ok()).or_else(|| diagnosed(inner))
        }
        DataFusionError::Context(_, inner) => diagnosed(inner),
        DataFusionError::Shared(inner) => diagnosed(inner),
        DataFusionError::Collection(errors) => errors.first().and_then(diagnosed),
        _ => None,
    }
}

/// A function that PostgreSQL has and this server has not: the planner tells its name only.
fn function_place(report: &ErrorReport, query: &Query) -> Option<usize> {
    if report.sqlstate != SqlState::UNDEFINED_FUNCTION {
        return None;
    }
    let name = report.message.strip_prefix("function ")?.split('(').next()?;
    match walk(query, &mut Calls { name }) {
        ControlFlow::Break(position) => Some(position),
        ControlFlow::Continue(()) => None,
    }
}

/// Looks for the first call of a name.
struct Calls<'a> {
    name: &'a str,
}

impl Calls<'_> {
    fn at(&self, name: &ObjectName) -> ControlFlow<usize> {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(normal).collect();
        match usize::try_from(name.span().start.column) {
            Ok(position) if position > 0 && parts.join(".") == self.name => ControlFlow::Break(position),
            Ok(_) | Err(_) => ControlFlow::Continue(()),
        }
    }
}

fn normal(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

impl Visitor for Calls<'_> {
    type Break = usize;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<usize> {
        match factor {
            TableFactor::Table { name, args: Some(_), .. } => self.at(name),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<usize> {
        match expr {
            Expr::Function(function) => self.at(&function.name),
            _ => ControlFlow::Continue(()),
        }
    }
}
