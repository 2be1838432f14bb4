//! Queries: SELECT, VALUES, set operations and WITH, in the order in which PostgreSQL looks at their parts (`analyze.c`).

use sqlparser::ast::{
    Cte as WithQuery, Expr, Ident, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr, SetOperator,
    SetQuantifier, Values, With,
};

use crate::base::{ErrorReport, SqlState};
use crate::sql::normalise;
use crate::sql::words::folded;

use super::calls::no_equality;
use super::places::{begin, of};
use super::scope::{Clause, Column, Cte, Found, Item, Level, Table, parts};
use super::types::{STRING, Type};
use super::{ArmColumn, Checked, Checker, Constant, Hidden, Typed, error, recursion};

/// A column of a query's result.
#[derive(Debug, Clone)]
pub(super) struct Output {
    pub(super) name: String,
    pub(super) typed: Typed,
    /// It stands for columns that are not known here.
    pub(super) is_open: bool,
}

/// An item of a SELECT list, a star taken apart.
#[derive(Debug, Clone)]
pub(super) struct Target<'q> {
    pub(super) output: Output,
    /// `None` for a column that a star brought.
    pub(super) expr: Option<&'q Expr>,
    pub(super) column: Option<Found>,
}

fn open(place: usize) -> Output {
    Output { name: String::new(), typed: Typed::new(Type::ANY, place), is_open: true }
}

