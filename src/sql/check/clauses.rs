//! ORDER BY, GROUP BY, DISTINCT, LIMIT and OFFSET (`parse_clause.c`).

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, LimitClause, OrderBy, OrderByKind, Query, UnaryOperator, Value, ValueWithSpan,
};

use crate::base::{ErrorReport, SqlState};
use crate::sql::normalise;
use crate::sql::words::folded;

use super::super::grouping_sets::nested_steps;
use super::calls::no_equality;
use super::operators::bare;
use super::places::of;
use super::queries::Target;
use super::scope::{Clause, Found};
use super::types::Type;
use super::windows::is_negative;
use super::{Checked, Checker, Typed, error};

/// An item of ORDER BY, GROUP BY or DISTINCT ON.
#[derive(Debug, Clone)]
pub(super) struct Key<'q> {
    /// The item of the SELECT list that it means, if it means one.
    pub(super) target: Option<usize>,
    pub(super) expr: Option<&'q Expr>,
    pub(super) column: Option<Found>,
    pub(super) place: usize,
}

impl Checker<'_> {
    pub(super) fn order_by<'q>(
        &mut self,
        order_by: Option<&'q OrderBy>,
        targets: &[Target<'_>],
    ) -> Checked<Vec<Key<'q>>> {
        let Some(OrderByKind::Expressions(items)) = order_by.map(|order_by| &order_by.kind) else {
            return Ok(Vec::new());
        };
        let mut keys = Vec::with_capacity(items.len());
        for item in items {
            let (key, typed) = self.key(&item.expr, targets, Clause::OrderBy, "ORDER BY")?;
            if !typed.data_type.is_comparable() {
                return Err(no_order(typed.data_type, key.place));
            }
            if key.target.is_none() && key.expr.is_some_and(normalise::is_row_call) {
                let message = "set-returning functions in ORDER BY are not supported";
                let report = error(SqlState::FEATURE_NOT_SUPPORTED, message, key.place);
                self.later(report.with_hint("Select the function in a subquery, and order by its column."));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    /// An expression by which rows of a window are ordered.
    pub(super) fn sort_key(&mut self, expr: &Expr) -> Checked<Type> {
        let typed = self.expression(expr)?;
        if typed.data_type.is_comparable() { Ok(typed.data_type) } else { Err(no_order(typed.data_type, typed.place)) }
    }

    /// An expression by which rows are told apart.
    pub(super) fn group_key(&mut self, expr: &Expr) -> Checked<()> {
        let typed = self.expression(expr)?;
        if typed.data_type.is_comparable() { Ok(()) } else { Err(no_equality(typed.data_type, typed.place)) }
    }

    /// The keys of GROUP BY, those of grouping sets among them; `None` where there is no GROUP BY.
    pub(super) fn group_by<'q>(
        &mut self,
        group_by: &'q GroupByExpr,
        targets: &[Target<'q>],
    ) -> Checked<Option<Vec<Key<'q>>>> {
        let GroupByExpr::Expressions(items, _) = group_by else { return Ok(Some(Vec::new())) };
        if items.is_empty() {
            return Ok(None);
        }
        let mut keys = Vec::new();
        for item in items {
            self.group_item(item, targets, &mut keys)?;
        }
        Ok(Some(keys))
    }

    fn group_item<'q>(&mut self, item: &'q Expr, targets: &[Target<'q>], keys: &mut Vec<Key<'q>>) -> Checked<()> {
        match item {
            Expr::GroupingSets(sets) => sets.iter().try_for_each(|set| {
                let steps = nested_steps(set).map_or_else(|| vec![set.as_slice()], |(_, steps)| steps);
                steps.into_iter().flatten().try_for_each(|item| self.group_item(item, targets, keys))
            }),
            Expr::Cube(sets) | Expr::Rollup(sets) => {
                sets.iter().flatten().try_for_each(|item| self.group_item(item, targets, keys))
            }
            Expr::Tuple(items) => items.iter().try_for_each(|item| self.group_item(item, targets, keys)),
            single => {
                let (mut key, typed) = self.key(single, targets, Clause::GroupBy, "GROUP BY")?;
                if !typed.data_type.is_comparable() {
                    return Err(no_equality(typed.data_type, key.place));
                }
                if let Some(target) = key.target.and_then(|index| targets.get(index)) {
                    // A name or a number stands for the item that it means.
                    if let Some(expr) = target.expr {
                        self.groupable(expr)?;
                    }
                    key.expr = target.expr;
                    key.column = target.column;
                }
                keys.push(key);
                Ok(())
            }
        }
    }

    /// An item of the SELECT list by which rows are grouped is no aggregate.
    fn groupable(&self, expr: &Expr) -> Checked<()> {
        if let Some(place) = self.call_within(expr, &self.aggregates) {
            return Err(error(SqlState::GROUPING_ERROR, "aggregate functions are not allowed in GROUP BY", place));
        }
        match self.call_within(expr, &self.windows) {
            Some(place) => Err(error(SqlState::WINDOWING_ERROR, "window functions are not allowed in GROUP BY", place)),
            None => Ok(()),
        }
    }

    /// `findTargetlistEntrySQL92`: a name, a position, or an expression.
    fn key<'q>(
        &mut self,
        expr: &'q Expr,
        targets: &[Target<'_>],
        clause: Clause,
        word: &str,
    ) -> Checked<(Key<'q>, Typed)> {
        let known = match bare(expr) {
            Expr::Identifier(ident) => {
                let name = folded(ident);
                let is_input = clause == Clause::GroupBy && self.is_local_column(ident)?;
                if is_input { None } else { self.named_target(&name, targets, word, of(ident))? }
            }
            constant => self.numbered_target(constant, targets, word)?,
        };
        if let Some(index) = known {
            let typed = targets.get(index).map_or_else(|| Typed::null(0), |target| target.output.typed.clone());
            let place = self.places.start(expr);
            return Ok((Key { target: Some(index), expr: None, column: None, place }, typed));
        }
        let typed = self.within(clause, |checker| checker.expression(expr))?;
        let column = self.column_at(expr);
        let target = targets.iter().position(|target| self.is_same(target, expr, column));
        let place = typed.place;
        Ok((Key { target, expr: Some(expr), column, place }, typed))
    }

    fn is_local_column(&self, ident: &sqlparser::ast::Ident) -> Checked<bool> {
        let found = self.scope.column(ident, of(ident))?;
        Ok(found.is_some_and(|found| found.level == self.scope.depth() && found.column.is_some()))
    }

    fn named_target(&self, name: &str, targets: &[Target<'_>], word: &str, place: usize) -> Checked<Option<usize>> {
        let mut found: Option<usize> = None;
        for (index, target) in targets.iter().enumerate().filter(|(_, target)| target.output.name == name) {
            let Some(before) = found.and_then(|before| targets.get(before)) else {
                found = Some(index);
                continue;
            };
            let same = match (before.expr, target.expr) {
                (_, Some(expr)) => self.is_same(before, expr, target.column),
                (_, None) => before.column.is_some() && before.column == target.column,
            };
            if !same {
                let message = format!("{word} \"{name}\" is ambiguous");
                return Err(error(SqlState::AMBIGUOUS_COLUMN, message, place));
            }
        }
        Ok(found)
    }

    /// A whole number is a position; another constant means nothing.
    fn numbered_target(&self, expr: &Expr, targets: &[Target<'_>], word: &str) -> Checked<Option<usize>> {
        let place = self.places.start(expr);
        let number = match expr {
            Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } => match inner.as_ref() {
                Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => format!("-{digits}"),
                _ => return Ok(None),
            },
            Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.clone(),
            Expr::Value(ValueWithSpan { value: Value::Placeholder(_), .. }) => return Ok(None),
            Expr::Value(_) => String::new(),
            _ => return Ok(None),
        };
        let Ok(number) = number.parse::<i32>() else {
            let message = format!("non-integer constant in {word}");
            return Err(error(SqlState::SYNTAX_ERROR, message, place));
        };
        let index = usize::try_from(number).ok().and_then(|number| number.checked_sub(1));
        let is_open = targets.iter().any(|target| target.output.is_open);
        match index.filter(|index| *index < targets.len() || is_open) {
            Some(index) => Ok(Some(index)),
            None => {
                let message = format!("{word} position {number} is not in select list");
                Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, place))
            }
        }
    }

    /// DISTINCT must not hide by what the rows are ordered. Returns the keys of DISTINCT ON.
    pub(super) fn distinct<'q>(
        &mut self,
        distinct: Option<&'q Distinct>,
        targets: &[Target<'_>],
        sorted: &[Key<'_>],
    ) -> Checked<Vec<Key<'q>>> {
        let is_open = targets.iter().any(|target| target.output.is_open);
        match distinct {
            None | Some(Distinct::All) => Ok(Vec::new()),
            Some(Distinct::Distinct) => {
                if let Some(key) = sorted.iter().find(|key| key.target.is_none() && !is_open) {
                    let message = "for SELECT DISTINCT, ORDER BY expressions must appear in select list";
                    return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, key.place));
                }
                match targets.iter().find(|target| !target.output.typed.data_type.is_comparable()) {
                    Some(target) => Err(no_equality(target.output.typed.data_type, target.output.typed.place)),
                    None => Ok(Vec::new()),
                }
            }
            Some(Distinct::On(exprs)) => {
                let mut keys = Vec::with_capacity(exprs.len());
                for expr in exprs {
                    let (key, typed) = self.key(expr, targets, Clause::DistinctOn, "DISTINCT ON")?;
                    if !typed.data_type.is_comparable() {
                        return Err(no_equality(typed.data_type, key.place));
                    }
                    keys.push(key);
                }
                self.distinct_order(&keys, sorted)?;
                Ok(keys)
            }
        }
    }

    fn distinct_order(&self, keys: &[Key<'_>], sorted: &[Key<'_>]) -> Checked<()> {
        let wrong = |place: usize| {
            let message = "SELECT DISTINCT ON expressions must match initial ORDER BY expressions";
            Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, place))
        };
        let same = |a: &Key<'_>, b: &Key<'_>| match (a.target, b.target) {
            (Some(a), Some(b)) => a == b,
            (None, None) => match (a.column, b.column, a.expr, b.expr) {
                (Some(a), Some(b), _, _) => a == b,
                (None, None, Some(a), Some(b)) => self.canonical(a) == self.canonical(b),
                _ => false,
            },
            _ => false,
        };
        let mut skipped = false;
        let mut seen = Vec::new();
        for order in sorted {
            match keys.iter().position(|key| same(key, order)) {
                Some(index) if skipped => return wrong(keys[index].place),
                Some(index) => seen.push(index),
                None => skipped = true,
            }
        }
        let rest = keys.iter().enumerate().find(|(index, _)| !seen.contains(index));
        match rest {
            Some((_, key)) if skipped => wrong(key.place),
            Some(_) | None => Ok(()),
        }
    }

    /// OFFSET, then LIMIT.
    pub(super) fn limits(&mut self, query: &Query) -> Checked<()> {
        let (limit, offset) = match &query.limit_clause {
            Some(LimitClause::LimitOffset { limit, offset, .. }) => {
                (limit.as_ref(), offset.as_ref().map(|offset| &offset.value))
            }
            Some(LimitClause::OffsetCommaLimit { offset, limit }) => (Some(limit), Some(offset)),
            None => (None, None),
        };
        let fetch = query.fetch.as_ref().and_then(|fetch| fetch.quantity.as_ref());
        if let Some(offset) = offset {
            self.row_count(offset, Clause::Offset, "OFFSET")?;
        }
        if let Some(limit) = limit.or(fetch) {
            self.row_count(limit, Clause::Limit, "LIMIT")?;
        }
        Ok(())
    }

    fn row_count(&mut self, expr: &Expr, clause: Clause, word: &str) -> Checked<()> {
        self.watch();
        let typed = self.within(clause, |checker| checker.expression(expr))?;
        let used = self.forget().own_column();
        self.require(&typed, Type::INT8, word)?;
        if let Some(place) = used {
            let message = format!("argument of {word} must not contain variables");
            return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, place));
        }
        if is_negative(expr) {
            let state = match clause {
                Clause::Limit => SqlState::INVALID_ROW_COUNT_IN_LIMIT_CLAUSE,
                _ => SqlState::INVALID_ROW_COUNT_IN_RESULT_OFFSET_CLAUSE,
            };
            self.later(ErrorReport::new(state, format!("{word} must not be negative")));
        }
        Ok(())
    }

    /// An error of running the query: those of reading it come first.
    pub(super) fn later(&mut self, report: ErrorReport) {
        self.deferred.get_or_insert(report);
    }
}

fn no_order(data_type: Type, place: usize) -> ErrorReport {
    let message = format!("could not identify an ordering operator for type {}", data_type.display());
    error(SqlState::UNDEFINED_FUNCTION, message, place)
        .with_hint("Use an explicit ordering operator or modify the query.")
}
