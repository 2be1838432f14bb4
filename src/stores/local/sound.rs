//! The last look at a plan: what a node asks of its inputs, they have.
//!
//! The library asks what it knows of an order (DataFusion 55.2). It does not know how some expressions are ordered (a
//! comparison of what a function gives, for one), and then takes rows that a sort has just sorted for unsorted. So where it
//! finds fault, the sort's own list is compared with the one that is asked for, and what is not sorted is sorted.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::config::{ConfigOptions, OptimizerOptions};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr_common::sort_expr::{LexOrdering, LexRequirement, OrderingRequirements};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_optimizer::sanity_checker::{check_finiteness_requirements, check_plan_sanity};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::InvariantLevel;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, replace_children_if_necessary};

/// In the place of the library's own rule.
#[derive(Debug)]
pub(super) struct SoundPlan;

/// The library's rules that are not run: the one that [`SoundPlan`] stands for; and those that move conditions down once
/// more, to leaves that take none, and find the columns of a condition by their names, of which a join has the same twice
/// (DataFusion 55.2): `a.f` became `b.f`.
const LEFT_OUT: [&str; 3] = ["SanityCheckPlan", "FilterPushdown", "FilterPushdown(Post)"];

/// The library's rules, without those that give other rows.
pub(super) fn library_rules(all: &[PhysicalRule]) -> impl Iterator<Item = &PhysicalRule> {
    all.iter().filter(|rule| !LEFT_OUT.contains(&rule.name()))
}

type PhysicalRule = Arc<dyn PhysicalOptimizerRule + Send + Sync>;

impl PhysicalOptimizerRule for SoundPlan {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match check_plan_sanity(&node, &config.optimizer) {
            Ok(()) => Ok(Transformed::no(node)),
            Err(_) if is_sound(&node, &config.optimizer) => Ok(Transformed::no(node)),
            Err(fault) => {
                let sorted = sorted(&node)?.filter(|sorted| is_sound(sorted, &config.optimizer));
                sorted.map(Transformed::yes).ok_or(fault)
            }
        })
        .map(|sound| sound.data)
    }

    fn name(&self) -> &'static str {
        "sound_plan"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The node over inputs that are sorted as it asks, once more where they may be so already.
fn sorted(node: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let merges = node.is::<SortPreservingMergeExec>();
    let inputs = node.children().into_iter().zip(node.required_input_ordering()).map(|(input, wanted)| {
        let Some(wanted) = wanted.map(OrderingRequirements::into_single) else { return Arc::clone(input) };
        let is_one = input.output_partitioning().partition_count() == 1;
        if (is_one || merges) && is_sorted(input, &wanted) {
            return Arc::clone(input);
        }
        let rows: Arc<dyn ExecutionPlan> = match is_one || merges {
            true => Arc::clone(input),
            false => Arc::new(CoalescePartitionsExec::new(Arc::clone(input))),
        };
        Arc::new(SortExec::new(LexOrdering::from(wanted), rows).with_preserve_partitioning(merges))
    });
    let inputs = inputs.collect();
    replace_children_if_necessary(Arc::clone(node), inputs).map(Some)
}

fn is_sound(node: &Arc<dyn ExecutionPlan>, options: &OptimizerOptions) -> bool {
    let merges = node.is::<SortPreservingMergeExec>();
    let has_rows = |child: &Arc<dyn ExecutionPlan>| merges || child.output_partitioning().partition_count() == 1;
    let mut inputs = node.children().into_iter().zip(node.required_input_ordering());
    check_finiteness_requirements(node.as_ref(), options).is_ok()
        && node.check_invariants(InvariantLevel::Executable).is_ok()
        && inputs
            .all(|(child, order)| has_rows(child) && order.is_none_or(|order| is_sorted(child, &order.into_single())))
}

/// Whether the rows of each partition come in this order, as far as sorts tell.
fn is_sorted(plan: &Arc<dyn ExecutionPlan>, wanted: &LexRequirement) -> bool {
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        return begins_with(plan, sort.expr(), wanted);
    }
    if plan.is::<UnionExec>() {
        return plan.children().into_iter().all(|input| is_sorted(input, wanted));
    }
    if plan.output_ordering().is_some_and(|order| begins_with(plan, order, wanted)) {
        return true;
    }
    match (plan.children().as_slice(), plan.maintains_input_order().as_slice()) {
        // The columns of a projection are others.
        ([input], [true]) if !plan.is::<ProjectionExec>() && plan.schema() == input.schema() => {
            is_sorted(input, wanted)
        }
        _ => false,
    }
}

fn begins_with(plan: &Arc<dyn ExecutionPlan>, order: &LexOrdering, wanted: &LexRequirement) -> bool {
    let varies = |expr: &Arc<dyn PhysicalExpr>| plan.equivalence_properties().is_expr_constant(expr).is_none();
    let mut order = order.iter().filter(|key| varies(&key.expr));
    wanted.iter().filter(|key| varies(&key.expr)).all(|wanted| {
        order
            .next()
            .is_some_and(|key| key.expr.eq(&wanted.expr) && wanted.options.is_none_or(|options| key.options == options))
    })
}