impl Checker<'_> {
    /// The whole statement.
    pub(super) fn top(&mut self, query: &Query) -> Checked<()> {
        self.subquery(query)?;
        self.deferred.take().map_or(Ok(()), Err)
    }

    /// A query of its own level; constants without a type are text.
    pub(super) fn subquery(&mut self, query: &Query) -> Checked<Vec<Output>> {
        let mut outputs = self.leveled(|checker| checker.query(query))?;
        for output in &mut outputs {
            if output.typed.data_type == Type::UNKNOWN {
                self.adopt(&output.typed, Type::TEXT)?;
                output.typed = Typed::new(Type::TEXT, output.typed.place);
            }
        }
        Ok(outputs)
    }

    fn leveled<T>(&mut self, look: impl FnOnce(&mut Self) -> Checked<T>) -> Checked<T> {
        self.scope.levels.push(Level::default());
        let seen = look(self);
        self.scope.levels.pop();
        seen
    }

    fn query(&mut self, query: &Query) -> Checked<Vec<Output>> {
        if let Some(with) = &query.with {
            self.with(with)?;
        }
        match query.body.as_ref() {
            SetExpr::Select(select) => self.select(select, Some(query)),
            SetExpr::Query(inner) => self.parenthesised(inner, query),
            SetExpr::Values(values) => {
                let outputs = self.values(values)?;
                self.result_clauses(&outputs, query, "")?;
                Ok(outputs)
            }
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                let outputs = self.set_operation(left, *op, *set_quantifier, right)?;
                self.result_clauses(&outputs, query, "UNION/INTERSECT/EXCEPT")?;
                Ok(outputs)
            }
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {
                Ok(vec![open(0)])
            }
        }
    }

    /// `(SELECT …) ORDER BY …`: the clauses outside belong to the query inside, where that has none of its own.
    fn parenthesised(&mut self, inner: &Query, outer: &Query) -> Checked<Vec<Output>> {
        let has_own = inner.order_by.is_some() || inner.limit_clause.is_some() || inner.fetch.is_some();
        let adds = outer.order_by.is_some() || outer.limit_clause.is_some() || outer.fetch.is_some();
        if !adds {
            return self.query(inner);
        }
        if inner.order_by.is_some()
            && let Some(order_by) = &outer.order_by
        {
            let message = "multiple ORDER BY clauses not allowed";
            return Err(error(SqlState::SYNTAX_ERROR, message, begin(order_by)));
        }
        let mut merged = inner.clone();
        merged.order_by = merged.order_by.or_else(|| outer.order_by.clone());
        if !has_own || merged.limit_clause.is_none() {
            merged.limit_clause = merged.limit_clause.or_else(|| outer.limit_clause.clone());
        }
        merged.fetch = merged.fetch.or_else(|| outer.fetch.clone());
        self.query(&merged)
    }

    fn with(&mut self, with: &With) -> Checked<()> {
        let mut names: Vec<String> = Vec::new();
        for query in &with.cte_tables {
            let name = folded(&query.alias.name);
            if names.contains(&name) {
                let message = format!("WITH query name \"{name}\" specified more than once");
                return Err(error(SqlState::DUPLICATE_ALIAS, message, of(&query.alias.name)));
            }
            names.push(name);
        }
        if with.recursive {
            with.cte_tables.iter().try_for_each(|query| recursion::well_formed(query, &self.places))?;
        }
        for query in &with.cte_tables {
            let cte = self.with_query(query, with.recursive)?;
            let is_volatile = self.is_volatile(&query.query);
            self.scope.current().ctes.push(Cte { is_volatile, ..cte });
        }
        Ok(())
    }

    fn with_query(&mut self, query: &WithQuery, recursive: bool) -> Checked<Cte> {
        let name = folded(&query.alias.name);
        if recursive && let SetExpr::SetOperation { left, .. } = query.query.body.as_ref() {
            // What the first part returns is what the second one reads.
            let unknown = Cte { is_open: true, is_recursion: true, ..Cte::new(&name, of(&query.alias.name)) };
            self.scope.current().ctes.push(unknown);
            let first = self.leveled(|checker| {
                if let Some(with) = &query.query.with {
                    checker.with(with)?;
                }
                checker.arm(left)
            })?;
            self.scope.current().ctes.pop();
            let cte = named(query, &name, &first)?;
            self.scope.current().ctes.push(Cte { is_recursion: true, ..cte.clone() });
            let all = self.subquery(&query.query)?;
            self.scope.current().ctes.pop();
            same_types(&name, &first, &all)?;
            return Ok(cte);
        }
        let outputs = self.subquery(&query.query)?;
        named(query, &name, &outputs)
    }

    fn select(&mut self, select: &Select, query: Option<&Query>) -> Checked<Vec<Output>> {
        self.name_windows(&select.named_window)?;
        self.from(&select.from)?;
        let mut targets = Vec::new();
        for item in &select.projection {
            self.within(Clause::Select, |checker| checker.target(item, &mut targets))?;
        }
        if let Some(condition) = &select.selection {
            self.within(Clause::Where, |checker| checker.condition(condition, "WHERE"))?;
        }
        if let Some(condition) = &select.having {
            self.within(Clause::Having, |checker| checker.condition(condition, "HAVING"))?;
        }
        let sorted = self.order_by(query.and_then(|query| query.order_by.as_ref()), &targets)?;
        let grouped = self.group_by(&select.group_by, &targets)?;
        let distinct_on = self.distinct(select.distinct.as_ref(), &targets, &sorted)?;
        if let Some(query) = query {
            self.limits(query)?;
        }
        self.define_windows()?;
        let extra: Vec<&Expr> =
            sorted.iter().chain(&distinct_on).filter(|key| key.target.is_none()).filter_map(|key| key.expr).collect();
        self.check_grouping(select, &targets, &extra, &grouped)?;
        self.no_aggregate_over_recursion(select)?;
        self.note_groups(select, grouped.as_deref().unwrap_or_default());
        self.note_hidden(select);
        Ok(targets.into_iter().map(|target| target.output).collect())
    }

    fn note_hidden(&mut self, select: &Select) {
        let depth = self.scope.depth();
        let start = begin(&select.select_token.0);
        let Some(level) = self.scope.levels.get(depth).filter(|level| !level.hidden.is_empty()) else { return };
        let hidden = level.hidden.iter().filter_map(|index| {
            let name = level.tables.get(*index)?.name.clone();
            let named = self.qualifiers.iter().filter(|(place, table)| **place >= start && **table == (depth, *index));
            Some(Hidden { name, places: named.map(|(place, _)| *place).collect() })
        });
        self.findings.hidden.insert(start, hidden.collect());
    }

    fn target<'q>(&mut self, item: &'q SelectItem, targets: &mut Vec<Target<'q>>) -> Checked<()> {
        match item {
            SelectItem::UnnamedExpr(expr) => {
                let name = normalise::figured(expr);
                targets.push(self.expression_target(expr, name)?);
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                targets.push(self.expression_target(expr, folded(alias))?);
            }
            SelectItem::ExprWithAliases { expr, .. } => {
                self.expression(expr)?;
                targets.push(Target { output: open(0), expr: None, column: None });
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
                let (names, place) = (parts(name), begin(name));
                let (schema, table) = match names.as_slice() {
                    [table] => (None, table.as_str()),
                    [schema, table] => (Some(schema.as_str()), table.as_str()),
                    _ => {
                        targets.push(Target { output: open(place), expr: None, column: None });
                        return Ok(());
                    }
                };
                match self.scope.named(schema, table, place)? {
                    Some((level, index)) => {
                        self.note_alias(level, index, place)?;
                        self.expand(level, index, place, targets);
                    }
                    None => return Err(self.scope.missing_table(table, place)),
                }
            }
            SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::Expr(expr), _) => {
                self.expression(expr)?;
                targets.push(Target { output: open(0), expr: None, column: None });
            }
            SelectItem::Wildcard(options) => {
                let place = begin(&options.wildcard_token.0);
                if let Some(alias) = &options.opt_alias {
                    return Err(unexpected(&alias.value, of(alias)));
                }
                let level = self.scope.depth();
                let visible: Vec<Item> =
                    self.scope.current().items.iter().copied().filter(|item| item.by_column).collect();
                if visible.is_empty() {
                    let message = "SELECT * with no tables specified is not valid";
                    return Err(error(SqlState::SYNTAX_ERROR, message, place));
                }
                for item in visible {
                    self.expand(level, item.table, place, targets);
                }
            }
        }
        Ok(())
    }

    fn expression_target<'q>(&mut self, expr: &'q Expr, name: String) -> Checked<Target<'q>> {
        let typed = self.expression(expr)?;
        let column = self.column_at(expr);
        Ok(Target { output: Output { name, typed, is_open: false }, expr: Some(expr), column })
    }

    /// The columns of a table, in the place of a star.
    fn expand(&mut self, level: usize, index: usize, place: usize, targets: &mut Vec<Target<'_>>) {
        let Some(table) = self.scope.table(level, index) else { return };
        if table.is_open {
            targets.push(Target { output: open(place), expr: None, column: None });
        }
        let columns: Vec<Column> = table.columns.clone();
        for (position, column) in columns.into_iter().enumerate() {
            let (table, column_index) = column.stands_for.unwrap_or((index, position));
            let found = Found { level, table, column: Some(column_index), data_type: column.data_type };
            let typed = Typed::new(column.data_type, place);
            let output = Output { name: column.name, typed, is_open: false };
            targets.push(Target { output, expr: None, column: Some(found) });
        }
    }

    fn values(&mut self, values: &Values) -> Checked<Vec<Output>> {
        let mut rows: Vec<Vec<Typed>> = Vec::with_capacity(values.rows.len());
        for row in &values.rows {
            let typed = self.within(Clause::Values, |checker| {
                row.content.iter().map(|item| checker.expression(item)).collect::<Checked<Vec<_>>>()
            })?;
            if rows.first().is_some_and(|first| first.len() != typed.len()) {
                let place = typed.first().map_or(0, |first| first.place);
                return Err(error(SqlState::SYNTAX_ERROR, "VALUES lists must all be the same length", place));
            }
            rows.push(typed);
        }
        let width = rows.first().map_or(0, Vec::len);
        let mut outputs = Vec::with_capacity(width);
        for index in 0..width {
            let column: Vec<Typed> =
                rows.iter_mut().map(|row| std::mem::replace(&mut row[index], Typed::null(0))).collect();
            let place = column.first().map_or(0, |first| first.place);
            let typed = self.chosen("VALUES", &column, place)?;
            outputs.push(Output { name: format!("column{}", index + 1), typed, is_open: false });
        }
        Ok(outputs)
    }

    /// One side of a set operation. Its constants have no type yet.
    fn arm(&mut self, body: &SetExpr) -> Checked<Vec<Output>> {
        match body {
            SetExpr::SetOperation { left, op, set_quantifier, right } => {
                self.set_operation(left, *op, *set_quantifier, right)
            }
            SetExpr::Query(query) => self.leveled(|checker| checker.query(query)),
            SetExpr::Select(select) => self.leveled(|checker| checker.select(select, None)),
            SetExpr::Values(values) => self.leveled(|checker| checker.values(values)),
            SetExpr::Insert(_) | SetExpr::Update(_) | SetExpr::Delete(_) | SetExpr::Merge(_) | SetExpr::Table(_) => {
                Ok(vec![open(0)])
            }
        }
    }

    fn set_operation(
        &mut self,
        left: &SetExpr,
        op: SetOperator,
        quantifier: SetQuantifier,
        right: &SetExpr,
    ) -> Checked<Vec<Output>> {
        let word = match op {
            SetOperator::Union => "UNION",
            SetOperator::Except | SetOperator::Minus => "EXCEPT",
            SetOperator::Intersect => "INTERSECT",
        };
        let arms = (left, right);
        let (left, right) = (self.arm(left)?, self.arm(right)?);
        if left.iter().chain(&right).any(|output| output.is_open) {
            let is_known = !left.iter().any(|output| output.is_open);
            return Ok(if is_known { left } else { vec![open(0)] });
        }
        if left.len() != right.len() {
            let message = format!("each {word} query must have the same number of columns");
            let place = right.first().map_or(0, |first| first.typed.place);
            return Err(error(SqlState::SYNTAX_ERROR, message, place));
        }
        let mut outputs = Vec::with_capacity(left.len());
        let mut wanted: (Vec<ArmColumn>, Vec<ArmColumn>) = Default::default();
        for (left, right) in left.into_iter().zip(right) {
            let place = left.typed.place;
            let typed = self.chosen(word, &[left.typed.clone(), right.typed.clone()], place)?;
            wanted.0.push(arm_column(&left, cast_of_first(&left.typed, typed.data_type)));
            wanted.1.push(arm_column(&right, cast_of_parameter(&right.typed, typed.data_type)));
            if quantifier != SetQuantifier::All && !typed.data_type.is_comparable() {
                return Err(no_equality(typed.data_type, place));
            }
            outputs.push(Output { name: left.name, typed, is_open: false });
        }
        self.note_arm(first_query(arms.0), wanted.0);
        self.note_arm(arms.1, wanted.1);
        Ok(outputs)
    }

    /// Notes what is cast; of a column, this operation says more than one within it.
    fn note_arm(&mut self, arm: &SetExpr, mut columns: Vec<ArmColumn>) {
        if columns.iter().all(|column| column.wanted.is_none()) || matches!(arm, SetExpr::SetOperation { .. }) {
            return;
        }
        let noted = self.findings.arms.entry(arm_place(arm)).or_default();
        for (column, before) in columns.iter_mut().zip(noted.iter()) {
            column.wanted = column.wanted.or(before.wanted);
        }
        *noted = columns;
    }

    /// ORDER BY and LIMIT of what is no SELECT: only the result's columns can be seen.
    fn result_clauses(&mut self, outputs: &[Output], query: &Query, what: &str) -> Checked<()> {
        let columns = outputs.iter().map(|output| Column::new(output.name.clone(), output.typed.data_type)).collect();
        let is_open = outputs.iter().any(|output| output.is_open);
        let level = self.scope.current();
        level.tables.push(Table { columns, is_open, ..Table::default() });
        let table = level.tables.len() - 1;
        level.items = vec![Item { table, by_name: false, by_column: true, lateral_only: false, lateral_allowed: true }];
        let targets: Vec<Target<'_>> =
            outputs.iter().map(|output| Target { output: output.clone(), expr: None, column: None }).collect();
        let sorted = self.order_by(query.order_by.as_ref(), &targets)?;
        if !what.is_empty()
            && !is_open
            && let Some(key) = sorted.iter().find(|key| key.target.is_none())
        {
            let message = format!("invalid {what} ORDER BY clause");
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, message, key.place)
                .with_detail("Only result column names can be used, not expressions or functions.")
                .with_hint("Add the expression/function to every SELECT, or move the UNION into a FROM clause."));
        }
        self.limits(query)
    }
}

