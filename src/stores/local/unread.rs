//! Subqueries in columns that nobody reads: `SELECT 1 FROM (SELECT (SELECT … WHERE outer.x …) FROM t) s`.
//!
//! The stores are not asked for what only such a subquery reads. It would be made a join before the optimizer sees that it is
//! not needed, and the join would read what is not there.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, Result, ScalarValue, internal_err};
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
