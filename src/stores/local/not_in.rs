//! `x NOT IN (a) OR x NOT IN (b)`, kept as it is.
//!
//! The optimizer (`inlist_intersection` in DataFusion 55.2) makes `true` of it when the lists have nothing in common. For a
//! NULL `x` it is NULL. Such lists are hidden in a CASE that says so, before the optimizer sees them.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{BinaryExpr, Case, Expr, LogicalPlan, Operator};

/// The plan, in which no OR holds two NOT IN lists side by side.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down_with_subqueries(|node| {
        if !holds_pair(&node)? {
            return Ok(Transformed::no(node));
        }
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(shield_expression(expr)?.update_data(|expr| name.restore(expr)))
        })
    })
    .map(|shielded| shielded.data)
}

fn holds_pair(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        // What stands within an OR is counted with it.
        expr.apply(|part| {
            found |= is_or(part) && lists(part)? > 1;
            Ok(match (found, is_or(part)) {
                (true, _) => TreeNodeRecursion::Stop,
                (false, true) => TreeNodeRecursion::Jump,
                (false, false) => TreeNodeRecursion::Continue,
            })
        })?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_or(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::Or, .. }))
}

fn lists(expr: &Expr) -> Result<usize> {
    let mut count = 0;
    expr.apply(|part| {
        count += usize::from(matches!(part, Expr::InList(InList { negated: true, .. })));
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

fn shield_expression(expr: Expr) -> Result<Transformed<Expr>> {
    expr.transform_up(|part| match part {
        Expr::InList(list) if list.negated => {
            let when = Expr::IsNull(list.expr.clone());
            let unknown = Expr::Literal(ScalarValue::Boolean(None), None);
            let arms = vec![(Box::new(when), Box::new(unknown))];
            Ok(Transformed::yes(Expr::Case(Case::new(None, arms, Some(Box::new(Expr::InList(list)))))))
        }
        other => Ok(Transformed::no(other)),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use datafusion::prelude::{SessionContext, col, lit};

    use super::*;

    #[tokio::test]
    async fn a_null_is_in_neither_list_and_outside_of_neither() {
        let values: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), Some(2), None]));
        let batch = RecordBatch::try_from_iter_with_nullable([("x", values, true)]).unwrap();
        let context = SessionContext::new();
        let condition = col("x").in_list(vec![lit(1_i64)], true).or(col("x").in_list(vec![lit(2_i64)], true));
        let plan = context.read_batch(batch).unwrap().filter(condition).unwrap().into_unoptimized_plan();
        let plan = shield(plan).unwrap();
        let rows = context.execute_logical_plan(plan).await.unwrap().count().await.unwrap();
        assert_eq!(rows, 2, "the row with NULL is not kept");
    }
}
