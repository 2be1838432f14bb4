//! The views of `information_schema` that have rows.

use std::sync::Arc;

use crate::base::InternalError;
use crate::catalog::RowsLeaf;

use super::System;
use super::builder::Rows;
use super::definition::Definition;
use super::fixed;
use super::relation_rows::OWNER;
use super::relations::{ColumnInfo, INFORMATION_SCHEMA, Relation, Relations};
use super::type_names;

/// The rows of a view of this file; `None` for any other.
pub(super) fn rows(system: &System, definition: &'static Definition) -> Option<Result<Arc<RowsLeaf>, InternalError>> {
    if definition.schema != INFORMATION_SCHEMA {
        return None;
    }
    let (relations, database) = (system.relations(), system.context().database.as_str());
    Some(match definition.name {
        "schemata" => schemata(relations, database, definition),
        "tables" => tables(relations, database, definition),
        "views" => views(relations, database, definition),
        "columns" => columns(relations, database, definition),
        "table_privileges" | "role_table_grants" => table_privileges(relations, database, definition),
        _ => return None,
    })
}

fn schemata(
    relations: &Relations,
    database: &str,
    definition: &'static Definition,
) -> Result<Arc<RowsLeaf>, InternalError> {
    Rows::new(definition, relations.schemas().count())
        .every("catalog_name", database)
        .text("schema_name", relations.schemas().map(|(name, _)| name))
        .every("schema_owner", OWNER)
        .finish()
}

fn tables(
    relations: &Relations,
    database: &str,
    definition: &'static Definition,
) -> Result<Arc<RowsLeaf>, InternalError> {
    Rows::new(definition, relations.len())
        .every("table_catalog", database)
        .text("table_schema", relations.iter().map(|relation| relation.schema))
        .text("table_name", relations.iter().map(|relation| relation.name))
        .text("table_type", relations.iter().map(|relation| if relation.kind == "v" { "VIEW" } else { "BASE TABLE" }))
        .every("is_insertable_into", "NO")
        .every("is_typed", "NO")
        .finish()
}

fn views(
    relations: &Relations,
    database: &str,
    definition: &'static Definition,
) -> Result<Arc<RowsLeaf>, InternalError> {
    let of_kind = || relations.iter().filter(|relation| relation.kind == "v");
    Rows::new(definition, of_kind().count())
        .every("table_catalog", database)
        .text("table_schema", of_kind().map(|relation| relation.schema))
        .text("table_name", of_kind().map(|relation| relation.name))
        .every("check_option", "NONE")
        .every("is_updatable", "NO")
        .every("is_insertable_into", "NO")
        .every("is_trigger_updatable", "NO")
        .every("is_trigger_deletable", "NO")
        .every("is_trigger_insertable_into", "NO")
        .finish()
}

fn table_privileges(
    relations: &Relations,
    database: &str,
    definition: &'static Definition,
) -> Result<Arc<RowsLeaf>, InternalError> {
    Rows::new(definition, relations.len())
        .every("grantor", OWNER)
        .every("grantee", "PUBLIC")
        .every("table_catalog", database)
        .text("table_schema", relations.iter().map(|relation| relation.schema))
        .text("table_name", relations.iter().map(|relation| relation.name))
        .every("privilege_type", "SELECT")
        .every("is_grantable", "NO")
        .every("with_hierarchy", "YES")
        .finish()
}

fn columns(
    relations: &Relations,
    database: &str,
    definition: &'static Definition,
) -> Result<Arc<RowsLeaf>, InternalError> {
    let by_relation = |name: fn(&Relation<'_>) -> String| {
        relations.iter().flat_map(move |relation| std::iter::repeat_n(name(&relation), relation.width()))
    };
    let all = || relations.iter().flat_map(|relation| relation.columns());
    let ordinals = || relations.iter().flat_map(|relation| (1..).take(relation.width()));
    let facts: Vec<TypeFacts> = all().map(|column| TypeFacts::of(&column)).collect();
    Rows::new(definition, all().count())
        .every("table_catalog", database)
        .text("table_schema", by_relation(|relation| relation.schema.to_owned()))
        .text("table_name", by_relation(|relation| relation.name.to_owned()))
        .text("column_name", all().map(|column| column.name))
        .int4("ordinal_position", ordinals())
        .text("is_nullable", all().map(|column| if column.not_null { "NO" } else { "YES" }))
        .text("data_type", facts.iter().map(|fact| &fact.data_type))
        .int4_or_null("character_octet_length", facts.iter().map(|fact| fact.octet_length))
        .int4_or_null("numeric_precision", facts.iter().map(|fact| fact.precision))
        .int4_or_null("numeric_precision_radix", facts.iter().map(|fact| fact.radix))
        .int4_or_null("numeric_scale", facts.iter().map(|fact| fact.scale))
        .int4_or_null("datetime_precision", facts.iter().map(|fact| fact.datetime_precision))
        .every("udt_catalog", database)
        .every("udt_schema", "pg_catalog")
        .text("udt_name", facts.iter().map(|fact| fact.udt_name))
        .text("dtd_identifier", ordinals().map(|ordinal: i32| ordinal.to_string()))
        .every("is_self_referencing", "NO")
        .every("is_identity", "NO")
        .every("identity_cycle", "NO")
        .every("is_generated", "NEVER")
        .every("is_updatable", "NO")
        .finish()
}

/// What the standard's view says of a column's type.
struct TypeFacts {
    data_type: String,
    udt_name: &'static str,
    octet_length: Option<i32>,
    precision: Option<i32>,
    radix: Option<i32>,
    scale: Option<i32>,
    datetime_precision: Option<i32>,
}

impl TypeFacts {
    fn of(column: &ColumnInfo<'_>) -> Self {
        let row = fixed::type_by_oid(column.type_oid);
        let is_array = row.is_some_and(|row| row.category == "A");
        let data_type = if is_array { "ARRAY".to_owned() } else { type_names::format_type(column.type_oid, None) };
        let mut facts = Self {
            data_type,
            udt_name: row.map_or("text", |row| row.name),
            octet_length: None,
            precision: None,
            radix: None,
            scale: None,
            datetime_precision: None,
        };
        facts.add_numbers(column);
        facts
    }

    fn add_numbers(&mut self, column: &ColumnInfo<'_>) {
        let binary = |bits| (Some(bits), Some(2));
        (self.precision, self.radix) = match self.udt_name {
            "int2" => binary(16),
            "int4" => binary(32),
            "int8" => binary(64),
            "float4" => binary(24),
            "float8" => binary(53),
            "numeric" if column.type_modifier >= 4 => (Some((column.type_modifier - 4) >> 16), Some(10)),
            "numeric" => (None, Some(10)),
            _ => (None, None),
        };
        self.scale = match self.udt_name {
            "int2" | "int4" | "int8" => Some(0),
            "numeric" if column.type_modifier >= 4 => Some((column.type_modifier - 4) & 0x7ff),
            _ => None,
        };
        self.datetime_precision = match self.udt_name {
            "date" => Some(0),
            "time" | "timestamp" | "timestamptz" | "interval" => Some(6),
            _ => None,
        };
        self.octet_length = matches!(self.udt_name, "text" | "varchar").then_some(1 << 30);
    }
}
