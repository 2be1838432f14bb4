//! A cursor over a statement's tokens, for the statements that the parser does not know.

use sqlparser::ast::Ident;
use sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::base::{ErrorReport, SqlState};

use super::lexer::Piece;
use super::syntax::unexpected;

/// PostgreSQL's reserved words: no name without quotes is one of them.
const RESERVED: [&str; 79] = [
    "all",
    "analyse",
    "analyze",
    "and",
    "any",
    "array",
    "as",
    "asc",
    "asymmetric",
    "both",
    "case",
    "cast",
    "check",
    "collate",
    "column",
    "constraint",
    "create",
    "current_catalog",
    "current_date",
    "current_role",
    "current_time",
    "current_timestamp",
    "current_user",
    "default",
    "deferrable",
    "desc",
    "distinct",
    "do",
    "else",
    "end",
    "except",
    "false",
    "fetch",
    "for",
    "foreign",
    "from",
    "grant",
    "group",
    "having",
    "in",
    "initially",
    "intersect",
    "into",
    "is",
    "join",
    "lateral",
    "leading",
    "limit",
    "localtime",
    "localtimestamp",
    "not",
    "null",
    "offset",
    "on",
    "only",
    "or",
    "order",
    "placing",
    "primary",
    "references",
    "returning",
    "select",
    "session_user",
    "some",
    "symmetric",
    "table",
    "then",
    "to",
    "trailing",
    "true",
    "union",
    "unique",
    "user",
    "using",
    "variadic",
    "when",
    "where",
    "window",
    "with",
];

/// Whether a word without quotes is no name.
pub(super) fn is_reserved(word: &str) -> bool {
    RESERVED.iter().any(|reserved| word.eq_ignore_ascii_case(reserved))
}

/// What a word of a text names: without quotes it is lower case.
pub(super) fn folded_word(word: &Word) -> String {
    if word.quote_style.is_some() { word.value.clone() } else { word.value.to_lowercase() }
}

/// As [`folded_word`], of an identifier.
pub(super) fn folded(ident: &Ident) -> String {
    if ident.quote_style.is_some() { ident.value.clone() } else { ident.value.to_lowercase() }
}

/// A cursor over the tokens.
pub(super) struct Words<'a> {
    /// The statement.
    pub(super) piece: &'a Piece,
    /// The next token's place.
    pub(super) next: usize,
}

impl<'a> Words<'a> {
    /// Begins at a token.
    pub(super) fn at(piece: &'a Piece, next: usize) -> Self {
        Self { piece, next }
    }

    /// The next token, without taking it.
    pub(super) fn peek(&self) -> Option<&'a TokenWithSpan> {
        self.piece.tokens.get(self.next)
    }

    /// The next unquoted word in lower case, without taking it.
    pub(super) fn peek_word(&self) -> Option<String> {
        match &self.peek()?.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        }
    }

    /// The next unquoted word in lower case.
    pub(super) fn word(&mut self) -> Option<String> {
        let word = self.peek_word()?;
        self.next += 1;
        Some(word)
    }

    /// Takes the next word when it is this one.
    pub(super) fn accept(&mut self, expected: &str) -> bool {
        let found = self.peek_word().is_some_and(|word| word == expected);
        if found {
            self.next += 1;
        }
        found
    }

    /// Takes this word.
    pub(super) fn expect(&mut self, expected: &str) -> Result<(), ErrorReport> {
        if self.accept(expected) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// Takes the next token when it is this one.
    pub(super) fn accept_token(&mut self, expected: &Token) -> bool {
        let found = self.peek().is_some_and(|token| token.token == *expected);
        if found {
            self.next += 1;
        }
        found
    }

    /// The report for the next token, which does not belong here.
    pub(super) fn unexpected(&self) -> ErrorReport {
        unexpected(self.piece, self.peek())
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), ErrorReport> {
        match self.peek() {
            None => Ok(()),
            Some(token) => Err(unexpected(self.piece, Some(token))),
        }
    }

    /// A name, lower case unless it is quoted.
    pub(super) fn name(&mut self) -> Result<String, ErrorReport> {
        let name = match self.peek().map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_lowercase(),
            Some(Token::Word(word)) if word.value.is_empty() => return Err(self.without_letters()),
            Some(Token::Word(word)) => return Ok(self.taken_name(word.value.clone())),
            Some(_) | None => return Err(self.unexpected()),
        };
        if is_reserved(&name) {
            return Err(self.unexpected());
        }
        Ok(self.taken_name(name))
    }

    fn taken_name(&mut self, name: String) -> String {
        self.next += 1;
        name
    }

    fn without_letters(&self) -> ErrorReport {
        let message = "zero-length delimited identifier at or near \"\"\"\"";
        let at = self.peek().map_or(0, |token| usize::try_from(token.span.start.column).unwrap_or_default());
        ErrorReport::new(SqlState::SYNTAX_ERROR, message).with_position(at)
    }

    /// A name of a setting, with its dots.
    pub(super) fn setting(&mut self) -> Result<String, ErrorReport> {
        let mut name = self.name()?;
        while self.accept_token(&Token::Period) {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name.to_lowercase())
    }

    /// Takes this token.
    pub(super) fn expect_token(&mut self, expected: &Token) -> Result<(), ErrorReport> {
        if self.accept_token(expected) { Ok(()) } else { Err(self.unexpected()) }
    }

    /// The word after the next one, in lower case.
    pub(super) fn peek_second(&self) -> Option<String> {
        match &self.piece.tokens.get(self.next + 1)?.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        }
    }

    /// Names with commas between them.
    pub(super) fn names(&mut self) -> Result<Vec<String>, ErrorReport> {
        let mut names = vec![self.dotted()?];
        while self.accept_token(&Token::Comma) {
            names.push(self.dotted()?);
        }
        Ok(names)
    }

    /// A name with its dots, as it was meant.
    pub(super) fn dotted(&mut self) -> Result<String, ErrorReport> {
        let mut name = self.name()?;
        while self.accept_token(&Token::Period) {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name)
    }

    /// Takes everything up to the end of the brackets that open here.
    pub(super) fn skip_brackets(&mut self) -> Result<(), ErrorReport> {
        self.expect_token(&Token::LParen)?;
        let mut depth = 1;
        while depth > 0 {
            match self.peek().map(|token| &token.token) {
                Some(Token::LParen) => depth += 1,
                Some(Token::RParen) => depth -= 1,
                Some(_) => {}
                None => return Err(self.unexpected()),
            }
            self.next += 1;
        }
        Ok(())
    }
}
