//! Tokens to a path.
//!
//! A value and a predicate may begin alike, with any number of brackets, so both are read by the same functions; what
//! comes after tells which of them is allowed.

use crate::base::limits::{self, JSONPATH_DIGITS};
use crate::base::{ErrorReport, SqlState};

use super::super::super::value::fail;
use super::super::document::{Json, Kind as Value};
use super::Matcher;
use super::arithmetic::{negated, written};
use super::lex::{Kind, Lexer, Token};
use super::syntax::{Expression, Head, Operator, Pattern, PatternFlags, Predicate, Sign};

type Read<T> = Result<T, ErrorReport>;

/// What was read, and how high it is.
#[derive(Debug)]
pub(super) enum Parsed {
    Value(Expression, usize),
    Truth(Predicate, usize),
}

/// Reads a path: whether it is strict, and what it says.
pub(super) fn parse(text: &str, matcher: &dyn Matcher) -> Read<(bool, Expression)> {
    let mut lexer = Lexer::new(text);
    let token = lexer.next()?;
    if token.kind == Kind::End {
        let message = format!("invalid input syntax for type jsonpath: \"{text}\"");
        return Err(fail(SqlState::INVALID_TEXT_REPRESENTATION, message));
    }
    let mut parser = Parser { lexer, token, matcher, depth: 0, digits: 0, filters: 0, subscripts: 0, misplaced: None };
    let strict = parser.take_word("strict")?;
    if !strict {
        parser.take_word("lax")?;
    }
    let expression = match parser.either()? {
        Parsed::Value(expression, _) => expression,
        Parsed::Truth(predicate, _) => Expression { head: Head::Predicate(Box::new(predicate)), steps: Vec::new() },
    };
    if parser.token.kind != Kind::End {
        return Err(parser.token.error());
    }
    // PostgreSQL looks for these when the whole is read.
    parser.misplaced.map_or(Ok((strict, expression)), Err)
}

pub(super) fn too_deep() -> ErrorReport {
    fail(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded")
}

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    pub(super) token: Token,
    matcher: &'a dyn Matcher,
    depth: usize,
    digits: usize,
    pub(super) filters: usize,
    pub(super) subscripts: usize,
    /// The first `@` outside of filters or `last` outside of subscripts.
    misplaced: Option<ErrorReport>,
}

