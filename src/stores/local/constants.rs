//! A constant below a join or a union is constant for its own rows only.
//!
//! The optimizer (`EnsureRequirements` in DataFusion 55.2) knows that each branch of a union has one value in a column,
//! moves the sort by that column below the join above it and drops it there; its join then forgets the constant, and its
//! last check refuses the plan for an order that nothing keeps. A value that it cannot see into is sorted as any other.
//!
//! So it is with GROUPING SETS: a key that is constant below is NULL in the rows of the sets without it. The library knows
//! the key for a constant above, too, and drops the sort by it. What is known of such rows is forgotten.
//!
//! And so with the side of an outer join that is NULL in the rows that found no other (`l LEFT JOIN r` over `r.x = 1`): the
//! library takes `x` for 1 in all of them.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{JoinType, Result, internal_err};
use datafusion::config::ConfigOptions;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::execution_plan::CardinalityEffect;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, PlanProperties, replace_children_if_necessary,
};

/// Hides the constants of projections that stand below a node with several inputs, and forgets those of several sets of
/// groups and of the sides of outer joins.
#[derive(Debug)]
pub(super) struct HideConstants;

impl PhysicalOptimizerRule for HideConstants {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        hidden(plan, false)
    }

    fn name(&self) -> &'static str {
        "hide_constants"
    }

    fn schema_check(&self) -> bool {
        true
    }
}

fn hidden(plan: Arc<dyn ExecutionPlan>, is_below: bool) -> Result<Arc<dyn ExecutionPlan>> {
    let children = plan.children();
    if children.is_empty() {
        return Ok(plan);
    }
    let below = is_below || children.len() > 1;
    let may_be_null = sides_of_nulls(&plan);
    let mut inputs = children.into_iter().map(|input| hidden(Arc::clone(input), below)).collect::<Result<Vec<_>>>()?;
    for (input, _) in inputs.iter_mut().zip(may_be_null).filter(|(_, may_be_null)| *may_be_null) {
        if !input.equivalence_properties().eq_group().is_empty() {
            *input = Arc::new(Forgotten::new(Arc::clone(input)));
        }
    }
    let plan = replace_children_if_necessary(plan, inputs)?;
    if gives_sets(&plan) {
        return Ok(Arc::new(Forgotten::new(plan)));
    }
    match plan.downcast_ref::<ProjectionExec>() {
        Some(projection) if is_below && projection.expr().iter().any(|column| is_constant(&column.expr)) => {
            let columns = projection
                .expr()
                .iter()
                .map(|column| ProjectionExpr { expr: hidden_expr(&column.expr), alias: column.alias.clone() });
            Ok(Arc::new(ProjectionExec::try_new(columns, Arc::clone(projection.input()))?))
        }
        Some(_) | None => Ok(plan),
    }
}

/// Which inputs of a join have NULL in the place of their columns where a row of the other one found none.
fn sides_of_nulls(plan: &Arc<dyn ExecutionPlan>) -> [bool; 2] {
    let join_type = if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
        *join.join_type()
    } else if let Some(join) = plan.downcast_ref::<SortMergeJoinExec>() {
        join.join_type()
    } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
        *join.join_type()
    } else {
        return [false, false];
    };
    match join_type {
        JoinType::Left => [false, true],
        JoinType::Right => [true, false],
        JoinType::Full => [true, true],
        _ => [false, false],
    }
}

/// Whether these are the groups of several sets. Where they are made in two steps, the first one has the sets.
fn gives_sets(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let has_sets = |plan: &Arc<dyn ExecutionPlan>| {
        plan.downcast_ref::<AggregateExec>().is_some_and(|aggregate| !aggregate.group_expr().is_single())
    };
    match plan.downcast_ref::<AggregateExec>().map(AggregateExec::mode) {
        Some(AggregateMode::Partial) | None => false,
        Some(_) => has_sets(plan) || plan.children().into_iter().any(has_sets),
    }
}

/// The rows of its input, of which nothing is known but their columns.
#[derive(Debug)]
struct Forgotten {
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl Forgotten {
    fn new(input: Arc<dyn ExecutionPlan>) -> Self {
        let known = input.properties();
        let properties = PlanProperties::new(
            EquivalenceProperties::new(input.schema()),
            known.output_partitioning().clone(),
            known.emission_type,
            known.boundedness,
        );
        Self { input, properties: Arc::new(properties) }
    }
}

impl DisplayAs for Forgotten {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forgotten")
    }
}

impl ExecutionPlan for Forgotten {
    fn name(&self) -> &'static str {
        "Forgotten"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
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
            Ok([input]) => Ok(Arc::new(Self::new(input))),
            Err(children) => internal_err!("forgotten rows of {} inputs", children.len()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }

    fn cardinality_effect(&self) -> CardinalityEffect {
        CardinalityEffect::Equal
    }
}

fn is_constant(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.downcast_ref::<Literal>().is_some()
}

fn hidden_expr(expr: &Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    match expr.downcast_ref::<Literal>() {
        Some(value) => Arc::new(Hidden { value: value.clone() }),
        None => Arc::clone(expr),
    }
}

/// A constant that looks like a computed value.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Hidden {
    value: Literal,
}

impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl PhysicalExpr for Hidden {
    fn data_type(&self, input_schema: &Schema) -> Result<DataType> {
        self.value.data_type(input_schema)
    }

    fn nullable(&self, input_schema: &Schema) -> Result<bool> {
        self.value.nullable(input_schema)
    }

    fn return_field(&self, input_schema: &Schema) -> Result<FieldRef> {
        self.value.return_field(input_schema)
    }

    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        self.value.evaluate(batch)
    }

    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        Vec::new()
    }

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(self)
    }

    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt_sql(f)
    }
}
