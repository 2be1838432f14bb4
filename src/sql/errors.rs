//! The planner's errors with PostgreSQL's words and positions.

use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, SchemaError};
use sqlparser::ast::{Expr, ObjectName, Query, Spanned, TableFactor, Visitor};

use crate::base::engine_error;
use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};

/// The report, with a position where one can be found in the query.
pub(super) fn report(error: &DataFusionError, query: &Query) -> ErrorReport {
    let mut report = engine_error::report(error);
    if report.position.is_some() {
        return report;
    }
    report.position = diagnosed(error).or_else(|| searched(error, &report, query));
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

/// The first place where the name stands that the error is about.
fn searched(error: &DataFusionError, report: &ErrorReport, query: &Query) -> Option<usize> {
    let mut search = match report.sqlstate {
        SqlState::UNDEFINED_TABLE => Search::table(quoted(&report.message)?),
        SqlState::UNDEFINED_COLUMN | SqlState::AMBIGUOUS_COLUMN => Search::column(column_of(error.find_root())?),
        SqlState::UNDEFINED_FUNCTION => Search::function(function_of(&report.message)?),
        _ => return None,
    };
    match walk(query, &mut search) {
        ControlFlow::Break(position) => Some(position),
        ControlFlow::Continue(()) => None,
    }
}

fn quoted(message: &str) -> Option<String> {
    message.split('"').nth(1).map(str::to_owned)
}

fn function_of(message: &str) -> Option<String> {
    let name = message.strip_prefix("function ")?.split('(').next()?;
    Some(name.to_owned())
}

fn column_of(error: &DataFusionError) -> Option<String> {
    match error {
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { field, .. } | SchemaError::AmbiguousReference { field } => {
                Some(field.name.clone())
            }
            SchemaError::DuplicateQualifiedField { .. } | SchemaError::DuplicateUnqualifiedField { .. } => None,
        },
        _ => None,
    }
}

enum Kind {
    Table,
    Column,
    Function,
}

struct Search {
    kind: Kind,
    name: String,
}

impl Search {
    fn table(name: String) -> Self {
        Self { kind: Kind::Table, name }
    }
    fn column(name: String) -> Self {
        Self { kind: Kind::Column, name }
    }
    fn function(name: String) -> Self {
        Self { kind: Kind::Function, name }
    }

    fn names(&self, name: &ObjectName) -> bool {
        let parts: Vec<String> = name.0.iter().filter_map(|part| part.as_ident()).map(normal).collect();
        parts.join(".") == self.name
    }
}

fn normal(ident: &sqlparser::ast::Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

fn at(column: u64) -> ControlFlow<usize> {
    match usize::try_from(column) {
        Ok(0) | Err(_) => ControlFlow::Continue(()),
        Ok(position) => ControlFlow::Break(position),
    }
}

impl Visitor for Search {
    type Break = usize;

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<usize> {
        match factor {
            TableFactor::Table { name, args, .. } if self.names(name) => match (&self.kind, args) {
                (Kind::Table, None) | (Kind::Function, Some(_)) => at(name.span().start.column),
                _ => ControlFlow::Continue(()),
            },
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<usize> {
        match (&self.kind, expr) {
            (Kind::Column, Expr::Identifier(ident)) if normal(ident) == self.name => at(ident.span.start.column),
            (Kind::Column, Expr::CompoundIdentifier(parts)) => match (parts.first(), parts.last()) {
                (Some(first), Some(last)) if normal(last) == self.name => at(first.span.start.column),
                _ => ControlFlow::Continue(()),
            },
            (Kind::Function, Expr::Function(function)) if self.names(&function.name) => {
                at(function.name.span().start.column)
            }
            _ => ControlFlow::Continue(()),
        }
    }
}
