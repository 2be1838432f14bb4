//! The subqueries that stand in expressions.

use datafusion::common::Column;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The subqueries of an expression, without those inside them.
#[must_use]
pub fn of_expr(expr: &Expr) -> Vec<&Subquery> {
    let mut found = Vec::new();
    // The closure never fails.
    drop(expr.apply(|node| {
        match node {
            Expr::ScalarSubquery(subquery) => found.push(subquery),
            Expr::Exists(exists) => found.push(&exists.subquery),
            Expr::InSubquery(membership) => found.push(&membership.subquery),
            Expr::SetComparison(comparison) => found.push(&comparison.subquery),
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    }));
    found
}

/// Whether an expression of this node, or a subquery in one, reads a column of a query further out.
#[must_use]
pub fn reads_outer(node: &LogicalPlan) -> bool {
    let inputs = node.inputs();
    let is_own = |column: &Column| inputs.iter().any(|input| input.schema().has_column(column));
    let is_outer = |read: &Expr| matches!(read, Expr::OuterReferenceColumn(_, column) if !is_own(column));
    let mut reads = false;
    drop(node.apply_expressions(|expr| {
        expr.apply(|inner| {
            reads |= matches!(inner, Expr::OuterReferenceColumn(..));
            Ok(if reads { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        reads |= of_expr(expr).iter().any(|subquery| subquery.outer_ref_columns.iter().any(is_outer));
        Ok(if reads { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    }));
    reads
}
