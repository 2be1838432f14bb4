//! The store around a store.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result as EngineResult;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, StreamExt};
use rand::Rng;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::base::engine_error;
use crate::base::{ErrorReport, SqlState, StoreKind, UserFacing};
use crate::catalog::Table;
use crate::config::ConnectionSection;
use crate::guard::VerifiedStatement;
use crate::route::Piece;
use crate::stores::{PreparedPiece, RunContext, Store, StoreError};

use super::breaker::{Breaker, BreakerState};

/// The first pause before another attempt; it doubles, and half of it is chance.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// A store with retries before the first row, a breaker, a limit on what runs there at once and one on its silence.
#[derive(Debug)]
pub struct ResilientStore {
    inner: Arc<dyn Store>,
    care: Arc<Care>,
}

#[derive(Debug)]
struct Care {
    store: StoreKind,
    breaker: Breaker,
    places: Arc<Semaphore>,
    retries: AtomicU64,
    settings: ConnectionSection,
}

/// How the connection to a store is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Whether the store is asked.
    pub breaker: BreakerState,
    /// Statements that run there now.
    pub running: usize,
    /// Statements that may run there at once.
    pub places: usize,
    /// How often it was asked again since the start.
    pub retries: u64,
}

impl ResilientStore {
    /// Takes care of a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, settings: ConnectionSection) -> Self {
        let care = Care {
            store: inner.kind(),
            breaker: Breaker::new(settings.breaker_failures, settings.breaker_pause()),
            places: Arc::new(Semaphore::new(settings.concurrent_queries)),
            retries: AtomicU64::new(0),
            settings,
        };
        Self { inner, care: Arc::new(care) }
    }
}

#[async_trait]
impl Store for ResilientStore {
    fn kind(&self) -> StoreKind {
        self.care.store
    }

    fn prepare(
        &self,
        piece: &Arc<Piece>,
        statement: &VerifiedStatement,
        parameters: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        let inner = self.inner.prepare(piece, statement, parameters)?;
        Ok(Arc::new(ResilientPiece { piece: piece.id, inner, care: Arc::clone(&self.care) }))
    }

    fn has_own_catalog(&self) -> bool {
        self.inner.has_own_catalog()
    }

    fn condition(&self) -> Option<Condition> {
        let Care { breaker, places, retries, settings, store: _ } = self.care.as_ref();
        Some(Condition {
            breaker: breaker.state(Instant::now()),
            running: settings.concurrent_queries.saturating_sub(places.available_permits()),
            places: settings.concurrent_queries,
            retries: retries.load(Ordering::Relaxed),
        })
    }

    async fn discover(&self) -> Result<Vec<Table>, StoreError> {
        let asked = self.care.repeated(|| self.inner.discover());
        let asked = async { self.care.in_time(asked).await? };
        self.care.told(asked).await
    }

    /// Asks even while the breaker is open: that is how the store is found to be back. What has no answer in the time of a
    /// connection is as good as down.
    async fn ping(&self) -> Result<(), StoreError> {
        let asked = self.care.repeated(|| self.inner.ping());
        let asked = async { self.care.within(self.care.settings.connect_timeout(), asked).await? };
        self.care.told(asked).await
    }
}

#[derive(Debug)]
struct ResilientPiece {
    piece: usize,
    inner: Arc<dyn PreparedPiece>,
    care: Arc<Care>,
}

#[async_trait]
impl PreparedPiece for ResilientPiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let permit = self.care.place().await?;
        let mut attempts = Attempts::of(&self.care.settings);
        loop {
            self.care.admit()?;
            let error = match self.care.told(self.first_rows(context)).await {
                Ok(started) => return Ok(self.care.watched(started, permit)),
                Err(error) => error,
            };
            if !attempts.another_after(&error).await {
                return Err(error);
            }
            tracing::info!(store = %self.care.store, %error, "the statement is tried again");
            self.care.retried();
            if let Some(observations) = &context.observations {
                observations.retried(self.piece);
            }
        }
    }
}

/// How often something is tried that did not reach its store.
#[derive(Debug)]
struct Attempts {
    made: u32,
    allowed: u32,
}

impl Attempts {
    fn of(settings: &ConnectionSection) -> Self {
        Self { made: 1, allowed: settings.attempts }
    }

    /// Whether to try again after this failure: only what did not reach the store is, and after a pause.
    async fn another_after(&mut self, error: &StoreError) -> bool {
        if !matches!(error, StoreError::Unavailable { .. }) || self.made >= self.allowed {
            return false;
        }
        tokio::time::sleep(pause_before(self.made)).await;
        self.made += 1;
        true
    }
}

/// A run whose first rows have come.
struct Started {
    first: Option<RecordBatch>,
    rest: SendableRecordBatchStream,
}

