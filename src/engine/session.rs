//! Sessions: the state of one client, and the way of its statements.

use std::sync::Arc;

use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SessionId, SqlType};
use crate::sql::Statement;
use crate::tenancy::Identity;

use super::error::EngineError;
use super::outcome::{Outcome, OutputColumn};

/// Everything that sessions share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Engine {}

/// What a client needs to cancel a statement of a session from another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionKey {
    /// The session.
    pub id: SessionId,
    /// The secret that only its client knows.
    pub secret: i32,
}

/// Where a session stands between BEGIN and COMMIT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// No block is open.
    Idle,
    /// A block is open.
    InBlock,
    /// A block is open and has failed: only its end is accepted.
    Failed,
}

impl Engine {
    /// Opens a session. `settings` are those of the startup message (`application_name`, `TimeZone`, `options` already
    /// taken apart …).
    ///
    /// # Errors
    /// `3D000` for an unknown database, `53300` when there are too many sessions, and the error of a refused setting.
    pub fn connect(
        &self,
        _identity: Identity,
        _database: &str,
        _settings: &[(String, String)],
    ) -> Result<Session, EngineError> {
        todo!()
    }

    /// Cancels what a session runs now. A wrong key does nothing, as in PostgreSQL.
    pub fn cancel(&self, _key: SessionKey) {
        todo!()
    }
}

/// A statement that is planned, routed and emitted; it can be bound and run again and again.
#[derive(Debug)]
pub struct Prepared {
    /// The types of `$1`, `$2` …
    pub parameter_types: Vec<SqlType>,
    /// The columns of its rows; `None` for a statement without rows.
    /// An error when they depend on the values of the parameters: it is what Describe of the statement answers.
    pub columns: Result<Option<Vec<OutputColumn>>, ErrorReport>,
}

/// A prepared statement with values: a portal before its first Execute.
#[derive(Debug)]
pub struct Bound {
    /// The columns of its rows; `None` for a statement without rows.
    pub columns: Option<Vec<OutputColumn>>,
}

/// One client's session. Dropping it frees its place and cancels what it runs.
#[derive(Debug)]
pub struct Session {}

impl Session {
    /// The key that the client is told at the start.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        todo!()
    }

    /// Settings that the client is told of at the start (`ParameterStatus`), such as `server_version`.
    #[must_use]
    pub fn reported_settings(&self) -> Vec<(String, String)> {
        todo!()
    }

    /// The session's time zone, for the text of `timestamptz`.
    #[must_use]
    pub fn time_zone(&self) -> chrono_tz::Tz {
        todo!()
    }

    /// Where the session stands.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        todo!()
    }

    /// The front met an error while it ran or sent a statement: an open block has failed.
    pub fn fail(&mut self) {
        todo!()
    }

    /// Reads a text that may hold several statements; an empty text gives none.
    ///
    /// # Errors
    /// `42601` with the position.
    pub fn parse(&self, _text: &str) -> Result<Vec<Statement>, EngineError> {
        todo!()
    }

    /// Plans a statement. In a failed block anything but its end is `25P02`.
    ///
    /// # Errors
    /// Whatever planning, the guard, the router or the emitter says.
    pub fn prepare(
        &self,
        _statement: &Statement,
        _declared_types: &[Option<SqlType>],
    ) -> Result<Arc<Prepared>, EngineError> {
        todo!()
    }

    /// Gives a prepared statement its values, one for each of its parameter types.
    ///
    /// # Errors
    /// `08P01` for a wrong number of values; planning errors of a statement whose columns depend on them.
    pub fn bind(&self, _prepared: &Arc<Prepared>, _values: Vec<ScalarValue>) -> Result<Bound, EngineError> {
        todo!()
    }

    /// Runs it. Returns when the first rows can be asked for; `statement_timeout` and cancel work until the stream ends.
    ///
    /// # Errors
    /// Whatever stops it before the first row.
    pub async fn execute(&mut self, _bound: &Bound) -> Result<Outcome, EngineError> {
        todo!()
    }
}
