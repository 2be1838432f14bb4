//! PostgreSQL's parse analysis: what is wrong with a query, in PostgreSQL's words, at PostgreSQL's place, and in its order.
//!
//! Comes in: a query as it was parsed, with its tokens. Goes out: nothing, or the first error.
//! Does not: plan, or change the query. What it cannot tell (a catalog's column, a workflow's rows) it lets pass; the
//! planner has the last word.
//! Invariant: what PostgreSQL 15 accepts passes. The tables of types, casts, operators and functions are PostgreSQL's own
//! (`postgresql/*.txt`, read off its catalogs), and so are the rules by which one of them is chosen.

mod aggregates;
mod calls;
mod clauses;
mod conditions;
mod expressions;
mod from;
mod grouping;
mod keywords;
mod merged;
mod operators;
mod places;
mod queries;
mod ranges;
mod recursion;
mod resolve;
mod rows;
mod samples;
mod scope;
mod signatures;
#[cfg(test)]
mod tests;
mod types;
mod volatile;
mod windows;

use std::collections::{HashMap, HashSet};

use chrono_tz::Tz;
use sqlparser::ast;

use crate::base::{ErrorReport, SqlState};

use super::context::Provider;
use super::normalise;
use super::plan::PlanContext;
use super::statement::Query;

use aggregates::Watch;
pub(super) use grouping::cast_column;
use places::Places;
pub(super) use places::{begin, of};
pub(super) use queries::arm_place;
use scope::{Found, Scope};
use types::Type;

type Checked<T> = Result<T, ErrorReport>;

/// What was found out that only the types and names of a query tell. Everything is known by its place.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Names that mean a whole row of something in FROM.
    pub(super) rows: HashSet<usize>,
    /// Calls and CASEs whose result is a `real`, where the library makes something wider.
    pub(super) reals: HashSet<usize>,
    /// Calls of `sum` and `avg` over bigints, whose result is a numeric.
    pub(super) big_sums: HashSet<usize>,
    /// Constants in quotes beside values of other types, and the types that they have there. Numbers that only a float
    /// can hold, beside floats.
    pub(super) constants: HashMap<usize, &'static str>,
    /// The columns of USING and NATURAL whose two sides have different types, by the places of their joins.
    pub(super) merged_types: HashMap<usize, Vec<MergedType>>,
    /// The columns of the queries of set operations that have other types than their operation, by the places of these queries.
    pub(super) arms: HashMap<(usize, usize), Vec<ArmColumn>>,
    /// What each SELECT groups that has aggregates in subqueries, or each one where rows are made of arrays, by the place of
    /// the SELECT.
    pub(super) groups: HashMap<usize, Groups>,
    /// What each alias of USING stands for, by the places where it is named.
    pub(super) merged: HashMap<usize, Vec<MergedColumn>>,
    /// What the bare names of merged columns of queries around read, by the places of the names.
    pub(super) merged_outside: HashMap<usize, ast::Expr>,
    /// The same of the query in which they are named.
    pub(super) merged_here: HashMap<usize, ast::Expr>,
    /// The only column of each row of a function that returns single values, by the places where the row is named.
    pub(super) scalars: HashMap<usize, String>,
    /// Tables of each SELECT that are named where a nearer query has a column of that name, by the place of the SELECT.
    pub(super) hidden: HashMap<usize, Vec<Hidden>>,
    /// Columns that are cast to their own types, by the places of their names, and how many casts around each are such.
    pub(super) same_casts: HashMap<usize, usize>,
}

/// A column of a query that is part of a set operation.
#[derive(Debug, Clone)]
pub(super) struct ArmColumn {
    /// The name of its value, also where the text gives none.
    pub(super) name: String,
    /// The type that it is cast to.
    pub(super) wanted: Option<&'static str>,
}

/// A column that a join merges of two that have different types.
#[derive(Debug, Clone)]
pub(super) struct MergedType {
    /// Its name.
    pub(super) name: String,
    /// The type in which the two meet.
    pub(super) common: &'static str,
    /// The right column has that type, and is as good as the left one.
    pub(super) is_right: bool,
}

/// A column that a join with USING merges.
#[derive(Debug, Clone)]
pub(super) struct MergedColumn {
    /// Its name.
    pub(super) name: String,
    /// What it reads.
    pub(super) expr: ast::Expr,
}

/// A table whose name is also that of a column which can be seen where the table is named.
#[derive(Debug)]
pub(super) struct Hidden {
    /// Its name.
    pub(super) name: String,
    /// Where it is named.
    pub(super) places: HashSet<usize>,
}

