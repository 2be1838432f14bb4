//! Rules of the library that rely on which columns determine others, where it is wrong about that.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::Transformed;
use datafusion::logical_expr::LogicalPlan;
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::base::dependencies::{are_misled, forget};

use super::null_safe::Rule;

/// The rules that rely on it: they drop keys of groups and of sorts, DISTINCT, and joins.
const RELYING: [&str; 4] =
    ["eliminate_duplicated_expr", "replace_distinct_aggregate", "eliminate_join", "optimize_projections"];

/// The rules, those that rely on it guarded.
pub(super) fn guarded(rules: Vec<Rule>) -> Vec<Rule> {
    let guarded = |rule: Rule| -> Rule {
        match RELYING.contains(&rule.name()) {
            true => Arc::new(Forgetful(rule)),
            false => rule,
        }
    };
    rules.into_iter().map(guarded).collect()
}

/// The rule, over a plan that knows nothing where it would be misled.
#[derive(Debug)]
struct Forgetful(Rule);

impl OptimizerRule for Forgetful {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        self.0.apply_order()
    }

    fn rewrite(&self, plan: LogicalPlan, config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // A rule that is given node by node relies on it at these nodes only.
        let relies = self.apply_order().is_none() || matches!(plan, LogicalPlan::Sort(_) | LogicalPlan::Distinct(_));
        if relies && are_misled(&plan)? {
            return self.0.rewrite(forget(plan)?, config);
        }
        self.0.rewrite(plan, config)
    }
}
