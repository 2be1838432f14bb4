//! Where things stand in the text. The syntax tree knows the places of names and constants only; operators, casts and
//! keywords are found among the tokens, from the nearest thing that knows its own.
//!
//! A place is a 1-based character position; 0 is a place that cannot be told.

use sqlparser::ast::{CastKind, Expr, Ident, Query, Spanned, TableFactor};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::{ErrorReport, SqlState};

/// The tokens of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Places<'a> {
    tokens: &'a [TokenWithSpan],
}

fn number(column: u64) -> usize {
    usize::try_from(column).unwrap_or_default()
}

/// Where the tree says that something begins.
pub(in crate::sql) fn begin(node: &impl Spanned) -> usize {
    number(node.span().start.column)
}

/// Where a name begins.
pub(in crate::sql) fn of(ident: &Ident) -> usize {
    number(ident.span.start.column)
}

fn end(node: &impl Spanned) -> usize {
    number(node.span().end.column)
}

fn is_word(token: &Token, words: &[&str]) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none() && words.iter().any(|known| word.value.eq_ignore_ascii_case(known))
        }
        _ => false,
    }
}

/// How many casts with `::` an expression begins with.
fn casts_before(expr: &Expr) -> usize {
    match expr {
        Expr::Nested(inner) => casts_before(inner),
        Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. } => 1 + casts_before(inner),
        _ => 0,
    }
}

impl<'a> Places<'a> {
    pub(super) fn new(tokens: &'a [TokenWithSpan]) -> Self {
        Self { tokens }
    }

    fn place(&self, index: usize) -> usize {
        self.tokens.get(index).map_or(0, |token| number(token.span.start.column))
    }

    /// The first token that does not begin before a place.
    fn index(&self, place: usize) -> usize {
        self.tokens.partition_point(|token| number(token.span.start.column) < place)
    }

    /// The first fitting token after something, outside of parentheses that open in between.
    fn after(&self, place: usize, fits: impl Fn(&Token) -> bool) -> usize {
        let mut depth = 0_i32;
        for index in self.index(place)..self.tokens.len() {
            match &self.tokens[index].token {
                Token::LParen | Token::LBracket => depth += 1,
                Token::RParen | Token::RBracket => depth -= 1,
                token if depth <= 0 && fits(token) => return self.place(index),
                _ => {}
            }
        }
        0
    }

    /// The last fitting token before a place, outside of parentheses that close in between.
    fn before(&self, place: usize, fits: impl Fn(&Token) -> bool) -> usize {
        let mut depth = 0_i32;
        for index in (0..self.index(place)).rev() {
            match &self.tokens[index].token {
                token if depth <= 0 && fits(token) => return self.place(index),
                Token::RParen | Token::RBracket => depth += 1,
                Token::LParen | Token::LBracket => depth -= 1,
                _ => {}
            }
        }
        0
    }

    /// The operator that follows its left operand.
    pub(super) fn operator(&self, left: &Expr, symbol: &str) -> usize {
        self.after(end(left), |token| {
            is_word(token, &[symbol]) || token.to_string() == symbol || (symbol == "<>" && *token == Token::Neq)
        })
    }

    /// The first of some words after an expression.
    pub(super) fn word_after(&self, left: &Expr, words: &[&str]) -> usize {
        self.after(end(left), |token| is_word(token, words))
    }

    /// Whether a word stands right before a place.
    pub(super) fn follows(&self, place: usize, word: &str) -> bool {
        let before = self.index(place).checked_sub(1).and_then(|before| self.tokens.get(before));
        before.is_some_and(|before| is_word(&before.token, &[word]))
    }

    /// The first time that a word stands in the text.
    pub(super) fn first_word(&self, word: &str) -> usize {
        let found = self.tokens.iter().position(|token| is_word(&token.token, &[word]));
        found.map_or(0, |index| self.place(index))
    }

    /// The word before a place.
    pub(super) fn word_before(&self, place: usize, word: &str) -> usize {
        self.before(place, |token| is_word(token, &[word]))
    }

    /// `UNBOUNDED …` as the begin of a frame, or as its end.
    pub(super) fn unbounded(&self, direction: &str, is_end: bool) -> usize {
        let found = self.tokens.windows(3).position(|three| {
            is_word(&three[0].token, &["AND"]) == is_end
                && is_word(&three[1].token, &["UNBOUNDED"])
                && is_word(&three[2].token, &[direction])
        });
        found.map_or(0, |index| self.place(index + 1))
    }

    /// The first token of a kind after a place.
    pub(super) fn token_after(&self, place: usize, wanted: &Token) -> usize {
        let found = self.tokens.iter().skip(self.index(place)).find(|token| token.token == *wanted);
        found.map_or(0, |token| number(token.span.start.column))
    }

    /// The report for what stands after an item of FROM and does not belong there.
    pub(super) fn unexpected_after(&self, factor: &TableFactor) -> ErrorReport {
        self.unexpected_at(end(factor))
    }

    /// The report for the first token from a place on, or for the end.
    pub(super) fn unexpected_at(&self, place: usize) -> ErrorReport {
        match self.tokens.get(self.index(place)) {
            Some(token) => {
                let message = format!("syntax error at or near \"{}\"", token.token);
                ErrorReport::new(SqlState::SYNTAX_ERROR, message).with_position(number(token.span.start.column))
            }
            None => {
                let last = self.tokens.last().map_or(1, |token| number(token.span.end.column));
                ErrorReport::new(SqlState::SYNTAX_ERROR, "syntax error at end of input").with_position(last)
            }
        }
    }

    /// The token right after a place, whatever it is.
    pub(super) fn next(&self, place: usize) -> usize {
        self.place(self.index(place + 1))
    }

