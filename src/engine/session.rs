//! Sessions: the state of one client.

use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use datafusion::common::ScalarValue;

use crate::base::limits;
use crate::base::{ErrorReport, RequestClock, SqlState, SqlType};
use crate::catalog::TenantView;
use crate::sql::{SessionStatement, Statement, StatementKind, parse};
use crate::tenancy::Identity;

use super::core::Engine;
use super::error::EngineError;
use super::outcome::Outcome;
use super::portals::Portals;
use super::prepare::{Bound, Prepared, Work};
use super::sessions::{SessionKey, SessionPlace};
use super::settings::{Settings, Timeout};
use super::shared_settings::SharedSettings;
use super::statements::Statements;
use super::transaction::{Transaction, TransactionStatus};

/// One client's session. Dropping it frees its place and cancels what it runs.
pub struct Session {
    pub(super) engine: Engine,
    identity: Identity,
    pub(super) place: SessionPlace,
    pub(super) settings: SharedSettings,
    pub(super) transaction: Transaction,
    pub(super) statements: Statements<Prepared>,
    pub(super) portals: Portals<Bound>,
}

impl Engine {
    /// Opens a session. `settings` are those of the startup message (`application_name`, `TimeZone`, `options` already
    /// taken apart …).
    ///
    /// # Errors
    /// `3D000` for an unknown database, `53300` when there are too many sessions, and the error of a refused setting.
    pub fn connect(
        &self,
        identity: Identity,
        database: &str,
        settings: &[(String, String)],
    ) -> Result<Session, EngineError> {
        if database != self.database() {
            let message = format!("database \"{database}\" does not exist");
            return Err(ErrorReport::new(SqlState::INVALID_CATALOG_NAME, message)
                .with_hint(format!("The database of this server is \"{}\".", self.database()))
                .into());
        }
        let mut values = self.new_settings(identity.user().as_str());
        for (name, value) in settings {
            values.set_initial(name, value)?;
        }
        let place = self.sessions().open(&identity.tenant().id, self.limits())?;
        self.metrics().sessions_opened.inc();
        Ok(Session {
            engine: self.clone(),
            identity,
            place,
            settings: SharedSettings::new(values),
            transaction: Transaction::none(),
            statements: Statements::new(self.limits()),
            portals: Portals::new(self.limits()),
        })
    }

    /// Cancels what a session runs now. A wrong key does nothing, as in PostgreSQL.
    pub fn cancel(&self, key: SessionKey) {
        self.sessions().cancel(key);
    }
}

impl Session {
    /// The key that the client is told at the start.
    #[must_use]
    pub fn key(&self) -> SessionKey {
        self.place.key()
    }

    /// Who it is.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Settings that the client is told of (`ParameterStatus`), such as `server_version`.
    #[must_use]
    pub fn reported_settings(&self) -> Vec<(String, String)> {
        self.settings.lock().reported()
    }

    /// Counts the changes of the settings.
    #[must_use]
    pub fn settings_version(&self) -> u64 {
        self.settings.lock().version()
    }

    /// The session's time zone, for the text of `timestamptz`.
    #[must_use]
    pub fn time_zone(&self) -> chrono_tz::Tz {
        self.settings.lock().time_zone()
    }

    /// How long a statement may run.
    #[must_use]
    pub fn statement_timeout(&self) -> Option<Duration> {
        self.settings.lock().timeout(Timeout::Statement)
    }

    /// How long the session may wait for its next statement where it stands, and what ends it then.
    #[must_use]
    pub fn idle_timeout(&self) -> Option<(Duration, ErrorReport)> {
        let (setting, state, message) = match self.transaction.status {
            TransactionStatus::Idle => (
                Timeout::IdleSession,
                SqlState::IDLE_SESSION_TIMEOUT,
                "terminating connection due to idle-session timeout",
            ),
            TransactionStatus::InBlock | TransactionStatus::Failed => (
                Timeout::IdleInTransaction,
                SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
                "terminating connection due to idle-in-transaction timeout",
            ),
        };
        let timeout = self.settings.lock().timeout(setting)?;
        Some((timeout, ErrorReport::new(state, message)))
    }

    /// The prepared statements.
    pub fn statements(&mut self) -> &mut Statements<Prepared> {
        &mut self.statements
    }

    /// The portals.
    pub fn portals(&mut self) -> &mut Portals<Bound> {
        &mut self.portals
    }

