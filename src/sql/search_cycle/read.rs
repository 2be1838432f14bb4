//! The clauses among the tokens.

use sqlparser::ast::Ident;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::ErrorReport;
use crate::sql::lexer::Piece;
use crate::sql::normalise::quoted;
use crate::sql::rewritten_tokens::keyword;
use crate::sql::words::Words;

use super::{Clauses, Cycle, Marks, Order, Search};

/// The tokens from a place on without the clauses, and the clauses.
///
/// # Errors
/// `42601` at the token of a clause that does not belong there.
pub(in crate::sql) fn take(piece: &Piece, from: usize) -> Result<(Vec<TokenWithSpan>, Vec<Clauses>), ErrorReport> {
    let mut left = Vec::with_capacity(piece.tokens.len());
    let mut found = Vec::new();
    let mut open = Vec::new();
    let mut next = from;
    while let Some(token) = piece.tokens.get(next) {
        left.push(token.clone());
        next += 1;
        if token.token == Token::LParen {
            open.push(next - 1);
        }
        if token.token != Token::RParen {
            continue;
        }
        let Some(name) = open.pop().and_then(|open| name_of_query(&piece.tokens, open)) else { continue };
        let mut words = Words::at(piece, next);
        if let Some(clauses) = clauses(name, &mut words)? {
            found.push(clauses);
            next = words.next;
        }
    }
    Ok((left, found))
}

/// Where the name of the query of a WITH stands whose parenthesis opens here.
fn name_of_query(tokens: &[TokenWithSpan], open: usize) -> Option<usize> {
    let mut before = open.checked_sub(1)?;
    if keyword(tokens.get(before)) == Some(Keyword::MATERIALIZED) {
        before = before.checked_sub(1)?;
        if keyword(tokens.get(before)) == Some(Keyword::NOT) {
            before = before.checked_sub(1)?;
        }
    }
    if keyword(tokens.get(before)) != Some(Keyword::AS) {
        return None;
    }
    before = before.checked_sub(1)?;
    if tokens.get(before)?.token == Token::RParen {
        // A list of names holds no parentheses.
        before = tokens[..before].iter().rposition(|token| token.token == Token::LParen)?.checked_sub(1)?;
    }
    let name = tokens.get(before).filter(|token| matches!(token.token, Token::Word(_)))?;
    let lead = tokens.get(before.checked_sub(1)?)?;
    let begins = lead.token == Token::Comma || matches!(keyword(Some(lead)), Some(Keyword::WITH | Keyword::RECURSIVE));
    begins.then(|| place(name))
}

fn place(token: &TokenWithSpan) -> usize {
    usize::try_from(token.span.start.column).unwrap_or_default()
}

fn clauses(query: usize, words: &mut Words<'_>) -> Result<Option<Clauses>, ErrorReport> {
    let search = if words.peek_word().as_deref() == Some("search") { Some(search(words)?) } else { None };
    let cycle = if words.peek_word().as_deref() == Some("cycle") { Some(cycle(words)?) } else { None };
    Ok((search.is_some() || cycle.is_some()).then_some(Clauses { query, search, cycle }))
}

fn search(words: &mut Words<'_>) -> Result<Search, ErrorReport> {
    let place = here(words);
    words.expect("search")?;
    let order = if words.accept("depth") {
        Order::Depth
    } else {
        words.expect("breadth")?;
        Order::Breadth
    };
    words.expect("first")?;
    words.expect("by")?;
    let columns = columns(words)?;
    words.expect("set")?;
    Ok(Search { place, order, columns, sequence: name(words)? })
}

fn cycle(words: &mut Words<'_>) -> Result<Cycle, ErrorReport> {
    let place = here(words);
    words.expect("cycle")?;
    let columns = columns(words)?;
    words.expect("set")?;
    let mark = name(words)?;
    let marks = if words.accept("to") {
        let of_cycle = constant(words)?;
        words.expect("default")?;
        Some(Marks { of_cycle, of_others: constant(words)? })
    } else {
        None
    };
    words.expect("using")?;
    Ok(Cycle { place, columns, mark, marks, path: name(words)? })
}

fn here(words: &Words<'_>) -> usize {
    words.peek().map_or(0, place)
}

fn name(words: &mut Words<'_>) -> Result<Ident, ErrorReport> {
    let token = words.peek();
    let mut name = quoted(&words.name()?);
    if let Some(token) = token {
        name.span = token.span;
    }
    Ok(name)
}

fn columns(words: &mut Words<'_>) -> Result<Vec<Ident>, ErrorReport> {
    let mut columns = vec![name(words)?];
    while words.accept_token(&Token::Comma) {
        columns.push(name(words)?);
    }
    Ok(columns)
}

/// A constant, which may have its type before it.
fn constant(words: &mut Words<'_>) -> Result<Vec<TokenWithSpan>, ErrorReport> {
    let begin = words.next;
    match words.peek().map(|token| &token.token) {
        Some(Token::Number(..)) => words.next += 1,
        Some(token) if is_text(token) => words.next += 1,
        Some(Token::Word(_)) => match words.peek_word().as_deref() {
            Some("true" | "false" | "null") => words.next += 1,
            _ => typed(words)?,
        },
        Some(_) | None => return Err(words.unexpected()),
    }
    Ok(words.piece.tokens.get(begin..words.next).unwrap_or_default().to_vec())
}

fn is_text(token: &Token) -> bool {
    matches!(
        token,
        Token::SingleQuotedString(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::DollarQuotedString(_)
            | Token::NationalStringLiteral(_)
            | Token::HexStringLiteral(_)
            | Token::SingleQuotedByteStringLiteral(_)
    )
}

/// `numeric(5, 2) '1.5'`, `interval '1' day`
fn typed(words: &mut Words<'_>) -> Result<(), ErrorReport> {
    let is_interval = words.peek_word().as_deref() == Some("interval");
    loop {
        match words.peek().map(|token| &token.token) {
            Some(Token::LParen) => words.skip_brackets()?,
            Some(Token::Word(_) | Token::Period) => words.next += 1,
            Some(token) if is_text(token) => break,
            Some(_) | None => return Err(words.unexpected()),
        }
    }
    words.next += 1;
    let ends = |words: &Words<'_>| matches!(words.peek_word().as_deref(), None | Some("default" | "using"));
    while is_interval && !ends(words) {
        words.next += 1;
    }
    Ok(())
}
