//! A table of an outer query whose name is also that of a column of a nearer one: `n.x` is the table's column in PostgreSQL,
//! and a field of the column `n` for the planner. Such a table gets a name that no column has.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, TableAlias,
    TableFactor, TableWithJoins, VisitorMut,
};

use crate::base::syntax_walk::walk_mut;
use crate::sql::check::{Findings, Hidden, begin, of};
use crate::sql::words::folded;

use super::names::marked;
use super::shapes::name_of;
use super::system::quoted;
use super::tables::plain_alias;

/// Renames such tables, and what names them.
pub(super) fn rename(query: &mut Query, findings: &Findings) {
    if findings.hidden.is_empty() {
        return;
    }
    let mut tables = Tables { hidden: &findings.hidden, places: HashMap::new() };
    let _: ControlFlow<()> = walk_mut(query, &mut tables);
    let _: ControlFlow<()> = walk_mut(query, &mut Names { places: tables.places });
}

/// Renames tables, and finds where they are named.
struct Tables<'a> {
    hidden: &'a HashMap<usize, Vec<Hidden>>,
    /// The new name for each place.
    places: HashMap<usize, String>,
}

impl VisitorMut for Tables<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for table in self.hidden.get(&begin(&select.select_token.0)).into_iter().flatten() {
            let fresh = marked(&table.name, 0);
            if !select.from.iter_mut().any(|from| rename_in(from, &table.name, &fresh)) {
                continue;
            }
            self.places.extend(table.places.iter().map(|place| (*place, fresh.clone())));
            for item in &mut select.projection {
                if let SelectItem::QualifiedWildcard(SelectItemQualifiedWildcardKind::ObjectName(name), _) = item
                    && name.0.len() == 1
                    && name.0.first().and_then(ObjectNamePart::as_ident).is_some_and(|own| folded(own) == table.name)
                {
                    *name = ObjectName::from(vec![quoted(&fresh)]);
                }
            }
        }
        ControlFlow::Continue(())
    }
}

/// Whether the table of that name was there, and could be renamed.
fn rename_in(from: &mut TableWithJoins, name: &str, fresh: &str) -> bool {
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    std::iter::once(&mut from.relation).chain(joined).any(|factor| rename_factor(factor, name, fresh))
}

fn rename_factor(factor: &mut TableFactor, name: &str, fresh: &str) -> bool {
    if let TableFactor::NestedJoin { table_with_joins, alias: None } = factor {
        return rename_in(table_with_joins, name, fresh);
    }
    if name_of(factor).or_else(|| alias_of(factor)).is_none_or(|own| own != name) {
        return false;
    }
    let alias = match factor {
        TableFactor::Table { alias, args: None, .. } => alias.get_or_insert_with(|| plain_alias(quoted(name))),
        TableFactor::Derived { alias: Some(alias), .. } => alias,
        // The column of a function has the name of the table, where it has none of its own.
        TableFactor::Table { alias: Some(alias), .. }
        | TableFactor::Function { alias: Some(alias), .. }
        | TableFactor::UNNEST { alias: Some(alias), .. }
            if !alias.columns.is_empty() =>
        {
            alias
        }
        _ => return false,
    };
    alias.name = Ident { value: fresh.to_owned(), quote_style: Some('"'), span: alias.name.span };
    true
}

fn alias_of(factor: &TableFactor) -> Option<String> {
    let (TableFactor::Function { alias: Some(TableAlias { name, .. }), .. }
    | TableFactor::UNNEST { alias: Some(TableAlias { name, .. }), .. }) = factor
    else {
        return None;
    };
    Some(folded(name))
}

/// Puts the new names where the old ones were.
struct Names {
    places: HashMap<usize, String>,
}

impl VisitorMut for Names {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let table = match expr {
            Expr::Identifier(table) => table,
            Expr::CompoundIdentifier(parts) => match parts.as_mut_slice() {
                [table, _] => table,
                _ => return ControlFlow::Continue(()),
            },
            _ => return ControlFlow::Continue(()),
        };
        if let Some(fresh) = self.places.get(&of(table)) {
            *table = Ident { value: fresh.clone(), quote_style: Some('"'), span: table.span };
        }
        ControlFlow::Continue(())
    }
}
