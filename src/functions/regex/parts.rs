//! Taking a match apart: the places of its groups, and whether what refers back to them fits.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;
use std::rc::Rc;

use crate::base::ErrorReport;

use super::Captures;
use super::exec::{Work, anchored, begins, ends};
use super::parse::{Node, any_part};
use super::program::{Matcher, Program, holds, lower};

/// The places of the groups inside a match.
pub(super) fn captures(
    node: &Node,
    program: &Program,
    groups: usize,
    text: &[char],
    whole: Range<usize>,
) -> Result<Captures, ErrorReport> {
    let mut parts = Parts::new(program, groups, text, whole.end);
    if groups > 0 {
        parts.take(node, whole.clone())?;
    }
    parts.found[0] = Some(whole);
    Ok(parts.found)
}

/// The leftmost match of a pattern that refers back to its groups. The program matches whatever the groups could have
/// matched; of its matches the longest or shortest one counts whose parts fit each other.
pub(super) fn find(
    node: &Node,
    program: &Program,
    groups: usize,
    text: &[char],
    from: usize,
    shortest: bool,
) -> Result<Option<Captures>, ErrorReport> {
    let mut parts = Parts::new(program, groups, text, text.len());
    for begin in from..=text.len() {
        if anchored(program, text, begin, true, &mut parts.work)?.is_none() {
            continue;
        }
        let mut places = parts.ends(node, begin)?.to_vec();
        if !shortest {
            places.reverse();
        }
        for end in places {
            if parts.take(node, begin..end)? {
                parts.found[0] = Some(begin..end);
                return Ok(Some(parts.found));
            }
        }
    }
    Ok(None)
}

/// Takes a match apart.
struct Parts<'a> {
    program: &'a Program,
    text: &'a [char],
    limit: usize,
    /// Where each part can end that begins at a place, whatever it refers back to.
    known: HashMap<(*const Node, usize), Rc<Vec<usize>>>,
    work: Work,
    found: Captures,
}

/// A part or a round that was chosen: where it begins, and where else it could end, the best last.
struct Chosen {
    begin: usize,
    ends: Vec<usize>,
}

