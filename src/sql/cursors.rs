//! Statements about prepared statements and cursors: `PREPARE`, `EXECUTE`, `DECLARE`, `FETCH`, `MOVE`, `CLOSE`.

use std::sync::Arc;

use sqlparser::ast;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::limits::LimitSet;
use crate::base::{ErrorReport, InternalError, SqlType, UserFacing};

use super::dialect::Postgres;
use super::lexer::{self, Piece};
use super::plan::SqlError;
use super::statement::{self, Query, Statement, StatementKind};
use super::syntax;
use super::types::sql_type_of;
use super::words::Words;
use super::writes::Write;

/// `EXECUTE name (…)`.
#[derive(Debug, Clone)]
pub struct ExecuteCall {
    /// The prepared statement.
    pub name: String,
    arguments: Vec<ast::Expr>,
    /// The whole statement's, for the places that expressions do not know.
    tokens: Arc<[TokenWithSpan]>,
}

impl ExecuteCall {
    /// How many values it gives.
    #[must_use]
    pub fn argument_count(&self) -> usize {
        self.arguments.len()
    }

    /// The first parameter that its values name, and its position in the statement: there is none that they could mean.
    #[must_use]
    pub fn first_parameter(&self) -> Option<(String, usize)> {
        statement::first_parameter(&self.tokens)
    }

    /// The query whose one row is the values as these types: `SELECT CAST(argument AS type), …`.
    ///
    /// # Errors
    /// None that the text of the call can cause.
    pub fn values_query(&self, types: &[SqlType], limits: &LimitSet) -> Result<Statement, SqlError> {
        let casts: Vec<String> = types.iter().map(|sql_type| format!("CAST(NULL AS {})", sql_type.name())).collect();
        let text = format!("SELECT {}", casts.join(", "));
        let pieces = lexer::split(&text, limits)?;
        let piece = pieces.first().ok_or_else(|| InternalError::new("no statement for EXECUTE").report())?;
        let mut tree = statement::parse_query(piece, 0, limits)?;
        if let ast::SetExpr::Select(select) = tree.body.as_mut() {
            for (item, argument) in select.projection.iter_mut().zip(&self.arguments) {
                if let ast::SelectItem::UnnamedExpr(ast::Expr::Cast { expr, .. }) = item {
                    **expr = argument.clone();
                }
            }
        }
        let query = Query::new(*tree, Arc::clone(&self.tokens));
        Ok(Statement { text, offset: 0, kind: StatementKind::Query(Box::new(query)), first_parameter: None })
    }
}

/// `DECLARE name … CURSOR … FOR query`.
#[derive(Debug, Clone)]
pub struct Declare {
    /// The cursor.
    pub name: String,
    /// How it may be used.
    pub options: CursorOptions,
    /// The query.
    pub query: Box<Query>,
}

/// How a cursor may be used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CursorOptions {
    /// Rows that were fetched can be fetched again; `None` where nothing was said.
    pub scroll: Option<bool>,
    /// It outlives its transaction.
    pub hold: bool,
    /// FETCH of the simple protocol sends values in binary.
    pub binary: bool,
}

/// `FETCH` and `MOVE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    /// The cursor.
    pub cursor: String,
    /// Which rows.
    pub direction: Direction,
    /// `MOVE`: the rows are not sent.
    pub is_move: bool,
}

/// Which rows of a cursor are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The next rows; less than nothing goes back.
    Forward(i64),
    /// All the rows that follow.
    ForwardAll,
    /// All the rows before, the nearest first.
    BackwardAll,
    /// The row with that number; from the end when it is negative.
    Absolute(i64),
    /// The row that far from here.
    Relative(i64),
}

/// The statement, or `None` when its first word is none of these.
pub(super) fn parse(piece: &Piece, limits: &LimitSet) -> Result<Option<StatementKind>, ErrorReport> {
    let mut words = Words::at(piece, 0);
    let kind = match words.word().unwrap_or_default().as_str() {
        "prepare" => return prepare(words, limits).map(Some),
        "declare" => return declare(words, limits).map(Some),
        "execute" => StatementKind::Execute(words.execute(limits)?),
        "fetch" => StatementKind::Fetch(words.fetch(false)?),
        "move" => StatementKind::Fetch(words.fetch(true)?),
        "close" => StatementKind::Close(words.close()?),
        _ => return Ok(None),
    };
    words.end()?;
    Ok(Some(kind))
}

fn prepare(mut words: Words<'_>, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let name = words.name()?;
    let types = words.parameter_types()?;
    words.expect("as")?;
    let from = words.next;
    let kind = match words.peek_word().as_deref() {
        Some("insert" | "update" | "delete" | "merge") => {
            StatementKind::Write(Write::of(words.word().unwrap_or_default().to_uppercase()))
        }
        Some("select" | "with" | "values" | "table") => statement::query_of(words.piece, from, limits)?,
        _ if words.peek().is_some_and(|token| token.token == Token::LParen) => {
            statement::query_of(words.piece, from, limits)?
        }
        Some(_) | None => return Err(words.unexpected()),
    };
    Ok(StatementKind::Prepare { name, types, statement: Box::new(kind) })
}

