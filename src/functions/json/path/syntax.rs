//! The parts of a path.

use super::super::document::Json;

/// The level `last` of `.**{…}`.
pub(super) const LAST_LEVEL: u32 = u32::MAX;

/// What begins somewhere, and the steps from there.
#[derive(Debug, Clone)]
pub(super) struct Expression {
    pub(super) head: Head,
    pub(super) steps: Vec<Step>,
}

/// Where an expression begins.
#[derive(Debug, Clone)]
pub(super) enum Head {
    /// `$`
    Root,
    /// `@`
    Current,
    /// `last`
    Last,
    Literal(Json),
    Variable(String),
    Binary(Operator, Box<Expression>, Box<Expression>),
    Unary(Sign, Box<Expression>),
    Predicate(Box<Predicate>),
}

/// An operator of two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Operator {
    pub(super) fn symbol(self) -> char {
        match self {
            Self::Add => '+',
            Self::Subtract => '-',
            Self::Multiply => '*',
            Self::Divide => '/',
            Self::Remainder => '%',
        }
    }
}

/// A sign before an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
}

impl Sign {
    pub(super) fn symbol(self) -> char {
        match self {
            Self::Plus => '+',
            Self::Minus => '-',
        }
    }
}

/// One step.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// `.key`
    Key(String),
    /// `.*`
    AnyKey,
    /// `[*]`
    AnyElement,
    /// `[…]`
    Elements(Vec<Subscript>),
    /// `.**` with its first and its last level.
    Descend(u32, u32),
    /// `?(…)`
    Filter(Predicate),
    Method(Method),
}

/// One subscript, or a range of them.
#[derive(Debug, Clone)]
pub(super) struct Subscript {
    pub(super) from: Expression,
    pub(super) to: Option<Expression>,
}

/// A method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Method {
    Type,
    Size,
    Double,
    Ceiling,
    Floor,
    Abs,
    KeyValue,
    /// With its template.
    Datetime(Option<String>),
}

impl Method {
    /// By its name, in any case.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name.to_ascii_lowercase().as_str() {
            "type" => Self::Type,
            "size" => Self::Size,
            "double" => Self::Double,
            "ceiling" => Self::Ceiling,
            "floor" => Self::Floor,
            "abs" => Self::Abs,
            "keyvalue" => Self::KeyValue,
            "datetime" => Self::Datetime(None),
            _ => return None,
        })
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Type => "type",
            Self::Size => "size",
            Self::Double => "double",
            Self::Ceiling => "ceiling",
            Self::Floor => "floor",
            Self::Abs => "abs",
            Self::KeyValue => "keyvalue",
            Self::Datetime(_) => "datetime",
        }
    }
}

/// What is true, false or unknown.
#[derive(Debug, Clone)]
pub(super) enum Predicate {
    /// `a && b && …`, from the left.
    And(Vec<Predicate>),
    /// `a || b || …`, from the left.
    Or(Vec<Predicate>),
    Not(Box<Predicate>),
    IsUnknown(Box<Predicate>),
    Compare(Comparison, Expression, Expression),
    Exists(Expression),
    StartsWith(Expression, Expression),
    LikeRegex(Expression, Pattern),
}

/// A comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// The pattern of `like_regex`.
#[derive(Debug, Clone)]
pub(super) struct Pattern {
    pub(super) text: String,
    /// The letters that were written, each once, in the order in which they are shown.
    pub(super) letters: String,
    pub(super) flags: PatternFlags,
}

/// How a pattern is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(in crate::functions) struct PatternFlags {
    /// Upper and lower case are the same.
    pub(in crate::functions) ignore_case: bool,
    /// `.` and `[^…]` do not match a line break.
    pub(in crate::functions) dot_stops: bool,
    /// `^` and `$` match at line breaks.
    pub(in crate::functions) line_anchors: bool,
    /// No character means anything but itself.
    pub(in crate::functions) literal: bool,
}
