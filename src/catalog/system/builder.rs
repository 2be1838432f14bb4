//! Record batches of system tables, column by column.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Int16Array, Int32Array, ListArray, RecordBatch, RecordBatchOptions, StringArray,
    UInt32Array, UInt32Builder, new_null_array,
};
use datafusion::arrow::array::{ListBuilder, StringBuilder};
use datafusion::arrow::compute::cast;
use datafusion::common::ScalarValue;

use crate::base::{InternalError, SqlType};
use crate::catalog::RowsLeaf;

use super::definition::{ColumnDefinition, Definition};

/// Rows in the making. A column that is not set is NULL, or PostgreSQL's zero (`''`, 0, false, `{}`) where it may not
/// be NULL.
pub(super) struct Rows {
    definition: &'static Definition,
    count: usize,
    columns: Vec<Option<ArrayRef>>,
    defect: Option<String>,
}

impl Rows {
    /// `count` rows of a system table.
    pub(super) fn new(definition: &'static Definition, count: usize) -> Self {
        Self { definition, count, columns: vec![None; definition.columns.len()], defect: None }
    }

    /// One column.
    pub(super) fn set(mut self, name: &str, values: ArrayRef) -> Self {
        match self.definition.columns.iter().position(|column| column.name == name) {
            Some(index) if values.len() == self.count => self.columns[index] = Some(values),
            Some(_) => self.defect = Some(format!("{name} has {} values, not {}", values.len(), self.count)),
            None => self.defect = Some(format!("there is no column {name}")),
        }
        self
    }

    /// A column of text.
    pub(super) fn text<T: AsRef<str>>(self, name: &str, values: impl IntoIterator<Item = T>) -> Self {
        let mut builder = StringBuilder::with_capacity(self.count, self.count * 8);
        values.into_iter().for_each(|value| builder.append_value(value));
        self.set(name, Arc::new(builder.finish()))
    }

    /// A column of text that may be NULL.
    pub(super) fn text_or_null<'a>(self, name: &str, values: impl IntoIterator<Item = Option<&'a str>>) -> Self {
        self.set(name, Arc::new(values.into_iter().collect::<StringArray>()))
    }

    /// A column of arrays of text that may be NULL.
    pub(super) fn texts_or_null<'a>(
        self,
        name: &str,
        values: impl IntoIterator<Item = Option<&'a [&'static str]>>,
    ) -> Self {
        let mut builder = ListBuilder::new(StringBuilder::new());
        for texts in values {
            texts.into_iter().flatten().for_each(|text| builder.values().append_value(text));
            builder.append(texts.is_some());
        }
        self.set(name, Arc::new(builder.finish()))
    }

    /// A column of OIDs.
    pub(super) fn oid(self, name: &str, values: impl IntoIterator<Item = u32>) -> Self {
        self.set(name, Arc::new(UInt32Array::from_iter_values(values)))
    }

    /// A column of smallint.
    pub(super) fn int2(self, name: &str, values: impl IntoIterator<Item = i16>) -> Self {
        self.set(name, Arc::new(Int16Array::from_iter_values(values)))
    }

    /// A column of integer.
    pub(super) fn int4(self, name: &str, values: impl IntoIterator<Item = i32>) -> Self {
        self.set(name, Arc::new(Int32Array::from_iter_values(values)))
    }

    /// A column of integer that may be NULL.
    pub(super) fn int4_or_null(self, name: &str, values: impl IntoIterator<Item = Option<i32>>) -> Self {
        self.set(name, Arc::new(values.into_iter().collect::<Int32Array>()))
    }

    /// A column of boolean.
    pub(super) fn bool(self, name: &str, values: impl IntoIterator<Item = bool>) -> Self {
        self.set(name, Arc::new(values.into_iter().map(Some).collect::<BooleanArray>()))
    }

    /// A column with the same text in every row, read as the column's type.
    pub(super) fn every(mut self, name: &str, value: &str) -> Self {
        let Some(column) = self.definition.columns.iter().find(|column| column.name == name) else {
            self.defect = Some(format!("there is no column {name}"));
            return self;
        };
        let read = ScalarValue::from(value)
            .cast_to(&column.sql_type.arrow())
            .and_then(|scalar| scalar.to_array_of_size(self.count));
        match read {
            Ok(values) => self.set(name, values),
            Err(error) => {
                self.defect = Some(format!("{name}: {error}"));
                self
            }
        }
    }

    /// The leaf.
    ///
    /// # Errors
    /// [`InternalError`] when a column was set that the table lacks, or with another type or length.
    pub(super) fn finish(self) -> Result<Arc<RowsLeaf>, InternalError> {
        let table = self.definition.name;
        if let Some(defect) = self.defect {
            return Err(InternalError::new(format!("rows of {table}: {defect}")));
        }
        let shown = self.definition.columns.iter().map(ColumnDefinition::shown_type).collect();
        let pairs = self.definition.columns.iter().zip(self.columns);
        let columns = pairs.map(|(column, values)| values.map_or_else(|| default_values(column, self.count), Ok));
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(self.count));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&self.definition.arrow), columns, &options)
            .map_err(|error| InternalError::new(format!("rows of {table}: {error}")))?;
        Ok(Arc::new(RowsLeaf::new(batch).shown_as(shown)))
    }
}

fn default_values(column: &ColumnDefinition, count: usize) -> Result<ArrayRef, InternalError> {
    let data_type = column.sql_type.arrow();
    if !column.not_null {
        return Ok(new_null_array(&data_type, count));
    }
    let zero = ScalarValue::new_default(&data_type).map_err(InternalError::new)?;
    zero.to_array_of_size(count).map_err(InternalError::new)
}

/// Values in COPY's text format as an array of a column's type.
///
/// # Errors
/// [`InternalError`] when one does not parse.
pub(super) fn read_column(sql_type: &SqlType, values: &[Option<&str>]) -> Result<ArrayRef, InternalError> {
    if *sql_type == SqlType::Array(Box::new(SqlType::Oid)) {
        return Ok(Arc::new(read_oid_vectors(values)));
    }
    let text: StringArray = values.iter().copied().collect();
    cast(&text, &sql_type.arrow()).map_err(InternalError::new)
}

fn read_oid_vectors(values: &[Option<&str>]) -> ListArray {
    let mut builder = ListBuilder::new(UInt32Builder::new());
    for value in values {
        for oid in value.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()) {
            builder.values().append_value(oid);
        }
        builder.append(value.is_some());
    }
    builder.finish()
}
