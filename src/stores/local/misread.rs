//! Expressions that the library takes for others (DataFusion 55.2), in a form in which it does not.
//!
//! - It takes the minus of `-(a & b)` for a complement, and makes `-a | -b` of it.
//! - Where `n::boolean` holds, it takes every number for 1, and drops sorts by it: a comparison with 0 is what is meant.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF};

use crate::functions;

/// The plan, in which such expressions say the same in other words.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    let opaque = Arc::new(functions::plain_key());
    plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|part| said_otherwise(part, &schema, &opaque))?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    })
    .map(|shielded| shielded.data)
}

fn said_otherwise(part: Expr, schema: &DFSchema, opaque: &Arc<ScalarUDF>) -> Result<Transformed<Expr>> {
    match part {
        Expr::Negative(inner) if is_of_bits(&inner) => {
            let hidden = ScalarFunction::new_udf(Arc::clone(opaque), vec![*inner]);
            Ok(Transformed::yes(Expr::Negative(Box::new(Expr::ScalarFunction(hidden)))))
        }
        Expr::Cast(cast)
            if *cast.field.data_type() == DataType::Boolean && cast.expr.get_type(schema)?.is_integer() =>
        {
            let zero = ScalarValue::new_zero(&cast.expr.get_type(schema)?)?;
            Ok(Transformed::yes((*cast.expr).not_eq(Expr::Literal(zero, None))))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn is_of_bits(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::BitwiseAnd | Operator::BitwiseOr, .. }))
}
