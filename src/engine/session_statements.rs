//! What session statements do: transactions, settings, and what keeps a database in order.

use crate::base::{ErrorReport, SqlState, SqlType, TableName, UserFacing};
use crate::sql::{SessionStatement, TransactionModes, Upkeep};

use super::error::EngineError;
use super::outcome::{Notice, Outcome, OutputColumn, OutputColumns, RowsTag, text_rows};
use super::refresh::refresh_columns;
use super::session::{Session, read_only};
use super::settings::{ListedSetting, display_name};
use super::transaction::TransactionStatus;

impl Session {
    pub(super) async fn run_session_statement(&mut self, statement: &SessionStatement) -> Result<Outcome, EngineError> {
        match statement {
            SessionStatement::Begin { word, modes } => self.begin(word, *modes),
            SessionStatement::Commit { chain } => self.end_block(true, *chain),
            SessionStatement::Rollback { chain } => self.end_block(false, *chain),
            SessionStatement::EndPrepared { command, identifier } => self.end_prepared(command, identifier),
            SessionStatement::Savepoint(name) => self.set_savepoint(name),
            SessionStatement::RollbackTo(name) => self.roll_back_to(name),
            SessionStatement::Release(name) => {
                self.require_block("RELEASE SAVEPOINT")?;
                self.transaction.release(name)?;
                Ok(done("RELEASE"))
            }
            SessionStatement::Set { name, value, local } => self.set(name, value.as_deref(), *local),
            SessionStatement::SetTransaction { modes, for_session } => self.set_transaction(*modes, *for_session),
            SessionStatement::SetConstraints(names) => self.set_constraints(names),
            SessionStatement::Reset(name) => {
                self.settings.lock().set(name, None, false)?;
                Ok(done("RESET"))
            }
            SessionStatement::ResetAll => {
                self.settings.lock().reset_all();
                Ok(done("RESET"))
            }
            SessionStatement::Show(name) => self.show(name),
            SessionStatement::ShowAll => self.show_all(),
            SessionStatement::CatalogRefresh => self.refresh_catalog().await,
            SessionStatement::Discard { all, what } => self.discard(*all, what),
            SessionStatement::Deallocate(Some(name)) => {
                self.statements.deallocate(name)?;
                Ok(done("DEALLOCATE"))
            }
            SessionStatement::Deallocate(None) => {
                self.statements.clear();
                Ok(done("DEALLOCATE ALL"))
            }
        }
    }

    fn begin(&mut self, word: &str, modes: TransactionModes) -> Result<Outcome, EngineError> {
        if self.transaction.status != TransactionStatus::Idle {
            let notice = warning(SqlState::ACTIVE_SQL_TRANSACTION, "there is already a transaction in progress");
            self.set_modes(modes)?;
            return Ok(done_with(word, vec![notice]));
        }
        self.set_modes(modes)?;
        self.transaction.status = TransactionStatus::InBlock;
        Ok(done(word))
    }

    /// What BEGIN and SET TRANSACTION say holds until the transaction ends.
    fn set_modes(&mut self, modes: TransactionModes) -> Result<(), EngineError> {
        if modes.read_only == Some(false) {
            return Err(never_writes().into());
        }
        if let Some(isolation) = modes.isolation {
            self.refuse_late_isolation(isolation)?;
            self.settings.lock().set_for_transaction("transaction_isolation", isolation);
        }
        if let Some(deferrable) = modes.deferrable {
            let value = if deferrable { "on" } else { "off" };
            self.settings.lock().set_for_transaction("transaction_deferrable", value);
        }
        Ok(())
    }

    fn refuse_late_isolation(&self, wanted: &str) -> Result<(), EngineError> {
        let same = self.with_settings(|settings| settings.get("transaction_isolation") == Ok(wanted));
        if same || !self.transaction.has_read {
            return Ok(());
        }
        let message = "SET TRANSACTION ISOLATION LEVEL must be called before any query";
        Err(ErrorReport::new(SqlState::ACTIVE_SQL_TRANSACTION, message).into())
    }

    fn end_block(&mut self, commit: bool, chain: bool) -> Result<Outcome, EngineError> {
        let committed = commit && self.transaction.status != TransactionStatus::Failed;
        let tag = if committed { "COMMIT" } else { "ROLLBACK" };
        if self.transaction.status == TransactionStatus::Idle {
            let word = if commit { "COMMIT" } else { "ROLLBACK" };
            if chain {
                return Err(only_in_block(&format!("{word} AND CHAIN")).into());
            }
            // As in PostgreSQL, what stands before it in the same text is committed or undone all the same.
            if self.transaction.is_text_of_many {
                self.end_transaction(commit);
            }
            let notice = warning(SqlState::NO_ACTIVE_SQL_TRANSACTION, "there is no transaction in progress");
            return Ok(done_with(tag, vec![notice]));
        }
        let isolation = self.with_settings(|settings| settings.get("transaction_isolation").map(str::to_owned))?;
        self.end_transaction(committed);
        if chain {
            self.enter_transaction();
            self.settings.lock().set_for_transaction("transaction_isolation", &isolation);
            self.transaction.status = TransactionStatus::InBlock;
        }
        Ok(done(tag))
    }

