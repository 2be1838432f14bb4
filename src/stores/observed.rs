//! What the pieces of statements took: of all of them for `/metrics`, of one statement for `EXPLAIN ANALYZE`.

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

use crate::base::{StoreKind, UserFacing, engine_error};

use super::metrics::{OneStore, StoreMetrics};
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
    /// Whether the store had the statement prepared from an earlier run; `None` where it prepares none.
    pub statement_reused: Option<bool>,
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

    /// The store has the statement prepared, from an earlier run or since now.
    pub(super) fn prepared(&self, piece: usize, reused: bool) {
        self.change(piece, |observed| observed.statement_reused = Some(reused));
    }

    fn change(&self, piece: usize, change: impl FnOnce(&mut Observed)) {
        change(self.pieces.lock().entry(piece).or_default());
    }
}

/// A piece whose runs are counted, and observed where somebody wants to know.
#[must_use]
pub fn observed(
    piece: usize,
    store: StoreKind,
    inner: Arc<dyn PreparedPiece>,
    metrics: &StoreMetrics,
) -> Arc<dyn PreparedPiece> {
    Arc::new(ObservedPiece { piece, inner, counters: metrics.of(store) })
}

#[derive(Debug)]
struct ObservedPiece {
    piece: usize,
    inner: Arc<dyn PreparedPiece>,
    counters: OneStore,
}

#[async_trait]
impl PreparedPiece for ObservedPiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let started = Instant::now();
        let observations = context.observations.as_ref().map(|observations| Told {
            before: observations.began(self.piece),
            piece: self.piece,
            observations: Arc::clone(observations),
        });
        self.counters.asked();
        let ran = self.inner.run(context).await;
        let rows = ran.inspect_err(|error| {
            self.counters.failed(error.sqlstate());
            self.counters.ended_after(started.elapsed());
        })?;
        let counters = self.counters.clone();
        Ok(Box::pin(ObservedRows { rows, started, has_rows: false, counters, observations }))
    }
}

/// Where one statement hears of the runs of a piece.
struct Told {
    piece: usize,
    /// What earlier runs took.
    before: Duration,
    observations: Arc<Observations>,
}

impl Told {
    fn came(&self, elapsed: Duration, batch: Option<&RecordBatch>) {
        self.observations.change(self.piece, |observed| {
            observed.all = self.before + elapsed;
            if let Some(batch) = batch {
                observed.first.get_or_insert(elapsed);
                observed.rows += batch.num_rows();
                observed.bytes += batch.get_array_memory_size();
            }
        });
    }
}

struct ObservedRows {
    rows: SendableRecordBatchStream,
    started: Instant,
    has_rows: bool,
    counters: OneStore,
    observations: Option<Told>,
}

impl ObservedRows {
    fn saw(&mut self, next: Option<&EngineResult<RecordBatch>>) {
        let elapsed = self.started.elapsed();
        match next {
            Some(Ok(batch)) => {
                if !std::mem::replace(&mut self.has_rows, true) {
                    self.counters.first_row_after(elapsed);
                }
                self.counters.came(batch.num_rows(), batch.get_array_memory_size());
            }
            Some(Err(error)) => self.counters.failed(engine_error::sqlstate(error)),
            None => {}
        }
        if let Some(told) = &self.observations {
            told.came(elapsed, next.and_then(|next| next.as_ref().ok()));
        }
    }
}

impl Drop for ObservedRows {
    fn drop(&mut self) {
        self.counters.ended_after(self.started.elapsed());
    }
}

impl Stream for ObservedRows {
    type Item = EngineResult<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.rows.poll_next_unpin(context);
        if let Poll::Ready(next) = &polled {
            self.saw(next.as_ref());
        }
        polled
    }
}

impl RecordBatchStream for ObservedRows {
    fn schema(&self) -> SchemaRef {
        self.rows.schema()
    }
}
