//! The extended query protocol: Parse, Bind, Describe, Execute.

use std::sync::Arc;

use bytes::Bytes;
use datafusion::common::ScalarValue;
use tokio::sync::Mutex;

use crate::base::{ErrorReport, SqlState, SqlType};
use crate::engine::{OpenRows, Outcome, OutputColumn, Portal, Progress, SharedRows, cannot_run, hold};
use crate::pg::backend::BackendSession;
use crate::pg::decode::decode;
use crate::pg::encode::{Format, RowEncoder};
use crate::pg::failure::{Failure, violation};
use crate::pg::message::outgoing;

use super::Connection;
use super::rows::{Stop, send};

impl<S: BackendSession> Connection<S> {
    /// Plans a statement and keeps it.
    pub(super) fn parse(&mut self, name: String, text: &str, types: &[u32]) -> Result<(), Failure> {
        self.session.statements().check_new(&name)?;
        let mut statements = self.session.parse(text)?;
        if statements.len() > 1 {
            return Err(ErrorReport::new(
                SqlState::SYNTAX_ERROR,
                "cannot insert multiple commands into a prepared statement",
            )
            .into());
        }
        let declared = types.iter().map(|oid| declared_type(*oid)).collect::<Result<Vec<_>, _>>()?;
        let prepared = match statements.pop() {
            Some(statement) => Some(self.session.prepare(&statement, &declared)?),
            None => None,
        };
        self.session.statements().keep(name, prepared);
        outgoing::empty(&mut self.socket.output, b'1');
        Ok(())
    }

    /// Gives a statement its values and keeps that as a portal.
    pub(super) fn bind(
        &mut self,
        portal: String,
        statement: &str,
        parameter_formats: &[i16],
        values: &[Option<Bytes>],
        result_formats: &[i16],
    ) -> Result<(), Failure> {
        let prepared = self.session.statements().get(statement)?;
        let types = prepared.as_ref().map_or(&[][..], |prepared| S::parameter_types(prepared));
        let values = self.values(statement, types, parameter_formats, values)?;
        self.session.portals().check_new(&portal)?;
        let bound = match &prepared {
            Some(prepared) => Some(self.session.bind(prepared, values)?),
            None => None,
        };
        if let Some(columns) = bound.as_ref().and_then(S::bound_columns) {
            formats_of(result_formats, columns)?;
        }
        self.session.portals().keep(portal, Portal::of_bind(bound, result_formats.to_vec()));
        outgoing::empty(&mut self.socket.output, b'2');
        Ok(())
    }

    fn values(
        &self,
        statement: &str,
        types: &[SqlType],
        formats: &[i16],
        values: &[Option<Bytes>],
    ) -> Result<Vec<ScalarValue>, ErrorReport> {
        let formats = Format::resolve(formats, values.len(), |codes, count| {
            format!("bind message has {codes} parameter formats but {count} parameters")
        })?;
        if values.len() != types.len() {
            return Err(violation(format!(
                "bind message supplies {} parameters, but prepared statement \"{statement}\" requires {}",
                values.len(),
                types.len()
            )));
        }
        let zone = self.session.time_zone();
        values
            .iter()
            .zip(types)
            .zip(formats)
            .enumerate()
            .map(|(index, ((value, sql_type), format))| {
                decode(value.as_deref(), sql_type, format, zone).map_err(|report| located(report, index + 1))
            })
            .collect()
    }

    /// Tells the parameters and the columns of a statement.
    pub(super) fn describe_statement(&mut self, name: &str) -> Result<(), Failure> {
        let Some(prepared) = &self.session.statements().get(name)? else {
            outgoing::parameter_description(&mut self.socket.output, &[]);
            outgoing::empty(&mut self.socket.output, b'n');
            return Ok(());
        };
        let columns = S::prepared_columns(prepared)?;
        outgoing::parameter_description(&mut self.socket.output, S::parameter_types(prepared));
        let formats = vec![Format::Text; columns.map_or(0, <[OutputColumn]>::len)];
        self.describe_columns(columns, &formats);
        Ok(())
    }

    /// Tells the columns of a portal.
    pub(super) fn describe_portal(&mut self, name: &str) -> Result<(), Failure> {
        let Self { session, socket, .. } = self;
        let portal = session.portals().get(name)?;
        match portal.bound.as_ref().and_then(S::bound_columns) {
            Some(columns) => {
                let formats = formats_of(&portal_formats(portal), columns)?;
                outgoing::row_description(&mut socket.output, columns, &formats);
            }
            None => outgoing::empty(&mut socket.output, b'n'),
        }
        Ok(())
    }

    fn describe_columns(&mut self, columns: Option<&[OutputColumn]>, formats: &[Format]) {
        match columns {
            Some(columns) => outgoing::row_description(&mut self.socket.output, columns, formats),
            None => outgoing::empty(&mut self.socket.output, b'n'),
        }
    }

