//! A path as PostgreSQL writes it.

use std::fmt;

use super::super::build::quoted;
use super::super::document::Kind;
use super::Path;
use super::syntax::{Expression, Head, LAST_LEVEL, Method, Operator, Predicate, Step};

/// How tight what has no operands that could need brackets binds.
const TIGHTEST: u8 = 6;

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.strict {
            f.write_str("strict ")?;
        }
        expression(f, &self.expression, true)
    }
}

fn tightness(expression: &Expression) -> u8 {
    match &expression.head {
        Head::Binary(Operator::Add | Operator::Subtract, ..) => 3,
        Head::Binary(..) => 4,
        Head::Unary(..) => 5,
        Head::Predicate(predicate) => predicate_tightness(predicate),
        Head::Root | Head::Current | Head::Last | Head::Literal(_) | Head::Variable(_) => TIGHTEST,
    }
}

fn predicate_tightness(predicate: &Predicate) -> u8 {
    match predicate {
        Predicate::Or(_) => 0,
        Predicate::And(_) => 1,
        Predicate::Compare(..) | Predicate::StartsWith(..) => 2,
        Predicate::Not(_) | Predicate::IsUnknown(_) | Predicate::Exists(_) | Predicate::LikeRegex(..) => TIGHTEST,
    }
}

fn bracketed(
    f: &mut fmt::Formatter<'_>,
    brackets: bool,
    inner: impl FnOnce(&mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    f.write_str(if brackets { "(" } else { "" })?;
    inner(f)?;
    f.write_str(if brackets { ")" } else { "" })
}

#[recursive::recursive]
fn expression(f: &mut fmt::Formatter<'_>, shown: &Expression, brackets: bool) -> fmt::Result {
    match &shown.head {
        Head::Root => f.write_str("$")?,
        Head::Current => f.write_str("@")?,
        Head::Last => f.write_str("last")?,
        Head::Literal(literal) => {
            let has_steps = matches!(literal.kind, Kind::Number(_)) && !shown.steps.is_empty();
            bracketed(f, has_steps, |f| f.write_str(&literal.binary_text()))?;
        }
        Head::Variable(name) => write!(f, "${}", quoted(name))?,
        Head::Binary(operator, left, right) => bracketed(f, brackets, |f| {
            operand(f, left, tightness(shown))?;
            write!(f, " {} ", operator.symbol())?;
            operand(f, right, tightness(shown))
        })?,
        Head::Unary(sign, inner) => bracketed(f, brackets, |f| {
            write!(f, "{}", sign.symbol())?;
            operand(f, inner, tightness(shown))
        })?,
        Head::Predicate(inner) => predicate(f, inner, brackets)?,
    }
    shown.steps.iter().try_for_each(|one| step(f, one))
}

fn operand(f: &mut fmt::Formatter<'_>, shown: &Expression, outside: u8) -> fmt::Result {
    expression(f, shown, tightness(shown) <= outside)
}

#[recursive::recursive]
fn predicate(f: &mut fmt::Formatter<'_>, shown: &Predicate, brackets: bool) -> fmt::Result {
    let own = predicate_tightness(shown);
    match shown {
        Predicate::And(all) => joined(f, all, " && ", brackets),
        Predicate::Or(all) => joined(f, all, " || ", brackets),
        Predicate::Not(inner) => {
            f.write_str("!(")?;
            predicate(f, inner, false)?;
            f.write_str(")")
        }
        Predicate::IsUnknown(inner) => {
            f.write_str("(")?;
            predicate(f, inner, false)?;
            f.write_str(") is unknown")
        }
        Predicate::Exists(inner) => {
            f.write_str("exists (")?;
            expression(f, inner, false)?;
            f.write_str(")")
        }
        Predicate::Compare(comparison, left, right) => bracketed(f, brackets, |f| {
            operand(f, left, own)?;
            write!(f, " {} ", comparison.symbol())?;
            operand(f, right, own)
        }),
        Predicate::StartsWith(whole, initial) => bracketed(f, brackets, |f| {
            operand(f, whole, own)?;
            f.write_str(" starts with ")?;
            operand(f, initial, own)
        }),
        Predicate::LikeRegex(text, pattern) => bracketed(f, brackets, |f| {
            operand(f, text, own)?;
            write!(f, " like_regex {}", quoted(&pattern.text))?;
            if pattern.letters.is_empty() { Ok(()) } else { write!(f, " flag \"{}\"", pattern.letters) }
        }),
    }
}

/// `a && b && c` is shown as `(a && b) && c`.
fn joined(f: &mut fmt::Formatter<'_>, all: &[Predicate], by: &str, brackets: bool) -> fmt::Result {
    let own = if by == " || " { 0 } else { 1 };
    bracketed(f, brackets, |f| {
        f.write_str(&"(".repeat(all.len().saturating_sub(2)))?;
        for (index, one) in all.iter().enumerate() {
            if index > 0 {
                f.write_str(by)?;
            }
            predicate(f, one, predicate_tightness(one) <= own)?;
            if index > 0 && index + 1 < all.len() {
                f.write_str(")")?;
            }
        }
        Ok(())
    })
}

fn step(f: &mut fmt::Formatter<'_>, shown: &Step) -> fmt::Result {
    match shown {
        Step::Key(key) => write!(f, ".{}", quoted(key)),
        Step::AnyKey => f.write_str(".*"),
        Step::AnyElement => f.write_str("[*]"),
        Step::Elements(all) => {
            for (index, subscript) in all.iter().enumerate() {
                f.write_str(if index > 0 { "," } else { "[" })?;
                expression(f, &subscript.from, false)?;
                if let Some(to) = &subscript.to {
                    f.write_str(" to ")?;
                    expression(f, to, false)?;
                }
            }
            f.write_str("]")
        }
        Step::Descend(0, LAST_LEVEL) => f.write_str(".**"),
        Step::Descend(first, last) if first == last => write!(f, ".**{{{}}}", level(*first)),
        Step::Descend(first, last) => write!(f, ".**{{{} to {}}}", level(*first), level(*last)),
        Step::Filter(inner) => {
            f.write_str("?(")?;
            predicate(f, inner, false)?;
            f.write_str(")")
        }
        Step::Method(Method::Datetime(Some(template))) => write!(f, ".datetime({})", quoted(template)),
        Step::Method(method) => write!(f, ".{}()", method.name()),
    }
}

fn level(level: u32) -> String {
    if level == LAST_LEVEL { "last".to_owned() } else { level.to_string() }
}
