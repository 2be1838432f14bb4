//! Reading a table in memory, as the engine wants it.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, SchedulingType};
use datafusion::physical_plan::statistics::StatisticsArgs;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use parking_lot::Mutex;

use crate::guard::Requirement;
use crate::stores::leaf::{Admitted, KeyedRows, wanted_keys};
use crate::stores::local::RunSize;

use super::table::{Contents, EmbeddedTable};

/// The tables as one run first saw them, so that a query that names a table twice sees the same rows twice.
#[derive(Debug, Default)]
pub(in crate::stores) struct RunSnapshots {
    seen: Mutex<HashMap<usize, Arc<Contents>>>,
}

impl RunSnapshots {
    fn of(&self, table: &Arc<EmbeddedTable>) -> Arc<Contents> {
        // The table outlives the run, so its address is its identity.
        let address = Arc::as_ptr(table) as usize;
        Arc::clone(self.seen.lock().entry(address).or_insert_with(|| table.snapshot()))
    }
}

/// A table as the leaf that the engine reads, with every row of it. No query reads a table so: it is the other side of
/// comparisons in tests.
#[cfg(test)]
pub(crate) fn unguarded_provider(table: Arc<EmbeddedTable>) -> Arc<dyn TableProvider> {
    Arc::new(EmbeddedProvider { table, admitted: Admitted::everything() })
}

/// A table as the leaf that the engine reads, with the rows alone that the requirement leaves.
///
/// # Errors
/// When the table lacks a column of the requirement.
pub(super) fn guarded_provider(table: Arc<EmbeddedTable>, requirement: &Requirement) -> Result<Arc<dyn TableProvider>> {
    let admitted = Admitted::new(requirement, table.schema())?;
    Ok(Arc::new(EmbeddedProvider { table, admitted }))
}

/// A table as a leaf of a physical plan.
#[derive(Debug)]
pub(in crate::stores) struct EmbeddedProvider {
    table: Arc<EmbeddedTable>,
    admitted: Admitted,
}

impl EmbeddedProvider {
    /// The column by which it finds rows.
    pub(in crate::stores) fn key(&self) -> Option<&str> {
        self.table.key().map(|key| self.table.schema().field(key).name().as_str())
    }

    /// Rows by their keys, without a plan: these columns of them.
    ///
    /// # Errors
    /// When there is no such column.
    pub(in crate::stores) fn by_key(&self, columns: &[usize]) -> Result<Arc<dyn KeyedRows>> {
        let schema = Arc::new(self.table.schema().project(columns)?);
        let (table, admitted) = (Arc::clone(&self.table), self.admitted.clone());
        Ok(Arc::new(Lookup { table, admitted, columns: columns.to_vec(), schema }))
    }

    /// Whether a filter is true for every row that leaves the table anyway.
    pub(in crate::stores) fn implies(&self, filter: &Expr) -> bool {
        self.admitted.implies(filter)
    }

    fn batches(&self, contents: &Contents, filters: &[Expr]) -> Vec<Arc<RecordBatch>> {
        let asked = self.key().and_then(|key| wanted_keys(filters, key));
        let admitted = self.key().and_then(|key| self.admitted.values_of(key));
        match (&asked, admitted) {
            (Some(asked), Some(admitted)) => contents.lookup(asked.intersection(admitted).map(String::as_str)),
            (Some(keys), None) | (None, Some(keys)) => contents.lookup(keys.iter().map(String::as_str)),
            (None, None) => contents.batches(),
        }
    }

    fn pushdown(&self, filter: &Expr) -> TableProviderFilterPushDown {
        if self.admitted.implies(filter) {
            return TableProviderFilterPushDown::Exact;
        }
        match self.key() {
            Some(key) if filter.column_refs().iter().all(|column| column.name == key) => {
                TableProviderFilterPushDown::Inexact
            }
            Some(_) | None => TableProviderFilterPushDown::Unsupported,
        }
    }
}

#[async_trait]
impl TableProvider for EmbeddedProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(self.table.schema())
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// What is so of every row that leaves the table needs no filter above. The key's filters choose rows; such a filter
    /// stays above and checks again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| self.pushdown(filter)).collect())
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let contents = match state.config().get_extension::<RunSnapshots>() {
            Some(snapshots) => snapshots.of(&self.table),
            None => self.table.snapshot(),
        };
        let batches = self.batches(&contents, filters);
        let scan = EmbeddedScan::new(self.table.schema(), batches, self.admitted.clone(), projection, limit)?;
        RunSize::add(state, Some(scan.rows));
        Ok(Arc::new(scan))
    }
}