    /// Where the session stands.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        self.transaction.status
    }

    /// A text with so many statements begins. More than one are a transaction together.
    pub fn begin_text(&mut self, statements: usize) {
        self.transaction.is_text_of_many = statements > 1;
        self.transaction.is_text = true;
    }

    /// The front met an error while it ran or sent a statement: the transaction has failed.
    pub fn fail(&mut self) {
        match self.transaction.status {
            TransactionStatus::Idle => self.transaction.group_failed = true,
            TransactionStatus::InBlock => self.transaction.status = TransactionStatus::Failed,
            TransactionStatus::Failed => {}
        }
    }

    /// A text or a group of messages ends; outside of a block that ends the transaction.
    pub fn end_group(&mut self) {
        self.transaction.is_text_of_many = false;
        self.transaction.is_text = false;
        if self.transaction.status == TransactionStatus::Idle {
            let commit = !self.transaction.group_failed;
            self.end_transaction(commit);
        }
    }

    /// The transaction ends, with it its portals and, when it is undone, its settings.
    pub(super) fn end_transaction(&mut self, commit: bool) {
        let before = self.transaction.end();
        self.portals.end_transaction(commit);
        let mut settings = self.settings.lock();
        match before {
            Some(before) if !commit => settings.restore(before),
            Some(_) | None => settings.commit(),
        }
    }

    /// A statement runs: it is in a transaction from here on.
    pub(super) fn enter_transaction(&mut self) {
        if !self.transaction.is_open() {
            let before = self.settings.lock().begin_transaction();
            self.transaction.begin(before);
        }
    }

    /// Reads a text that may hold several statements; an empty text gives none.
    ///
    /// # Errors
    /// `42601` with the position; `54000` for too many statements.
    pub fn parse(&self, text: &str) -> Result<Vec<Statement>, EngineError> {
        let statements = without_blocking(text.len(), || parse(text, self.engine.limits()))?;
        self.engine.limits().check(limits::STATEMENTS_PER_QUERY, statements.len())?;
        Ok(statements)
    }

    /// Plans a statement. In a failed block anything but its end is `25P02`.
    ///
    /// # Errors
    /// Whatever planning, the guard, the router or the emitter says.
    pub fn prepare(
        &self,
        statement: &Statement,
        declared_types: &[Option<SqlType>],
    ) -> Result<Arc<Prepared>, EngineError> {
        self.refuse_in_failed_block(&statement.kind)?;
        without_blocking(statement.text.len(), || self.engine.prepare(self, statement, declared_types, None))
    }

    /// Gives a prepared statement its values, one for each of its parameter types.
    ///
    /// # Errors
    /// `08P01` for a wrong number of values; planning errors of a statement whose columns depend on them.
    pub fn bind(&self, prepared: &Arc<Prepared>, values: Vec<ScalarValue>) -> Result<Bound, EngineError> {
        self.refuse_in_failed_block(&prepared.statement.kind)?;
        if values.len() != prepared.parameter_types.len() {
            let message = format!(
                "bind message supplies {} parameters, but prepared statement requires {}",
                values.len(),
                prepared.parameter_types.len()
            );
            return Err(ErrorReport::new(SqlState::PROTOCOL_VIOLATION, message).into());
        }
        without_blocking(prepared.statement.text.len(), || self.engine.bind(self, prepared, values))
    }

    /// Runs it. Returns when the first rows can be asked for; `statement_timeout` and cancel work until the stream ends.
    /// `may_pause` tells that the client may ask for the rows bit by bit.
    ///
    /// # Errors
    /// Whatever stops it before the first row.
    pub async fn execute(&mut self, bound: &Bound, may_pause: bool) -> Result<Outcome, EngineError> {
        self.refuse_in_failed_block(&bound.prepared.statement.kind)?;
        self.enter_transaction();
        match &bound.prepared.work {
            Work::Session(statement) => self.run_session_statement(statement).await,
            Work::Upkeep(upkeep) => self.run_upkeep(upkeep),
            Work::Write(word) => Err(read_only(word).into()),
            Work::Prepare { name, types, statement } => self.keep_prepared(name, types, statement),
            Work::Execute { call, options } => self.run_prepared(bound, call, *options, may_pause).await,
            Work::Declare { declare, inner } => self.declare(declare, inner, bound),
            Work::Copy { copy, inner } => self.copy_out(copy, inner).await,
            Work::Fetch(fetch) => self.fetch(fetch).await,
            Work::Close(name) => self.close_cursor(name.as_deref()),
            Work::Query(_) | Work::Explain { .. } | Work::NeedsValues => {
                self.transaction.has_read = true;
                let cancel = self.place.begin_statement();
                self.run_query(bound, cancel, may_pause).await
            }
        }
    }

    /// The settings now.
    pub(super) fn with_settings<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        read(&self.settings.lock())
    }

    /// This tenant's view of the tables as they are now.
    pub(super) fn view(&self) -> TenantView {
        self.engine.view(self.identity.tenant())
    }

    pub(super) fn clock(&self) -> RequestClock {
        let now = Utc::now();
        RequestClock { transaction_start: self.transaction.start().unwrap_or(now), statement_start: now }
    }

    fn refuse_in_failed_block(&self, kind: &StatementKind) -> Result<(), EngineError> {
        let ends_block = matches!(
            kind,
            StatementKind::Session(
                SessionStatement::Commit { .. } | SessionStatement::Rollback { .. } | SessionStatement::RollbackTo(_)
            )
        );
        if self.transaction.status != TransactionStatus::Failed || ends_block {
            return Ok(());
        }
        let message = "current transaction is aborted, commands ignored until end of transaction block";
        Err(ErrorReport::new(SqlState::IN_FAILED_SQL_TRANSACTION, message).into())
    }
}

/// The report for what would write.
pub(super) fn read_only(word: &str) -> ErrorReport {
    let message = format!("cannot execute {word} in a read-only transaction");
    ErrorReport::new(SqlState::READ_ONLY_SQL_TRANSACTION, message)
        .with_hint("This server only reads. The pipeline that fills the stores writes.")
}

/// Texts from here on are planned where they cannot hold up other sessions, in bytes.
const LONG_TEXT_BYTES: usize = 512;

/// Runs planning work; for a long text the runtime is told that this thread is busy, so that it moves the others.
pub(super) fn without_blocking<T>(text_bytes: usize, work: impl FnOnce() -> T) -> T {
    let multi_threaded = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if text_bytes >= LONG_TEXT_BYTES && multi_threaded { tokio::task::block_in_place(work) } else { work() }
}
