//! The sides of the union with the columns that the clauses add.
//!
//! `SELECT l.*, false AS mark, ARRAY[ROW(l.a)] AS path FROM (left side) AS l (a, b)
//! UNION ALL SELECT r.a, r.b, ROW(r.a) = ANY (r.path), r.path || ROW(r.a)
//! FROM (SELECT s.path, … FROM …, s WHERE … AND s.mark <> true) AS r (path, a, b)`

use sqlparser::ast::{BinaryOperator, Expr, Ident, Query, Select, SelectItem, SetExpr, Spanned, TableFactor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Tokenizer};

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};
use crate::sql::check::of;
use crate::sql::dialect::Postgres;
use crate::sql::normalise::{Shapes, quoted};

use super::recursive_side::{as_query, not_at_top, prepare, select_of};
use super::stars::{Reference, Table};
use super::{Clauses, Cycle, Order, Search};

/// The tables that the sides become, and the columns of the row before; no text can write these names.
const LEFT: &str = "\u{2063}left";
const RIGHT: &str = "\u{2063}right";
const SEQUENCE: &str = "\u{2063}sequence";
const PATH: &str = "\u{2063}path";

/// What both sides stand in.
pub(super) struct Around<'a> {
    /// The queries of WITH that they may read.
    pub(super) shapes: Shapes<'a>,
    /// The limits in force.
    pub(super) limits: &'a LimitSet,
}

/// Puts both sides into derived tables and adds the columns around them.
pub(super) fn both_sides(
    left: &mut SetExpr,
    right: &mut SetExpr,
    clauses: &Clauses,
    table: &Table<'_>,
    around: &Around<'_>,
) -> Result<(), ErrorReport> {
    let limits = around.limits;
    let select = select_of(right).ok_or_else(|| not_at_top(table.name))?;
    let reference = prepare(select, table)?;
    same_width(right, table, &around.shapes)?;
    if let Some(select) = select_of(right) {
        read_the_row_before(select, &reference, clauses, limits)?;
    }
    wrap(left, first_rows(clauses, table)?, limits)?;
    wrap(right, later_rows(clauses, table)?, limits)
}

/// PostgreSQL's complaint where the recursive side has more or fewer columns, as far as the text tells.
fn same_width(right: &SetExpr, table: &Table<'_>, shapes: &Shapes<'_>) -> Result<(), ErrorReport> {
    let mut shapes = shapes.clone();
    let columns = table.columns.iter().chain(table.added).cloned().collect();
    shapes.add_named(table.name.to_owned(), Some(columns));
    match shapes.of_body(right) {
        Some(found) if found.len() != table.columns.len() => {
            let message = "each UNION query must have the same number of columns";
            let place = usize::try_from(first_item(right).start.column).unwrap_or_default();
            Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message).with_position(place))
        }
        Some(_) | None => Ok(()),
    }
}

fn first_item(side: &SetExpr) -> Span {
    match side {
        SetExpr::Select(select) => select.projection.first().map_or_else(Span::empty, Spanned::span),
        SetExpr::Query(query) => first_item(&query.body),
        other => other.span(),
    }
}

/// The columns of the row before that later rows need, as the first ones of the list; no row goes on from the end of a
/// cycle.
fn read_the_row_before(
    select: &mut Select,
    reference: &Reference,
    clauses: &Clauses,
    limits: &LimitSet,
) -> Result<(), ErrorReport> {
    let mut next = reference.first_added();
    let mut items = Vec::new();
    if clauses.search.is_some() {
        items.extend(hidden(reference, next, SEQUENCE));
        next += 1;
    }
    if let Some(cycle) = &clauses.cycle {
        items.extend(hidden(reference, next + 1, PATH));
        if let Some(mark) = reference.column(next) {
            let goes_on = goes_on(mark, cycle, limits)?;
            select.selection = Some(match select.selection.take() {
                Some(condition) => binary(Expr::Nested(Box::new(condition)), BinaryOperator::And, goes_on),
                None => goes_on,
            });
        }
    }
    items.append(&mut select.projection);
    select.projection = items;
    Ok(())
}

fn hidden(reference: &Reference, index: usize, alias: &str) -> Option<SelectItem> {
    let expr = Expr::CompoundIdentifier(reference.column(index)?);
    Some(SelectItem::ExprWithAlias { expr, alias: quoted(alias) })
}

fn binary(left: Expr, op: BinaryOperator, right: Expr) -> Expr {
    Expr::BinaryOp { left: Box::new(left), op, right: Box::new(right) }
}

