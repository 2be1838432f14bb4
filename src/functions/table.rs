//! What a row of the table is, and how one is found.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::rows::ROWS;

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FunctionKind {
    /// One value from the values of one row.
    Scalar,
    /// One value from the rows of a group.
    Aggregate,
    /// One value a row, from the rows around it.
    Window,
}

/// How a dialect writes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rendering {
    /// The same call under this name.
    Name(&'static str),
    /// An expression of the dialect in which `{0}`, `{1}` … stand for the arguments. It is parsed into a tree once, and
    /// the arguments are put in as trees.
    Template(&'static str),
    /// The emitter has code of its own for it, found by the function's name.
    Special,
    /// The dialect cannot give PostgreSQL's answer; the piece runs in process instead.
    Unsupported(&'static str),
}

/// One function.
#[derive(Debug, Clone, Copy)]
pub struct FunctionRow {
    /// The name in SQL, lower case.
    pub name: &'static str,
    /// Its kind.
    pub kind: FunctionKind,
    /// The signature as the documentation shows it.
    pub signature: &'static str,
    /// How ClickHouse writes it.
    pub clickhouse: Rendering,
    /// How PostgreSQL and Materialize write it.
    pub postgresql: Rendering,
}

impl FunctionRow {
    /// Whether a text may call it by its name. The others are operators, which the planner writes as calls.
    #[must_use]
    pub fn is_callable(&self) -> bool {
        self.signature.strip_prefix(self.name).is_some_and(|rest| rest.starts_with('('))
    }
}

/// Every row.
#[must_use]
pub fn rows() -> &'static [FunctionRow] {
    &ROWS
}

/// The row of a function.
#[must_use]
pub fn find(name: &str, kind: FunctionKind) -> Option<&'static FunctionRow> {
    INDEX.get(&(kind, name)).copied()
}

static INDEX: LazyLock<HashMap<(FunctionKind, &'static str), &'static FunctionRow>> =
    LazyLock::new(|| rows().iter().map(|row| ((row.kind, row.name), row)).collect());
