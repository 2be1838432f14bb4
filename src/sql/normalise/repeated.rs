//! A star beside items of the same names: `SELECT symbol, * FROM t`, `SELECT t.*, t.*`.
//!
//! PostgreSQL allows the same column twice in one list and the planner does not, so a star that repeats a name is written
//! out, and what comes later bears the mark of [`super::names`].

use std::collections::HashSet;

use sqlparser::ast::{
    Expr, Ident, ObjectNamePart, Select, SelectItem, SelectItemQualifiedWildcardKind, TableFactor, Value,
};

use crate::sql::words::folded;

use super::names::{figured, shown, unique};
use super::shapes::{Shapes, factors, name_of};
use super::system::quoted;

/// Writes the stars of a list out where one of their columns is in it twice.
pub(super) fn write_out(select: &mut Select, shapes: &Shapes<'_>) {
    let is_star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if select.projection.len() < 2 {
        return;
    }
    if !select.projection.iter().any(is_star) {
        // A star over merged columns was written out before.
        mark(&mut select.projection);
        return;
    }
    let written: Option<Vec<Vec<SelectItem>>> =
        select.projection.iter().map(|item| columns(item, select, shapes)).collect();
    let Some(mut written) = written.map(|lists| lists.into_iter().flatten().collect::<Vec<_>>()) else { return };
    if mark(&mut written) {
        select.projection = written;
    }
}

/// Marks the names that were there before; whether there were any.
fn mark(items: &mut [SelectItem]) -> bool {
    let mut taken = HashSet::new();
    let mut repeats = false;
    for item in items {
        let name = name(item);
        let unique = unique(&name, &mut taken);
        if unique != name {
            repeats = true;
            rename(item, unique);
        }
    }
    repeats
}

/// What an item stands for; `None` where that cannot be told here.
fn columns(item: &SelectItem, select: &Select, shapes: &Shapes<'_>) -> Option<Vec<SelectItem>> {
    match item {
        SelectItem::Wildcard(_) => {
            let lists: Option<Vec<_>> = factors(select).map(|factor| of_factor(factor, shapes)).collect();
            Some(lists?.into_iter().flatten().collect())
        }
        SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) => {
            let table = name.0.last().and_then(ObjectNamePart::as_ident).map(folded)?;
            let mut named = factors(select).filter(|factor| name_of(factor).as_deref() == Some(table.as_str()));
            of_factor(named.next()?, shapes)
        }
        SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. } => Some(vec![item.clone()]),
        SelectItem::QualifiedWildcard(..) | SelectItem::ExprWithAliases { .. } => None,
    }
}

fn of_factor(factor: &TableFactor, shapes: &Shapes<'_>) -> Option<Vec<SelectItem>> {
    let table = name_of(factor)?;
    let columns = shapes.of_factor(factor)?;
    // A query in FROM has marked its own names in the same way.
    let mut taken = HashSet::new();
    let names = columns.iter().map(|name| quoted(&unique(name, &mut taken)));
    Some(names.map(|name| SelectItem::UnnamedExpr(Expr::CompoundIdentifier(vec![quoted(&table), name]))).collect())
}

fn name(item: &SelectItem) -> String {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => folded(alias),
        SelectItem::UnnamedExpr(expr) => shown(&figured(expr)).to_owned(),
        SelectItem::ExprWithAliases { .. } | SelectItem::QualifiedWildcard(..) | SelectItem::Wildcard(_) => {
            String::new()
        }
    }
}

fn rename(item: &mut SelectItem, name: String) {
    if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
        let expr = std::mem::replace(expr, Expr::Value(Value::Null.into()));
        *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
    }
}
