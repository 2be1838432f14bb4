//! `EXPLAIN` and its options.

use sqlparser::tokenizer::Token;

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, SqlState};

use super::cursors::ExecuteCall;
use super::lexer::Piece;
use super::statement::{self, Query, StatementKind};
use super::words::Words;
use super::writes::Write;

/// What is explained.
#[derive(Debug, Clone)]
pub enum ExplainTarget {
    /// A query.
    Query(Box<Query>),
    /// The query of a prepared statement.
    Execute(ExecuteCall),
}

/// How it is explained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExplainOptions {
    /// Run it and tell rows and times.
    pub analyze: bool,
    /// Tell the columns of the result too.
    pub verbose: bool,
    /// Tell the settings that are not as they were at the start.
    pub settings: bool,
    /// How the answer is written.
    pub format: ExplainFormat,
}

/// How the answer of `EXPLAIN` is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ExplainFormat {
    /// Lines of text.
    #[default]
    Text,
    /// One JSON document.
    Json,
}

/// `EXPLAIN [ANALYZE] [VERBOSE] statement`, `EXPLAIN (option [value], …) statement`.
pub(super) fn parse(piece: &Piece, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let mut words = Words::at(piece, 1);
    let mut options = ExplainOptions::default();
    if words.peek().is_some_and(|token| token.token == Token::LParen) && !is_query_word(words.peek_second().as_deref())
    {
        options = words.explain_options()?;
    } else {
        // In this order only, as in PostgreSQL's grammar.
        options.analyze = words.accept("analyze") || words.accept("analyse");
        options.verbose = words.accept("verbose");
    }
    words.explained(options, limits)
}

/// Options that change what PostgreSQL measures or shows, and nothing here.
const ACCEPTED: [&str; 3] = ["costs", "summary", "timing"];
/// The same, where they need ANALYZE.
const ACCEPTED_WITH_ANALYZE: [&str; 2] = ["buffers", "wal"];

impl Words<'_> {
    fn explain_options(&mut self) -> Result<ExplainOptions, ErrorReport> {
        let mut options = ExplainOptions::default();
        let (mut wal, mut timing) = (false, false);
        self.next += 1;
        loop {
            let at = self.peek().map(|token| token.span.start.column);
            let Some(name) = self.word() else { return Err(self.unexpected()) };
            match name.as_str() {
                "analyze" | "analyse" => options.analyze = self.flag(&name)?,
                "verbose" => options.verbose = self.flag(&name)?,
                "settings" => options.settings = self.flag(&name)?,
                "format" => options.format = self.format(at)?,
                "wal" => wal = self.flag(&name)?,
                "timing" => timing = self.flag(&name)?,
                known if ACCEPTED.contains(&known) || ACCEPTED_WITH_ANALYZE.contains(&known) => {
                    self.flag(known)?;
                }
                unknown => return Err(located(unrecognized(&format!("option \"{unknown}\"")), at)),
            }
            if self.accept_token(&Token::Comma) {
                continue;
            }
            self.expect_token(&Token::RParen)?;
            break;
        }
        for (name, given) in [("WAL", wal), ("TIMING", timing)] {
            if given && !options.analyze {
                let message = format!("EXPLAIN option {name} requires ANALYZE");
                return Err(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message));
            }
        }
        Ok(options)
    }

    fn value_of_option(&mut self) -> Option<String> {
        let value = match &self.peek()?.token {
            Token::Word(word) if word.quote_style.is_none() => word.value.to_lowercase(),
            Token::Word(word) => word.value.clone(),
            Token::Number(digits, _) => digits.clone(),
            Token::SingleQuotedString(text) => text.clone(),
            _ => return None,
        };
        self.next += 1;
        Some(value)
    }

    fn flag(&mut self, name: &str) -> Result<bool, ErrorReport> {
        let Some(value) = self.value_of_option() else { return Ok(true) };
        match value.to_lowercase().as_str() {
            "true" | "on" | "1" => Ok(true),
            "false" | "off" | "0" => Ok(false),
            _ => Err(ErrorReport::new(SqlState::SYNTAX_ERROR, format!("{name} requires a Boolean value"))),
        }
    }

    fn format(&mut self, at: Option<u64>) -> Result<ExplainFormat, ErrorReport> {
        let Some(value) = self.value_of_option() else {
            return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, "format requires a parameter"));
        };
        match value.to_lowercase().as_str() {
            "text" => Ok(ExplainFormat::Text),
            "json" => Ok(ExplainFormat::Json),
            known @ ("xml" | "yaml") => Err(ErrorReport::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                format!("EXPLAIN in the format {} is not supported", known.to_uppercase()),
            )
            .with_hint("Use FORMAT TEXT or FORMAT JSON.")),
            _ => {
                let message = format!("unrecognized value for EXPLAIN option \"format\": \"{value}\"");
                Err(located(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message), at))
            }
        }
    }

    fn explained(mut self, options: ExplainOptions, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
        let target = match self.peek_word().as_deref() {
            Some("execute") => {
                self.next += 1;
                let call = self.execute(limits)?;
                self.end()?;
                ExplainTarget::Execute(call)
            }
            Some("declare") => {
                let rest = Piece {
                    text: self.piece.text.clone(),
                    offset: self.piece.offset,
                    tokens: self.piece.tokens.get(self.next..).unwrap_or_default().to_vec(),
                };
                match super::cursors::parse(&rest, limits)? {
                    Some(StatementKind::Declare(declare)) => ExplainTarget::Query(declare.query),
                    Some(other) => return Ok(other),
                    None => return Err(self.unexpected()),
                }
            }
            Some(verb @ ("insert" | "update" | "delete" | "merge")) => {
                return Ok(StatementKind::Write(Write::of(verb.to_uppercase())));
            }
            Some("create") => return Ok(StatementKind::Write(Write::of("CREATE TABLE AS"))),
            _ => return self.explained_query(options, limits),
        };
        Ok(StatementKind::Explain { target, options })
    }

    fn explained_query(&self, options: ExplainOptions, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
        let bracket = self.peek().is_some_and(|token| token.token == Token::LParen);
        if !is_query_word(self.peek_word().as_deref()) && !bracket {
            return Err(self.unexpected());
        }
        match statement::query_of(self.piece, self.next, limits)? {
            StatementKind::Query(query) => Ok(StatementKind::Explain { target: ExplainTarget::Query(query), options }),
            other => Ok(other),
        }
    }
}

fn unrecognized(what: &str) -> ErrorReport {
    ErrorReport::new(SqlState::SYNTAX_ERROR, format!("unrecognized EXPLAIN {what}"))
}

fn located(report: ErrorReport, at: Option<u64>) -> ErrorReport {
    match at.and_then(|at| usize::try_from(at).ok()) {
        Some(position) => report.with_position(position),
        None => report,
    }
}

fn is_query_word(word: Option<&str>) -> bool {
    matches!(word, Some("select" | "with" | "values" | "table"))
}
