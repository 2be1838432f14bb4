//! A pattern of keys as the engine reads it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};

use crate::base::UserFacing;
use crate::base::engine_error::wrap;
use crate::catalog::Column;
use crate::guard::Requirement;
use crate::stores::StoreError;
use crate::stores::leaf::{Admitted, KeyedRows, wanted_keys};
use crate::stores::local::RunSize;

use super::row::batch;
use super::store::Keys;
use super::table::RedisTable;

/// A table as a leaf, with the rows alone that the requirement leaves.
#[derive(Debug)]
pub(in crate::stores) struct RedisProvider {
    keys: Arc<Keys>,
    table: Arc<RedisTable>,
    admitted: Admitted,
}

impl RedisProvider {
    /// # Errors
    /// When the table lacks a column of the requirement, or has it as something else than text.
    pub(super) fn new(keys: Arc<Keys>, table: Arc<RedisTable>, requirement: &Requirement) -> Result<Self> {
        let admitted = Admitted::new(requirement, &table.schema())?;
        Ok(Self { keys, table, admitted })
    }

    /// The column by which it finds rows.
    pub(in crate::stores) fn key(&self) -> &str {
        self.table.key()
    }

    /// Rows by their keys, without a plan: these columns of them.
    ///
    /// # Errors
    /// When there is no such column.
    pub(in crate::stores) fn by_key(&self, columns: &[usize]) -> Result<Arc<dyn KeyedRows>> {
        Ok(Arc::new(Lookup(Arc::new(self.reader(Some(columns))?))))
    }

    /// Whether a filter is true for every row that leaves the table anyway.
    pub(in crate::stores) fn implies(&self, filter: &Expr) -> bool {
        self.admitted.implies(filter)
    }

    fn reader(&self, projection: Option<&[usize]>) -> Result<Reader> {
        let columns = &self.table.definition().columns;
        let (schema, columns) = match projection {
            Some(places) => {
                let schema = Arc::new(self.table.schema().project(places)?);
                (schema, places.iter().filter_map(|place| columns.get(*place).cloned()).collect())
            }
            None => (self.table.schema(), columns.clone()),
        };
        let (keys, table) = (Arc::clone(&self.keys), Arc::clone(&self.table));
        Ok(Reader { keys, table, admitted: self.admitted.clone(), columns, schema })
    }

    fn pushdown(&self, filter: &Expr) -> TableProviderFilterPushDown {
        if self.admitted.implies(filter) {
            return TableProviderFilterPushDown::Exact;
        }
        match filter.column_refs().iter().all(|column| column.name == self.table.key()) {
            true => TableProviderFilterPushDown::Inexact,
            false => TableProviderFilterPushDown::Unsupported,
        }
    }

    /// The values of the key to look up; `None` when any will do.
    fn wanted(&self, filters: &[Expr]) -> Option<BTreeSet<String>> {
        let key = self.table.key();
        match (wanted_keys(filters, key), self.admitted.values_of(key)) {
            (Some(asked), Some(admitted)) => Some(&asked & admitted),
            (Some(keys), None) => Some(keys),
            (None, admitted) => admitted.cloned(),
        }
    }
}

#[async_trait]
impl TableProvider for RedisProvider {
    fn schema(&self) -> SchemaRef {
        self.table.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    /// What is so of every row that leaves the table needs no filter above. The key's filters choose what is read; such a
    /// filter stays above and checks again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(filters.iter().map(|filter| self.pushdown(filter)).collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let wanted = self.wanted(filters);
        RunSize::add(session, wanted.as_ref().map(BTreeSet::len));
        let reader = Arc::new(self.reader(projection.map(Vec::as_slice))?);
        let schema = Arc::clone(&reader.schema);
        let read: Arc<dyn PartitionStream> = Arc::new(Read { reader, wanted });
        // The read gives the wanted columns alone, so that a broken field that nobody asks for does no harm.
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![read], None, None, false, limit)?))
    }
}

/// Reads some columns of the hashes of a table.
struct Reader {
    keys: Arc<Keys>,
    table: Arc<RedisTable>,
    admitted: Admitted,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl Reader {
    /// The rows of these values of the key, or all.
    async fn rows(&self, wanted: Option<&BTreeSet<String>>) -> Result<RecordBatch> {
        let hashes = self.keys.hashes(&self.table, wanted).await;
        let mut hashes = hashes.map_err(|error: StoreError| wrap(error.report()))?;
        let key = self.table.key();
        // Before anything of a row is read that could fail.
        hashes.retain(|hash| self.admitted.admits(|column| hash.text(column, key)));
        batch(&hashes, &self.columns, key, &self.schema).map_err(wrap)
    }

    fn stream(self: &Arc<Self>, wanted: Option<BTreeSet<String>>) -> SendableRecordBatchStream {
        let reader = Arc::clone(self);
        let rows = futures::stream::once(async move { reader.rows(wanted.as_ref()).await });
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}

/// Rows by their keys: what the policy does not admit is not even asked for.
struct Lookup(Arc<Reader>);

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lookup").field("table", &self.0.table).finish_non_exhaustive()
    }
}

impl KeyedRows for Lookup {
    fn rows(&self, mut keys: BTreeSet<String>) -> SendableRecordBatchStream {
        if let Some(admitted) = self.0.admitted.values_of(self.0.table.key()) {
            keys.retain(|key| admitted.contains(key));
        }
        self.0.stream(Some(keys))
    }
}

struct Read {
    reader: Arc<Reader>,
    wanted: Option<BTreeSet<String>>,
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.reader.table;
        f.debug_struct("Read").field("table", table).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl PartitionStream for Read {
    fn schema(&self) -> &SchemaRef {
        &self.reader.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        self.reader.stream(self.wanted.clone())
    }
}
