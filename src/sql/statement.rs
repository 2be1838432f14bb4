//! Statements: what a text asks for, before any name is looked up.

use sqlparser::ast;

use crate::base::limits::LimitSet;

use super::plan::SqlError;

/// One statement of a text.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Its own part of the text.
    pub text: String,
    /// Where its part begins in the whole text, in characters from 0; error positions add it.
    pub offset: usize,
    /// What it asks for.
    pub kind: StatementKind,
}

/// What a statement asks for.
#[derive(Debug, Clone)]
pub enum StatementKind {
    /// Rows.
    Query(Box<ast::Query>),
    /// The stages of a query. With `analyze`, run it too.
    Explain {
        /// The query.
        query: Box<ast::Query>,
        /// Run it and tell rows and times.
        analyze: bool,
    },
    /// Something about the session.
    Session(SessionStatement),
    /// A statement that would write; its command word, such as `INSERT`.
    Write(String),
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
/// [`SqlError`] with `42601` and the position; `54000`/`54001` past a limit.
pub fn parse(_text: &str, _limits: &LimitSet) -> Result<Vec<Statement>, SqlError> {
    todo!("sql helper")
}
