//! The parser's complaints in PostgreSQL's words.

use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Span, Token, TokenWithSpan};

use crate::base::{ErrorReport, SqlState};

use super::dialect::Postgres;
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

/// `LIMIT 1, 2` is another database's.
fn limit_comma(piece: &Piece, at: usize) -> Option<ErrorReport> {
    let index = piece.tokens.iter().position(|token| token.span.start.column as usize >= at)?;
    let (before, rest) = piece.tokens.split_at_checked(index)?;
    if rest.first()?.token != Token::Comma {
        return None;
    }
    let clauses = ["SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "VALUES", "WITH"];
    let clause = before.iter().rfind(|token| {
        matches!(&token.token, Token::Word(word) if clauses.iter().any(|known| word.value.eq_ignore_ascii_case(known)))
    })?;
    let is_limit = clause.token.to_string().eq_ignore_ascii_case("LIMIT");
    is_limit.then(|| {
        ErrorReport::new(SqlState::SYNTAX_ERROR, "LIMIT #,# syntax is not supported")
            .with_hint("Use separate LIMIT and OFFSET clauses.")
            .with_position(clause.span.start.column as usize)
    })
}

/// The report for a token that does not belong where it stands.
pub(super) fn unexpected(piece: &Piece, token: Option<&TokenWithSpan>) -> ErrorReport {
    match token {
        Some(token) => near(piece, usize::try_from(token.span.start.column).unwrap_or(1)),
        None => at_end(piece),
    }
}

fn near(piece: &Piece, at: usize) -> ErrorReport {
    if let Some(report) = limit_comma(piece, at) {
        return report;
    }
    let at = blamed(piece, at);
    let token = piece.tokens.iter().find(|token| token.span.start.column as usize >= at);
    let Some(token) = token else { return at_end(piece) };
    let start = token.span.start.column as usize;
    let end = token.span.end.column as usize;
    let text = slice(&piece.text, start - 1, end.max(start + 1) - 1);
    ErrorReport::new(SqlState::SYNTAX_ERROR, format!("syntax error at or near \"{text}\"")).with_position(start)
}

/// Words that begin a clause, and so are no names.
const BEGINS: [&str; 7] = ["SELECT", "FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT"];

/// Words after which an expression or a table must come.
const BEFORE: [&str; 9] = ["SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "ON", "HAVING", "BY"];

/// The parser goes back to what it tried first, and takes some words for names. PostgreSQL points at the first token that
/// no statement could have there.
fn blamed(piece: &Piece, at: usize) -> usize {
    let column = |token: &TokenWithSpan| usize::try_from(token.span.start.column).unwrap_or(usize::MAX);
    let index = piece.tokens.partition_point(|token| column(token) < at);
    let word = |index: Option<usize>| {
        index.and_then(|index| piece.tokens.get(index)).map(|token| token.token.to_string().to_uppercase())
    };
    let is = |index: Option<usize>, words: &[&str]| word(index).is_some_and(|word| words.contains(&word.as_str()));
    if is(Some(index), &["GROUP", "ORDER", "PARTITION"]) && !is(Some(index + 1), &["BY"]) {
        // Only BY may follow.
        return piece.tokens.get(index + 1).map_or(usize::MAX, column);
    }
    if is(index.checked_sub(1), &BEGINS) && is(index.checked_sub(2), &BEFORE) {
        return piece.tokens.get(index - 1).map_or(at, column);
    }
    if is_unclosed(piece, index) {
        return usize::MAX;
    }
    in_case(piece, index).unwrap_or(at)
}

/// The error within a CASE, which the parser took for a name.
fn in_case(piece: &Piece, index: usize) -> Option<usize> {
    let before = piece.tokens.get(..index)?;
    let case = before.iter().rposition(|token| token.token.to_string().eq_ignore_ascii_case("CASE"))?;
    let rest = piece.tokens.get(case + 1..)?.to_vec();
    let mut pairs = piece.tokens.get(case..)?.windows(2);
    let is = |token: &TokenWithSpan, word: &str| token.token.to_string().eq_ignore_ascii_case(word);
    let empty = pairs
        .find(|pair| ["CASE", "WHEN", "THEN", "ELSE"].iter().any(|word| is(&pair[0], word)) && is(&pair[1], "END"));
    if let Some([_, end]) = empty {
        return usize::try_from(end.span.start.column).ok();
    }
    let dialect = Postgres::of(&rest);
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(rest);
    match parser.parse_case_expr() {
        Err(ParserError::ParserError(text)) => Some(position(&text).unwrap_or(usize::MAX)),
        Err(ParserError::TokenizerError(_) | ParserError::RecursionLimitExceeded) | Ok(_) => None,
    }
}

/// More open parentheses than this are not tried.
const MOST_UNCLOSED: usize = 8;

/// Whether all that is wrong is that parentheses are missing at the end: a subquery is read as something else then.
fn is_unclosed(piece: &Piece, from: usize) -> bool {
    let mut open = 0_usize;
    for token in &piece.tokens {
        match token.token {
            Token::LParen => open += 1,
            Token::RParen if open == 0 => return false,
            Token::RParen => open -= 1,
            _ => {}
        }
    }
    let opened_before = piece.tokens.iter().take(from).any(|token| token.token == Token::LParen);
    if open == 0 || open > MOST_UNCLOSED || !opened_before {
        return false;
    }
    let mut tokens = piece.tokens.clone();
    let end = tokens.last().map_or_else(Span::empty, |token| token.span);
    tokens.extend((0..open).map(|_| TokenWithSpan::new(Token::RParen, end)));
    let dialect = Postgres::of(&tokens);
    let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
    parser.parse_query().is_ok() && parser.peek_token_ref().token == Token::EOF
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
