//! What the front needs from the engine, as a trait, so that the protocol can be tested without one.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chrono_tz::Tz;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlType, UserFacing};
use crate::engine::{
    Bound, Engine, EngineError, Outcome, OutputColumn, Portals, Prepared, Session, SessionKey, Statement, Statements,
    TransactionStatus,
};
use crate::tenancy::Identity;

/// Opens sessions and cancels their statements.
pub trait Backend: Send + Sync + 'static {
    /// The session of one connection.
    type Session: BackendSession;

    /// Opens a session with the settings of the startup message.
    ///
    /// # Errors
    /// `3D000` for an unknown database, `53300` for too many sessions, and the error of a refused setting.
    fn connect(
        &self,
        identity: Identity,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Self::Session, ErrorReport>;

    /// Cancels what a session runs now. A wrong key does nothing.
    fn cancel(&self, key: SessionKey);
}

/// The statements of one connection.
pub trait BackendSession: Send {
    /// One statement of a text.
    type Statement: Send + Sync;
    /// A planned statement.
    type Prepared: Send + Sync;
    /// A planned statement with its values.
    type Bound: Send + Sync;

    /// The key with which another connection may cancel.
    fn key(&self) -> SessionKey;
    /// Settings that the client is told of.
    fn reported_settings(&self) -> Vec<(String, String)>;
    /// Counts the changes of the settings.
    fn settings_version(&self) -> u64;
    /// How long a statement may run.
    fn statement_timeout(&self) -> Option<Duration>;
    /// How long the session may wait for its next statement, and what ends it then.
    fn idle_timeout(&self) -> Option<(Duration, ErrorReport)>;
    /// The prepared statements.
    fn statements(&mut self) -> &mut Statements<Self::Prepared>;
    /// The portals.
    fn portals(&mut self) -> &mut Portals<Self::Bound>;
    /// The zone for the text of `timestamptz`.
    fn time_zone(&self) -> Tz;
    /// Where the session stands.
    fn transaction_status(&self) -> TransactionStatus;
    /// A text with so many statements begins.
    fn begin_text(&mut self, statements: usize);
    /// The transaction has failed.
    fn fail(&mut self);
    /// A text or a group of messages ends; outside of a block that ends the transaction.
    fn end_group(&mut self);

    /// Reads a text that may hold several statements.
    ///
    /// # Errors
    /// `42601` with the position.
    fn parse(&self, text: &str) -> Result<Vec<Self::Statement>, ErrorReport>;

    /// Plans a statement.
    ///
    /// # Errors
    /// Whatever planning says; positions count from the beginning of the text that was parsed.
    fn prepare(
        &self,
        statement: &Self::Statement,
        declared_types: &[Option<SqlType>],
    ) -> Result<Arc<Self::Prepared>, ErrorReport>;

    /// The first parameter that a statement names, such as `$1`, and its position in the text that was parsed.
    fn first_parameter(statement: &Self::Statement) -> Option<(&str, usize)>;

    /// The types of `$1`, `$2` …
    fn parameter_types(prepared: &Self::Prepared) -> &[SqlType];

    /// The columns of a planned statement, `None` when it has no rows.
    ///
    /// # Errors
    /// When they depend on the values of the parameters.
    fn prepared_columns(prepared: &Self::Prepared) -> Result<Option<&[OutputColumn]>, ErrorReport>;

    /// Gives a planned statement its values.
    ///
    /// # Errors
    /// Planning errors of a statement whose columns depend on the values.
    fn bind(&self, prepared: &Arc<Self::Prepared>, values: Vec<ScalarValue>) -> Result<Self::Bound, ErrorReport>;

    /// The columns of a bound statement, `None` when it has no rows.
    fn bound_columns(bound: &Self::Bound) -> Option<&[OutputColumn]>;

    /// Runs a bound statement. `may_pause` tells that the client may ask for the rows bit by bit.
    ///
    /// # Errors
    /// Whatever stops it before the first row.
    fn execute(
        &mut self,
        bound: &Self::Bound,
        may_pause: bool,
    ) -> impl Future<Output = Result<Outcome, ErrorReport>> + Send;
}

impl Backend for Engine {
    type Session = Session;

    fn connect(
        &self,
        identity: Identity,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Session, ErrorReport> {
        Self::connect(self, identity, database, settings).map_err(|error| told(&error))
    }

    fn cancel(&self, key: SessionKey) {
        Self::cancel(self, key);
    }
}

impl BackendSession for Session {
    type Statement = Statement;
    type Prepared = Prepared;
    type Bound = Bound;

    fn key(&self) -> SessionKey {
        Self::key(self)
    }
    fn reported_settings(&self) -> Vec<(String, String)> {
        Self::reported_settings(self)
    }
    fn time_zone(&self) -> Tz {
        Self::time_zone(self)
    }
    fn settings_version(&self) -> u64 {
        Self::settings_version(self)
    }
    fn statement_timeout(&self) -> Option<Duration> {
        Self::statement_timeout(self)
    }
    fn idle_timeout(&self) -> Option<(Duration, ErrorReport)> {
        Self::idle_timeout(self)
    }
    fn statements(&mut self) -> &mut Statements<Prepared> {
        Self::statements(self)
    }
    fn portals(&mut self) -> &mut Portals<Bound> {
        Self::portals(self)
    }
    fn begin_text(&mut self, statements: usize) {
        Self::begin_text(self, statements);
    }
    fn end_group(&mut self) {
        Self::end_group(self);
    }
    fn transaction_status(&self) -> TransactionStatus {
        Self::transaction_status(self)
    }
    fn fail(&mut self) {
        Self::fail(self);
    }
    fn parse(&self, text: &str) -> Result<Vec<Statement>, ErrorReport> {
        Self::parse(self, text).map_err(|error| told(&error))
    }
    fn prepare(&self, statement: &Statement, declared_types: &[Option<SqlType>]) -> Result<Arc<Prepared>, ErrorReport> {
        Self::prepare(self, statement, declared_types).map_err(|error| located(&error, statement.offset))
    }
    fn first_parameter(statement: &Statement) -> Option<(&str, usize)> {
        statement.first_parameter.as_ref().map(|(id, position)| (id.as_str(), *position))
    }
    fn parameter_types(prepared: &Prepared) -> &[SqlType] {
        &prepared.parameter_types
    }
    fn prepared_columns(prepared: &Prepared) -> Result<Option<&[OutputColumn]>, ErrorReport> {
        prepared.columns.as_ref().map(Option::as_deref).map_err(Clone::clone)
    }
    fn bind(&self, prepared: &Arc<Prepared>, values: Vec<ScalarValue>) -> Result<Bound, ErrorReport> {
        Self::bind(self, prepared, values).map_err(|error| told(&error))
    }
    fn bound_columns(bound: &Bound) -> Option<&[OutputColumn]> {
        bound.columns.as_deref()
    }
    async fn execute(&mut self, bound: &Bound, may_pause: bool) -> Result<Outcome, ErrorReport> {
        Self::execute(self, bound, may_pause).await.map_err(|error| located(&error, bound.offset()))
    }
}

/// The report with its position in the whole text: a statement is planned without what stands before it.
fn located(error: &EngineError, offset: usize) -> ErrorReport {
    let report = told(error);
    ErrorReport { position: report.position.map(|position| position + offset), ..report }
}

fn told(error: &EngineError) -> ErrorReport {
    error.report()
}
