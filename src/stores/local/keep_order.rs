//! Rows that a subquery sorts reach an aggregate that lists them, a window that numbers them, or an OFFSET that leaves the
//! first of them out, in that order: `SELECT array_agg(x) FROM (… ORDER BY y)`.
//!
//! The optimizer drops a sort that nothing above asks for. Aggregates and windows ask for the order of their own ORDER BY only,
//! and an OFFSET without LIMIT below a join asks for none (DataFusion 55.2).
//! PostgreSQL never drops one, and tools count on it. Plans have one partition here; rows of several have no order in common.

use std::fmt;
use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::utils::AggregateOrderSensitivity;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::window::WindowExpr;
use datafusion::physical_expr_common::sort_expr::OrderingRequirements;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, replace_children_if_necessary,
};

/// Puts a [`SortedInput`] over such sorts.
#[derive(Debug)]
pub(super) struct KeepOrder;

impl PhysicalOptimizerRule for KeepOrder {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| match ordered_input(&node).map(kept).transpose()?.flatten() {
            Some(input) => above(&node, input).map(fenced).map(Transformed::yes),
            None => Ok(Transformed::no(node)),
        })
        .map(|kept| kept.data)
    }

    fn name(&self) -> &'static str {
        "keep_order"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// An OFFSET below a node where sorts from above stop: below it they would change which rows it leaves out.
fn fenced(node: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    if node.is::<GlobalLimitExec>() { Arc::new(SortedInput { input: node, order: None }) } else { node }
}

/// The input of a node that gives other rows when they come in another order.
fn ordered_input(node: &Arc<dyn ExecutionPlan>) -> Option<&Arc<dyn ExecutionPlan>> {
    if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        return aggregate.aggr_expr().iter().any(|call| lists_rows(call)).then(|| aggregate.input());
    }
    if let Some(limit) = node.downcast_ref::<GlobalLimitExec>() {
        return Some(limit.input());
    }
    let calls = match node.downcast_ref::<BoundedWindowAggExec>() {
        Some(window) => window.window_expr(),
        None => node.downcast_ref::<WindowAggExec>()?.window_expr(),
    };
    let numbers_rows = |call: &Arc<dyn WindowExpr>| call.order_by().is_empty() && call.partition_by().is_empty();
    calls.iter().any(numbers_rows).then(|| node.children().first().copied()).flatten()
}

fn lists_rows(call: &AggregateFunctionExpr) -> bool {
    call.order_bys().is_empty() && call.fun().order_sensitivity() != AggregateOrderSensitivity::Insensitive
}

/// The plan whose rows keep the order of the sort that gives it to them, if one does.
fn kept(plan: &Arc<dyn ExecutionPlan>) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    if plan.is::<SortedInput>() {
        return Ok(None);
    }
    if let Some(sort) = plan.downcast_ref::<SortExec>() {
        let input: Arc<dyn ExecutionPlan> = Arc::new(SortedInput::new(plan, sort));
        // What keeps the first rows only is dropped by nobody.
        return Ok(sort.fetch().is_none().then_some(input));
    }
    match (plan.children().as_slice(), plan.maintains_input_order().as_slice()) {
        ([input], [true]) => kept(input)?.map(|input| above(plan, input)).transpose(),
        _ => Ok(None),
    }
}

fn above(plan: &Arc<dyn ExecutionPlan>, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    replace_children_if_necessary(Arc::clone(plan), vec![input])
}

/// The rows of its input, in the order in which they come: no sort moves through it.
#[derive(Debug)]
pub(super) struct SortedInput {
    input: Arc<dyn ExecutionPlan>,
    /// The order that it asks for, if any.
    order: Option<OrderingRequirements>,
}

impl SortedInput {
    fn new(input: &Arc<dyn ExecutionPlan>, sort: &SortExec) -> Self {
        Self { input: Arc::clone(input), order: Some(sort.expr().clone().into()) }
    }
}

impl DisplayAs for SortedInput {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SortedInput")
    }
}

impl ExecutionPlan for SortedInput {
    fn name(&self) -> &'static str {
        "SortedInput"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn required_input_ordering(&self) -> Vec<Option<OrderingRequirements>> {
        vec![self.order.clone()]
    }

    /// Its rows do come in the order of its input; but where the library is told so, it moves sorts from above to below (of
    /// two orders it compares the keys at each place, and takes one pair that agrees for enough).
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false]
    }

    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[Arc<dyn ExecutionPlan>; 1]>::try_from(children) {
            Ok([input]) => Ok(Arc::new(Self { input, order: self.order.clone() })),
            Err(children) => internal_err!("sorted rows of {} inputs", children.len()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("sorted rows of {} inputs", inputs.len()),
        }
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}
