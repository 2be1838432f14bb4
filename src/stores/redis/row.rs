//! From hashes to a batch of rows.

use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use chrono::DateTime;
use datafusion::arrow::array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::SchemaRef;

use crate::base::types::UTC;
use crate::base::{ErrorReport, InternalError, SqlState, SqlType, UserFacing};
use crate::catalog::Column;

/// A hash that is there: the key's own part, and its fields.
#[derive(Debug)]
pub(super) struct Hash {
    pub(super) key: String,
    pub(super) fields: HashMap<String, String>,
}

impl Hash {
    /// The text of a column; a field that is not there is NULL.
    pub(super) fn text(&self, column: &str, key_column: &str) -> Option<&str> {
        if column == key_column { Some(&self.key) } else { self.fields.get(column).map(String::as_str) }
    }
}

/// Some columns of the hashes as a batch.
///
/// # Errors
/// `22P02` naming key and field where a text is no value of the column's type.
pub(super) fn batch(
    hashes: &[Hash],
    columns: &[Column],
    key_column: &str,
    schema: &SchemaRef,
) -> Result<RecordBatch, ErrorReport> {
    let arrays = columns.iter().map(|column| array(hashes, column, key_column)).collect::<Result<Vec<_>, _>>()?;
    let rows = RecordBatchOptions::new().with_row_count(Some(hashes.len()));
    RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &rows)
        .map_err(|error| InternalError::new(error).report())
}

fn array(hashes: &[Hash], column: &Column, key_column: &str) -> Result<ArrayRef, ErrorReport> {
    Ok(match &column.sql_type {
        SqlType::Text => {
            let texts: StringArray = hashes.iter().map(|hash| hash.text(&column.name, key_column)).collect();
            Arc::new(texts)
        }
        SqlType::Int8 => Arc::new(Int64Array::from(values(hashes, column, key_column, parsed)?)),
        SqlType::Float8 => Arc::new(Float64Array::from(values(hashes, column, key_column, parsed)?)),
        SqlType::Bool => Arc::new(BooleanArray::from(values(hashes, column, key_column, boolean)?)),
        SqlType::Timestamptz => {
            let moments = values(hashes, column, key_column, moment)?;
            Arc::new(TimestampMicrosecondArray::from(moments).with_timezone(UTC))
        }
        other => return Err(InternalError::new(format!("no field of a hash is {other}")).report()),
    })
}

fn values<T>(
    hashes: &[Hash],
    column: &Column,
    key_column: &str,
    read: fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>, ErrorReport> {
    let value = |hash: &Hash| match hash.text(&column.name, key_column) {
        None => Ok(None),
        Some(text) => read(text).map(Some).ok_or_else(|| unreadable(hash, column, text)),
    };
    hashes.iter().map(value).collect()
}

fn unreadable(hash: &Hash, column: &Column, text: &str) -> ErrorReport {
    let message = format!("invalid input syntax for type {}: \"{text}\"", column.sql_type);
    ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        .with_detail(format!("It is field \"{}\" of key \"{}\".", column.name, hash.key))
}

fn parsed<T: FromStr>(text: &str) -> Option<T> {
    text.trim().parse().ok()
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "1" | "t" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// Numbers beyond this are milliseconds since 1970: as seconds they would be in the year 5138.
const SECONDS: i64 = 100_000_000_000;

/// RFC 3339, or a number of seconds or milliseconds since 1970.
fn moment(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        return if number.abs() < SECONDS { number.checked_mul(1_000_000) } else { number.checked_mul(1_000) };
    }
    DateTime::parse_from_rfc3339(text).ok().map(|moment| moment.timestamp_micros())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &str, fields: &[(&str, &str)]) -> Hash {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Hash { key: key.to_owned(), fields }
    }

    fn column(name: &str, sql_type: SqlType) -> Column {
        Column { name: name.to_owned(), sql_type, nullable: true, store_type: String::new() }
    }

    #[test]
    fn a_lacking_field_is_null_and_a_broken_one_names_key_and_field() {
        let (symbol, vwap) = (column("symbol", SqlType::Text), column("vwap", SqlType::Float8));
        let schema = crate::catalog::Table {
            name: crate::base::TableName::new("latest", "vwap"),
            store: crate::base::StoreKind::Redis,
            physical: vec![],
            columns: vec![symbol.clone(), vwap.clone()],
            key: Some("symbol".to_owned()),
            filters_first: false,
            stale: false,
        }
        .schema();
        let rows = [hash("AAPL", &[("vwap", "1.5")]), hash("MSFT", &[])];
        let batch = batch(&rows, &[symbol.clone(), vwap.clone()], "symbol", &schema).unwrap();
        assert_eq!(batch.num_rows(), 2);
        assert_eq!(batch.column(1).null_count(), 1);

        let broken = [hash("AAPL", &[("vwap", "many")])];
        let report = super::batch(&broken, &[symbol, vwap], "symbol", &schema).unwrap_err();
        assert_eq!(report.sqlstate, SqlState::INVALID_TEXT_REPRESENTATION);
        assert_eq!(report.detail.unwrap(), "It is field \"vwap\" of key \"AAPL\".");
    }

    #[test]
    fn moments_are_read_in_three_ways() {
        let second = Some(1_700_000_000_000_000);
        assert_eq!(moment("1700000000"), second);
        assert_eq!(moment("1700000000000"), second);
        assert_eq!(moment("2023-11-14T22:13:20Z"), second);
        assert_eq!(moment("2023-11-15T00:13:20.000+02:00"), second);
        assert_eq!(moment("yesterday"), None);
    }
}
