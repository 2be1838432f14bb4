//! Patterns to trees.

use std::collections::HashMap;

use crate::base::limits;
use crate::base::{ErrorReport, SqlState};

use super::Flags;

/// The most repetitions that a pattern may name.
const MOST: u32 = 255;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Char(char),
    /// Any character.
    Any,
    Set(Set),
    Assert(Assertion),
    Look {
        node: Box<Node>,
        ahead: bool,
        negated: bool,
    },
    /// A group, with its number where it captures.
    Group(Option<usize>, Box<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greedy: bool,
        /// `{m}`, which wishes what its atom wishes; `{m,m}` has a wish of its own.
        exact: bool,
    },
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
    /// What a group matched, again. The pattern of the group stands for it until that is known: without conditions,
    /// which hold where the group stands only.
    Back(usize, Box<Node>),
}

/// A set of characters.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Set {
    pub(super) ranges: Vec<(char, char)>,
    pub(super) classes: Vec<(Class, bool)>,
    pub(super) negated: bool,
}

/// A named class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Alpha,
    Digit,
    Alnum,
    Upper,
    Lower,
    Space,
    Blank,
    Punct,
    Print,
    Graph,
    Cntrl,
    XDigit,
    Word,
    Ascii,
}

/// What must hold at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Assertion {
    LineBegin,
    LineEnd,
    TextBegin,
    TextEnd,
    WordBegin,
    WordEnd,
    WordBoundary,
    NoWordBoundary,
}

impl Class {
    pub(super) fn has(self, c: char) -> bool {
        match self {
            Self::Alpha => c.is_alphabetic(),
            Self::Digit => c.is_ascii_digit(),
            Self::Alnum => c.is_alphanumeric(),
            Self::Upper => c.is_uppercase(),
            Self::Lower => c.is_lowercase(),
            Self::Space => c.is_whitespace(),
            Self::Blank => matches!(c, ' ' | '\t'),
            Self::Punct => c.is_ascii_punctuation(),
            Self::Print => !c.is_control(),
            Self::Graph => !c.is_control() && !c.is_whitespace(),
            Self::Cntrl => c.is_control(),
            Self::XDigit => c.is_ascii_hexdigit(),
            Self::Word => is_word(c),
            Self::Ascii => c.is_ascii(),
        }
    }

    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "alpha" => Self::Alpha,
            "digit" => Self::Digit,
            "alnum" => Self::Alnum,
            "upper" => Self::Upper,
            "lower" => Self::Lower,
            "space" => Self::Space,
            "blank" => Self::Blank,
            "punct" => Self::Punct,
            "print" => Self::Print,
            "graph" => Self::Graph,
            "cntrl" => Self::Cntrl,
            "xdigit" => Self::XDigit,
            "word" => Self::Word,
            "ascii" => Self::Ascii,
            _ => return None,
        })
    }
}

/// Letters, digits and the underscore.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl Node {
    /// Whether the shortest match is wanted: `None` where a part has no wish.
    pub(super) fn preference(&self) -> Option<bool> {
        match self {
            Self::Char(_) | Self::Any | Self::Set(_) | Self::Assert(_) | Self::Look { .. } | Self::Back(_, _) => None,
            Self::Group(_, inner) => inner.preference(),
            Self::Repeat { node, exact: true, .. } => node.preference(),
            Self::Repeat { greedy, .. } => Some(!greedy),
            Self::Concat(parts) => parts.iter().find_map(Self::preference),
            Self::Alternation(_) => Some(false),
        }
    }

    pub(super) fn prefers_shortest(&self) -> bool {
        self.preference() == Some(true)
    }
}

/// Whether something in a pattern is so.
pub(super) fn any_part(node: &Node, is: fn(&Node) -> bool) -> bool {
    is(node)
        || match node {
            Node::Char(_) | Node::Any | Node::Set(_) | Node::Assert(_) | Node::Look { .. } | Node::Back(_, _) => false,
            Node::Group(_, inner) | Node::Repeat { node: inner, .. } => any_part(inner, is),
            Node::Concat(parts) | Node::Alternation(parts) => parts.iter().any(|part| any_part(part, is)),
        }
}

pub(super) fn bad(what: &str) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_REGULAR_EXPRESSION, format!("invalid regular expression: {what}"))
}

