//! What the expressions of a path give.
//!
//! PostgreSQL's rules are followed to the letter, also where they surprise: what was found before an error stays found,
//! and one that need only know whether there is anything stops at the first value and does not see a later error.

use crate::base::limits;
use crate::base::{ErrorReport, SqlState};

use super::super::super::value::fail;
use super::super::document::{Json, Kind};
use super::Matcher;
use super::arithmetic;
use super::item::Item;
use super::key_value::{Base, Places};
use super::syntax::{Expression, Head, Operator, Sign, Step};

pub(super) type Found = Result<Outcome, ErrorReport>;

/// How it went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Found,
    Empty,
    /// An error that nobody is told.
    Failed,
}

/// Where values go.
#[derive(Debug)]
pub(super) enum Sink<'a> {
    /// Nowhere: the first one answers the question.
    First,
    Every(Vec<Item<'a>>),
}

impl Sink<'_> {
    /// Whether there is no need to go on.
    pub(super) fn has_enough(&self, outcome: Outcome) -> bool {
        outcome == Outcome::Failed || outcome == Outcome::Found && self.is_first()
    }

    pub(super) fn is_first(&self) -> bool {
        matches!(self, Self::First)
    }
}

/// The state of one evaluation.
pub(super) struct Evaluator<'a> {
    root: &'a Json,
    vars: Option<&'a Json>,
    pub(super) matcher: &'a dyn Matcher,
    pub(super) lax: bool,
    /// Whether a step over what is not there finds nothing instead of failing.
    pub(super) lenient: bool,
    /// Whether errors are told.
    pub(super) throws: bool,
    /// `@`
    pub(super) current: Item<'a>,
    /// The length of the array whose subscripts are being computed.
    pub(super) array_length: Option<usize>,
    pub(super) base: Base<'a>,
    pub(super) next_id: i64,
    pub(super) places: Places<'a>,
    work: usize,
    kept: usize,
}

impl<'a> Evaluator<'a> {
    pub(super) fn new(
        root: &'a Json,
        vars: Option<&'a Json>,
        lax: bool,
        throws: bool,
        matcher: &'a dyn Matcher,
    ) -> Self {
        Self {
            root,
            vars,
            matcher,
            lax,
            lenient: lax,
            throws,
            current: Item::Of(root),
            array_length: None,
            base: Base { container: Item::Of(root), id: 0 },
            next_id: if vars.is_some() { 2 } else { 1 },
            places: Places::new(root, vars),
            work: 0,
            kept: 0,
        }
    }

    /// All of it.
    pub(super) fn run(&mut self, expression: &'a Expression, sink: &mut Sink<'a>) -> Found {
        self.expression(expression, &Item::Of(self.root), sink)
    }