    fn end_prepared(&mut self, command: &str, identifier: &str) -> Result<Outcome, EngineError> {
        self.refuse_in_block(command)?;
        let message = format!("prepared transaction with identifier \"{identifier}\" does not exist");
        Err(ErrorReport::new(SqlState::UNDEFINED_OBJECT, message).into())
    }

    fn set_savepoint(&mut self, name: &str) -> Result<Outcome, EngineError> {
        self.require_block("SAVEPOINT")?;
        let number = self.portals.begin_savepoint();
        let settings = self.settings.lock().mark();
        self.transaction.set_savepoint(name, settings, number, self.engine.limits())?;
        Ok(done("SAVEPOINT"))
    }

    fn roll_back_to(&mut self, name: &str) -> Result<Outcome, EngineError> {
        self.require_block("ROLLBACK TO SAVEPOINT")?;
        let (settings, number) = self.transaction.roll_back_to(name)?;
        self.settings.lock().restore(settings);
        self.portals.roll_back_to(number);
        Ok(done("ROLLBACK"))
    }

    fn require_block(&self, command: &str) -> Result<(), EngineError> {
        if self.transaction.status == TransactionStatus::Idle { Err(only_in_block(command).into()) } else { Ok(()) }
    }

    fn refuse_in_block(&self, command: &str) -> Result<(), EngineError> {
        if !self.transaction.is_block() {
            return Ok(());
        }
        let message = format!("{command} cannot run inside a transaction block");
        Err(ErrorReport::new(SqlState::ACTIVE_SQL_TRANSACTION, message).into())
    }

    /// A warning for what has no effect outside of a block.
    fn warnings_outside_block(&self, command: &str) -> Vec<Notice> {
        if self.transaction.is_block() {
            return Vec::new();
        }
        vec![Notice { severity: "WARNING", report: only_in_block(command) }]
    }

    fn set(&mut self, name: &str, value: Option<&str>, local: bool) -> Result<Outcome, EngineError> {
        let notices = if local { self.warnings_outside_block("SET LOCAL") } else { Vec::new() };
        let key = name.to_lowercase();
        if key == "transaction_isolation"
            && let Some(value) = value
        {
            self.refuse_late_isolation(value)?;
        }
        // What is said of a transaction ends with it.
        let local = local || key.starts_with("transaction_");
        self.settings.lock().set(name, value, local)?;
        Ok(done_with("SET", notices))
    }

    fn set_transaction(&mut self, modes: TransactionModes, for_session: bool) -> Result<Outcome, EngineError> {
        if !for_session {
            let notices = self.warnings_outside_block("SET TRANSACTION");
            self.set_modes(modes)?;
            return Ok(done_with("SET", notices));
        }
        let mut settings = self.settings.lock();
        if let Some(isolation) = modes.isolation {
            settings.set("default_transaction_isolation", Some(isolation), false)?;
        }
        if let Some(read_only) = modes.read_only {
            settings.set("default_transaction_read_only", Some(if read_only { "on" } else { "off" }), false)?;
        }
        if let Some(deferrable) = modes.deferrable {
            let value = if deferrable { "on" } else { "off" };
            settings.set("default_transaction_deferrable", Some(value), false)?;
        }
        Ok(done("SET"))
    }

    /// No table here has a constraint that could wait.
    fn set_constraints(&mut self, names: &[String]) -> Result<Outcome, EngineError> {
        match names.first() {
            Some(name) => {
                let message = format!("constraint \"{name}\" does not exist");
                Err(ErrorReport::new(SqlState::UNDEFINED_OBJECT, message).into())
            }
            None => Ok(done_with("SET CONSTRAINTS", self.warnings_outside_block("SET CONSTRAINTS"))),
        }
    }

    fn discard(&mut self, all: bool, what: &str) -> Result<Outcome, EngineError> {
        if !all {
            return Ok(done(&format!("DISCARD {what}")));
        }
        self.refuse_in_block("DISCARD ALL")?;
        self.settings.lock().reset_all();
        self.statements.clear();
        self.portals.clear();
        Ok(done("DISCARD ALL"))
    }

