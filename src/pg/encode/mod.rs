//! Arrow arrays to row messages, in PostgreSQL's text and binary formats.
//!
//! Comes in: record batches whose columns have any type that the type map knows. Goes out: `DataRow` messages.
//! Does not: send, or look at a value's type more than once a batch.
//! Invariant: a value is written once, straight into the output buffer, its length patched in afterwards.

mod array;
mod binary;
mod copy;
mod datetime;
mod normal;
mod number;
mod record;
mod text;

pub(in crate::pg) use binary::{EPOCH_DAYS, EPOCH_US, JSONB_VERSION};
pub(in crate::pg) use datetime::checked as moment_in_range;

use std::sync::Arc;

use bytes::BufMut;
use chrono_tz::Tz;
use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::buffer::NullBuffer;

use crate::base::{ErrorReport, SqlState, SqlType};
use crate::engine::{CopyOptions, OutputColumn};

use super::failure::violation;
use super::message::outgoing::patch_length;
use copy::CopyForm;

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// As people read it.
    Text,
    /// As `send` and `recv` functions have it.
    Binary,
}

impl Format {
    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> i16 {
        match self {
            Self::Text => 0,
            Self::Binary => 1,
        }
    }

    /// The format of a number.
    ///
    /// # Errors
    /// `22023` for a number that no format has.
    pub fn from_code(code: i16) -> Result<Self, ErrorReport> {
        match code {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            other => {
                Err(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, format!("unsupported format code: {other}")))
            }
        }
    }

    /// One format for each of `count` things from the codes of a message: none means text, one is for all.
    ///
    /// # Errors
    /// `22023` for an unknown code; `08P01` with what `mismatch` says of the number of codes.
    pub fn resolve(
        codes: &[i16],
        count: usize,
        mismatch: impl FnOnce(usize, usize) -> String,
    ) -> Result<Vec<Self>, ErrorReport> {
        match codes {
            [] => Ok(vec![Self::Text; count]),
            [code] => Ok(vec![Self::from_code(*code)?; count]),
            codes if codes.len() == count => codes.iter().map(|code| Self::from_code(*code)).collect(),
            codes => Err(violation(mismatch(codes.len(), count))),
        }
    }
}

/// Writes the value of a row; never called for NULL.
type ValueWriter = Box<dyn Fn(usize, &mut Vec<u8>) -> Result<(), ErrorReport> + Send + Sync>;

/// Encodes the batches of one result.
#[derive(Debug, Clone)]
pub struct RowEncoder {
    columns: Vec<(SqlType, Format)>,
    zone: Tz,
    /// For the rows of COPY; `None` for `DataRow` messages.
    copy: Option<Arc<CopyForm>>,
}

impl RowEncoder {
    /// An encoder for these columns in these formats, one each. `zone` is for the text of `timestamptz`.
    #[must_use]
    pub fn new(columns: &[OutputColumn], formats: &[Format], zone: Tz) -> Self {
        let columns = columns.iter().map(|column| column.sql_type.clone()).zip(formats.iter().copied()).collect();
        Self { columns, zone, copy: None }
    }

    /// An encoder for the rows of COPY.
    #[must_use]
    pub fn for_copy(columns: &[OutputColumn], options: &CopyOptions, zone: Tz) -> Self {
        let form = CopyForm::new(columns, options);
        let formats = vec![form.format(); columns.len()];
        Self { copy: Some(Arc::new(form)), ..Self::new(columns, &formats, zone) }
    }

    /// How the values are written.
    #[must_use]
    pub fn formats(&self) -> Vec<Format> {
        self.columns.iter().map(|(_, format)| *format).collect()
    }

    /// What COPY sends before the first row.
    pub fn begin_copy(&self, out: &mut Vec<u8>) {
        if let Some(form) = &self.copy {
            form.begin(out);
        }
    }

    /// What COPY sends after the last row.
    pub fn end_copy(&self, out: &mut Vec<u8>) {
        if let Some(form) = &self.copy {
            form.end(out);
        }
    }

    /// Resolves the columns of a batch.
    ///
    /// # Errors
    /// `22003` and the like when a column has a value outside its announced type; `XX000` when it has another type
    /// altogether.
    pub fn batch(&self, batch: &RecordBatch) -> Result<BatchEncoder, ErrorReport> {
        let columns = batch
            .columns()
            .iter()
            .zip(&self.columns)
            .map(|(array, (sql_type, format))| FieldWriter::new(array, sql_type, *format, self.zone))
            .collect::<Result<_, _>>()?;
        Ok(BatchEncoder { columns, rows: batch.num_rows(), copy: self.copy.clone() })
    }
}

/// Encodes the rows of one batch.
pub struct BatchEncoder {
    columns: Vec<FieldWriter>,
    rows: usize,
    copy: Option<Arc<CopyForm>>,
}

impl BatchEncoder {
    /// The number of rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Writes one row as a `DataRow` message, or as `CopyData`. On an error the buffer is as before.
    ///
    /// # Errors
    /// `22008` for a moment that PostgreSQL cannot express.
    pub fn write_row(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ErrorReport> {
        let start = out.len();
        let written = match &self.copy {
            None => self.write_message(row, b'D', out),
            Some(form) if form.format() == Format::Binary => self.write_message(row, b'd', out),
            Some(form) => self.write_line(row, form, out),
        };
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    fn write_message(&self, row: usize, kind: u8, out: &mut Vec<u8>) -> Result<(), ErrorReport> {
        let start = out.len();
        out.put_u8(kind);
        out.put_i32(0);
        if let Some(form) = &self.copy {
            form.head(out);
        }
        out.put_u16(u16::try_from(self.columns.len()).unwrap_or(u16::MAX));
        for column in &self.columns {
            column.write(row, out)?;
        }
        patch_length(out, start + 1, 0);
        Ok(())
    }

    fn write_line(&self, row: usize, form: &CopyForm, out: &mut Vec<u8>) -> Result<(), ErrorReport> {
        let start = out.len();
        out.put_u8(b'd');
        out.put_i32(0);
        let mut value = Vec::new();
        for (index, column) in self.columns.iter().enumerate() {
            value.clear();
            let is_null = column.is_null(row);
            if !is_null {
                (column.value)(row, &mut value)?;
            }
            form.value(index, (!is_null).then_some(&*value), out);
        }
        out.put_u8(b'\n');
        patch_length(out, start + 1, 0);
        Ok(())
    }
}

/// Writes one column's fields: length and value.
struct FieldWriter {
    nulls: Option<NullBuffer>,
    value: ValueWriter,
}

impl FieldWriter {
    fn new(array: &ArrayRef, sql_type: &SqlType, format: Format, zone: Tz) -> Result<Self, ErrorReport> {
        let array = normal::normalise(array, sql_type)?;
        let nulls = array.logical_nulls().filter(|nulls| nulls.null_count() > 0);
        let value = match format {
            Format::Text => text::writer(&array, sql_type, zone)?,
            Format::Binary => binary::writer(&array, sql_type)?,
        };
        Ok(Self { nulls, value })
    }

    fn is_null(&self, row: usize) -> bool {
        self.nulls.as_ref().is_some_and(|nulls| nulls.is_null(row))
    }

    fn write(&self, row: usize, out: &mut Vec<u8>) -> Result<(), ErrorReport> {
        if self.is_null(row) {
            out.put_i32(-1);
            return Ok(());
        }
        let start = out.len();
        out.put_i32(0);
        (self.value)(row, out)?;
        patch_length(out, start, 4);
        Ok(())
    }
}
