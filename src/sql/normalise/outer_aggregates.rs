//! Aggregates within a subquery that belong to a query around it: `HAVING EXISTS (SELECT … WHERE x < sum(t.v))`.
//!
//! The planner knows aggregates of the SELECT that they stand in only. It also takes a key of groups for a key of the rows
//! that `unnest` makes of each group. The groups become a table of their own, with a column for every key and every
//! aggregate, and the SELECT reads it: then its subqueries refer to columns.

use std::collections::HashMap;
use std::ops::ControlFlow;

use sqlparser::ast::{Expr, GroupByExpr, OrderBy, Query, Select, SelectItem, SetExpr, TableWithJoins, VisitorMut};

use crate::base::syntax_walk::walk_mut;
use crate::sql::check::{Findings, GroupedColumn, Groups, begin, of};
use crate::sql::words::folded;

use super::forms::{internal, take};
use super::system::{derived, quoted, select_from};

/// The name of the table of groups of a SELECT; no text can write it. Tables of SELECTs within one another have different
/// ones.
fn table_name(select: &Select) -> String {
    format!("\u{2063}groups{}", begin(&select.select_token.0))
}

/// Lifts such aggregates in every SELECT that has some.
pub(super) fn lift(query: &mut Query, findings: &Findings) {
    if findings.groups.is_empty() {
        return;
    }
    let _: ControlFlow<()> = walk_mut(query, &mut Lifter { groups: &findings.groups });
}

struct Lifter<'a> {
    groups: &'a HashMap<usize, Groups>,
}

impl VisitorMut for Lifter<'_> {
    type Break = ();

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let order_by = query.order_by.as_mut();
        self.lift_in(&mut query.body, order_by);
        ControlFlow::Continue(())
    }
}

impl Lifter<'_> {
    fn lift_in(&self, body: &mut SetExpr, order_by: Option<&mut OrderBy>) {
        match body {
            SetExpr::Select(select) => {
                if let Some(groups) = self.groups.get(&begin(&select.select_token.0)) {
                    lift_select(select, order_by, groups);
                }
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.lift_in(left, None);
                self.lift_in(right, None);
            }
            // A query has its own turn.
            _ => {}
        }
    }
}

fn lift_select(select: &mut Select, order_by: Option<&mut OrderBy>, groups: &Groups) {
    let table = table_name(select);
    let mut lifted = Lifted { groups, table: &table, aggregates: Vec::new(), left: false };
    let mut outer = select.clone();
    let mut sorted = order_by.as_deref().cloned();
    outer.from = Vec::new();
    outer.selection = None;
    outer.group_by = GroupByExpr::Expressions(Vec::new(), Vec::new());
    outer.projection.iter_mut().for_each(keep_name);
    let _: ControlFlow<()> = walk_mut(&mut outer, &mut lifted);
    let _: ControlFlow<()> = walk_mut(&mut sorted, &mut lifted);
    let is_star = |item: &SelectItem| matches!(item, SelectItem::Wildcard(_) | SelectItem::QualifiedWildcard(..));
    if lifted.left || outer.projection.iter().any(is_star) {
        // The planner says what it thinks of it.
        return;
    }
    outer.selection = outer.having.take();
    outer.projection.iter_mut().for_each(hide_key);

    let mut items: Vec<SelectItem> = Vec::new();
    let keys = groups.keys.iter().enumerate().map(|(place, key)| (key_name(place), key.clone()));
    let aggregates = lifted.aggregates.into_iter().enumerate();
    let aggregates = aggregates.map(|(place, aggregate)| (aggregate_name(place), aggregate));
    for (name, expr) in keys.chain(aggregates) {
        items.push(SelectItem::ExprWithAlias { expr, alias: quoted(&name) });
    }
    let mut inner = select_from(items, None);
    if let SetExpr::Select(grouped) = inner.body.as_mut() {
        grouped.from = std::mem::take(&mut select.from);
        grouped.selection = select.selection.take();
        let keys = if groups.sets.is_empty() { &groups.keys } else { &groups.sets };
        grouped.group_by = GroupByExpr::Expressions(keys.clone(), Vec::new());
    }
    let relation = derived(inner, &table, &[], false);
    outer.from = vec![TableWithJoins { relation, joins: Vec::new() }];
    *select = outer;
    if let (Some(order_by), Some(sorted)) = (order_by, sorted) {
        *order_by = sorted;
    }
}

