//! From a store's own type names to SQL types.
//!
//! A name that is not known is `None`: the caller says what then happens (discovery reads such a column as text).

use super::ids::StoreKind;
use super::types::SqlType;

/// A column's type as a store tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoreType {
    /// The SQL type.
    pub sql_type: SqlType,
    /// Whether the name itself says that NULL is allowed.
    pub nullable: bool,
}

/// Reads a type in the words of a store.
#[must_use]
pub fn of_store(store: StoreKind, name: &str) -> Option<StoreType> {
    match store {
        StoreKind::ClickHouse => clickhouse(name),
        StoreKind::Materialize => postgresql(name),
        StoreKind::Redis => redis(name),
    }
}

/// Types within types that are read. What is deeper is text, like what is not known.
const DEEPEST: usize = 16;

/// Reads a ClickHouse type, such as `LowCardinality(Nullable(String))` or `Decimal(18, 4)`.
///
/// Source: ClickHouse documentation, "Data types". `UInt64` has no integer type that holds it in PostgreSQL, so it is
/// `numeric(20,0)`.
#[must_use]
pub fn clickhouse(name: &str) -> Option<StoreType> {
    clickhouse_within(name, DEEPEST)
}

fn clickhouse_within(name: &str, depth: usize) -> Option<StoreType> {
    let depth = depth.checked_sub(1)?;
    let (word, arguments) = split(name)?;
    match word {
        "Nullable" => {
            return clickhouse_within(arguments?, depth).map(|inner| StoreType { nullable: true, ..inner });
        }
        "LowCardinality" => return clickhouse_within(arguments?, depth),
        "Array" => {
            let element = clickhouse_within(arguments?, depth)?;
            return Some(required(SqlType::Array(Box::new(element.sql_type))));
        }
        _ => {}
    }
    let sql_type = match word {
        "String" | "FixedString" | "Enum8" | "Enum16" => SqlType::Text,
        "Bool" => SqlType::Bool,
        "UInt8" | "Int8" | "Int16" => SqlType::Int2,
        "UInt16" | "Int32" => SqlType::Int4,
        "UInt32" | "Int64" => SqlType::Int8,
        "UInt64" => SqlType::Numeric { precision: 20, scale: 0 },
        "Float32" => SqlType::Float4,
        "Float64" => SqlType::Float8,
        "Date" | "Date32" => SqlType::Date,
        "DateTime" | "DateTime64" => SqlType::Timestamp,
        "UUID" => SqlType::Uuid,
        "Decimal" => numeric(arguments?)?,
        _ => return None,
    };
    Some(required(sql_type))
}

/// Whether a ClickHouse type is the one named, as it is or wrapped in `Nullable` or `LowCardinality`.
#[must_use]
pub fn is_clickhouse(name: &str, wanted: &str) -> bool {
    match split(name) {
        Some(("Nullable" | "LowCardinality", Some(inner))) => is_clickhouse(inner, wanted),
        Some((word, None)) => word == wanted,
        Some(_) | None => false,
    }
}

/// Whether what is text here is another type to the store, so that its statements must cast it: an enumeration, or a type
/// without an equal in SQL.
#[must_use]
pub fn is_other_text(store: StoreKind, name: &str) -> bool {
    match store {
        StoreKind::ClickHouse => !is_clickhouse(name, "String"),
        // Blanks at the end of a `character(n)` are none to its comparisons.
        StoreKind::Materialize => postgresql(name).is_none() || is_padded(name),
        StoreKind::Redis => false,
    }
}

fn is_padded(name: &str) -> bool {
    let base = name.split('(').next().unwrap_or_default().trim();
    matches!(base, "character" | "char" | "bpchar")
}

/// Reads a PostgreSQL or Materialize type as `format_type` names it. Every column may be NULL there.
#[must_use]
pub fn postgresql(name: &str) -> Option<StoreType> {
    let sql_type = match name {
        "boolean" => SqlType::Bool,
        "smallint" => SqlType::Int2,
        "integer" => SqlType::Int4,
        "bigint" => SqlType::Int8,
        "real" => SqlType::Float4,
        "double precision" => SqlType::Float8,
        "text" | "character varying" => SqlType::Text,
        "date" => SqlType::Date,
        "time without time zone" => SqlType::Time,
        "timestamp without time zone" => SqlType::Timestamp,
        "timestamp with time zone" => SqlType::Timestamptz,
        "interval" => SqlType::Interval,
        "uuid" => SqlType::Uuid,
        "json" => SqlType::Json,
        "jsonb" => SqlType::Jsonb,
        "bytea" => SqlType::Bytea,
        "oid" => SqlType::Oid,
        // Materialize keeps 39 digits and no scale of its own; ten digits after the point are what one column can have.
        "numeric" => {
            SqlType::Numeric { precision: super::types::DEFAULT_NUMERIC.0, scale: super::types::DEFAULT_NUMERIC.1 }
        }
        _ => {
            let (word, arguments) = split(name)?;
            match word {
                "numeric" => numeric(arguments?)?,
                "character varying" | "character" => SqlType::Text,
                _ => return None,
            }
        }
    };
    Some(StoreType { sql_type, nullable: true })
}

