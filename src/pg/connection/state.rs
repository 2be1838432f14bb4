//! The prepared statements and portals of a connection.

use std::collections::HashMap;
use std::sync::Arc;

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState};
use crate::pg::backend::BackendSession;
use crate::pg::encode::Format;
use crate::pg::message::Target;

use super::rows::Rows;

/// A prepared statement. An empty text makes one without a plan.
pub struct Stored<S: BackendSession> {
    pub prepared: Option<Arc<S::Prepared>>,
}

/// How far a portal is.
pub enum Progress {
    /// Not yet executed.
    Ready,
    /// Executed, and paused by `max_rows`.
    Paused(Box<Rows>),
    /// All its rows were sent, or its command has run.
    Done {
        /// It had rows: a further Execute gives none, and no error.
        had_rows: bool,
    },
}

/// A statement with its values.
pub struct Portal<S: BackendSession> {
    /// `None` for an empty statement.
    pub bound: Option<S::Bound>,
    /// One for each column of the result.
    pub formats: Vec<Format>,
    pub progress: Progress,
}

/// All of them by name; the empty name is the unnamed one.
pub struct Store<S: BackendSession> {
    statements: HashMap<String, Arc<Stored<S>>>,
    portals: HashMap<String, Portal<S>>,
    limits: LimitSet,
}

impl<S: BackendSession> Store<S> {
    pub fn new(limits: &LimitSet) -> Self {
        Self { statements: HashMap::new(), portals: HashMap::new(), limits: limits.clone() }
    }

    /// Fails when a statement may not be kept under this name; the unnamed one makes place, even for one that fails.
    pub fn check_new_statement(&mut self, name: &str) -> Result<(), ErrorReport> {
        if name.is_empty() {
            self.statements.remove(name);
            return Ok(());
        }
        if self.statements.contains_key(name) {
            return Err(ErrorReport::new(
                SqlState::DUPLICATE_PREPARED_STATEMENT,
                format!("prepared statement \"{name}\" already exists"),
            ));
        }
        self.limits.check(limits::PREPARED_STATEMENTS, named(&self.statements) + 1)
    }

    pub fn keep_statement(&mut self, name: String, statement: Stored<S>) {
        self.statements.insert(name, Arc::new(statement));
    }

    pub fn statement(&self, name: &str) -> Result<Arc<Stored<S>>, ErrorReport> {
        self.statements.get(name).map(Arc::clone).ok_or_else(|| no_statement(name))
    }

    /// Fails when a portal may not be opened under this name; the unnamed one makes place.
    pub fn check_new_portal(&mut self, name: &str) -> Result<(), ErrorReport> {
        if name.is_empty() {
            self.portals.remove(name);
            return Ok(());
        }
        if self.portals.contains_key(name) {
            return Err(ErrorReport::new(SqlState::DUPLICATE_CURSOR, format!("cursor \"{name}\" already exists")));
        }
        self.limits.check(limits::PORTALS, named(&self.portals) + 1)
    }

    pub fn keep_portal(&mut self, name: String, portal: Portal<S>) {
        self.portals.insert(name, portal);
    }

    pub fn portal(&mut self, name: &str) -> Result<&mut Portal<S>, ErrorReport> {
        self.portals
            .get_mut(name)
            .ok_or_else(|| ErrorReport::new(SqlState::INVALID_CURSOR_NAME, format!("portal \"{name}\" does not exist")))
    }

    /// Takes a portal out while it runs; a command in it may close all the others.
    pub fn take_portal(&mut self, name: &str) -> Result<Portal<S>, ErrorReport> {
        self.portal(name)?;
        self.portals.remove(name).ok_or_else(|| no_statement(name))
    }

    /// Closing what does not exist is no error.
    pub fn close(&mut self, target: &Target) {
        match target {
            Target::Statement(name) => drop(self.statements.remove(name)),
            Target::Portal(name) => drop(self.portals.remove(name)),
        }
    }

    pub fn close_portals(&mut self) {
        self.portals.clear();
    }

    pub fn deallocate(&mut self, name: &str) -> Result<(), ErrorReport> {
        self.statements.remove(name).map(drop).ok_or_else(|| no_statement(name))
    }

    pub fn deallocate_all(&mut self) {
        self.statements.clear();
    }
}

/// How many have a name.
fn named<T>(entries: &HashMap<String, T>) -> usize {
    entries.len() - usize::from(entries.contains_key(""))
}

fn no_statement(name: &str) -> ErrorReport {
    let message = match name {
        "" => "unnamed prepared statement does not exist".to_owned(),
        name => format!("prepared statement \"{name}\" does not exist"),
    };
    ErrorReport::new(SqlState::INVALID_SQL_STATEMENT_NAME, message)
}
