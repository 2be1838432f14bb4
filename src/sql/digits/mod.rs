//! The digits after the point of each numeric value of a result. A column has one scale here; in PostgreSQL a quotient has
//! as many digits as its operands ask for, and `coalesce(x, 0)` those of the branch that was taken.
//!
//! Comes in: the plan of a query, every cast explicit. Goes out: the same plan with a projection on top that gives the
//! columns whose values differ in their digits as texts, computed anew from the columns below.
//! Does not: touch a value that is compared, grouped or sorted; or a plan whose columns have one scale each.
//! Invariant: what a plan gives apart from columns that it adds is what it gave before.

mod carry;
mod exact;

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{Column, DataFusionError};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection};

use crate::base::SqlType;

use super::announced::Announced;
use super::operators::Operators;

use carry::Carry;

/// The plan with its numerics as they are shown. What is announced of those columns says so.
pub(super) fn plan(
    plan: LogicalPlan,
    announced: &mut [Announced],
    operators: &Operators,
) -> Result<LogicalPlan, DataFusionError> {
    let columns = plan.schema().columns();
    let is_open = |index: usize| {
        let has_digits = announced.get(index).is_none_or(|column| column.type_modifier >= 0);
        !has_digits && is_decimal(plan.schema().field(index).data_type())
    };
    let wanted: Vec<usize> = (0..columns.len()).filter(|index| is_open(*index)).collect();
    let asked: Vec<Column> = wanted.iter().map(|index| columns[*index].clone()).collect();
    let Some(lifted) = Carry::new(operators).lift(&plan, &asked)? else { return Ok(plan) };
    let mut shown: Vec<Expr> = columns.iter().cloned().map(Expr::Column).collect();
    for (index, text) in wanted.into_iter().zip(lifted.shown) {
        let Some(text) = text else { continue };
        shown[index] = text.alias_qualified(columns[index].relation.clone(), columns[index].name.clone());
        let numeric = SqlType::from_arrow(plan.schema().field(index).data_type());
        announced[index].text_type = numeric.ok();
    }
    Ok(LogicalPlan::Projection(Projection::try_new(shown, Arc::new(lifted.plan))?))
}

fn is_decimal(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Decimal128(..) | DataType::Decimal256(..))
}

/// Digits after the point of the values of a type; `None` for what is no exact number.
fn scale_of(data_type: &DataType) -> Option<i64> {
    match data_type {
        DataType::Decimal128(_, scale) | DataType::Decimal256(_, scale) => Some(i64::from(*scale)),
        other if other.is_integer() => Some(0),
        _ => None,
    }
}
