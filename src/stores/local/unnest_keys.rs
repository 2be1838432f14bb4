//! Keys that are keys no more once arrays have become rows.
//!
//! After GROUP BY k a row is known by its k. The engine keeps believing that above an `unnest`, where a k has as many rows as
//! its array has items: it would leave out sort keys and group keys beside k. A key that went through a call is none to it.

use std::sync::Arc;

use datafusion::common::tree_node::Transformed;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, ScalarUDF};

use crate::functions;

/// The plan in which nothing above an `unnest` is taken for a key because it was one below.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    let hidden = functions::as_nullable();
    let shielded = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Unnest(unnest) if !unnest.input.schema().functional_dependencies().is_empty() => {
            let input = without_keys(Arc::clone(&unnest.input), &hidden)?;
            let node = LogicalPlan::Unnest(unnest);
            Ok(Transformed::yes(node.with_new_exprs(node.expressions(), vec![input])?))
        }
        other => Ok(Transformed::no(other)),
    })?;
    if !shielded.transformed {
        return Ok(shielded.data);
    }
    // What stands above has taken the keys over.
    Ok(shielded.data.transform_up_with_subqueries(|node| Ok(Transformed::yes(node.recompute_schema()?)))?.data)
}

fn without_keys(input: Arc<LogicalPlan>, hidden: &Arc<ScalarUDF>) -> Result<LogicalPlan, DataFusionError> {
    let schema = Arc::clone(input.schema());
    let is_key = |place: usize| schema.functional_dependencies().iter().any(|key| key.source_indices.contains(&place));
    let columns = schema.iter().enumerate().map(|(place, (qualifier, field))| {
        let column = Expr::Column((qualifier, field).into());
        if is_key(place) { hidden.call(vec![column]).alias_qualified(qualifier.cloned(), field.name()) } else { column }
    });
    Ok(LogicalPlan::Projection(Projection::try_new(columns.collect(), input)?))
}
