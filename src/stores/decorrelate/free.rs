//! Which outer columns a plan refers to without binding them itself.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Subquery};

/// The outer columns that a plan leaves free, in the order in which they are met.
pub(super) fn columns(plan: &LogicalPlan) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    collect(plan, &mut found)?;
    Ok(found)
}

/// Those of an expression that belongs to a plan with these inputs: its own, and what its subqueries leave free and the
/// inputs do not have.
pub(super) fn columns_of_expression(expression: &Expr, inputs: &[&LogicalPlan]) -> Result<Vec<Column>> {
    let mut found = Vec::new();
    collect_from_expression(expression, inputs, &mut found)?;
    Ok(found)
}

/// The subquery of an expression that is one.
pub(super) fn subquery_of(expression: &Expr) -> Option<&Subquery> {
    match expression {
        Expr::ScalarSubquery(subquery) => Some(subquery),
        Expr::Exists(exists) => Some(&exists.subquery),
        Expr::InSubquery(within) => Some(&within.subquery),
        Expr::SetComparison(comparison) => Some(&comparison.subquery),
        _ => None,
    }
}

fn collect(plan: &LogicalPlan, found: &mut Vec<Column>) -> Result<()> {
    let inputs = plan.inputs();
    if let LogicalPlan::Join(join) = plan {
        collect(&join.left, found)?;
        // LATERAL: the right side sees the columns of the left.
        let mut right = Vec::new();
        collect(&join.right, &mut right)?;
        right.into_iter().filter(|column| !join.left.schema().has_column(column)).for_each(|column| add(found, column));
    } else {
        inputs.iter().try_for_each(|input| collect(input, found))?;
    }
    plan.apply_expressions(|expression| {
        collect_from_expression(expression, &inputs, found)?;
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn collect_from_expression(expression: &Expr, inputs: &[&LogicalPlan], found: &mut Vec<Column>) -> Result<()> {
    expression.apply(|part| {
        if let Expr::OuterReferenceColumn(_, column) = part {
            add(found, column.clone());
        } else if let Some(subquery) = subquery_of(part) {
            let free = columns(&subquery.subquery)?;
            let bound = |column: &Column| inputs.iter().any(|input| input.schema().has_column(column));
            free.into_iter().filter(|column| !bound(column)).for_each(|column| add(found, column));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(())
}

fn add(found: &mut Vec<Column>, column: Column) {
    if !found.contains(&column) {
        found.push(column);
    }
}