impl<'a> Parts<'a> {
    fn new(program: &'a Program, groups: usize, text: &'a [char], limit: usize) -> Self {
        Self { program, text, limit, known: HashMap::new(), work: Work::over(text), found: vec![None; groups + 1] }
    }
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
            Node::Group(_, inner) | Node::Back(_, inner) => self.ends(inner, at)?.to_vec(),
            Node::Concat(parts) => self.ends_of_all(parts, at)?,
            Node::Alternation(branches) => {
                let mut all = Vec::new();
                for branch in branches {
                    all.extend(self.ends(branch, at)?.iter());
                }
                self.work.spend(all.len())?;
                all
            }
            Node::Repeat { node, min, max, .. } => self.ends_of_repeat(node, *min, *max, at)?,
        };
        found.sort_unstable();
        found.dedup();
        // What is remembered is bounded as well.
        self.work.spend(found.len())?;
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
            self.work.spend(next.len() + 1)?;
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
        let mut known: BTreeSet<usize> = if min == 0 { BTreeSet::from([at]) } else { BTreeSet::new() };
        let mut count = 0;
        while max.is_none_or(|max| count < max) && !places.is_empty() {
            let mut next = Vec::new();
            for place in places {
                next.extend(self.ends(node, place)?.iter());
            }
            self.work.spend(next.len() + 1)?;
            next.sort_unstable();
            next.dedup();
            count += 1;
            if count >= min {
                next.retain(|place| known.insert(*place));
            }
            places = next;
        }
        Ok(known.into_iter().collect())
    }

    fn reaches(&mut self, node: &Node, from: usize, to: usize) -> Result<bool, ErrorReport> {
        Ok(self.ends(node, from)?.binary_search(&to).is_ok())
    }

    /// Where a part can end that begins at a place, the best last.
    fn wishes(&mut self, node: &Node, begin: usize, limit: usize, shortest: bool) -> Result<Chosen, ErrorReport> {
        let places = self.ends(node, begin)?;
        let mut ends: Vec<usize> = places.iter().copied().filter(|place| *place <= limit).collect();
        if shortest {
            ends.reverse();
        }
        self.work.spend(ends.len() + 1)?;
        Ok(Chosen { begin, ends })
    }

    /// Notes the groups of a part that matches this range; false where something in it does not fit what it refers to.
    fn take(&mut self, node: &Node, range: Range<usize>) -> Result<bool, ErrorReport> {
        if !any_part(node, |part| matches!(part, Node::Group(Some(_), _) | Node::Back(_, _))) {
            return Ok(true);
        }
        match node {
            Node::Char(_) | Node::Any | Node::Set(_) | Node::Assert(_) | Node::Look { .. } => Ok(true),
            Node::Back(number, _) => self.is_again(*number, range),
            Node::Group(number, inner) => {
                let fits = self.take(inner, range.clone())?;
                if let Some(number) = number {
                    self.found[*number] = fits.then_some(range);
                }
                Ok(fits)
            }
            Node::Concat(parts) => self.take_all(parts, range),
            Node::Alternation(branches) => {
                for branch in branches {
                    self.forget(node);
                    if self.reaches(branch, range.start, range.end)? && self.take(branch, range.clone())? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Node::Repeat { node, min, max, greedy, .. } => self.take_repeat(node, (*min, *max), *greedy, range),
        }
    }

    /// Whether a range is what a group matched.
    fn is_again(&mut self, number: usize, range: Range<usize>) -> Result<bool, ErrorReport> {
        let Some(group) = self.found.get(number).cloned().flatten() else { return Ok(false) };
        self.work.spend(range.len() + 1)?;
        let ignore_case = self.program.flags.ignore_case;
        let same = |(a, b): (&char, &char)| a == b || ignore_case && lower(*a) == lower(*b);
        Ok(group.len() == range.len() && self.text[group].iter().zip(&self.text[range]).all(same))
    }

    /// What was noted in an attempt before.
    fn forget(&mut self, node: &Node) {
        match node {
            Node::Char(_) | Node::Any | Node::Set(_) | Node::Assert(_) | Node::Look { .. } | Node::Back(_, _) => {}
            Node::Group(number, inner) => {
                if let Some(number) = number {
                    self.found[*number] = None;
                }
                self.forget(inner);
            }
            Node::Repeat { node, .. } => self.forget(node),
            Node::Concat(parts) | Node::Alternation(parts) => parts.iter().for_each(|part| self.forget(part)),
        }
    }

    /// Earlier parts have their wish before later ones.
    fn take_all(&mut self, parts: &[Node], range: Range<usize>) -> Result<bool, ErrorReport> {
        let Some(first) = parts.first() else { return Ok(range.is_empty()) };
        let mut chosen = vec![self.wishes(first, range.start, range.end, first.prefers_shortest())?];
        while let Some(last) = chosen.last_mut() {
            let begin = last.begin;
            let Some(end) = last.ends.pop() else {
                chosen.pop();
                continue;
            };
            let (index, rest) = (chosen.len() - 1, &parts[chosen.len()..]);
            self.forget(&parts[index]);
            if !self.ends_of_all(rest, end)?.contains(&range.end) || !self.take(&parts[index], begin..end)? {
                continue;
            }
            let Some(next) = rest.first() else { return Ok(true) };
            chosen.push(self.wishes(next, end, range.end, next.prefers_shortest())?);
        }
        Ok(false)
    }

    /// The groups of the last round stay.
    fn take_repeat(
        &mut self,
        node: &Node,
        bounds: (u32, Option<u32>),
        greedy: bool,
        range: Range<usize>,
    ) -> Result<bool, ErrorReport> {
        self.forget(node);
        if bounds.0 > 0 && !any_part(node, |part| matches!(part, Node::Back(_, _))) {
            return self.take_last_round(node, bounds, greedy, range);
        }
        self.take_rounds(node, bounds, greedy, range)
    }

    /// All rounds but the last one have their wish together: only the last one's groups count.
    fn take_last_round(
        &mut self,
        node: &Node,
        (min, max): (u32, Option<u32>),
        greedy: bool,
        range: Range<usize>,
    ) -> Result<bool, ErrorReport> {
        let mut begins = self.ends_of_repeat(node, min - 1, max.map(|max| max - 1), range.start)?;
        begins.retain(|place| *place <= range.end);
        if greedy {
            begins.reverse();
        }
        for begin in begins {
            self.forget(node);
            if self.reaches(node, begin, range.end)? && self.take(node, begin..range.end)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Round by round. One without a character is made only where there are too few others.
    fn take_rounds(
        &mut self,
        node: &Node,
        (min, max): (u32, Option<u32>),
        greedy: bool,
        range: Range<usize>,
    ) -> Result<bool, ErrorReport> {
        if range.is_empty() && min == 0 {
            return Ok(true);
        }
        let number = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        let (min, max) = (number(min).max(1), max.map_or(usize::MAX, number));
        let mut chosen = vec![self.wishes(node, range.start, range.end, !greedy)?];
        while let Some(last) = chosen.last_mut() {
            let begin = last.begin;
            let Some(end) = last.ends.pop() else {
                chosen.pop();
                continue;
            };
            let count = chosen.len();
            let is_last = end == range.end && count >= min;
            let is_needed = end > begin || range.is_empty() || count < min && min - count >= range.end - end;
            let goes_on = count < max && (end < range.end || range.is_empty());
            if !is_needed || !is_last && !goes_on {
                continue;
            }
            self.forget(node);
            if !self.ends_of_repeat(node, 0, None, end)?.contains(&range.end) || !self.take(node, begin..end)? {
                continue;
            }
            if is_last {
                return Ok(true);
            }
            chosen.push(self.wishes(node, end, range.end, !greedy)?);
        }
        Ok(false)
    }
}
