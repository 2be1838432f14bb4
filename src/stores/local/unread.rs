//! Subqueries in columns that nobody reads: `SELECT 1 FROM (SELECT (SELECT … WHERE outer.x …) FROM t) s`. So they stand in
//! aggregates and windows that nobody reads.
//!
//! The stores are not asked for what only such a subquery reads. It would be made a join before the optimizer sees that it is
//! not needed, and the join would read what is not there.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Result, ScalarValue, internal_err};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Projection};

use crate::route::ColumnSet;
use crate::route::columns::needs;
use crate::route::subqueries;

/// The plan, in which a column that nobody reads is NULL where it was a subquery.
pub(super) fn prune(plan: LogicalPlan) -> Result<LogicalPlan> {
    let wanted = ColumnSet::all(plan.schema().fields().len());
    pruned(plan, &wanted)
}

#[recursive::recursive]
fn pruned(plan: LogicalPlan, wanted: &ColumnSet) -> Result<LogicalPlan> {
    let needed = needs(&plan, wanted).map_err(|error| DataFusionError::External(Box::new(error)))?;
    let plan = match plan {
        LogicalPlan::Projection(projection) => without_unread(projection, wanted)?,
        LogicalPlan::Aggregate(mut aggregate) => {
            let first = aggregate.schema.fields().len().saturating_sub(aggregate.aggr_expr.len());
            blank_unread(&mut aggregate.aggr_expr, first, wanted, aggregate.input.schema())?;
            LogicalPlan::Aggregate(aggregate)
        }
        LogicalPlan::Window(mut window) => {
            let first = window.input.schema().fields().len();
            blank_unread(&mut window.window_expr, first, wanted, window.input.schema())?;
            LogicalPlan::Window(window)
        }
        other => other,
    };
    let plan = plan.map_subqueries(|subquery| prune(subquery).map(Transformed::yes))?.data;
    let mut at = 0;
    let mapped = plan.map_children(|input| {
        let Some(needed) = needed.get(at) else { return internal_err!("no input {at}") };
        at += 1;
        Ok(Transformed::yes(pruned(input, needed)?))
    })?;
    Ok(mapped.data)
}

fn without_unread(mut projection: Projection, wanted: &ColumnSet) -> Result<LogicalPlan> {
    let schema = Arc::clone(projection.input.schema());
    for (at, expr) in projection.expr.iter_mut().enumerate() {
        if !wanted.contains(at) && !subqueries::of_expr(expr).is_empty() {
            let null = Expr::Literal(ScalarValue::try_from(expr.get_type(&schema)?)?, None);
            let (qualifier, field) = projection.schema.qualified_field(at);
            *expr = null.alias_qualified(qualifier.cloned(), field.name());
        }
    }
    Ok(LogicalPlan::Projection(projection))
}

/// Calls that nobody reads, the first of which is the column `first`, keep their names and types and lose their subqueries.
/// Those over distinct values lose their columns, too: the optimizer makes such values keys of groups, which are read.
fn blank_unread(calls: &mut [Expr], first: usize, wanted: &ColumnSet, schema: &DFSchema) -> Result<()> {
    for (at, call) in calls.iter_mut().enumerate() {
        let is_distinct = matches!(unaliased(call), Expr::AggregateFunction(call) if call.params.distinct);
        if wanted.contains(first + at) || (!is_distinct && subqueries::of_expr(call).is_empty()) {
            continue;
        }
        let name = NamePreserver::new_for_projection().save(call);
        let blank = std::mem::take(call).transform_down(|expr| blank(expr, schema, is_distinct))?.data;
        *call = name.restore(blank);
    }
    Ok(())
}

fn blank(expr: Expr, schema: &DFSchema, with_columns: bool) -> Result<Transformed<Expr>> {
    match expr {
        Expr::Column(_) if with_columns => {
            let null = ScalarValue::try_from(expr.get_type(schema)?)?;
            Ok(Transformed::yes(Expr::Literal(null, None)))
        }
        Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) | Expr::SetComparison(_) => {
            let null = ScalarValue::try_from(expr.get_type(schema)?)?;
            Ok(Transformed::new(Expr::Literal(null, None), true, TreeNodeRecursion::Jump))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn unaliased(expr: &Expr) -> &Expr {
    match expr {
        Expr::Alias(alias) => unaliased(&alias.expr),
        other => other,
    }
}