    /// What was found, as documents.
    pub(super) fn documents(&mut self, sink: &Sink<'a>) -> Result<Vec<Json>, ErrorReport> {
        let Sink::Every(found) = sink else { return Ok(Vec::new()) };
        // Values within each other are copied once for each.
        self.kept = 0;
        let copy = |item: &Item<'a>| {
            self.keep(item.weight())?;
            Ok(item.document())
        };
        found.iter().map(copy).collect()
    }

    /// Counts work.
    pub(super) fn works(&mut self, steps: usize) -> Result<(), ErrorReport> {
        self.work = self.work.saturating_add(steps);
        if self.work > limits::JSONPATH_STEPS {
            Err(limit("a jsonpath takes too many steps", limits::JSONPATH_STEPS))
        } else {
            Ok(())
        }
    }

    /// Counts what is kept.
    fn keep(&mut self, values: usize) -> Result<(), ErrorReport> {
        self.kept = self.kept.saturating_add(values);
        if self.kept > limits::JSONPATH_VALUES {
            Err(limit("a jsonpath finds too many values", limits::JSONPATH_VALUES))
        } else {
            Ok(())
        }
    }

    pub(super) fn push(&mut self, item: Item<'a>, sink: &mut Sink<'a>) -> Found {
        if let Sink::Every(found) = sink {
            self.keep(item.own_weight())?;
            found.push(item);
        }
        Ok(Outcome::Found)
    }

    /// An error that a predicate or a silent call does not tell.
    pub(super) fn fails(&self, state: SqlState, message: impl Into<String>) -> Found {
        self.failed(|| fail(state, message))
    }

    pub(super) fn failed(&self, error: impl FnOnce() -> ErrorReport) -> Found {
        if self.throws { Err(error()) } else { Ok(Outcome::Failed) }
    }

    /// A step over what has not the form for it.
    pub(super) fn unfit(&self, state: SqlState, message: impl Into<String>) -> Found {
        if self.lenient { Ok(Outcome::Empty) } else { self.fails(state, message) }
    }

    #[recursive::recursive]
    pub(super) fn expression(&mut self, expression: &'a Expression, item: &Item<'a>, sink: &mut Sink<'a>) -> Found {
        self.works(1)?;
        let steps = expression.steps.as_slice();
        match &expression.head {
            Head::Root => self.within(Base { container: Item::Of(self.root), id: 0 }, steps, Item::Of(self.root), sink),
            Head::Current => self.go_on(steps, self.current.clone(), sink),
            Head::Literal(literal) => self.go_on(steps, Item::Of(literal), sink),
            Head::Last => {
                let length = self.array_length.unwrap_or_default();
                let last = i64::try_from(length).unwrap_or(i64::MAX) - 1;
                self.go_on(steps, Item::number(last.to_string()), sink)
            }
            Head::Variable(name) => self.variable(name, steps, sink),
            Head::Binary(operator, left, right) => self.binary(*operator, (left, right), steps, item, sink),
            Head::Unary(sign, operand) => self.unary(*sign, operand, steps, item, sink),
            Head::Predicate(predicate) => {
                let truth = self.truth(predicate, item)?;
                if steps.is_empty() && sink.is_first() {
                    return Ok(Outcome::Found);
                }
                self.go_on(steps, Item::made(truth.map_or(Kind::Null, Kind::Bool)), sink)
            }
        }
    }

    /// The other steps of an expression, or the end of it.
    pub(super) fn go_on(&mut self, steps: &'a [Step], item: Item<'a>, sink: &mut Sink<'a>) -> Found {
        if steps.is_empty() { self.push(item, sink) } else { self.step(steps, &item, sink, self.lax) }
    }

    /// The same with another base of the ids of objects.
    pub(super) fn within(&mut self, base: Base<'a>, steps: &'a [Step], item: Item<'a>, sink: &mut Sink<'a>) -> Found {
        let outer = std::mem::replace(&mut self.base, base);
        let outcome = self.go_on(steps, item, sink);
        self.base = outer;
        outcome
    }

    /// Without variables each is null.
    fn variable(&mut self, name: &str, steps: &'a [Step], sink: &mut Sink<'a>) -> Found {
        let Some(vars) = self.vars else { return self.go_on(steps, Item::made(Kind::Null), sink) };
        let Some(value) = vars.field(name) else {
            let message = format!("could not find jsonpath variable \"{name}\"");
            return Err(fail(SqlState::UNDEFINED_OBJECT, message));
        };
        self.within(Base { container: Item::Of(vars), id: 1 }, steps, Item::Of(value), sink)
    }

    /// The values of an expression; `None` after an error that nobody is told. In lax mode the elements of arrays stand
    /// for these where that is wished.
    pub(super) fn sequence(
        &mut self,
        expression: &'a Expression,
        item: &Item<'a>,
        unwrap: bool,
    ) -> Result<Option<Vec<Item<'a>>>, ErrorReport> {
        let mut sink = Sink::Every(Vec::new());
        if self.expression(expression, item, &mut sink)? == Outcome::Failed {
            return Ok(None);
        }
        let Sink::Every(found) = sink else { return Ok(None) };
        if !(unwrap && self.lax && found.iter().any(Item::is_array)) {
            return Ok(Some(found));
        }
        let mut sink = Sink::Every(Vec::new());
        for item in found {
            if item.is_array() { self.each(&[], &item, &mut sink, false) } else { self.push(item, &mut sink) }?;
        }
        Ok(if let Sink::Every(found) = sink { Some(found) } else { None })
    }

    fn binary(
        &mut self,
        operator: Operator,
        (left, right): (&'a Expression, &'a Expression),
        steps: &'a [Step],
        item: &Item<'a>,
        sink: &mut Sink<'a>,
    ) -> Found {
        let Some(left) = self.sequence(left, item, true)? else { return Ok(Outcome::Failed) };
        let Some(right) = self.sequence(right, item, true)? else { return Ok(Outcome::Failed) };
        let wrong = |side: &str| {
            let message =
                format!("{side} operand of jsonpath operator {} is not a single numeric value", operator.symbol());
            fail(SqlState::SINGLETON_SQL_JSON_ITEM_REQUIRED, message)
        };
        let Some(left) = single_number(&left) else { return self.failed(|| wrong("left")) };
        let Some(right) = single_number(&right) else { return self.failed(|| wrong("right")) };
        self.works(arithmetic::cost(left) + arithmetic::cost(right))?;
        match arithmetic::calculated(operator, left, right) {
            Ok(digits) => self.go_on(steps, Item::number(digits), sink),
            Err(error) => self.failed(|| error),
        }
    }

    fn unary(
        &mut self,
        sign: Sign,
        operand: &'a Expression,
        steps: &'a [Step],
        item: &Item<'a>,
        sink: &mut Sink<'a>,
    ) -> Found {
        let Some(operands) = self.sequence(operand, item, true)? else { return Ok(Outcome::Failed) };
        let only_asks = steps.is_empty() && sink.is_first();
        let mut outcome = Outcome::Empty;
        for operand in operands {
            let Some(digits) = operand.digits() else {
                if only_asks {
                    continue;
                }
                let message = format!("operand of unary jsonpath operator {} is not a numeric value", sign.symbol());
                return self.fails(SqlState::SQL_JSON_NUMBER_NOT_FOUND, message);
            };
            let found = if sign == Sign::Minus { arithmetic::negated(digits) } else { digits.to_owned() };
            outcome = self.go_on(steps, Item::number(found), sink)?;
            if sink.has_enough(outcome) {
                break;
            }
        }
        Ok(outcome)
    }
}

fn single_number<'b>(items: &'b [Item<'_>]) -> Option<&'b str> {
    if let [item] = items { item.digits() } else { None }
}

fn limit(message: &str, most: usize) -> ErrorReport {
    fail(SqlState::PROGRAM_LIMIT_EXCEEDED, message).with_detail(format!("The limit is {most}."))
}