    fn show(&self, name: &str) -> Result<Outcome, EngineError> {
        let value = self.with_settings(|settings| settings.get(name).map(str::to_owned))?;
        Ok(text_rows(RowsTag::Show, &show_columns(name), &[vec![value]])?)
    }

    fn show_all(&self) -> Result<Outcome, EngineError> {
        let row = |setting: &ListedSetting<'_>| vec![setting.name.to_owned(), setting.value.to_owned(), String::new()];
        let rows: Vec<Vec<String>> = self.with_settings(|settings| settings.all().iter().map(row).collect());
        let columns = ["name", "setting", "description"].map(text_column);
        Ok(text_rows(RowsTag::Show, &columns, &rows)?)
    }

    /// What keeps a database in order has nothing to do here, but must name what exists.
    pub(super) fn run_upkeep(&mut self, upkeep: &Upkeep) -> Result<Outcome, EngineError> {
        match upkeep {
            Upkeep::Vacuum(tables) => {
                self.refuse_in_block("VACUUM")?;
                self.check_tables(tables)?;
                Ok(done("VACUUM"))
            }
            Upkeep::Analyze(tables) => {
                self.check_tables(tables)?;
                Ok(done("ANALYZE"))
            }
            Upkeep::Lock { tables, is_weak } => {
                if !self.transaction.is_block() {
                    return Err(only_in_block("LOCK TABLE").into());
                }
                self.check_tables(tables)?;
                if *is_weak { Ok(done("LOCK TABLE")) } else { Err(read_only("LOCK TABLE").into()) }
            }
            // Nothing can be sent here, so that nothing ever arrives.
            Upkeep::Listen(_) => Ok(done("LISTEN")),
            Upkeep::Unlisten(_) => Ok(done("UNLISTEN")),
            Upkeep::Checkpoint => Err(ErrorReport::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                "must be superuser or have privileges of pg_checkpoint to do CHECKPOINT",
            )
            .into()),
            Upkeep::Load(library) => Err(ErrorReport::new(
                SqlState::INSUFFICIENT_PRIVILEGE,
                format!("access to library \"{library}\" is not allowed"),
            )
            .into()),
        }
    }

    fn check_tables(&self, tables: &[String]) -> Result<(), EngineError> {
        let view = self.view();
        let path = self.with_settings(super::settings::Settings::search_path);
        for table in tables {
            let found = match table.split_once('.') {
                Some((schema, name)) => view.find(&TableName::new(schema, name)).map(drop),
                None => view.resolve(table, &path).map(drop),
            };
            found.map_err(|error| error.report())?;
        }
        Ok(())
    }
}

fn done(tag: &str) -> Outcome {
    done_with(tag, Vec::new())
}

fn done_with(tag: &str, notices: Vec<Notice>) -> Outcome {
    Outcome::Command { tag: tag.to_owned(), notices }
}

fn warning(state: SqlState, message: &str) -> Notice {
    Notice { severity: "WARNING", report: ErrorReport::new(state, message) }
}

/// The report of a hot standby for a transaction that wants to write.
pub(super) fn never_writes() -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, "cannot set transaction read-write mode during recovery")
        .with_hint("This server only reads. The pipeline that fills the stores writes.")
}

/// The report for what needs a block.
pub(super) fn only_in_block(command: &str) -> ErrorReport {
    let message = format!("{command} can only be used in transaction blocks");
    ErrorReport::new(SqlState::NO_ACTIVE_SQL_TRANSACTION, message)
}

fn text_column(name: &str) -> OutputColumn {
    OutputColumn { name: name.to_owned(), sql_type: SqlType::Text, type_modifier: -1 }
}

/// The columns of a session statement's rows, or `None` where it has none.
pub(super) fn session_columns(statement: &SessionStatement) -> Option<OutputColumns> {
    match statement {
        SessionStatement::Show(name) => Some(show_columns(name).into()),
        SessionStatement::CatalogRefresh => Some(refresh_columns().into()),
        SessionStatement::ShowAll => Some(["name", "setting", "description"].map(text_column).into()),
        SessionStatement::Begin { .. }
        | SessionStatement::Commit { .. }
        | SessionStatement::Rollback { .. }
        | SessionStatement::EndPrepared { .. }
        | SessionStatement::Savepoint(_)
        | SessionStatement::RollbackTo(_)
        | SessionStatement::Release(_)
        | SessionStatement::Set { .. }
        | SessionStatement::Reset(_)
        | SessionStatement::ResetAll
        | SessionStatement::Discard { .. }
        | SessionStatement::Deallocate(_)
        | SessionStatement::SetConstraints(_)
        | SessionStatement::SetTransaction { .. } => None,
    }
}

fn show_columns(name: &str) -> Vec<OutputColumn> {
    vec![text_column(display_name(name))]
}