/// A pattern that was read.
pub(super) struct Parsed {
    pub(super) node: Node,
    /// The number of groups that capture.
    pub(super) groups: usize,
    /// The flags, with those that the pattern begins with.
    pub(super) flags: Flags,
    /// Whether it refers back to its groups.
    pub(super) refers_back: bool,
}

/// Reads a pattern.
pub(super) fn parse(pattern: &str, flags: Flags) -> Result<Parsed, ErrorReport> {
    let mut flags = flags;
    let mut pattern = pattern;
    if let Some(rest) = pattern.strip_prefix("***=") {
        pattern = rest;
        flags.literal = true;
    } else if let Some(rest) = pattern.strip_prefix("***:") {
        pattern = rest;
    } else if pattern.starts_with("***") {
        return Err(bad("quantifier operand invalid"));
    }
    if flags.literal {
        let node = Node::Concat(pattern.chars().map(Node::Char).collect());
        return Ok(Parsed { node, groups: 0, flags, refers_back: false });
    }
    let pattern = embedded(pattern, &mut flags)?;
    let mut parser = Parser {
        chars: pattern.chars().collect(),
        at: 0,
        groups: 0,
        flags,
        closed: HashMap::new(),
        copied: 0,
        in_condition: false,
    };
    let node = parser.alternation(0)?;
    if parser.at < parser.chars.len() {
        return Err(bad("parentheses () not balanced"));
    }
    Ok(Parsed { node, groups: parser.groups, flags, refers_back: parser.copied > 0 })
}

/// `(?i)` and the like at the begin.
fn embedded<'a>(pattern: &'a str, flags: &mut Flags) -> Result<&'a str, ErrorReport> {
    let Some(rest) = pattern.strip_prefix("(?") else { return Ok(pattern) };
    let Some(end) = rest.find(')') else { return Ok(pattern) };
    let letters = &rest[..end];
    if letters.is_empty() || !letters.chars().all(|c| c.is_ascii_lowercase()) {
        return Ok(pattern);
    }
    for letter in letters.chars() {
        if letter == 'q' || !flags.set(letter) {
            return Err(bad("invalid embedded option"));
        }
    }
    Ok(&rest[end + 1..])
}

impl Flags {
    /// Sets what a letter stands for; false where it is none.
    pub(super) fn set(&mut self, letter: char) -> bool {
        match letter {
            'i' => self.ignore_case = true,
            'c' => self.ignore_case = false,
            'n' | 'm' => (self.dot_stops, self.line_anchors) = (true, true),
            'p' => (self.dot_stops, self.line_anchors) = (true, false),
            'w' => (self.dot_stops, self.line_anchors) = (false, true),
            's' => (self.dot_stops, self.line_anchors) = (false, false),
            'x' => self.expanded = true,
            't' => self.expanded = false,
            'q' => self.literal = true,
            'e' => {}
            _ => return false,
        }
        true
    }
}

struct Parser {
    chars: Vec<char>,
    at: usize,
    groups: usize,
    flags: Flags,
    /// The groups that a pattern may refer back to.
    closed: HashMap<usize, Node>,
    /// Parts that stand for what groups matched.
    copied: usize,
    /// Whether this is inside of a condition on what is around a match.
    in_condition: bool,
}

impl Parser {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_after(&self, count: usize) -> Option<char> {
        self.chars.get(self.at + count).copied()
    }

    fn eat(&mut self, wanted: &str) -> bool {
        let fits = wanted.chars().enumerate().all(|(index, c)| self.peek_after(index) == Some(c));
        if fits {
            self.at += wanted.chars().count();
        }
        fits
    }

    fn alternation(&mut self, depth: usize) -> Result<Node, ErrorReport> {
        if depth > limits::REGEX_DEPTH {
            return Err(ErrorReport::new(
                SqlState::INVALID_REGULAR_EXPRESSION,
                "invalid regular expression: regular expression is too complex",
            ));
        }
        let mut branches = vec![self.branch(depth)?];
        while self.eat("|") {
            branches.push(self.branch(depth)?);
        }
        Ok(if branches.len() == 1 { branches.remove(0) } else { Node::Alternation(branches) })
    }

    fn branch(&mut self, depth: usize) -> Result<Node, ErrorReport> {
        let mut parts = Vec::new();
        loop {
            self.skip_comments()?;
            match self.peek() {
                None | Some('|' | ')') => break,
                Some(_) => parts.push(self.piece(depth)?),
            }
        }
        Ok(if parts.len() == 1 { parts.remove(0) } else { Node::Concat(parts) })
    }

