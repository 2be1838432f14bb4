//! Statements that would write. Nothing here does, but what they write to must be there, as PostgreSQL asks first.

use crate::base::{ErrorReport, SqlState, TableName};
use crate::catalog::TenantView;
use crate::catalog::system::{PG_CATALOG, is_system_table};

use super::lexer::Piece;
use super::plan::SqlError;
use super::words::Words;

/// A statement that would write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its command tag, such as `INSERT`.
    pub tag: String,
    /// What it would write to, where that must be there.
    target: Option<Target>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Target {
    parts: Vec<String>,
    position: usize,
}

impl Write {
    /// A statement of which only the tag is known.
    pub(super) fn of(tag: impl Into<String>) -> Self {
        Self { tag: tag.into(), target: None }
    }

    /// Whether its table is there.
    ///
    /// # Errors
    /// `42P01` when it is not.
    pub fn check(&self, view: &TenantView, search_path: &[String]) -> Result<(), SqlError> {
        let Some(Target { parts, position }) = &self.target else { return Ok(()) };
        let is_there = match parts.as_slice() {
            [table] => view.resolve(table, search_path).is_ok() || is_system_table(PG_CATALOG, table),
            [schema, table] | [_, schema, table] => {
                view.find(&TableName::new(schema, table)).is_ok() || is_system_table(schema, table)
            }
            _ => true,
        };
        if is_there {
            return Ok(());
        }
        let shown = parts.get(parts.len().saturating_sub(2)..).unwrap_or_default().join(".");
        let message = format!("relation \"{shown}\" does not exist");
        Err(ErrorReport::new(SqlState::UNDEFINED_TABLE, message).with_position(*position).into())
    }
}

/// Reads the beginning of an INSERT, UPDATE or DELETE; the rest has no meaning here.
pub(super) fn parse(piece: &Piece) -> Result<Write, ErrorReport> {
    let mut words = Words::at(piece, 0);
    let word = words.word().unwrap_or_default();
    match word.as_str() {
        "insert" => words.expect("into")?,
        "delete" => words.expect("from")?,
        _ => {}
    }
    if word != "insert" {
        words.accept("only");
    }
    let position = words.peek().map_or(0, |token| usize::try_from(token.span.start.column).unwrap_or_default());
    let mut parts = vec![words.name()?];
    while words.accept_token(&sqlparser::tokenizer::Token::Period) {
        parts.push(words.name()?);
    }
    if word != "delete" && words.peek().is_none() {
        return Err(words.unexpected());
    }
    Ok(Write { tag: word.to_uppercase(), target: Some(Target { parts, position }) })
}
