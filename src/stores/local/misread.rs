//! Expressions that the library takes for others (DataFusion 55.2), in a form in which it does not.
//!
//! - It takes the minus of `-(a & b)` for a complement, and makes `-a | -b` of it.
//! - It tells a NaN with a sign from one without. Both come of arithmetic, and are one value.
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
    let hiding = Hiding { opaque: Arc::new(functions::plain_key()), plain_nan: Arc::new(functions::plain_nan()) };
    plan.transform_up_with_subqueries(|node| {
        let schema = merge_schema(&node.inputs());
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|part| hiding.said_otherwise(part, &schema))?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    })
    .map(|shielded| shielded.data)
}

struct Hiding {
    opaque: Arc<ScalarUDF>,
    plain_nan: Arc<ScalarUDF>,
}

impl Hiding {
    fn said_otherwise(&self, part: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        match part {
            Expr::Negative(inner) if is_of_bits(&inner) => {
                let hidden = call(&self.opaque, *inner);
                Ok(Transformed::yes(Expr::Negative(Box::new(hidden))))
            }
            Expr::Negative(inner) if self.is_float(&inner, schema)? => {
                let negative = Expr::Negative(Box::new(self.bare(*inner)));
                Ok(Transformed::yes(call(&self.plain_nan, negative)))
            }
            Expr::BinaryExpr(BinaryExpr {
                left,
                op: op @ (Operator::Plus | Operator::Minus | Operator::Multiply),
                right,
            }) if self.is_float(&right, schema)? => {
                let (left, right) = (self.bare(*left), self.bare(*right));
                let number = Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right)));
                Ok(Transformed::yes(call(&self.plain_nan, number)))
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

    fn is_wrapped(&self, expr: &Expr) -> bool {
        matches!(expr, Expr::ScalarFunction(call) if call.func.name() == self.plain_nan.name())
    }

    /// A step of a chain: what its last step gives is looked at, and no step before.
    fn bare(&self, expr: Expr) -> Expr {
        match expr {
            Expr::ScalarFunction(mut call) if call.func.name() == self.plain_nan.name() => {
                call.args.pop().unwrap_or_default()
            }
            other => other,
        }
    }

    fn is_float(&self, expr: &Expr, schema: &DFSchema) -> Result<bool> {
        Ok(self.is_wrapped(expr) || expr.get_type(schema)?.is_floating())
    }
}

fn call(function: &Arc<ScalarUDF>, argument: Expr) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), vec![argument]))
}

fn is_of_bits(expr: &Expr) -> bool {
    matches!(expr, Expr::BinaryExpr(BinaryExpr { op: Operator::BitwiseAnd | Operator::BitwiseOr, .. }))
}