    /// Comments, and in the expanded form blanks.
    fn skip_comments(&mut self) -> Result<(), ErrorReport> {
        loop {
            if self.eat("(?#") {
                while !self.eat(")") {
                    if self.peek().is_none() {
                        return Err(bad("parentheses () not balanced"));
                    }
                    self.at += 1;
                }
            } else if self.flags.expanded && self.peek().is_some_and(char::is_whitespace) {
                self.at += 1;
            } else if self.flags.expanded && self.peek() == Some('#') {
                while self.peek().is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            } else {
                return Ok(());
            }
        }
    }

    fn piece(&mut self, depth: usize) -> Result<Node, ErrorReport> {
        let atom = self.atom(depth)?;
        self.skip_comments()?;
        let begin = self.at;
        let Some((min, max)) = self.quantifier()? else { return Ok(atom) };
        let exact = Some(min) == max && !self.chars[begin..self.at].contains(&',');
        if matches!(atom, Node::Assert(_) | Node::Look { .. }) {
            return Err(bad("quantifier operand invalid"));
        }
        let greedy = !self.eat("?");
        if matches!(self.peek(), Some('*' | '+' | '?')) {
            return Err(bad("quantifier operand invalid"));
        }
        if max.is_some_and(|max| min > max) || min > MOST || max.is_some_and(|max| max > MOST) {
            return Err(bad("invalid repetition count(s)"));
        }
        Ok(Node::Repeat { node: Box::new(atom), min, max, greedy, exact })
    }

    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, ErrorReport> {
        let fixed = match self.peek() {
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('?') => (0, Some(1)),
            Some('{') if self.peek_after(1).is_some_and(|c| c.is_ascii_digit()) => {
                self.at += 1;
                return self.bounds().map(Some);
            }
            _ => return Ok(None),
        };
        self.at += 1;
        Ok(Some(fixed))
    }

    fn bounds(&mut self) -> Result<(u32, Option<u32>), ErrorReport> {
        let min = self.number();
        let max = if self.eat(",") {
            if self.peek().is_some_and(|c| c.is_ascii_digit()) { Some(self.number()) } else { None }
        } else {
            Some(min)
        };
        if !self.eat("}") {
            return Err(bad(if self.peek().is_none() {
                "braces {} not balanced"
            } else {
                "invalid repetition count(s)"
            }));
        }
        Ok((min, max))
    }

