//! Which tables a server holds.

use datafusion::arrow::array::{Array, RecordBatch, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;

use crate::base::{InternalError, SqlType, StoreKind, TableName, store_types};
use crate::catalog::{Column, Table};

/// The columns of the configured databases, in the order of the tables, and the engine of each table.
pub(super) const STATEMENT: &str = "SELECT c.database, c.table, c.name, c.type, t.engine FROM system.columns AS c \
     JOIN system.tables AS t ON t.database = c.database AND t.name = c.table \
     WHERE c.database IN {databases:Array(String)} AND c.default_kind NOT IN ('ALIAS', 'EPHEMERAL') \
     ORDER BY c.database, c.table, c.position";

/// The tables that the rows of [`STATEMENT`] tell of. A type that is not known is read as text, and logged.
pub(super) fn tables(batches: &[RecordBatch]) -> Result<Vec<Table>, InternalError> {
    let mut tables: Vec<Table> = Vec::new();
    for batch in batches {
        let [database, table, name] = [texts(batch, 0)?, texts(batch, 1)?, texts(batch, 2)?];
        let [store_type, engine] = [texts(batch, 3)?, texts(batch, 4)?];
        for row in 0..batch.num_rows() {
            let wanted = TableName::new(database.value(row), table.value(row));
            let column = column(&wanted, name.value(row), store_type.value(row));
            match tables.last_mut() {
                Some(last) if last.name == wanted => last.columns.push(column),
                _ => tables.push(with_column(wanted, column, engine.value(row))),
            }
        }
    }
    Ok(tables)
}

fn with_column(name: TableName, first: Column, engine: &str) -> Table {
    let physical = vec![name.schema.clone(), name.table.clone()];
    Table {
        name,
        store: StoreKind::ClickHouse,
        physical,
        columns: vec![first],
        key: None,
        filters_first: engine.ends_with("MergeTree"),
        stale: false,
    }
}

fn column(table: &TableName, name: &str, store_type: &str) -> Column {
    let known = store_types::clickhouse(store_type);
    if known.is_none() {
        tracing::info!(%table, column = name, store_type, "a type without an equal in SQL is read as text");
    }
    let (sql_type, nullable) = known.map_or((SqlType::Text, true), |known| (known.sql_type, known.nullable));
    Column { name: name.to_owned(), sql_type, nullable, store_type: store_type.to_owned() }
}

fn texts(batch: &RecordBatch, place: usize) -> Result<StringArray, InternalError> {
    let column = batch.columns().get(place).ok_or_else(|| InternalError::new("system.columns has fewer columns"))?;
    let text = cast(column, &DataType::Utf8).map_err(InternalError::new)?;
    let text = text.as_any().downcast_ref::<StringArray>().ok_or_else(|| InternalError::new("no text"))?;
    Ok(text.clone())
}
