//! PostgreSQL's regular expressions (Henry Spencer's, "advanced" flavour), and the functions that use them.
//!
//! Comes in: a pattern and a text. Goes out: where it matches, by PostgreSQL's rule: the leftmost match, and of those
//! the longest or the shortest one as the first quantifier says.
//! Does not: know the locale's characters; classes are Unicode's.
//! Invariant: the work of one match is bounded (`STEPS`), whatever the pattern.

mod exec;
mod functions;
mod parse;
mod parts;
mod program;
mod similar;

pub(super) use functions::{compiled, functions};

use std::ops::Range;

use crate::base::ErrorReport;

use parse::Node;
use program::Program;

/// What changes how a pattern is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    /// `.` and `[^…]` do not match a line break.
    pub(super) dot_stops: bool,
    /// `^` and `$` match at line breaks.
    pub(super) line_anchors: bool,
    pub(super) expanded: bool,
    pub(super) literal: bool,
}

/// A pattern that was read.
#[derive(Debug)]
pub(super) struct Regex {
    node: Node,
    program: Program,
    /// The number of groups that capture.
    groups: usize,
    /// Whether it refers back to its groups: then the program matches more than the pattern.
    refers_back: bool,
}

/// Where a pattern matches: the whole, then its groups, in characters.
pub(super) type Captures = Vec<Option<Range<usize>>>;

impl Regex {
    /// Reads a pattern.
    pub(super) fn new(pattern: &str, flags: Flags) -> Result<Self, ErrorReport> {
        let parse::Parsed { node, groups, flags, refers_back } = parse::parse(pattern, flags)?;
        let program = Program::new(&node, flags)?;
        Ok(Self { node, program, groups, refers_back })
    }

    /// The number of groups that capture.
    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    /// Whether it matches anywhere.
    pub(super) fn is_match(&self, text: &[char]) -> Result<bool, ErrorReport> {
        Ok(exec::is_match(&self.program, text)? && (!self.refers_back || self.find(text, 0)?.is_some()))
    }

    /// The first match that begins at or after a place.
    pub(super) fn find(&self, text: &[char], from: usize) -> Result<Option<Captures>, ErrorReport> {
        let shortest = self.node.prefers_shortest();
        if self.refers_back {
            return parts::find(&self.node, &self.program, self.groups, text, from, shortest);
        }
        let Some(whole) = exec::find(&self.program, text, from, shortest)? else { return Ok(None) };
        parts::captures(&self.node, &self.program, self.groups, text, whole).map(Some)
    }
}
