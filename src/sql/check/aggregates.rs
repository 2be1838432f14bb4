//! Where aggregates may stand, and to which SELECT each belongs (`parse_agg.c`).

use sqlparser::ast::Select;

use crate::base::{ErrorReport, SqlState};

use super::places::begin;
use super::scope::Clause;
use super::{Checked, Checker, error};

/// What the arguments of a call hold.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The SELECT in which the call stands; what is within belongs to subqueries.
    level: usize,
    /// The innermost SELECT whose columns are used.
    column: Option<usize>,
    /// The place of the first column of this SELECT.
    own_column: Option<usize>,
    /// The innermost SELECT whose aggregates are used, and one such aggregate.
    aggregate: Option<(usize, usize)>,
    window: Option<usize>,
    /// The first call that returns a set, and the last one.
    set: Option<(usize, usize)>,
}

impl Watch {
    fn see_column(&mut self, level: usize, place: usize) {
        if level <= self.level {
            self.column = self.column.max(Some(level));
        }
        if level == self.level {
            self.own_column.get_or_insert(place);
        }
    }

    /// The first column of this SELECT itself.
    pub(super) fn own_column(&self) -> Option<usize> {
        self.own_column
    }

    /// The last call of this SELECT that returns a set.
    pub(super) fn last_set(&self) -> Option<usize> {
        self.set.map(|(_, last)| last)
    }

    fn see_set(&mut self, (first, last): (usize, usize)) {
        self.set = Some((self.set.map_or(first, |(known, _)| known), last));
    }

    fn see_aggregate(&mut self, level: usize, place: usize) {
        if level <= self.level && self.aggregate.is_none_or(|(known, _)| level > known) {
            self.aggregate = Some((level, place));
        }
    }
}