/// What the parser takes and PostgreSQL's grammar does not.
pub(super) fn unexpected(text: &str, place: usize) -> ErrorReport {
    error(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{text}\""), place)
}

/// The columns of a query under the names of its alias.
fn named(query: &WithQuery, name: &str, outputs: &[Output]) -> Checked<Cte> {
    let is_open = outputs.iter().any(|output| output.is_open);
    let aliases: Vec<&Ident> = query.alias.columns.iter().map(|column| &column.name).collect();
    if !is_open && aliases.len() > outputs.len() {
        let message = format!(
            "WITH query \"{name}\" has {} columns available but {} columns specified",
            outputs.len(),
            aliases.len()
        );
        return Err(error(SqlState::INVALID_COLUMN_REFERENCE, message, of(&query.alias.name)));
    }
    let text = |found: Type| if found == Type::UNKNOWN { Type::TEXT } else { found };
    let columns = outputs.iter().filter(|output| !output.is_open).enumerate().map(|(index, output)| {
        let name = aliases.get(index).map_or_else(|| output.name.clone(), |alias| folded(alias));
        Column::new(name, text(output.typed.data_type))
    });
    Ok(Cte { columns: columns.collect(), is_open, ..Cte::new(name, of(&query.alias.name)) })
}

/// What the recursive part adds must not change the types.
fn same_types(name: &str, first: &[Output], all: &[Output]) -> Checked<()> {
    for (index, (first, all)) in first.iter().zip(all).enumerate() {
        let (one, other) = (first.typed.data_type, all.typed.data_type);
        if one.is_known() && other.is_known() && one != other {
            let message = format!(
                "recursive query \"{name}\" column {} has type {} in non-recursive term but type {} overall",
                index + 1,
                one.display(),
                other.display()
            );
            return Err(error(SqlState::DATATYPE_MISMATCH, message, first.typed.place)
                .with_hint("Cast the output of the non-recursive term to the correct type."));
        }
    }
    Ok(())
}

