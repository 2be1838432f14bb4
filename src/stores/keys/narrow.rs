//! A piece with a filter of keys in it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::logical_plan::Filter;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::route::{Capability, Piece};

use super::descend::{Purpose, below};
use super::find::Transfer;

/// What is left of a piece when the keys are known.
#[derive(Debug)]
pub enum Narrowed {
    /// The rows with one of the keys.
    To(Arc<Piece>),
    /// No row can have a key.
    Nothing,
    /// All rows: its store cannot say the filter.
    Whole,
}

/// A piece with the keys of a transfer as a filter.
///
/// # Errors
/// When the piece has not the column of the transfer, or its plan cannot be built anew: defects.
pub fn narrowed(
    piece: &Piece,
    transfer: &Transfer,
    keys: &[ScalarValue],
    capability: &dyn Capability,
) -> Result<Narrowed> {
    let (qualifier, field) = piece.plan.schema().qualified_field(transfer.to.position);
    let values = values(keys, &transfer.compared_as, field.data_type())?;
    if values.is_empty() {
        return Ok(Narrowed::Nothing);
    }
    let can = |node: &LogicalPlan| capability.supports(piece.store, node);
    let narrower = filtered(piece.plan.clone(), Column::from((qualifier, field)), values, &can)?;
    Ok(narrower.map_or(Narrowed::Whole, |plan| Narrowed::To(Arc::new(Piece { plan, ..piece.clone() }))))
}

/// The keys as values of the column. What it cannot hold, none of its rows has.
fn values(keys: &[ScalarValue], compared_as: &DataType, column: &DataType) -> Result<Vec<Expr>> {
    let mut values = Vec::with_capacity(keys.len());
    for key in keys {
        let key = key.cast_to(compared_as)?;
        let Ok(value) = key.cast_to(column) else { continue };
        if value.cast_to(compared_as).is_ok_and(|again| again == key) {
            values.push(Expr::Literal(value, None));
        }
    }
    Ok(values)
}

/// The plan with a filter as near to its tables as the meaning allows; `None` when the store cannot say it.
#[recursive::recursive]
fn filtered(
    plan: LogicalPlan,
    column: Column,
    values: Vec<Expr>,
    can: &dyn Fn(&LogicalPlan) -> bool,
) -> Result<Option<LogicalPlan>> {
    let inner = if is_table(&plan) { None } else { below(&plan, &column, Purpose::Filter) };
    let inner = inner.and_then(|(at, expr)| match expr.unalias() {
        Expr::Column(inner) => Some((at, inner)),
        _ => None,
    });
    let Some((at, inner)) = inner else {
        let list = InList::new(Box::new(Expr::Column(column)), values, false);
        let filter = LogicalPlan::Filter(Filter::try_new(Expr::InList(list), Arc::new(plan))?);
        return Ok(can(&filter).then_some(filter));
    };
    let (mut place, mut rest, mut is_said) = (0, Some((inner, values)), true);
    let plan = plan.map_children(|input| {
        let is_here = place == at;
        place += 1;
        match rest.take_if(|_| is_here) {
            None => Ok(Transformed::no(input)),
            Some((inner, values)) => match filtered(input.clone(), inner, values, can)? {
                Some(narrower) => Ok(Transformed::yes(narrower)),
                None => {
                    is_said = false;
                    Ok(Transformed::no(input))
                }
            },
        }
    })?;
    Ok(is_said.then_some(plan.data))
}

/// A table under its guard, which stays the first condition on it.
fn is_table(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(_) => true,
        LogicalPlan::Filter(filter) => matches!(filter.input.as_ref(), LogicalPlan::TableScan(_)),
        _ => false,
    }
}
