//! `SEARCH` and `CYCLE` after a recursive query of a WITH.
//!
//! The parser cannot read the clauses, so they are taken out of the tokens; once the query is parsed, they are written
//! out as PostgreSQL writes them (`rewriteSearchCycle.c`): both sides of the union become derived tables with more columns
//! around them, and the recursive side reads those of the row before.
//!
//! The path is an array of records, and the column that SEARCH adds is a record or an array of records, which are compared
//! and sort as PostgreSQL has it.

mod names;
mod read;
mod recursive_side;
mod stars;
mod verify;
mod write;

use std::ops::ControlFlow;

use sqlparser::ast::{Cte, Ident, Query, SetExpr, SetOperator, VisitorMut};
use sqlparser::tokenizer::TokenWithSpan;

use crate::base::ErrorReport;
use crate::base::limits::LimitSet;
use crate::base::syntax_walk::walk_mut;

use super::check::of;
use super::normalise::Shapes;
use super::words::folded;

use stars::Table;
use write::Around;

pub(super) use read::take;
pub(super) use write::refuse_numerics;

/// What follows one query of a WITH.
pub(super) struct Clauses {
    /// Where the name of the query stands.
    query: usize,
    search: Option<Search>,
    cycle: Option<Cycle>,
}

/// `SEARCH … FIRST BY … SET …`
struct Search {
    place: usize,
    order: Order,
    columns: Vec<Ident>,
    sequence: Ident,
}

/// Which rows come first.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    /// Those that took fewer steps.
    Breadth,
    /// Those that follow from a row, before those beside it.
    Depth,
}

/// `CYCLE … SET … USING …`
struct Cycle {
    place: usize,
    columns: Vec<Ident>,
    mark: Ident,
    marks: Option<Marks>,
    path: Ident,
}

/// `TO … DEFAULT …`, each a constant.
struct Marks {
    of_cycle: Vec<TokenWithSpan>,
    of_others: Vec<TokenWithSpan>,
}

impl Clauses {
    /// The columns that they add, in their order.
    fn added(&self) -> impl Iterator<Item = &Ident> {
        let of_search = self.search.iter().map(|search| &search.sequence);
        of_search.chain(self.cycle.iter().flat_map(|cycle| [&cycle.mark, &cycle.path]))
    }
}

/// Writes the clauses of a query out.
///
/// # Errors
/// What PostgreSQL finds wrong with them; `0A000` where the columns that they speak of cannot be told from the text.
pub(super) fn write_out(query: &mut Query, clauses: Vec<Clauses>, limits: &LimitSet) -> Result<(), ErrorReport> {
    if clauses.is_empty() {
        return Ok(());
    }
    let mut writer = Writer { clauses, limits, shapes: Shapes::of_text(), entered: Vec::new() };
    match walk_mut(query, &mut writer) {
        ControlFlow::Break(report) => Err(*report),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Writer<'a> {
    clauses: Vec<Clauses>,
    limits: &'a LimitSet,
    shapes: Shapes<'a>,
    /// For every query around, how many queries of WITH were known before it.
    entered: Vec<usize>,
}

/// The columns of a query that the clauses follow.
struct Columns {
    own: Vec<String>,
    added: Vec<String>,
}

impl Columns {
    fn of<'a>(&'a self, name: &'a str) -> Table<'a> {
        Table { name, columns: &self.own, added: &self.added }
    }
}

impl Writer<'_> {
    /// Writes the clauses of one query out. `None` where it has none.
    fn of_query(&self, query: &mut Cte, is_recursive: bool) -> Result<Option<Columns>, ErrorReport> {
        let place = of(&query.alias.name);
        let Some(clauses) = self.clauses.iter().find(|clauses| clauses.query == place) else { return Ok(None) };
        let name = folded(&query.alias.name);
        if !is_recursive || names::places(query.query.as_ref(), &name).is_empty() {
            return Err(verify::not_recursive(place));
        }
        let SetExpr::SetOperation { left, op: SetOperator::Union, right, .. } = query.query.body.as_mut() else {
            // What is no union cannot be recursive: that is told with everything else that is wrong with a query.
            return Ok(None);
        };
        verify::shape(left, right, &name)?;
        let mut around = Around { shapes: self.shapes.clone(), limits: self.limits };
        around.shapes.enter_with(query.query.with.as_ref());
        let given: Vec<String> = query.alias.columns.iter().map(|column| folded(&column.name)).collect();
        let own = names::columns(left, &given, &around.shapes, &query.alias.name)?;
        verify::names(clauses, &own)?;
        let columns = Columns { own, added: clauses.added().map(|name| name.value.clone()).collect() };
        write::both_sides(left, right, clauses, &columns.of(&name), &around)?;
        // The left side has the names now.
        query.alias.columns.clear();
        Ok(Some(columns))
    }

    /// Writes the clauses of all queries of a WITH out.
    fn of_with(&mut self, query: &mut Query) -> Result<(), ErrorReport> {
        let Some(with) = &mut query.with else { return Ok(()) };
        let top = stars::place_of_select(&query.body);
        for index in 0..with.cte_tables.len() {
            let (before, rest) = with.cte_tables.split_at_mut(index);
            let Some((table, after)) = rest.split_first_mut() else { continue };
            if let Some(columns) = self.of_query(table, with.recursive)? {
                let name = folded(&table.alias.name);
                let known = columns.of(&name);
                for other in before.iter_mut().chain(after) {
                    known.write_out(&mut other.query, None)?;
                }
                known.write_out(&mut query.body, top)?;
                known.write_out(&mut query.order_by, None)?;
            }
            self.shapes.add(table);
        }
        Ok(())
    }
}

impl VisitorMut for Writer<'_> {
    type Break = Box<ErrorReport>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Box<ErrorReport>> {
        self.entered.push(self.shapes.count());
        match self.of_with(query) {
            Ok(()) => ControlFlow::Continue(()),
            Err(report) => ControlFlow::Break(Box::new(report)),
        }
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Box<ErrorReport>> {
        if let Some(before) = self.entered.pop() {
            self.shapes.leave(before);
        }
        ControlFlow::Continue(())
    }
}
