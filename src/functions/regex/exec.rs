//! Running a pattern over a text.

use std::ops::Range;

use crate::base::limits;
use crate::base::{ErrorReport, SqlState};

use super::program::{Program, Step, holds};

/// The states that are alive.
struct States {
    list: Vec<usize>,
    seen: Vec<bool>,
}

impl States {
    fn new(count: usize) -> Self {
        Self { list: Vec::new(), seen: vec![false; count] }
    }

    fn clear(&mut self) {
        for state in self.list.drain(..) {
            self.seen[state] = false;
        }
    }
}

/// What is left of the work.
pub(super) struct Work(usize);

impl Work {
    /// The work of one match over a text.
    pub(super) fn over(text: &[char]) -> Self {
        Self(limits::REGEX_STEPS.max(text.len().saturating_mul(64)))
    }

    pub(super) fn spend(&mut self, count: usize) -> Result<(), ErrorReport> {
        self.0 = self.0.saturating_sub(count);
        if self.0 > 0 {
            return Ok(());
        }
        Err(ErrorReport::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "regular expression needs too many steps")
            .with_hint("Use a simpler pattern, or a shorter text."))
    }
}

/// Adds a state and everything that follows without a character.
fn follow(
    program: &Program,
    text: &[char],
    at: usize,
    from: usize,
    states: &mut States,
    work: &mut Work,
) -> Result<(), ErrorReport> {
    let mut open = vec![from];
    while let Some(state) = open.pop() {
        if std::mem::replace(&mut states.seen[state], true) {
            continue;
        }
        work.spend(1)?;
        states.list.push(state);
        match &program.steps[state] {
            Step::Split(one, other) => open.extend([*other, *one]),
            Step::Jump(to) => open.push(*to),
            Step::Assert(assertion) => {
                if holds(*assertion, text, at, program.flags) {
                    open.push(state + 1);
                }
            }
            Step::Look { program: inner, ahead, negated } => {
                let found = if *ahead { begins(inner, text, at, work)? } else { ends(inner, text, at, work)? };
                if found != *negated {
                    open.push(state + 1);
                }
            }
            Step::One(_) | Step::Done => {}
        }
    }
    Ok(())
}

/// Whether a pattern matches from a place.
pub(super) fn begins(program: &Program, text: &[char], at: usize, work: &mut Work) -> Result<bool, ErrorReport> {
    Ok(anchored(program, text, at, true, work)?.is_some())
}

/// Whether a pattern matches up to a place.
pub(super) fn ends(program: &Program, text: &[char], at: usize, work: &mut Work) -> Result<bool, ErrorReport> {
    let mut states = States::new(program.steps.len());
    let mut next = States::new(program.steps.len());
    for place in 0..=at {
        follow(program, text, place, 0, &mut states, work)?;
        if place == at {
            break;
        }
        advance(program, text, place, &states, &mut next, work)?;
        std::mem::swap(&mut states, &mut next);
        next.clear();
    }
    Ok(states.list.iter().any(|state| matches!(program.steps[*state], Step::Done)))
}

fn advance(
    program: &Program,
    text: &[char],
    at: usize,
    states: &States,
    next: &mut States,
    work: &mut Work,
) -> Result<(), ErrorReport> {
    let c = text[at];
    for state in &states.list {
        if let Step::One(matcher) = &program.steps[*state] {
            work.spend(1)?;
            if matcher.has(c, program.flags) {
                follow(program, text, at + 1, state + 1, next, work)?;
            }
        }
    }
    Ok(())
}

/// Where the longest or shortest match from a place ends.
pub(super) fn anchored(
    program: &Program,
    text: &[char],
    from: usize,
    shortest: bool,
    work: &mut Work,
) -> Result<Option<usize>, ErrorReport> {
    let mut states = States::new(program.steps.len());
    let mut next = States::new(program.steps.len());
    follow(program, text, from, 0, &mut states, work)?;
    let mut found = None;
    let mut at = from;
    loop {
        if states.list.iter().any(|state| matches!(program.steps[*state], Step::Done)) {
            found = Some(at);
            if shortest {
                return Ok(found);
            }
        }
        if at == text.len() || states.list.is_empty() {
            return Ok(found);
        }
        advance(program, text, at, &states, &mut next, work)?;
        std::mem::swap(&mut states, &mut next);
        next.clear();
        at += 1;
    }
}

/// Whether a pattern matches anywhere: one walk over the text.
pub(super) fn is_match(program: &Program, text: &[char]) -> Result<bool, ErrorReport> {
    let mut work = Work::over(text);
    let mut states = States::new(program.steps.len());
    let mut next = States::new(program.steps.len());
    for at in 0..=text.len() {
        follow(program, text, at, 0, &mut states, &mut work)?;
        if states.list.iter().any(|state| matches!(program.steps[*state], Step::Done)) {
            return Ok(true);
        }
        if at < text.len() {
            advance(program, text, at, &states, &mut next, &mut work)?;
        }
        std::mem::swap(&mut states, &mut next);
        next.clear();
    }
    Ok(false)
}

/// The leftmost match.
pub(super) fn find(
    program: &Program,
    text: &[char],
    from: usize,
    shortest: bool,
) -> Result<Option<Range<usize>>, ErrorReport> {
    let mut work = Work::over(text);
    for begin in from..=text.len() {
        if let Some(end) = anchored(program, text, begin, shortest, &mut work)? {
            return Ok(Some(begin..end));
        }
    }
    Ok(None)
}
