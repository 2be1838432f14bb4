//! What PostgreSQL finds wrong with the clauses (`parse_cte.c`), in its order.

use sqlparser::ast::{Ident, SetExpr};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::{ErrorReport, SqlState};

use super::names::places;
use super::{Clauses, Cycle, Marks, Search};

fn wrong(state: SqlState, message: impl Into<String>, place: usize) -> ErrorReport {
    ErrorReport::new(state, message).with_position(place)
}

pub(super) fn not_recursive(place: usize) -> ErrorReport {
    wrong(SqlState::SYNTAX_ERROR, "WITH query is not recursive", place)
}

/// Both sides of the union must be single queries, of which the second one is recursive.
pub(super) fn shape(left: &SetExpr, right: &SetExpr, name: &str) -> Result<(), ErrorReport> {
    let misplaced = |what: &str, place: usize| {
        let message = format!("recursive reference to query \"{name}\" must not appear {what}");
        Err(wrong(SqlState::INVALID_RECURSION, message, place))
    };
    if let Some(place) = places(left, name).first() {
        return misplaced("within its non-recursive term", *place);
    }
    if let Some(place) = places(right, name).get(1) {
        return misplaced("more than once", *place);
    }
    let must = |side: &str| format!("with a SEARCH or CYCLE clause, the {side} side of the UNION must be a SELECT");
    if is_set_operation(left) {
        return Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, must("left")));
    }
    if is_set_operation(right) {
        return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, must("right")));
    }
    Ok(())
}

/// Parentheses make nothing else of a set operation, but clauses of its own do.
fn is_set_operation(side: &SetExpr) -> bool {
    match side {
        SetExpr::SetOperation { .. } => true,
        SetExpr::Query(query) => {
            let is_bare = query.with.is_none()
                && query.order_by.is_none()
                && query.limit_clause.is_none()
                && query.fetch.is_none();
            is_bare && is_set_operation(&query.body)
        }
        _ => false,
    }
}

/// The names that the clauses use and those that they add.
pub(super) fn names(clauses: &Clauses, columns: &[String]) -> Result<(), ErrorReport> {
    if let Some(search) = &clauses.search {
        of_search(search, columns)?;
    }
    if let Some(cycle) = &clauses.cycle {
        of_cycle(cycle, columns)?;
    }
    let (Some(search), Some(cycle)) = (&clauses.search, &clauses.cycle) else { return Ok(()) };
    for (other, what) in [(&cycle.mark, "mark"), (&cycle.path, "path")] {
        if search.sequence.value == other.value {
            let message = format!("search sequence column name and cycle {what} column name are the same");
            return Err(wrong(SqlState::SYNTAX_ERROR, message, search.place));
        }
    }
    Ok(())
}

fn of_search(search: &Search, columns: &[String]) -> Result<(), ErrorReport> {
    listed("search", &search.columns, columns, search.place)?;
    unused("search sequence", &search.sequence, columns, search.place)
}

fn of_cycle(cycle: &Cycle, columns: &[String]) -> Result<(), ErrorReport> {
    listed("cycle", &cycle.columns, columns, cycle.place)?;
    if let Some(marks) = &cycle.marks {
        one_type(marks)?;
    }
    unused("cycle mark", &cycle.mark, columns, cycle.place)?;
    unused("cycle path", &cycle.path, columns, cycle.place)?;
    if cycle.mark.value == cycle.path.value {
        let message = "cycle mark column name and cycle path column name are the same";
        return Err(wrong(SqlState::SYNTAX_ERROR, message, cycle.place));
    }
    Ok(())
}

/// Every name is that of a column, and stands once.
fn listed(clause: &str, names: &[Ident], columns: &[String], place: usize) -> Result<(), ErrorReport> {
    for (index, name) in names.iter().enumerate() {
        let shown = &name.value;
        if !columns.contains(shown) {
            let message = format!("{clause} column \"{shown}\" not in WITH query column list");
            return Err(wrong(SqlState::SYNTAX_ERROR, message, place));
        }
        if names.iter().take(index).any(|before| before.value == *shown) {
            let message = format!("{clause} column \"{shown}\" specified more than once");
            return Err(wrong(SqlState::DUPLICATE_COLUMN, message, place));
        }
    }
    Ok(())
}

fn unused(what: &str, name: &Ident, columns: &[String], place: usize) -> Result<(), ErrorReport> {
    if !columns.contains(&name.value) {
        return Ok(());
    }
    let message = format!("{what} column name \"{}\" already used in WITH query column list", name.value);
    Err(wrong(SqlState::SYNTAX_ERROR, message, place))
}

/// A truth value and a number have no type in common. What else does not fit is told of the CASE that the marks become.
fn one_type(marks: &Marks) -> Result<(), ErrorReport> {
    let (Some(one), Some(other)) = (type_of(&marks.of_cycle), type_of(&marks.of_others)) else { return Ok(()) };
    if (one == BOOLEAN) == (other == BOOLEAN) {
        return Ok(());
    }
    let place = marks.of_others.first().map_or(0, |token| usize::try_from(token.span.start.column).unwrap_or_default());
    Err(wrong(SqlState::DATATYPE_MISMATCH, format!("CYCLE types {one} and {other} cannot be matched"), place))
}

const BOOLEAN: &str = "boolean";

fn type_of(constant: &[TokenWithSpan]) -> Option<&'static str> {
    let [only] = constant else { return None };
    match &only.token {
        Token::Number(digits, _) if digits.parse::<i32>().is_ok() => Some("integer"),
        Token::Number(digits, _) if digits.parse::<i64>().is_ok() => Some("bigint"),
        Token::Number(..) => Some("numeric"),
        Token::Word(word) if word.value.eq_ignore_ascii_case("null") => None,
        Token::Word(_) => Some(BOOLEAN),
        _ => None,
    }
}
