//! The operators and functions that PostgreSQL 15 has, read off `pg_operator` and `pg_proc`.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::types::Type;

/// What kind of call a function is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// One value from the values of one row.
    Scalar,
    /// One value from a group of rows.
    Aggregate,
    /// One value a row, from the rows around it.
    Window,
}

/// A signature of an operator or a function.
#[derive(Debug, Clone)]
pub(super) struct Signature {
    pub(super) kind: Kind,
    pub(super) arguments: Vec<Type>,
    /// The last argument may come any number of times.
    pub(super) variadic: bool,
    /// So many of the last arguments may be left out.
    pub(super) defaults: usize,
    pub(super) result: Type,
    pub(super) returns_set: bool,
}

type Table = HashMap<&'static str, Vec<Signature>>;

static FUNCTIONS: LazyLock<Table> = LazyLock::new(|| table(include_str!("postgresql/functions.txt"), function));

static OPERATORS: LazyLock<Table> = LazyLock::new(|| table(include_str!("postgresql/operators.txt"), operator));

fn table(text: &'static str, read: fn(&'static str) -> Option<(&'static str, Signature)>) -> Table {
    let mut table = Table::new();
    for (name, signature) in text.lines().filter_map(read) {
        table.entry(name).or_default().push(signature);
    }
    table
}

/// `name kind returns-set result variadic defaults argument…`
fn function(line: &'static str) -> Option<(&'static str, Signature)> {
    let mut words = line.split(' ').filter(|word| !word.is_empty());
    let name = words.next()?;
    let kind = match words.next()? {
        "a" => Kind::Aggregate,
        "w" => Kind::Window,
        _ => Kind::Scalar,
    };
    let returns_set = words.next()? == "1";
    let result = Type(words.next()?);
    let variadic = words.next()? == "t";
    let defaults = words.next()?.parse().ok()?;
    let arguments = words.map(Type).collect();
    Some((name, Signature { kind, arguments, variadic, defaults, result, returns_set }))
}

/// `symbol left right result`; a prefix operator has `-` on its left.
fn operator(line: &'static str) -> Option<(&'static str, Signature)> {
    let words: Vec<&'static str> = line.split(' ').collect();
    let [symbol, left, right, result] = words.as_slice() else { return None };
    let arguments = if *left == "-" { vec![Type(right)] } else { vec![Type(left), Type(right)] };
    let signature = Signature {
        kind: Kind::Scalar,
        arguments,
        variadic: false,
        defaults: 0,
        result: Type(result),
        returns_set: false,
    };
    Some((symbol, signature))
}

/// The signatures of a function's name; none for a name that PostgreSQL does not have, or that is not read here.
pub(super) fn functions(name: &str) -> &'static [Signature] {
    FUNCTIONS.get(name).map_or(&[], Vec::as_slice)
}

/// The signatures of an operator with so many operands.
pub(super) fn operators(symbol: &str, operands: usize) -> Vec<&'static Signature> {
    let all = OPERATORS.get(symbol).map_or(&[] as &[Signature], Vec::as_slice);
    all.iter().filter(|signature| signature.arguments.len() == operands).collect()
}

/// Ordered-set aggregates, by name: how many of their arguments stand in the parentheses.
pub(super) fn ordered_set(name: &str) -> Option<usize> {
    match name {
        "percentile_cont" | "percentile_disc" => Some(1),
        "mode" => Some(0),
        _ => None,
    }
}

/// Aggregates that take a hypothetical row; without WITHIN GROUP they are window functions.
pub(super) fn is_hypothetical(name: &str) -> bool {
    matches!(name, "rank" | "dense_rank" | "percent_rank" | "cume_dist")
}
