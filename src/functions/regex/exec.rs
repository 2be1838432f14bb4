//! Running a pattern over a text.

use std::collections::HashMap;
use std::ops::Range;
use std::rc::Rc;

use crate::base::{ErrorReport, SqlState};

use super::Captures;
use super::parse::Node;
use super::program::{Matcher, Program, Step, holds};

/// The work that one match may take.
const STEPS: usize = 20_000_000;

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

struct Work(usize);

impl Work {
    fn spend(&mut self, count: usize) -> Result<(), ErrorReport> {
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
fn begins(program: &Program, text: &[char], at: usize, work: &mut Work) -> Result<bool, ErrorReport> {
    Ok(anchored(program, text, at, true, work)?.is_some())
}

/// Whether a pattern matches up to a place.
fn ends(program: &Program, text: &[char], at: usize, work: &mut Work) -> Result<bool, ErrorReport> {
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
fn anchored(
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
    let mut work = Work(STEPS.max(text.len().saturating_mul(64)));
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
    let mut work = Work(STEPS.max(text.len().saturating_mul(64)));
    for begin in from..=text.len() {
        if let Some(end) = anchored(program, text, begin, shortest, &mut work)? {
            return Ok(Some(begin..end));
        }
    }
    Ok(None)
}

/// The places of the groups inside a match.
pub(super) fn captures(
    node: &Node,
    program: &Program,
    groups: usize,
    text: &[char],
    whole: Range<usize>,
) -> Result<Captures, ErrorReport> {
    let mut found: Captures = vec![None; groups + 1];
    found[0] = Some(whole.clone());
    if groups > 0 {
        let mut parts = Parts { program, text, limit: whole.end, known: HashMap::new(), work: Work(STEPS), found };
        parts.take(node, whole)?;
        found = parts.found;
    }
    Ok(found)
}

/// Takes a match apart.
struct Parts<'a> {
    program: &'a Program,
    text: &'a [char],
    limit: usize,
    /// Where each part can end that begins at a place.
    known: HashMap<(*const Node, usize), Rc<Vec<usize>>>,
    work: Work,
    found: Captures,
}

impl Parts<'_> {
    /// Every place where a part can end, in order.
    fn ends(&mut self, node: &Node, at: usize) -> Result<Rc<Vec<usize>>, ErrorReport> {
        let key = (std::ptr::from_ref(node), at);
        if let Some(known) = self.known.get(&key) {
            return Ok(Rc::clone(known));
        }
        self.work.spend(1)?;
        let mut found = match node {
            Node::Char(_) | Node::Any | Node::Set(_) => self.one(node, at),
            Node::Assert(assertion) => {
                if holds(*assertion, self.text, at, self.program.flags) {
                    vec![at]
                } else {
                    Vec::new()
                }
            }
            Node::Look { node, ahead, negated } => {
                let inner = Program::new(node, self.program.flags)?;
                let is = if *ahead {
                    begins(&inner, self.text, at, &mut self.work)?
                } else {
                    ends(&inner, self.text, at, &mut self.work)?
                };
                if is == *negated { Vec::new() } else { vec![at] }
            }
            Node::Group(_, inner) => self.ends(inner, at)?.to_vec(),
            Node::Concat(parts) => self.ends_of_all(parts, at)?,
            Node::Alternation(branches) => {
                let mut all = Vec::new();
                for branch in branches {
                    all.extend(self.ends(branch, at)?.iter());
                }
                all
            }
            Node::Repeat { node, min, max, .. } => self.ends_of_repeat(node, *min, *max, at)?,
        };
        found.sort_unstable();
        found.dedup();
        let found = Rc::new(found);
        self.known.insert(key, Rc::clone(&found));
        Ok(found)
    }

    fn one(&self, node: &Node, at: usize) -> Vec<usize> {
        let Some(c) = self.text[..self.limit].get(at) else { return Vec::new() };
        let matcher = match node {
            Node::Char(c) if self.program.flags.ignore_case => Matcher::Char(c.to_lowercase().next().unwrap_or(*c)),
            Node::Char(c) => Matcher::Char(*c),
            Node::Set(set) => Matcher::Set(set.clone()),
            _ => Matcher::Any,
        };
        if matcher.has(*c, self.program.flags) { vec![at + 1] } else { Vec::new() }
    }

    fn ends_of_all(&mut self, parts: &[Node], at: usize) -> Result<Vec<usize>, ErrorReport> {
        let mut places = vec![at];
        for part in parts {
            let mut next = Vec::new();
            for place in places {
                next.extend(self.ends(part, place)?.iter());
            }
            next.sort_unstable();
            next.dedup();
            places = next;
        }
        Ok(places)
    }

    fn ends_of_repeat(
        &mut self,
        node: &Node,
        min: u32,
        max: Option<u32>,
        at: usize,
    ) -> Result<Vec<usize>, ErrorReport> {
        let mut places = vec![at];
        let mut all = if min == 0 { vec![at] } else { Vec::new() };
        let mut count = 0;
        while max.is_none_or(|max| count < max) && !places.is_empty() {
            let mut next = Vec::new();
            for place in places {
                self.work.spend(1)?;
                next.extend(self.ends(node, place)?.iter());
            }
            next.sort_unstable();
            next.dedup();
            count += 1;
            if count >= min {
                next.retain(|place| !all.contains(place));
                all.extend(next.iter());
            }
            places = next;
        }
        Ok(all)
    }

    fn reaches(&mut self, node: &Node, from: usize, to: usize) -> Result<bool, ErrorReport> {
        Ok(self.ends(node, from)?.binary_search(&to).is_ok())
    }

    /// Notes the groups of a part that matches this range.
    fn take(&mut self, node: &Node, range: Range<usize>) -> Result<(), ErrorReport> {
        match node {
            Node::Char(_) | Node::Any | Node::Set(_) | Node::Assert(_) | Node::Look { .. } => Ok(()),
            Node::Group(number, inner) => {
                if let Some(number) = number {
                    self.found[*number] = Some(range.clone());
                }
                self.take(inner, range)
            }
            Node::Concat(parts) => self.take_all(parts, range),
            Node::Alternation(branches) => {
                for branch in branches {
                    if self.reaches(branch, range.start, range.end)? {
                        return self.take(branch, range);
                    }
                }
                Ok(())
            }
            Node::Repeat { node, min, greedy, .. } => self.take_repeat(node, *min, *greedy, range),
        }
    }

    /// Earlier parts have their wish before later ones.
    fn take_all(&mut self, parts: &[Node], range: Range<usize>) -> Result<(), ErrorReport> {
        let mut at = range.start;
        for (index, part) in parts.iter().enumerate() {
            let rest = &parts[index + 1..];
            let places = self.ends(part, at)?;
            let mut places: Vec<usize> = places.iter().copied().filter(|place| *place <= range.end).collect();
            if !part.prefers_shortest() {
                places.reverse();
            }
            let mut chosen = None;
            for place in places {
                if self.ends_of_all(rest, place)?.contains(&range.end) {
                    chosen = Some(place);
                    break;
                }
            }
            let Some(end) = chosen else { return Ok(()) };
            self.take(part, at..end)?;
            at = end;
        }
        Ok(())
    }

    /// The groups of the last round stay.
    fn take_repeat(&mut self, node: &Node, min: u32, greedy: bool, range: Range<usize>) -> Result<(), ErrorReport> {
        if range.is_empty() && min == 0 {
            return Ok(());
        }
        let mut at = range.start;
        let mut count = 0;
        while at < range.end || count < min {
            let places = self.ends(node, at)?;
            let forward = |place: &usize| *place <= range.end && (*place > at || range.is_empty());
            let mut places: Vec<usize> = places.iter().copied().filter(forward).collect();
            if greedy {
                places.reverse();
            }
            let mut chosen = None;
            for place in places {
                if place == range.end || self.ends_of_repeat(node, 0, None, place)?.contains(&range.end) {
                    chosen = Some(place);
                    break;
                }
            }
            let Some(end) = chosen else { return Ok(()) };
            self.take(node, at..end)?;
            at = end;
            count += 1;
            if range.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
