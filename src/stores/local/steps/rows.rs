//! The rows of a step as a leaf that any number of places read.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};

/// The rows of the last step of one recursion.
#[derive(Debug)]
pub(super) struct StepRows {
    /// The recursion's name, which no other one of the plan has.
    pub(super) recursion: Arc<str>,
    pub(super) batches: Vec<RecordBatch>,
}

/// The rows of the last step as a table.
#[derive(Debug)]
pub(super) struct StepTable {
    recursion: Arc<str>,
    schema: SchemaRef,
}

impl StepTable {
    pub(super) fn new(recursion: &str, schema: SchemaRef) -> Self {
        Self { recursion: recursion.into(), schema }
    }
}

#[async_trait]
impl TableProvider for StepTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(StepScan::new(Arc::clone(&self.recursion), &self.schema, projection)?))
    }
}

/// The wanted columns of the rows. It has none before the step gives them to it.
#[derive(Debug, Clone)]
struct StepScan {
    recursion: Arc<str>,
    projection: Option<Arc<[usize]>>,
    rows: Option<Arc<StepRows>>,
    properties: Arc<PlanProperties>,
}

impl StepScan {
    fn new(recursion: Arc<str>, schema: &SchemaRef, projection: Option<&Vec<usize>>) -> Result<Self> {
        let schema = match projection {
            Some(columns) => Arc::new(schema.project(columns)?),
            None => Arc::clone(schema),
        };
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        )
        .with_scheduling_type(SchedulingType::Cooperative);
        let projection = projection.map(|columns| columns.as_slice().into());
        Ok(Self { recursion, projection, rows: None, properties: Arc::new(properties) })
    }

    fn wanted(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        match &self.projection {
            Some(columns) => Ok(batch.project(columns)?),
            None => Ok(batch.clone()),
        }
    }
}

impl DisplayAs for StepScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StepScan: recursion={}", self.recursion)
    }
}

impl ExecutionPlan for StepScan {
    fn name(&self) -> &'static str {
        "StepScan"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    /// The rows stay: a recursion within starts its own steps anew, and reads the rows of the outer one in each of them.
    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn with_new_state(&self, state: Arc<dyn Any + Send + Sync>) -> Option<Arc<dyn ExecutionPlan>> {
        let rows = state.downcast::<StepRows>().ok().filter(|rows| rows.recursion == self.recursion)?;
        Some(Arc::new(Self { rows: Some(rows), ..self.clone() }))
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(Arc::new(Statistics::new_unknown(&self.schema())))
    }

    fn execute(&self, _partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(rows) = &self.rows else {
            return internal_err!("the rows of {} are read outside of a step", self.recursion);
        };
        let batches = rows.batches.iter().map(|batch| self.wanted(batch)).collect::<Result<Vec<_>>>()?;
        Ok(make_cooperative(Box::pin(MemoryStream::try_new(batches, self.schema(), None)?)))
    }
}
