//! What the query is called, and its columns.

use std::ops::ControlFlow;

use sqlparser::ast::{Ident, ObjectName, ObjectNamePart, Query, SetExpr, Visit, Visitor};

use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};
use crate::sql::check::of;
use crate::sql::normalise::Shapes;
use crate::sql::words::folded;

/// Where this names a table so, and not by a WITH of its own.
pub(super) fn places(node: &impl Visit, name: &str) -> Vec<usize> {
    let mut named = Named { name, places: Vec::new(), hidden: 0 };
    let _: ControlFlow<()> = walk(node, &mut named);
    named.places
}

struct Named<'n> {
    name: &'n str,
    places: Vec<usize>,
    /// Queries around that have one of the name in their own WITH.
    hidden: usize,
}

impl Visitor for Named<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.hidden += usize::from(hides(query, self.name));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.hidden -= usize::from(hides(query, self.name));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &ObjectName) -> ControlFlow<()> {
        if let Some(ident) = ident(relation).filter(|ident| folded(ident) == self.name && self.hidden == 0) {
            self.places.push(of(ident));
        }
        ControlFlow::Continue(())
    }
}

/// Whether a query has one of the name in its own WITH.
pub(super) fn hides(query: &Query, name: &str) -> bool {
    let own = query.with.iter().flat_map(|with| &with.cte_tables);
    own.map(|table| folded(&table.alias.name)).any(|own| own == name)
}

/// A name without a schema.
pub(super) fn ident(name: &ObjectName) -> Option<&Ident> {
    match name.0.as_slice() {
        [only] => ObjectNamePart::as_ident(only),
        _ => None,
    }
}

/// The columns of a recursive query: those of its first side, under the names that it gives to the first of them.
pub(super) fn columns(
    left: &SetExpr,
    given: &[String],
    shapes: &Shapes<'_>,
    name: &Ident,
) -> Result<Vec<String>, ErrorReport> {
    let own = shapes.of_body(left);
    if let Some(own) = own.as_ref().filter(|own| own.len() < given.len()) {
        let (name, place) = (folded(name), of(name));
        let (available, specified) = (own.len(), given.len());
        let message =
            format!("WITH query \"{name}\" has {available} columns available but {specified} columns specified");
        return Err(ErrorReport::new(SqlState::INVALID_COLUMN_REFERENCE, message).with_position(place));
    }
    match own {
        Some(own) => Ok(given.iter().cloned().chain(own.into_iter().skip(given.len())).collect()),
        // Where there are more of them, the sides of the union have different numbers of columns.
        None if !given.is_empty() => Ok(given.to_vec()),
        None => {
            let message =
                "a SEARCH or CYCLE clause of a WITH query whose columns the text does not tell is not supported";
            Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .with_hint("Write the names of its columns after its name.")
                .with_position(of(name)))
        }
    }
}
