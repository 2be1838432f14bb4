//! The parser's complaints in PostgreSQL's words.

use sqlparser::parser::ParserError;
use sqlparser::tokenizer::TokenWithSpan;

use crate::base::{ErrorReport, SqlState};

use super::lexer::{Piece, slice};

/// The report of a failed parse.
pub(super) fn report(error: &ParserError, piece: &Piece) -> ErrorReport {
    match error {
        ParserError::RecursionLimitExceeded => {
            ErrorReport::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
                .with_hint("Nest the statement less deeply.")
        }
        ParserError::ParserError(text) | ParserError::TokenizerError(text) => match position(text) {
            Some(at) => near(piece, at),
            None => at_end(piece),
        },
    }
}

/// The report for a token that does not belong where it stands.
pub(super) fn unexpected(piece: &Piece, token: Option<&TokenWithSpan>) -> ErrorReport {
    match token {
        Some(token) => near(piece, usize::try_from(token.span.start.column).unwrap_or(1)),
        None => at_end(piece),
    }
}

fn near(piece: &Piece, at: usize) -> ErrorReport {
    let token = piece.tokens.iter().find(|token| token.span.start.column as usize >= at);
    let Some(token) = token else { return at_end(piece) };
    let start = token.span.start.column as usize;
    let end = token.span.end.column as usize;
    let text = slice(&piece.text, start - 1, end.max(start + 1) - 1);
    ErrorReport::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{text}\"")).with_position(start)
}

fn at_end(piece: &Piece) -> ErrorReport {
    ErrorReport::new(SqlState::SYNTAX_ERROR, "syntax error at end of input")
        .with_position(piece.text.chars().count() + 1)
}

/// The column in a text that ends in `at Line: 1, Column: 8`.
fn position(text: &str) -> Option<usize> {
    let (_, column) = text.rsplit_once("Column: ")?;
    column.trim().parse().ok().filter(|column| *column > 0)
}