impl Checker<'_> {
    /// Begins to watch what a call's arguments hold.
    pub(super) fn watch(&mut self) {
        self.watches.push(Watch { level: self.scope.depth(), ..Watch::default() });
    }

    pub(super) fn watch_column(&mut self, level: usize, place: usize) {
        if let Some(watch) = self.watches.last_mut() {
            watch.see_column(level, place);
        }
    }

    /// A call that returns a set: not every clause may have one (`check_srf_call_placement`).
    pub(super) fn set_call(&mut self, place: usize) -> Checked<()> {
        if let Some(what) = no_sets_in(self.scope.current().clause) {
            let message = format!("set-returning functions are not allowed in {what}");
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, place));
        }
        let depth = self.scope.depth();
        // One of a query inside has its own rows.
        if let Some(watch) = self.watches.last_mut().filter(|watch| watch.level == depth) {
            watch.see_set((place, place));
        }
        Ok(())
    }

    /// Looks at something in which no call may return a set, and says so at the last one.
    pub(super) fn without_sets<T>(&mut self, word: &str, look: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        self.watch();
        let seen = look(self)?;
        match self.forget().last_set() {
            Some(set) => Err(no_sets(&format!("set-returning functions are not allowed in {word}"), set)),
            None => Ok(seen),
        }
    }

    /// Ends the watch of a call in FROM: no other call in it may return a set.
    pub(super) fn no_set_within(&mut self, call: usize) -> Checked<()> {
        match self.forget().set.filter(|(first, _)| *first != call) {
            Some((set, _)) => {
                let message = "set-returning functions must appear at top level of FROM";
                Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, set))
            }
            None => Ok(()),
        }
    }

    /// Ends a watch; what was seen counts for the call around it.
    pub(super) fn forget(&mut self) -> Watch {
        let watch = self.watches.pop().unwrap_or_default();
        if let Some(outer) = self.watches.last_mut() {
            if let Some(level) = watch.column {
                outer.see_column(level, watch.own_column.unwrap_or_default());
            }
            if let Some((level, place)) = watch.aggregate {
                outer.see_aggregate(level, place);
            }
            if watch.level == outer.level {
                outer.window = outer.window.or(watch.window);
                if let Some(set) = watch.set {
                    outer.see_set(set);
                }
            }
        }
        watch
    }

    /// An aggregate whose arguments were watched.
    pub(super) fn aggregate_call(&mut self, place: usize) -> Checked<()> {
        let watch = self.forget();
        let wrong = |message: &str, place: usize| Err(error(SqlState::GROUPING_ERROR, message, place));
        let innermost = watch.column.max(watch.aggregate.map(|(level, _)| level));
        let level = innermost.unwrap_or(watch.level);
        if let Some((_, inner)) = watch.aggregate.filter(|(inner, _)| *inner == level) {
            return wrong("aggregate function calls cannot be nested", inner);
        }
        if let Some((set, _)) = watch.set {
            return Err(no_sets("aggregate function calls cannot contain set-returning function calls", set));
        }
        if let Some(window) = watch.window {
            return wrong("aggregate function calls cannot contain window function calls", window);
        }
        let Some(owner) = self.scope.levels.get_mut(level) else { return Ok(()) };
        if let Some(what) = no_aggregates_in(owner.clause) {
            return wrong(&format!("aggregate functions are not allowed in {what}"), place);
        }
        owner.has_aggregates = true;
        owner.is_read_within |= level < watch.level;
        self.aggregates.insert(place, level);
        if let Some(outer) = self.watches.last_mut() {
            outer.see_aggregate(level, place);
        }
        Ok(())
    }

    /// A SELECT that reads the rows of the recursive query around has no aggregates.
    pub(super) fn no_aggregate_over_recursion(&mut self, select: &Select) -> Checked<()> {
        let (depth, start) = (self.scope.depth(), begin(&select.select_token.0));
        let level = self.scope.current();
        if !level.has_aggregates || !level.tables.iter().any(|table| table.is_recursion) {
            return Ok(());
        }
        // Other queries of this depth that have been looked at stand before it.
        let own = self.aggregates.iter().filter(|(place, level)| **level == depth && **place >= start);
        let first = own.map(|(place, _)| *place).min().unwrap_or_default();
        let message = "aggregate functions are not allowed in a recursive query's recursive term";
        Err(error(SqlState::INVALID_RECURSION, message, first))
    }

    /// `grouping(…)` whose arguments were watched: it belongs to the SELECT that has these keys.
    pub(super) fn grouping_call(&mut self, place: usize) {
        let watch = self.forget();
        let level = watch.column.unwrap_or(watch.level);
        self.groupings.insert(place, level);
        if let Some(owner) = self.scope.levels.get_mut(level) {
            owner.has_aggregates = true;
            owner.is_read_within |= level < watch.level;
        }
    }

    /// The window call that the arguments of a call hold, and that this one is a window call itself.
    pub(super) fn inner_window(&mut self, place: usize) -> Checked<Option<usize>> {
        let watch = self.forget();
        if let Some(set) = watch.last_set() {
            return Err(no_sets("window function calls cannot contain set-returning function calls", set));
        }
        if let Some(outer) = self.watches.last_mut()
            && outer.level == watch.level
        {
            outer.window.get_or_insert(place);
        }
        Ok(watch.window)
    }
}

fn no_sets(message: &str, place: usize) -> ErrorReport {
    error(SqlState::FEATURE_NOT_SUPPORTED, message, place)
        .with_hint("You might be able to move the set-returning function into a LATERAL FROM item.")
}

/// The clauses in which no call may return a set. FROM has its own rules.
fn no_sets_in(clause: Clause) -> Option<&'static str> {
    match clause {
        Clause::Nothing
        | Clause::Select
        | Clause::FromSubquery
        | Clause::FromFunction
        | Clause::GroupBy
        | Clause::OrderBy
        | Clause::DistinctOn
        | Clause::WindowPartition
        | Clause::WindowOrder => None,
        Clause::WindowRows | Clause::WindowRange | Clause::WindowGroups => Some(Clause::WindowOrder.name()),
        Clause::Where
        | Clause::Having
        | Clause::JoinOn
        | Clause::Limit
        | Clause::Offset
        | Clause::Values
        | Clause::Filter => Some(clause.name()),
    }
}

fn no_aggregates_in(clause: Clause) -> Option<&'static str> {
    let allowed = matches!(
        clause,
        Clause::Nothing
            | Clause::Select
            | Clause::Having
            | Clause::OrderBy
            | Clause::DistinctOn
            | Clause::WindowPartition
            | Clause::WindowOrder
    );
    (!allowed).then(|| clause.name())
}