impl Parser<'_> {
    pub(super) fn advance(&mut self) -> Read<Token> {
        let next = self.lexer.next()?;
        Ok(std::mem::replace(&mut self.token, next))
    }

    pub(super) fn expect(&mut self, symbol: char) -> Read<()> {
        if !self.token.is(symbol) {
            return Err(self.token.error());
        }
        self.advance().map(drop)
    }

    fn take_word(&mut self, word: &str) -> Read<bool> {
        let found = self.token.is_word(word);
        if found {
            self.advance()?;
        }
        Ok(found)
    }

    fn expect_word(&mut self, word: &str) -> Read<()> {
        if self.take_word(word)? { Ok(()) } else { Err(self.token.error()) }
    }

    pub(super) fn text(&mut self) -> Read<String> {
        match &self.token.kind {
            Kind::Text(text) => {
                let text = text.clone();
                self.advance()?;
                Ok(text)
            }
            _ => Err(self.token.error()),
        }
    }

    /// One more than what is below.
    pub(super) fn above(&self, below: usize) -> Read<usize> {
        if below < limits::JSONPATH_DEPTH { Ok(below + 1) } else { Err(too_deep()) }
    }

    /// What stands between brackets.
    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.depth >= limits::JSONPATH_DEPTH {
            return Err(too_deep());
        }
        self.depth += 1;
        let found = read(self)?;
        self.depth -= 1;
        Ok(found)
    }

    /// A value or a predicate.
    #[recursive::recursive]
    pub(super) fn either(&mut self) -> Read<Parsed> {
        self.deeper(|parser| parser.joined(&Kind::Or, Self::conjunction))
    }

    fn conjunction(&mut self) -> Read<Parsed> {
        self.joined(&Kind::And, Self::test)
    }

    fn joined(&mut self, by: &Kind, read: fn(&mut Self) -> Read<Parsed>) -> Read<Parsed> {
        let (mut all, mut height) = match read(self)? {
            Parsed::Truth(first, height) if self.token.kind == *by => (vec![first], self.above(height)?),
            other => return Ok(other),
        };
        while self.token.kind == *by {
            self.advance()?;
            let (next, below) = self.truth(read)?;
            height = height.max(self.above(below)?);
            all.push(next);
        }
        let predicate = if *by == Kind::And { Predicate::And(all) } else { Predicate::Or(all) };
        Ok(Parsed::Truth(predicate, height))
    }

    fn truth(&mut self, read: fn(&mut Self) -> Read<Parsed>) -> Read<(Predicate, usize)> {
        match read(self)? {
            Parsed::Truth(predicate, height) => Ok((predicate, height)),
            Parsed::Value(..) => Err(self.token.error()),
        }
    }

    /// `(…)` with a predicate in it.
    pub(super) fn predicate(&mut self) -> Read<(Predicate, usize)> {
        self.expect('(')?;
        let found = self.truth(Self::either)?;
        self.expect(')')?;
        Ok(found)
    }

    /// A value between brackets.
    pub(super) fn inner_value(&mut self) -> Read<(Expression, usize)> {
        self.deeper(Self::value)
    }

    #[recursive::recursive]
    fn value(&mut self) -> Read<(Expression, usize)> {
        match self.sum(false)? {
            Parsed::Value(expression, height) => Ok((expression, height)),
            Parsed::Truth(..) => Err(self.token.error()),
        }
    }

    /// What stands between `&&` and `||`.
    fn test(&mut self) -> Read<Parsed> {
        if self.token.is('!') {
            self.advance()?;
            let (inner, height) = if self.token.is_word("exists") { self.existence()? } else { self.predicate()? };
            return Ok(Parsed::Truth(Predicate::Not(Box::new(inner)), self.above(height)?));
        }
        if self.token.is_word("exists") {
            let (predicate, height) = self.existence()?;
            return Ok(Parsed::Truth(predicate, height));
        }
        match self.sum(true)? {
            Parsed::Value(left, height) => self.comparison(left, height),
            truth @ Parsed::Truth(..) => Ok(truth),
        }
    }

    fn existence(&mut self) -> Read<(Predicate, usize)> {
        self.advance()?;
        self.expect('(')?;
        let (inner, height) = self.inner_value()?;
        self.expect(')')?;
        Ok((Predicate::Exists(inner), self.above(height)?))
    }

    fn comparison(&mut self, left: Expression, height: usize) -> Read<Parsed> {
        if let Kind::Compare(comparison) = self.token.kind {
            self.advance()?;
            let (right, below) = self.value()?;
            let predicate = Predicate::Compare(comparison, left, right);
            return Ok(Parsed::Truth(predicate, self.above(height.max(below))?));
        }
        if self.take_word("starts")? {
            self.expect_word("with")?;
            let head = match self.token.kind.clone() {
                Kind::Text(text) => Head::Literal(Json::of(Value::Text(text))),
                Kind::Variable(name) => Head::Variable(name),
                _ => return Err(self.token.error()),
            };
            self.advance()?;
            let initial = Expression { head, steps: Vec::new() };
            return Ok(Parsed::Truth(Predicate::StartsWith(left, initial), self.above(height)?));
        }
        if self.take_word("like_regex")? {
            let pattern = self.pattern()?;
            return Ok(Parsed::Truth(Predicate::LikeRegex(left, pattern), self.above(height)?));
        }
        Ok(Parsed::Value(left, height))
    }

    fn pattern(&mut self) -> Read<Pattern> {
        let text = self.text()?;
        let letters = if self.take_word("flag")? { self.text()? } else { String::new() };
        if let Some(unknown) = letters.chars().find(|letter| !"ismxq".contains(*letter)) {
            let detail = format!("Unrecognized flag character \"{unknown}\" in LIKE_REGEX predicate.");
            let message = "invalid input syntax for type jsonpath";
            return Err(fail(SqlState::SYNTAX_ERROR, message).with_detail(detail));
        }
        let has = |letter| letters.contains(letter);
        let literal = has('q');
        if has('x') && !literal {
            let message = "XQuery \"x\" flag (expanded regular expressions) is not implemented";
            return Err(fail(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        let flags = PatternFlags {
            ignore_case: has('i'),
            dot_stops: !literal && !has('s'),
            line_anchors: !literal && has('m'),
            literal,
        };
        self.matcher.check(&text, flags)?;
        Ok(Pattern { letters: "ismxq".chars().filter(|letter| has(*letter)).collect(), text, flags })
    }

    /// `truth` tells whether a predicate may stand here.
    fn sum(&mut self, truth: bool) -> Read<Parsed> {
        let operator = |token: &Token| match token.kind {
            Kind::Symbol('+') => Some(Operator::Add),
            Kind::Symbol('-') => Some(Operator::Subtract),
            _ => None,
        };
        self.operation(truth, operator, Self::product)
    }

    fn product(&mut self, truth: bool) -> Read<Parsed> {
        let operator = |token: &Token| match token.kind {
            Kind::Symbol('*') => Some(Operator::Multiply),
            Kind::Symbol('/') => Some(Operator::Divide),
            Kind::Symbol('%') => Some(Operator::Remainder),
            _ => None,
        };
        self.operation(truth, operator, Self::signed)
    }

    fn operation(
        &mut self,
        truth: bool,
        operator: fn(&Token) -> Option<Operator>,
        operand: fn(&mut Self, bool) -> Read<Parsed>,
    ) -> Read<Parsed> {
        let (mut left, mut height) = match operand(self, truth)? {
            Parsed::Value(left, height) => (left, height),
            truth @ Parsed::Truth(..) => return Ok(truth),
        };
        while let Some(operator) = operator(&self.token) {
            self.advance()?;
            let Parsed::Value(right, below) = operand(self, false)? else { return Err(self.token.error()) };
            let head = Head::Binary(operator, Box::new(left), Box::new(right));
            (left, height) = (Expression { head, steps: Vec::new() }, self.above(height.max(below))?);
        }
        Ok(Parsed::Value(left, height))
    }

    #[recursive::recursive]
    fn signed(&mut self, truth: bool) -> Read<Parsed> {
        let sign = match self.token.kind {
            Kind::Symbol('+') => Sign::Plus,
            Kind::Symbol('-') => Sign::Minus,
            _ => return self.primary(truth),
        };
        self.advance()?;
        let Parsed::Value(operand, height) = self.deeper(|parser| parser.signed(false))? else {
            return Err(self.token.error());
        };
        if let (Head::Literal(Json { kind: Value::Number(digits), .. }), true) =
            (&operand.head, operand.steps.is_empty())
        {
            let digits = if sign == Sign::Minus { negated(digits) } else { digits.clone() };
            let head = Head::Literal(Json::of(Value::Number(digits)));
            return Ok(Parsed::Value(Expression { head, steps: Vec::new() }, height));
        }
        let head = Head::Unary(sign, Box::new(operand));
        Ok(Parsed::Value(Expression { head, steps: Vec::new() }, self.above(height)?))
    }

    fn primary(&mut self, truth: bool) -> Read<Parsed> {
        if !self.token.is('(') {
            let head = self.head()?;
            return self.accessed(Expression { head, steps: Vec::new() }, 1);
        }
        self.advance()?;
        let inner = self.either()?;
        self.expect(')')?;
        let (predicate, height) = match inner {
            Parsed::Value(expression, height) => return self.accessed(expression, height),
            Parsed::Truth(predicate, height) => (predicate, height),
        };
        if matches!(self.token.kind, Kind::Symbol('.' | '[' | '?')) {
            let head = Head::Predicate(Box::new(predicate));
            return self.accessed(Expression { head, steps: Vec::new() }, self.above(height)?);
        }
        if !truth {
            return Err(self.token.error());
        }
        if self.take_word("is")? {
            self.expect_word("unknown")?;
            return Ok(Parsed::Truth(Predicate::IsUnknown(Box::new(predicate)), self.above(height)?));
        }
        Ok(Parsed::Truth(predicate, height))
    }

    fn accessed(&mut self, mut expression: Expression, height: usize) -> Read<Parsed> {
        let mut height = height;
        while let Some((step, below)) = self.step()? {
            height = self.above(height.max(below))?;
            expression.steps.push(step);
        }
        Ok(Parsed::Value(expression, height))
    }

    fn number(&mut self, text: &str) -> Read<Head> {
        let digits = written(text)?;
        self.digits += digits.len();
        if self.digits > JSONPATH_DIGITS {
            let message = "the numbers of a jsonpath have too many digits";
            return Err(
                fail(SqlState::PROGRAM_LIMIT_EXCEEDED, message).with_detail(format!("The limit is {JSONPATH_DIGITS}."))
            );
        }
        Ok(Head::Literal(Json::of(Value::Number(digits))))
    }

    fn head(&mut self) -> Read<Head> {
        let head = match &self.token.kind {
            Kind::Symbol('$') => Head::Root,
            Kind::Symbol('@') => Head::Current,
            Kind::Variable(name) => Head::Variable(name.clone()),
            Kind::Text(text) => Head::Literal(Json::of(Value::Text(text.clone()))),
            Kind::Integer(digits) | Kind::Decimal(digits) => {
                let digits = digits.clone();
                self.number(&digits)?
            }
            _ if self.token.is_word("null") => Head::Literal(Json::of(Value::Null)),
            _ if self.token.is_word("true") => Head::Literal(Json::of(Value::Bool(true))),
            _ if self.token.is_word("false") => Head::Literal(Json::of(Value::Bool(false))),
            _ if self.token.is_word("last") => Head::Last,
            _ => return Err(self.token.error()),
        };
        let misplaced = match head {
            Head::Current if self.filters == 0 => Some("@ is not allowed in root expressions"),
            Head::Last if self.subscripts == 0 => Some("LAST is allowed only in array subscripts"),
            _ => None,
        };
        if let (Some(message), None) = (misplaced, &self.misplaced) {
            self.misplaced = Some(fail(SqlState::SYNTAX_ERROR, message));
        }
        self.advance()?;
        Ok(head)
    }
}
