//! Sorts of rows without columns, as `count(*)` over `… ORDER BY random()` has them: there is nothing to put in order, and the
//! library (DataFusion 55.2) loses the number of such rows while it sorts.

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::{Limit, LogicalPlan, lit};

/// The optimised plan without such sorts.
pub(super) fn unsorted(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Sort(sort) if sort.input.schema().fields().is_empty() => {
            let Some(fetch) = sort.fetch else {
                return Ok(Transformed::yes(std::sync::Arc::unwrap_or_clone(sort.input)));
            };
            let fetch = Some(Box::new(lit(i64::try_from(fetch).unwrap_or(i64::MAX))));
            Ok(Transformed::yes(LogicalPlan::Limit(Limit { skip: None, fetch, input: sort.input })))
        }
        other => Ok(Transformed::no(other)),
    })
    .map(|plan| plan.data)
}
