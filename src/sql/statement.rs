//! Statements: what a text asks for, before any name is looked up.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{self, Visitor};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::limits::{self, LimitSet};
use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlState};

use super::lexer::{self, Piece};
use super::plan::SqlError;
use super::{foreign, rewritten_tokens, session, syntax};

/// One statement of a text.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its own part of the text.
    pub text: String,
    /// Where its part begins in the whole text, in characters from 0; error positions add it.
    pub offset: usize,
    /// What it asks for.
    pub kind: StatementKind,
    /// The first parameter that it names, such as `$1`, and its position in the whole text.
    pub first_parameter: Option<(String, usize)>,
}

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// Rows.
    Query(Box<Query>),
    /// The stages of a query. With `analyze`, run it too.
    Explain {
        /// The query.
        query: Box<Query>,
        /// Run it and tell rows and times.
        analyze: bool,
    },
    /// Something about the session.
    Session(SessionStatement),
    /// A statement that would write; its command word, such as `INSERT`.
    Write(String),
}

/// A query as it was written: its syntax tree, and its tokens for the places that the tree does not know.
#[derive(Debug, Clone)]
pub struct Query {
    tree: ast::Query,
    tokens: Arc<[TokenWithSpan]>,
}

impl Query {
    /// The syntax tree. Its locations have the character position as their column.
    pub(super) fn tree(&self) -> &ast::Query {
        &self.tree
    }

    pub(super) fn tokens(&self) -> &[TokenWithSpan] {
        &self.tokens
    }
}

/// Statements that change or show the session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionStatement {
    /// `BEGIN`, `START TRANSACTION`; the word is the command tag.
    Begin(&'static str),
    /// `COMMIT`, `END`.
    Commit,
    /// `ROLLBACK`, `ABORT`.
    Rollback,
    /// `SET name = value`; `None` is DEFAULT.
    Set {
        /// The setting, lower case.
        name: String,
        /// The value as text, a list joined by `, `.
        value: Option<String>,
        /// `SET LOCAL`: until the transaction ends.
        local: bool,
    },
    /// `SHOW name`.
    Show(String),
    /// `SHOW ALL`.
    ShowAll,
    /// `RESET name`.
    Reset(String),
    /// `RESET ALL`.
    ResetAll,
    /// `DISCARD ALL` and its kin (`PLANS`, `SEQUENCES`, `TEMP`).
    Discard {
        /// `ALL`: settings and statements too.
        all: bool,
        /// `PLANS`, `SEQUENCES`, `TEMP` or `ALL`: the second word of the command tag.
        what: &'static str,
    },
    /// `DEALLOCATE name`, or all.
    Deallocate(Option<String>),
    /// `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS …`: accepted, every transaction here is read only.
    SetTransaction,
}

/// Reads a text that may hold several statements.
///
/// # Errors
/// [`SqlError`] with `42601` and the position; `54000`/`54001` past a limit; `0A000` for a statement that has no meaning
/// here.
pub fn parse(text: &str, limits: &LimitSet) -> Result<Vec<Statement>, SqlError> {
    let pieces = lexer::split(text, limits)?;
    let mut statements = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let kind = kind_of(&piece, limits).map_err(|report| moved(report, piece.offset))?;
        let first_parameter = first_parameter(&piece);
        statements.push(Statement { text: piece.text, offset: piece.offset, kind, first_parameter });
    }
    Ok(statements)
}

fn first_parameter(piece: &Piece) -> Option<(String, usize)> {
    piece.tokens.iter().find_map(|token| match &token.token {
        Token::Placeholder(id) => {
            let place = usize::try_from(token.span.start.column).ok()?;
            Some((id.clone(), place + piece.offset))
        }
        _ => None,
    })
}

/// A position in the statement becomes one in the whole text.
fn moved(mut report: ErrorReport, offset: usize) -> ErrorReport {
    report.position = report.position.map(|position| position + offset);
    report
}

