//! Running a bound statement: admission, deadline, cancel, and the stream of its rows.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, InternalError, SessionId, SqlState, TenantId, UserFacing, engine_error};
use crate::stores::{Observations, Outdated, RunContext};

use super::core::Engine;
use super::error::EngineError;
use super::explain::Measured;
use super::metrics::Metrics;
use super::outcome::{Outcome, RowsTag, text_rows};
use super::prepare::{Bound, QueryWork, Rows, Work};
use super::rows::{RowStream, RunningRows};
use super::session::Session;
use super::sessions::SessionRegistry;

/// What is particular to one run.
pub(super) struct How {
    pub(super) started: Instant,
    pub(super) cancel: CancellationToken,
    /// Where the stores tell that the plan is not for their tables.
    pub(super) outdated: Arc<Outdated>,
    /// A plan for other tables is made again, so that such an end is not yet the statement's.
    pub(super) may_plan_again: bool,
    /// The client may take some rows, and the others later.
    pub(super) may_pause: bool,
}

impl Engine {
    /// Runs a query or an `EXPLAIN` for a session.
    pub(super) async fn run(self, session: &Session, bound: &Bound, how: How) -> Result<Outcome, EngineError> {
        match &bound.prepared.work {
            Work::Query(query) => {
                let columns = bound.columns.clone().unwrap_or_default();
                let stream = self.start(session, bound, query, how, None).await?;
                Ok(Outcome::Rows { tag: RowsTag::Select, columns, stream, binary: false })
            }
            Work::Explain { explained, analyze } => {
                let mut explained = explained.clone();
                if let Some(analyzed) = analyze {
                    let observations = Arc::new(Observations::default());
                    let (how, started) = (How { may_pause: false, ..how }, how.started);
                    let stream =
                        self.start(session, bound, &analyzed.query, how, Some(Arc::clone(&observations))).await?;
                    explained.measured(&measured(stream, started).await?);
                    explained.plan_reused(bound.prepared.catalog_version(), bound.prepared.begin_run());
                    for (piece, store) in &analyzed.pieces {
                        let age = self.registry().knowledge(*store).age;
                        explained.piece_observed(*piece, *store, &observations.of(*piece), age);
                        explained.keys_received(*piece, &observations.keys_of(*piece));
                    }
                }
                Ok(text_rows(RowsTag::Explain, &explained.columns(), &explained.rows())?)
            }
            Work::Session(_)
            | Work::Write(_)
            | Work::NeedsValues
            | Work::Prepare { .. }
            | Work::Execute { .. }
            | Work::Declare { .. }
            | Work::Copy { .. }
            | Work::Fetch(_)
            | Work::Close(_)
            | Work::Upkeep(_) => Err(InternalError::new("a statement without a query reached the run").into()),
        }
    }

    async fn start(
        &self,
        session: &Session,
        bound: &Bound,
        query: &QueryWork,
        how: How,
        observations: Option<Arc<Observations>>,
    ) -> Result<RowStream, EngineError> {
        let How { started, cancel, outdated, may_plan_again, may_pause } = how;
        let cap = query.is_preview.then(|| Duration::from_millis(self.limits().of(limits::PREVIEW_TIMEOUT_MS) as u64));
        let deadline = earlier(session.statement_timeout(), cap).map(|timeout| started + timeout);
        let tenant = &session.identity().tenant().id;
        let context = RunContext {
            tenant: tenant.clone(),
            parameters: Arc::clone(&bound.values),
            clock: session.clock(),
            // A store cannot stop its clock while the client thinks.
            deadline: deadline.filter(|_| !may_pause),
            cancel: cancel.clone(),
            observations,
            given: Arc::default(),
            outdated: Arc::clone(&outdated),
        };
        let place = Place {
            sessions: Arc::clone(self.sessions()),
            limits: self.limits().clone(),
            tenant: session.identity().tenant().id.clone(),
            session: session.key().id,
        };
        let opening = async {
            let permit = place.admit().await?;
            let rows = self.open(query, &context).await?;
            Ok::<_, EngineError>((permit, rows))
        };
        let opened = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(canceled_by_user().into()),
            () = until(deadline) => Err(timed_out().into()),
            opened = opening => opened,
        };
        let recorder = Recorder { metrics: self.metrics().clone(), started, ended: false };
        match opened {
            Ok((permit, rows)) => {
                let guard = cancel.clone().drop_guard();
                Ok(Box::new(Running {
                    rows,
                    canceled: Box::pin(cancel.clone().cancelled_owned()),
                    cancel,
                    expiry: deadline.map(timer),
                    cap,
                    recorder,
                    place,
                    permit: Some(permit),
                    _stop: guard,
                }))
            }
            Err(error) => {
                let mut recorder = recorder;
                // What is planned again goes on, and is counted when it ends.
                recorder.ended = may_plan_again && !outdated.stores().is_empty();
                recorder.end(error.sqlstate().code());
                Err(error)
            }
        }
    }

    /// Counts a statement that failed between two runs.
    pub(super) fn count_failure(&self, started: Instant, error: &EngineError) {
        let mut recorder = Recorder { metrics: self.metrics().clone(), started, ended: false };
        recorder.end(error.sqlstate().code());
    }

    async fn open(&self, query: &QueryWork, context: &RunContext) -> Result<SendableRecordBatchStream, EngineError> {
        let rows = match &query.rows {
            Rows::OnePiece(piece) => piece.run(context).await?,
            Rows::InProcess { plan, keys } if keys.transfers().is_empty() => self.local().run(plan, context).await?,
            Rows::InProcess { plan, keys } => {
                let given = Arc::new(self.exchange_keys(keys, context).await?);
                self.local().run(plan, &RunContext { given, ..context.clone() }).await?
            }
        };
        if query.changing_stores.is_empty() { Ok(rows) } else { begun(rows).await }
    }
}