/// What a SELECT groups.
#[derive(Debug, Default)]
pub(super) struct Groups {
    /// The different keys, names and positions of the SELECT list written out.
    pub(super) keys: Vec<ast::Expr>,
    /// The sets of keys in which it groups; none where the keys are the only set.
    pub(super) sets: Vec<ast::Expr>,
    /// Its aggregates, and its calls of `grouping`, wherever they stand.
    pub(super) aggregates: HashSet<usize>,
    /// Its columns, wherever they are named.
    pub(super) columns: HashMap<usize, GroupedColumn>,
}

/// A column of a SELECT that groups.
#[derive(Debug)]
pub(super) struct GroupedColumn {
    /// The same for every name of the column.
    pub(super) id: String,
    /// Which key it is, if it is one.
    pub(super) key: Option<usize>,
}

/// Checks a query.
///
/// # Errors
/// The error that PostgreSQL would report.
pub(super) fn check(query: &Query, provider: &Provider<'_>, context: &PlanContext<'_>) -> Checked<Findings> {
    let declared = context.declared_types.iter().enumerate();
    let parameters =
        declared.filter_map(|(index, known)| known.as_ref().map(|known| (index + 1, Type::of(known)))).collect();
    let mut checker = Checker {
        provider,
        context,
        places: Places::new(query.tokens()),
        zone: context.time_zone.parse().unwrap_or(Tz::UTC),
        scope: Scope::default(),
        parameters,
        watches: Vec::new(),
        columns: HashMap::new(),
        qualifiers: HashMap::new(),
        aggregates: HashMap::new(),
        groupings: HashMap::new(),
        windows: HashMap::new(),
        readings: HashMap::new(),
        arrays: 0,
        deferred: None,
        makes_rows: normalise::makes_rows(query.tree()),
        findings: Findings::default(),
    };
    checker.top(query.tree())?;
    Ok(checker.findings)
}

/// The state of one check.
struct Checker<'a> {
    provider: &'a Provider<'a>,
    context: &'a PlanContext<'a>,
    places: Places<'a>,
    zone: Tz,
    scope: Scope,
    /// The types of parameters, declared or found.
    parameters: HashMap<usize, Type>,
    /// What aggregate and window calls want to know of their arguments.
    watches: Vec<Watch>,
    /// What the names of columns mean, by their places.
    columns: HashMap<usize, Found>,
    /// The levels and numbers of the tables that names begin with, by their places.
    qualifiers: HashMap<usize, (usize, usize)>,
    /// The levels of aggregate calls, by their places.
    aggregates: HashMap<usize, usize>,
    /// The levels of calls of `grouping`, by their places.
    groupings: HashMap<usize, usize>,
    /// The levels of window calls, by their places.
    windows: HashMap<usize, usize>,
    /// Where queries of WITH that are volatile are read first, by their own places.
    readings: HashMap<usize, usize>,
    /// How many array constructors we are in: brackets alone mean one only there.
    arrays: usize,
    /// The first error that running the query would give.
    deferred: Option<ErrorReport>,
    /// Whether a SELECT list makes rows, anywhere in the statement.
    makes_rows: bool,
    findings: Findings,
}

/// What is known of an expression.
#[derive(Debug, Clone)]
struct Typed {
    data_type: Type,
    /// Where PostgreSQL would point.
    place: usize,
    constant: Option<Constant>,
}

/// An expression whose type its surroundings decide.
#[derive(Debug, Clone)]
enum Constant {
    Text(String),
    Null,
    Parameter(usize),
    /// A number with more digits than a decimal has, and its own place: there may be a sign before it.
    Wide(usize),
}

impl Typed {
    fn new(data_type: Type, place: usize) -> Self {
        Self { data_type, place, constant: None }
    }

    fn null(place: usize) -> Self {
        Self { data_type: Type::UNKNOWN, place, constant: Some(Constant::Null) }
    }
}

/// A report with its place, if that is known.
fn at(report: ErrorReport, place: usize) -> ErrorReport {
    if place == 0 { report } else { report.with_position(place) }
}

fn error(state: SqlState, message: impl Into<String>, place: usize) -> ErrorReport {
    at(ErrorReport::new(state, message), place)
}

/// The expressions of a call's arguments, with what is no expression left out.
fn argument_expressions(arguments: &[ast::FunctionArg]) -> impl Iterator<Item = &ast::Expr> {
    arguments.iter().filter_map(|argument| {
        let argument = match argument {
            ast::FunctionArg::Unnamed(argument)
            | ast::FunctionArg::Named { arg: argument, .. }
            | ast::FunctionArg::ExprNamed { arg: argument, .. } => argument,
        };
        match argument {
            ast::FunctionArgExpr::Expr(expr) => Some(expr),
            ast::FunctionArgExpr::QualifiedWildcard(_)
            | ast::FunctionArgExpr::Wildcard
            | ast::FunctionArgExpr::WildcardWithOptions(_) => None,
        }
    })
}
