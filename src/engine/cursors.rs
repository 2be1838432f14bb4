//! Prepared statements and cursors by SQL: `PREPARE`, `EXECUTE`, `DECLARE`, `FETCH`, `MOVE`, `CLOSE`.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use futures::StreamExt;
use tokio::sync::Mutex;

use crate::base::limits;
use crate::base::{ErrorReport, InternalError, SqlState, SqlType};
use crate::sql::{Declare, ExecuteCall, ExplainOptions, ExplainTarget, Fetch, Statement, StatementKind};

use super::error::EngineError;
use super::fetch::FetchedRows;
use super::open_rows::{OpenRows, Rereading};
use super::outcome::{Outcome, OutputColumns, RowsTag};
use super::portals::{Portal, Progress, SharedRows, cannot_run, hold, missing_cursor};
use super::prepare::{Bound, Prepared, Work};
use super::session::Session;
use super::session_statements::only_in_block;

impl Session {
    pub(super) fn keep_prepared(
        &mut self,
        name: &str,
        types: &[Option<SqlType>],
        statement: &Statement,
    ) -> Result<Outcome, EngineError> {
        self.transaction.has_read = true;
        self.statements.check_new(name)?;
        let prepared = self.prepare(statement, types)?;
        self.statements.keep(name.to_owned(), Some(prepared));
        Ok(Outcome::Command { tag: "PREPARE".to_owned(), notices: Vec::new() })
    }

    /// The columns of `EXECUTE`; none where the statement does not exist, which is an error only when it runs.
    pub(super) fn columns_of_prepared(&self, call: &ExecuteCall) -> Result<Option<OutputColumns>, ErrorReport> {
        match self.statements.get(&call.name) {
            Ok(Some(prepared)) => prepared.columns.clone(),
            Ok(None) | Err(_) => Ok(None),
        }
    }

    pub(super) async fn run_prepared(
        &mut self,
        outer: &Bound,
        call: &ExecuteCall,
        options: Option<ExplainOptions>,
        may_pause: bool,
    ) -> Result<Outcome, EngineError> {
        self.transaction.has_read = true;
        let Some(mut prepared) = self.statements.get(&call.name)? else { return Ok(Outcome::Empty) };
        let depth = outer.depth + 1;
        if depth > limits::EXECUTE_DEPTH {
            return Err(ErrorReport::new(SqlState::STATEMENT_TOO_COMPLEX, "stack depth limit exceeded").into());
        }
        let values = self.argument_values(call, &prepared.parameter_types.clone()).await?;
        if let Some(options) = options {
            prepared = self.explained(&prepared, options)?;
        }
        let mut bound = self.bind(&prepared, values)?;
        bound.depth = depth;
        Box::pin(self.execute(&bound, may_pause)).await
    }

