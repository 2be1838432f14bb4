//! The simple query protocol: a text with any number of statements.

use crate::base::limits;
use crate::base::{ErrorReport, SqlState};
use crate::engine::{CopyOptions, OpenRows, Outcome, OutputColumns, RowStream, RowsTag};
use crate::pg::backend::BackendSession;
use crate::pg::encode::{Format, RowEncoder};
use crate::pg::failure::Failure;
use crate::pg::message::outgoing;

use super::rows::{Pace, Stop, send};
use super::{Connection, impossible};

impl<S: BackendSession> Connection<S> {
    /// Runs a text and tells that the server is ready again, whatever happened.
    pub(super) async fn query(&mut self, text: &str) -> Result<(), Failure> {
        match self.statements(text).await {
            Ok(()) => {}
            Err(Failure::Error(report)) => self.report(&report).await?,
            Err(fatal) => return Err(fatal),
        }
        self.end_group();
        self.ready().await
    }

    async fn statements(&mut self, text: &str) -> Result<(), Failure> {
        // As in PostgreSQL, a simple query takes the place of the unnamed statement and portal.
        self.session.statements().close("");
        self.session.portals().close("");
        let statements = self.session.parse(text)?;
        self.session.begin_text(statements.len());
        if statements.is_empty() {
            outgoing::empty(&mut self.socket.output, b'I');
        }
        for statement in &statements {
            self.statement(statement).await?;
        }
        Ok(())
    }

    async fn statement(&mut self, statement: &S::Statement) -> Result<(), Failure> {
        let prepared = self.session.prepare(statement, &[])?;
        if !S::parameter_types(&prepared).is_empty() {
            let (id, position) = S::first_parameter(statement).unwrap_or(("$1", 0));
            let report = ErrorReport::new(SqlState::UNDEFINED_PARAMETER, format!("there is no parameter {id}"));
            return Err(if position == 0 { report } else { report.with_position(position) }.into());
        }
        let bound = self.session.bind(&prepared, Vec::new())?;
        match self.run_bound(&bound, false).await? {
            Outcome::Rows { tag, columns, stream, binary } => {
                let formats = vec![if binary { Format::Binary } else { Format::Text }; columns.len()];
                outgoing::row_description(&mut self.socket.output, &columns, &formats);
                let encoder = RowEncoder::new(&columns, &formats, self.session.time_zone());
                self.send_all(OpenRows::new(tag, columns, stream), encoder).await
            }
            Outcome::Copy { options, columns, stream } => self.copy_out(&options, columns, stream).await,
            Outcome::Command { tag, notices } => {
                self.notices(&notices);
                outgoing::command_complete(&mut self.socket.output, &tag);
                Ok(())
            }
            Outcome::Empty => {
                outgoing::empty(&mut self.socket.output, b'I');
                Ok(())
            }
        }
    }

    async fn send_all(&mut self, mut rows: OpenRows, mut encoder: RowEncoder) -> Result<(), Failure> {
        let tag = self.send_rows(&mut rows, &mut encoder).await?;
        outgoing::command_complete(&mut self.socket.output, &tag);
        Ok(())
    }

    async fn send_rows(&mut self, rows: &mut OpenRows, encoder: &mut RowEncoder) -> Result<String, Failure> {
        let pace = self.pace(None);
        match send(rows, encoder, &mut self.socket, pace).await? {
            (sent, Stop::End) => Ok(rows.command_tag(sent)),
            (_, Stop::Paused) => Err(impossible("a result paused without a limit")),
        }
    }

    /// Sends the rows of COPY.
    pub(super) async fn copy_out(
        &mut self,
        options: &CopyOptions,
        columns: OutputColumns,
        stream: RowStream,
    ) -> Result<(), Failure> {
        let mut encoder = RowEncoder::for_copy(&columns, options, self.session.time_zone());
        outgoing::copy_out_response(&mut self.socket.output, &encoder.formats());
        encoder.begin_copy(&mut self.socket.output);
        let mut rows = OpenRows::new(RowsTag::Copy, columns, stream);
        let tag = self.send_rows(&mut rows, &mut encoder).await?;
        encoder.end_copy(&mut self.socket.output);
        outgoing::empty(&mut self.socket.output, b'c');
        outgoing::command_complete(&mut self.socket.output, &tag);
        Ok(())
    }

    pub(super) fn pace(&self, max_rows: Option<u64>) -> Pace {
        let timeout = self.session.statement_timeout();
        Pace { max_rows, buffer_bytes: self.limits.of(limits::ROW_BUFFER_BYTES), timeout }
    }

    /// Runs a statement up to its first rows, and stops when the client leaves meanwhile.
    pub(super) async fn run_bound(&mut self, bound: &S::Bound, may_pause: bool) -> Result<Outcome, Failure> {
        let Self { socket, session, .. } = self;
        Ok(socket.while_connected(session.execute(bound, may_pause)).await??)
    }
}
