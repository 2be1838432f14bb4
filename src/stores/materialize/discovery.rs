//! Which tables, views and sources the store holds.

use tokio_postgres::Row;

use crate::base::{InternalError, SqlType, StoreKind, TableName, store_types};
use crate::catalog::{Column, Table};

/// The columns of everything that can be read, in the order of the tables. Source: Materialize documentation,
/// "`mz_catalog`"; numbers there are unsigned and have types of their own, which no driver knows.
pub(super) const STATEMENT: &str = "SELECT s.name, o.name, c.name, format_type(c.type_oid, c.type_mod), c.nullable \
     FROM mz_catalog.mz_columns c JOIN mz_catalog.mz_objects o ON o.id = c.id \
     JOIN mz_catalog.mz_schemas s ON s.id = o.schema_id \
     WHERE o.type IN ('table', 'view', 'materialized-view', 'source') \
     AND s.name NOT IN ('mz_internal', 'mz_catalog', 'mz_introspection', 'mz_catalog_unstable', 'mz_unsafe', 'pg_catalog', 'information_schema') \
     ORDER BY s.name, o.name, c.position::int8";

/// The tables that the rows of [`STATEMENT`] tell of. A type that is not known is read as text, and logged.
pub(super) fn tables(rows: &[Row]) -> Result<Vec<Table>, InternalError> {
    let mut tables: Vec<Table> = Vec::new();
    for row in rows {
        let text = |place: usize| row.try_get::<_, String>(place).map_err(InternalError::new);
        let name = TableName::new(text(0)?, text(1)?);
        let nullable: bool = row.try_get(4).map_err(InternalError::new)?;
        let column = column(&name, text(2)?, text(3)?, nullable);
        match tables.last_mut() {
            Some(last) if last.name == name => last.columns.push(column),
            _ => {
                let physical = vec![name.schema.clone(), name.table.clone()];
                let columns = vec![column];
                tables.push(Table {
                    name,
                    store: StoreKind::Materialize,
                    physical,
                    columns,
                    key: None,
                    filters_first: false,
                    stale: false,
                });
            }
        }
    }
    Ok(tables)
}

fn column(table: &TableName, name: String, store_type: String, nullable: bool) -> Column {
    let known = store_types::postgresql(&store_type);
    if known.is_none() {
        tracing::info!(%table, column = name, store_type, "a type without an equal in SQL is read as text");
    }
    let sql_type = known.map_or(SqlType::Text, |known| known.sql_type);
    Column { name, sql_type, nullable, store_type }
}
