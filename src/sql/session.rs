//! Session statements, read from their tokens: the parser knows only some of them, and not all their forms.

use sqlparser::tokenizer::Token;

use crate::base::{ErrorReport, SqlState};

use super::lexer::Piece;
use super::statement::SessionStatement;
use super::words::Words;

/// What BEGIN and SET TRANSACTION say of a transaction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TransactionModes {
    /// `ISOLATION LEVEL`, as SHOW gives it.
    pub isolation: Option<&'static str>,
    /// `READ ONLY`, or `READ WRITE`, which a transaction here cannot be.
    pub read_only: Option<bool>,
    /// `DEFERRABLE` or `NOT DEFERRABLE`.
    pub deferrable: Option<bool>,
}

/// The session statement, or `None` when the first word begins something else.
pub(super) fn parse(piece: &Piece) -> Result<Option<SessionStatement>, ErrorReport> {
    let mut words = Words::at(piece, 0);
    let Some(first) = words.word() else { return Ok(None) };
    let statement = match first.as_str() {
        "begin" => words.begin("BEGIN")?,
        "start" => {
            words.expect("transaction")?;
            SessionStatement::Begin { word: "START TRANSACTION", modes: words.modes(false)? }
        }
        "commit" | "end" => words.commit()?,
        "rollback" | "abort" => words.rollback()?,
        "savepoint" => SessionStatement::Savepoint(words.name()?),
        "release" => {
            words.accept_savepoint();
            SessionStatement::Release(words.name()?)
        }
        "set" => words.set()?,
        "select" if words.is_catalog_refresh() => return Ok(Some(SessionStatement::CatalogRefresh)),
        "show" => words.show()?,
        "reset" => words.reset()?,
        "discard" => words.discard()?,
        "deallocate" => words.deallocate()?,
        _ => return Ok(None),
    };
    words.end()?;
    Ok(Some(statement))
}

