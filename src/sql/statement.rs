//! Statements: what a text asks for, before any name is looked up.

use std::ops::ControlFlow;
use std::sync::Arc;

use sqlparser::ast::{self, Visitor};
use sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::base::limits::{self, LimitSet};
use crate::base::syntax_walk::walk;
use crate::base::{ErrorReport, SqlType};

use super::copy::{self, CopyOut};
use super::cursors::{self, Declare, ExecuteCall, Fetch};
use super::dialect::Postgres;
use super::explain::{self, ExplainOptions, ExplainTarget};
use super::lexer::{self, Piece};
use super::plan::SqlError;
use super::session::{self, TransactionModes};
use super::upkeep::{self, Upkeep};
use super::writes::{self, Write};
use super::{foreign, rewritten_tokens, search_cycle, shorthand, syntax};

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
    /// The stages of a query.
    Explain {
        /// What is explained.
        target: ExplainTarget,
        /// How.
        options: ExplainOptions,
    },
    /// `PREPARE`.
    Prepare {
        /// The name to keep it under.
        name: String,
        /// The types of the first parameters; `None` where the server is to choose.
        types: Vec<Option<SqlType>>,
        /// What is kept.
        statement: Box<StatementKind>,
    },
    /// `EXECUTE`.
    Execute(ExecuteCall),
    /// `DECLARE`.
    Declare(Declare),
    /// `FETCH` or `MOVE`.
    Fetch(Fetch),
    /// `CLOSE` of one cursor, or of all.
    Close(Option<String>),
    /// `COPY … TO`.
    Copy(CopyOut),
    /// What keeps a database in order.
    Upkeep(Upkeep),
    /// Something about the session.
    Session(SessionStatement),
    /// A statement that would write.
    Write(Write),
}

/// A query as it was written: its syntax tree, and its tokens for the places that the tree does not know.
#[derive(Debug, Clone)]
pub struct Query {
    tree: ast::Query,
    tokens: Arc<[TokenWithSpan]>,
}

impl Query {
    /// A tree with the tokens that it was made from.
    pub(super) fn new(tree: ast::Query, tokens: Arc<[TokenWithSpan]>) -> Self {
        Self { tree, tokens }
    }

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
    /// `BEGIN`, `START TRANSACTION`.
    Begin {
        /// The command tag.
        word: &'static str,
        /// What it says of the transaction.
        modes: TransactionModes,
    },
    /// `COMMIT`, `END`.
    Commit {
        /// `AND CHAIN`: another transaction begins at once.
        chain: bool,
    },
    /// `ROLLBACK`, `ABORT`.
    Rollback {
        /// `AND CHAIN`: another transaction begins at once.
        chain: bool,
    },
    /// `COMMIT PREPARED`, `ROLLBACK PREPARED`.
    EndPrepared {
        /// Its words.
        command: &'static str,
        /// The transaction.
        identifier: String,
    },
    /// `SAVEPOINT name`.
    Savepoint(String),
    /// `ROLLBACK TO name`.
    RollbackTo(String),
    /// `RELEASE name`.
    Release(String),
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
    /// `SELECT catalog_refresh()`.
    CatalogRefresh,
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
    /// `SET TRANSACTION …`, `SET SESSION CHARACTERISTICS AS TRANSACTION …`.
    SetTransaction {
        /// What it says.
        modes: TransactionModes,
        /// For the transactions to come, not for this one.
        for_session: bool,
    },
    /// `SET CONSTRAINTS`, of these or of all.
    SetConstraints(Vec<String>),
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
        let first_parameter =
            first_parameter(&piece.tokens).map(|(parameter, place)| (parameter, place + piece.offset));
        statements.push(Statement { text: piece.text, offset: piece.offset, kind, first_parameter });
    }
    Ok(statements)
}