/// Reads the type that the configuration gives a field of a Redis hash. A hash that lacks the field gives NULL.
#[must_use]
pub fn redis(name: &str) -> Option<StoreType> {
    let sql_type = match name {
        "text" => SqlType::Text,
        "bigint" => SqlType::Int8,
        "double" => SqlType::Float8,
        "boolean" => SqlType::Bool,
        "timestamptz" => SqlType::Timestamptz,
        _ => return None,
    };
    Some(StoreType { sql_type, nullable: true })
}

fn required(sql_type: SqlType) -> StoreType {
    StoreType { sql_type, nullable: false }
}

/// `Word(arguments)` or `Word`.
fn split(name: &str) -> Option<(&str, Option<&str>)> {
    let name = name.trim();
    match name.split_once('(') {
        None => Some((name, None)),
        Some((word, rest)) => Some((word, Some(rest.strip_suffix(')')?))),
    }
}

fn numeric(arguments: &str) -> Option<SqlType> {
    let (precision, scale) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: i8 = scale.trim().parse().ok()?;
    let fits = (1..=76).contains(&precision) && scale >= 0 && i16::from(scale) <= i16::from(precision);
    fits.then_some(SqlType::Numeric { precision, scale })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clickhouse_types_become_postgresql_types() {
        let cases = [
            ("String", SqlType::Text, false),
            ("LowCardinality(Nullable(String))", SqlType::Text, true),
            ("Enum8('BUY' = 1, 'SELL' = 2)", SqlType::Text, false),
            ("DateTime64(3)", SqlType::Timestamp, false),
            ("DateTime", SqlType::Timestamp, false),
            ("DateTime64(3, 'UTC')", SqlType::Timestamp, false),
            ("Decimal(18, 6)", SqlType::Numeric { precision: 18, scale: 6 }, false),
            ("Nullable(Decimal(18,6))", SqlType::Numeric { precision: 18, scale: 6 }, true),
            ("UInt8", SqlType::Int2, false),
            ("UInt16", SqlType::Int4, false),
            ("UInt32", SqlType::Int8, false),
            ("UInt64", SqlType::Numeric { precision: 20, scale: 0 }, false),
            ("Int64", SqlType::Int8, false),
            ("Date", SqlType::Date, false),
            ("Array(Nullable(Int32))", SqlType::Array(Box::new(SqlType::Int4)), false),
        ];
        for (name, sql_type, nullable) in cases {
            assert_eq!(clickhouse(name), Some(StoreType { sql_type, nullable }), "{name}");
        }
    }

    #[test]
    fn only_a_string_is_a_string() {
        for name in ["String", "Nullable(String)", "LowCardinality(Nullable(String))"] {
            assert!(is_clickhouse(name, "String"), "{name}");
        }
        for name in ["FixedString(3)", "Enum8('String' = 1)", "UUID", "Array(String)", "string"] {
            assert!(!is_clickhouse(name, "String"), "{name}");
        }
    }

    #[test]
    fn text_that_the_store_has_as_something_else_is_told() {
        for name in ["String", "LowCardinality(Nullable(String))"] {
            assert!(!is_other_text(StoreKind::ClickHouse, name), "{name}");
        }
        for name in ["Enum8('a' = 1)", "FixedString(3)", "IPv4", ""] {
            assert!(is_other_text(StoreKind::ClickHouse, name), "{name}");
        }
        assert!(!is_other_text(StoreKind::Materialize, "character varying(3)"));
        assert!(is_other_text(StoreKind::Materialize, "character(3)"));
        assert!(is_other_text(StoreKind::Materialize, "mz_timestamp"));
        assert!(!is_other_text(StoreKind::Redis, "key"));
    }

    #[test]
    fn what_is_not_known_is_not_guessed() {
        for name in ["", "Tuple(String, UInt8)", "Decimal(80, 2)", "Decimal(4, 9)", "Decimal(18", "string"] {
            assert_eq!(clickhouse(name), None, "{name}");
        }
        let deep = |levels: usize| format!("{}String{}", "Array(".repeat(levels), ")".repeat(levels));
        assert!(clickhouse(&deep(DEEPEST - 1)).is_some());
        assert_eq!(clickhouse(&deep(DEEPEST)), None);
        assert_eq!(clickhouse(&deep(500_000)), None);
        assert_eq!(postgresql("mz_timestamp"), None);
        assert_eq!(redis("float"), None);
    }

    #[test]
    fn materialize_columns_may_be_null() {
        let numeric = postgresql("numeric(38,6)").unwrap();
        assert_eq!(numeric, StoreType { sql_type: SqlType::Numeric { precision: 38, scale: 6 }, nullable: true });
        assert_eq!(redis("double").unwrap().sql_type, SqlType::Float8);
    }
}
