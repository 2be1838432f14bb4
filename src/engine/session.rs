//! Sessions: the state of one client, and what its statements do to it.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::common::ScalarValue;

use crate::base::limits;
use crate::base::{ErrorReport, RequestClock, SqlState, SqlType};
use crate::catalog::TenantView;
use crate::sql::{SessionStatement, Statement, StatementKind, parse};
use crate::tenancy::Identity;

use super::core::Engine;
use super::error::EngineError;
use super::outcome::{Notice, Outcome, OutputColumn, RowsTag, SessionEffect, text_rows};
use super::prepare::{Bound, Prepared, Work};
use super::sessions::{SessionKey, SessionPlace};
use super::settings::Settings;

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

/// One client's session. Dropping it frees its place and cancels what it runs.
#[derive(Debug)]
pub struct Session {
    engine: Engine,
    identity: Identity,
    place: SessionPlace,
    settings: Settings,
    status: TransactionStatus,
    block_start: Option<DateTime<Utc>>,
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
            settings: values,
            status: TransactionStatus::Idle,
            block_start: None,
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

    /// Settings that the client is told of at the start (`ParameterStatus`), such as `server_version`.
    #[must_use]
    pub fn reported_settings(&self) -> Vec<(String, String)> {
        self.settings.reported()
    }

    /// The session's time zone, for the text of `timestamptz`.
    #[must_use]
    pub fn time_zone(&self) -> chrono_tz::Tz {
        self.settings.time_zone()
    }

    /// Where the session stands.
    #[must_use]
    pub fn transaction_status(&self) -> TransactionStatus {
        self.status
    }