    /// Runs a portal, or goes on with it.
    pub(super) async fn execute(&mut self, name: &str, max_rows: i32) -> Result<(), Failure> {
        // Zero and less mean all rows.
        let max_rows = u64::try_from(max_rows).ok().filter(|max_rows| *max_rows > 0);
        let mut portal = self.session.portals().take(name)?;
        let formats = portal_formats(&portal);
        portal.progress = match portal.progress {
            Progress::Ready => self.start(name, portal.bound.as_ref(), &formats, max_rows).await?,
            Progress::Open(rows) => {
                let rows = self.resumed(name, rows).await?;
                self.send_some(name, rows, &formats, max_rows).await?
            }
            Progress::Done => return Err(cannot_run(name).into()),
        };
        self.session.portals().keep(name.to_owned(), portal);
        Ok(())
    }

    async fn start(
        &mut self,
        name: &str,
        bound: Option<&S::Bound>,
        formats: &[i16],
        max_rows: Option<u64>,
    ) -> Result<Progress, Failure> {
        let Some(bound) = bound else {
            outgoing::empty(&mut self.socket.output, b'I');
            return Ok(Progress::Ready);
        };
        if max_rows.is_some() {
            self.session.portals().check_suspended()?;
        }
        match self.run_bound(bound, max_rows.is_some()).await? {
            Outcome::Rows { tag, columns, stream, binary: _ } => {
                let rows = Arc::new(Mutex::new(OpenRows::new(tag, columns, stream)));
                self.send_some(name, rows, formats, max_rows).await
            }
            Outcome::Copy { options, columns, stream } => {
                self.copy_out(&options, columns, stream).await?;
                Ok(Progress::Done)
            }
            Outcome::Command { tag, notices } => {
                self.notices(&notices);
                outgoing::command_complete(&mut self.socket.output, &tag);
                Ok(Progress::Done)
            }
            Outcome::Empty => {
                outgoing::empty(&mut self.socket.output, b'I');
                Ok(Progress::Ready)
            }
        }
    }

    /// The rows of a portal that was suspended, ready to be read on.
    async fn resumed(&mut self, name: &str, rows: SharedRows) -> Result<SharedRows, Failure> {
        let timeout = self.session.statement_timeout();
        let mut held = hold(&rows, name)?;
        if held.has_failed() {
            return Err(cannot_run(name).into());
        }
        self.socket.while_connected(held.resume(timeout)).await??;
        drop(held);
        Ok(rows)
    }

    async fn send_some(
        &mut self,
        name: &str,
        rows: SharedRows,
        formats: &[i16],
        max_rows: Option<u64>,
    ) -> Result<Progress, Failure> {
        let pace = self.pace(max_rows);
        let mut held = hold(&rows, name)?;
        let formats = formats_of(formats, held.columns())?;
        let mut encoder = RowEncoder::new(held.columns(), &formats, self.session.time_zone());
        match send(&mut held, &mut encoder, &mut self.socket, pace).await? {
            (sent, Stop::End) => outgoing::command_complete(&mut self.socket.output, &held.command_tag(sent)),
            (_, Stop::Paused) => {
                held.suspend();
                outgoing::empty(&mut self.socket.output, b's');
            }
        }
        drop(held);
        Ok(Progress::Open(rows))
    }
}

/// The formats that Bind asked for; those of a cursor of DECLARE are its own.
fn portal_formats<B>(portal: &Portal<B>) -> Vec<i16> {
    match portal.cursor {
        Some(cursor) => vec![i16::from(cursor.binary)],
        None => portal.formats.clone(),
    }
}

fn formats_of(codes: &[i16], columns: &[OutputColumn]) -> Result<Vec<Format>, ErrorReport> {
    Format::resolve(codes, columns.len(), |codes, columns| {
        format!("bind message has {codes} result formats but query has {columns} columns")
    })
}

/// The type that a client names for a parameter; 0 and `unknown` leave it open.
fn declared_type(oid: u32) -> Result<Option<SqlType>, ErrorReport> {
    const UNKNOWN: u32 = 705;
    if oid == 0 || oid == UNKNOWN {
        return Ok(None);
    }
    SqlType::from_oid(oid).map(Some).ok_or_else(|| {
        ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("parameters of the type with OID {oid} are not supported"),
        )
        .with_hint("Leave the type of the parameter open, or declare it as text.")
    })
}

/// Adds which parameter it was, as PostgreSQL does in the context of the error.
fn located(report: ErrorReport, number: usize) -> ErrorReport {
    if report.detail.is_some() {
        return report;
    }
    report.with_detail(format!("Parameter ${number} could not be read."))
}
