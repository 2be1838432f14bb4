//! How much one run reads, as the leaves tell it while the run is planned.

use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::catalog::Session;

/// Rows that the leaves of one run look at, at most; every leaf that does not hold its rows itself adds its own.
#[derive(Debug, Default)]
pub(in crate::stores) struct RunSize {
    rows: AtomicUsize,
}

impl RunSize {
    /// A leaf tells how many rows it looks at, at most; `None` where it does not know.
    pub(in crate::stores) fn add(session: &dyn Session, rows: Option<usize>) {
        if let Some(size) = session.config().get_extension::<Self>() {
            let more = |all: usize| Some(all.saturating_add(rows.unwrap_or(usize::MAX)));
            // One thread plans a run: no other one changes it in between.
            let _ = size.rows.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        }
    }

    /// How many all leaves look at, at most.
    pub(super) fn rows(&self) -> usize {
        self.rows.load(Ordering::Relaxed)
    }
}
