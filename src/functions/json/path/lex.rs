//! The text of a path to tokens.

use crate::base::{ErrorReport, SqlState};

use super::super::super::value::fail;
use super::escapes::unescape;
use super::number_token::{Number, number};
use super::syntax::Comparison;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    End,
    /// A character that stands for itself.
    Symbol(char),
    And,
    Or,
    /// `**`
    Descend,
    Compare(Comparison),
    /// `$name`
    Variable(String),
    Integer(String),
    Decimal(String),
    /// In quotes.
    Text(String),
    /// A name without quotes, or a word of the language.
    Word(String),
}

/// A token, and what an error at it shows.
#[derive(Debug, Clone)]
pub(super) struct Token {
    pub(super) kind: Kind,
    /// The text that was read last. It is empty after most words, and then an error says that it is at the end.
    shown: String,
}

impl Token {
    /// An error at this token.
    pub(super) fn error(&self) -> ErrorReport {
        near("syntax error", &self.shown)
    }

    pub(super) fn is(&self, symbol: char) -> bool {
        self.kind == Kind::Symbol(symbol)
    }

    /// Whether it is a word of the language. The three values are lower case only.
    pub(super) fn is_word(&self, wanted: &str) -> bool {
        let exact = matches!(wanted, "null" | "true" | "false");
        let same = |word: &str| if exact { word == wanted } else { word.eq_ignore_ascii_case(wanted) };
        matches!(&self.kind, Kind::Word(word) if same(word))
    }
}

/// An error, and the text where it is.
pub(super) fn near(message: &str, shown: &str) -> ErrorReport {
    let place = if shown.is_empty() { "at end".to_owned() } else { format!("at or near \"{shown}\"") };
    fail(SqlState::SYNTAX_ERROR, format!("{message} {place} of jsonpath input"))
}

/// Characters that may stand in a name.
fn is_other(c: char) -> bool {
    !is_special(c) && !is_blank(c) && c != '\\' && c != '"'
}

fn is_special(c: char) -> bool {
    "?%$.[]{}()|&!=<>@#,*:-+/".contains(c)
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\u{c}')
}

/// Reads one token after the other.
pub(super) struct Lexer<'a> {
    rest: &'a str,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.rest = rest;
        taken
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let length = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        self.take(length)
    }

    /// The next token.
    pub(super) fn next(&mut self) -> Result<Token, ErrorReport> {
        loop {
            if let Some(token) = self.token()? {
                return Ok(token);
            }
        }
    }

    /// `None` for a word that is forgotten.
    fn token(&mut self) -> Result<Option<Token>, ErrorReport> {
        self.skip()?;
        let Some(first) = self.rest.chars().next() else {
            return Ok(Some(Token { kind: Kind::End, shown: String::new() }));
        };
        if let Some(found) = number(self.rest, is_other) {
            return self.number(found).map(Some);
        }
        match first {
            '"' => self.quoted(1, Kind::Text).map(Some),
            '$' if self.rest.starts_with("$\"") => self.quoted(2, Kind::Variable).map(Some),
            '$' => {
                self.take(1);
                let name = self.take_while(is_other);
                let kind = if name.is_empty() { Kind::Symbol('$') } else { Kind::Variable(name.to_owned()) };
                Ok(Some(Token { kind, shown: format!("${name}") }))
            }
            c if is_special(c) => Ok(Some(self.symbol(c))),
            _ => self.word(),
        }
    }

    fn skip(&mut self) -> Result<(), ErrorReport> {
        loop {
            self.take_while(is_blank);
            if !self.rest.starts_with("/*") {
                return Ok(());
            }
            self.comment()?;
        }
    }

    fn comment(&mut self) -> Result<(), ErrorReport> {
        self.take(2);
        let length = self.rest.find("*/").ok_or_else(|| near("unexpected end of comment", ""))?;
        self.take(length + 2);
        Ok(())
    }

    fn number(&mut self, found: Number) -> Result<Token, ErrorReport> {
        let (Number::Integer(length) | Number::Decimal(length) | Number::Unfinished(length) | Number::Junk(length)) =
            found;
        let written = self.take(length).to_owned();
        let kind = match found {
            Number::Integer(_) => Kind::Integer(written.clone()),
            Number::Decimal(_) => Kind::Decimal(written.clone()),
            Number::Unfinished(_) => return Err(near("invalid numeric literal", &written)),
            Number::Junk(_) => return Err(near("trailing junk after numeric literal", &written)),
        };
        Ok(Token { kind, shown: written })
    }

    fn symbol(&mut self, first: char) -> Token {
        let kinds = [
            ("&&", Kind::And),
            ("||", Kind::Or),
            ("**", Kind::Descend),
            ("==", Kind::Compare(Comparison::Equal)),
            ("!=", Kind::Compare(Comparison::NotEqual)),
            ("<>", Kind::Compare(Comparison::NotEqual)),
            ("<=", Kind::Compare(Comparison::LessOrEqual)),
            (">=", Kind::Compare(Comparison::GreaterOrEqual)),
            ("<", Kind::Compare(Comparison::Less)),
            (">", Kind::Compare(Comparison::Greater)),
        ];
        let found = kinds.into_iter().find(|(written, _)| self.rest.starts_with(written));
        let (length, kind) = found.map_or((1, Kind::Symbol(first)), |(written, kind)| (written.len(), kind));
        Token { kind, shown: self.take(length).to_owned() }
    }

    fn quoted(&mut self, opening: usize, kind: fn(String) -> Kind) -> Result<Token, ErrorReport> {
        self.take(opening);
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(|c| c != '"' && c != '\\'));
            match self.rest.chars().next() {
                None => return Err(near("unexpected end of quoted string", "")),
                Some('"') => break,
                Some(_) => {
                    let length = unescape(self.rest, &mut text)?;
                    self.take(length);
                }
            }
        }
        let shown = self.take(1).to_owned();
        Ok(Token { kind: kind(text), shown })
    }

    fn word(&mut self) -> Result<Option<Token>, ErrorReport> {
        let mut text = String::new();
        loop {
            text.push_str(self.take_while(is_other));
            match self.rest.chars().next() {
                Some('\\') => {
                    let length = unescape(self.rest, &mut text)?;
                    self.take(length);
                }
                // PostgreSQL forgets a word that a comment follows at once.
                Some('/') if self.rest.starts_with("/*") => return Ok(None),
                Some(c) if is_blank(c) => {
                    let shown = self.take_while(is_blank).to_owned();
                    return Ok(Some(Token { kind: Kind::Word(text), shown }));
                }
                Some(_) | None => return Ok(Some(Token { kind: Kind::Word(text), shown: String::new() })),
            }
        }
    }
}
