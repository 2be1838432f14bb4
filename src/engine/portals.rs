//! The portals of a session, by name: those of the protocol's Bind and the cursors of `DECLARE`, in one list.

use std::sync::Arc;

use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState};
use crate::sql::CursorOptions;

use super::named::Named;
use super::open_rows::OpenRows;

/// A result that a portal has opened; whoever reads from it holds it.
pub type SharedRows = Arc<Mutex<OpenRows>>;

/// How far a portal is.
pub enum Progress {
    /// Not yet executed.
    Ready,
    /// Its query has begun.
    Open(SharedRows),
    /// Its command has run.
    Done,
}

/// A statement with its values.
pub struct Portal<B> {
    /// `None` for an empty statement.
    pub bound: Option<B>,
    /// The wire's format codes of the columns, as Bind gave them; the front reads them.
    pub formats: Vec<i16>,
    /// How far it is.
    pub progress: Progress,
    /// How a cursor of `DECLARE` may be used; `None` for a portal of Bind.
    pub cursor: Option<CursorOptions>,
    /// The savepoints that were open when it was made.
    pub savepoints: u64,
    /// The transaction that made it was committed.
    pub is_held: bool,
}

impl<B> Portal<B> {
    /// A portal of Bind.
    #[must_use]
    pub fn of_bind(bound: Option<B>, formats: Vec<i16>) -> Self {
        Self { bound, formats, progress: Progress::Ready, cursor: None, savepoints: u64::MAX, is_held: false }
    }

    /// Whether its query may still run.
    fn is_running(&self) -> bool {
        match &self.progress {
            // One that is being read just now is not suspended.
            Progress::Open(rows) => rows.try_lock().is_ok_and(|rows| rows.is_running()),
            Progress::Ready | Progress::Done => false,
        }
    }
}

/// Portals by name; the empty name is the protocol's unnamed one.
pub struct Portals<B> {
    by_name: Named<Portal<B>>,
    savepoint: u64,
}

impl<B> Portals<B> {
    /// None yet.
    #[must_use]
    pub fn new(limits: &LimitSet) -> Self {
        Self { by_name: Named::new(limits, limits::PORTALS), savepoint: 0 }
    }

    /// Makes place for a portal; the unnamed one goes.
    ///
    /// # Errors
    /// `42P03` for a name that is taken, `54000` when there are too many.
    pub fn check_new(&mut self, name: &str) -> Result<(), ErrorReport> {
        let message = || format!("cursor \"{name}\" already exists");
        self.by_name.check_new(name, || ErrorReport::new(SqlState::DUPLICATE_CURSOR, message()))
    }

    /// Keeps a portal that is new, or goes on.
    pub fn keep(&mut self, name: String, mut portal: Portal<B>) {
        if portal.savepoints == u64::MAX {
            portal.savepoints = self.savepoint;
        }
        self.by_name.insert(name, portal);
    }

    /// The portal of a name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Portal<B>> {
        self.by_name.get(name)
    }

    /// The portal of a name.
    ///
    /// # Errors
    /// `34000` when there is none.
    pub fn get(&self, name: &str) -> Result<&Portal<B>, ErrorReport> {
        self.by_name.get(name).ok_or_else(|| missing_portal(name))
    }

    /// Takes a portal out while it runs; a command in it may close all the others.
    ///
    /// # Errors
    /// `34000` when there is none.
    pub fn take(&mut self, name: &str) -> Result<Portal<B>, ErrorReport> {
        self.by_name.remove(name).ok_or_else(|| missing_portal(name))
    }

    /// Notes that a cursor's query has begun.
    pub fn opened(&mut self, name: &str, rows: &SharedRows) {
        if let Some(portal) = self.by_name.get_mut(name) {
            portal.progress = Progress::Open(Arc::clone(rows));
        }
    }

    /// Passes when one more query may be suspended.
    ///
    /// # Errors
    /// `54000` when there are too many.
    pub fn check_suspended(&self) -> Result<(), ErrorReport> {
        let running = self.by_name.values().filter(|portal| portal.is_running()).count();
        self.by_name.check(limits::SUSPENDED_PORTALS, running + 1)
    }

    /// Closes a portal. That there was none is no error.
    pub fn close(&mut self, name: &str) -> bool {
        self.by_name.remove(name).is_some()
    }

    /// Closes all of them.
    pub fn clear(&mut self) {
        self.by_name.clear();
    }

    /// A transaction ends: what it opened is closed, except for cursors WITH HOLD of one that is committed.
    pub fn end_transaction(&mut self, commit: bool) {
        self.savepoint = 0;
        self.by_name.retain(|_, portal| {
            portal.is_held |= commit && portal.cursor.is_some_and(|cursor| cursor.hold);
            portal.is_held
        });
    }

    /// A savepoint begins; gives its number, for [`Self::roll_back_to`].
    pub fn begin_savepoint(&mut self) -> u64 {
        self.savepoint += 1;
        self.savepoint
    }

    /// Closes what was opened since a savepoint.
    pub fn roll_back_to(&mut self, savepoint: u64) {
        self.by_name.retain(|_, portal| portal.is_held || portal.savepoints < savepoint);
        self.savepoint += 1;
    }
}

/// The rows of a portal, for the one who reads from them now.
///
/// # Errors
/// `55006` when a result of the same portal is still being read.
pub fn hold(rows: &SharedRows, name: &str) -> Result<OwnedMutexGuard<OpenRows>, ErrorReport> {
    Arc::clone(rows).try_lock_owned().map_err(|_| {
        ErrorReport::new(SqlState::OBJECT_IN_USE, format!("portal \"{name}\" is in use"))
            .with_hint("Read the rows of the FETCH that runs to their end first.")
    })
}

fn missing_portal(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist"))
}

/// The report for a cursor that does not exist.
#[must_use]
pub fn missing_cursor(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_CURSOR_NAME, format!("cursor \"{name}\" does not exist"))
}

/// The report for a portal whose command or query cannot go on.
#[must_use]
pub fn cannot_run(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE, format!("portal \"{name}\" cannot be run"))
}