/// `mark <> v`
fn goes_on(mark: Vec<Ident>, cycle: &Cycle, limits: &LimitSet) -> Result<Expr, ErrorReport> {
    let mut text = Text::default();
    text.write("SELECT 1 WHERE ")?;
    cycle.write_mark(&mut text, true)?;
    let value = match *text.parse(limits)?.body {
        SetExpr::Select(select) => select.selection,
        _ => None,
    };
    let value = value.ok_or_else(|| defect("a mark has a value"))?;
    Ok(binary(Expr::CompoundIdentifier(mark), BinaryOperator::NotEq, value))
}

/// Puts a side where the table of a SELECT stands.
fn wrap(side: &mut SetExpr, outer: Text, limits: &LimitSet) -> Result<(), ErrorReport> {
    let mut template = Text::default();
    template.write("SELECT 1")?;
    let template = template.parse(limits)?;
    let inner = std::mem::replace(side, *outer.parse(limits)?.body);
    let SetExpr::Select(select) = side else { return Err(defect("a side of a union is a SELECT")) };
    let relation = select.from.first_mut().map(|from| &mut from.relation);
    let Some(relation) = relation else { return Err(defect("a side of a union has a table")) };
    let alias = match relation {
        TableFactor::Table { alias, .. } => alias.take(),
        _ => None,
    };
    let subquery = Box::new(as_query(inner, *template));
    *relation = TableFactor::Derived { lateral: false, subquery, alias, sample: None };
    Ok(())
}

fn defect(cause: impl std::fmt::Display) -> ErrorReport {
    InternalError::new(cause).report()
}

/// What goes around the left side.
fn first_rows(clauses: &Clauses, table: &Table<'_>) -> Result<Text, ErrorReport> {
    let mut text = Text::default();
    text.write("SELECT ")?;
    text.name(LEFT);
    text.write(".*")?;
    if let Some(search) = &clauses.search {
        text.write(", ")?;
        text.write(search.order.first_value())?;
        text.columns(LEFT, &search.columns)?;
        text.write(if search.order == Order::Depth { ")] AS" } else { ") AS" })?;
        text.ident(&search.sequence);
    }
    if let Some(cycle) = &clauses.cycle {
        // Of the type of both; that of a later row may be NULL as far as the planner can tell, and so may this one.
        text.write(", CASE WHEN false THEN ")?;
        cycle.write_mark(&mut text, true)?;
        text.write(" WHEN true THEN ")?;
        cycle.write_mark(&mut text, false)?;
        text.write(" END AS")?;
        text.ident(&cycle.mark);
        text.write(", ARRAY[ROW(")?;
        text.columns(LEFT, &cycle.columns)?;
        text.write(")] AS")?;
        text.ident(&cycle.path);
    }
    text.table(LEFT, &[], table.columns)?;
    Ok(text)
}

/// What goes around the right side.
fn later_rows(clauses: &Clauses, table: &Table<'_>) -> Result<Text, ErrorReport> {
    let mut text = Text::default();
    text.write("SELECT ")?;
    for (index, column) in table.columns.iter().enumerate() {
        text.write(if index > 0 { ", " } else { "" })?;
        text.column(RIGHT, column)?;
    }
    let mut hidden = Vec::new();
    if let Some(search) = &clauses.search {
        hidden.push(SEQUENCE);
        write_next(search, &mut text)?;
    }
    if let Some(cycle) = &clauses.cycle {
        hidden.push(PATH);
        write_step(cycle, &mut text)?;
    }
    text.table(RIGHT, &hidden, table.columns)?;
    Ok(text)
}

impl Order {
    /// The sequence of a row that follows from no other, up to its columns.
    fn first_value(self) -> &'static str {
        match self {
            Self::Breadth => "ROW(CAST(0 AS bigint), ",
            Self::Depth => "ARRAY[ROW(",
        }
    }
}

/// The sequence of a row that follows from another. How many steps that one took is the first field of its record.
fn write_next(search: &Search, text: &mut Text) -> Result<(), ErrorReport> {
    match search.order {
        Order::Breadth => {
            text.write(", ROW(CAST(split_part(substr(CAST(")?;
            text.column(RIGHT, SEQUENCE)?;
            text.write(" AS text), 2), ',', 1) AS bigint) + 1, ")?;
            text.columns(RIGHT, &search.columns)?;
            text.write(") AS")?;
        }
        Order::Depth => {
            text.write(", array_append(")?;
            text.column(RIGHT, SEQUENCE)?;
            text.write(", ROW(")?;
            text.columns(RIGHT, &search.columns)?;
            text.write(")) AS")?;
        }
    }
    text.ident(&search.sequence);
    Ok(())
}