fn kind_of(piece: &Piece, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    if let Some(statement) = session::parse(piece)? {
        return Ok(StatementKind::Session(statement));
    }
    let words: Vec<String> = piece.tokens.iter().take(4).map(|token| token.token.to_string().to_uppercase()).collect();
    match words.first().map(String::as_str).unwrap_or_default() {
        "SELECT" | "WITH" | "VALUES" | "TABLE" | "(" => query_of(piece, 0, limits),
        "EXPLAIN" => explain(piece, limits),
        word @ ("INSERT" | "UPDATE" | "DELETE" | "MERGE" | "COPY" | "GRANT" | "REVOKE" | "VACUUM" | "ANALYZE"
        | "REINDEX" | "CLUSTER" | "COMMENT" | "CALL" | "DO" | "NOTIFY" | "LOCK" | "REFRESH" | "IMPORT"
        | "REASSIGN" | "SECURITY") => Ok(StatementKind::Write(word.to_owned())),
        "TRUNCATE" => Ok(StatementKind::Write("TRUNCATE TABLE".to_owned())),
        "CREATE" | "DROP" | "ALTER" => Ok(StatementKind::Write(definition_tag(&words))),
        "SAVEPOINT" | "RELEASE" | "PREPARE" | "EXECUTE" | "DECLARE" | "FETCH" | "MOVE" | "CLOSE" | "LISTEN"
        | "UNLISTEN" | "LOAD" | "CHECKPOINT" => Err(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("{} is not supported", words.first().map(String::as_str).unwrap_or_default()),
        )),
        _ => Err(syntax::unexpected(piece, piece.tokens.first())),
    }
}

/// `CREATE OR REPLACE TEMP VIEW` is `CREATE VIEW`.
fn definition_tag(words: &[String]) -> String {
    let noise = ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "GLOBAL", "LOCAL", "RECURSIVE"];
    let what = words.iter().skip(1).find(|word| !noise.contains(&word.as_str()));
    match (words.first(), what) {
        (Some(verb), Some(what)) => format!("{verb} {what}"),
        (Some(verb), None) => verb.clone(),
        (None, _) => String::new(),
    }
}

/// The query that begins at a token, and nothing after it.
fn query_of(piece: &Piece, from: usize, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let query = parse_query(piece, from, limits)?;
    foreign::refuse(&query, piece)?;
    Ok(match writing(&query) {
        Some(word) => StatementKind::Write(word),
        None => StatementKind::Query(Box::new(Query { tree: *query, tokens: piece.tokens.as_slice().into() })),
    })
}

fn parse_query(piece: &Piece, from: usize, limits: &LimitSet) -> Result<Box<ast::Query>, ErrorReport> {
    let tokens = rewritten_tokens::rewritten(piece.tokens.get(from..).unwrap_or_default())?;
    // The parser spends several levels of its own on one level of the text.
    let depth = limits.of(limits::STATEMENT_DEPTH).saturating_mul(8);
    let mut parser = Parser::new(&PostgreSqlDialect {}).with_recursion_limit(depth).with_tokens_with_locations(tokens);
    let query = parser.parse_query().map_err(|error| syntax::report(&error, piece))?;
    match parser.peek_token_ref().token {
        Token::EOF => Ok(query),
        _ => Err(syntax::unexpected(piece, Some(parser.peek_token_ref()))),
    }
}

