//! `COPY … TO` and its options.

use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Span, Token, TokenWithSpan, Word};

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, SqlState};

use super::lexer::Piece;
use super::statement::{self, Query, StatementKind};
use super::words::Words;
use super::writes::Write;

/// `COPY … TO`.
#[derive(Debug, Clone)]
pub struct CopyOut {
    /// Whose rows.
    pub query: Box<Query>,
    /// `COPY table TO`, whose query was not written by the client.
    pub table: Option<String>,
    /// Where to.
    pub target: CopyTarget,
    /// How they are written.
    pub options: CopyOptions,
}

/// Where the rows go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyTarget {
    /// To the client.
    Client,
    /// Into a file of the server.
    File,
    /// Into a program on the server.
    Program,
}

/// How rows are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOptions {
    /// Text, CSV or binary.
    pub format: CopyFormat,
    /// Between two values.
    pub delimiter: u8,
    /// What stands for NULL.
    pub null: String,
    /// The names of the columns come first.
    pub header: bool,
    /// CSV: around values.
    pub quote: u8,
    /// CSV: before a quote within a value.
    pub escape: u8,
    /// CSV: which columns always have quotes.
    pub force_quote: ForceQuote,
}

/// The form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyFormat {
    /// A line a row, with backslashes.
    Text,
    /// A line a row, with quotes.
    Csv,
    /// Values as the binary protocol has them.
    Binary,
}

/// Which columns of CSV have quotes whatever is in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ForceQuote {
    /// These.
    Columns(Vec<String>),
    /// All of them.
    All,
}

impl ForceQuote {
    /// Whether it names this column.
    #[must_use]
    pub fn covers(&self, column: &str) -> bool {
        match self {
            Self::Columns(names) => names.iter().any(|name| name == column),
            Self::All => true,
        }
    }
}

/// `COPY`; one that reads is a write.
pub(super) fn parse(piece: &Piece, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let mut words = Words::at(piece, 1);
    let binary = words.accept("binary");
    let is_query = words.peek().is_some_and(|token| token.token == Token::LParen);
    let (table, tokens) = if is_query { (None, words.query_in_brackets()?) } else { words.table_rows()? };
    if table.is_some() && words.accept("from") {
        return Ok(StatementKind::Write(Write::of("COPY FROM")));
    }
    words.expect("to")?;
    let target = words.target()?;
    let mut given = Given { format: binary.then_some(CopyFormat::Binary), ..Given::default() };
    words.copy_options(&mut given)?;
    words.end()?;
    let options = given.checked()?;
    let rows = Piece { text: piece.text.clone(), offset: piece.offset, tokens };
    match statement::query_of(&rows, 0, limits)? {
        StatementKind::Query(query) => Ok(StatementKind::Copy(CopyOut { query, table, target, options })),
        other => Ok(other),
    }
}

