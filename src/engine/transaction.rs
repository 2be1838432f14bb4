//! Transactions: every statement runs in one, of its own, of its group of messages, or of a block.

use chrono::{DateTime, Utc};

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState};

use super::settings::SettingsMark;

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

/// The transaction of a session.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) status: TransactionStatus,
    /// There is one, from its first statement on.
    open: Option<Open>,
    /// Several statements of one text are a block of their own.
    pub(super) is_text_of_many: bool,
    /// A text runs: its statements are described when they run, and not before.
    pub(super) is_text: bool,
    /// A statement outside of a block has failed.
    pub(super) group_failed: bool,
    /// A statement has read something: too late to choose how it is isolated.
    pub(super) has_read: bool,
    savepoints: Vec<Savepoint>,
}

#[derive(Debug)]
struct Open {
    start: DateTime<Utc>,
    settings: SettingsMark,
}

#[derive(Debug)]
struct Savepoint {
    name: String,
    settings: SettingsMark,
    /// The number that the portals know it by.
    number: u64,
}

impl Transaction {
    /// None.
    pub(super) fn none() -> Self {
        Self {
            status: TransactionStatus::Idle,
            open: None,
            is_text_of_many: false,
            is_text: false,
            group_failed: false,
            has_read: false,
            savepoints: Vec::new(),
        }
    }

    pub(super) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn begin(&mut self, settings: SettingsMark) {
        self.open = Some(Open { start: Utc::now(), settings });
    }

    /// When it began.
    pub(super) fn start(&self) -> Option<DateTime<Utc>> {
        self.open.as_ref().map(|open| open.start)
    }

    /// Whether a statement that must be alone may not run.
    pub(super) fn is_block(&self) -> bool {
        self.status != TransactionStatus::Idle || self.is_text_of_many
    }

    /// It ends; gives the settings that it began with.
    pub(super) fn end(&mut self) -> Option<SettingsMark> {
        self.status = TransactionStatus::Idle;
        self.group_failed = false;
        self.has_read = false;
        self.savepoints.clear();
        self.open.take().map(|open| open.settings)
    }

    pub(super) fn set_savepoint(
        &mut self,
        name: &str,
        settings: SettingsMark,
        number: u64,
        limits: &LimitSet,
    ) -> Result<(), ErrorReport> {
        limits.check(limits::SAVEPOINTS, self.savepoints.len() + 1)?;
        self.savepoints.push(Savepoint { name: name.to_owned(), settings, number });
        Ok(())
    }

    /// Forgets a savepoint and those after it.
    pub(super) fn release(&mut self, name: &str) -> Result<(), ErrorReport> {
        let place = self.place(name)?;
        self.savepoints.truncate(place);
        Ok(())
    }

    /// Goes back to a savepoint, which stays; gives its settings and its number.
    pub(super) fn roll_back_to(&mut self, name: &str) -> Result<(SettingsMark, u64), ErrorReport> {
        let place = self.place(name)?;
        self.savepoints.truncate(place + 1);
        self.status = TransactionStatus::InBlock;
        match self.savepoints.last() {
            Some(savepoint) => Ok((savepoint.settings.clone(), savepoint.number)),
            None => Err(missing(name)),
        }
    }

    /// The last one of a name covers those before.
    fn place(&self, name: &str) -> Result<usize, ErrorReport> {
        self.savepoints.iter().rposition(|savepoint| savepoint.name == name).ok_or_else(|| missing(name))
    }
}

fn missing(name: &str) -> ErrorReport {
    let message = format!("savepoint \"{name}\" does not exist");
    ErrorReport::new(SqlState::INVALID_SAVEPOINT_SPECIFICATION, message)
}
