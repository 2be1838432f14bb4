//! Rows that are written out, `(a, b)` or `ROW(a, b)`, beside other rows and beside queries: their columns are compared one
//! by one (`make_row_comparison_op`).

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, ObjectNamePart, Query};

use crate::base::SqlState;

use super::operators::{bare, placed};
use super::scope::Clause;
use super::types::Type;
use super::{Checked, Checker, Typed, error};

/// The values of a row that is written out, with the word ROW or without.
pub(super) fn row_values(expr: &Expr) -> Option<Vec<&Expr>> {
    match bare(expr) {
        Expr::Tuple(values) => Some(values.iter().collect()),
        Expr::Function(function) => values_of_call(function),
        _ => None,
    }
}

/// The parser takes `ROW(a, b)` for a call. One of all columns of a table, which are not written out, is none here.
fn values_of_call(function: &Function) -> Option<Vec<&Expr>> {
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return None };
    let FunctionArguments::List(list) = &function.args else { return None };
    if name.quote_style.is_some() || !name.value.eq_ignore_ascii_case("row") {
        return None;
    }
    let value = |argument| match argument {
        &FunctionArg::Unnamed(FunctionArgExpr::Expr(ref value)) => Some(value),
        _ => None,
    };
    list.args.iter().map(value).collect()
}

impl Checker<'_> {
    /// A comparison of rows, column by column.
    pub(super) fn rows(&mut self, symbol: &str, a: &[&Expr], b: &[&Expr], place: impl Fn() -> usize) -> Checked<Typed> {
        let a = self.row_of(a)?;
        let b = self.row_of(b)?;
        if a.len() != b.len() {
            let message = "unequal number of entries in row expressions";
            return Err(error(SqlState::SYNTAX_ERROR, message, place()));
        }
        if a.is_empty() {
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, "cannot compare rows of zero length", place()));
        }
        for (left, right) in a.iter().zip(&b) {
            self.operator(symbol, Some(left), right).map_err(|report| placed(report, &place))?;
        }
        Ok(Typed::new(Type::BOOL, a.first().map_or(0, |item| item.place)))
    }

    /// The values of a row.
    pub(super) fn row_of(&mut self, row: &[&Expr]) -> Checked<Vec<Typed>> {
        row.iter().map(|item| self.expression(item)).collect()
    }

    /// Rows against the rows of a query: as many columns, and each comparable.
    pub(super) fn row_and_query(&mut self, row: &[&Expr], symbol: &str, query: &Query, place: usize) -> Checked<Typed> {
        let left = self.row_of(row)?;
        let level = self.scope.current();
        // What compares them asks inside the query for what the values are.
        level.is_read_within |=
            row.len() > 1 && matches!(level.clause, Clause::Select | Clause::Having | Clause::OrderBy);
        self.columns_of(&left, symbol, query, place)?;
        Ok(Typed::new(Type::BOOL, left.first().map_or(place, |item| item.place)))
    }
}
