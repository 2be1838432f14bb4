//! Walks along the steps of a path.

use std::ops::ControlFlow;

use crate::base::{ErrorReport, SqlState};

use super::arithmetic::integer;
use super::evaluate::{Evaluator, Found, Outcome, Sink};
use super::item::Item;
use super::syntax::{Expression, LAST_LEVEL, Step, Subscript};

impl<'a> Evaluator<'a> {
    /// One step. `unwrap` tells whether it goes to the elements of an array.
    #[recursive::recursive]
    pub(super) fn step(&mut self, steps: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>, unwrap: bool) -> Found {
        self.works(1)?;
        let Some((step, rest)) = steps.split_first() else { return self.push(item.clone(), sink) };
        let unwraps = match step {
            Step::Key(_) | Step::AnyKey | Step::Filter(_) => true,
            Step::Method(method) => method.unwraps(),
            Step::AnyElement | Step::Elements(_) | Step::Descend(..) => false,
        };
        if unwrap && unwraps && item.is_array() {
            return self.each(steps, item, sink, false);
        }
        match step {
            Step::Key(key) => self.member(key, rest, item, sink),
            Step::AnyKey if item.is_object() => self.each(rest, item, sink, self.lax),
            Step::AnyKey => self.unfit(
                SqlState::SQL_JSON_OBJECT_NOT_FOUND,
                "jsonpath wildcard member accessor can only be applied to an object",
            ),
            Step::AnyElement if item.is_array() => self.each(rest, item, sink, self.lax),
            Step::AnyElement if self.lax => self.go_on(rest, item.clone(), sink),
            Step::AnyElement => self.unfit(
                SqlState::SQL_JSON_ARRAY_NOT_FOUND,
                "jsonpath wildcard array accessor can only be applied to an array",
            ),
            Step::Elements(subscripts) => self.elements(subscripts, rest, item, sink),
            Step::Descend(first, last) => self.descend((*first, *last), rest, item, sink),
            Step::Filter(predicate) => {
                let outer = std::mem::replace(&mut self.current, item.clone());
                let truth = self.truth(predicate, item)?;
                self.current = outer;
                if truth == Some(true) { self.go_on(rest, item.clone(), sink) } else { Ok(Outcome::Empty) }
            }
            Step::Method(method) => self.method(method, rest, item, sink),
        }
    }

    fn member(&mut self, key: &str, rest: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>) -> Found {
        if !item.is_object() {
            let message = "jsonpath member accessor can only be applied to an object";
            return self.unfit(SqlState::SQL_JSON_MEMBER_NOT_FOUND, message);
        }
        match item.member(key) {
            Some(value) => self.go_on(rest, value, sink),
            None => {
                let message = format!("JSON object does not contain key \"{key}\"");
                self.unfit(SqlState::SQL_JSON_MEMBER_NOT_FOUND, message)
            }
        }
    }

    /// The steps for everything in an array or object.
    pub(super) fn each(&mut self, steps: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>, unwrap: bool) -> Found {
        let mut outcome = Outcome::Empty;
        let mut index = 0;
        while let Some((_, child)) = item.child(index) {
            index += 1;
            outcome = self.step(steps, &child, sink, unwrap)?;
            if sink.has_enough(outcome) {
                break;
            }
        }
        Ok(outcome)
    }

    fn elements(
        &mut self,
        subscripts: &'a [Subscript],
        rest: &'a [Step],
        item: &Item<'a>,
        sink: &mut Sink<'a>,
    ) -> Found {
        let length = item.length();
        if length.is_none() && !self.lax {
            let message = "jsonpath array accessor can only be applied to an array";
            return self.unfit(SqlState::SQL_JSON_ARRAY_NOT_FOUND, message);
        }
        let outer = self.array_length.replace(length.unwrap_or(1));
        let mut outcome = Outcome::Empty;
        for subscript in subscripts {
            outcome = match self.range(subscript, item)? {
                Some(range) => match self.between(range, length, rest, item, sink)? {
                    ControlFlow::Continue(outcome) => outcome,
                    // The length stays that of this array, as in PostgreSQL.
                    ControlFlow::Break(outcome) => return Ok(outcome),
                },
                None => Outcome::Failed,
            };
            if sink.has_enough(outcome) {
                break;
            }
        }
        self.array_length = outer;
        Ok(outcome)
    }

