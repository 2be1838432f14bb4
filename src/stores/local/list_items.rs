//! What stands in a list after IN, where it is computed for each row: `x IN (1, CASE WHEN y THEN 2 END)`.
//!
//! The planner tries each item on no rows at all, and takes it for a constant when one value comes back (DataFusion 55.2). Of
//! a CASE one does, whatever it reads. So such items are calls of a function that gives a value for each row.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, ScalarUDF};

use crate::functions;

/// The optimised plan, in whose lists nothing is taken for a constant that is none.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    let item = Arc::new(functions::list_item());
    plan.transform_down_with_subqueries(|node| {
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|part| Ok(of_list(part, &item)))?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    })
    .map(|shielded| shielded.data)
}

fn of_list(part: Expr, item: &Arc<ScalarUDF>) -> Transformed<Expr> {
    let Expr::InList(mut list) = part else { return Transformed::no(part) };
    let mut changed = false;
    for value in list.list.iter_mut().filter(|value| is_computed(value)) {
        let arguments = vec![std::mem::take(value)];
        *value = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(item), arguments));
        changed = true;
    }
    Transformed::new_transformed(Expr::InList(list), changed)
}

/// A column has a value for each row by itself.
fn is_computed(value: &Expr) -> bool {
    !matches!(value, Expr::Column(_) | Expr::Literal(..)) && value.any_column_refs()
}
