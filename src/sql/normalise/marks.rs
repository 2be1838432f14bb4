//! Marks that tell apart what the planner gives the same name.
//!
//! It names a cast by what is cast, and every subquery alike; of two expressions of one name it refuses the second, or
//! takes it for the first. A mark is a call that gives its argument, with a constant that makes the name another one.

use sqlparser::ast::{
    DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    SelectItem, SetExpr, WindowType,
};

use crate::functions::{FunctionKind, find};
use crate::sql::types::sql_type_of;

use super::forms::{has_query, internal, internal_name, take, text};
use super::numbers::is_typed;
use super::system::bare_name;

/// Begins a mark that tells the modifier of the type (`atttypmod`).
pub(in crate::sql) const MODIFIER: &str = "modifier ";

/// Marks the arguments and the condition of an aggregate or a window call, and the keys of its window.
pub(super) fn in_call(expr: &mut Expr, marks: &mut Marks) {
    let Expr::Function(function) = expr else { return };
    // The arguments of GROUPING are the keys as they are.
    let is_aggregate = bare_name(&function.name)
        .is_some_and(|name| name != "grouping" && find(&name, FunctionKind::Aggregate).is_some());
    if !is_aggregate && function.over.is_none() {
        return;
    }
    let is_ntile = bare_name(&function.name).as_deref() == Some("ntile");
    if let FunctionArguments::List(list) = &mut function.args {
        for (at, argument) in list.args.iter_mut().enumerate() {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else { continue };
            // What is no value of the rows is read as a constant.
            match cast_name(argument).filter(|_| is_aggregate || (at == 0 && !is_ntile)) {
                Some(name) => *argument = marked(take(argument), &name),
                None => *argument = marks.subquery(take(argument)),
            }
        }
    }
    if let Some(condition) = &mut function.filter {
        **condition = marks.subquery(take(condition));
    }
    if let Some(WindowType::WindowSpec(window)) = &mut function.over {
        let keys = window.order_by.iter_mut().map(|key| &mut key.expr);
        for key in window.partition_by.iter_mut().chain(keys) {
            if let Some(name) = cast_name(key) {
                *key = marked(take(key), &name);
            }
        }
    }
}

/// Marks casts to a numeric with digits in the lists of a query, where nothing else would tell of the digits once the value
/// is a column of another query. Those of a query that is no part of another are told by its text.
///
/// What is grouped, or sorted by what is distinct, is looked for as it is written, and stays so.
pub(super) fn in_lists(body: &mut SetExpr, is_part: bool) {
    match body {
        SetExpr::Select(select) => {
            let is_grouped = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty())
                || select.distinct.is_some();
            if is_grouped {
                return;
            }
            for item in &mut select.projection {
                if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item
                    && (is_part || modifier(expr).is_none())
                {
                    keep_modifier(expr);
                }
            }
        }
        SetExpr::SetOperation { left, right, .. } => {
            in_lists(left, true);
            in_lists(right, true);
        }
        SetExpr::Values(values) => values.rows.iter_mut().flat_map(|row| &mut row.content).for_each(keep_modifier),
        _ => {}
    }
}

/// Marks a cast, and those that a value may be taken from.
fn keep_modifier(expr: &mut Expr) {
    if let Some(modifier) = modifier(expr) {
        *expr = marked(take(expr), &format!("{MODIFIER}{modifier}"));
        return;
    }
    match expr {
        Expr::Nested(inner) => keep_modifier(inner),
        Expr::Case { conditions, else_result, .. } => {
            conditions.iter_mut().for_each(|when| keep_modifier(&mut when.result));
            else_result.iter_mut().for_each(|last| keep_modifier(last));
        }
        Expr::Function(Function { name, args: FunctionArguments::List(list), .. }) => {
            let taken = match bare_name(name).as_deref() {
                Some("coalesce" | "greatest" | "least") => list.args.len(),
                Some("nullif") => 1,
                Some(_) | None => 0,
            };
            for argument in list.args.iter_mut().take(taken) {
                if let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument {
                    keep_modifier(argument);
                }
            }
        }
        _ => {}
    }
}

/// The modifier of a cast to a numeric with digits.
fn modifier(expr: &Expr) -> Option<i32> {
    match expr {
        Expr::Nested(inner) => modifier(inner),
        Expr::Cast { data_type, .. } => match data_type {
            DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits)
                if *digits != ExactNumberInfo::None =>
            {
                sql_type_of(data_type).ok().map(|found| found.type_modifier())
            }
            _ => None,
        },
        _ => None,
    }
}

/// Numbers the marks of subqueries.
#[derive(Debug, Default)]
pub(super) struct Marks {
    given: usize,
}

impl Marks {
    /// Marks an expression in which there is a subquery.
    pub(super) fn subquery(&mut self, expr: Expr) -> Expr {
        if !has_query(&expr) {
            return expr;
        }
        self.given += 1;
        marked(expr, &self.given.to_string())
    }
}

/// Marks an expression by a name.
pub(super) fn marked(expr: Expr, name: &str) -> Expr {
    internal("as_written", vec![expr, text(name)])
}

/// What a mark is on, if the call is one.
pub(super) fn marked_in(function: &Function) -> Option<&Expr> {
    let name = function.name.to_string();
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(inner)), _] if internal_name(&name) == Some("as_written") => {
            Some(inner)
        }
        _ => None,
    }
}

/// The type of a cast that is written; a number by itself is given its type by us.
fn cast_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => cast_name(inner),
        Expr::Cast { data_type, .. } if !is_typed(expr) => Some(data_type.to_string()),
        _ => None,
    }
}
