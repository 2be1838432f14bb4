//! Statements that keep a database in order and ask for no rows: `VACUUM`, `ANALYZE`, `LOCK`, `LISTEN`, `CHECKPOINT` and
//! their kin.

use sqlparser::tokenizer::Token;

use crate::base::ErrorReport;

use super::lexer::Piece;
use super::words::Words;

/// Such a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Upkeep {
    /// `VACUUM` of the tables, or of all.
    Vacuum(Vec<String>),
    /// `ANALYZE` of the tables, or of all.
    Analyze(Vec<String>),
    /// `LOCK TABLE`.
    Lock {
        /// The tables.
        tables: Vec<String>,
        /// The mode goes with readers and with writers of rows.
        is_weak: bool,
    },
    /// `LISTEN channel`.
    Listen(String),
    /// `UNLISTEN channel`, or all.
    Unlisten(Option<String>),
    /// `CHECKPOINT`.
    Checkpoint,
    /// `LOAD 'library'`.
    Load(String),
}

/// The statement, or `None` when its first word is none of these.
pub(super) fn parse(piece: &Piece) -> Result<Option<Upkeep>, ErrorReport> {
    let mut words = Words::at(piece, 0);
    let upkeep = match words.word().unwrap_or_default().as_str() {
        "vacuum" => Upkeep::Vacuum(words.kept_tables(&["full", "freeze", "verbose", "analyze", "analyse"])?),
        "analyze" | "analyse" => Upkeep::Analyze(words.kept_tables(&["verbose"])?),
        "lock" => words.lock()?,
        "listen" => Upkeep::Listen(words.name()?),
        "unlisten" => {
            let all = words.accept_token(&Token::Mul);
            Upkeep::Unlisten(if all { None } else { Some(words.name()?) })
        }
        "checkpoint" => Upkeep::Checkpoint,
        "load" => Upkeep::Load(words.text()?),
        _ => return Ok(None),
    };
    words.end()?;
    Ok(Some(upkeep))
}

impl Words<'_> {
    fn kept_tables(&mut self, flags: &[&str]) -> Result<Vec<String>, ErrorReport> {
        if self.peek().is_some_and(|token| token.token == Token::LParen) {
            self.skip_brackets()?;
        } else {
            // In their order only, as in PostgreSQL's grammar.
            for flag in flags {
                self.accept(flag);
            }
        }
        let mut tables = Vec::new();
        while self.peek().is_some() {
            tables.push(self.dotted()?);
            if self.peek().is_some_and(|token| token.token == Token::LParen) {
                self.skip_brackets()?;
            }
            if !self.accept_token(&Token::Comma) {
                break;
            }
        }
        Ok(tables)
    }

    fn lock(&mut self) -> Result<Upkeep, ErrorReport> {
        self.accept("table");
        let mut tables = Vec::new();
        loop {
            self.accept("only");
            tables.push(self.dotted()?);
            self.accept_token(&Token::Mul);
            if !self.accept_token(&Token::Comma) {
                break;
            }
        }
        let is_weak = if self.accept("in") { self.lock_mode()? } else { false };
        self.accept("nowait");
        Ok(Upkeep::Lock { tables, is_weak })
    }

    /// Whether the mode is one of those that readers and writers of rows take.
    fn lock_mode(&mut self) -> Result<bool, ErrorReport> {
        let mut mode = Vec::new();
        while let Some(word) = self.word() {
            if word == "mode" {
                break;
            }
            mode.push(word);
        }
        match mode.join(" ").as_str() {
            "access share" | "row share" | "row exclusive" => Ok(true),
            "share update exclusive" | "share" | "share row exclusive" | "exclusive" | "access exclusive" => Ok(false),
            _ => {
                self.next = self.next.saturating_sub(1);
                Err(self.unexpected())
            }
        }
    }

    /// A text constant.
    pub(super) fn text(&mut self) -> Result<String, ErrorReport> {
        match self.peek().map(|token| &token.token) {
            Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => {
                self.next += 1;
                Ok(text.clone())
            }
            Some(_) | None => Err(self.unexpected()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::limits::LimitSet;
    use crate::sql::{StatementKind, parse as parse_text};

    fn upkeep(text: &str) -> Upkeep {
        match parse_text(text, &LimitSet::default()).unwrap().remove(0).kind {
            StatementKind::Upkeep(upkeep) => upkeep,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn tables_and_modes_are_read() {
        assert_eq!(upkeep("vacuum"), Upkeep::Vacuum(vec![]));
        assert_eq!(upkeep("vacuum full analyze a.b, c (x, y)"), Upkeep::Vacuum(vec!["a.b".into(), "c".into()]));
        assert_eq!(upkeep("vacuum (analyze, parallel 2) c"), Upkeep::Vacuum(vec!["c".into()]));
        assert_eq!(upkeep("analyze verbose"), Upkeep::Analyze(vec![]));
        let lock = |is_weak| Upkeep::Lock { tables: vec!["t".into()], is_weak };
        for (mode, is_weak) in [
            ("access share", true),
            ("row share", true),
            ("row exclusive", true),
            ("share update exclusive", false),
            ("share", false),
            ("share row exclusive", false),
            ("exclusive", false),
            ("access exclusive", false),
        ] {
            assert_eq!(upkeep(&format!("lock table only t in {mode} mode nowait")), lock(is_weak), "{mode}");
        }
        assert_eq!(upkeep("lock t"), lock(false));
        assert_eq!(upkeep("unlisten *"), Upkeep::Unlisten(None));
        assert!(parse_text("checkpoint nope", &LimitSet::default()).is_err());
        assert!(parse_text("lock t in nope mode", &LimitSet::default()).is_err());
    }
}
