//! The tables of `pg_catalog` that tell of relations, columns and schemas.

use std::sync::Arc;

use crate::base::InternalError;
use crate::catalog::RowsLeaf;

use super::builder::Rows;
use super::definition::Definition;
use super::fixed::{self, TypeRow};
use super::relations::{ColumnInfo, PG_CATALOG, Relation, Relations};

/// The OID of the role that owns everything.
pub(super) const OWNER_OID: u32 = 10;
/// The name of the role that owns everything.
pub(super) const OWNER: &str = "flowforge";
/// The OID of the access method `heap`.
const HEAP: u32 = 2;

/// The rows of a table of this file; `None` for any other.
pub(super) fn rows(
    relations: &Relations,
    definition: &'static Definition,
) -> Option<Result<Arc<RowsLeaf>, InternalError>> {
    if definition.schema != PG_CATALOG {
        return None;
    }
    Some(match definition.name {
        "pg_class" => classes(relations, definition),
        "pg_attribute" => attributes(relations, definition),
        "pg_namespace" => namespaces(relations, definition),
        "pg_tables" => tables(relations, definition),
        "pg_views" => views(relations, definition),
        "pg_stat_user_tables" | "pg_stat_all_tables" | "pg_statio_user_tables" | "pg_statio_all_tables" => {
            table_statistics(relations, definition)
        }
        _ => return None,
    })
}

fn classes(relations: &Relations, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let is_table = |relation: &Relation<'_>| relation.kind == "r";
    Rows::new(definition, relations.len())
        .oid("oid", relations.iter().map(|relation| relation.oid))
        .text("relname", relations.iter().map(|relation| relation.name))
        .oid("relnamespace", relations.iter().map(|relation| relation.namespace))
        .every("relowner", &OWNER_OID.to_string())
        .oid("relam", relations.iter().map(|relation| if is_table(&relation) { HEAP } else { 0 }))
        .oid("relfilenode", relations.iter().map(|relation| if is_table(&relation) { relation.oid } else { 0 }))
        .every("reltuples", "-1")
        .every("relpersistence", "p")
        .text("relkind", relations.iter().map(|relation| relation.kind))
        .int2("relnatts", relations.iter().map(|relation| i16::try_from(relation.width()).unwrap_or(i16::MAX)))
        .bool("relhasrules", relations.iter().map(|relation| relation.kind == "v"))
        .every("relispopulated", "true")
        .text("relreplident", relations.iter().map(|relation| if relation.table().is_some() { "d" } else { "n" }))
        .finish()
}

fn attributes(relations: &Relations, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let count = relations.iter().map(|relation| relation.width()).sum();
    let all = || relations.iter().flat_map(|relation| relation.columns());
    let described = || all().map(|column| described(&column));
    Rows::new(definition, count)
        .oid("attrelid", relations.iter().flat_map(|relation| std::iter::repeat_n(relation.oid, relation.width())))
        .text("attname", all().map(|column| column.name))
        .oid("atttypid", all().map(|column| column.type_oid))
        .every("attstattarget", "-1")
        .int2("attlen", described().map(|row| row.length))
        .int2("attnum", relations.iter().flat_map(|relation| (1..).take(relation.width())))
        .int4("attndims", all().map(|column| i32::from(column.dimensions)))
        .every("attcacheoff", "-1")
        .int4("atttypmod", all().map(|column| column.type_modifier))
        .bool("attbyval", described().map(|row| row.by_value))
        .text("attalign", described().map(|row| row.align))
        .text("attstorage", described().map(|row| row.storage))
        .bool("attnotnull", all().map(|column| column.not_null))
        .every("attislocal", "true")
        .oid("attcollation", described().map(|row| row.collation))
        .finish()
}

/// What `pg_type` says of a column's type; of a type that is not there, as of text.
fn described(column: &ColumnInfo<'_>) -> TypeRow {
    const TEXT: TypeRow = TypeRow {
        oid: 25,
        name: "text",
        length: -1,
        by_value: false,
        align: "i",
        storage: "x",
        collation: 100,
        element: 0,
        category: "S",
        namespace: 11,
    };
    fixed::type_by_oid(column.type_oid).copied().unwrap_or(TEXT)
}

fn namespaces(relations: &Relations, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    Rows::new(definition, relations.schemas().count())
        .oid("oid", relations.schemas().map(|(_, oid)| oid))
        .text("nspname", relations.schemas().map(|(name, _)| name))
        .every("nspowner", &OWNER_OID.to_string())
        .finish()
}

fn tables(relations: &Relations, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let of_kind = || relations.iter().filter(|relation| relation.kind == "r");
    Rows::new(definition, of_kind().count())
        .text("schemaname", of_kind().map(|relation| relation.schema))
        .text("tablename", of_kind().map(|relation| relation.name))
        .every("tableowner", OWNER)
        .every("hasindexes", "false")
        .every("hasrules", "false")
        .every("hastriggers", "false")
        .every("rowsecurity", "false")
        .finish()
}

fn views(relations: &Relations, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    let of_kind = || relations.iter().filter(|relation| relation.kind == "v");
    Rows::new(definition, of_kind().count())
        .text("schemaname", of_kind().map(|relation| relation.schema))
        .text("viewname", of_kind().map(|relation| relation.name))
        .every("viewowner", OWNER)
        .finish()
}

/// Who the table is, and no counts: the stores do not tell them.
fn table_statistics(relations: &Relations, definition: &'static Definition) -> Result<Arc<RowsLeaf>, InternalError> {
    Rows::new(definition, relations.tables().count())
        .oid("relid", relations.tables().map(|relation| relation.oid))
        .text("schemaname", relations.tables().map(|relation| relation.schema))
        .text("relname", relations.tables().map(|relation| relation.name))
        .finish()
}
