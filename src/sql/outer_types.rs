//! The types of outer columns where subqueries name them, after the rows outside have got others.
//!
//! The planner writes the type of an outer column down where the column is named. A subquery whose outer rows have other
//! digits now, because casts were settled or a recursion has found its scale, would go on reckoning with the old one.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, internal_err};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::correlation::has_subqueries;
use super::settle::values_of;

type Result<T> = std::result::Result<T, DataFusionError>;

/// How deep a column may be handed on from one subquery to the next.
const DEPTH: usize = 16;

/// The plan, in which every outer column has the type that it has in the nearest query that has the column.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !has_subqueries(&plan)? {
        return Ok(plan);
    }
    let mut plan = known_anew(plan)?;
    for _ in 0..DEPTH {
        let before = plan.clone();
        // The outermost come first, so that the nearest have the last word.
        let bound = plan.transform_down_with_subqueries(bound_below)?;
        if !bound.transformed {
            return Ok(bound.data);
        }
        let now = known_anew(bound.data)?;
        // A name of several queries gets the type of each in turn, and of the nearest at last.
        if now == before {
            return Ok(now);
        }
        plan = now;
    }
    internal_err!("the types of outer columns go on changing")
}

/// The plan, whose every node has the columns that follow from those below it.
pub(super) fn known_anew(plan: LogicalPlan) -> Result<LogicalPlan> {
    Ok(plan.transform_up_with_subqueries(|node| Ok(Transformed::yes(of_inputs(node)?)))?.data)
}

/// A node with the columns that follow from its inputs, and VALUES with those that follow from its rows: LATERAL, they may
/// have got other types.
fn of_inputs(node: LogicalPlan) -> Result<LogicalPlan> {
    let LogicalPlan::Values(values) = node else { return node.recompute_schema() };
    let types: Vec<DataType> = values.schema.iter().map(|(_, field)| field.data_type().clone()).collect();
    let rows = values.values.into_iter().map(|row| row.into_iter().zip(&types).map(own_digits).collect());
    values_of(rows.collect())
}

/// A number without the cast that brought it to the digits of its column. What somebody wrote is marked, and stays.
fn own_digits((cell, column): (Expr, &DataType)) -> Expr {
    match cell {
        Expr::Cast(cast) if matches!(column, DataType::Decimal128(..)) && cast.field.data_type() == column => {
            *cast.expr
        }
        cell => cell,
    }
}

/// What stands in the subqueries of a node, and on the right side of a join, which may be LATERAL.
fn bound_below(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let rows = merge_schema(&node.inputs());
    let node = match node {
        LogicalPlan::Join(mut join) => {
            let right = bound_to(Arc::unwrap_or_clone(join.right), join.left.schema())?;
            join.right = Arc::new(right.data);
            Transformed::new_transformed(LogicalPlan::Join(join), right.transformed)
        }
        other => Transformed::no(other),
    };
    node.transform_data(|node| node.map_subqueries(|subquery| bound_to(subquery, &rows)))
}

fn bound_to(plan: LogicalPlan, rows: &DFSchema) -> Result<Transformed<LogicalPlan>> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Subquery(mut subquery) => {
            // Only a list of what stands within.
            let listed = std::mem::take(&mut subquery.outer_ref_columns).into_iter();
            subquery.outer_ref_columns =
                listed.map(|outer| Ok(typed(outer, rows)?.data)).collect::<Result<Vec<_>>>()?;
            Ok(Transformed::no(LogicalPlan::Subquery(subquery)))
        }
        node => node.map_expressions(|expr| expr.transform_up(|part| typed(part, rows))),
    })
}

fn typed(part: Expr, rows: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::OuterReferenceColumn(field, column) = part else { return Ok(Transformed::no(part)) };
    let now = rows.has_column(&column).then(|| rows.qualified_field_from_column(&column)).and_then(Result::ok);
    match now {
        Some((_, now)) if now.data_type() != field.data_type() => {
            Ok(Transformed::yes(Expr::OuterReferenceColumn(Arc::clone(now), column)))
        }
        Some(_) | None => Ok(Transformed::no(Expr::OuterReferenceColumn(field, column))),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::{Field, Schema};
    use datafusion::logical_expr::logical_plan::table_scan;
    use datafusion::logical_expr::{LogicalPlanBuilder, lit, scalar_subquery};

    use super::*;

    #[test]
    fn an_outer_column_has_the_type_of_the_rows_outside() {
        let now = DataType::Decimal128(38, 4);
        let outer = |data_type: &DataType| {
            let field = Arc::new(Field::new("x", data_type.clone(), true));
            Expr::OuterReferenceColumn(field, "t.x".into())
        };
        let inner = |data_type: &DataType| {
            let row = LogicalPlanBuilder::empty(true).project(vec![outer(data_type).alias("y")]).unwrap();
            let kept = row.filter(outer(data_type).gt(lit(0_i64))).unwrap().build().unwrap();
            scalar_subquery(Arc::new(kept))
        };
        let rows = Schema::new(vec![Field::new("x", now.clone(), true)]);
        let over = |subquery: Expr| {
            let rows = table_scan(Some("t"), &rows, None).unwrap();
            rows.project(vec![subquery.alias("z")]).unwrap().build().unwrap()
        };
        let retyped = plan(over(inner(&DataType::Decimal128(38, 2)))).unwrap();
        assert_eq!(retyped, over(inner(&now)));
        assert_eq!(retyped.schema().field(0).data_type(), &now);
    }
}