    fn number(&mut self) -> u32 {
        let mut found = 0_u32;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            found = found.saturating_mul(10).saturating_add(digit);
            self.at += 1;
        }
        found
    }

    fn atom(&mut self, depth: usize) -> Result<Node, ErrorReport> {
        let c = self.peek().unwrap_or_default();
        self.at += 1;
        Ok(match c {
            '*' | '+' | '?' => return Err(bad("quantifier operand invalid")),
            '{' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return Err(bad("quantifier operand invalid")),
            '.' => Node::Any,
            '^' => Node::Assert(Assertion::LineBegin),
            '$' => Node::Assert(Assertion::LineEnd),
            '(' => return self.group(depth),
            '[' => return self.bracket(),
            '\\' => return self.escape(),
            other => Node::Char(other),
        })
    }

    fn group(&mut self, depth: usize) -> Result<Node, ErrorReport> {
        let look = [("?=", true, false), ("?!", true, true), ("?<=", false, false), ("?<!", false, true)];
        for (sign, ahead, negated) in look {
            if self.eat(sign) {
                // Groups inside do not capture.
                let groups = self.groups;
                let outside = std::mem::replace(&mut self.in_condition, true);
                let node = without_groups(self.inside(depth)?);
                self.in_condition = outside;
                self.groups = groups;
                return Ok(Node::Look { node: Box::new(node), ahead, negated });
            }
        }
        if self.eat("?:") {
            return Ok(Node::Group(None, Box::new(self.inside(depth)?)));
        }
        if self.peek() == Some('?') {
            return Err(bad("quantifier operand invalid"));
        }
        self.groups += 1;
        let number = self.groups;
        let inside = self.inside(depth)?;
        if !self.in_condition {
            self.closed.insert(number, inside.clone());
        }
        Ok(Node::Group(Some(number), Box::new(inside)))
    }

    fn inside(&mut self, depth: usize) -> Result<Node, ErrorReport> {
        let node = self.alternation(depth + 1)?;
        if self.eat(")") { Ok(node) } else { Err(bad("parentheses () not balanced")) }
    }

    fn escape(&mut self) -> Result<Node, ErrorReport> {
        let invalid = || bad("invalid escape \\ sequence");
        let c = self.peek().ok_or_else(invalid)?;
        if let Some((class, negated)) = class_escape(c) {
            self.at += 1;
            return Ok(Node::Set(Set { ranges: Vec::new(), classes: vec![(class, false)], negated }));
        }
        let assertion = match c {
            'A' => Assertion::TextBegin,
            'Z' => Assertion::TextEnd,
            'm' => Assertion::WordBegin,
            'M' => Assertion::WordEnd,
            'y' => Assertion::WordBoundary,
            'Y' => Assertion::NoWordBoundary,
            '1'..='9' => return self.back_reference(),
            _ => return self.character_escape().map(Node::Char),
        };
        self.at += 1;
        Ok(Node::Assert(assertion))
    }

    /// One digit is a back reference, and so are more where there are so many groups; else it is a character's code.
    fn back_reference(&mut self) -> Result<Node, ErrorReport> {
        let begin = self.at;
        let number = usize::try_from(self.number()).unwrap_or(usize::MAX);
        if self.at > begin + 1 && number > self.groups {
            self.at = begin;
            return self.octal().map(Node::Char);
        }
        let invalid = || bad("invalid backreference number");
        let group = self.closed.get(&number).filter(|_| !self.in_condition).ok_or_else(invalid)?;
        self.copied = self.copied.saturating_add(size(group));
        if self.copied > limits::REGEX_COPIED_PARTS {
            return Err(bad("regular expression is too complex"));
        }
        Ok(Node::Back(number, Box::new(unconditional(group))))
    }

    /// Up to three digits, as far as they are one byte.
    fn octal(&mut self) -> Result<char, ErrorReport> {
        let mut code = 0_u32;
        for _ in 0..3 {
            match self.peek().and_then(|c| c.to_digit(8)) {
                Some(digit) if code * 8 + digit <= 0xff => code = code * 8 + digit,
                _ => break,
            }
            self.at += 1;
        }
        char::from_u32(code).ok_or_else(|| bad("invalid escape \\ sequence"))
    }

    /// An escape that stands for one character.
    fn character_escape(&mut self) -> Result<char, ErrorReport> {
        let invalid = || bad("invalid escape \\ sequence");
        let c = self.peek().ok_or_else(invalid)?;
        self.at += 1;
        Ok(match c {
            'a' => '\u{7}',
            'b' => '\u{8}',
            'B' => '\\',
            'e' => '\u{1b}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'c' => {
                let control = self.peek().ok_or_else(invalid)?;
                self.at += 1;
                char::from_u32(u32::from(control) & 31).ok_or_else(invalid)?
            }
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            'x' => {
                let count = self.chars[self.at..].iter().take_while(|c| c.is_ascii_hexdigit()).count();
                if count == 0 {
                    return Err(invalid());
                }
                self.hex(count.min(8))?
            }
            '0' => {
                self.at -= 1;
                self.octal()?
            }
            other if other.is_ascii_alphanumeric() => return Err(invalid()),
            other => other,
        })
    }

    fn hex(&mut self, count: usize) -> Result<char, ErrorReport> {
        let invalid = || bad("invalid escape \\ sequence");
        let digits: String = self.chars.get(self.at..self.at + count).ok_or_else(invalid)?.iter().collect();
        self.at += count;
        u32::from_str_radix(&digits, 16).ok().and_then(char::from_u32).ok_or_else(invalid)
    }

    fn bracket(&mut self) -> Result<Node, ErrorReport> {
        if self.eat("[:<:]]") {
            return Ok(Node::Assert(Assertion::WordBegin));
        }
        if self.eat("[:>:]]") {
            return Ok(Node::Assert(Assertion::WordEnd));
        }
        let unbalanced = || bad("brackets [] not balanced");
        let mut set = Set { negated: self.eat("^"), ..Set::default() };
        let mut first = true;
        loop {
            let c = self.peek().ok_or_else(unbalanced)?;
            if c == ']' && !first {
                self.at += 1;
                return Ok(Node::Set(set));
            }
            first = false;
            let Some(begin) = self.member(&mut set)? else { continue };
            let range = self.peek() == Some('-') && self.peek_after(1).is_some_and(|c| c != ']');
            if !range {
                set.ranges.push((begin, begin));
                continue;
            }
            self.at += 1;
            let end = self.member(&mut set)?.ok_or_else(|| bad("invalid character range"))?;
            if end < begin {
                return Err(bad("invalid character range"));
            }
            set.ranges.push((begin, end));
        }
    }

    /// One character of a bracket; `None` where a class was put into the set.
    fn member(&mut self, set: &mut Set) -> Result<Option<char>, ErrorReport> {
        let unbalanced = || bad("brackets [] not balanced");
        if self.eat("[:") {
            let name = self.until(":]")?;
            set.classes.push((Class::named(&name).ok_or_else(|| bad("invalid character class"))?, false));
            return Ok(None);
        }
        for (open, close) in [("[.", ".]"), ("[=", "=]")] {
            if self.eat(open) {
                let name = self.until(close)?;
                let mut chars = name.chars();
                return match (chars.next(), chars.next()) {
                    (Some(c), None) => Ok(Some(c)),
                    _ => Err(bad("invalid collating element")),
                };
            }
        }
        let c = self.peek().ok_or_else(unbalanced)?;
        self.at += 1;
        if c != '\\' {
            return Ok(Some(c));
        }
        match self.peek().and_then(class_escape) {
            Some((class, negated)) => {
                self.at += 1;
                set.classes.push((class, negated));
                Ok(None)
            }
            None => self.character_escape().map(Some),
        }
    }

    fn until(&mut self, close: &str) -> Result<String, ErrorReport> {
        let mut name = String::new();
        while !self.eat(close) {
            name.push(self.peek().ok_or_else(|| bad("brackets [] not balanced"))?);
            self.at += 1;
        }
        Ok(name)
    }
}

