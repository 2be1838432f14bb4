//! The demo's data as files that the stores' own tools load: `flowforge demo-data FOLDER`.
//!
//! - `clickhouse/schema.sql`, and a file of tab-separated rows a table (`INSERT INTO … FORMAT TabSeparated`);
//! - `materialize.sql` for psql, rows included;
//! - `redis.txt`, one command a line, for `redis-cli`.

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::base::{InternalError, StoreKind};
use crate::catalog::Table;
use crate::stores::embedded::EmbeddedTable;

use super::tables::DemoTables;

/// Why the files could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The system refused.
    #[error("cannot write {path}: {source}")]
    Write {
        /// The file or folder.
        path: String,
        /// What the system said.
        source: io::Error,
    },
    /// A defect.
    #[error(transparent)]
    Internal(#[from] InternalError),
}

/// Writes all tables to a folder, which is made where it is missing.
pub(super) fn export(tables: &DemoTables, folder: &Path) -> Result<(), ExportError> {
    let clickhouse = folder.join("clickhouse");
    std::fs::create_dir_all(&clickhouse).map_err(|source| refused(&clickhouse, source))?;
    let (mut clickhouse_schema, mut materialize, mut redis) = (String::new(), String::new(), String::new());
    for table in tables.all() {
        let definition = table.definition();
        let rows = rows_of(table)?;
        match definition.store {
            StoreKind::ClickHouse => {
                clickhouse_schema.push_str(&clickhouse_table(definition));
                write(&clickhouse.join(format!("{}.tsv", definition.name)), &tab_separated(&rows))?;
            }
            StoreKind::Materialize => materialize.push_str(&materialize_table(definition, &rows)),
            StoreKind::Redis => redis.push_str(&redis_commands(definition, &rows)),
        }
    }
    write(&clickhouse.join("schema.sql"), &clickhouse_schema)?;
    write(&folder.join("materialize.sql"), &materialize)?;
    write(&folder.join("redis.txt"), &redis)
}

/// The texts of a table's values, NULL as `None`.
type Rows = Vec<Vec<Option<String>>>;

fn rows_of(table: &EmbeddedTable) -> Result<Rows, InternalError> {
    let mut rows = Rows::new();
    for batch in table.batches() {
        append(&mut rows, &batch)?;
    }
    Ok(rows)
}

fn append(rows: &mut Rows, batch: &RecordBatch) -> Result<(), InternalError> {
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%dT%H:%M:%S%.fZ"))
        .with_display_error(false);
    let writers = batch
        .columns()
        .iter()
        .map(|column| ArrayFormatter::try_new(column.as_ref(), &options).map_err(InternalError::new))
        .collect::<Result<Vec<_>, _>>()?;
    for row in 0..batch.num_rows() {
        let values = batch.columns().iter().zip(&writers).map(|(column, writer)| {
            let text = || writer.value(row).try_to_string().map_err(InternalError::new);
            if column.is_null(row) { Ok(None) } else { text().map(Some) }
        });
        rows.push(values.collect::<Result<_, _>>()?);
    }
    Ok(())
}

/// Both ClickHouse's TabSeparated and PostgreSQL's COPY read it.
fn tab_separated(rows: &Rows) -> String {
    let mut text = String::new();
    for row in rows {
        for (at, value) in row.iter().enumerate() {
            if at > 0 {
                text.push('\t');
            }
            match value {
                None => text.push_str("\\N"),
                Some(value) => push_escaped(&mut text, value),
            }
        }
        text.push('\n');
    }
    text
}

fn push_escaped(text: &mut String, value: &str) {
    for character in value.chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '\t' => text.push_str("\\t"),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
}

fn clickhouse_table(table: &Table) -> String {
    let (database, name) = (&table.name.schema, &table.name.table);
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("    {} {}", column.name, column.store_type)).collect();
    let is_time = |kind: &str| kind.starts_with("Date");
    let ordering = ["tenant_id", "symbol"].into_iter().filter(|name| table.columns.iter().any(|it| it.name == *name));
    let moment = table.columns.iter().find(|column| is_time(&column.store_type)).map(|column| column.name.as_str());
    let ordering: Vec<&str> = ordering.chain(moment).collect();
    format!(
        "CREATE DATABASE IF NOT EXISTS {database};\nCREATE TABLE {database}.{name} (\n{}\n) ENGINE = MergeTree ORDER BY ({});\n",
        columns.join(",\n"),
        ordering.join(", ")
    )
}

fn materialize_table(table: &Table, rows: &Rows) -> String {
    let columns: Vec<String> =
        table.columns.iter().map(|column| format!("    {} {}", column.name, column.store_type)).collect();
    format!(
        "CREATE SCHEMA IF NOT EXISTS {};\nCREATE TABLE {} (\n{}\n);\nCOPY {} FROM STDIN;\n{}\\.\n\n",
        table.name.schema,
        table.name,
        columns.join(",\n"),
        table.name,
        tab_separated(rows)
    )
}

/// `HSET key field value …`; a NULL is a field that is not there.
fn redis_commands(table: &Table, rows: &Rows) -> String {
    let mut text = String::new();
    let pattern = table.physical.first().map_or("", String::as_str);
    let key_at = table.columns.iter().position(|column| Some(&column.name) == table.key.as_ref());
    for row in rows {
        let key = key_at.and_then(|at| row.get(at)).and_then(Option::as_deref).unwrap_or_default();
        // Writing to a String cannot fail.
        let _ = write!(text, "HSET {}", quoted(&pattern.replace('*', key)));
        for (at, (column, value)) in table.columns.iter().zip(row).enumerate() {
            if let (Some(value), true) = (value, Some(at) != key_at) {
                let _ = write!(text, " {} {}", quoted(&column.name), quoted(value));
            }
        }
        text.push('\n');
    }
    text
}

fn quoted(value: &str) -> String {
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

fn write(path: &Path, text: &str) -> Result<(), ExportError> {
    std::fs::write(path, text).map_err(|source| refused(path, source))
}

fn refused(path: &Path, source: io::Error) -> ExportError {
    ExportError::Write { path: path.display().to_string(), source }
}
