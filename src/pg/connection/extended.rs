//! The extended query protocol: Parse, Bind, Describe, Execute.

use bytes::Bytes;

use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState, SqlType};
use crate::engine::{Outcome, OutputColumn};
use crate::pg::backend::BackendSession;
use crate::pg::decode::decode;
use crate::pg::encode::{Format, RowEncoder};
use crate::pg::failure::{Failure, violation};
use crate::pg::message::outgoing;

use super::Connection;
use super::rows::{Rows, Stop};
use super::state::{Portal, Progress, Stored};

impl<S: BackendSession> Connection<S> {
    /// Plans a statement and keeps it.
    pub(super) fn parse(&mut self, name: String, text: &str, types: &[u32]) -> Result<(), Failure> {
        self.store.check_new_statement(&name)?;
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
        self.store.keep_statement(name, Stored { prepared });
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
        let stored = self.store.statement(statement)?;
        let types = stored.prepared.as_ref().map_or(&[][..], |prepared| S::parameter_types(prepared));
        let values = self.values(statement, types, parameter_formats, values)?;
        self.store.check_new_portal(&portal)?;
        let bound = match &stored.prepared {
            Some(prepared) => Some(self.session.bind(prepared, values)?),
            None => None,
        };
        let formats = match bound.as_ref().and_then(S::bound_columns) {
            Some(columns) => Format::resolve(result_formats, columns.len(), |codes, columns| {
                format!("bind message has {codes} result formats but query has {columns} columns")
            })?,
            None => Vec::new(),
        };
        self.store.keep_portal(portal, Portal { bound, formats, progress: Progress::Ready });
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
        let stored = self.store.statement(name)?;
        let Some(prepared) = &stored.prepared else {
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
        let portal = self.store.portal(name)?;
        let columns = portal.bound.as_ref().and_then(S::bound_columns);
        match columns {
            Some(columns) => outgoing::row_description(&mut self.socket.output, columns, &portal.formats),
            None => outgoing::empty(&mut self.socket.output, b'n'),
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
        let Portal { bound, formats, progress } = self.store.take_portal(name)?;
        let progress = match progress {
            Progress::Ready => self.start(bound.as_ref(), &formats, max_rows).await?,
            Progress::Paused(rows) => self.send_some(rows, max_rows).await?,
            Progress::Done { had_rows: true } => {
                outgoing::command_complete(&mut self.socket.output, "SELECT 0");
                Progress::Done { had_rows: true }
            }
            Progress::Done { had_rows: false } => {
                return Err(ErrorReport::new(
                    SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
                    format!("portal \"{name}\" cannot be run"),
                )
                .into());
            }
        };
        self.store.keep_portal(name.to_owned(), Portal { bound, formats, progress });
        Ok(())
    }

    async fn start(
        &mut self,
        bound: Option<&S::Bound>,
        formats: &[Format],
        max_rows: Option<u64>,
    ) -> Result<Progress, Failure> {
        let Some(bound) = bound else {
            outgoing::empty(&mut self.socket.output, b'I');
            return Ok(Progress::Ready);
        };
        match self.run_bound(bound).await? {
            Outcome::Rows { tag, columns, stream } => {
                let encoder = RowEncoder::new(&columns, formats, self.session.time_zone());
                self.send_some(Box::new(Rows::new(tag, stream, encoder)), max_rows).await
            }
            Outcome::Command { tag, notices, parameter_status, effect } => {
                self.command_done(&notices, &parameter_status, effect)?;
                outgoing::command_complete(&mut self.socket.output, &tag);
                Ok(Progress::Done { had_rows: false })
            }
            Outcome::Empty => {
                outgoing::empty(&mut self.socket.output, b'I');
                Ok(Progress::Ready)
            }
        }
    }

    async fn send_some(&mut self, mut rows: Box<Rows>, max_rows: Option<u64>) -> Result<Progress, Failure> {
        let pace = self.pace(max_rows);
        match rows.send(&mut self.socket, pace).await? {
            (sent, Stop::End) => {
                outgoing::command_complete(&mut self.socket.output, &rows.command_tag(sent));
                Ok(Progress::Done { had_rows: true })
            }
            (_, Stop::Paused) => {
                outgoing::empty(&mut self.socket.output, b's');
                Ok(Progress::Paused(rows))
            }
        }
    }
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
