//! The steps of a path: `.key`, `[…]`, `?(…)` and methods.

use crate::base::{ErrorReport, SqlState};

use super::super::super::value::fail;
use super::lex::Kind;
use super::parse::Parser;
use super::syntax::{LAST_LEVEL, Method, Step, Subscript};

type Read<T> = Result<T, ErrorReport>;

impl Parser<'_> {
    /// The next step and how high it is; `None` where no step begins.
    pub(super) fn step(&mut self) -> Read<Option<(Step, usize)>> {
        match self.token.kind {
            Kind::Symbol('.') => {
                self.advance()?;
                self.member().map(|step| Some((step, 0)))
            }
            Kind::Symbol('[') => {
                self.advance()?;
                self.subscripts += 1;
                let found = self.elements()?;
                self.subscripts -= 1;
                self.expect(']')?;
                Ok(Some(found))
            }
            Kind::Symbol('?') => {
                self.advance()?;
                self.filters += 1;
                let (predicate, height) = self.predicate()?;
                self.filters -= 1;
                Ok(Some((Step::Filter(predicate), height)))
            }
            _ => Ok(None),
        }
    }

    fn member(&mut self) -> Read<Step> {
        match self.token.kind.clone() {
            Kind::Symbol('*') => self.advance().map(|_| Step::AnyKey),
            Kind::Descend => {
                self.advance()?;
                self.levels()
            }
            Kind::Text(key) => self.advance().map(|_| Step::Key(key)),
            Kind::Word(word) => {
                self.advance()?;
                match Method::named(&word) {
                    Some(method) if self.token.is('(') => self.method(method),
                    _ => Ok(Step::Key(word)),
                }
            }
            _ => Err(self.token.error()),
        }
    }

    fn method(&mut self, method: Method) -> Read<Step> {
        self.expect('(')?;
        let template = match method {
            Method::Datetime(_) if matches!(self.token.kind, Kind::Text(_)) => Some(self.text()?),
            _ => None,
        };
        self.expect(')')?;
        Ok(Step::Method(if template.is_some() { Method::Datetime(template) } else { method }))
    }

    /// What follows `**`.
    fn levels(&mut self) -> Read<Step> {
        if !self.token.is('{') {
            return Ok(Step::Descend(0, LAST_LEVEL));
        }
        self.advance()?;
        let first = self.level()?;
        let last = if self.token.is_word("to") {
            self.advance()?;
            self.level()?
        } else {
            first
        };
        self.expect('}')?;
        Ok(Step::Descend(first, last))
    }

    fn level(&mut self) -> Read<u32> {
        let level = match &self.token.kind {
            Kind::Integer(digits) => {
                digits.parse::<i32>().ok().and_then(|level| u32::try_from(level).ok()).ok_or_else(|| {
                    let message = format!("value \"{digits}\" is out of range for type integer");
                    fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
                })?
            }
            _ if self.token.is_word("last") => LAST_LEVEL,
            _ => return Err(self.token.error()),
        };
        self.advance()?;
        Ok(level)
    }

    fn elements(&mut self) -> Read<(Step, usize)> {
        if self.token.is('*') {
            self.advance()?;
            return Ok((Step::AnyElement, 0));
        }
        let mut all = Vec::new();
        let mut height = 0;
        loop {
            let (subscript, below) = self.subscript()?;
            height = height.max(below);
            all.push(subscript);
            if !self.token.is(',') {
                return Ok((Step::Elements(all), height));
            }
            self.advance()?;
        }
    }

    fn subscript(&mut self) -> Read<(Subscript, usize)> {
        let (from, height) = self.inner_value()?;
        if !self.token.is_word("to") {
            return Ok((Subscript { from, to: None }, height));
        }
        self.advance()?;
        let (to, below) = self.inner_value()?;
        Ok((Subscript { from, to: Some(to) }, height.max(below)))
    }
}