impl Words<'_> {
    fn query_in_brackets(&mut self) -> Result<Vec<TokenWithSpan>, ErrorReport> {
        let from = self.next + 1;
        self.skip_brackets()?;
        Ok(self.piece.tokens.get(from..self.next - 1).unwrap_or_default().to_vec())
    }

    /// `table [(column, …)]` as the tokens of the query for its rows.
    fn table_rows(&mut self) -> Result<(Option<String>, Vec<TokenWithSpan>), ErrorReport> {
        let table = self.next;
        let name = self.dotted()?;
        let columns = self.next;
        let has_columns = self.peek().is_some_and(|token| token.token == Token::LParen);
        if has_columns {
            self.skip_brackets()?;
        }
        let taken = |from: usize, to: usize| self.piece.tokens.get(from..to).unwrap_or_default().iter().cloned();
        let mut tokens = vec![word("SELECT", Keyword::SELECT)];
        if has_columns {
            tokens.extend(taken(columns + 1, self.next - 1));
        } else {
            tokens.push(TokenWithSpan { token: Token::Mul, span: Span::empty() });
        }
        tokens.push(word("FROM", Keyword::FROM));
        tokens.extend(taken(table, columns));
        Ok((Some(name), tokens))
    }

    fn target(&mut self) -> Result<CopyTarget, ErrorReport> {
        if self.accept("stdout") || self.accept("stdin") {
            return Ok(CopyTarget::Client);
        }
        let target = if self.accept("program") { CopyTarget::Program } else { CopyTarget::File };
        self.text()?;
        Ok(target)
    }

    fn copy_options(&mut self, given: &mut Given) -> Result<(), ErrorReport> {
        self.accept("with");
        if self.accept_token(&Token::LParen) {
            loop {
                self.option(given)?;
                if !self.accept_token(&Token::Comma) {
                    return self.expect_token(&Token::RParen);
                }
            }
        }
        while self.peek().is_some() {
            self.old_option(given)?;
        }
        Ok(())
    }

    /// One of `(name [value], …)`.
    fn option(&mut self, given: &mut Given) -> Result<(), ErrorReport> {
        let at = self.peek().map_or(0, |token| usize::try_from(token.span.start.column).unwrap_or_default());
        let Some(name) = self.word() else { return Err(self.unexpected()) };
        let set = match name.as_str() {
            "format" => {
                let value = self.option_value(&name)?;
                set(&mut given.format, format_of(&value).map_err(|report| report.with_position(at))?)
            }
            "delimiter" => set(&mut given.delimiter, self.option_value(&name)?),
            "null" => set(&mut given.null, self.option_value(&name)?),
            "header" => {
                let value = if self.ends_option() { "true".to_owned() } else { self.option_value(&name)? };
                set(&mut given.header, header(&value)?)
            }
            "quote" => set(&mut given.quote, self.option_value(&name)?),
            "escape" => set(&mut given.escape, self.option_value(&name)?),
            "force_quote" => set(&mut given.force_quote, self.columns()?),
            "encoding" => set(&mut given.encoding, self.option_value(&name)?),
            "force_not_null" | "force_null" => {
                let words = name.replace('_', " ");
                return Err(unavailable(&format!("COPY {words} only available using COPY FROM")));
            }
            "freeze" => {
                self.option_value(&name)?;
                true
            }
            _ => {
                let message = format!("option \"{name}\" not recognized");
                return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message).with_position(at));
            }
        };
        if set { Ok(()) } else { Err(redundant().with_position(at)) }
    }

    /// One of `[WITH] CSV HEADER DELIMITER AS ','`, as before PostgreSQL 9.0.
    fn old_option(&mut self, given: &mut Given) -> Result<(), ErrorReport> {
        let at = self.peek().map_or(0, |token| usize::try_from(token.span.start.column).unwrap_or_default());
        let Some(name) = self.peek_word() else { return Err(self.unexpected()) };
        self.next += 1;
        let set = match name.as_str() {
            "csv" => set(&mut given.format, CopyFormat::Csv),
            "binary" => set(&mut given.format, CopyFormat::Binary),
            "header" => set(&mut given.header, true),
            "freeze" => true,
            "delimiter" | "null" | "quote" | "escape" => {
                self.accept("as");
                let value = self.text()?;
                match name.as_str() {
                    "delimiter" => set(&mut given.delimiter, value),
                    "null" => set(&mut given.null, value),
                    "quote" => set(&mut given.quote, value),
                    _ => set(&mut given.escape, value),
                }
            }
            "encoding" => set(&mut given.encoding, self.text()?),
            "force" => {
                self.expect("quote")?;
                let columns =
                    if self.accept_token(&Token::Mul) { ForceQuote::All } else { ForceQuote::Columns(self.names()?) };
                set(&mut given.force_quote, columns)
            }
            _ => {
                self.next -= 1;
                return Err(self.unexpected());
            }
        };
        if set { Ok(()) } else { Err(redundant().with_position(at)) }
    }

    fn ends_option(&self) -> bool {
        matches!(self.peek().map(|token| &token.token), Some(Token::Comma | Token::RParen) | None)
    }

    fn option_value(&mut self, name: &str) -> Result<String, ErrorReport> {
        let value = match self.peek().map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_lowercase(),
            Some(Token::Word(word)) => word.value.clone(),
            Some(Token::Number(digits, _)) => digits.clone(),
            Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => text.clone(),
            Some(_) | None => {
                let message = format!("{name} requires a parameter");
                return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
            }
        };
        self.next += 1;
        Ok(value)
    }

    fn columns(&mut self) -> Result<ForceQuote, ErrorReport> {
        if self.accept_token(&Token::Mul) {
            return Ok(ForceQuote::All);
        }
        self.expect_token(&Token::LParen)?;
        let names = self.names()?;
        self.expect_token(&Token::RParen)?;
        Ok(ForceQuote::Columns(names))
    }
}

/// A word that the client did not write.
fn word(text: &str, keyword: Keyword) -> TokenWithSpan {
    let word = Word { value: text.to_owned(), quote_style: None, keyword };
    TokenWithSpan { token: Token::Word(word), span: Span::empty() }
}

/// What the options say, before they are checked together.
#[derive(Default)]
struct Given {
    format: Option<CopyFormat>,
    delimiter: Option<String>,
    null: Option<String>,
    header: Option<bool>,
    quote: Option<String>,
    escape: Option<String>,
    force_quote: Option<ForceQuote>,
    encoding: Option<String>,
}

