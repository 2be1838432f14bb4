//! Running a bound statement: admission, deadline, cancel, and the stream of its rows.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use datafusion::execution::SendableRecordBatchStream;
use futures::{Stream, StreamExt};
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing, engine_error, limits};
use crate::stores::RunContext;

use super::core::Engine;
use super::error::EngineError;
use super::explain;
use super::metrics::Metrics;
use super::outcome::{Outcome, RowStream, RowsTag, text_rows};
use super::prepare::{Bound, QueryWork, Rows, Work};
use super::session::Session;

impl Engine {
    /// Runs a query or an `EXPLAIN` for a session.
    pub(super) async fn run(
        self,
        session: &Session,
        bound: &Bound,
        cancel: CancellationToken,
    ) -> Result<Outcome, EngineError> {
        let started = Instant::now();
        match &bound.prepared.work {
            Work::Query(query) => {
                let columns = bound.columns.clone().unwrap_or_default();
                let stream = self.start(session, bound, query, cancel, started).await?;
                Ok(Outcome::Rows { tag: RowsTag::Select, columns, stream })
            }
            Work::Explain { lines, analyze } => {
                let mut lines = lines.clone();
                if let Some(query) = analyze {
                    let stream = self.start(session, bound, query, cancel, started).await?;
                    lines.extend(measured(stream, started).await?);
                }
                let rows: Vec<Vec<String>> = lines.into_iter().map(|line| vec![line]).collect();
                Ok(text_rows(RowsTag::Explain, &explain::columns(), &rows)?)
            }
            Work::Session(_) | Work::Write(_) | Work::NeedsValues => {
                Err(InternalError::new("a statement without a query reached the run").into())
            }
        }
    }

    async fn start(
        &self,
        session: &Session,
        bound: &Bound,
        query: &QueryWork,
        cancel: CancellationToken,
        started: Instant,
    ) -> Result<RowStream, EngineError> {
        let deadline = self.deadline(session, query.is_preview, started);
        let tenant = &session.identity().tenant().id;
        let context = RunContext {
            tenant: tenant.clone(),
            parameters: Arc::clone(&bound.values),
            clock: session.clock(),
            deadline,
            cancel: cancel.clone(),
        };
        let opening = async {
            let permit = self.sessions().admit(tenant, self.limits()).await?;
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
                let expiry = deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into())));
                let guard = cancel.clone().drop_guard();
                let canceled = Box::pin(cancel.cancelled_owned());
                Ok(Box::pin(Running { rows, canceled, expiry, recorder, _permit: permit, _stop: guard }))
            }
            Err(error) => {
                let mut recorder = recorder;
                recorder.end(error.sqlstate().code());
                Err(error)
            }
        }
    }

    fn deadline(&self, session: &Session, is_preview: bool, started: Instant) -> Option<Instant> {
        let of_session = session.settings().statement_timeout();
        let of_preview = is_preview.then(|| Duration::from_millis(self.limits().of(limits::PREVIEW_TIMEOUT_MS) as u64));
        [of_session, of_preview].into_iter().flatten().min().map(|timeout| started + timeout)
    }

    async fn open(&self, query: &QueryWork, context: &RunContext) -> Result<SendableRecordBatchStream, EngineError> {
        match &query.rows {
            Rows::OnePiece(piece) => Ok(piece.run(context).await?),
            Rows::InProcess(plan) => Ok(self.local().run(plan, context).await?),
        }
    }
}

/// Sleeps until the deadline; for ever where there is none.
async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

/// The rows of a running query. Dropping it stops the query.
struct Running {
    rows: SendableRecordBatchStream,
    canceled: Pin<Box<tokio_util::sync::WaitForCancellationFutureOwned>>,
    expiry: Option<Pin<Box<tokio::time::Sleep>>>,
    recorder: Recorder,
    _permit: OwnedSemaphorePermit,
    _stop: DropGuard,
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

async fn measured(mut stream: RowStream, started: Instant) -> Result<Vec<String>, EngineError> {
    let (mut rows, mut bytes, mut first) = (0, 0, None);
    while let Some(batch) = stream.next().await {
        let batch = batch?;
        first.get_or_insert_with(|| started.elapsed());
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
    }
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    let first = first.map_or("none".to_owned(), |duration| format!("{:.3} ms", milliseconds(duration)));
    Ok(vec![
        "Run".to_owned(),
        format!("  rows: {rows}, bytes in memory: {bytes}"),
        format!("  first rows after: {first}, all after: {:.3} ms", milliseconds(started.elapsed())),
    ])
}

fn canceled_by_user() -> ErrorReport {
    ErrorReport::new(SqlState::QUERY_CANCELED, "canceling statement due to user request")
}

fn timed_out() -> ErrorReport {
    ErrorReport::new(SqlState::QUERY_CANCELED, "canceling statement due to statement timeout")
}
