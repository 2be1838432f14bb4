//! The rows of a small piece, and the keys in them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, StreamExt, TryStreamExt};
use parking_lot::Mutex;

use crate::base::{InternalError, UserFacing, engine_error};
use crate::route::Piece;
use crate::stores::conform::{conform, may_be_null};
use crate::stores::{PreparedPiece, RunContext, StoreError};

/// How much may be collected before it is no small side any more.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    /// Different keys of a column.
    pub keys: usize,
    /// Bytes of the rows in memory.
    pub bytes: usize,
    /// Whether a piece that is too large may go on where it is. Until it is read, it has one of the places at its store: where
    /// another piece of the query needs one too, it begins anew instead.
    pub may_wait: bool,
}

/// What came of a piece that was asked for its keys.
#[derive(Debug)]
pub struct Collected {
    /// The piece's rows, which are not fetched again.
    pub rows: Arc<dyn PreparedPiece>,
    /// The different keys of each column, sorted, without NULL; `None` where they are too many, or not all known.
    pub keys: BTreeMap<usize, Option<Vec<ScalarValue>>>,
}

/// Runs a piece until all its keys are known, or until it is too large for that.
///
/// # Errors
/// Whatever ends the piece.
pub async fn collect(
    piece: &Piece,
    prepared: Arc<dyn PreparedPiece>,
    columns: &[usize],
    allowance: Allowance,
    context: &RunContext,
) -> Result<Collected, StoreError> {
    let schema = may_be_null(piece.plan.schema().inner());
    let mut rows = prepared.run(context).await?;
    let mut keys: BTreeMap<usize, Option<HashSet<ScalarValue>>> =
        columns.iter().map(|column| (*column, Some(HashSet::new()))).collect();
    let (mut batches, mut bytes) = (Vec::new(), 0_usize);
    while let Some(batch) = rows.try_next().await.map_err(|error| failed(&error))? {
        let batch = conform(&batch, &schema).map_err(|error| failed(&error))?;
        bytes = bytes.saturating_add(batch.get_array_memory_size());
        for (column, keys) in &mut keys {
            add(keys, &batch, *column, allowance.keys).map_err(|error| failed(&error))?;
        }
        batches.push(batch);
        if bytes > allowance.bytes || keys.values().all(Option::is_none) {
            let keys = columns.iter().map(|column| (*column, None)).collect();
            let rows: Arc<dyn PreparedPiece> = match allowance.may_wait {
                true => Arc::new(Begun::new(schema, batches, rows, prepared)),
                false => prepared,
            };
            return Ok(Collected { rows, keys });
        }
    }
    let keys = keys.into_iter().map(|(column, keys)| (column, keys.map(sorted))).collect();
    Ok(Collected { rows: Arc::new(Kept { schema, batches }), keys })
}

fn failed(error: &DataFusionError) -> StoreError {
    StoreError::Failed(engine_error::report(error))
}

/// Adds the keys of a batch; when they become too many, there are none.
fn add(
    keys: &mut Option<HashSet<ScalarValue>>,
    batch: &RecordBatch,
    column: usize,
    most: usize,
) -> Result<(), DataFusionError> {
    let Some(known) = keys else { return Ok(()) };
    let Some(values) = batch.columns().get(column) else {
        return Err(engine_error::wrap(InternalError::new(format!("a piece without column {column}")).report()));
    };
    for row in (0..values.len()).filter(|row| values.is_valid(*row)) {
        known.insert(ScalarValue::try_from_array(values, row)?);
        if known.len() > most {
            *keys = None;
            return Ok(());
        }
    }
    Ok(())
}

/// In one order, so that the same keys make the same statement.
fn sorted(keys: HashSet<ScalarValue>) -> Vec<ScalarValue> {
    let mut keys: Vec<ScalarValue> = keys.into_iter().collect();
    keys.sort_by(|one, other| one.partial_cmp(other).unwrap_or(Ordering::Equal));
    keys
}

/// All rows of a piece, which can be read again and again.
#[derive(Debug)]
struct Kept {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

#[async_trait]
impl PreparedPiece for Kept {
    async fn run(&self, _: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        Ok(given(&self.schema, self.batches.clone()))
    }
}

/// A piece without rows, which no store is asked for.
#[derive(Debug)]
pub struct NoRows {
    schema: SchemaRef,
}

impl NoRows {
    /// In the place of this piece.
    #[must_use]
    pub fn of(piece: &Piece) -> Self {
        Self { schema: may_be_null(piece.plan.schema().inner()) }
    }
}

#[async_trait]
impl PreparedPiece for NoRows {
    async fn run(&self, _: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        Ok(given(&self.schema, Vec::new()))
    }
}

fn given(schema: &SchemaRef, batches: Vec<RecordBatch>) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), stream::iter(batches.into_iter().map(Ok))))
}

/// A piece whose first rows have come, and whose others still come. They can be read once; whoever reads them again asks
/// the store again.
struct Begun {
    schema: SchemaRef,
    rows: Mutex<Option<(Vec<RecordBatch>, SendableRecordBatchStream)>>,
    again: Arc<dyn PreparedPiece>,
}

impl Begun {
    fn new(
        schema: SchemaRef,
        first: Vec<RecordBatch>,
        rest: SendableRecordBatchStream,
        again: Arc<dyn PreparedPiece>,
    ) -> Self {
        Self { schema, rows: Mutex::new(Some((first, rest))), again }
    }
}

impl fmt::Debug for Begun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Begun").field("again", &self.again).finish_non_exhaustive()
    }
}

#[async_trait]
impl PreparedPiece for Begun {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let begun = self.rows.lock().take();
        let Some((first, rest)) = begun else { return self.again.run(context).await };
        let schema = Arc::clone(&self.schema);
        let rest = rest.map(move |batch| conform(&batch?, &schema));
        let rows = stream::iter(first.into_iter().map(Ok)).chain(rest);
        Ok(Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), rows)))
    }
}
