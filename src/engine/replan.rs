//! A table that changed between the plan and the run: its store is asked for its tables, and the statement is planned once
//! more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::stores::Outdated;

use super::error::EngineError;
use super::outcome::Outcome;
use super::prepare::Bound;
use super::run::{How, canceled_by_user, timed_out, until};
use super::session::{Session, without_blocking};

/// How long a statement waits for its store to be asked; another store that is silent may be asked just then.
const PATIENCE: Duration = Duration::from_secs(10);

impl Session {
    /// Runs a query. Where a store says before the first row that its tables are not those of the plan, the query is
    /// planned again from its text and run again, once.
    ///
    /// # Errors
    /// `42P01` or `42703` where the table or the column is gone, `0A000` where the client was told of other columns, and
    /// whatever stops the second run.
    pub(super) async fn run_query(
        &self,
        bound: &Bound,
        cancel: CancellationToken,
        may_pause: bool,
    ) -> Result<Outcome, EngineError> {
        let (started, outdated) = (Instant::now(), Arc::new(Outdated::default()));
        let how =
            |may_plan_again, outdated| How { started, cancel: cancel.clone(), outdated, may_plan_again, may_pause };
        let ran = self.engine.clone().run(self, bound, how(true, Arc::clone(&outdated))).await;
        if ran.is_ok() || outdated.stores().is_empty() {
            return ran;
        }
        let deadline = self.statement_timeout().map(|timeout| started + timeout);
        tokio::select! {
            biased;
            () = cancel.cancelled() => return Err(canceled_by_user().into()),
            () = until(deadline) => return Err(timed_out().into()),
            () = self.look_again(bound) => {}
        }
        self.engine.metrics().replans.inc();
        let again = without_blocking(bound.prepared.statement.text.len(), || {
            // A text is described by its run; whatever was bound or prepared may have been described before.
            let was_described = !self.transaction.is_text || bound.depth > 0;
            self.engine.bind_again(self, bound, was_described)
        })?;
        Box::pin(self.engine.clone().run(self, &again, how(false, Arc::default()))).await
    }

    /// Has all stores of the statement asked: what changed in one of them may have changed in the others too.
    async fn look_again(&self, bound: &Bound) {
        let stores = bound.prepared.changing_stores();
        tracing::info!(?stores, "a table has changed since a statement was planned; it is planned again");
        let looking = self.engine.registry().look_again(stores, bound.prepared.catalog_version());
        if tokio::time::timeout(PATIENCE, looking).await.is_err() {
            tracing::warn!(?stores, "the stores were not asked for their tables in time");
        }
    }
}