/// Sets what is not yet set; whether it was not.
fn set<T>(option: &mut Option<T>, value: T) -> bool {
    option.replace(value).is_none()
}

impl Given {
    /// The checks of PostgreSQL's `ProcessCopyOptions`, in its order.
    fn checked(self) -> Result<CopyOptions, ErrorReport> {
        let format = self.format.unwrap_or(CopyFormat::Text);
        let (csv, binary) = (format == CopyFormat::Csv, format == CopyFormat::Binary);
        for (given, name) in [(self.delimiter.is_some(), "DELIMITER"), (self.null.is_some(), "NULL")] {
            if binary && given {
                let message = format!("cannot specify {name} in BINARY mode");
                return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
            }
        }
        let delimiter = self.delimiter.unwrap_or_else(|| if csv { "," } else { "\t" }.to_owned());
        let null = self.null.unwrap_or_else(|| if csv { "" } else { "\\N" }.to_owned());
        let delimiter = one_byte(&delimiter, "COPY delimiter must be a single one-byte character")?;
        check_separators(delimiter, &null, csv)?;
        let header = self.header.unwrap_or(false);
        if binary && header {
            return Err(unavailable("cannot specify HEADER in BINARY mode"));
        }
        let quote = csv_only(self.quote.as_deref(), csv, "quote")?.unwrap_or(b'"');
        if csv && quote == delimiter {
            return Err(wrong("COPY delimiter and quote must be different"));
        }
        let escape = csv_only(self.escape.as_deref(), csv, "escape")?.unwrap_or(quote);
        if self.force_quote.is_some() && !csv {
            return Err(unavailable("COPY force quote available only in CSV mode"));
        }
        if null.as_bytes().contains(&delimiter) {
            return Err(unavailable("COPY delimiter must not appear in the NULL specification"));
        }
        if csv && null.as_bytes().contains(&quote) {
            return Err(unavailable("CSV quote character must not appear in the NULL specification"));
        }
        check_encoding(self.encoding.as_deref())?;
        let force_quote = self.force_quote.unwrap_or(ForceQuote::Columns(Vec::new()));
        Ok(CopyOptions { format, delimiter, null, header, quote, escape, force_quote })
    }
}

fn one_byte(text: &str, message: &str) -> Result<u8, ErrorReport> {
    match text.as_bytes() {
        [byte] => Ok(*byte),
        _ => Err(unavailable(message)),
    }
}

fn csv_only(value: Option<&str>, csv: bool, name: &str) -> Result<Option<u8>, ErrorReport> {
    let Some(value) = value else { return Ok(None) };
    if !csv {
        return Err(unavailable(&format!("COPY {name} available only in CSV mode")));
    }
    one_byte(value, &format!("COPY {name} must be a single one-byte character")).map(Some)
}

fn check_separators(delimiter: u8, null: &str, csv: bool) -> Result<(), ErrorReport> {
    if matches!(delimiter, b'\r' | b'\n') {
        return Err(wrong("COPY delimiter cannot be newline or carriage return"));
    }
    if null.contains(['\r', '\n']) {
        return Err(wrong("COPY null representation cannot use newline or carriage return"));
    }
    let is_reserved = delimiter.is_ascii_lowercase() || delimiter.is_ascii_digit() || matches!(delimiter, b'\\' | b'.');
    if !csv && is_reserved {
        return Err(wrong(&format!("COPY delimiter cannot be \"{}\"", char::from(delimiter))));
    }
    Ok(())
}

fn check_encoding(encoding: Option<&str>) -> Result<(), ErrorReport> {
    let Some(encoding) = encoding else { return Ok(()) };
    let known: String = encoding.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    if matches!(known.as_str(), "utf8" | "unicode") {
        return Ok(());
    }
    Err(unavailable(&format!("COPY in the encoding \"{encoding}\" is not supported")).with_hint("Use UTF8."))
}

fn format_of(value: &str) -> Result<CopyFormat, ErrorReport> {
    match value {
        "text" => Ok(CopyFormat::Text),
        "csv" => Ok(CopyFormat::Csv),
        "binary" => Ok(CopyFormat::Binary),
        _ => Err(wrong(&format!("COPY format \"{value}\" not recognized"))),
    }
}

fn header(value: &str) -> Result<bool, ErrorReport> {
    match value.to_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        "match" => Err(wrong("cannot use \"match\" with HEADER in COPY TO")),
        _ => Err(ErrorReport::new(SqlState::SYNTAX_ERROR, "header requires a Boolean value or \"match\"")),
    }
}

fn redundant() -> ErrorReport {
    ErrorReport::new(SqlState::SYNTAX_ERROR, "conflicting or redundant options")
}

fn wrong(message: &str) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

fn unavailable(message: &str) -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}
