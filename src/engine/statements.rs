//! The prepared statements of a session, by name: those of the protocol and those of `PREPARE`, in one list.

use std::sync::Arc;

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState};

use super::named::Named;

/// Prepared statements by name; the empty name is the protocol's unnamed one.
#[derive(Debug)]
pub struct Statements<P> {
    by_name: Named<Option<Arc<P>>>,
}

impl<P> Statements<P> {
    /// None yet.
    #[must_use]
    pub fn new(limits: &LimitSet) -> Self {
        Self { by_name: Named::new(limits, limits::PREPARED_STATEMENTS) }
    }

    /// Makes place for a statement; the unnamed one goes, even for one that fails.
    ///
    /// # Errors
    /// `42P05` for a name that is taken, `54000` when there are too many.
    pub fn check_new(&mut self, name: &str) -> Result<(), ErrorReport> {
        let message = || format!("prepared statement \"{name}\" already exists");
        self.by_name.check_new(name, || ErrorReport::new(SqlState::DUPLICATE_PREPARED_STATEMENT, message()))
    }

    /// Keeps a statement; an empty text makes one without a plan.
    pub fn keep(&mut self, name: String, prepared: Option<Arc<P>>) {
        self.by_name.insert(name, prepared);
    }

    /// The statement of a name; within it `None` for an empty text.
    ///
    /// # Errors
    /// `26000` when there is none.
    pub fn get(&self, name: &str) -> Result<Option<Arc<P>>, ErrorReport> {
        self.by_name.get(name).cloned().ok_or_else(|| missing(name))
    }

    /// Forgets a statement. That there was none is no error.
    pub fn close(&mut self, name: &str) {
        self.by_name.remove(name);
    }

    /// Forgets a statement.
    ///
    /// # Errors
    /// `26000` when there is none.
    pub fn deallocate(&mut self, name: &str) -> Result<(), ErrorReport> {
        self.by_name.remove(name).map(drop).ok_or_else(|| missing(name))
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.by_name.clear();
    }
}

fn missing(name: &str) -> ErrorReport {
    let message = match name {
        "" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{name}\" does not exist"),
    };
    ErrorReport::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}
