//! Which columns determine others, as the library believes: knowledge that is not to be relied on.
//!
//! Where an aggregate groups rows that have such knowledge already, the library (DataFusion 55.2) says that each of their
//! keys determines the whole group: of `GROUP BY a.key, b.x` over a join of `a` that it takes `a.key` for unique. Keys of
//! groups and of sorts were dropped then, others added, DISTINCT left out, and LEFT JOINs. So the knowledge is taken back
//! before something relies on it.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, FunctionalDependencies, JoinType, Result};
use datafusion::logical_expr::{Distinct, LogicalPlan};

/// Whether some node of the plan was told what determines its columns, and may have concluded what is wrong.
///
/// # Errors
/// None of its own.
pub fn are_misled(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        let concludes = match node {
            LogicalPlan::Aggregate(aggregate) => !aggregate.group_expr.is_empty(),
            LogicalPlan::Join(join) => join.join_type != JoinType::Inner,
            LogicalPlan::Window(_) => true,
            _ => false,
        };
        found = concludes && node.inputs().iter().any(|input| are_known(input));
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

fn are_known(plan: &LogicalPlan) -> bool {
    !plan.schema().functional_dependencies().is_empty()
}

/// The plan, none of whose nodes knows of any.
///
/// # Errors
/// When a schema is not one of as many columns, which cannot be.
pub fn forget(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| Ok(Transformed::yes(forget_node(node)?))).map(|plan| plan.data)
}

/// The plan, whose result knows of none.
///
/// # Errors
/// As [`forget`].
pub fn forget_result(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !are_known(&plan) {
        return Ok(plan);
    }
    // Of these, the columns are those of what they read.
    plan.transform_down(|node| {
        let goes_on = matches!(
            node,
            LogicalPlan::Filter(_)
                | LogicalPlan::Sort(_)
                | LogicalPlan::Limit(_)
                | LogicalPlan::Repartition(_)
                | LogicalPlan::Distinct(Distinct::All(_))
        );
        let recursion = if goes_on { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop };
        Ok(Transformed::new(forget_node(node)?, true, recursion))
    })
    .map(|plan| plan.data)
}

fn forget_node(mut node: LogicalPlan) -> Result<LogicalPlan> {
    match &mut node {
        LogicalPlan::Projection(projection) => clear(&mut projection.schema)?,
        LogicalPlan::Window(window) => clear(&mut window.schema)?,
        LogicalPlan::Aggregate(aggregate) => clear(&mut aggregate.schema)?,
        LogicalPlan::Join(join) => clear(&mut join.schema)?,
        LogicalPlan::SubqueryAlias(alias) => clear(&mut alias.schema)?,
        LogicalPlan::Unnest(unnest) => clear(&mut unnest.schema)?,
        LogicalPlan::Union(union) => clear(&mut union.schema)?,
        LogicalPlan::Distinct(Distinct::On(distinct)) => clear(&mut distinct.schema)?,
        _ => {}
    }
    Ok(node)
}

fn clear(schema: &mut DFSchemaRef) -> Result<()> {
    if !schema.functional_dependencies().is_empty() {
        let bare = schema.as_ref().clone().with_functional_dependencies(FunctionalDependencies::empty())?;
        *schema = Arc::new(bare);
    }
    Ok(())
}
