//! SQL/JSON paths, the values of type `jsonpath`.
//!
//! Comes in: the text of a path, a document, and variables. Goes out: what the path finds, or whether it holds.
//! Does not: know regular expressions; a [`Matcher`] does.
//! Invariant: depth, work and what is kept of one evaluation are bounded (`JSONPATH_…` of the limits), whatever the path.

mod arithmetic;
mod escapes;
mod evaluate;
mod item;
mod key_value;
mod lex;
mod methods;
mod moment;
mod number_token;
mod parse;
mod predicate;
mod show;
mod steps;
mod syntax;
#[cfg(test)]
mod tests;
mod walk;

use crate::base::{ErrorReport, SqlState};

use super::super::value::fail;
use super::document::{Json, Kind};
use evaluate::{Evaluator, Outcome, Sink};
use syntax::Expression;

pub(in crate::functions) use syntax::PatternFlags;

/// The regular expressions of `like_regex`.
pub(in crate::functions) trait Matcher {
    /// Refuses a pattern that is none. It is asked while a path is read.
    fn check(&self, pattern: &str, flags: PatternFlags) -> Result<(), ErrorReport>;

    /// Whether a pattern matches anywhere in a text.
    fn is_match(&self, pattern: &str, flags: PatternFlags, text: &str) -> Result<bool, ErrorReport>;
}

/// A path that was read. It is shown as PostgreSQL writes it.
#[derive(Debug, Clone)]
pub(in crate::functions) struct Path {
    strict: bool,
    expression: Expression,
}

impl Path {
    /// Reads a path.
    ///
    /// # Errors
    /// `42601` and others where the text is no path, `54001` where it nests too deep.
    pub(in crate::functions) fn parse(text: &str, matcher: &dyn Matcher) -> Result<Self, ErrorReport> {
        let (strict, expression) = parse::parse(text, matcher)?;
        Ok(Self { strict, expression })
    }

    /// What it finds, as `jsonb_path_query` gives it. An error ends a silent query; what was found before it stays.
    pub(in crate::functions) fn query(
        &self,
        document: &Json,
        vars: Option<&Json>,
        silent: bool,
        matcher: &dyn Matcher,
    ) -> Result<Vec<Json>, ErrorReport> {
        let mut sink = Sink::Every(Vec::new());
        let mut evaluator = self.evaluator(document, vars, silent, matcher)?;
        evaluator.run(&self.expression, &mut sink)?;
        evaluator.documents(&sink)
    }

    /// Whether it finds anything, as `jsonb_path_exists` tells it. The operator `@?` has no variables and is silent.
    pub(in crate::functions) fn exists(
        &self,
        document: &Json,
        vars: Option<&Json>,
        silent: bool,
        matcher: &dyn Matcher,
    ) -> Result<Option<bool>, ErrorReport> {
        // A strict path must go on to the end: an error may come after the first value.
        let mut sink = if self.strict { Sink::Every(Vec::new()) } else { Sink::First };
        let outcome = self.evaluator(document, vars, silent, matcher)?.run(&self.expression, &mut sink)?;
        Ok(match (outcome, &sink) {
            (Outcome::Failed, _) => None,
            (_, Sink::Every(found)) => Some(!found.is_empty()),
            (outcome, Sink::First) => Some(outcome == Outcome::Found),
        })
    }

    /// Whether it holds, as `jsonb_path_match` tells it. The operator `@@` has no variables and is silent.
    pub(in crate::functions) fn matches(
        &self,
        document: &Json,
        vars: Option<&Json>,
        silent: bool,
        matcher: &dyn Matcher,
    ) -> Result<Option<bool>, ErrorReport> {
        match self.query(document, vars, silent, matcher)?.as_slice() {
            [Json { kind: Kind::Bool(holds), .. }] => Ok(Some(*holds)),
            [Json { kind: Kind::Null, .. }] => Ok(None),
            _ if silent => Ok(None),
            _ => Err(fail(SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED, "single boolean result is expected")),
        }
    }

    fn evaluator<'a>(
        &self,
        document: &'a Json,
        vars: Option<&'a Json>,
        silent: bool,
        matcher: &'a dyn Matcher,
    ) -> Result<Evaluator<'a>, ErrorReport> {
        if vars.is_some_and(|vars| !matches!(vars.kind, Kind::Object(_))) {
            return Err(fail(SqlState::INVALID_PARAMETER_VALUE, "\"vars\" argument is not an object")
                .with_detail("Jsonpath parameters should be encoded as key-value pairs of \"vars\" object."));
        }
        Ok(Evaluator::new(document, vars, !self.strict, !silent, matcher))
    }
}
