//! What columns the system tables have: read once from `data/tables.txt`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use crate::base::types::DEFAULT_NUMERIC;
use crate::base::{SqlType, TextType};
use crate::catalog::rows::ShownType;

/// One column of a system table.
#[derive(Debug)]
pub(super) struct ColumnDefinition {
    /// Its name.
    pub(super) name: &'static str,
    /// PostgreSQL's own type of it, as `pg_type.typname`.
    pub(super) type_name: &'static str,
    /// The type that stands for it here.
    pub(super) sql_type: SqlType,
    /// Never NULL.
    pub(super) not_null: bool,
}

impl ColumnDefinition {
    /// What the row description says of it: the domains of `information_schema` are shown as the types below them.
    pub(super) fn shown_type(&self) -> Option<ShownType> {
        match self.type_name {
            "sql_identifier" => Some((SqlType::TextLike(TextType::Name), -1)),
            "character_data" => Some((SqlType::TextLike(TextType::Varchar), -1)),
            "yes_or_no" => Some((SqlType::TextLike(TextType::Varchar), 3 + 4)),
            "name" | "char" => plain(self.type_name).map(|known| (known, -1)),
            "_name" | "_char" => plain(&self.type_name[1..]).map(|element| (array(element), -1)),
            _ => None,
        }
    }
}

/// One system table or view.
#[derive(Debug)]
pub(super) struct Definition {
    /// `pg_catalog` or `information_schema`.
    pub(super) schema: &'static str,
    /// Its name.
    pub(super) name: &'static str,
    /// Its OID in PostgreSQL.
    pub(super) oid: u32,
    /// `pg_class.relkind`: `r` or `v`.
    pub(super) kind: &'static str,
    /// Its columns in order.
    pub(super) columns: Vec<ColumnDefinition>,
    /// The same as an Arrow schema.
    pub(super) arrow: SchemaRef,
}

static DEFINITIONS: LazyLock<Vec<Definition>> = LazyLock::new(|| {
    let lines = include_str!("data/tables.txt").lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(read_line).collect()
});

static BY_NAME: LazyLock<HashMap<(&'static str, &'static str), &'static Definition>> =
    LazyLock::new(|| all().iter().map(|definition| ((definition.schema, definition.name), definition)).collect());

/// Every system table, in the order of the file.
pub(super) fn all() -> &'static [Definition] {
    &DEFINITIONS
}

/// One system table.
pub(super) fn find(schema: &str, name: &str) -> Option<&'static Definition> {
    // The key has the lifetime of the query, the map that of the program; a lookup needs no more than equality.
    BY_NAME.get(&(schema, name) as &(&str, &str)).copied()
}

fn read_line(line: &'static str) -> Option<Definition> {
    let mut words = line.split(' ');
    let (schema, name) = (words.next()?, words.next()?);
    let oid = words.next()?.parse().ok()?;
    let kind = words.next()?;
    let columns: Vec<ColumnDefinition> = words.filter_map(read_column).collect();
    let fields: Vec<Field> =
        columns.iter().map(|column| Field::new(column.name, column.sql_type.arrow(), !column.not_null)).collect();
    Some(Definition { schema, name, oid, kind, columns, arrow: Arc::new(Schema::new(fields)) })
}

fn read_column(word: &'static str) -> Option<ColumnDefinition> {
    let (name, type_word) = word.split_once(':')?;
    let type_name = type_word.trim_end_matches('!');
    let not_null = type_word.ends_with('!');
    Some(ColumnDefinition { name, type_name, sql_type: sql_type(type_name), not_null })
}

/// The type that stands for one of PostgreSQL's. Those that are only ever shown are text.
fn sql_type(type_name: &str) -> SqlType {
    match type_name {
        "bool" => SqlType::Bool,
        "int2" => SqlType::Int2,
        "int4" | "cardinal_number" => SqlType::Int4,
        "int8" => SqlType::Int8,
        "float4" => SqlType::Float4,
        "float8" => SqlType::Float8,
        "numeric" => SqlType::Numeric { precision: DEFAULT_NUMERIC.0, scale: DEFAULT_NUMERIC.1 },
        "oid" | "xid" | "regproc" | "regtype" => SqlType::Oid,
        "timestamptz" | "time_stamp" => SqlType::Timestamptz,
        "interval" => SqlType::Interval,
        "bytea" => SqlType::Bytea,
        "int2vector" => array(SqlType::Int2),
        "oidvector" | "_regtype" => array(SqlType::Oid),
        "anyarray" | "_aclitem" | "_pg_statistic" => array(SqlType::Text),
        _ => match type_name.strip_prefix('_') {
            Some(element) => array(sql_type(element)),
            None => SqlType::Text,
        },
    }
}

/// One of the types that are text underneath.
fn plain(type_name: &str) -> Option<SqlType> {
    TextType::by_pg_name(type_name).map(SqlType::TextLike)
}

fn array(element: SqlType) -> SqlType {
    SqlType::Array(Box::new(element))
}
