//! The recursive side of the union, and where it reads the query itself.

use sqlparser::ast::{Distinct, GroupByExpr, Query, Select, SetExpr, TableFactor, TableWithJoins};

use crate::base::{ErrorReport, SqlState};

use super::stars::{Reference, Table, refused, write_stars};

/// The SELECT of a side, which parentheses may be around.
pub(super) fn select_of(side: &mut SetExpr) -> Option<&mut Select> {
    match side {
        SetExpr::Select(select) => Some(select),
        SetExpr::Query(query) => select_of(&mut query.body),
        _ => None,
    }
}

/// Readies the SELECT for more columns: it reads only its own where it says `*`.
pub(super) fn prepare(select: &mut Select, table: &Table<'_>) -> Result<Reference, ErrorReport> {
    let groups = !matches!(&select.group_by, GroupByExpr::Expressions(keys, _) if keys.is_empty());
    let is_distinct = !matches!(&select.distinct, None | Some(Distinct::All));
    if groups || is_distinct {
        let message = "DISTINCT and GROUP BY in the recursive part are not supported with a SEARCH or CYCLE clause";
        return Err(refused(message, select, "Take them out of the recursive part."));
    }
    let found = select.from.iter_mut().find_map(|from| in_joins(from, table));
    let reference = found.and_then(|factor| table.reference(factor)).ok_or_else(|| not_at_top(table.name))?;
    write_stars(select, std::slice::from_ref(&reference))?;
    Ok(reference)
}

/// What PostgreSQL says where only a subquery reads the query itself.
pub(super) fn not_at_top(name: &str) -> ErrorReport {
    let message = format!(
        "with a SEARCH or CYCLE clause, the recursive reference to WITH query \"{name}\" must be at the top level of its \
         right-hand SELECT"
    );
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

fn in_joins<'f>(from: &'f mut TableWithJoins, table: &Table<'_>) -> Option<&'f mut TableFactor> {
    let joined = from.joins.iter_mut().map(|join| &mut join.relation);
    std::iter::once(&mut from.relation).chain(joined).find_map(|factor| in_factor(factor, table))
}

fn in_factor<'f>(factor: &'f mut TableFactor, table: &Table<'_>) -> Option<&'f mut TableFactor> {
    if table.is(factor) {
        return Some(factor);
    }
    match factor {
        TableFactor::NestedJoin { table_with_joins, alias: None } => in_joins(table_with_joins, table),
        _ => None,
    }
}

/// A query of what a side is.
pub(super) fn as_query(side: SetExpr, mut template: Query) -> Query {
    match side {
        SetExpr::Query(query) => *query,
        other => {
            *template.body = other;
            template
        }
    }
}
