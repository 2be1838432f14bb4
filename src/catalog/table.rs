//! One table of one store, as the planner knows it.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use crate::base::{SqlType, StoreKind, TableName};

/// One column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The name, case as stored.
    pub name: String,
    /// The type that the wire announces.
    pub sql_type: SqlType,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// The type in the store's own words, such as `DateTime64(3)`.
    pub store_type: String,
}

/// One table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// The name in SQL.
    pub name: TableName,
    /// The store that holds it.
    pub store: StoreKind,
    /// The name in the store, part by part: database and table in ClickHouse, schema and view in Materialize, the key
    /// pattern (`latest:vwap:*`) in Redis.
    pub physical: Vec<String>,
    /// The columns in their order.
    pub columns: Vec<Column>,
    /// The column by which the store looks a row up directly (Redis: the part of the key that `*` stands for).
    pub key: Option<String>,
    /// The store can look at the conditions of the guard before anything else of a statement (ClickHouse: `PREWHERE`, which
    /// not every engine has).
    pub filters_first: bool,
    /// The store was down at the last discovery; the columns are the last known ones.
    pub stale: bool,
}

impl Table {
    /// The columns as an Arrow schema.
    #[must_use]
    pub fn schema(&self) -> SchemaRef {
        let fields: Vec<Field> = self
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.sql_type.arrow(), column.nullable))
            .collect();
        Arc::new(Schema::new(fields))
    }

    /// The same, marked as known from an earlier discovery.
    #[must_use]
    pub fn as_stale(&self) -> Self {
        Self { stale: true, ..self.clone() }
    }
}
