//! `DISTINCT ON` as the first row of each group of rows.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_window::row_number::row_number_udwf;
use datafusion::logical_expr::expr::WindowFunction;
use datafusion::logical_expr::{
    Distinct, DistinctOn, Expr, ExprFunctionExt, Filter, LogicalPlan, LogicalPlanBuilder, Projection, lit,
};

/// The plan without `DISTINCT ON`, which the engine would make an aggregate of the first values of.
pub(super) fn lower(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Distinct(Distinct::On(on)) => first_rows(on).map(Transformed::yes),
        other => Ok(Transformed::no(other)),
    })
    .map(|lowered| lowered.data)
}

fn first_rows(on: DistinctOn) -> Result<LogicalPlan> {
    let DistinctOn { on_expr, select_expr, sort_expr, input, schema } = on;
    let keys = sort_expr.unwrap_or_default();
    let call = Expr::from(WindowFunction::new(row_number_udwf(), vec![])).partition_by(on_expr);
    let number = if keys.is_empty() { call.build()? } else { call.order_by(keys.clone()).build()? };
    let numbered = LogicalPlanBuilder::from(Arc::unwrap_or_clone(input)).window(vec![number.clone()])?.build()?;
    let number = Expr::Column(Column::from_name(number.schema_name().to_string()));
    let first = LogicalPlan::Filter(Filter::try_new(number.eq(lit(1_u64)), Arc::new(numbered))?);
    let builder = LogicalPlanBuilder::from(first);
    let sorted = if keys.is_empty() { builder } else { builder.sort(keys)? };
    Ok(LogicalPlan::Projection(Projection::try_new_with_schema(select_expr, Arc::new(sorted.build()?), schema)?))
}
