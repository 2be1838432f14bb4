//! Casts between dates and timestamps, and intervals added to them, as PostgreSQL does them with what is infinite.
//!
//! Stores have no infinite values, so their pieces keep the library's own casts and operators. What runs in process gets
//! calls in their place, before the optimizer works out what is constant.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{BinaryExpr, Cast, Expr, ExprSchemable, LogicalPlan, Operator, ScalarUDF};

use crate::functions;

/// The plan, in which the library reckons with no date and no timestamp.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        if !may_reckon(&node)? {
            return Ok(Transformed::no(node));
        }
        let mut schema = merge_schema(&node.inputs());
        if let LogicalPlan::TableScan(scan) = &node {
            schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
        }
        let names = NamePreserver::new(&node);
        let shielded = node.map_expressions(|expr| match expr {
            // The keys of grouping sets have names of their own.
            Expr::GroupingSet(_) => {
                expr.map_children(|key| shield_expression(key, &schema, functions::time_cast_of_key))
            }
            expr => {
                let name = names.save(&expr);
                let done = shield_expression(expr, &schema, functions::time_cast)?;
                Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
            }
        })?;
        if shielded.transformed { shielded.map_data(LogicalPlan::recompute_schema) } else { Ok(shielded) }
    })
    .map(|shielded| shielded.data)
}

fn may_reckon(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= expr.exists(|part| Ok(is_candidate(part)))?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn is_candidate(part: &Expr) -> bool {
    match part {
        Expr::Cast(cast) => is_target(cast.field.data_type()),
        Expr::BinaryExpr(operation) => matches!(operation.op, Operator::Plus | Operator::Minus),
        _ => false,
    }
}

/// Whether a date or a timestamp may be cast to the type.
fn is_target(data_type: &DataType) -> bool {
    match data_type {
        DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(_, _) | DataType::Utf8 => true,
        DataType::List(element) => is_target(element.data_type()),
        _ => false,
    }
}

fn shield_expression(expr: Expr, schema: &DFSchema, cast_by: fn(DataType) -> ScalarUDF) -> Result<Transformed<Expr>> {
    expr.transform_up(|part| match part {
        Expr::Cast(cast) if is_target(cast.field.data_type()) => shield_cast(cast, schema, cast_by),
        Expr::BinaryExpr(operation) if matches!(operation.op, Operator::Plus | Operator::Minus) => {
            shield_sum(operation, schema)
        }
        other => Ok(Transformed::no(other)),
    })
}

fn shield_cast(cast: Cast, schema: &DFSchema, cast_by: fn(DataType) -> ScalarUDF) -> Result<Transformed<Expr>> {
    let wanted = cast.field.data_type();
    if !functions::is_time_cast(&cast.expr.get_type(schema)?, wanted) {
        return Ok(Transformed::no(Expr::Cast(cast)));
    }
    let function = cast_by(wanted.clone());
    Ok(Transformed::yes(call(function, vec![*cast.expr])))
}

/// The right side is asked first: a chain of sums stands on the left.
fn shield_sum(operation: BinaryExpr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_moved = matches!(operation.right.get_type(schema)?, DataType::Interval(_))
        && matches!(operation.left.get_type(schema)?, DataType::Timestamp(TimeUnit::Microsecond, _));
    if !is_moved {
        return Ok(Transformed::no(Expr::BinaryExpr(operation)));
    }
    let function = functions::moved_time(operation.op == Operator::Minus);
    Ok(Transformed::yes(call(function, vec![*operation.left, *operation.right])))
}

fn call(function: ScalarUDF, arguments: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(function), arguments))
}
