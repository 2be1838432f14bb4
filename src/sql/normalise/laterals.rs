//! Columns of the tables before a LATERAL query that it selects as they are: they keep their names.
//!
//! The planner gives them a name that says where they come from, and nothing finds them by their own.

use sqlparser::ast::{Expr, Ident, Select, SelectItem, SetExpr};

use crate::sql::words::folded;

use super::shapes::{Shapes, factors, name_of};
use super::system::quoted;

/// Names such columns of a LATERAL query.
pub(super) fn name_outer_columns(body: &mut SetExpr, shapes: &Shapes<'_>) {
    match body {
        SetExpr::Select(select) => {
            let names: Vec<Option<Ident>> = select.projection.iter().map(|item| outer(item, select, shapes)).collect();
            for (item, name) in select.projection.iter_mut().zip(names) {
                if let (SelectItem::UnnamedExpr(expr), Some(alias)) = (&mut *item, name) {
                    let expr = std::mem::replace(expr, Expr::Identifier(alias.clone()));
                    *item = SelectItem::ExprWithAlias { expr, alias };
                }
            }
        }
        // The names of a set operation are those of its first query.
        SetExpr::SetOperation { left, .. } => name_outer_columns(left, shapes),
        SetExpr::Query(query) => name_outer_columns(&mut query.body, shapes),
        _ => {}
    }
}

/// The name of a column that no table of the query itself has.
fn outer(item: &SelectItem, select: &Select, shapes: &Shapes<'_>) -> Option<Ident> {
    let SelectItem::UnnamedExpr(expr) = item else { return None };
    let (column, is_own) = match expr {
        Expr::CompoundIdentifier(parts) => {
            let [.., table, column] = parts.as_slice() else { return None };
            (column, factors(select).filter_map(name_of).any(|name| name == folded(table)))
        }
        Expr::Identifier(column) => {
            let name = folded(column);
            let has = |columns: Option<Vec<String>>| columns.is_none_or(|columns| columns.contains(&name));
            (column, factors(select).any(|factor| has(shapes.of_factor(factor))))
        }
        _ => return None,
    };
    (!is_own).then(|| quoted(&folded(column)))
}
