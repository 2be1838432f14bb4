//! A result that is read bit by bit, forward or, where what was read is kept, in any direction.

use std::collections::VecDeque;
use std::task::{Context, Poll};
use std::time::Duration;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::interleave_record_batch;
use futures::StreamExt;

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, InternalError, UserFacing};

use super::outcome::{OutputColumns, RowsTag};
use super::rows::RowStream;

/// How a result may be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rereading {
    /// Never: what was read is forgotten.
    Never,
    /// As long as what was read stays small.
    WhileSmall,
    /// Always; a result that is too large to be kept is an error.
    Always,
}

/// A result that is being read. Rows are counted from 1.
pub struct OpenRows {
    tag: RowsTag,
    columns: OutputColumns,
    /// `None` when it has ended.
    stream: Option<RowStream>,
    /// What came from the stream and was not yet read.
    rest: Option<RecordBatch>,
    kept: Option<Kept>,
    /// The row that was read last; one more than there are after the end, 0 before the first.
    position: u64,
    end: End,
    is_suspended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// More rows may come.
    Open,
    /// There are no more.
    Reached,
    /// It failed.
    Failed,
}

/// What was read, for reading it again.
struct Kept {
    batches: Vec<RecordBatch>,
    rows: u64,
    bytes: usize,
    most_bytes: usize,
    required: bool,
}

impl OpenRows {
    /// A result that begins.
    #[must_use]
    pub fn new(tag: RowsTag, columns: OutputColumns, stream: RowStream) -> Self {
        Self {
            tag,
            columns,
            stream: Some(stream),
            rest: None,
            kept: None,
            position: 0,
            end: End::Open,
            is_suspended: false,
        }
    }

    /// The same, which may be read again.
    #[must_use]
    pub fn rereadable(mut self, rereading: Rereading, limits: &LimitSet) -> Self {
        let most_bytes = limits.of(limits::CURSOR_HISTORY_BYTES);
        self.kept = match rereading {
            Rereading::Never => None,
            Rereading::WhileSmall | Rereading::Always => Some(Kept {
                batches: Vec::new(),
                rows: 0,
                bytes: 0,
                most_bytes,
                required: rereading == Rereading::Always,
            }),
        };
        self
    }

    /// Its columns.
    #[must_use]
    pub fn columns(&self) -> &OutputColumns {
        &self.columns
    }

    /// The command tag after so many rows.
    #[must_use]
    pub fn command_tag(&self, rows: u64) -> String {
        self.tag.after(rows)
    }

