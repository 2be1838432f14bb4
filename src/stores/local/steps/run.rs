//! A step of a recursion at the run: it takes the rows of the last step, and gives them to every leaf that reads them.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Distribution, EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, ExecutionPlanProperties};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, InputDistributionRequirements, PlanProperties,
};
use futures::{Stream, TryStreamExt};

use super::rows::StepRows;

/// The term over the rows of the last step.
#[derive(Debug)]
pub(super) struct StepExec {
    recursion: Arc<str>,
    rows: Arc<dyn ExecutionPlan>,
    term: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl StepExec {
    /// The step whose columns have the names that they have in the logical plan; the engine names those of some nodes in
    /// its own way.
    pub(super) fn under_names_of(
        logical: &LogicalPlan,
        recursion: &str,
        rows: Arc<dyn ExecutionPlan>,
        term: Arc<dyn ExecutionPlan>,
    ) -> Result<Self> {
        let (names, own) = (logical.schema(), term.schema());
        if names.matches_arrow_schema(&own) {
            return Ok(Self::new(recursion.into(), rows, term));
        }
        let columns = names.fields().iter().zip(own.fields()).enumerate().map(|(place, (named, own))| {
            let column: Arc<dyn PhysicalExpr> = Arc::new(Column::new(own.name(), place));
            ProjectionExpr { expr: column, alias: named.name().clone() }
        });
        let columns: Vec<ProjectionExpr> = columns.collect();
        Ok(Self::new(recursion.into(), rows, Arc::new(ProjectionExec::try_new(columns, term)?)))
    }

    fn new(recursion: Arc<str>, rows: Arc<dyn ExecutionPlan>, term: Arc<dyn ExecutionPlan>) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(term.schema()),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { recursion, rows, term, properties: Arc::new(properties) }
    }
}

impl DisplayAs for StepExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepExec: recursion={}", self.recursion)
    }
}

impl ExecutionPlan for StepExec {
    fn name(&self) -> &'static str {
        "StepExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.rows, &self.term]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        InputDistributionRequirements::new(vec![Distribution::SinglePartition, Distribution::SinglePartition])
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match <[Arc<dyn ExecutionPlan>; 2]>::try_from(children) {
            Ok([rows, term]) => Ok(Arc::new(Self::new(Arc::clone(&self.recursion), rows, term))),
            Err(children) => internal_err!("a step of a recursion with {} inputs", children.len()),
        }
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 || self.term.output_partitioning().partition_count() != 1 {
            return internal_err!("a step of a recursion in several partitions");
        }
        // The engine gives the rows away here, not when the stream is asked for them.
        let rows = self.rows.execute(0, Arc::clone(&context))?;
        let step = step(Arc::clone(&self.recursion), rows, Arc::clone(&self.term), context);
        let found = futures::stream::once(step).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), found)))
    }
}

/// What the term finds. The engine has memory reserved for the rows as long as their own stream is there, so it is kept to
/// the end.
async fn step(
    recursion: Arc<str>,
    mut rows: SendableRecordBatchStream,
    term: Arc<dyn ExecutionPlan>,
    context: Arc<TaskContext>,
) -> Result<impl Stream<Item = Result<RecordBatch>> + Send> {
    let mut batches = Vec::new();
    while let Some(batch) = rows.try_next().await? {
        batches.push(batch);
    }
    let found = over(term, StepRows { recursion, batches })?.execute(0, context)?;
    Ok(futures::stream::try_unfold((found, rows), |(mut found, rows)| async move {
        Ok(found.try_next().await?.map(|batch| (batch, (found, rows))))
    }))
}

/// The term, whose leaves have these rows.
fn over(term: Arc<dyn ExecutionPlan>, rows: StepRows) -> Result<Arc<dyn ExecutionPlan>> {
    let rows: Arc<dyn Any + Send + Sync> = Arc::new(rows);
    term.transform_down(|node| match node.with_new_state(Arc::clone(&rows)) {
        Some(leaf) => Ok(Transformed::yes(leaf)),
        None => Ok(Transformed::no(node)),
    })
    .map(|given| given.data)
}
