//! The sort keys of windows that share an operator, without names.
//!
//! The optimizer (common subexpressions, then simplification, in DataFusion 55.2) leaves a name on a key of one window and
//! none on the same key of its neighbour. The planner takes them for different keys then and panics, where it is built
//! with assertions.

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The optimised plan, in whose windows no key has a name.
pub(super) fn plain(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down_with_subqueries(|node| {
        if !matches!(node, LogicalPlan::Window(_)) {
            return Ok(Transformed::no(node));
        }
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_down(plain_keys)?.update_data(|expr| name.restore(expr)))
        })
    })
    .map(|plain| plain.data)
}

fn plain_keys(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut window) = expr else { return Ok(Transformed::no(expr)) };
    for key in &mut window.params.order_by {
        key.expr = std::mem::take(&mut key.expr).unalias_nested().data;
    }
    for key in &mut window.params.partition_by {
        *key = std::mem::take(key).unalias_nested().data;
    }
    Ok(Transformed::yes(Expr::WindowFunction(window)))
}