    /// The `EXPLAIN` of a prepared statement's query.
    fn explained(&self, prepared: &Prepared, options: ExplainOptions) -> Result<Arc<Prepared>, EngineError> {
        let StatementKind::Query(query) = &prepared.statement.kind else {
            let message = "cannot EXPLAIN a prepared statement that is no query";
            return Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message).into());
        };
        let kind = StatementKind::Explain { target: ExplainTarget::Query(query.clone()), options };
        let statement = Statement { kind, ..prepared.statement.clone() };
        let types: Vec<Option<SqlType>> = prepared.parameter_types.iter().cloned().map(Some).collect();
        self.prepare(&statement, &types)
    }

    /// The arguments of `EXECUTE` as values of the parameters' types.
    async fn argument_values(
        &mut self,
        call: &ExecuteCall,
        types: &[SqlType],
    ) -> Result<Vec<ScalarValue>, EngineError> {
        // As in PostgreSQL, one without parameters looks at no arguments.
        if types.is_empty() {
            return Ok(Vec::new());
        }
        if call.argument_count() != types.len() {
            let message = format!("wrong number of parameters for prepared statement \"{}\"", call.name);
            return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message)
                .with_detail(format!("Expected {} parameters but got {}.", types.len(), call.argument_count()))
                .into());
        }
        if let Some((parameter, position)) = call.first_parameter() {
            let message = format!("there is no parameter {parameter}");
            return Err(ErrorReport::new(SqlState::UNDEFINED_PARAMETER, message).with_position(position).into());
        }
        let bound = self.bind(&self.prepare(&call.values_query(types, self.engine.limits())?, &[])?, Vec::new())?;
        let Outcome::Rows { mut stream, .. } = Box::pin(self.execute(&bound, false)).await? else {
            return Err(InternalError::new("the arguments of EXECUTE gave no rows").into());
        };
        let Some(row) = stream.next().await.transpose()? else {
            return Err(InternalError::new("the arguments of EXECUTE gave no row").into());
        };
        let values = row.columns().iter().map(|column| ScalarValue::try_from_array(column, 0));
        values.collect::<Result<_, _>>().map_err(|error| InternalError::new(error).into())
    }

    pub(super) fn declare(
        &mut self,
        declare: &Declare,
        inner: &Arc<Prepared>,
        outer: &Bound,
    ) -> Result<Outcome, EngineError> {
        if declare.name.is_empty() {
            let message = "invalid cursor name: must not be empty";
            return Err(ErrorReport::new(SqlState::INVALID_CURSOR_NAME, message).into());
        }
        if !declare.options.hold && !self.transaction.is_block() {
            return Err(only_in_block("DECLARE CURSOR").into());
        }
        self.transaction.has_read = true;
        self.portals.check_new(&declare.name)?;
        let bound = self.bind(inner, outer.values.to_vec())?;
        let mut portal = Portal::of_bind(Some(bound), Vec::new());
        portal.cursor = Some(declare.options);
        self.portals.keep(declare.name.clone(), portal);
        Ok(Outcome::Command { tag: "DECLARE CURSOR".to_owned(), notices: Vec::new() })
    }

    /// The columns of `FETCH`; none where the cursor does not exist, which is an error only when it runs.
    pub(super) fn columns_of_cursor(&self, fetch: &Fetch) -> Option<OutputColumns> {
        if fetch.is_move {
            return None;
        }
        self.portals.find(&fetch.cursor)?.bound.as_ref()?.columns.clone()
    }

    pub(super) async fn fetch(&mut self, fetch: &Fetch) -> Result<Outcome, EngineError> {
        let rows = self.opened(&fetch.cursor).await?;
        let mut held = hold(&rows, &fetch.cursor)?;
        if held.has_failed() {
            return Err(cannot_run(&fetch.cursor).into());
        }
        held.resume(self.statement_timeout()).await?;
        let columns = Arc::clone(held.columns());
        let mut fetched = FetchedRows::new(held, fetch.direction)?;
        if !fetch.is_move {
            let binary = self.portals.find(&fetch.cursor).and_then(|portal| portal.cursor);
            let binary = binary.is_some_and(|cursor| cursor.binary);
            return Ok(Outcome::Rows { tag: RowsTag::Fetch, columns, stream: Box::new(fetched), binary });
        }
        let mut moved = 0;
        while let Some(batch) = fetched.next().await {
            moved += batch?.num_rows();
        }
        Ok(Outcome::Command { tag: format!("MOVE {moved}"), notices: Vec::new() })
    }

    /// The rows of a cursor, whose query begins with its first FETCH.
    async fn opened(&mut self, name: &str) -> Result<SharedRows, EngineError> {
        let portal = self.portals.find(name).ok_or_else(|| missing_cursor(name))?;
        let rereading = match portal.cursor {
            None => Rereading::Never,
            Some(cursor) => match cursor.scroll {
                Some(true) => Rereading::Always,
                Some(false) => Rereading::Never,
                None => Rereading::WhileSmall,
            },
        };
        let bound = match (&portal.progress, &portal.bound) {
            (Progress::Open(rows), _) => return Ok(Arc::clone(rows)),
            (Progress::Ready, Some(bound)) if bound.columns.is_some() => bound.again(),
            (Progress::Ready | Progress::Done, _) => return Err(cannot_run(name).into()),
        };
        self.portals.check_suspended()?;
        let Outcome::Rows { tag, columns, stream, .. } = Box::pin(self.execute(&bound, true)).await? else {
            return Err(cannot_run(name).into());
        };
        let rows = OpenRows::new(tag, columns, stream).rereadable(rereading, self.engine.limits());
        let rows = Arc::new(Mutex::new(rows));
        self.portals.opened(name, &rows);
        Ok(rows)
    }

    pub(super) fn close_cursor(&mut self, name: Option<&str>) -> Result<Outcome, EngineError> {
        let tag = match name {
            Some(name) if self.portals.close(name) => "CLOSE CURSOR",
            Some(name) => return Err(missing_cursor(name).into()),
            None => {
                self.portals.clear();
                "CLOSE CURSOR ALL"
            }
        };
        Ok(Outcome::Command { tag: tag.to_owned(), notices: Vec::new() })
    }
}

/// What running the statements of this file means.
pub(super) fn work_of(kind: &StatementKind, statement: &Statement) -> Option<Work> {
    match kind {
        StatementKind::Prepare { name, types, statement: inner } => Some(Work::Prepare {
            name: name.clone(),
            types: types.clone(),
            statement: Box::new(Statement { kind: inner.as_ref().clone(), ..statement.clone() }),
        }),
        StatementKind::Execute(call) => Some(Work::Execute { call: call.clone(), options: None }),
        StatementKind::Explain { target: ExplainTarget::Execute(call), options } => {
            Some(Work::Execute { call: call.clone(), options: Some(*options) })
        }
        StatementKind::Fetch(fetch) => Some(Work::Fetch(fetch.clone())),
        StatementKind::Close(name) => Some(Work::Close(name.clone())),
        StatementKind::Query(_)
        | StatementKind::Explain { target: ExplainTarget::Query(_), .. }
        | StatementKind::Declare(_)
        | StatementKind::Copy(_)
        | StatementKind::Session(_)
        | StatementKind::Upkeep(_)
        | StatementKind::Write(_) => None,
    }
}
