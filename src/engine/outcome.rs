//! What a statement gives back.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema};

use crate::base::{ErrorReport, InternalError, SqlType, UserFacing};
use crate::sql::CopyOptions;

use super::rows::{RowStream, plain_rows};

/// One column of a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputColumn {
    /// The name that the client sees.
    pub name: String,
    /// The type that the wire announces. For a query with unmapped types planning already failed.
    pub sql_type: SqlType,
    /// `atttypmod`: what a table's column, or a cast with digits, says of the values; -1 for what was computed.
    pub type_modifier: i32,
}

/// The columns of a result: what is prepared once is told at every run.
pub type OutputColumns = Arc<[OutputColumn]>;

/// A message that is no error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// `NOTICE` or `WARNING`.
    pub severity: &'static str,
    /// Code, message, detail and hint.
    pub report: ErrorReport,
}

/// What a statement gives back.
pub enum Outcome {
    /// Rows, then the command tag `<tag> <number of rows>`.
    Rows {
        /// `SELECT`, or for `EXPLAIN` and `SHOW` their own word without a number.
        tag: RowsTag,
        /// The columns.
        columns: OutputColumns,
        /// The rows.
        stream: RowStream,
        /// Values go in binary where the client did not choose: a FETCH from a binary cursor.
        binary: bool,
    },
    /// `COPY`: the rows as one stream of bytes, then the command tag `COPY <number of rows>`.
    Copy {
        /// How they are written.
        options: CopyOptions,
        /// The columns.
        columns: OutputColumns,
        /// The rows.
        stream: RowStream,
    },
    /// No rows.
    Command {
        /// The command tag, such as `SET`.
        tag: String,
        /// Notices that go before it.
        notices: Vec<Notice>,
    },
    /// An empty statement.
    Empty,
}

/// The command tag of a statement with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowsTag {
    /// `SELECT <rows>`
    Select,
    /// `EXPLAIN`
    Explain,
    /// `SHOW`
    Show,
    /// `FETCH <rows>`
    Fetch,
    /// `COPY <rows>`
    Copy,
}

impl RowsTag {
    /// The whole tag after so many rows.
    #[must_use]
    pub fn after(self, rows: u64) -> String {
        match self {
            Self::Select => format!("SELECT {rows}"),
            Self::Explain => "EXPLAIN".to_owned(),
            Self::Show => "SHOW".to_owned(),
            Self::Fetch => format!("FETCH {rows}"),
            Self::Copy => format!("COPY {rows}"),
        }
    }
}

/// Rows of text that are already here.
///
/// # Errors
/// An internal error when a row has not as many values as there are columns.
pub(super) fn text_rows(tag: RowsTag, columns: &[OutputColumn], rows: &[Vec<String>]) -> Result<Outcome, ErrorReport> {
    let fields: Vec<Field> = columns.iter().map(|column| Field::new(&column.name, DataType::Utf8, true)).collect();
    let arrays = (0..columns.len())
        .map(|index| {
            let values = rows.iter().map(|row| row.get(index).map(String::as_str));
            Arc::new(values.collect::<StringArray>()) as ArrayRef
        })
        .collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| InternalError::new(error).report())?;
    let stream = futures::stream::iter([Ok(batch)]);
    Ok(Outcome::Rows { tag, columns: columns.into(), stream: plain_rows(stream), binary: false })
}