/// A key that is selected goes through a call, which is no key to the planner.
fn hide_key(item: &mut SelectItem) {
    if let SelectItem::ExprWithAlias { expr: expr @ Expr::CompoundIdentifier(_), .. } = item {
        *expr = internal("as_column", vec![take(expr)]);
    }
}

/// A column keeps its name when another stands for it.
fn keep_name(item: &mut SelectItem) {
    let SelectItem::UnnamedExpr(expr) = item else { return };
    let name = match expr {
        Expr::Identifier(ident) => ident.clone(),
        Expr::CompoundIdentifier(parts) => match parts.last() {
            Some(ident) => ident.clone(),
            None => return,
        },
        _ => return,
    };
    *item = SelectItem::ExprWithAlias { expr: take(expr), alias: quoted(&folded(&name)) };
}

fn key_name(place: usize) -> String {
    format!("key{place}")
}

fn aggregate_name(place: usize) -> String {
    format!("aggregate{place}")
}

/// Puts columns of the table of groups for keys and aggregates.
struct Lifted<'a> {
    groups: &'a Groups,
    table: &'a str,
    aggregates: Vec<Expr>,
    /// Whether something is left that the table of groups does not have.
    left: bool,
}

impl Lifted<'_> {
    fn column(&self, name: &str) -> Expr {
        Expr::CompoundIdentifier(vec![quoted(self.table), quoted(name)])
    }

    fn is_aggregate(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::Function(call) if call.over.is_none() && self.groups.aggregates.contains(&begin(&call.name)))
    }

    /// The key that an expression is: a column by what it means, another by how it is written.
    fn key(&self, expr: &Expr) -> Option<usize> {
        if let Some(place) = column_place(expr) {
            return self.groups.columns.get(&place)?.key;
        }
        let written = self.canonical(expr)?;
        self.groups.keys.iter().position(|key| self.canonical(bare(key)).as_ref() == Some(&written))
    }

    /// An expression with one name for each column, however it is written; `None` where it is a column, or has one that is
    /// none of the SELECT but of a query inside.
    fn canonical(&self, expr: &Expr) -> Option<Expr> {
        struct Columns<'a>(&'a HashMap<usize, GroupedColumn>);
        impl VisitorMut for Columns<'_> {
            type Break = ();
            fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
                let Some(place) = column_place(expr) else { return ControlFlow::Continue(()) };
                let Some(column) = self.0.get(&place) else { return ControlFlow::Break(()) };
                *expr = Expr::Identifier(quoted(&column.id));
                ControlFlow::Continue(())
            }
        }
        let mut copy = (column_place(expr).is_none()).then(|| expr.clone())?;
        walk_mut(&mut copy, &mut Columns(&self.groups.columns)).is_continue().then_some(copy)
    }
}

fn column_place(expr: &Expr) -> Option<usize> {
    match expr {
        Expr::Identifier(ident) => Some(of(ident)),
        Expr::CompoundIdentifier(parts) => parts.first().map(of),
        _ => None,
    }
}

fn bare(expr: &Expr) -> &Expr {
    match expr {
        Expr::Nested(inner) => bare(inner),
        other => other,
    }
}

impl VisitorMut for Lifted<'_> {
    type Break = ();

    // From the outside: what an aggregate holds goes with it.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.is_aggregate(expr) {
            let place = self.aggregates.iter().position(|known| known == expr).unwrap_or(self.aggregates.len());
            let aggregate = std::mem::replace(expr, self.column(&aggregate_name(place)));
            if place == self.aggregates.len() {
                self.aggregates.push(aggregate);
            }
        } else if let Some(place) = self.key(expr) {
            *expr = self.column(&key_name(place));
        } else if let Some(place) = column_place(expr) {
            self.left |= self.groups.columns.contains_key(&place);
        }
        ControlFlow::Continue(())
    }
}
