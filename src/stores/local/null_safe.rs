//! Joins for which NULL equals NULL, kept apart from other conditions.
//!
//! A join has one answer for all of its keys to whether NULL equals NULL. The library (DataFusion 55.2) adds plain
//! equalities to the keys of a join that says yes, those of a filter above it or of a join below it, and rows meet whose
//! values are both NULL. Correlated subqueries are such joins here, and so is IS NOT DISTINCT FROM.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNodeRecursion};
use datafusion::common::{NullEquality, Result};
use datafusion::logical_expr::{Join, JoinType, LogicalPlan, Partitioning, Repartition};
use datafusion::optimizer::eliminate_cross_join::EliminateCrossJoin;
use datafusion::optimizer::extract_equijoin_predicate::ExtractEquijoinPredicate;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{Optimizer, OptimizerConfig, OptimizerRule};

pub(super) type Rule = Arc<dyn OptimizerRule + Send + Sync>;

/// The library's rules, two of them guarded.
pub(super) fn rules() -> Vec<Rule> {
    let guarded = |rule: Rule| -> Rule {
        match rule.name() {
            "extract_equijoin_predicate" => Arc::new(Extract(ExtractEquijoinPredicate::new())),
            "eliminate_cross_join" => Arc::new(Reorder(EliminateCrossJoin::new())),
            _ => rule,
        }
    };
    Optimizer::new().rules.into_iter().map(guarded).collect()
}

fn is_null_safe(join: &Join) -> bool {
    join.null_equality == NullEquality::NullEqualsNull && !join.on.is_empty()
}

/// Equalities of a join's filter become keys of the join, unless NULL equals NULL among its keys.
#[derive(Debug)]
struct Extract(ExtractEquijoinPredicate);

impl OptimizerRule for Extract {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        match &plan {
            LogicalPlan::Join(join) if is_null_safe(join) => Ok(Transformed::no(plan)),
            _ => self.0.rewrite(plan, config),
        }
    }
}

/// Inner joins are put in an order in which each has keys. Those for which NULL equals NULL stay where they are.
#[derive(Debug)]
struct Reorder(EliminateCrossJoin);

impl OptimizerRule for Reorder {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let mut has_null_safe = false;
        plan.apply_with_subqueries(|node| {
            has_null_safe = is_null_safe_inner(node);
            Ok(if has_null_safe { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if !has_null_safe {
            return self.0.rewrite(plan, config);
        }
        let fenced = plan.transform_up_with_subqueries(|node| Ok(fence(node))).data()?;
        let reordered = self.0.rewrite(fenced, config)?;
        let changed = reordered.transformed;
        let plan = reordered.data.transform_up_with_subqueries(|node| Ok(unfence(node))).data()?;
        Ok(Transformed::new(plan, changed, TreeNodeRecursion::Continue))
    }
}

fn is_null_safe_inner(node: &LogicalPlan) -> bool {
    matches!(node, LogicalPlan::Join(join) if join.join_type == JoinType::Inner && is_null_safe(join))
}

/// Such a join between nodes that the rule does not look through. No plan has them otherwise.
fn fence(node: LogicalPlan) -> Transformed<LogicalPlan> {
    match node {
        LogicalPlan::Join(join) if join.join_type == JoinType::Inner && is_null_safe(&join) => {
            let (left, right) = (Arc::new(fenced(join.left)), Arc::new(fenced(join.right)));
            Transformed::yes(fenced(Arc::new(LogicalPlan::Join(Join { left, right, ..join }))))
        }
        other => Transformed::no(other),
    }
}

fn fenced(input: Arc<LogicalPlan>) -> LogicalPlan {
    LogicalPlan::Repartition(Repartition { input, partitioning_scheme: Partitioning::RoundRobinBatch(1) })
}

fn unfence(node: LogicalPlan) -> Transformed<LogicalPlan> {
    match node {
        LogicalPlan::Repartition(Repartition { input, .. }) => Transformed::yes(Arc::unwrap_or_clone(input)),
        other => Transformed::no(other),
    }
}