impl Words<'_> {
    fn begin(&mut self, word: &'static str) -> Result<SessionStatement, ErrorReport> {
        self.accept_transaction();
        Ok(SessionStatement::Begin { word, modes: self.modes(false)? })
    }

    fn accept_transaction(&mut self) {
        if !self.accept("work") {
            self.accept("transaction");
        }
    }

    /// A savepoint may have this name itself.
    fn accept_savepoint(&mut self) {
        if self.piece.tokens.get(self.next + 1).is_some() {
            self.accept("savepoint");
        }
    }

    /// `ISOLATION LEVEL …`, `READ ONLY`, `NOT DEFERRABLE`, with or without commas.
    fn modes(&mut self, required: bool) -> Result<TransactionModes, ErrorReport> {
        let mut modes = TransactionModes::default();
        let mut one_needed = required;
        loop {
            if self.accept("isolation") {
                self.expect("level")?;
                modes.isolation = Some(self.isolation_level()?);
            } else if self.accept("read") {
                modes.read_only = Some(self.accept("only"));
                if modes.read_only == Some(false) {
                    self.expect("write")?;
                }
            } else if self.accept("not") {
                self.expect("deferrable")?;
                modes.deferrable = Some(false);
            } else if self.accept("deferrable") {
                modes.deferrable = Some(true);
            } else if one_needed {
                return Err(self.unexpected());
            } else {
                return Ok(modes);
            }
            one_needed = self.accept_token(&Token::Comma);
        }
    }

    fn isolation_level(&mut self) -> Result<&'static str, ErrorReport> {
        if self.accept("serializable") {
            return Ok("serializable");
        }
        if self.accept("repeatable") {
            return self.expect("read").map(|()| "repeatable read");
        }
        self.expect("read")?;
        if self.accept("committed") {
            return Ok("read committed");
        }
        self.expect("uncommitted").map(|()| "read uncommitted")
    }

    fn commit(&mut self) -> Result<SessionStatement, ErrorReport> {
        if self.accept("prepared") {
            return self.prepared_transaction("COMMIT PREPARED");
        }
        self.accept_transaction();
        Ok(SessionStatement::Commit { chain: self.chain()? })
    }

    fn rollback(&mut self) -> Result<SessionStatement, ErrorReport> {
        if self.accept("prepared") {
            return self.prepared_transaction("ROLLBACK PREPARED");
        }
        self.accept_transaction();
        if self.accept("to") {
            self.accept_savepoint();
            return Ok(SessionStatement::RollbackTo(self.name()?));
        }
        Ok(SessionStatement::Rollback { chain: self.chain()? })
    }

    fn prepared_transaction(&mut self, command: &'static str) -> Result<SessionStatement, ErrorReport> {
        let identifier = self.value(false)?;
        Ok(SessionStatement::EndPrepared { command, identifier })
    }

    /// `AND [NO] CHAIN`
    fn chain(&mut self) -> Result<bool, ErrorReport> {
        if !self.accept("and") {
            return Ok(false);
        }
        let chain = !self.accept("no");
        self.expect("chain")?;
        Ok(chain)
    }

    fn set(&mut self) -> Result<SessionStatement, ErrorReport> {
        match self.peek_word().as_deref() {
            Some("session") if self.peek_second().as_deref() == Some("characteristics") => {
                self.next += 2;
                self.expect("as")?;
                self.expect("transaction")?;
                Ok(SessionStatement::SetTransaction { modes: self.modes(true)?, for_session: true })
            }
            Some("session") if self.peek_second().as_deref() == Some("authorization") => {
                self.next += 2;
                self.assignment("session_authorization".into(), false)
            }
            Some(scope @ ("session" | "local")) => {
                self.next += 1;
                self.set_one(scope == "local")
            }
            Some("transaction") => {
                self.next += 1;
                if self.accept("snapshot") {
                    let identifier = self.value(false)?;
                    return Err(no_snapshot(&identifier));
                }
                Ok(SessionStatement::SetTransaction { modes: self.modes(true)?, for_session: false })
            }
            Some("constraints") => {
                self.next += 1;
                self.constraints()
            }
            Some(_) | None => self.set_one(false),
        }
    }

    fn constraints(&mut self) -> Result<SessionStatement, ErrorReport> {
        let names = if self.accept("all") { Vec::new() } else { self.names()? };
        if !self.accept("deferred") {
            self.expect("immediate")?;
        }
        Ok(SessionStatement::SetConstraints(names))
    }

    fn set_one(&mut self, local: bool) -> Result<SessionStatement, ErrorReport> {
        if self.accept("time") {
            self.expect("zone")?;
            return self.time_zone(local);
        }
        if self.accept("names") {
            if self.peek().is_none() {
                return Ok(SessionStatement::Set { name: "client_encoding".into(), value: None, local });
            }
            return self.assignment("client_encoding".into(), local);
        }
        if self.accept("schema") {
            return self.assignment("search_path".into(), local);
        }
        if self.accept("role") {
            self.accept_assign();
            return self.assignment("role".into(), local);
        }
        if self.peek_word().as_deref() == Some("session") && self.peek_second().as_deref() == Some("authorization") {
            self.next += 2;
            return self.assignment("session_authorization".into(), local);
        }
        let name = self.setting()?;
        if !self.accept_assign() {
            return Err(self.unexpected());
        }
        self.assignment(name, local)
    }

    fn accept_assign(&mut self) -> bool {
        self.accept_token(&Token::Eq) || self.accept("to")
    }

    fn assignment(&mut self, name: String, local: bool) -> Result<SessionStatement, ErrorReport> {
        if self.accept("default") {
            return Ok(SessionStatement::Set { name, value: None, local });
        }
        // Only these are lists of names in PostgreSQL: their elements keep their quotes.
        let quoted = name == "search_path";
        let mut values = vec![self.value(quoted)?];
        while self.accept_token(&Token::Comma) {
            values.push(self.value(quoted)?);
        }
        Ok(SessionStatement::Set { name, value: Some(values.join(", ")), local })
    }

    fn value(&mut self, list_of_names: bool) -> Result<String, ErrorReport> {
        let sign = if self.accept_token(&Token::Minus) {
            "-"
        } else {
            self.accept_token(&Token::Plus);
            ""
        };
        let text = match self.peek().map(|token| &token.token) {
            Some(Token::Number(number, _)) => format!("{sign}{number}"),
            Some(_) | None if !sign.is_empty() => return Err(self.unexpected()),
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_lowercase(),
            Some(Token::Word(word)) => word.value.clone(),
            Some(Token::SingleQuotedString(text) | Token::EscapedStringLiteral(text)) => text.clone(),
            Some(Token::DollarQuotedString(text)) => text.value.clone(),
            Some(_) | None => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(if list_of_names { quote_name(&text) } else { text })
    }

    fn time_zone(&mut self, local: bool) -> Result<SessionStatement, ErrorReport> {
        let name = "timezone".to_owned();
        if self.accept("local") || self.accept("default") {
            return Ok(SessionStatement::Set { name, value: None, local });
        }
        let interval = self.accept("interval");
        let value = self.value(false)?;
        if interval {
            // HOUR, HOUR TO MINUTE: the text says it already.
            while self.peek_word().is_some_and(|word| matches!(word.as_str(), "hour" | "to" | "minute")) {
                self.next += 1;
            }
        }
        Ok(SessionStatement::Set { name, value: Some(value), local })
    }

    /// The whole rest of the statement. Anything else that calls it is a query, which has no such function.
    fn is_catalog_refresh(&mut self) -> bool {
        self.accept("catalog_refresh")
            && self.accept_token(&Token::LParen)
            && self.accept_token(&Token::RParen)
            && self.peek().is_none()
    }

    fn show(&mut self) -> Result<SessionStatement, ErrorReport> {
        if self.accept("all") {
            return Ok(SessionStatement::ShowAll);
        }
        Ok(SessionStatement::Show(self.shown()?))
    }

    fn shown(&mut self) -> Result<String, ErrorReport> {
        if self.accept("time") {
            self.expect("zone")?;
            return Ok("timezone".into());
        }
        if self.accept("transaction") {
            self.expect("isolation")?;
            self.expect("level")?;
            return Ok("transaction_isolation".into());
        }
        if self.peek_word().as_deref() == Some("session") && self.peek_second().as_deref() == Some("authorization") {
            self.next += 2;
            return Ok("session_authorization".into());
        }
        self.setting()
    }

    fn reset(&mut self) -> Result<SessionStatement, ErrorReport> {
        if self.accept("all") {
            return Ok(SessionStatement::ResetAll);
        }
        Ok(SessionStatement::Reset(self.shown()?))
    }

    fn discard(&mut self) -> Result<SessionStatement, ErrorReport> {
        let what = match self.peek_word().as_deref() {
            Some("all") => "ALL",
            Some("plans") => "PLANS",
            Some("sequences") => "SEQUENCES",
            Some("temp" | "temporary") => "TEMP",
            Some(_) | None => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(SessionStatement::Discard { all: what == "ALL", what })
    }

    fn deallocate(&mut self) -> Result<SessionStatement, ErrorReport> {
        self.accept("prepare");
        if self.accept("all") {
            return Ok(SessionStatement::Deallocate(None));
        }
        Ok(SessionStatement::Deallocate(Some(self.name()?)))
    }
}

/// Snapshots cannot be exported here, so that none can be imported.
fn no_snapshot(identifier: &str) -> ErrorReport {
    let message = format!("invalid snapshot identifier: \"{identifier}\"");
    ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// A name as it would have to be written.
fn quote_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && name.chars().all(plain) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