fn class_escape(c: char) -> Option<(Class, bool)> {
    Some(match c {
        'd' => (Class::Digit, false),
        's' => (Class::Space, false),
        'w' => (Class::Word, false),
        'D' => (Class::Digit, true),
        'S' => (Class::Space, true),
        'W' => (Class::Word, true),
        _ => return None,
    })
}

fn without_groups(node: Node) -> Node {
    let plain = |node: Box<Node>| Box::new(without_groups(*node));
    match node {
        Node::Group(_, inner) => Node::Group(None, plain(inner)),
        Node::Repeat { node, min, max, greedy, exact } => Node::Repeat { node: plain(node), min, max, greedy, exact },
        Node::Concat(parts) => Node::Concat(parts.into_iter().map(without_groups).collect()),
        Node::Alternation(parts) => Node::Alternation(parts.into_iter().map(without_groups).collect()),
        Node::Look { node, ahead, negated } => Node::Look { node: plain(node), ahead, negated },
        other @ (Node::Char(_) | Node::Any | Node::Set(_) | Node::Assert(_) | Node::Back(_, _)) => other,
    }
}

/// The parts that a pattern has.
fn size(node: &Node) -> usize {
    let of_all = |parts: &[Node]| parts.iter().map(size).fold(1, usize::saturating_add);
    match node {
        Node::Char(_) | Node::Any | Node::Set(_) | Node::Assert(_) => 1,
        Node::Group(_, inner) | Node::Repeat { node: inner, .. } | Node::Look { node: inner, .. } => size(inner) + 1,
        Node::Back(_, inner) => size(inner) + 1,
        Node::Concat(parts) | Node::Alternation(parts) => of_all(parts),
    }
}

/// The texts that a pattern can match anywhere: without conditions, and without what its own references demand.
fn unconditional(node: &Node) -> Node {
    let of_all = |parts: &[Node]| parts.iter().map(unconditional).collect();
    match node {
        Node::Char(_) | Node::Any | Node::Set(_) => node.clone(),
        Node::Assert(_) | Node::Look { .. } => Node::Concat(Vec::new()),
        Node::Group(_, inner) | Node::Back(_, inner) => Node::Group(None, Box::new(unconditional(inner))),
        Node::Repeat { node, min, max, greedy, exact } => {
            let node = Box::new(unconditional(node));
            Node::Repeat { node, min: *min, max: *max, greedy: *greedy, exact: *exact }
        }
        Node::Concat(parts) => Node::Concat(of_all(parts)),
        Node::Alternation(parts) => Node::Alternation(of_all(parts)),
    }
}
