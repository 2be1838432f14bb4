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
use crate::stores::leaf::{Admitted, wanted_keys};
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

    /// The key's filters choose what is read; such a filter stays above and checks again.
    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        let on_key = |filter: &&Expr| filter.column_refs().iter().all(|column| column.name == self.table.key());
        Ok(filters
            .iter()
            .map(|filter| match on_key(filter) {
                true => TableProviderFilterPushDown::Inexact,
                false => TableProviderFilterPushDown::Unsupported,
            })
            .collect())
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = match projection {
            Some(columns) => Arc::new(self.table.schema().project(columns)?),
            None => self.table.schema(),
        };
        let columns = &self.table.definition().columns;
        let columns: Vec<Column> = match projection {
            Some(places) => places.iter().filter_map(|place| columns.get(*place).cloned()).collect(),
            None => columns.clone(),
        };
        let wanted = self.wanted(filters);
        RunSize::add(session, wanted.as_ref().map(BTreeSet::len));
        let read: Arc<dyn PartitionStream> = Arc::new(Read {
            keys: Arc::clone(&self.keys),
            table: Arc::clone(&self.table),
            admitted: self.admitted.clone(),
            wanted,
            columns,
            schema: Arc::clone(&schema),
        });
        // The read gives the wanted columns alone, so that a broken field that nobody asks for does no harm.
        Ok(Arc::new(StreamingTableExec::try_new(schema, vec![read], None, None, false, limit)?))
    }
}

#[derive(Clone)]
struct Read {
    keys: Arc<Keys>,
    table: Arc<RedisTable>,
    admitted: Admitted,
    wanted: Option<BTreeSet<String>>,
    columns: Vec<Column>,
    schema: SchemaRef,
}

impl fmt::Debug for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Read").field("table", &self.table).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Read {
    async fn rows(self) -> Result<RecordBatch> {
        let hashes = self.keys.hashes(&self.table, self.wanted.as_ref()).await;
        let mut hashes = hashes.map_err(|error: StoreError| wrap(error.report()))?;
        let key = self.table.key();
        // Before anything of a row is read that could fail.
        hashes.retain(|hash| self.admitted.admits(|column| hash.text(column, key)));
        let columns: Vec<&Column> = self.columns.iter().collect();
        batch(&hashes, &columns, key, &self.schema).map_err(wrap)
    }
}

impl PartitionStream for Read {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = futures::stream::once(self.clone().rows());
        Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows))
    }
}
