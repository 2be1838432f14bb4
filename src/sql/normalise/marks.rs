//! Marks that tell apart what the planner gives the same name.
//!
//! It names a cast by what is cast, and every subquery alike; of two expressions of one name it refuses the second, or
//! takes it for the first. A mark is a call that gives its argument, with a constant that makes the name another one.

use sqlparser::ast::{Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, WindowType};

use crate::functions::{FunctionKind, find};

use super::forms::{has_query, internal, internal_name, take, text};
use super::system::bare_name;

/// Marks the arguments and the condition of an aggregate or a window call, and the keys of its window.
pub(super) fn in_call(expr: &mut Expr, marks: &mut Marks) {
    let Expr::Function(function) = expr else { return };
    // The arguments of GROUPING are the keys as they are.
    let is_aggregate = bare_name(&function.name)
        .is_some_and(|name| name != "grouping" && find(&name, FunctionKind::Aggregate).is_some());
    if !is_aggregate && function.over.is_none() {
        return;
    }
    if let FunctionArguments::List(list) = &mut function.args {
        for (at, argument) in list.args.iter_mut().enumerate() {
            let FunctionArg::Unnamed(FunctionArgExpr::Expr(argument)) = argument else { continue };
            // The arguments of window functions behind the first are read as constants.
            match cast_name(argument).filter(|_| is_aggregate || at == 0) {
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

/// The type of a cast.
fn cast_name(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Nested(inner) => cast_name(inner),
        Expr::Cast { data_type, .. } => Some(data_type.to_string()),
        _ => None,
    }
}