    /// The front met an error while it ran or sent a statement: an open block has failed.
    pub fn fail(&mut self) {
        if self.status == TransactionStatus::InBlock {
            self.status = TransactionStatus::Failed;
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
    ///
    /// # Errors
    /// Whatever stops it before the first row.
    pub async fn execute(&mut self, bound: &Bound) -> Result<Outcome, EngineError> {
        self.refuse_in_failed_block(&bound.prepared.statement.kind)?;
        match &bound.prepared.work {
            Work::Session(statement) => self.run_session_statement(statement),
            Work::Write(word) => Err(ErrorReport::new(
                SqlState::READ_ONLY_SQL_TRANSACTION,
                format!("cannot execute {word} in a read-only transaction"),
            )
            .with_hint("This server only reads. The pipeline that fills the stores writes.")
            .into()),
            Work::Query(_) | Work::Explain { .. } | Work::NeedsValues => {
                let cancel = self.place.begin_statement();
                self.engine.clone().run(self, bound, cancel).await
            }
        }
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// This tenant's view of the tables as they are now.
    pub(super) fn view(&self) -> TenantView {
        self.engine.view(self.identity.tenant())
    }

    pub(super) fn clock(&self) -> RequestClock {
        let now = Utc::now();
        RequestClock { transaction_start: self.block_start.unwrap_or(now), statement_start: now }
    }

    fn refuse_in_failed_block(&self, kind: &StatementKind) -> Result<(), EngineError> {
        let ends_block = matches!(kind, StatementKind::Session(SessionStatement::Commit | SessionStatement::Rollback));
        if self.status != TransactionStatus::Failed || ends_block {
            return Ok(());
        }
        let message = "current transaction is aborted, commands ignored until end of transaction block";
        Err(ErrorReport::new(SqlState::IN_FAILED_SQL_TRANSACTION, message).into())
    }

    fn run_session_statement(&mut self, statement: &SessionStatement) -> Result<Outcome, EngineError> {
        let before = self.settings.reported();
        let done = |tag: &str| Ok(Done { tag: tag.to_owned(), notices: Vec::new(), effect: None });
        let result: Result<Done, EngineError> = match statement {
            SessionStatement::Begin(word) => Ok(self.begin(word)),
            SessionStatement::Commit => Ok(self.end(true)),
            SessionStatement::Rollback => Ok(self.end(false)),
            SessionStatement::Set { name, value, local } => {
                self.settings.set(name, value.as_deref(), *local)?;
                Ok(Done { tag: "SET".into(), notices: self.warn_if_local_outside_block(*local), effect: None })
            }
            SessionStatement::SetTransaction => done("SET"),
            SessionStatement::Reset(name) => {
                self.settings.set(name, None, false)?;
                done("RESET")
            }
            SessionStatement::ResetAll => {
                self.settings.reset_all();
                done("RESET")
            }
            SessionStatement::Show(name) => return self.show(name),
            SessionStatement::ShowAll => return self.show_all(),
            SessionStatement::Discard { all, what } => self.discard(*all, what),
            SessionStatement::Deallocate(Some(name)) => {
                Ok(Done::with_effect("DEALLOCATE", SessionEffect::Deallocate(name.clone())))
            }
            SessionStatement::Deallocate(None) => Ok(Done::with_effect("DEALLOCATE ALL", SessionEffect::DeallocateAll)),
        };
        let Done { tag, notices, effect } = result?;
        let parameter_status = self.settings.reported_changes(&before);
        Ok(Outcome::Command { tag, notices, parameter_status, effect })
    }

    fn begin(&mut self, word: &str) -> Done {
        if self.status == TransactionStatus::Idle {
            self.status = TransactionStatus::InBlock;
            self.block_start = Some(Utc::now());
            self.settings.begin_block();
            return Done { tag: word.to_owned(), notices: Vec::new(), effect: None };
        }
        let notice = warning(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
        Done { tag: word.to_owned(), notices: vec![notice], effect: None }
    }

    fn end(&mut self, commit: bool) -> Done {
        let committed = commit && self.status != TransactionStatus::Failed;
        let tag = if committed { "COMMIT" } else { "ROLLBACK" }.to_owned();
        if self.status == TransactionStatus::Idle {
            let notice = warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
            return Done { tag, notices: vec![notice], effect: None };
        }
        self.status = TransactionStatus::Idle;
        self.block_start = None;
        self.settings.end_block(committed);
        Done { tag, notices: Vec::new(), effect: Some(SessionEffect::EndTransaction) }
    }

    fn discard(&mut self, all: bool, what: &str) -> Result<Done, EngineError> {
        if !all {
            return Ok(Done { tag: format!("DISCARD {what}"), notices: Vec::new(), effect: None });
        }
        if self.status != TransactionStatus::Idle {
            let message = "DISCARD ALL cannot run inside a transaction block";
            return Err(ErrorReport::new(SqlState::ACTIVE_SQL_TRANSACTION, message).into());
        }
        self.settings.reset_all();
        Ok(Done::with_effect("DISCARD ALL", SessionEffect::DiscardAll))
    }

    fn warn_if_local_outside_block(&self, local: bool) -> Vec<Notice> {
        if !local || self.status != TransactionStatus::Idle {
            return Vec::new();
        }
        vec![warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, "SET LOCAL can only be used in transaction blocks")]
    }

    fn show(&self, name: &str) -> Result<Outcome, EngineError> {
        let value = self.settings.get(name)?.to_owned();
        Ok(text_rows(RowsTag::Show, &show_columns(name), &[vec![value]])?)
    }

    fn show_all(&self) -> Result<Outcome, EngineError> {
        let rows = self.settings.all().map(|(name, value)| vec![name.to_owned(), value.to_owned(), String::new()]);
        let columns = ["name", "setting", "description"].map(text_column);
        Ok(text_rows(RowsTag::Show, &columns, &rows.collect::<Vec<_>>())?)
    }
}

struct Done {
    tag: String,
    notices: Vec<Notice>,
    effect: Option<SessionEffect>,
}

impl Done {
    fn with_effect(tag: &str, effect: SessionEffect) -> Self {
        Self { tag: tag.to_owned(), notices: Vec::new(), effect: Some(effect) }
    }
}

fn warning(state: SqlState, message: &str) -> Notice {
    Notice { severity: "WARNING", report: ErrorReport::new(state, message) }
}

fn text_column(name: &str) -> OutputColumn {
    OutputColumn { name: name.to_owned(), sql_type: SqlType::Text, type_modifier: -1 }
}

/// The columns of a session statement's rows, or `None` where it has none.
pub(super) fn session_columns(statement: &SessionStatement) -> Option<Vec<OutputColumn>> {
    match statement {
        SessionStatement::Show(name) => Some(show_columns(name)),
        SessionStatement::ShowAll => Some(["name", "setting", "description"].map(text_column).to_vec()),
        SessionStatement::Begin(_)
        | SessionStatement::Commit
        | SessionStatement::Rollback
        | SessionStatement::Set { .. }
        | SessionStatement::Reset(_)
        | SessionStatement::ResetAll
        | SessionStatement::Discard { .. }
        | SessionStatement::Deallocate(_)
        | SessionStatement::SetTransaction => None,
    }
}

fn show_columns(name: &str) -> Vec<OutputColumn> {
    vec![text_column(super::settings::display_name(name))]
}

/// Texts from here on are planned where they cannot hold up other sessions, in bytes.
const LONG_TEXT_BYTES: usize = 16 * 1024;

/// Runs planning work; for a long text the runtime is told that this thread is busy, so that it moves the others.
fn without_blocking<T>(text_bytes: usize, work: impl FnOnce() -> T) -> T {
    let multi_threaded = tokio::runtime::Handle::try_current()
        .is_ok_and(|handle| handle.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if text_bytes >= LONG_TEXT_BYTES && multi_threaded { tokio::task::block_in_place(work) } else { work() }
}
