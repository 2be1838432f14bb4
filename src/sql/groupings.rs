//! `GROUPING(key)`: its arguments are the keys of their aggregation, also where typing has given a key another form.
//!
//! A key that typing changes keeps its name as an alias. The library finds an argument among the keys only if both are the
//! same expression.

use datafusion::common::DataFusionError;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::logical_expr::expr::Alias;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, LogicalPlan};

/// The aggregation with arguments of GROUPING as its keys are written.
pub(super) fn name_keys(mut aggregate: Aggregate) -> Result<LogicalPlan, DataFusionError> {
    let keys: Vec<Alias> = aggregate.group_expr.iter().flat_map(leaves).filter_map(aliased).collect();
    if !keys.is_empty() {
        let names = NamePreserver::new_for_projection();
        let named = aggregate.aggr_expr.into_iter().map(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|expr| Ok(with_keys(expr, &keys)))?;
            Ok(if done.transformed { name.restore(done.data) } else { done.data })
        });
        aggregate.aggr_expr = named.collect::<Result<_, DataFusionError>>()?;
    }
    Ok(LogicalPlan::Aggregate(aggregate))
}

fn leaves(key: &Expr) -> Vec<&Expr> {
    match key {
        Expr::GroupingSet(sets) => sets.distinct_expr(),
        single => vec![single],
    }
}

fn aliased(key: &Expr) -> Option<Alias> {
    match key {
        Expr::Alias(alias) => Some(alias.clone()),
        _ => None,
    }
}

fn with_keys(expr: Expr, keys: &[Alias]) -> Transformed<Expr> {
    match expr {
        Expr::AggregateFunction(mut call) if call.func.name() == "grouping" => {
            let mut changed = false;
            for argument in &mut call.params.args {
                if let Some(key) = keys.iter().find(|key| *key.expr == *argument) {
                    *argument = Expr::Alias(key.clone());
                    changed = true;
                }
            }
            Transformed::new_transformed(Expr::AggregateFunction(call), changed)
        }
        other => Transformed::no(other),
    }
}
