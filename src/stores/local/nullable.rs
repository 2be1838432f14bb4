//! A subquery that gives no row is NULL, whatever its column says of itself.
//!
//! The engine takes a subquery's column for one that is never NULL where a table's is. A call that says nothing of the
//! kind is put around it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Subquery};

use crate::functions;

/// The plan, in which the value of a subquery may be NULL.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| {
        if !reads_subquery(&node)? {
            return Ok(Transformed::no(node));
        }
        node.map_expressions(|expr| expr.transform_up(shield_value))?.map_data(LogicalPlan::recompute_schema)
    })
    .map(|shielded| shielded.data)
}

fn reads_subquery(node: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    node.apply_expressions(|expr| {
        found |= expr.exists(|part| Ok(matches!(part, Expr::ScalarSubquery(subquery) if is_too_sure(subquery))))?;
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// What refers to outer rows is joined to them, and is NULL there by itself.
fn is_too_sure(subquery: &Subquery) -> bool {
    let schema = subquery.subquery.schema();
    let is_never_null = schema.fields().first().is_some_and(|field| !field.is_nullable());
    (is_never_null || is_worked_out(&subquery.subquery))
        && subquery.outer_ref_columns.is_empty()
        && !is_one_row(&subquery.subquery)
}

/// What a query works out, itself or in FROM, may turn out to be a constant, which is never NULL.
fn is_worked_out(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(_) => true,
        LogicalPlan::SubqueryAlias(alias) => is_worked_out(&alias.input),
        LogicalPlan::Limit(limit) => is_worked_out(&limit.input),
        LogicalPlan::Sort(sort) => is_worked_out(&sort.input),
        LogicalPlan::Filter(filter) => is_worked_out(&filter.input),
        LogicalPlan::Distinct(distinct) => is_worked_out(distinct.input()),
        _ => false,
    }
}

fn is_one_row(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Projection(projection) => is_one_row(&projection.input),
        LogicalPlan::SubqueryAlias(alias) => is_one_row(&alias.input),
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.is_empty(),
        LogicalPlan::EmptyRelation(empty) => empty.produce_one_row,
        _ => false,
    }
}

fn shield_value(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::ScalarSubquery(subquery) = expr else { return Ok(Transformed::no(expr)) };
    if !is_too_sure(&subquery) {
        return Ok(Transformed::no(Expr::ScalarSubquery(subquery)));
    }
    let plan = subquery.subquery;
    let (qualifier, field) = plan.schema().qualified_field(0);
    let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
    let call = ScalarFunction::new_udf(functions::as_nullable(), vec![column]);
    let value = Expr::ScalarFunction(call).alias_qualified(qualifier.cloned(), field.name());
    let plan = LogicalPlan::Projection(Projection::try_new(vec![value], plan)?);
    Ok(Transformed::yes(Expr::ScalarSubquery(Subquery { subquery: Arc::new(plan), ..subquery })))
}