    /// Whether its query may still run.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.end == End::Open
    }

    /// Whether it ended with an error.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.end == End::Failed
    }

    /// Nobody waits for rows now.
    pub fn suspend(&mut self) {
        if self.is_running() && !self.is_suspended {
            self.is_suspended = true;
            if let Some(stream) = &mut self.stream {
                stream.suspend();
            }
        }
    }

    /// Somebody waits for rows again.
    ///
    /// # Errors
    /// As [`RunningRows::resume`](super::RunningRows::resume).
    pub async fn resume(&mut self, timeout: Option<Duration>) -> Result<(), ErrorReport> {
        if !std::mem::take(&mut self.is_suspended) {
            return Ok(());
        }
        let Some(stream) = &mut self.stream else { return Ok(()) };
        let resumed = stream.resume(timeout).await;
        if resumed.is_err() {
            self.finish(End::Failed);
        }
        resumed
    }

    /// The next rows, at most so many.
    ///
    /// # Errors
    /// Whatever ends the query.
    pub async fn next(&mut self, most: u64) -> Result<Option<RecordBatch>, ErrorReport> {
        std::future::poll_fn(|context| self.poll_rows(context, most)).await.transpose()
    }

    /// The next rows, at most so many, when they are there.
    pub fn poll_rows(
        &mut self,
        context: &mut Context<'_>,
        most: u64,
    ) -> Poll<Option<Result<RecordBatch, ErrorReport>>> {
        if let Some(again) = self.kept.as_ref().and_then(|kept| kept.rows_after(self.position, most)) {
            self.position += again.num_rows() as u64;
            return Poll::Ready(Some(Ok(again)));
        }
        let Some(batch) = self.rest.take() else {
            return match self.poll_stream(context) {
                Poll::Ready(Some(Ok(batch))) => Poll::Ready(Some(self.read(batch, most))),
                other => other,
            };
        };
        Poll::Ready(Some(self.read(batch, most)))
    }

    /// A batch with rows from the stream, or its end.
    fn poll_stream(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch, ErrorReport>>> {
        loop {
            let Some(stream) = &mut self.stream else {
                self.pass_end();
                return Poll::Ready(None);
            };
            match std::task::ready!(stream.poll_next_unpin(context)) {
                Some(Ok(batch)) if batch.num_rows() == 0 => {}
                Some(Ok(batch)) => return Poll::Ready(Some(Ok(batch))),
                Some(Err(report)) => {
                    self.finish(End::Failed);
                    return Poll::Ready(Some(Err(report)));
                }
                None => {
                    self.finish(End::Reached);
                    self.position += 1;
                    return Poll::Ready(None);
                }
            }
        }
    }

    /// The query goes, and with it its place among those that run.
    fn finish(&mut self, end: End) {
        self.end = end;
        self.stream = None;
    }

    /// Reading over the end again leaves it after the end.
    fn pass_end(&mut self) {
        if let Some(kept) = self.kept.as_ref().filter(|_| self.end == End::Reached) {
            self.position = kept.rows + 1;
        }
    }

    fn read(&mut self, mut batch: RecordBatch, most: u64) -> Result<RecordBatch, ErrorReport> {
        let wanted = usize::try_from(most).unwrap_or(usize::MAX).min(batch.num_rows());
        if wanted < batch.num_rows() {
            self.rest = Some(batch.slice(wanted, batch.num_rows() - wanted));
            batch = batch.slice(0, wanted);
        }
        self.position += wanted as u64;
        self.keep(&batch)?;
        Ok(batch)
    }

    fn keep(&mut self, batch: &RecordBatch) -> Result<(), ErrorReport> {
        let Some(kept) = &mut self.kept else { return Ok(()) };
        kept.rows += batch.num_rows() as u64;
        kept.bytes = kept.bytes.saturating_add(slice_bytes(batch));
        kept.batches.push(batch.clone());
        if kept.bytes <= kept.most_bytes {
            return Ok(());
        }
        let (required, most, bytes) = (kept.required, kept.most_bytes, kept.bytes);
        self.kept = None;
        if required {
            self.finish(End::Failed);
            return Err(limits::exceeded(limits::CURSOR_HISTORY_BYTES, most, bytes));
        }
        Ok(())
    }

    /// The row that was read last; one more than there are after the end, 0 before the first.
    #[must_use]
    pub fn position(&self) -> u64 {
        self.position
    }

    /// Whether the last row that was read is the current one.
    #[must_use]
    pub fn is_on_row(&self) -> bool {
        self.position > 0 && !self.is_after_end()
    }

    fn is_after_end(&self) -> bool {
        self.end == End::Reached && self.kept.as_ref().is_none_or(|kept| self.position > kept.rows)
    }

    /// Whether rows that were read can be read again.
    #[must_use]
    pub fn can_go_back(&self) -> bool {
        self.kept.is_some()
    }

    /// Goes back to the place after a row that was read; 0 is before the first.
    pub fn go_back_to(&mut self, position: u64) {
        self.position = position;
    }

    /// The rows before the current one, the nearest first, at most so many.
    ///
    /// # Errors
    /// An internal error when they cannot be put together.
    pub fn rows_before(&mut self, most: u64) -> Result<Option<RecordBatch>, ErrorReport> {
        let Some(kept) = &self.kept else { return Ok(None) };
        let last = self.position.saturating_sub(1);
        let first = last.saturating_sub(most);
        let rows = kept.reversed(first, last)?;
        // With fewer rows than wanted it now stands before the first.
        self.position = if last - first < most { 0 } else { first + 1 };
        Ok(rows)
    }
}

impl Kept {
    /// Rows from the place after a row, at most so many, of one batch.
    fn rows_after(&self, position: u64, most: u64) -> Option<RecordBatch> {
        let mut before = 0;
        for batch in &self.batches {
            let rows = batch.num_rows() as u64;
            if position < before + rows {
                let offset = usize::try_from(position - before).ok()?;
                let length = usize::try_from(most).unwrap_or(usize::MAX).min(batch.num_rows() - offset);
                return Some(batch.slice(offset, length));
            }
            before += rows;
        }
        None
    }

    /// The rows after `first` up to `last`, the last one first.
    fn reversed(&self, first: u64, last: u64) -> Result<Option<RecordBatch>, ErrorReport> {
        let mut places = VecDeque::new();
        let mut row = 0;
        for (index, batch) in self.batches.iter().enumerate() {
            for offset in 0..batch.num_rows() {
                row += 1;
                if row > first && row <= last {
                    places.push_front((index, offset));
                }
            }
        }
        if places.is_empty() {
            return Ok(None);
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let places: Vec<(usize, usize)> = places.into();
        let rows = interleave_record_batch(&batches, &places).map_err(|error| InternalError::new(error).report())?;
        Ok(Some(rows))
    }
}

fn slice_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(|column| column.to_data().get_slice_memory_size().unwrap_or_default()).sum()
}
