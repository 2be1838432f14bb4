//! A pattern of keys as a table.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;

use crate::base::{SqlType, StoreKind, store_types};
use crate::catalog::{Column, Table};
use crate::config::RedisTableSection;

/// Why a table of the configuration cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRedisTable {
    /// Its pattern has not exactly one `*`, or has another character that Redis gives a meaning.
    #[error("pattern \"{0}\" must have exactly one * and no other wildcard")]
    Pattern(String),
    /// A field has a type that is not known.
    #[error(
        "field \"{field}\" has the unknown type \"{field_type}\"; known are text, bigint, double, boolean and timestamptz"
    )]
    FieldType {
        /// The field.
        field: String,
        /// Its type.
        field_type: String,
    },
    /// A name stands for two columns.
    #[error("column \"{0}\" is there twice")]
    Twice(String),
}

/// A pattern of keys as a table: the key's own part is the first column, the others are fields.
#[derive(Debug)]
pub struct RedisTable {
    definition: Table,
    schema: SchemaRef,
    prefix: String,
    suffix: String,
}

impl RedisTable {
    /// Reads a table of the configuration.
    ///
    /// # Errors
    /// [`InvalidRedisTable`]
    pub fn new(section: &RedisTableSection) -> Result<Self, InvalidRedisTable> {
        let invalid = || InvalidRedisTable::Pattern(section.pattern.clone());
        let (prefix, suffix) = section.pattern.split_once('*').ok_or_else(invalid)?;
        if prefix.is_empty() || [prefix, suffix].iter().any(|part| part.contains(['*', '?', '[', ']', '\\', '^'])) {
            return Err(invalid());
        }
        let key = column(&section.key, SqlType::Text, false, "key");
        let fields = section.fields.iter().map(|field| {
            let known = store_types::redis(&field.field_type).ok_or_else(|| InvalidRedisTable::FieldType {
                field: field.name.clone(),
                field_type: field.field_type.clone(),
            })?;
            Ok(column(&field.name, known.sql_type, known.nullable, &field.field_type))
        });
        let columns = std::iter::once(Ok(key)).chain(fields).collect::<Result<Vec<_>, _>>()?;
        for (at, one) in columns.iter().enumerate() {
            if columns.iter().take(at).any(|other| other.name == one.name) {
                return Err(InvalidRedisTable::Twice(one.name.clone()));
            }
        }
        let definition = Table {
            name: section.table.clone(),
            store: StoreKind::Redis,
            physical: vec![section.pattern.clone()],
            columns,
            key: Some(section.key.clone()),
            filters_first: false,
            stale: false,
        };
        let schema = definition.schema();
        Ok(Self { definition, schema, prefix: prefix.to_owned(), suffix: suffix.to_owned() })
    }

    /// The table as the planner knows it.
    #[must_use]
    pub fn definition(&self) -> &Table {
        &self.definition
    }

    pub(super) fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    /// The column of the key.
    pub(super) fn key(&self) -> &str {
        self.definition.key.as_deref().unwrap_or_default()
    }

    /// The pattern for SCAN.
    pub(super) fn pattern(&self) -> String {
        format!("{}*{}", self.prefix, self.suffix)
    }

    /// The key of Redis for a value of the key's column.
    pub(super) fn key_of(&self, value: &str) -> String {
        format!("{}{value}{}", self.prefix, self.suffix)
    }

    /// The value of the key's column for a key of Redis.
    pub(super) fn value_of<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_prefix(&self.prefix)?.strip_suffix(&self.suffix)
    }
}

fn column(name: &str, sql_type: SqlType, nullable: bool, store_type: &str) -> Column {
    Column { name: name.to_owned(), sql_type, nullable, store_type: store_type.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::TableName;
    use crate::config::RedisFieldSection;

    fn section(pattern: &str, field_type: &str) -> RedisTableSection {
        RedisTableSection {
            table: TableName::new("latest", "vwap"),
            pattern: pattern.to_owned(),
            key: "symbol".to_owned(),
            fields: vec![RedisFieldSection { name: "vwap".to_owned(), field_type: field_type.to_owned() }],
        }
    }

    #[test]
    fn a_pattern_is_a_table_with_a_key() {
        let table = RedisTable::new(&section("latest:vwap:*:now", "double")).unwrap();
        assert_eq!(table.key_of("AAPL"), "latest:vwap:AAPL:now");
        assert_eq!(table.value_of("latest:vwap:AAPL:now"), Some("AAPL"));
        assert_eq!(table.value_of("latest:other:AAPL:now"), None);
        let columns: Vec<_> =
            table.definition().columns.iter().map(|column| (&*column.name, column.nullable)).collect();
        assert_eq!(columns, [("symbol", false), ("vwap", true)]);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for pattern in ["latest", "a*b*", "*", "a?*", "a[b]*", "a\\*"] {
            assert_eq!(
                RedisTable::new(&section(pattern, "double")).unwrap_err(),
                InvalidRedisTable::Pattern(pattern.to_owned())
            );
        }
        assert!(matches!(RedisTable::new(&section("a:*", "float")).unwrap_err(), InvalidRedisTable::FieldType { .. }));
        let mut twice = section("a:*", "double");
        twice.key = "vwap".to_owned();
        assert_eq!(RedisTable::new(&twice).unwrap_err(), InvalidRedisTable::Twice("vwap".to_owned()));
    }
}
