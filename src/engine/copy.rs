//! `COPY … TO STDOUT`: a query whose rows go to the client as one stream of bytes.

use std::sync::Arc;

use crate::base::{ErrorReport, InternalError, SqlState, SqlType, UserFacing};
use crate::sql::{CopyOut, CopyTarget, ForceQuote, Statement, StatementKind};

use super::core::Engine;
use super::error::EngineError;
use super::outcome::{Outcome, OutputColumn};
use super::prepare::{Prepared, Ready, Work};
use super::session::Session;

impl Engine {
    /// Plans the query of a COPY.
    pub(super) fn prepare_copy(
        &self,
        session: &Session,
        statement: &Statement,
        copy: &CopyOut,
        declared_types: &[Option<SqlType>],
    ) -> Result<Ready, EngineError> {
        if let Some((parameter, position)) = &statement.first_parameter {
            let message = format!("there is no parameter {parameter}");
            let position = position.saturating_sub(statement.offset);
            return Err(ErrorReport::new(SqlState::UNDEFINED_PARAMETER, message).with_position(position).into());
        }
        let query = Statement { kind: StatementKind::Query(copy.query.clone()), ..statement.clone() };
        let inner = self.prepare(session, &query, declared_types, None).map_err(|error| placed(error, copy))?;
        Ok(Ready::without_query(Ok(None), Work::Copy { copy: copy.clone(), inner }))
    }
}

impl Session {
    pub(super) async fn copy_out(&mut self, copy: &CopyOut, inner: &Arc<Prepared>) -> Result<Outcome, EngineError> {
        refuse_files(copy.target)?;
        let bound = self.bind(inner, Vec::new())?;
        if let (ForceQuote::Columns(names), Some(columns)) = (&copy.options.force_quote, &bound.columns) {
            check_names(names, columns)?;
        }
        match Box::pin(self.execute(&bound, false)).await? {
            Outcome::Rows { columns, stream, .. } => {
                Ok(Outcome::Copy { options: copy.options.clone(), columns, stream })
            }
            Outcome::Copy { .. } | Outcome::Command { .. } | Outcome::Empty => {
                Err(InternalError::new("the query of COPY gave no rows").into())
            }
        }
    }
}

/// A table and columns that are only named have no place in PostgreSQL's report.
fn placed(error: EngineError, copy: &CopyOut) -> EngineError {
    let Some(table) = &copy.table else { return error };
    let mut report = ErrorReport { position: None, ..error.report() };
    if report.sqlstate == SqlState::UNDEFINED_COLUMN {
        let relation = table.rsplit('.').next().unwrap_or(table);
        let of_relation = format!(" of relation \"{relation}\" does not exist");
        report = ErrorReport::new(report.sqlstate, report.message.replace(" does not exist", &of_relation));
    }
    report.into()
}

fn refuse_files(target: CopyTarget) -> Result<(), ErrorReport> {
    let (role, what) = match target {
        CopyTarget::Client => return Ok(()),
        CopyTarget::File => ("pg_write_server_files", "to a file"),
        CopyTarget::Program => ("pg_execute_server_program", "to or from an external program"),
    };
    let message = format!("must be superuser or have privileges of the {role} role to COPY {what}");
    Err(ErrorReport::new(SqlState::INSUFFICIENT_PRIVILEGE, message)
        .with_hint("Anyone can COPY to stdout or from stdin. psql's \\copy command also works for anyone."))
}

fn check_names(names: &[String], columns: &[OutputColumn]) -> Result<(), ErrorReport> {
    match names.iter().find(|name| !columns.iter().any(|column| column.name == **name)) {
        Some(name) => {
            let message = format!("column \"{name}\" does not exist");
            Err(ErrorReport::new(SqlState::UNDEFINED_COLUMN, message))
        }
        None => Ok(()),
    }
}
