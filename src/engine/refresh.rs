//! `SELECT catalog_refresh()`: what the stores hold is looked up now, and not at the next turn.

use std::sync::Arc;
use std::time::Instant;

use datafusion::arrow::array::{Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use crate::base::{InternalError, SqlType, UserFacing};

use super::core::Engine;
use super::error::EngineError;
use super::outcome::{Outcome, OutputColumn, RowsTag};
use super::rows::plain_rows;
use super::run::{canceled_by_user, timed_out, until};
use super::session::Session;

/// The name of the call, and of its column.
const NAME: &str = "catalog_refresh";

/// Its one column: the version of the catalog that is in force then.
pub(super) fn refresh_columns() -> Vec<OutputColumn> {
    vec![OutputColumn { name: NAME.to_owned(), sql_type: SqlType::Int8, type_modifier: -1 }]
}

impl Session {
    /// Asks every store for its tables. A store that is down keeps its last known ones.
    pub(super) async fn refresh_catalog(&mut self) -> Result<Outcome, EngineError> {
        let cancel = self.place.begin_statement();
        let deadline = self.statement_timeout().map(|timeout| Instant::now() + timeout);
        let version = tokio::select! {
            version = self.engine.refresh() => version,
            () = cancel.cancelled() => return Err(canceled_by_user().into()),
            () = until(deadline) => return Err(timed_out().into()),
        };
        let values = Arc::new(Int64Array::from(vec![i64::try_from(version).unwrap_or(i64::MAX)]));
        let schema = Arc::new(Schema::new(vec![Field::new(NAME, DataType::Int64, false)]));
        let batch = RecordBatch::try_new(schema, vec![values]).map_err(|error| InternalError::new(error).report())?;
        let stream = plain_rows(futures::stream::iter([Ok(batch)]));
        Ok(Outcome::Rows { tag: RowsTag::Select, columns: refresh_columns().into(), stream, binary: false })
    }
}

impl Engine {
    /// Discovers the tables of every store, unless somebody else does so from beginning to end in the meantime: many who
    /// ask at once cost the stores two discoveries. Returns the version of the catalog.
    pub async fn refresh(&self) -> u64 {
        let asked_at = self.registry().rounds();
        self.registry().discover_unless(|rounds| rounds >= asked_at + 2).await;
        self.catalog_version()
    }
}