/// The first parameter among the tokens of a statement, and its position there.
pub(super) fn first_parameter(tokens: &[TokenWithSpan]) -> Option<(String, usize)> {
    tokens.iter().find_map(|token| match &token.token {
        Token::Placeholder(id) => Some((id.clone(), usize::try_from(token.span.start.column).ok()?)),
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
    if let Some(kind) = cursors::parse(piece, limits)? {
        return Ok(kind);
    }
    if let Some(upkeep) = upkeep::parse(piece)? {
        return Ok(StatementKind::Upkeep(upkeep));
    }
    let words: Vec<String> = piece.tokens.iter().take(4).map(|token| token.token.to_string().to_uppercase()).collect();
    match words.first().map(String::as_str).unwrap_or_default() {
        "SELECT" | "WITH" | "VALUES" | "TABLE" | "(" => query_of(piece, 0, limits),
        "EXPLAIN" => explain::parse(piece, limits),
        "COPY" => copy::parse(piece, limits),
        "INSERT" | "UPDATE" | "DELETE" => Ok(StatementKind::Write(writes::parse(piece)?)),
        word @ ("MERGE" | "GRANT" | "REVOKE" | "REINDEX" | "CLUSTER" | "COMMENT" | "CALL" | "DO" | "NOTIFY"
        | "REFRESH" | "IMPORT" | "REASSIGN" | "SECURITY") => Ok(StatementKind::Write(Write::of(word))),
        "TRUNCATE" if piece.tokens.len() == 1 => Err(syntax::unexpected(piece, None)),
        "TRUNCATE" => Ok(StatementKind::Write(Write::of("TRUNCATE TABLE"))),
        "CREATE" | "DROP" | "ALTER" => Ok(StatementKind::Write(Write::of(definition_tag(piece, &words)))),
        _ => Err(syntax::unexpected(piece, piece.tokens.first())),
    }
}

/// How many parameters a text names that nothing else is known of; 0 for one that cannot be read.
#[must_use]
pub fn parameter_count(text: &str, limits: &LimitSet) -> usize {
    let pieces = lexer::split(text, limits).unwrap_or_default();
    let tokens = pieces.iter().flat_map(|piece| &piece.tokens);
    let numbers = tokens.filter_map(|token| match &token.token {
        Token::Placeholder(id) => id.strip_prefix('$')?.parse::<usize>().ok(),
        _ => None,
    });
    numbers.max().unwrap_or_default().min(limits.of(limits::PARAMETERS))
}

/// `CREATE OR REPLACE TEMP VIEW` is `CREATE VIEW`.
fn definition_tag(piece: &Piece, words: &[String]) -> String {
    let noise = ["OR", "REPLACE", "TEMP", "TEMPORARY", "UNLOGGED", "UNIQUE", "GLOBAL", "LOCAL", "RECURSIVE"];
    let what = words.iter().skip(1).find(|word| !noise.contains(&word.as_str()));
    match (words.first(), what) {
        (Some(verb), Some(what)) if verb == "CREATE" && what == "TABLE" && is_of_query(piece) => {
            "CREATE TABLE AS".to_owned()
        }
        (Some(verb), Some(what)) => format!("{verb} {what}"),
        (Some(verb), None) => verb.clone(),
        (None, _) => String::new(),
    }
}

/// Whether a table is made of a query: `AS` stands before one.
fn is_of_query(piece: &Piece) -> bool {
    let is = |token: &TokenWithSpan, words: &[&str]| {
        words.iter().any(|word| token.token.to_string().eq_ignore_ascii_case(word))
    };
    let query = ["select", "with", "values", "table", "execute", "("];
    piece.tokens.windows(2).any(|pair| is(&pair[0], &["as"]) && is(&pair[1], &query))
}

/// The query that begins at a token, and nothing after it.
pub(super) fn query_of(piece: &Piece, from: usize, limits: &LimitSet) -> Result<StatementKind, ErrorReport> {
    let query = parse_query(piece, from, limits)?;
    foreign::refuse(&query, piece)?;
    Ok(match writing(&query) {
        Some(word) => StatementKind::Write(Write::of(word)),
        None => StatementKind::Query(Box::new(Query { tree: *query, tokens: piece.tokens.as_slice().into() })),
    })
}

pub(super) fn parse_query(piece: &Piece, from: usize, limits: &LimitSet) -> Result<Box<ast::Query>, ErrorReport> {
    let (tokens, clauses) = search_cycle::take(piece, from)?;
    let tokens = rewritten_tokens::rewritten(&tokens);
    let dialect = Postgres::of(&tokens);
    let mut parser = dialect.parser(tokens, limits);
    let mut query = parser.parse_query().map_err(|error| syntax::report(&error, piece))?;
    if parser.peek_token_ref().token != Token::EOF {
        return Err(syntax::unexpected(piece, Some(parser.peek_token_ref())));
    }
    shorthand::write_out(&mut query);
    search_cycle::write_out(&mut query, clauses, limits)?;
    Ok(query)
}

/// What a query would write, if anything.
fn writing(query: &ast::Query) -> Option<String> {
    struct Writes;
    impl Visitor for Writes {
        type Break = String;
        // What a query of WITH writes, the SELECT after it does.
        fn pre_visit_statement(&mut self, _statement: &ast::Statement) -> ControlFlow<String> {
            ControlFlow::Break("SELECT".to_owned())
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
    match query.body.as_ref() {
        ast::SetExpr::Insert(_) => return Some("INSERT".to_owned()),
        ast::SetExpr::Update(_) => return Some("UPDATE".to_owned()),
        ast::SetExpr::Delete(_) => return Some("DELETE".to_owned()),
        ast::SetExpr::Merge(_) => return Some("MERGE".to_owned()),
        ast::SetExpr::Select(_)
        | ast::SetExpr::Query(_)
        | ast::SetExpr::SetOperation { .. }
        | ast::SetExpr::Values(_)
        | ast::SetExpr::Table(_) => {}
    }
    match walk(query, &mut Writes) {
        ControlFlow::Break(word) => Some(word),
        ControlFlow::Continue(()) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserFacing;
    use crate::sql::ExplainFormat;

    fn kinds(text: &str) -> Vec<StatementKind> {
        parse(text, &LimitSet::default()).unwrap().into_iter().map(|statement| statement.kind).collect()
    }

    fn session(text: &str) -> SessionStatement {
        match kinds(text).remove(0) {
            StatementKind::Session(statement) => statement,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn begin(word: &'static str, modes: TransactionModes) -> SessionStatement {
        SessionStatement::Begin { word, modes }
    }

    fn set(name: &str, value: Option<&str>, local: bool) -> SessionStatement {
        SessionStatement::Set { name: name.into(), value: value.map(str::to_owned), local }
    }

    #[test]
    fn session_statements_in_all_their_forms() {
        assert_eq!(session("BEGIN"), begin("BEGIN", TransactionModes::default()));
        let modes =
            TransactionModes { isolation: Some("repeatable read"), read_only: Some(true), deferrable: Some(false) };
        assert_eq!(
            session("begin work isolation level repeatable read, read only not deferrable"),
            begin("BEGIN", modes)
        );
        let modes = TransactionModes { read_only: Some(false), ..TransactionModes::default() };
        assert_eq!(session("START TRANSACTION READ WRITE"), begin("START TRANSACTION", modes));
        assert_eq!(session("END TRANSACTION AND NO CHAIN"), SessionStatement::Commit { chain: false });
        assert_eq!(session("ABORT"), SessionStatement::Rollback { chain: false });
        assert_eq!(session("ROLLBACK WORK AND CHAIN"), SessionStatement::Rollback { chain: true });
        assert_eq!(session("ROLLBACK TO SAVEPOINT a"), SessionStatement::RollbackTo("a".into()));
        assert_eq!(session("RELEASE a"), SessionStatement::Release("a".into()));
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
            SessionStatement::SetTransaction {
                modes: TransactionModes { isolation: Some("serializable"), ..TransactionModes::default() },
                for_session: true
            }
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
            StatementKind::Write(write) => write.tag,
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(word("insert into t values (1)"), "INSERT");
        assert_eq!(word("create temp table t (a int)"), "CREATE TABLE");
        assert_eq!(word("select * into x from t"), "SELECT INTO");
        assert_eq!(word("select * from t for update"), "SELECT FOR UPDATE");
        assert_eq!(word("with x as (delete from t returning *) select * from x"), "SELECT");
        assert_eq!(word("with x as (select 1) insert into t select * from x"), "INSERT");
        assert_eq!(word("create table t as select 1"), "CREATE TABLE AS");
        assert_eq!(word("explain analyze update t set a = 1"), "UPDATE");
    }

    #[test]
    fn explain_reads_its_options() {
        let options = |text: &str| match kinds(text).remove(0) {
            StatementKind::Explain { options, .. } => options,
            other => panic!("{text}: {other:?}"),
        };
        assert!(!options("explain select 1").analyze);
        assert!(options("explain analyze verbose select 1").analyze);
        assert!(options("explain (verbose, analyze) select 1").analyze);
        assert!(!options("explain (analyze off, costs off) select 1").analyze);
        assert!(!options("explain (select 1)").analyze);
        assert_eq!(options("explain (format json, settings) execute p (1)").format, ExplainFormat::Json);
        assert!(options("explain (verbose true) declare c cursor for select 1").verbose);
        for (text, expected) in [
            ("explain (nope) select 1", "42601"),
            ("explain (format nope) select 1", "22023"),
            ("explain (format xml) select 1", "0A000"),
            ("explain (analyze maybe) select 1", "42601"),
            ("explain (wal) select 1", "22023"),
            ("explain verbose analyze select 1", "42601"),
            ("explain begin", "42601"),
        ] {
            assert_eq!(parse(text, &LimitSet::default()).unwrap_err().sqlstate().code(), expected, "{text}");
        }
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