/// The same rows, when the first of them are there: what a store says of its tables, it says before them.
async fn begun(mut rows: SendableRecordBatchStream) -> Result<SendableRecordBatchStream, EngineError> {
    let schema = rows.schema();
    match rows.next().await {
        Some(Err(error)) => Err(engine_error::report(&error).into()),
        Some(Ok(first)) => {
            let all = futures::stream::iter([Ok(first)]).chain(rows);
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, all)))
        }
        None => Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::empty()))),
    }
}

/// Sleeps until the deadline; for ever where there is none.
pub(super) async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn timer(deadline: Instant) -> Pin<Box<tokio::time::Sleep>> {
    Box::pin(tokio::time::sleep_until(deadline.into()))
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    [one, other].into_iter().flatten().min()
}

/// Where a statement asks for its place among those that run.
struct Place {
    sessions: Arc<SessionRegistry>,
    limits: LimitSet,
    tenant: TenantId,
    session: SessionId,
}

impl Place {
    async fn admit(&self) -> Result<OwnedSemaphorePermit, ErrorReport> {
        self.sessions.admit(&self.tenant, &self.limits).await
    }
}

/// The rows of a running query. Dropping it stops the query.
struct Running {
    rows: SendableRecordBatchStream,
    cancel: CancellationToken,
    canceled: Pin<Box<tokio_util::sync::WaitForCancellationFutureOwned>>,
    expiry: Option<Pin<Box<tokio::time::Sleep>>>,
    /// What a preview may take at most, whatever the session's timeout.
    cap: Option<Duration>,
    recorder: Recorder,
    place: Place,
    /// `None` while nobody waits for rows.
    permit: Option<OwnedSemaphorePermit>,
    _stop: DropGuard,
}

impl RunningRows for Running {
    fn suspend(&mut self) {
        self.permit = None;
        self.expiry = None;
        self.place.sessions.waits(self.place.session);
    }

    fn resume(&mut self, timeout: Option<Duration>) -> BoxFuture<'_, Result<(), ErrorReport>> {
        let deadline = earlier(timeout, self.cap).map(|timeout| Instant::now() + timeout);
        self.place.sessions.runs(self.place.session, self.cancel.clone());
        Box::pin(async move {
            let permit = tokio::select! {
                biased;
                () = self.cancel.cancelled() => Err(canceled_by_user()),
                () = until(deadline) => Err(timed_out()),
                permit = self.place.admit() => permit,
            };
            self.expiry = deadline.map(timer);
            match permit {
                Ok(permit) => self.permit = Some(permit),
                Err(report) => {
                    self.recorder.end(report.sqlstate.code());
                    return Err(report);
                }
            }
            Ok(())
        })
    }
}

impl Running {
    fn stopped(&mut self, context: &mut Context<'_>) -> Option<ErrorReport> {
        if self.recorder.ended {
            return None;
        }
        if self.canceled.as_mut().poll(context).is_ready() {
            return Some(canceled_by_user());
        }
        let expired = self.expiry.as_mut().is_some_and(|expiry| expiry.as_mut().poll(context).is_ready());
        expired.then(timed_out)
    }
}

impl Stream for Running {
    type Item = Result<RecordBatch, ErrorReport>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(report) = self.stopped(context) {
            self.recorder.end(report.sqlstate.code());
            return Poll::Ready(Some(Err(report)));
        }
        if self.recorder.ended {
            return Poll::Ready(None);
        }
        match self.rows.poll_next_unpin(context) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(batch))) => {
                self.recorder.metrics.rows.inc_by(batch.num_rows() as u64);
                Poll::Ready(Some(Ok(batch)))
            }
            Poll::Ready(Some(Err(error))) => {
                let report = engine_error::report(&error);
                self.recorder.end(report.sqlstate.code());
                Poll::Ready(Some(Err(report)))
            }
            Poll::Ready(None) => {
                self.recorder.end("00000");
                Poll::Ready(None)
            }
        }
    }
}

/// Counts a statement once, however it ends.
struct Recorder {
    metrics: Metrics,
    started: Instant,
    ended: bool,
}

impl Recorder {
    fn end(&mut self, sqlstate: &str) {
        if !self.ended {
            self.ended = true;
            self.metrics.ended(sqlstate, self.started.elapsed());
        }
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // The client went away, or did not want the rest of the rows.
        self.end("00000");
    }
}

async fn measured(mut stream: RowStream, started: Instant) -> Result<Measured, EngineError> {
    let (mut rows, mut bytes, mut first) = (0, 0, None);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        first.get_or_insert_with(|| started.elapsed());
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
    }
    Ok(Measured { rows, bytes, first, all: started.elapsed() })
}

/// The report for what a cancel request stopped.
pub(super) fn canceled_by_user() -> ErrorReport {
    ErrorReport::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}

/// The report for what took longer than the session allows.
pub(super) fn timed_out() -> ErrorReport {
    ErrorReport::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
}
