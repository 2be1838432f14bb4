//! The run that a thread computes for, as far as long loops need it: whether it may go on, and whose memory it takes.
//!
//! A stream of rows is only stopped between two of its steps. A function that the library calls for every row of a large
//! batch asks here in between; it is given nothing of the run otherwise.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use tokio_util::sync::CancellationToken;

use super::{ErrorReport, SqlState};

thread_local! {
    static CURRENT: RefCell<Option<Arc<CurrentRun>>> = const { RefCell::new(None) };
}

/// A run, for those who compute for it.
#[derive(Debug)]
pub struct CurrentRun {
    /// Cancelled when nobody wants the rows any more.
    pub cancel: CancellationToken,
    /// When the run must have ended, if it must.
    pub deadline: Option<Instant>,
    /// What its memory is taken from.
    pub memory: Arc<dyn MemoryPool>,
}

impl CurrentRun {
    /// Does a step of the run on this thread.
    pub fn step<T>(self: &Arc<Self>, step: impl FnOnce() -> T) -> T {
        let _restored = Restored(CURRENT.replace(Some(Arc::clone(self))));
        step()
    }

    fn is_over(&self) -> bool {
        self.cancel.is_cancelled() || self.deadline.is_some_and(|at| at <= Instant::now())
    }
}

/// Puts back what was there before, also after a panic.
struct Restored(Option<Arc<CurrentRun>>);

impl Drop for Restored {
    fn drop(&mut self) {
        CURRENT.set(self.0.take());
    }
}

/// Whether the run that this thread computes for may go on. Outside of a run it may.
///
/// # Errors
/// `57014` when it was cancelled or its deadline has passed.
pub fn check() -> Result<(), ErrorReport> {
    CURRENT.with_borrow(|run| match run {
        Some(run) if run.is_over() => Err(stop_report(run.deadline)),
        Some(_) | None => Ok(()),
    })
}

/// An account for memory of the run that this thread computes for; `None` outside of a run. It is given back when dropped.
#[must_use]
pub fn memory(consumer: &'static str) -> Option<MemoryReservation> {
    CURRENT.with_borrow(|run| run.as_ref().map(|run| MemoryConsumer::new(consumer).register(&run.memory)))
}

/// `57014` in PostgreSQL's words, by whether the deadline has passed.
#[must_use]
pub fn stop_report(deadline: Option<Instant>) -> ErrorReport {
    let timed_out = deadline.is_some_and(|at| at <= Instant::now());
    let why = if timed_out { "statement timeout" } else { "user request" };
    ErrorReport::new(SqlState::QUERY_CANCELED, format!("canceling statement due to {why}"))
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    fn run(deadline: Option<Instant>) -> Arc<CurrentRun> {
        let memory: Arc<dyn MemoryPool> = Arc::new(GreedyMemoryPool::new(1000));
        Arc::new(CurrentRun { cancel: CancellationToken::new(), deadline, memory })
    }

    #[test]
    fn a_step_knows_its_run_and_nobody_else_does() {
        let (outer, inner) = (run(None), run(Some(Instant::now())));
        assert!(check().is_ok() && memory("test").is_none());
        outer.step(|| {
            assert!(check().is_ok());
            assert_eq!(inner.step(check).unwrap_err().message, "canceling statement due to statement timeout");
            assert!(check().is_ok());
            outer.cancel.cancel();
            assert_eq!(check().unwrap_err().message, "canceling statement due to user request");
        });
        assert!(check().is_ok());
    }

    #[test]
    fn memory_is_the_runs_until_it_is_given_back() {
        let run = run(None);
        let taken = run.step(|| memory("test")).unwrap();
        assert!(taken.try_grow(900).is_ok() && taken.try_grow(200).is_err());
        assert_eq!(run.memory.reserved(), 900);
        drop(taken);
        assert_eq!(run.memory.reserved(), 0);
    }
}