/// The clauses compare and keep the records of a column as they are in the row that made it, and there a numeric has digits
/// of its own in every step.
///
/// # Errors
/// `0A000` where an argument of a ROW is such a column and a numeric.
pub(in crate::sql) fn refuse_numerics(values: &[&Expr], is_numeric: impl Fn(usize) -> bool) -> Result<(), ErrorReport> {
    let column = |value: &Expr| match value {
        Expr::CompoundIdentifier(parts) => match parts.as_slice() {
            [table, column] if table.value == LEFT || table.value == RIGHT => Some(column.clone()),
            _ => None,
        },
        _ => None,
    };
    let found = values.iter().enumerate().filter(|(index, _)| is_numeric(*index)).find_map(|(_, value)| column(value));
    let Some(column) = found else { return Ok(()) };
    let message = format!("a SEARCH or CYCLE clause over the numeric column \"{}\" is not supported", column.value);
    Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .with_hint("Cast it to an integer or to double precision in both parts of the query.")
        .with_position(of(&column)))
}

/// Whether the path holds the row already, and the path with the row.
fn write_step(cycle: &Cycle, text: &mut Text) -> Result<(), ErrorReport> {
    text.write(", CASE WHEN ROW(")?;
    text.columns(RIGHT, &cycle.columns)?;
    text.write(") = ANY (")?;
    text.column(RIGHT, PATH)?;
    text.write(") THEN ")?;
    cycle.write_mark(text, true)?;
    text.write(" ELSE ")?;
    cycle.write_mark(text, false)?;
    text.write(" END AS")?;
    text.ident(&cycle.mark);
    text.write(", array_append(")?;
    text.column(RIGHT, PATH)?;
    text.write(", ROW(")?;
    text.columns(RIGHT, &cycle.columns)?;
    text.write(")) AS")?;
    text.ident(&cycle.path);
    Ok(())
}

impl Cycle {
    /// The mark of a row that ends a cycle, or of any other.
    fn write_mark(&self, text: &mut Text, ends_cycle: bool) -> Result<(), ErrorReport> {
        match &self.marks {
            Some(marks) if ends_cycle => text.tokens.extend(marks.of_cycle.iter().cloned()),
            Some(marks) => text.tokens.extend(marks.of_others.iter().cloned()),
            None => text.write(if ends_cycle { "true" } else { "false" })?,
        }
        Ok(())
    }
}

/// A query of our own, token by token. Only what the client wrote has a place.
#[derive(Default)]
struct Text {
    tokens: Vec<TokenWithSpan>,
}

impl Text {
    fn write(&mut self, text: &str) -> Result<(), ErrorReport> {
        let tokens = Tokenizer::new(&PostgreSqlDialect {}, text).tokenize().map_err(defect)?;
        let tokens = tokens.into_iter().filter(|token| !matches!(token, Token::Whitespace(_) | Token::EOF));
        self.tokens.extend(tokens.map(|token| TokenWithSpan::new(token, Span::empty())));
        Ok(())
    }

    fn name(&mut self, name: &str) {
        self.ident(&quoted(name));
    }

    fn ident(&mut self, name: &Ident) {
        self.tokens.push(TokenWithSpan::new(Token::make_word(&name.value, Some('"')), name.span));
    }

    fn column(&mut self, table: &str, name: &str) -> Result<(), ErrorReport> {
        self.name(table);
        self.write(".")?;
        self.name(name);
        Ok(())
    }

    /// Columns of a table with commas between them.
    fn columns(&mut self, table: &str, names: &[Ident]) -> Result<(), ErrorReport> {
        for (index, name) in names.iter().enumerate() {
            self.write(if index > 0 { ", " } else { "" })?;
            self.name(table);
            self.write(".")?;
            self.ident(name);
        }
        Ok(())
    }

    /// The FROM, of one table with all of its columns.
    fn table(&mut self, alias: &str, hidden: &[&str], columns: &[String]) -> Result<(), ErrorReport> {
        self.write(" FROM side AS")?;
        self.name(alias);
        let names = hidden.iter().copied().chain(columns.iter().map(String::as_str));
        for (index, name) in names.enumerate() {
            self.write(if index > 0 { ", " } else { " (" })?;
            self.name(name);
        }
        self.write(if hidden.is_empty() && columns.is_empty() { "" } else { ")" })
    }

    fn parse(self, limits: &LimitSet) -> Result<Box<Query>, ErrorReport> {
        let dialect = Postgres::of(&self.tokens);
        dialect.parser(self.tokens, limits).parse_query().map_err(defect)
    }
}