    /// The parenthesis that opens a subquery.
    pub(super) fn parenthesis(&self, query: &Query) -> usize {
        let first = self.before(begin(query) + 1, |token| is_word(token, &["SELECT", "WITH", "VALUES", "TABLE"]));
        let from = if first == 0 { begin(query) } else { first };
        self.before(from, |token| *token == Token::LParen)
    }

    /// The parenthesis before a place.
    pub(super) fn open_before(&self, place: usize) -> usize {
        self.before(place, |token| *token == Token::LParen)
    }

    /// Where an expression begins, as PostgreSQL's `exprLocation` has it: its leftmost part, without parentheses.
    pub(super) fn start(&self, expr: &Expr) -> usize {
        match expr {
            Expr::Nested(inner)
            | Expr::IsNull(inner)
            | Expr::IsNotNull(inner)
            | Expr::IsTrue(inner)
            | Expr::IsNotTrue(inner)
            | Expr::IsFalse(inner)
            | Expr::IsNotFalse(inner)
            | Expr::IsUnknown(inner)
            | Expr::IsNotUnknown(inner)
            | Expr::IsDistinctFrom(inner, _)
            | Expr::IsNotDistinctFrom(inner, _)
            | Expr::Collate { expr: inner, .. }
            | Expr::InList { expr: inner, .. }
            | Expr::InSubquery { expr: inner, .. }
            | Expr::Between { expr: inner, .. }
            | Expr::BinaryOp { left: inner, .. }
            | Expr::Like { expr: inner, .. }
            | Expr::ILike { expr: inner, .. }
            | Expr::SimilarTo { expr: inner, .. }
            | Expr::AnyOp { left: inner, .. }
            | Expr::AllOp { left: inner, .. }
            | Expr::AtTimeZone { timestamp: inner, .. } => self.start(inner),
            Expr::CompoundFieldAccess { root, .. } => self.start(root),
            Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. } => self.start(inner),
            Expr::Cast { expr: inner, .. } => match inner.as_ref() {
                Expr::Value(_) => self.start(inner),
                _ => self.cast(expr),
            },
            Expr::UnaryOp { op, expr: inner } => {
                self.before(self.outer(inner), |token| token.to_string().eq_ignore_ascii_case(&op.to_string()))
            }
            Expr::Exists { subquery, negated } => {
                let exists = self.word_before(self.parenthesis(subquery), "EXISTS");
                if *negated { self.word_before(exists, "NOT") } else { exists }
            }
            Expr::Subquery(query) => self.parenthesis(query),
            Expr::Tuple(items) => items.first().map_or(0, |item| self.open_before(self.outer(item))),
            Expr::Array(array) => match array.elem.first() {
                Some(first) => {
                    let place = self.word_before(self.outer(first), "ARRAY");
                    if array.named { place } else { self.before(self.outer(first), |token| *token == Token::LBracket) }
                }
                None => 0,
            },
            other => self.keyword(other).unwrap_or_else(|| begin(other)),
        }
    }

    /// The word with which a call in its own grammar begins.
    fn keyword(&self, expr: &Expr) -> Option<usize> {
        Some(match expr {
            Expr::Extract { expr: inner, .. } => self.word_before(self.start(inner), "EXTRACT"),
            Expr::Ceil { expr: inner, .. } => {
                self.before(self.start(inner), |token| is_word(token, &["CEIL", "CEILING"]))
            }
            Expr::Floor { expr: inner, .. } => self.word_before(self.start(inner), "FLOOR"),
            Expr::Position { expr: inner, .. } => self.word_before(self.start(inner), "POSITION"),
            Expr::Substring { expr: inner, .. } => {
                self.before(self.start(inner), |token| is_word(token, &["SUBSTRING", "SUBSTR"]))
            }
            Expr::Trim { expr: inner, trim_what, .. } => {
                let first = trim_what.as_deref().unwrap_or(inner);
                self.word_before(self.start(first), "TRIM")
            }
            Expr::Overlay { expr: inner, .. } => self.word_before(self.start(inner), "OVERLAY"),
            _ => return None,
        })
    }

    /// Where an expression begins, with what opens before its first part.
    fn outer(&self, expr: &Expr) -> usize {
        match expr {
            Expr::Nested(inner) => self.open_before(self.outer(inner)),
            Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. } => self.outer(inner),
            Expr::Cast { .. } => self.cast(expr),
            other => self.start(other),
        }
    }

    /// The `::` of a cast, or its CAST.
    pub(super) fn cast(&self, expr: &Expr) -> usize {
        match expr {
            Expr::Cast { kind: CastKind::DoubleColon, expr: inner, .. } => {
                let mut place = end(inner.as_ref());
                for _ in 0..=casts_before(inner) {
                    place = self.after(place, |token| *token == Token::DoubleColon) + 1;
                }
                place - 1
            }
            Expr::Cast { expr: inner, .. } => self.word_before(self.outer(inner), "CAST"),
            other => self.start(other),
        }
    }

    /// The type's name in a cast.
    pub(super) fn cast_type(&self, expr: &Expr) -> usize {
        match expr {
            Expr::Cast { kind: CastKind::DoubleColon, .. } => self.next(self.cast(expr)),
            Expr::Cast { expr: inner, .. } => self.next(self.word_after(inner, &["AS"])),
            _ => 0,
        }
    }

    /// The bracket word of an empty array: the n-th ARRAY of the text is told by nothing better.
    pub(super) fn empty_array(&self) -> usize {
        let empty = self.tokens.windows(3).position(|three| {
            is_word(&three[0].token, &["ARRAY"])
                && three[1].token == Token::LBracket
                && three[2].token == Token::RBracket
        });
        empty.map_or(0, |index| self.place(index))
    }
}
