//! Streams that stop when they are told to.

use std::any::Any;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream};
use futures::{Stream, StreamExt};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_util::sync::WaitForCancellationFutureOwned;
use tokio_util::task::AbortOnDropHandle;

use crate::base::current_run::{CurrentRun, stop_report};
use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, InternalError, UserFacing};
use crate::stores::RunContext;

/// Batches that wait between the computing task and the reader. A slow reader stops the computation.
const BATCHES_AHEAD: usize = 2;

/// The rows until the run is cancelled or its deadline passes; then `57014`, at once, and what computed them is dropped.
/// A panic while they are computed is an internal error of this stream and of nothing else.
pub(super) fn bounded(inner: SendableRecordBatchStream, context: &RunContext) -> SendableRecordBatchStream {
    Box::pin(Bounded {
        schema: inner.schema(),
        inner: Some(inner),
        cancelled: Box::pin(context.cancel.clone().cancelled_owned()),
        deadline: context.deadline,
        timer: context.deadline.map(|at| Box::pin(tokio::time::sleep_until(at.into()))),
    })
}

struct Bounded {
    schema: SchemaRef,
    inner: Option<SendableRecordBatchStream>,
    cancelled: Pin<Box<WaitForCancellationFutureOwned>>,
    deadline: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Bounded {
    fn is_stopped(&mut self, cx: &mut Context<'_>) -> bool {
        let timed_out = self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready());
        self.cancelled.as_mut().poll(cx).is_ready() || timed_out
    }

    fn end(&mut self, report: ErrorReport) -> Poll<Option<Result<RecordBatch>>> {
        self.inner = None;
        Poll::Ready(Some(Err(wrap(report))))
    }
}

impl Stream for Bounded {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.inner.is_none() {
            return Poll::Ready(None);
        }
        if self.is_stopped(cx) {
            let report = stop_report(self.deadline);
            return self.end(report);
        }
        let Some(inner) = &mut self.inner else { return Poll::Ready(None) };
        match catch_unwind(AssertUnwindSafe(|| inner.poll_next_unpin(cx))) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(Some(Ok(batch)))) => Poll::Ready(Some(Ok(batch))),
            Ok(Poll::Ready(last)) => {
                self.inner = None;
                Poll::Ready(last)
            }
            Err(panic) => {
                let report = panic_report(panic.as_ref());
                self.end(report)
            }
        }
    }
}

impl RecordBatchStream for Bounded {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}

fn panic_report(panic: &(dyn Any + Send)) -> ErrorReport {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    InternalError::new(format!("a query panicked: {}", text.unwrap_or("no message"))).report()
}

/// The same rows, computed for the run by a task of the given runtime a few batches ahead. Dropping the stream ends the task.
pub(super) fn spawned(
    runtime: &Handle,
    inner: SendableRecordBatchStream,
    run: CurrentRun,
) -> SendableRecordBatchStream {
    let schema = inner.schema();
    let (sender, receiver) = mpsc::channel(BATCHES_AHEAD);
    let task = runtime.spawn(forward(sender, inner, Arc::new(run)));
    Box::pin(Spawned { schema, receiver, task: Some(AbortOnDropHandle::new(task)) })
}

async fn forward(sender: mpsc::Sender<Result<RecordBatch>>, mut rows: SendableRecordBatchStream, run: Arc<CurrentRun>) {
    while let Some(batch) = poll_fn(|cx| run.step(|| rows.poll_next_unpin(cx))).await {
        if sender.send(batch).await.is_err() {
            return;
        }
    }
}

struct Spawned {
    schema: SchemaRef,
    receiver: mpsc::Receiver<Result<RecordBatch>>,
    task: Option<AbortOnDropHandle<()>>,
}

impl Stream for Spawned {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(batch) = ready!(self.receiver.poll_recv(cx)) {
            return Poll::Ready(Some(batch));
        }
        // The channel is closed. Only a task that ended well has sent every row.
        let Some(task) = &mut self.task else { return Poll::Ready(None) };
        let ended = ready!(Pin::new(task).poll(cx));
        self.task = None;
        match ended {
            Ok(()) => Poll::Ready(None),
            Err(error) => {
                let report = InternalError::new(error).report();
                Poll::Ready(Some(Err::<_, DataFusionError>(wrap(report))))
            }
        }
    }
}

impl RecordBatchStream for Spawned {
    fn schema(&self) -> SchemaRef {
        SchemaRef::clone(&self.schema)
    }
}