    /// The elements of one subscript. What is no array has no length, and is the one element of itself.
    fn between(
        &mut self,
        (from, to): (i32, i32),
        length: Option<usize>,
        rest: &'a [Step],
        item: &Item<'a>,
        sink: &mut Sink<'a>,
    ) -> Result<ControlFlow<Outcome, Outcome>, ErrorReport> {
        let size = i32::try_from(length.unwrap_or(1)).unwrap_or(i32::MAX);
        if !self.lenient && (from < 0 || from > to || to >= size) {
            let message = "jsonpath array subscript is out of bounds";
            return self.fails(SqlState::INVALID_SQL_JSON_SUBSCRIPT, message).map(ControlFlow::Break);
        }
        let mut outcome = Outcome::Empty;
        for index in from.max(0)..=to.min(size - 1) {
            if rest.is_empty() && sink.is_first() {
                return Ok(ControlFlow::Break(Outcome::Found));
            }
            self.works(1)?;
            let element = match (length, usize::try_from(index)) {
                (Some(_), Ok(index)) => item.child(index).map(|(_, element)| element),
                _ => Some(item.clone()),
            };
            let Some(element) = element else { continue };
            outcome = self.go_on(rest, element, sink)?;
            if sink.has_enough(outcome) {
                break;
            }
        }
        Ok(ControlFlow::Continue(outcome))
    }

    fn range(&mut self, subscript: &'a Subscript, item: &Item<'a>) -> Result<Option<(i32, i32)>, ErrorReport> {
        let Some(from) = self.index(&subscript.from, item)? else { return Ok(None) };
        let Some(to) = &subscript.to else { return Ok(Some((from, from))) };
        Ok(self.index(to, item)?.map(|to| (from, to)))
    }

    fn index(&mut self, expression: &'a Expression, item: &Item<'a>) -> Result<Option<i32>, ErrorReport> {
        let state = SqlState::INVALID_SQL_JSON_SUBSCRIPT;
        let Some(found) = self.sequence(expression, item, false)? else { return Ok(None) };
        let [Some(digits)] = found.iter().map(Item::digits).collect::<Vec<_>>()[..] else {
            return self.fails(state, "jsonpath array subscript is not a single numeric value").map(|_| None);
        };
        match integer(digits) {
            Some(index) => Ok(Some(index)),
            None => self.fails(state, "jsonpath array subscript is out of integer range").map(|_| None),
        }
    }

    /// `.**`
    fn descend(&mut self, levels: (u32, u32), rest: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>) -> Found {
        let outer = std::mem::replace(&mut self.lenient, true);
        let mut outcome = Outcome::Empty;
        if levels.0 == 0 {
            outcome = self.go_on(rest, item.clone(), sink)?;
        }
        // PostgreSQL goes on after an error here.
        if item.is_container() && !(outcome == Outcome::Found && sink.is_first()) {
            outcome = self.below(levels, rest, item, sink)?;
        }
        self.lenient = outer;
        Ok(outcome)
    }

    /// Everything below a value, a parent before its children. The stack is a list: documents may be deep.
    fn below(&mut self, (first, last): (u32, u32), rest: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>) -> Found {
        let mut outcome = Outcome::Empty;
        let mut open = if last > 0 { vec![(item.clone(), 0)] } else { Vec::new() };
        while let Some((parent, index)) = open.last_mut() {
            let Some((_, child)) = parent.child(*index) else {
                open.pop();
                continue;
            };
            *index += 1;
            self.works(1)?;
            let level = u32::try_from(open.len()).unwrap_or(LAST_LEVEL - 1);
            let is_leaf = first == LAST_LEVEL && last == LAST_LEVEL && !child.is_container();
            if level >= first || is_leaf {
                outcome = self.descended(rest, &child, sink)?;
                if sink.has_enough(outcome) {
                    return Ok(outcome);
                }
            }
            if level < last && child.is_container() {
                open.push((child, 0));
            }
        }
        Ok(outcome)
    }

    fn descended(&mut self, rest: &'a [Step], child: &Item<'a>, sink: &mut Sink<'a>) -> Found {
        if rest.is_empty() { self.push(child.clone(), sink) } else { self.step(rest, child, sink, self.lax) }
    }
}
