//! A piece's rows as a leaf of what runs in process.

use std::fmt;
use std::future::ready;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::source_as_provider;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableSource, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use futures::{StreamExt, TryStreamExt};

use crate::base::UserFacing;
use crate::base::engine_error::wrap;
use crate::stores::conform::conform;
use crate::stores::{PreparedPiece, RunContext};

use super::RunSize;

/// A leaf that runs the piece of that number when its rows are first asked for, with the run's own values, clock and
/// cancellation; or what the run has in the piece's place.
/// The schema is the one that the plan was made with; the piece's rows are
/// given its names, types and nullability.
#[must_use]
pub fn piece_provider(number: usize, piece: Arc<dyn PreparedPiece>, schema: SchemaRef) -> Arc<dyn TableProvider> {
    Arc::new(PieceProvider { rows: Arc::new(PieceRows { number, piece, schema }) })
}

/// The number of the piece that a leaf of an optimised plan stands for, when it stands for one.
pub(in crate::stores) fn piece_of(source: &Arc<dyn TableSource>) -> Option<usize> {
    let provider = source_as_provider(source).ok()?;
    provider.downcast_ref::<PieceProvider>().map(|leaf| leaf.rows.number)
}

#[derive(Debug)]
pub(super) struct PieceProvider {
    rows: Arc<PieceRows>,
}

#[async_trait]
impl TableProvider for PieceProvider {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rows.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        RunSize::add(session, None);
        let partition: Arc<dyn PartitionStream> = Arc::<PieceRows>::clone(&self.rows);
        let scan = StreamingTableExec::try_new(
            Arc::clone(&self.rows.schema),
            vec![partition],
            projection,
            None,
            false,
            limit,
        )?;
        Ok(Arc::new(scan))
    }
}

struct PieceRows {
    number: usize,
    piece: Arc<dyn PreparedPiece>,
    schema: SchemaRef,
}

impl fmt::Debug for PieceRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PieceRows").field("piece", &self.piece).finish_non_exhaustive()
    }
}

impl PartitionStream for PieceRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let (number, piece) = (self.number, Arc::clone(&self.piece));
        let schema = Arc::clone(&self.schema);
        let run = async move {
            let Some(run) = context.session_config().get_extension::<RunContext>() else {
                return Err(DataFusionError::Internal("a piece runs outside a run".to_owned()));
            };
            let piece = run.given.get(&number).unwrap_or(&piece);
            piece.run(&run).await.map_err(|error| wrap(error.report()))
        };
        let named = Arc::clone(&schema);
        let rows = futures::stream::once(run).try_flatten().map(move |batch| conform(&batch?, &named));
        // Of no rows a projection would still work out its constants, which may fail.
        let some = rows.try_filter(|batch| ready(batch.num_rows() > 0));
        Box::pin(RecordBatchStreamAdapter::new(schema, some))
    }
}
