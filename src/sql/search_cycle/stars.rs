//! Stars over a query with the clauses. Its own columns are all that they stand for within it, and within every other query
//! that is further in than its WITH; only the query of the WITH itself sees the others there.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, JoinConstraint, ObjectName, ObjectNamePart, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAliasColumnDef, TableFactor, TableWithJoins, VisitMut, VisitorMut,
    WildcardAdditionalOptions,
};
use sqlparser::tokenizer::Span;

use crate::base::syntax_walk::walk_mut;
use crate::base::{ErrorReport, SqlState};
use crate::sql::check::begin;
use crate::sql::normalise::{Side, constraint, name_of, quoted};
use crate::sql::words::folded;

use super::names::{hides, ident};

/// A query that the clauses follow.
pub(super) struct Table<'a> {
    /// Its name.
    pub(super) name: &'a str,
    /// Its own columns.
    pub(super) columns: &'a [String],
    /// The columns that the clauses add.
    pub(super) added: &'a [String],
}

/// Such a query as an item of FROM.
pub(super) struct Reference {
    /// What it is called there.
    name: Ident,
    /// What its columns are called there.
    columns: Vec<String>,
    /// How many of them are its own.
    own: usize,
}

impl Reference {
    /// A column with the name of the table.
    pub(super) fn column(&self, index: usize) -> Option<Vec<Ident>> {
        Some(vec![self.name.clone(), quoted(self.columns.get(index)?)])
    }

    /// The first of the columns that the clauses add.
    pub(super) fn first_added(&self) -> usize {
        self.own
    }

    /// Its own columns, in the place of a star.
    fn items(&self, span: Span) -> impl Iterator<Item = SelectItem> {
        let mut name = self.name.clone();
        name.span = span;
        let column = move |column: &String| {
            SelectItem::UnnamedExpr(Expr::CompoundIdentifier(vec![name.clone(), quoted(column)]))
        };
        self.columns.iter().take(self.own).map(column)
    }
}

impl Table<'_> {
    /// Whether an item of FROM is this query.
    pub(super) fn is(&self, factor: &TableFactor) -> bool {
        match factor {
            TableFactor::Table { name, args: None, .. } => ident(name).is_some_and(|name| folded(name) == self.name),
            _ => false,
        }
    }

    /// The query under the names that an alias gives. An alias that names columns names all of them from here on.
    pub(super) fn reference(&self, factor: &mut TableFactor) -> Option<Reference> {
        let TableFactor::Table { name, alias, .. } = factor else { return None };
        let mut name = ident(name)?.clone();
        let mut columns: Vec<String> = self.columns.iter().chain(self.added).cloned().collect();
        if let Some(alias) = alias {
            name = Ident { span: name.span, ..alias.name.clone() };
            for (column, given) in columns.iter_mut().zip(&alias.columns) {
                *column = folded(&given.name);
            }
            if !alias.columns.is_empty() {
                let rest = columns.iter().skip(alias.columns.len());
                let named = |column: &String| TableAliasColumnDef { name: quoted(column), data_type: None };
                alias.columns.extend(rest.map(named).collect::<Vec<_>>());
            }
        }
        Some(Reference { name, columns, own: self.columns.len() })
    }

    /// Writes the stars of all queries within this out, but for one SELECT.
    pub(super) fn write_out(&self, node: &mut impl VisitMut, except: Option<usize>) -> Result<(), ErrorReport> {
        match walk_mut(node, &mut Within { table: self, except, hidden: 0 }) {
            ControlFlow::Break(report) => Err(*report),
            ControlFlow::Continue(()) => Ok(()),
        }
    }

    fn references(&self, select: &mut Select) -> Vec<Reference> {
        let factors = select.from.iter_mut().flat_map(factors);
        factors.filter(|factor| self.is(factor)).filter_map(|factor| self.reference(factor)).collect()
    }
}

fn factors(from: &mut TableWithJoins) -> impl Iterator<Item = &mut TableFactor> {
    std::iter::once(&mut from.relation).chain(from.joins.iter_mut().map(|join| &mut join.relation))
}

/// Where the SELECT stands that a query is, if it is one.
pub(super) fn place_of_select(body: &SetExpr) -> Option<usize> {
    match body {
        SetExpr::Select(select) => Some(begin(&select.select_token.0)),
        SetExpr::Query(query) => place_of_select(&query.body),
        _ => None,
    }
}

struct Within<'t> {
    table: &'t Table<'t>,
    except: Option<usize>,
    /// Queries around that have one of the name in their own WITH.
    hidden: usize,
}

impl VisitorMut for Within<'_> {
    type Break = Box<ErrorReport>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<ErrorReport>> {
        self.hidden += usize::from(hides(query, self.table.name));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<ErrorReport>> {
        self.hidden -= usize::from(hides(query, self.table.name));
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Box<ErrorReport>> {
        if self.hidden > 0 || self.except == Some(begin(&select.select_token.0)) {
            return ControlFlow::Continue(());
        }
        let references = self.table.references(select);
        match if references.is_empty() { Ok(()) } else { write_stars(select, &references) } {
            Ok(()) => ControlFlow::Continue(()),
            Err(report) => ControlFlow::Break(Box::new(report)),
        }
    }
}

pub(super) fn refused(message: &str, select: &Select, hint: &str) -> ErrorReport {
    let place = begin(&select.select_token.0);
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_hint(hint).with_position(place)
}

fn called<'r>(references: &'r [Reference], name: &str) -> Option<&'r Reference> {
    references.iter().find(|reference| folded(&reference.name) == name)
}

/// A star stands for no column that the clauses add.
pub(super) fn write_stars(select: &mut Select, references: &[Reference]) -> Result<(), ErrorReport> {
    let mut items = Vec::with_capacity(select.projection.len());
    for item in std::mem::take(&mut select.projection) {
        let named = match &item {
            SelectItem::Wildcard(options) => {
                items.extend(star(select, references, options.wildcard_token.0.span)?);
                continue;
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                ident(name).and_then(|name| Some((name, called(references, &folded(name))?)))
            }
            _ => None,
        };
        match named {
            Some((name, reference)) => items.extend(reference.items(name.span)),
            None => items.push(item),
        }
    }
    select.projection = items;
    Ok(())
}

fn star(select: &Select, references: &[Reference], span: Span) -> Result<Vec<SelectItem>, ErrorReport> {
    let cannot_tell = || {
        let message = "* over this join with a query that has a SEARCH or CYCLE clause is not supported";
        refused(message, select, "Name the columns.")
    };
    let mut items = Vec::new();
    for from in &select.from {
        if from.joins.iter().any(|join| constraint(join).is_some_and(merges)) {
            return Err(cannot_tell());
        }
        let joined = from.joins.iter().map(|join| &join.relation);
        for factor in std::iter::once(&from.relation).chain(joined) {
            let name = name_of(factor).ok_or_else(cannot_tell)?;
            match called(references, &name) {
                Some(reference) => items.extend(reference.items(span)),
                None => items.push(all_of(&name, span)),
            }
        }
    }
    Ok(items)
}

fn merges((constraint, _): (&JoinConstraint, Side)) -> bool {
    matches!(constraint, JoinConstraint::Using(_) | JoinConstraint::Natural)
}

fn all_of(name: &str, span: Span) -> SelectItem {
    let mut name = quoted(name);
    name.span = span;
    let name = ObjectName(vec![ObjectNamePart::Identifier(name)]);
    let kind = SelectItemQualifiedWildcardKind::ObjectName(name);
    SelectItem::QualifiedWildcard(kind, WildcardAdditionalOptions::default())
}
