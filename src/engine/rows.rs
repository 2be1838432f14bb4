//! Rows on their way out: a running query that can wait for its client.

use std::future::ready;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use futures::future::BoxFuture;
use futures::{Stream, StreamExt};

use crate::base::ErrorReport;

/// Rows as they are made. After an error nothing follows. Dropping it stops the query.
pub trait RunningRows: Stream<Item = Result<RecordBatch, ErrorReport>> + Send + Unpin {
    /// Nobody waits for rows now: the query gives its place among the tenant's running statements back, and its clock
    /// stands still.
    fn suspend(&mut self) {}

    /// Somebody waits for rows again. The clock starts anew with this timeout.
    ///
    /// # Errors
    /// `57014` when it was cancelled or timed out while it waited for a place.
    fn resume(&mut self, _timeout: Option<Duration>) -> BoxFuture<'_, Result<(), ErrorReport>> {
        Box::pin(ready(Ok(())))
    }
}

/// Rows as they are made.
pub type RowStream = Box<dyn RunningRows>;

/// Rows that cost nothing while nobody waits for them.
pub fn plain_rows(stream: impl Stream<Item = Result<RecordBatch, ErrorReport>> + Send + 'static) -> RowStream {
    Box::new(Plain(Box::pin(stream)))
}

struct Plain(Pin<Box<dyn Stream<Item = Result<RecordBatch, ErrorReport>> + Send>>);

impl Stream for Plain {
    type Item = Result<RecordBatch, ErrorReport>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next_unpin(context)
    }
}

impl RunningRows for Plain {}