/// The place of a query, and the parentheses that it has there: within them, another one begins.
pub(in crate::sql) fn arm_place(arm: &SetExpr) -> (usize, usize) {
    let (mut parentheses, mut first) = (0, arm);
    loop {
        first = match first {
            SetExpr::Query(query) => {
                parentheses += 1;
                query.body.as_ref()
            }
            SetExpr::SetOperation { left, .. } => left.as_ref(),
            _ => return (begin(arm), parentheses),
        };
    }
}

/// The query that a set operation begins with.
fn first_query(arm: &SetExpr) -> &SetExpr {
    match arm {
        SetExpr::SetOperation { left, .. } => first_query(left),
        other => other,
    }
}

fn arm_column(output: &Output, wanted: Option<Type>) -> ArmColumn {
    let from = output.typed.data_type;
    ArmColumn {
        name: output.name.clone(),
        wanted: wanted.map(|met| without_digits(from, met).unwrap_or(met.display())),
    }
}

/// The numeric that an integer becomes: one with no digits behind the point, which those of other queries are added to.
fn without_digits(from: Type, met: Type) -> Option<&'static str> {
    let is_list = met.element() == Some(Type::NUMERIC);
    if met != Type::NUMERIC && !is_list {
        return None;
    }
    Some(match (from.element().unwrap_or(from).0, is_list) {
        ("int2", false) => "numeric(5, 0)",
        ("int4", false) => "numeric(10, 0)",
        ("int8", false) => "numeric(19, 0)",
        ("unknown", false) => "numeric(1, 0)",
        ("int2", true) => "numeric(5, 0)[]",
        ("int4", true) => "numeric(10, 0)[]",
        ("int8", true) => "numeric(19, 0)[]",
        ("unknown", true) => "numeric(1, 0)[]",
        _ => return None,
    })
}

/// The type that a column of the first query is cast to: the planner takes the result's types from there.
fn cast_of_first(typed: &Typed, met: Type) -> Option<Type> {
    let is_quoted = typed.data_type == Type::UNKNOWN && matches!(typed.constant, Some(Constant::Text(_)));
    // To the planner all kinds of text are one.
    let is_text = |data_type: Type| data_type.category() == STRING;
    let is_same = typed.data_type == met || is_text(typed.data_type) && is_text(met);
    (!is_same && !is_quoted && !matches!(met, Type::UNKNOWN | Type::ANY | Type::RECORD) && typed.data_type != Type::ANY)
        .then_some(met)
}

/// The type of a parameter that stands alone in another query.
fn cast_of_parameter(typed: &Typed, met: Type) -> Option<Type> {
    let is_parameter = typed.data_type == Type::UNKNOWN && matches!(typed.constant, Some(Constant::Parameter(_)));
    (is_parameter && !matches!(met, Type::UNKNOWN | Type::ANY)).then_some(met)
}
