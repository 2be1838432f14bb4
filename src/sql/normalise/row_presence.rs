//! Whether there is a row of a table, which an outer join may leave out.
//!
//! Where it compares a column of the table, that column tells. Where nothing does, the table gets a column that does.

use std::collections::HashSet;

use sqlparser::ast::{
    BinaryOperator, Expr, Ident, JoinConstraint, JoinOperator, ObjectName, Query, Select, SelectItem,
    SelectItemQualifiedWildcardKind, SetExpr, TableAlias, TableFactor, Value, WildcardAdditionalOptions,
};

use crate::sql::words::folded;

use super::shapes::{Shapes, name_of};
use super::system::{quoted, select_from};

/// Something in FROM.
pub(super) struct Table {
    pub(super) name: String,
    /// `None` where they cannot be told here.
    pub(super) columns: Option<Vec<String>>,
    pub(super) presence: Presence,
    /// The column that is not NULL in any of its rows, if it was given one.
    mark: Option<Expr>,
}

/// Whether there is a row of a table.
pub(super) enum Presence {
    Always,
    /// Where this column of it is not NULL: an outer join compares it.
    Where(Box<Expr>),
    /// An outer join may have none, and nothing tells.
    Unknown,
}

/// What stands in FROM, with what its joins mean for it.
pub(super) fn tables(select: &Select, shapes: &Shapes<'_>) -> Vec<Table> {
    let mut tables = Vec::new();
    for from in &select.from {
        let first = tables.len();
        add(&from.relation, shapes, &mut tables);
        for join in &from.joins {
            let right = tables.len() - first;
            add(&join.relation, shapes, &mut tables);
            apply(&join.join_operator, &mut tables[first..], right);
        }
    }
    tables
}

/// What a join means for the rows of the tables that it joins; those of its right side begin at `right`.
pub(super) fn apply(operator: &JoinOperator, tables: &mut [Table], right: usize) {
    let (left, right) = tables.split_at_mut(right);
    match operator {
        JoinOperator::Left(on) | JoinOperator::LeftOuter(on) => right.iter_mut().for_each(|one| one.joined(on)),
        JoinOperator::Right(on) | JoinOperator::RightOuter(on) => left.iter_mut().for_each(|one| one.joined(on)),
        JoinOperator::FullOuter(_) => {
            let both = left.iter_mut().chain(right).filter(|one| matches!(one.presence, Presence::Always));
            both.for_each(|one| one.presence = one.marked().unwrap_or(Presence::Unknown));
        }
        _ => {}
    }
}

/// Adds an item of FROM, whose rows are there so far.
pub(super) fn add(factor: &TableFactor, shapes: &Shapes<'_>, tables: &mut Vec<Table>) {
    let Some(name) = name_of(factor) else { return };
    let mut columns = shapes.of_factor(factor);
    let mark = is_marked(factor).then(|| Expr::CompoundIdentifier(vec![quoted(&name), mark_of(&name)]));
    if let (Some(_), Some(all)) = (&mark, &mut columns) {
        // It is the last one.
        all.pop();
    }
    tables.push(Table { name, columns, presence: Presence::Always, mark });
}

/// Begins the names of columns that tell whether there is a row; no text can write it.
const MARK: &str = "\u{2063}there ";

/// Whether an item of FROM was given a mark.
fn is_marked(factor: &TableFactor) -> bool {
    let TableFactor::Derived { subquery, .. } = factor else { return false };
    let SetExpr::Select(select) = subquery.body.as_ref() else { return false };
    matches!(select.projection.last(), Some(SelectItem::ExprWithAlias { alias, .. }) if alias.value.starts_with(MARK))
}

fn mark_of(table: &str) -> Ident {
    quoted(&format!("{MARK}{table}"))
}

/// Gives tables a column that is NULL only where a join has none of their rows. Where a star would show it, it does not.
pub(super) fn mark(select: &mut Select, names: &HashSet<String>) {
    let is_star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if names.is_empty() || select.projection.iter().any(is_star) {
        return;
    }
    for from in &mut select.from {
        let joined = from.joins.iter_mut().map(|join| &mut join.relation);
        std::iter::once(&mut from.relation).chain(joined).for_each(|factor| mark_factor(factor, names));
    }
}

fn mark_factor(factor: &mut TableFactor, names: &HashSet<String>) {
    let can_be_marked = match factor {
        TableFactor::Table { args, sample, .. } => args.is_none() && sample.is_none(),
        TableFactor::Derived { lateral, .. } => !*lateral,
        _ => false,
    };
    let Some(name) = name_of(factor).filter(|name| can_be_marked && names.contains(name)) else { return };
    let all = SelectItemQualifiedWildcardKind::ObjectName(ObjectName::from(vec![quoted(&name)]));
    let mark = SelectItem::ExprWithAlias { expr: Expr::Value(Value::Boolean(true).into()), alias: mark_of(&name) };
    let items = vec![SelectItem::QualifiedWildcard(all, WildcardAdditionalOptions::default()), mark];
    let derived = |subquery: Query| {
        let alias = TableAlias { explicit: true, name: quoted(&name), columns: Vec::new(), at: None };
        TableFactor::Derived { lateral: false, subquery: Box::new(subquery), alias: Some(alias), sample: None }
    };
    let relation = std::mem::replace(factor, derived(select_from(Vec::new(), None)));
    *factor = derived(select_from(items, Some(relation)));
}

impl Table {
    /// Told by its mark, if it has one.
    fn marked(&self) -> Option<Presence> {
        self.mark.clone().map(|mark| Presence::Where(Box::new(mark)))
    }

    /// Its rows are only there where the condition of a join holds.
    fn joined(&mut self, constraint: &JoinConstraint) {
        if !matches!(self.presence, Presence::Always) {
            return;
        }
        if let Some(marked) = self.marked() {
            self.presence = marked;
            return;
        }
        let key = match constraint {
            JoinConstraint::On(condition) => self.compared_in(condition),
            JoinConstraint::Using(names) => {
                let first = names.first().and_then(|name| name.0.last()?.as_ident().cloned());
                first.map(|column| Expr::CompoundIdentifier(vec![quoted(&self.name), column]))
            }
            JoinConstraint::Natural | JoinConstraint::None => None,
        };
        self.presence = key.map_or(Presence::Unknown, |key| Presence::Where(Box::new(key)));
    }

    /// A column of this table that a condition says is equal to something, and so is not NULL where it holds.
    fn compared_in(&self, condition: &Expr) -> Option<Expr> {
        match condition {
            Expr::Nested(inner) => self.compared_in(inner),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                self.compared_in(left).or_else(|| self.compared_in(right))
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => {
                let own = |expr: &&Expr| match expr {
                    Expr::CompoundIdentifier(parts) => {
                        parts.iter().rev().nth(1).is_some_and(|table| folded(table) == self.name)
                    }
                    _ => false,
                };
                [left.as_ref(), right.as_ref()].into_iter().find(own).cloned()
            }
            _ => None,
        }
    }
}