/// What a query would write, if anything.
fn writing(query: &ast::Query) -> Option<String> {
    struct Writes;
    impl Visitor for Writes {
        type Break = String;
        fn pre_visit_statement(&mut self, statement: &ast::Statement) -> ControlFlow<String> {
            ControlFlow::Break(statement.to_string().split_whitespace().next().unwrap_or_default().to_uppercase())
        }
        fn pre_visit_query(&mut self, query: &ast::Query) -> ControlFlow<String> {
            match query.locks.first() {
                Some(lock) => ControlFlow::Break(format!("SELECT FOR {}", lock.lock_type)),
                None => ControlFlow::Continue(()),
            }
        }
        fn pre_visit_select(&mut self, select: &ast::Select) -> ControlFlow<String> {
            if select.into.is_some() { ControlFlow::Break("SELECT INTO".to_owned()) } else { ControlFlow::Continue(()) }
        }
    }
    match walk(query, &mut Writes) {
        ControlFlow::Break(word) => Some(word),
        ControlFlow::Continue(()) => None,
    }
}

/// `EXPLAIN [ANALYZE] [VERBOSE] query`, `EXPLAIN (option [value], …) query`.
fn explain(piece: &Piece, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let word = |index: usize| piece.tokens.get(index).map(|token| token.token.to_string().to_uppercase());
    let mut next = 1;
    let mut analyze = false;
    if word(next).as_deref() == Some("(") && !is_query_word(word(next + 1).as_deref()) {
        next += 1;
        loop {
            let option = word(next).ok_or_else(|| syntax::unexpected(piece, None))?;
            let value = word(next + 1);
            let given = !matches!(value.as_deref(), Some("," | ")"));
            if option == "ANALYZE" {
                analyze = !given || !matches!(value.as_deref(), Some("FALSE" | "OFF" | "0"));
            } else if !EXPLAIN_OPTIONS.contains(&option.as_str()) {
                let message = format!("unrecognized EXPLAIN option \"{}\"", option.to_lowercase());
                return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
            }
            next += 1 + usize::from(given);
            match word(next).as_deref() {
                Some(",") => next += 1,
                Some(")") => break,
                Some(_) | None => return Err(syntax::unexpected(piece, piece.tokens.get(next))),
            }
        }
        next += 1;
    }
    while let Some(option @ ("ANALYZE" | "VERBOSE")) = word(next).as_deref() {
        analyze |= option == "ANALYZE";
        next += 1;
    }
    if !is_query_word(word(next).as_deref()) && word(next).as_deref() != Some("(") {
        return match word(next).as_deref() {
            Some(verb @ ("INSERT" | "UPDATE" | "DELETE" | "MERGE")) => Ok(StatementKind::Write(verb.to_owned())),
            Some("CREATE") => Ok(StatementKind::Write("CREATE TABLE AS".to_owned())),
            Some(_) | None => Err(syntax::unexpected(piece, piece.tokens.get(next))),
        };
    }
    match query_of(piece, next, limits)? {
        StatementKind::Query(query) => Ok(StatementKind::Explain { query, analyze }),
        other => Ok(other),
    }
}

const EXPLAIN_OPTIONS: [&str; 9] =
    ["ANALYZE", "VERBOSE", "COSTS", "SETTINGS", "GENERIC_PLAN", "BUFFERS", "WAL", "TIMING", "SUMMARY"];

