//! What the pieces of one statement took, for `EXPLAIN ANALYZE`.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result as EngineResult;
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};
use parking_lot::Mutex;

use super::{PreparedPiece, RunContext, StoreError};

/// What the runs of one piece took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Observed {
    /// How often it ran. What runs in process may ask for its rows more than once, or not at all.
    pub runs: u32,
    /// How often the store was asked again because it was not reached.
    pub retries: u32,
    /// Rows that came.
    pub rows: usize,
    /// What they take in memory.
    pub bytes: usize,
    /// Until the first of them came, from the start of the first run.
    pub first: Option<Duration>,
    /// Until the last of them came, over all runs.
    pub all: Duration,
}

/// The keys of one column that a piece was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedKeys {
    /// The piece that they are of.
    pub from: usize,
    /// The column that they filtered.
    pub column: String,
    /// How many; `None` when they were too many or could not be said, and the piece was asked for all rows.
    pub keys: Option<usize>,
}

/// What is observed while one statement runs, by piece.
#[derive(Debug, Default)]
pub struct Observations {
    pieces: Mutex<BTreeMap<usize, Observed>>,
    keys: Mutex<BTreeMap<usize, Vec<ReceivedKeys>>>,
}

impl Observations {
    /// What the runs of a piece took so far; nothing for one that never ran.
    #[must_use]
    pub fn of(&self, piece: usize) -> Observed {
        self.pieces.lock().get(&piece).copied().unwrap_or_default()
    }

    /// The keys that a piece was given.
    #[must_use]
    pub fn keys_of(&self, piece: usize) -> Vec<ReceivedKeys> {
        self.keys.lock().get(&piece).cloned().unwrap_or_default()
    }

    /// A piece was given keys.
    pub fn received(&self, piece: usize, keys: ReceivedKeys) {
        self.keys.lock().entry(piece).or_default().push(keys);
    }

    /// A piece begins to run; gives back what its earlier runs took.
    fn began(&self, piece: usize) -> Duration {
        let mut before = Duration::ZERO;
        self.change(piece, |observed| {
            observed.runs += 1;
            before = observed.all;
        });
        before
    }

    /// The store was asked again.
    pub(super) fn retried(&self, piece: usize) {
        self.change(piece, |observed| observed.retries += 1);
    }

    fn change(&self, piece: usize, change: impl FnOnce(&mut Observed)) {
        change(self.pieces.lock().entry(piece).or_default());
    }
}

/// A piece whose runs are observed where somebody wants to know.
#[must_use]
pub fn observed(piece: usize, inner: Arc<dyn PreparedPiece>) -> Arc<dyn PreparedPiece> {
    Arc::new(ObservedPiece { piece, inner })
}

#[derive(Debug)]
struct ObservedPiece {
    piece: usize,
    inner: Arc<dyn PreparedPiece>,
}

#[async_trait]
impl PreparedPiece for ObservedPiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let Some(observations) = &context.observations else { return self.inner.run(context).await };
        let started = Instant::now();
        let before = observations.began(self.piece);
        let rows = self.inner.run(context).await?;
        let observations = Arc::clone(observations);
        Ok(Box::pin(ObservedRows { rows, piece: self.piece, started, before, observations }))
    }
}

struct ObservedRows {
    rows: SendableRecordBatchStream,
    piece: usize,
    started: Instant,
    /// What earlier runs took.
    before: Duration,
    observations: Arc<Observations>,
}

impl Stream for ObservedRows {
    type Item = EngineResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.rows.poll_next_unpin(context);
        if let Poll::Ready(next) = &polled {
            let (elapsed, before) = (self.started.elapsed(), self.before);
            self.observations.change(self.piece, |observed| {
                observed.all = before + elapsed;
                if let Some(Ok(batch)) = next {
                    observed.first.get_or_insert(elapsed);
                    observed.rows += batch.num_rows();
                    observed.bytes += batch.get_array_memory_size();
                }
            });
        }
        polled
    }
}

impl RecordBatchStream for ObservedRows {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
