//! Predicates. An error in one of their operands makes them unknown.

use crate::base::ErrorReport;

use super::super::document::Kind;
use super::evaluate::{Evaluator, Outcome, Sink};
use super::item::Item;
use super::syntax::{Comparison, Expression, Pattern, Predicate};

/// True, false, or unknown.
pub(super) type Truth = Option<bool>;

type Told = Result<Truth, ErrorReport>;

/// Bytes of text that count as one step.
const TEXT: usize = 64;

impl<'a> Evaluator<'a> {
    #[recursive::recursive]
    pub(super) fn truth(&mut self, predicate: &'a Predicate, item: &Item<'a>) -> Told {
        self.works(1)?;
        match predicate {
            Predicate::And(all) => self.joined(all, item, false),
            Predicate::Or(all) => self.joined(all, item, true),
            Predicate::Not(inner) => Ok(self.truth(inner, item)?.map(|holds| !holds)),
            Predicate::IsUnknown(inner) => Ok(Some(self.truth(inner, item)?.is_none())),
            Predicate::Exists(inner) => self.existence(inner, item),
            Predicate::Compare(comparison, left, right) => {
                let Some(left) = self.operand(left, item, true)? else { return Ok(None) };
                let Some(right) = self.operand(right, item, true)? else { return Ok(None) };
                self.any_pair(&left, &right, |evaluator, a, b| evaluator.compared(*comparison, a, b))
            }
            Predicate::StartsWith(whole, initial) => {
                let Some(whole) = self.operand(whole, item, true)? else { return Ok(None) };
                let Some(initial) = self.operand(initial, item, false)? else { return Ok(None) };
                self.any_pair(&whole, &initial, Self::starts_with)
            }
            Predicate::LikeRegex(text, pattern) => {
                let Some(texts) = self.operand(text, item, true)? else { return Ok(None) };
                // One pass for each text: the right side is not looked at.
                self.any_pair(&texts, &[Item::made(Kind::Null)], |evaluator, text, _| evaluator.matched(pattern, text))
            }
        }
    }

    /// `decided` ends it: true for `||`, false for `&&`.
    fn joined(&mut self, all: &'a [Predicate], item: &Item<'a>, decided: bool) -> Told {
        let mut found = Some(!decided);
        for one in all {
            match self.truth(one, item)? {
                Some(holds) if holds == decided => return Ok(Some(decided)),
                Some(_) => {}
                None => found = None,
            }
        }
        Ok(found)
    }

    fn quietly<T>(&mut self, evaluate: impl FnOnce(&mut Self) -> T) -> T {
        let outer = std::mem::replace(&mut self.throws, false);
        let found = evaluate(self);
        self.throws = outer;
        found
    }

    fn operand(
        &mut self,
        expression: &'a Expression,
        item: &Item<'a>,
        unwrap: bool,
    ) -> Result<Option<Vec<Item<'a>>>, ErrorReport> {
        self.quietly(|evaluator| evaluator.sequence(expression, item, unwrap))
    }

    fn existence(&mut self, inner: &'a Expression, item: &Item<'a>) -> Told {
        // A strict path must go on to the end: an error may come after the first value.
        let mut sink = if self.lax { Sink::First } else { Sink::Every(Vec::new()) };
        let outcome = self.quietly(|evaluator| evaluator.expression(inner, item, &mut sink))?;
        Ok(match (outcome, sink) {
            (Outcome::Failed, _) => None,
            (outcome, Sink::First) => Some(outcome == Outcome::Found),
            (_, Sink::Every(found)) => Some(!found.is_empty()),
        })
    }

    /// True where a test holds for any pair. In strict mode one pair that cannot be told makes all of it unknown.
    fn any_pair(
        &mut self,
        left: &[Item<'a>],
        right: &[Item<'a>],
        mut test: impl FnMut(&mut Self, &Item<'a>, &Item<'a>) -> Told,
    ) -> Told {
        let (mut holds, mut unknown) = (false, false);
        for a in left {
            for b in right {
                self.works(1)?;
                match test(self, a, b)? {
                    Some(true) if self.lax => return Ok(Some(true)),
                    Some(true) => holds = true,
                    Some(false) => {}
                    None if self.lax => unknown = true,
                    None => return Ok(None),
                }
            }
        }
        Ok(if unknown { None } else { Some(holds) })
    }

    fn compared(&mut self, comparison: Comparison, a: &Item<'a>, b: &Item<'a>) -> Told {
        let order = match (a, b) {
            (Item::Moment(a), Item::Moment(b)) => match a.compare(*b)? {
                Some(order) => order,
                None => return Ok(None),
            },
            _ => match (a.scalar(), b.scalar()) {
                (Some(a), Some(b)) if a.type_name() == b.type_name() => {
                    if let (Kind::Text(a), Kind::Text(b)) | (Kind::Number(a), Kind::Number(b)) = (&a.kind, &b.kind) {
                        self.works(a.len().min(b.len()) / TEXT)?;
                    }
                    a.compare(b)
                }
                (a, b) if a.into_iter().chain(b).any(|scalar| matches!(scalar.kind, Kind::Null)) => {
                    return Ok(Some(comparison == Comparison::NotEqual));
                }
                _ => return Ok(None),
            },
        };
        Ok(Some(match comparison {
            Comparison::Equal => order.is_eq(),
            Comparison::NotEqual => order.is_ne(),
            Comparison::Less => order.is_lt(),
            Comparison::LessOrEqual => order.is_le(),
            Comparison::Greater => order.is_gt(),
            Comparison::GreaterOrEqual => order.is_ge(),
        }))
    }

    fn starts_with(&mut self, whole: &Item<'a>, initial: &Item<'a>) -> Told {
        let (Some(whole), Some(initial)) = (whole.as_text(), initial.as_text()) else { return Ok(None) };
        self.works(initial.len() / TEXT)?;
        Ok(Some(whole.starts_with(initial)))
    }

    fn matched(&mut self, pattern: &Pattern, text: &Item<'a>) -> Told {
        let Some(text) = text.as_text() else { return Ok(None) };
        self.works(text.len() / TEXT)?;
        self.matcher.is_match(&pattern.text, pattern.flags, text).map(Some)
    }
}
