//! `FETCH` and `MOVE`: which rows of a cursor, and their stream.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use datafusion::arrow::array::RecordBatch;
use futures::Stream;
use futures::future::BoxFuture;
use tokio::sync::OwnedMutexGuard;

use crate::base::{ErrorReport, SqlState};
use crate::sql::Direction;

use super::open_rows::OpenRows;
use super::rows::RunningRows;

/// What is left to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Read over so many rows, then go on with the next ones.
    Skip(u64, u64),
    /// Read to the end, then go back so many rows and give the one there.
    ToEnd(u64),
    /// Give so many rows.
    Forward(u64),
    /// Give so many rows before.
    Backward(u64),
    /// Nothing.
    Done,
}

/// The rows of one FETCH.
pub(super) struct FetchedRows {
    rows: OwnedMutexGuard<OpenRows>,
    step: Step,
}

impl FetchedRows {
    /// The rows in a direction.
    ///
    /// # Errors
    /// `55000` where the cursor would have to go back and cannot.
    pub(super) fn new(mut rows: OwnedMutexGuard<OpenRows>, direction: Direction) -> Result<Self, ErrorReport> {
        let step = first_step(&mut rows, direction)?;
        Ok(Self { rows, step })
    }

    fn poll_step(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RecordBatch, ErrorReport>>> {
        loop {
            match self.step {
                Step::Done => return Poll::Ready(None),
                Step::Skip(0, then) => self.step = Step::Forward(then),
                Step::Skip(left, then) => match ready!(self.rows.poll_rows(context, left)) {
                    Some(Ok(batch)) => self.step = Step::Skip(left - batch.num_rows() as u64, then),
                    Some(Err(report)) => return self.failed(report),
                    None => self.step = Step::Done,
                },
                Step::ToEnd(back) => match ready!(self.rows.poll_rows(context, u64::MAX)) {
                    Some(Ok(_)) => {}
                    Some(Err(report)) => return self.failed(report),
                    None => {
                        let place = self.rows.position().saturating_sub(1).checked_sub(back);
                        self.rows.go_back_to(place.unwrap_or_default());
                        self.step = if place.is_some() { Step::Forward(1) } else { Step::Done };
                    }
                },
                Step::Forward(0) => self.step = Step::Done,
                Step::Forward(left) => {
                    let next = ready!(self.rows.poll_rows(context, left));
                    self.step = match &next {
                        Some(Ok(batch)) => Step::Forward(left - batch.num_rows() as u64),
                        Some(Err(_)) | None => Step::Done,
                    };
                    return Poll::Ready(next);
                }
                Step::Backward(most) => {
                    self.step = Step::Done;
                    return Poll::Ready(self.rows.rows_before(most).transpose());
                }
            }
        }
    }

    fn failed(&mut self, report: ErrorReport) -> Poll<Option<Result<RecordBatch, ErrorReport>>> {
        self.step = Step::Done;
        Poll::Ready(Some(Err(report)))
    }
}

impl Stream for FetchedRows {
    type Item = Result<RecordBatch, ErrorReport>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_step(context)
    }
}

impl RunningRows for FetchedRows {
    fn suspend(&mut self) {
        self.rows.suspend();
    }

    fn resume(&mut self, timeout: Option<Duration>) -> BoxFuture<'_, Result<(), ErrorReport>> {
        Box::pin(self.rows.resume(timeout))
    }
}

impl Drop for FetchedRows {
    fn drop(&mut self) {
        self.rows.suspend();
    }
}

fn first_step(rows: &mut OpenRows, direction: Direction) -> Result<Step, ErrorReport> {
    match direction {
        Direction::ForwardAll => Ok(Step::Forward(u64::MAX)),
        Direction::BackwardAll => backward(rows, u64::MAX),
        Direction::Forward(0) | Direction::Relative(0) => current(rows),
        Direction::Forward(count) if count > 0 => Ok(Step::Forward(count.unsigned_abs())),
        Direction::Forward(count) => backward(rows, count.unsigned_abs()),
        Direction::Absolute(0) => back_to(rows, 0).map(|()| Step::Done),
        Direction::Absolute(row) if row > 0 => absolute(rows, row.unsigned_abs()),
        Direction::Absolute(row) if rows.can_go_back() => Ok(Step::ToEnd(row.unsigned_abs())),
        Direction::Absolute(_) => Err(forward_only()),
        Direction::Relative(distance) if distance > 0 => Ok(Step::Skip(distance.unsigned_abs() - 1, 1)),
        Direction::Relative(distance) => {
            let place = (rows.position().saturating_sub(1)).checked_sub(distance.unsigned_abs());
            back_to(rows, place.unwrap_or_default())?;
            Ok(if place.is_some() { Step::Forward(1) } else { Step::Done })
        }
    }
}

/// The current row once more.
fn current(rows: &mut OpenRows) -> Result<Step, ErrorReport> {
    if !rows.is_on_row() {
        return Ok(Step::Done);
    }
    let before = rows.position() - 1;
    back_to(rows, before)?;
    Ok(Step::Forward(1))
}

fn absolute(rows: &mut OpenRows, row: u64) -> Result<Step, ErrorReport> {
    let before = row - 1;
    if before < rows.position() {
        back_to(rows, before)?;
    }
    Ok(Step::Skip(before - rows.position(), 1))
}

fn backward(rows: &OpenRows, count: u64) -> Result<Step, ErrorReport> {
    if rows.can_go_back() || rows.position() == 0 { Ok(Step::Backward(count)) } else { Err(forward_only()) }
}

fn back_to(rows: &mut OpenRows, position: u64) -> Result<(), ErrorReport> {
    if position == rows.position() {
        return Ok(());
    }
    if !rows.can_go_back() {
        return Err(forward_only());
    }
    rows.go_back_to(position);
    Ok(())
}

fn forward_only() -> ErrorReport {
    ErrorReport::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, "cursor can only scan forward")
        .with_hint("Declare it with SCROLL option to enable backward scan.")
}
