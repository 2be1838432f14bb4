//! Session statements, read from their tokens: the parser knows only some of them, and not all their forms.

use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::{ErrorReport, SqlState};

use super::lexer::Piece;
use super::statement::SessionStatement;
use super::syntax::unexpected;

/// The session statement, or `None` when the first word begins something else.
pub(super) fn parse(piece: &Piece) -> Result<Option<SessionStatement>, ErrorReport> {
    let mut words = Words { piece, next: 0 };
    let Some(first) = words.word() else { return Ok(None) };
    let statement = match first.as_str() {
        "begin" => words.begin("BEGIN")?,
        "start" => {
            words.expect("transaction")?;
            words.modes()?;
            SessionStatement::Begin("START TRANSACTION")
        }
        "commit" | "end" => words.finish_block(SessionStatement::Commit)?,
        "rollback" | "abort" => words.finish_block(SessionStatement::Rollback)?,
        "set" => words.set()?,
        "show" => words.show()?,
        "reset" => words.reset()?,
        "discard" => words.discard()?,
        "deallocate" => words.deallocate()?,
        _ => return Ok(None),
    };
    words.end()?;
    Ok(Some(statement))
}

/// A cursor over the tokens.
struct Words<'a> {
    piece: &'a Piece,
    next: usize,
}

impl<'a> Words<'a> {
    fn peek(&self) -> Option<&'a TokenWithSpan> {
        self.piece.tokens.get(self.next)
    }

    /// The next unquoted word in lower case, without taking it.
    fn peek_word(&self) -> Option<String> {
        match &self.peek()?.token {
            Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
            _ => None,
        }
    }

    fn word(&mut self) -> Option<String> {
        let word = self.peek_word()?;
        self.next += 1;
        Some(word)
    }

    fn accept(&mut self, expected: &str) -> bool {
        let found = self.peek_word().is_some_and(|word| word == expected);
        if found {
            self.next += 1;
        }
        found
    }

    fn expect(&mut self, expected: &str) -> Result<(), ErrorReport> {
        if self.accept(expected) { Ok(()) } else { Err(self.unexpected()) }
    }

    fn accept_token(&mut self, expected: &Token) -> bool {
        let found = self.peek().is_some_and(|token| token.token == *expected);
        if found {
            self.next += 1;
        }
        found
    }

    fn unexpected(&self) -> ErrorReport {
        unexpected(self.piece, self.peek())
    }

    fn end(&self) -> Result<(), ErrorReport> {
        match self.peek() {
            None => Ok(()),
            Some(token) => Err(unexpected(self.piece, Some(token))),
        }
    }

    /// A name, lower case unless it is quoted.
    fn name(&mut self) -> Result<String, ErrorReport> {
        let name = match self.peek().map(|token| &token.token) {
            Some(Token::Word(word)) if word.quote_style.is_none() => word.value.to_lowercase(),
            Some(Token::Word(word)) => word.value.clone(),
            Some(_) | None => return Err(self.unexpected()),
        };
        self.next += 1;
        Ok(name)
    }

    /// A name of a setting, with its dots.
    fn setting(&mut self) -> Result<String, ErrorReport> {
        let mut name = self.name()?;
        while self.accept_token(&Token::Period) {
            name.push('.');
            name.push_str(&self.name()?);
        }
        Ok(name.to_lowercase())
    }

    fn begin(&mut self, tag: &'static str) -> Result<SessionStatement, ErrorReport> {
        if !self.accept("work") {
            self.accept("transaction");
        }
        self.modes()?;
        Ok(SessionStatement::Begin(tag))
    }

    /// `ISOLATION LEVEL …`, `READ ONLY`, `NOT DEFERRABLE`, with or without commas. A transaction here is read only and
    /// reads committed data whatever they say; `READ WRITE` is accepted as PostgreSQL's hot standby does not.
    fn modes(&mut self) -> Result<(), ErrorReport> {
        loop {
            if self.accept("isolation") {
                self.expect("level")?;
                self.isolation_level()?;
            } else if self.accept("read") {
                if !self.accept("only") {
                    self.expect("write")?;
                }
            } else if self.accept("not") {
                self.expect("deferrable")?;
            } else if !self.accept("deferrable") {
                return Ok(());
            }
            self.accept_token(&Token::Comma);
        }
    }

    fn isolation_level(&mut self) -> Result<(), ErrorReport> {
        if self.accept("serializable") {
            return Ok(());
        }
        if self.accept("repeatable") {
            return self.expect("read");
        }
        self.expect("read")?;
        if self.accept("committed") { Ok(()) } else { self.expect("uncommitted") }
    }

    fn finish_block(&mut self, statement: SessionStatement) -> Result<SessionStatement, ErrorReport> {
        if !self.accept("work") {
            self.accept("transaction");
        }
        if self.accept("prepared") || self.accept("to") {
            return Err(ErrorReport::new(
                SqlState::FEATURE_NOT_SUPPORTED,
                "savepoints and prepared transactions are not supported",
            ));
        }
        if self.accept("and") {
            if !self.accept("no") {
                return Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, "AND CHAIN is not supported"));
            }
            self.expect("chain")?;
        }
        Ok(statement)
    }

    fn set(&mut self) -> Result<SessionStatement, ErrorReport> {
        if self.accept("session") {
            if self.accept("characteristics") {
                self.expect("as")?;
                self.expect("transaction")?;
                self.modes()?;
                return Ok(SessionStatement::SetTransaction);
            }
            if self.accept("authorization") {
                return self.assignment("session_authorization".into(), false);
            }
            return self.set_one(false);
        }
        let local = self.accept("local");
        if !local && self.accept("transaction") {
            self.modes()?;
            return Ok(SessionStatement::SetTransaction);
        }
        self.set_one(local)
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
        if self.peek_word().is_some_and(|word| word == "role") {
            self.next += 1;
            self.accept_assign();
            return self.assignment("role".into(), local);
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
        if self.peek_word().is_some_and(|word| word == "session")
            && self
                .piece
                .tokens
                .get(self.next + 1)
                .is_some_and(|token| token.token.to_string().eq_ignore_ascii_case("authorization"))
        {
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

/// A name as it would have to be written.
fn quote_name(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    if begins && name.chars().all(plain) { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