impl ResilientPiece {
    async fn first_rows(&self, context: &RunContext) -> Result<Started, StoreError> {
        let mut rest = self.care.in_time(self.inner.run(context)).await??;
        let first = self.care.in_time(rest.next()).await?;
        let first = first.transpose().map_err(|error| self.care.error_of(engine_error::report(&error)))?;
        Ok(Started { first, rest })
    }
}

impl Care {
    /// A place among the statements that run there. Waiting for it ends, so that statements that need two places each
    /// cannot wait for one another for ever.
    async fn place(&self) -> Result<OwnedSemaphorePermit, StoreError> {
        // Nobody who waits is passed by: a place that is given back goes to them first.
        if let Ok(permit) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(permit);
        }
        let waiting = Arc::clone(&self.places).acquire_owned();
        match timeout(self.settings.answer_timeout(), waiting).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(StoreError::Failed(
                ErrorReport::new(SqlState::INSUFFICIENT_RESOURCES, format!("store {} is busy", self.store))
                    .with_detail(format!("{} statements run there.", self.settings.concurrent_queries)),
            )),
        }
    }

    fn admit(&self) -> Result<(), StoreError> {
        self.breaker.admit(Instant::now()).map_err(|left| {
            let seconds = left.as_secs_f64();
            self.unavailable(format!("It failed several times in a row and is tried again in {seconds:.1} seconds."))
        })
    }

    /// Tries again when the store was not reached: a connection that stood since the last time may be a dead one, and
    /// says nothing of the store.
    async fn repeated<T, Once>(&self, once: impl Fn() -> Once) -> Result<T, StoreError>
    where
        Once: Future<Output = Result<T, StoreError>>,
    {
        let mut attempts = Attempts::of(&self.settings);
        loop {
            match once().await {
                Err(error) if attempts.another_after(&error).await => self.retried(),
                done => return done,
            }
        }
    }

    fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the breaker how it went.
    async fn told<T>(&self, doing: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        let done = doing.await;
        self.tell(done.as_ref().err());
        done
    }

    fn tell(&self, error: Option<&StoreError>) {
        match error {
            Some(StoreError::Unavailable { .. }) => self.breaker.failed(Instant::now()),
            // A store that refuses a statement is there.
            Some(StoreError::Failed(_) | StoreError::Outdated { .. }) | None => self.breaker.succeeded(),
        }
    }

    async fn in_time<T>(&self, doing: impl Future<Output = T>) -> Result<T, StoreError> {
        self.within(self.settings.answer_timeout(), doing).await
    }

    async fn within<T>(&self, limit: Duration, doing: impl Future<Output = T>) -> Result<T, StoreError> {
        let silent = |_| self.unavailable(format!("It was silent for {} ms.", limit.as_millis()));
        timeout(limit, doing).await.map_err(silent)
    }

    fn unavailable(&self, detail: String) -> StoreError {
        StoreError::Unavailable { store: self.store, detail }
    }

    /// A failure of the connection, when it came as an error among rows.
    fn error_of(&self, report: ErrorReport) -> StoreError {
        if report.sqlstate == SqlState::CONNECTION_FAILURE {
            let detail = report.detail.unwrap_or_default();
            return StoreError::Unavailable { store: self.store, detail };
        }
        StoreError::Failed(report)
    }

    /// The rows, with a limit on the silence between them. The place is held until they end.
    fn watched(self: &Arc<Self>, started: Started, permit: OwnedSemaphorePermit) -> SendableRecordBatchStream {
        let schema = started.rest.schema();
        let first = stream::iter(started.first.map(Ok));
        let care = Arc::clone(self);
        let rest = stream::unfold(Some((started.rest, permit)), move |state| {
            let care = Arc::clone(&care);
            async move {
                let (mut rows, permit) = state?;
                let batch: EngineResult<RecordBatch> = match care.in_time(rows.next()).await {
                    Ok(None) => return None,
                    Ok(Some(batch)) => batch,
                    Err(error) => Err(engine_error::wrap(error.report())),
                };
                let error = batch.as_ref().err().map(|error| care.error_of(engine_error::report(error)));
                let goes_on = error.is_none();
                if !goes_on {
                    care.tell(error.as_ref());
                }
                Some((batch, goes_on.then_some((rows, permit))))
            }
        });
        Box::pin(RecordBatchStreamAdapter::new(schema, first.chain(rest)))
    }
}

fn pause_before(attempt: u32) -> Duration {
    let whole = FIRST_PAUSE * 2_u32.saturating_pow(attempt.saturating_sub(1).min(6));
    whole.mul_f64(rand::rng().random_range(0.5..1.0))
}
