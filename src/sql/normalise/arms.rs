//! The first query of a set operation, whose columns have the types in which all of its queries meet: the planner takes the
//! types of the first one for those of the result, and plans with them what reads it.

use std::ops::ControlFlow;

use sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, TableWithJoins, VisitorMut};

use crate::base::ErrorReport;
use crate::base::syntax_walk::walk_mut;
use crate::sql::check::{ArmColumn, Findings, arm_place};

use super::forms::take;
use super::system::{derived, quoted, select_from};
use super::type_names::give;

/// Casts the columns of arms that have other types than their set operation.
pub(super) fn cast(query: &mut Query, findings: &Findings) -> Result<(), ErrorReport> {
    if findings.arms.is_empty() {
        return Ok(());
    }
    match walk_mut(query, &mut Queries(findings)) {
        ControlFlow::Break(report) => Err(*report),
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Queries<'a>(&'a Findings);

impl VisitorMut for Queries<'_> {
    type Break = Box<ErrorReport>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        match in_body(&mut query.body, self.0) {
            Ok(()) => ControlFlow::Continue(()),
            Err(report) => ControlFlow::Break(Box::new(report)),
        }
    }
}

fn in_body(body: &mut SetExpr, findings: &Findings) -> Result<(), ErrorReport> {
    let SetExpr::SetOperation { left, right, .. } = body else { return Ok(()) };
    for arm in [left, right] {
        match arm.as_mut() {
            SetExpr::SetOperation { .. } => in_body(arm, findings)?,
            leaf => {
                if let Some(columns) = findings.arms.get(&arm_place(leaf)) {
                    cast_columns(leaf, columns)?;
                }
            }
        }
    }
    Ok(())
}

/// A name that no text can give.
const ARM: &str = "\u{2063}arm";

fn cast_columns(arm: &mut SetExpr, columns: &[ArmColumn]) -> Result<(), ErrorReport> {
    if let SetExpr::Select(select) = arm
        && let Some(items) = items_of(select, columns.len())
    {
        return items.into_iter().zip(columns).try_for_each(|(item, column)| cast_item(item, column));
    }
    let names: Vec<String> = (0..columns.len()).map(|index| format!("column{index}")).collect();
    let named = |(name, column): (&String, &ArmColumn)| SelectItem::ExprWithAlias {
        expr: Expr::CompoundIdentifier(vec![quoted(ARM), quoted(name)]),
        alias: quoted(&column.name),
    };
    let mut outer = select_from(names.iter().zip(columns).map(named).collect(), None);
    let SetExpr::Select(select) = outer.body.as_mut() else { return Ok(()) };
    for (item, column) in select.projection.iter_mut().zip(columns) {
        cast_item(item, column)?;
    }
    std::mem::swap(arm, &mut outer.body);
    let SetExpr::Select(select) = arm else { return Ok(()) };
    let relation = derived(outer, ARM, &names, false);
    select.from = vec![TableWithJoins { relation, joins: Vec::new() }];
    Ok(())
}

/// The items of a SELECT list in which there is no star.
fn items_of(select: &mut Select, width: usize) -> Option<Vec<&mut SelectItem>> {
    let is_value = |item: &SelectItem| matches!(item, SelectItem::UnnamedExpr(_) | SelectItem::ExprWithAlias { .. });
    let all_values = select.projection.len() == width && select.projection.iter().all(is_value);
    all_values.then(|| select.projection.iter_mut().collect())
}

fn cast_item(item: &mut SelectItem, column: &ArmColumn) -> Result<(), ErrorReport> {
    let Some(wanted) = column.wanted else { return Ok(()) };
    let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { return Ok(()) };
    let mut cast = take(expr);
    give(&mut cast, wanted)?;
    let alias = match item {
        SelectItem::ExprWithAlias { alias, .. } => alias.clone(),
        _ => quoted(&column.name),
    };
    *item = SelectItem::ExprWithAlias { expr: cast, alias };
    Ok(())
}