fn is_query_word(word: Option<&str>) -> bool {
    matches!(word, Some("SELECT" | "WITH" | "VALUES" | "TABLE"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserFacing;

    fn kinds(text: &str) -> Vec<StatementKind> {
        parse(text, &LimitSet::default()).unwrap().into_iter().map(|statement| statement.kind).collect()
    }

    fn session(text: &str) -> SessionStatement {
        match kinds(text).remove(0) {
            StatementKind::Session(statement) => statement,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn set(name: &str, value: Option<&str>, local: bool) -> SessionStatement {
        SessionStatement::Set { name: name.into(), value: value.map(str::to_owned), local }
    }

    #[test]
    fn session_statements_in_all_their_forms() {
        assert_eq!(session("BEGIN"), SessionStatement::Begin("BEGIN"));
        assert_eq!(session("begin work isolation level repeatable read, read only"), SessionStatement::Begin("BEGIN"));
        assert_eq!(session("START TRANSACTION READ WRITE"), SessionStatement::Begin("START TRANSACTION"));
        assert_eq!(session("END TRANSACTION AND NO CHAIN"), SessionStatement::Commit);
        assert_eq!(session("ABORT"), SessionStatement::Rollback);
        assert_eq!(session("SET TimeZone = 'Europe/Berlin'"), set("timezone", Some("Europe/Berlin"), false));
        assert_eq!(session("SET LOCAL statement_timeout TO 500"), set("statement_timeout", Some("500"), true));
        assert_eq!(session("SET SESSION x.y TO DEFAULT"), set("x.y", None, false));
        assert_eq!(session("SET TIME ZONE LOCAL"), set("timezone", None, false));
        assert_eq!(session("SET TIME ZONE -7"), set("timezone", Some("-7"), false));
        assert_eq!(session("SET NAMES 'UTF8'"), set("client_encoding", Some("UTF8"), false));
        assert_eq!(
            session("SET search_path TO marts, \"Big One\", '$user'"),
            set("search_path", Some("marts, \"Big One\", \"$user\""), false)
        );
        assert_eq!(session("SET datestyle = ISO, MDY"), set("datestyle", Some("iso, mdy"), false));
        assert_eq!(
            session("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL SERIALIZABLE"),
            SessionStatement::SetTransaction
        );
        assert_eq!(session("SHOW TIME ZONE"), SessionStatement::Show("timezone".into()));
        assert_eq!(session("SHOW TRANSACTION ISOLATION LEVEL"), SessionStatement::Show("transaction_isolation".into()));
        assert_eq!(session("SHOW ALL"), SessionStatement::ShowAll);
        assert_eq!(session("RESET ALL"), SessionStatement::ResetAll);
        assert_eq!(session("DISCARD TEMPORARY"), SessionStatement::Discard { all: false, what: "TEMP" });
        assert_eq!(session("DEALLOCATE PREPARE ALL"), SessionStatement::Deallocate(None));
        assert_eq!(session("DEALLOCATE s1"), SessionStatement::Deallocate(Some("s1".into())));
    }

    #[test]
    fn what_writes_is_named() {
        let word = |text: &str| match kinds(text).remove(0) {
            StatementKind::Write(word) => word,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(word("insert into t values (1)"), "INSERT");
        assert_eq!(word("create temp table t (a int)"), "CREATE TABLE");
        assert_eq!(word("select * into x from t"), "SELECT INTO");
        assert_eq!(word("select * from t for update"), "SELECT FOR UPDATE");
        assert_eq!(word("with x as (delete from t returning *) select * from x"), "DELETE");
        assert_eq!(word("explain analyze update t set a = 1"), "UPDATE");
    }

    #[test]
    fn explain_reads_its_options() {
        let analyze = |text: &str| match kinds(text).remove(0) {
            StatementKind::Explain { analyze, .. } => analyze,
            other => panic!("{text}: {other:?}"),
        };
        assert!(!analyze("explain select 1"));
        assert!(analyze("explain analyze verbose select 1"));
        assert!(analyze("explain (verbose, analyze) select 1"));
        assert!(!analyze("explain (analyze off, costs off) select 1"));
        assert!(!analyze("explain (select 1)"));
    }

    #[test]
    fn syntax_errors_are_postgresqls() {
        let error = |text: &str| {
            let error = parse(text, &LimitSet::default()).unwrap_err();
            (error.sqlstate().code(), error.to_string(), error.position())
        };
        assert_eq!(error("selec 1"), ("42601", "syntax error at or near \"selec\"".into(), Some(1)));
        assert_eq!(error("select 1 from"), ("42601", "syntax error at end of input".into(), Some(14)));
        assert_eq!(error("select 1; select * fro t"), ("42601", "syntax error at or near \"t\"".into(), Some(24)));
        assert_eq!(error("set x 1"), ("42601", "syntax error at or near \"1\"".into(), Some(7)));
    }
}
