//! An aggregate without keys gives one row whatever it reads, and so does the empty one of several grouping sets.
//!
//! The optimizer (`push_down_filter` in DataFusion 55.2) moves a condition without columns below such an aggregate: the
//! row then comes although the condition is false. A limit of one row, or of more than there are, changes nothing above it,
//! and no condition passes it.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::{Expr, Limit, LogicalPlan, lit};

/// The plan, in which every aggregate without keys, or with grouping sets, stands under a limit. Subqueries that read the query
/// around them stay as they are: there the optimizer looks for the aggregate itself.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up(|node| {
        let node = node.map_subqueries(|subquery| match &subquery {
            LogicalPlan::Subquery(query) if query.outer_ref_columns.is_empty() => {
                shield(subquery).map(Transformed::yes)
            }
            _ => Ok(Transformed::no(subquery)),
        })?;
        Ok(node.update_data(limited))
    })
    .map(|shielded| shielded.data)
}

fn limited(node: LogicalPlan) -> LogicalPlan {
    let LogicalPlan::Aggregate(aggregate) = &node else { return node };
    let most = match aggregate.group_expr.as_slice() {
        [] => 1_i64,
        [Expr::GroupingSet(_)] => i64::MAX,
        _ => return node,
    };
    LogicalPlan::Limit(Limit { skip: None, fetch: Some(Box::new(lit(most))), input: Arc::new(node) })
}

#[cfg(test)]
mod tests {
    use datafusion::common::ScalarValue;
    use datafusion::functions_aggregate::expr_fn::count;
    use datafusion::logical_expr::LogicalPlanBuilder;
    use datafusion::prelude::{SessionContext, col};

    use super::*;

    #[tokio::test]
    async fn a_condition_without_columns_stays_above_the_aggregate() {
        let values = LogicalPlanBuilder::values(vec![vec![lit(1_i64)], vec![lit(2_i64)]]).unwrap();
        let total =
            values.aggregate(Vec::<datafusion::logical_expr::Expr>::new(), vec![count(col("column1"))]).unwrap();
        let nothing = datafusion::logical_expr::Expr::Literal(ScalarValue::Utf8(None), None);
        let named = total.project(vec![nothing.alias("name"), col("count(column1)").alias("n")]).unwrap();
        let plan = named.filter(col("name").is_not_null()).unwrap().build().unwrap();
        let frame = SessionContext::new().execute_logical_plan(shield(plan).unwrap()).await.unwrap();
        assert_eq!(frame.count().await.unwrap(), 0);
    }
}
