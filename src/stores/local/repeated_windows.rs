//! Calls of window functions that have become the same: `sum(n) OVER ()` and `sum(coalesce(n, 0)) OVER ()`, where `n` is never
//! NULL. The library (DataFusion 55.2) takes such a call for a common part of both, and puts it where none can be.

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::null_safe::Rule;

/// The rules; the one that looks for common parts leaves plans with such calls alone.
pub(super) fn guarded(rules: Vec<Rule>) -> Vec<Rule> {
    let guarded = |rule: Rule| -> Rule {
        match rule.name() {
            "common_sub_expression_eliminate" => Arc::new(Cautious(rule)),
            _ => rule,
        }
    };
    rules.into_iter().map(guarded).collect()
}

#[derive(Debug)]
struct Cautious(Rule);

impl OptimizerRule for Cautious {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if repeats_windows(&plan)? { Ok(Transformed::no(plan)) } else { self.0.rewrite(plan, config) }
    }
}

/// Whether two calls of the plan are the same but for their names.
fn repeats_windows(plan: &LogicalPlan) -> Result<bool> {
    let mut seen: HashSet<Expr> = HashSet::new();
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::Window(window) = node {
            found |= window.window_expr.iter().any(|call| !seen.insert(call.clone().unalias_nested().data));
        }
        Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}