fn declare(mut words: Words<'_>, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let name = words.name()?;
    let mut options = words.cursor_options()?;
    words.expect("cursor")?;
    if words.accept("with") {
        words.expect("hold")?;
        options.hold = true;
    } else if words.accept("without") {
        words.expect("hold")?;
    }
    words.expect("for")?;
    match statement::query_of(words.piece, words.next, limits)? {
        StatementKind::Query(query) => Ok(StatementKind::Declare(Declare { name, options, query })),
        other => Ok(other),
    }
}

impl Words<'_> {
    fn cursor_options(&mut self) -> Result<CursorOptions, ErrorReport> {
        let mut options = CursorOptions::default();
        loop {
            if self.accept("binary") {
                options.binary = true;
            } else if self.accept("scroll") {
                options.scroll = Some(true);
            } else if self.accept("no") {
                self.expect("scroll")?;
                options.scroll = Some(false);
            } else if !self.accept("insensitive") && !self.accept("asensitive") {
                return Ok(options);
            }
        }
    }

    fn parameter_types(&mut self) -> Result<Vec<Option<SqlType>>, ErrorReport> {
        if self.peek().is_none_or(|token| token.token != Token::LParen) {
            return Ok(Vec::new());
        }
        let tokens = self.bracketed()?;
        let dialect = Postgres::of(&tokens);
        let mut parser = Parser::new(&dialect).with_tokens_with_locations(tokens);
        let mut types = Vec::new();
        loop {
            let at = usize::try_from(parser.peek_token_ref().span.start.column).unwrap_or_default();
            let name = parser.parse_data_type().map_err(|error| syntax::report(&error, self.piece))?;
            types.push(declared_type(&name).map_err(|report| report.with_position(at))?);
            if !parser.consume_token(&Token::Comma) {
                break;
            }
        }
        finished(&mut parser, self.piece)?;
        Ok(types)
    }

    /// `name [(expression, …)]`, as it stands after EXECUTE.
    pub(super) fn execute(&mut self, limits: &LimitSet) -> Result<ExecuteCall, ErrorReport> {
        let name = self.name()?;
        if self.peek().is_none() {
            return Ok(ExecuteCall { name, arguments: Vec::new(), tokens: Arc::from([]) });
        }
        let tokens = self.bracketed()?;
        let dialect = Postgres::of(&tokens);
        let mut parser = dialect.parser(tokens, limits);
        let parsed = parser.parse_comma_separated(Parser::parse_expr);
        let arguments = parsed.map_err(|error| syntax::report(&error, self.piece))?;
        finished(&mut parser, self.piece)?;
        Ok(ExecuteCall { name, arguments, tokens: self.piece.tokens.as_slice().into() })
    }

    /// The tokens after the bracket that opens here, with the one that closes it.
    fn bracketed(&mut self) -> Result<Vec<TokenWithSpan>, ErrorReport> {
        let from = self.next + 1;
        self.skip_brackets()?;
        Ok(self.piece.tokens.get(from..self.next).unwrap_or_default().to_vec())
    }

    fn fetch(&mut self, is_move: bool) -> Result<Fetch, ErrorReport> {
        let direction = self.direction()?;
        let cursor = self.name()?;
        Ok(Fetch { cursor, direction, is_move })
    }

    fn direction(&mut self) -> Result<Direction, ErrorReport> {
        let ends_here = self.piece.tokens.get(self.next + 1).is_none();
        let word = if ends_here { None } else { self.peek_word() };
        let direction = match word.as_deref() {
            Some("next") => self.taken(Direction::Forward(1)),
            Some("prior") => self.taken(Direction::Forward(-1)),
            Some("first") => self.taken(Direction::Absolute(1)),
            Some("last") => self.taken(Direction::Absolute(-1)),
            Some("all") => self.taken(Direction::ForwardAll),
            Some("absolute") => {
                self.next += 1;
                Direction::Absolute(self.whole_number()?)
            }
            Some("relative") => {
                self.next += 1;
                Direction::Relative(self.whole_number()?)
            }
            Some("forward") => {
                self.next += 1;
                self.many(Direction::ForwardAll, 1)?
            }
            Some("backward") => {
                self.next += 1;
                self.many(Direction::BackwardAll, -1)?
            }
            Some(_) | None if self.begins_number() => Direction::Forward(self.whole_number()?),
            Some(_) | None => Direction::Forward(1),
        };
        if !self.accept("from") {
            self.accept("in");
        }
        Ok(direction)
    }

    fn taken(&mut self, direction: Direction) -> Direction {
        self.next += 1;
        direction
    }

    fn many(&mut self, all: Direction, sign: i64) -> Result<Direction, ErrorReport> {
        if self.accept("all") {
            return Ok(all);
        }
        let count = if self.begins_number() { self.whole_number()? } else { 1 };
        Ok(Direction::Forward(count.saturating_mul(sign)))
    }

    fn begins_number(&self) -> bool {
        matches!(self.peek().map(|token| &token.token), Some(Token::Number(..) | Token::Minus | Token::Plus))
    }

    /// A number of 32 bits with its sign, as PostgreSQL's grammar has it.
    fn whole_number(&mut self) -> Result<i64, ErrorReport> {
        let negative = self.accept_token(&Token::Minus);
        if !negative {
            self.accept_token(&Token::Plus);
        }
        let Some(Token::Number(digits, _)) = self.peek().map(|token| &token.token) else {
            return Err(self.unexpected());
        };
        let Ok(number) = digits.parse::<i32>() else { return Err(self.unexpected()) };
        self.next += 1;
        Ok(if negative { -i64::from(number) } else { i64::from(number) })
    }

    fn close(&mut self) -> Result<Option<String>, ErrorReport> {
        let is_last = self.piece.tokens.get(self.next + 1).is_none();
        if is_last && self.accept("all") { Ok(None) } else { self.name().map(Some) }
    }
}

