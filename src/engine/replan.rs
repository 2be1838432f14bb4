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
        let looked = tokio::select! {
            biased;
            () = cancel.cancelled() => Err(canceled_by_user().into()),
            () = until(deadline) => Err(timed_out().into()),
            () = self.look_again(bound) => Ok(()),
        };
        let again = looked.and_then(|()| self.plan_again(bound)).inspect_err(|error| {
            // There is no second run that would count it.
            self.engine.count_failure(started, error);
        })?;
        Box::pin(self.engine.clone().run(self, &again, how(false, Arc::default()))).await
    }

    fn plan_again(&self, bound: &Bound) -> Result<Bound, EngineError> {
        self.engine.metrics().replans.inc();
        without_blocking(bound.prepared.statement.text.len(), || {
            // A text is described by its run; whatever was bound or prepared may have been described before.
            let was_described = !self.transaction.is_text || bound.depth > 0;
            self.engine.bind_again(self, bound, was_described)
        })
    }

    /// Has all stores of the statement asked: what changed in one of them may have changed in the others too.
    async fn look_again(&self, bound: &Bound) {
        let stores = bound.prepared.changing_stores();
        tracing::info!(?stores, "a table has changed since a statement was planned; it is planned again");
        let looking = self.engine.registry().look_again(stores);
        if tokio::time::timeout(PATIENCE, looking).await.is_err() {
            tracing::warn!(?stores, "the stores were not asked for their tables in time");
        }
    }
}