/// Rows by their keys, of the table as it is when they are asked for.
#[derive(Debug)]
struct Lookup {
    table: Arc<EmbeddedTable>,
    admitted: Admitted,
    columns: Vec<usize>,
    schema: SchemaRef,
}

impl KeyedRows for Lookup {
    fn rows(&self, keys: BTreeSet<String>) -> SendableRecordBatchStream {
        let batches = self.table.snapshot().lookup(keys.iter().map(String::as_str));
        let rows: Vec<_> =
            batches.iter().map(|batch| admitted_rows(batch, &self.admitted, Some(&self.columns))).collect();
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), futures::stream::iter(rows)))
    }
}

/// The batches of one snapshot, in order; of them the rows that are admitted.
#[derive(Debug)]
struct EmbeddedScan {
    batches: Arc<[Arc<RecordBatch>]>,
    admitted: Arc<Admitted>,
    projection: Option<Arc<[usize]>>,
    limit: Option<usize>,
    /// How many it looks at, at most.
    rows: usize,
    properties: Arc<PlanProperties>,
}

impl EmbeddedScan {
    fn new(
        schema: &SchemaRef,
        batches: Vec<Arc<RecordBatch>>,
        admitted: Admitted,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Self> {
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
        let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        Ok(Self {
            rows: limit.filter(|_| admitted.is_all()).map_or(rows, |limit| rows.min(limit)),
            batches: batches.into(),
            admitted: Arc::new(admitted),
            projection: projection.map(|columns| columns.as_slice().into()),
            limit,
            properties: Arc::new(properties),
        })
    }
}

impl DisplayAs for EmbeddedScan {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EmbeddedScan: rows={}, batches={}", self.rows, self.batches.len())
    }
}

impl ExecutionPlan for EmbeddedScan {
    fn name(&self) -> &'static str {
        "EmbeddedScan"
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

    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(&self.schema());
        // How many rows others have is nobody's business; what is said here as exact would be given as a count.
        statistics.num_rows =
            if self.admitted.is_all() { Precision::Exact(self.rows) } else { Precision::Inexact(self.rows) };
        Ok(Arc::new(statistics))
    }

    fn execute(&self, _partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (batches, projection) = (Arc::clone(&self.batches), self.projection.clone());
        let admitted = Arc::clone(&self.admitted);
        let mut left = self.limit.unwrap_or(usize::MAX);
        let rows = (0..batches.len()).map_while(move |number| {
            let batch = batches.get(number).filter(|_| left > 0)?;
            let rows = admitted_rows(batch, &admitted, projection.as_deref());
            Some(rows.map(|rows| {
                let taken = rows.num_rows().min(left);
                left -= taken;
                if taken < rows.num_rows() { rows.slice(0, taken) } else { rows }
            }))
        });
        let stream = RecordBatchStreamAdapter::new(self.schema(), futures::stream::iter(rows));
        Ok(make_cooperative(Box::pin(stream)))
    }
}

/// The wanted columns of the rows of a batch that leave the table.
fn admitted_rows(batch: &RecordBatch, admitted: &Admitted, projection: Option<&[usize]>) -> Result<RecordBatch> {
    let mask = admitted.mask(batch)?;
    let columns = match projection {
        Some(columns) => &batch.project(columns)?,
        None => batch,
    };
    match mask {
        Some(mask) => Ok(filter_record_batch(columns, &mask)?),
        None => Ok(columns.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_run_sees_one_moment_of_a_table() {
        let column = crate::catalog::Column {
            name: "n".into(),
            sql_type: crate::base::SqlType::Int8,
            nullable: false,
            store_type: "Int64".into(),
        };
        let definition = crate::catalog::Table {
            name: crate::base::TableName::new("s", "t"),
            store: crate::base::StoreKind::ClickHouse,
            physical: vec![],
            columns: vec![column],
            key: None,
            filters_first: false,
            stale: false,
        };
        let table = Arc::new(EmbeddedTable::new(definition, super::super::Retention::rows(10)));
        let row: datafusion::arrow::array::ArrayRef = Arc::new(datafusion::arrow::array::Int64Array::from(vec![1]));
        let row = RecordBatch::try_new(Arc::clone(table.schema()), vec![row]).unwrap();

        let (run, next_run) = (RunSnapshots::default(), RunSnapshots::default());
        let before = run.of(&table).batches().len();
        table.append(&row, chrono::Utc::now()).unwrap();
        assert_eq!(run.of(&table).batches().len(), before);
        assert_eq!(next_run.of(&table).batches().len(), before + 1);
    }
}