/// `unknown` leaves the type to the server, as in the protocol.
fn declared_type(name: &ast::DataType) -> Result<Option<SqlType>, ErrorReport> {
    if name.to_string().eq_ignore_ascii_case("unknown") {
        return Ok(None);
    }
    sql_type_of(name).map(Some)
}

/// Only the bracket that closes is left.
fn finished(parser: &mut Parser<'_>, piece: &Piece) -> Result<(), ErrorReport> {
    let closes = parser.consume_token(&Token::RParen);
    match parser.peek_token_ref() {
        token if token.token == Token::EOF && closes => Ok(()),
        token => Err(syntax::unexpected(piece, Some(token))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::parse as parse_text;

    fn kind(text: &str) -> StatementKind {
        parse_text(text, &LimitSet::default()).unwrap().remove(0).kind
    }

    fn fetch(text: &str) -> (String, Direction, bool) {
        match kind(text) {
            StatementKind::Fetch(fetch) => (fetch.cursor, fetch.direction, fetch.is_move),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn fetch_has_many_forms() {
        for (text, direction) in [
            ("fetch c", Direction::Forward(1)),
            ("fetch from c", Direction::Forward(1)),
            ("fetch next from c", Direction::Forward(1)),
            ("fetch next c", Direction::Forward(1)),
            ("fetch 5 in c", Direction::Forward(5)),
            ("fetch -5 c", Direction::Forward(-5)),
            ("fetch forward c", Direction::Forward(1)),
            ("fetch forward 7 from c", Direction::Forward(7)),
            ("fetch forward all from c", Direction::ForwardAll),
            ("fetch all c", Direction::ForwardAll),
            ("fetch backward 2 from c", Direction::Forward(-2)),
            ("fetch backward all from c", Direction::BackwardAll),
            ("fetch prior from c", Direction::Forward(-1)),
            ("fetch first from c", Direction::Absolute(1)),
            ("fetch last from c", Direction::Absolute(-1)),
            ("fetch absolute -3 from c", Direction::Absolute(-3)),
            ("fetch relative +3 from c", Direction::Relative(3)),
        ] {
            assert_eq!(fetch(text), ("c".to_owned(), direction, false), "{text}");
        }
        assert_eq!(fetch("move all in \"C d\""), ("C d".to_owned(), Direction::ForwardAll, true));
        assert_eq!(fetch("fetch next"), ("next".to_owned(), Direction::Forward(1), false));
        for text in ["fetch", "fetch 1 2 c", "fetch absolute from c", "fetch 99999999999 c", "fetch 'c'"] {
            assert!(parse_text(text, &LimitSet::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn prepare_declares_types_and_execute_has_expressions() {
        let StatementKind::Prepare { name, types, statement } =
            kind("prepare P (int, numeric(10, 2), unknown, text[]) as select $1 + $2")
        else {
            panic!("no PREPARE")
        };
        assert_eq!((name.as_str(), types.len()), ("p", 4));
        assert_eq!(types[2], None);
        assert!(matches!(*statement, StatementKind::Query(_)));
        let StatementKind::Execute(call) = kind("execute p (1 + 2, 'a,b', (array[1])[1])") else {
            panic!("no EXECUTE")
        };
        assert_eq!(call.argument_count(), 3);
        for text in
            ["prepare p select 1", "prepare p as begin", "prepare p () as select 1", "execute p 1", "execute p ("]
        {
            assert!(parse_text(text, &LimitSet::default()).is_err(), "{text}");
        }
    }

    #[test]
    fn declare_takes_its_options_in_any_order() {
        let StatementKind::Declare(declare) =
            kind("declare c scroll binary insensitive cursor with hold for (select 1)")
        else {
            panic!("no DECLARE")
        };
        assert_eq!(declare.options, CursorOptions { scroll: Some(true), hold: true, binary: true });
        assert!(matches!(kind("declare c cursor for select * from t for update"), StatementKind::Write(_)));
        assert!(parse_text("declare c cursor select 1", &LimitSet::default()).is_err());
        assert!(matches!(kind("close all"), StatementKind::Close(None)));
        assert!(matches!(kind("close c"), StatementKind::Close(Some(_))));
    }
}
