//! Trees to the steps of an automaton.

use crate::base::ErrorReport;
use crate::base::limits;

use super::Flags;
use super::parse::{Assertion, Node, Set, bad, is_word};

/// A step.
#[derive(Debug)]
pub(super) enum Step {
    One(Matcher),
    Split(usize, usize),
    Jump(usize),
    Assert(Assertion),
    Look { program: Program, ahead: bool, negated: bool },
    Done,
}

/// What one character must be.
#[derive(Debug, Clone)]
pub(super) enum Matcher {
    Char(char),
    Any,
    Set(Set),
}

/// A pattern as steps.
#[derive(Debug)]
pub(super) struct Program {
    pub(super) steps: Vec<Step>,
    pub(super) flags: Flags,
}

impl Program {
    pub(super) fn new(node: &Node, flags: Flags) -> Result<Self, ErrorReport> {
        let mut program = Self { steps: Vec::new(), flags };
        program.add(node)?;
        program.steps.push(Step::Done);
        Ok(program)
    }

    fn push(&mut self, step: Step) -> Result<usize, ErrorReport> {
        if self.steps.len() >= limits::REGEX_PROGRAM_STEPS {
            return Err(bad("regular expression is too complex"));
        }
        self.steps.push(step);
        Ok(self.steps.len() - 1)
    }

    fn add(&mut self, node: &Node) -> Result<(), ErrorReport> {
        match node {
            Node::Char(c) => drop(self.push(Step::One(Matcher::Char(fold(*c, self.flags))))?),
            Node::Any => drop(self.push(Step::One(Matcher::Any))?),
            Node::Set(set) => drop(self.push(Step::One(Matcher::Set(set.clone())))?),
            Node::Assert(assertion) => drop(self.push(Step::Assert(*assertion))?),
            Node::Look { node, ahead, negated } => {
                let program = Self::new(node, self.flags)?;
                self.push(Step::Look { program, ahead: *ahead, negated: *negated })?;
            }
            Node::Group(_, inner) | Node::Back(_, inner) => self.add(inner)?,
            Node::Concat(parts) => parts.iter().try_for_each(|part| self.add(part))?,
            Node::Alternation(branches) => self.alternation(branches)?,
            Node::Repeat { node, min, max, .. } => self.repeat(node, *min, *max)?,
        }
        Ok(())
    }

    fn alternation(&mut self, branches: &[Node]) -> Result<(), ErrorReport> {
        let mut ends = Vec::new();
        for (index, branch) in branches.iter().enumerate() {
            if index + 1 == branches.len() {
                self.add(branch)?;
                break;
            }
            let split = self.push(Step::Split(0, 0))?;
            self.add(branch)?;
            ends.push(self.push(Step::Jump(0))?);
            self.steps[split] = Step::Split(split + 1, self.steps.len());
        }
        for end in ends {
            self.steps[end] = Step::Jump(self.steps.len());
        }
        Ok(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>) -> Result<(), ErrorReport> {
        for _ in 0..min {
            self.add(node)?;
        }
        match max {
            None => {
                let split = self.push(Step::Split(0, 0))?;
                self.add(node)?;
                self.push(Step::Jump(split))?;
                self.steps[split] = Step::Split(split + 1, self.steps.len());
            }
            Some(max) => {
                let mut splits = Vec::new();
                for _ in min..max {
                    splits.push(self.push(Step::Split(0, 0))?);
                    self.add(node)?;
                }
                for split in splits {
                    self.steps[split] = Step::Split(split + 1, self.steps.len());
                }
            }
        }
        Ok(())
    }
}

fn fold(c: char, flags: Flags) -> char {
    if flags.ignore_case { lower(c) } else { c }
}

/// The small letter of a letter.
pub(super) fn lower(c: char) -> char {
    let mut found = c.to_lowercase();
    match (found.next(), found.next()) {
        (Some(one), None) => one,
        _ => c,
    }
}

impl Matcher {
    pub(super) fn has(&self, c: char, flags: Flags) -> bool {
        match self {
            Self::Char(wanted) => fold(c, flags) == *wanted,
            Self::Any => !(flags.dot_stops && c == '\n'),
            Self::Set(set) => {
                if set.negated && flags.dot_stops && c == '\n' {
                    return false;
                }
                let inside = set_has(set, c)
                    || flags.ignore_case && (set_has(set, lower(c)) || c.to_uppercase().any(|c| set_has(set, c)));
                inside != set.negated
            }
        }
    }
}

fn set_has(set: &Set, c: char) -> bool {
    set.ranges.iter().any(|(low, high)| (*low..=*high).contains(&c))
        || set.classes.iter().any(|(class, negated)| class.has(c) != *negated)
}

/// Whether an assertion holds at a place.
pub(super) fn holds(assertion: Assertion, text: &[char], at: usize, flags: Flags) -> bool {
    let before = at.checked_sub(1).and_then(|index| text.get(index)).copied();
    let after = text.get(at).copied();
    let word = |c: Option<char>| c.is_some_and(is_word);
    match assertion {
        Assertion::LineBegin => at == 0 || flags.line_anchors && before == Some('\n'),
        Assertion::LineEnd => at == text.len() || flags.line_anchors && after == Some('\n'),
        Assertion::TextBegin => at == 0,
        Assertion::TextEnd => at == text.len(),
        Assertion::WordBegin => !word(before) && word(after),
        Assertion::WordEnd => word(before) && !word(after),
        Assertion::WordBoundary => word(before) != word(after),
        Assertion::NoWordBoundary => word(before) == word(after),
    }
}
