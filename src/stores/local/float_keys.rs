//! Floats that rows are sorted by, that partitions are made of, and that DISTINCT counts.
//!
//! There the library orders floats by their bits: -0 before 0, and a NaN by its sign. For PostgreSQL the zeros are one value,
//! and so are the NaNs. Stores have orders of their own, so only what runs in process is changed.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{ScalarFunction, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ScalarUDF};

use crate::functions;

/// The plan, in which such floats have one zero and one NaN.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plain = Arc::new(functions::plain_float());
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Sort(mut sort) => {
            let changed = plain_sorts(&mut sort.expr, sort.input.schema(), &plain)?;
            Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), changed))
        }
        LogicalPlan::Window(_) | LogicalPlan::Aggregate(_) => calls(node, &plain),
        other => Ok(Transformed::no(other)),
    })
    .map(|shielded| shielded.data)
}

fn calls(node: LogicalPlan, plain: &Arc<ScalarUDF>) -> Result<Transformed<LogicalPlan>> {
    let schema = merge_schema(&node.inputs());
    let names = NamePreserver::new(&node);
    let done = node.map_expressions(|expr| {
        let name = names.save(&expr);
        let done = expr.transform_up(|part| plain_call(part, &schema, plain))?;
        Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
    })?;
    if done.transformed { done.map_data(LogicalPlan::recompute_schema) } else { Ok(done) }
}

fn plain_call(part: Expr, schema: &DFSchema, plain: &Arc<ScalarUDF>) -> Result<Transformed<Expr>> {
    match part {
        Expr::WindowFunction(mut call) => {
            let sorted = plain_sorts(&mut call.params.order_by, schema, plain)?;
            let changed = plain_all(&mut call.params.partition_by, schema, plain)? || sorted;
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        // This server's own aggregates know how floats compare.
        Expr::AggregateFunction(mut call) if !functions::is_own_aggregate(&call.func) => {
            let sorted = plain_sorts(&mut call.params.order_by, schema, plain)?;
            let changed = call.params.distinct && plain_all(&mut call.params.args, schema, plain)?;
            Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed || sorted))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn plain_sorts(sorts: &mut [Sort], schema: &DFSchema, plain: &Arc<ScalarUDF>) -> Result<bool> {
    let mut changed = false;
    for sort in sorts {
        changed |= plain_one(&mut sort.expr, schema, plain)?;
    }
    Ok(changed)
}

fn plain_all(keys: &mut [Expr], schema: &DFSchema, plain: &Arc<ScalarUDF>) -> Result<bool> {
    let mut changed = false;
    for key in keys {
        changed |= plain_one(key, schema, plain)?;
    }
    Ok(changed)
}

fn plain_one(key: &mut Expr, schema: &DFSchema, plain: &Arc<ScalarUDF>) -> Result<bool> {
    if !key.get_type(schema)?.is_floating() {
        return Ok(false);
    }
    let arguments = vec![std::mem::take(key)];
    *key = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(plain), arguments));
    Ok(true)
}
