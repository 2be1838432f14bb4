//! Every relation that a tenant may see, with its OID: PostgreSQL's own and the snapshot's.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use crate::base::{SqlType, TableName};
use crate::catalog::{Column, LogicalTable, Snapshot, Table};

use super::definition::{self, Definition};
use super::fixed;

/// The schema of PostgreSQL's own tables. Bare names are looked up there first.
pub const PG_CATALOG: &str = "pg_catalog";
/// The schema of the views of the SQL standard.
pub const INFORMATION_SCHEMA: &str = "information_schema";
/// The first OID that PostgreSQL gives to what a user made.
const FIRST_NORMAL_OID: u32 = 16_384;

/// One column of a relation, as `pg_attribute` tells it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ColumnInfo<'a> {
    /// The name.
    pub(super) name: &'a str,
    /// The OID of its type.
    pub(super) type_oid: u32,
    /// `atttypmod`.
    pub(super) type_modifier: i32,
    /// Never NULL.
    pub(super) not_null: bool,
    /// 1 for an array.
    pub(super) dimensions: i16,
}

/// One relation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Relation<'a> {
    /// Its OID.
    pub(super) oid: u32,
    /// The OID of its schema.
    pub(super) namespace: u32,
    /// Its schema.
    pub(super) schema: &'a str,
    /// Its name.
    pub(super) name: &'a str,
    /// `relkind`.
    pub(super) kind: &'static str,
    columns: Columns<'a>,
}

#[derive(Debug, Clone, Copy)]
enum Columns<'a> {
    System(&'static Definition),
    Table(&'a Table),
    Logical(&'a LogicalTable),
}

/// What a snapshot has under a name.
#[derive(Debug)]
enum Own {
    Table(Arc<Table>),
    Logical(Arc<LogicalTable>),
}

impl Own {
    fn name(&self) -> &TableName {
        match self {
            Self::Table(table) => &table.name,
            Self::Logical(table) => &table.name,
        }
    }

    /// `pg_class.relkind`. A logical table is made of others, as a view is.
    fn kind(&self) -> &'static str {
        match self {
            Self::Table(_) => "r",
            Self::Logical(_) => "v",
        }
    }

    fn columns(&self) -> Columns<'_> {
        match self {
            Self::Table(table) => Columns::Table(table),
            Self::Logical(table) => Columns::Logical(table),
        }
    }
}

impl<'a> Relation<'a> {
    /// How many columns it has.
    pub(super) fn width(&self) -> usize {
        match self.columns {
            Columns::System(definition) => definition.columns.len(),
            Columns::Table(table) => table.columns.len(),
            Columns::Logical(table) => table.columns.len(),
        }
    }

    /// Its columns in order.
    pub(super) fn columns(&self) -> Box<dyn Iterator<Item = ColumnInfo<'a>> + 'a> {
        match self.columns {
            Columns::System(definition) => Box::new(definition.columns.iter().map(|column| ColumnInfo {
                name: column.name,
                type_oid: fixed::type_by_name(column.type_name).map_or_else(|| column.sql_type.oid(), |row| row.oid),
                type_modifier: -1,
                not_null: column.not_null,
                dimensions: i16::from(matches!(column.sql_type, SqlType::Array(_))),
            })),
            Columns::Table(table) => Box::new(table.columns.iter().map(|column| described(column, !column.nullable))),
            // As in PostgreSQL, nothing is said of the NULLs of a view's columns.
            Columns::Logical(table) => Box::new(table.columns.iter().map(|column| described(column, false))),
        }
    }

    /// The snapshot's table behind it; `None` for a system table and for a view.
    pub(super) fn table(&self) -> Option<&'a Table> {
        match self.columns {
            Columns::System(_) | Columns::Logical(_) => None,
            Columns::Table(table) => Some(table),
        }
    }
}

fn described(column: &Column, not_null: bool) -> ColumnInfo<'_> {
    ColumnInfo {
        name: &column.name,
        type_oid: column.sql_type.oid(),
        type_modifier: column.sql_type.type_modifier(),
        not_null,
        dimensions: i16::from(matches!(column.sql_type, SqlType::Array(_))),
    }
}

/// All relations of one snapshot, with their OIDs. The OID of a name stays the same from snapshot to snapshot, except
/// where two names have the same hash.
#[derive(Debug)]
pub(super) struct Relations {
    own: Vec<(u32, Own)>,
    namespaces: BTreeMap<String, u32>,
    by_oid: HashMap<u32, usize>,
    by_name: HashMap<TableName, usize>,
}

impl Relations {
    /// The relations of a snapshot: only tables that have a policy, and what of logical tables is over such.
    pub(super) fn new(snapshot: &Snapshot) -> Self {
        let mut taken = HashSet::new();
        let tables = snapshot.visible().map(|(table, _)| Own::Table(Arc::clone(table)));
        let mut found: Vec<Own> =
            tables.chain(snapshot.logical().map(|table| Own::Logical(Arc::clone(table)))).collect();
        found.sort_by(|left, right| left.name().cmp(right.name()));
        let own: Vec<(u32, Own)> = found
            .into_iter()
            .map(|relation| {
                let name = relation.name();
                (fresh_oid(&mut taken, &["table", &name.schema, &name.table]), relation)
            })
            .collect();
        let mut namespaces = BTreeMap::new();
        for name in own.iter().map(|(_, relation)| relation.name()) {
            if !namespaces.contains_key(&name.schema) {
                let oid = fresh_oid(&mut taken, &["schema", &name.schema]);
                namespaces.insert(name.schema.clone(), oid);
            }
        }
        let by_oid = own.iter().enumerate().map(|(index, (oid, _))| (*oid, index)).collect();
        let by_name = own.iter().enumerate().map(|(index, (_, relation))| (relation.name().clone(), index)).collect();
        Self { own, namespaces, by_oid, by_name }
    }

    /// Every relation: the system's, then the snapshot's in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = Relation<'_>> {
        system_relations().chain((0..self.own.len()).map(|index| self.own_at(index)))
    }

    /// How many relations there are.
    pub(super) fn len(&self) -> usize {
        definition::all().len() + self.own.len()
    }

    /// The snapshot's tables alone.
    pub(super) fn tables(&self) -> impl Iterator<Item = Relation<'_>> {
        (0..self.own.len()).map(|index| self.own_at(index)).filter(|relation| relation.table().is_some())
    }

    /// The schemas with their OIDs: the system's, then the snapshot's in order.
    pub(super) fn schemas(&self) -> impl Iterator<Item = (&str, u32)> {
        let own = self.namespaces.iter().map(|(name, oid)| (name.as_str(), *oid));
        system_schemas().chain(own)
    }

    /// The OID of a schema.
    pub(super) fn schema_oid(&self, name: &str) -> Option<u32> {
        self.schemas().find(|(schema, _)| *schema == name).map(|(_, oid)| oid)
    }

    /// The name of a schema.
    pub(super) fn schema_name(&self, oid: u32) -> Option<&str> {
        self.schemas().find(|(_, schema)| *schema == oid).map(|(name, _)| name)
    }

    /// A relation by its OID.
    pub(super) fn by_oid(&self, oid: u32) -> Option<Relation<'_>> {
        if let Some(index) = self.by_oid.get(&oid) {
            return Some(self.own_at(*index));
        }
        definition::all().iter().find(|definition| definition.oid == oid).map(system_relation)
    }

    /// A relation by its full name.
    pub(super) fn by_name(&self, schema: &str, name: &str) -> Option<Relation<'_>> {
        if let Some(definition) = definition::find(schema, name) {
            return Some(system_relation(definition));
        }
        self.by_name.get(&TableName::new(schema, name)).map(|index| self.own_at(*index))
    }

    /// A relation by its bare name: the first schema of the path that has it, `pg_catalog` before all others.
    pub(super) fn resolve(&self, name: &str, search_path: &[String]) -> Option<Relation<'_>> {
        let listed = search_path.iter().any(|schema| schema == PG_CATALOG);
        let implied = (!listed).then_some(PG_CATALOG);
        implied.into_iter().chain(search_path.iter().map(String::as_str)).find_map(|schema| self.by_name(schema, name))
    }

    fn own_at(&self, index: usize) -> Relation<'_> {
        let (oid, own) = &self.own[index];
        let name = own.name();
        Relation {
            oid: *oid,
            namespace: self.namespaces.get(&name.schema).copied().unwrap_or_default(),
            schema: &name.schema,
            name: &name.table,
            kind: own.kind(),
            columns: own.columns(),
        }
    }
}

/// The OIDs of PostgreSQL's own schemas.
const SYSTEM_SCHEMAS: [(&str, u32); 2] = [(INFORMATION_SCHEMA, 13_207), (PG_CATALOG, 11)];

fn system_schemas<'a>() -> impl Iterator<Item = (&'a str, u32)> {
    SYSTEM_SCHEMAS.iter().map(|(name, oid)| (*name, *oid))
}

fn system_relations<'a>() -> impl Iterator<Item = Relation<'a>> {
    definition::all().iter().map(|definition| -> Relation<'a> { system_relation(definition) })
}

fn system_relation(definition: &'static Definition) -> Relation<'static> {
    let namespace = SYSTEM_SCHEMAS.iter().find(|(name, _)| *name == definition.schema).map_or(0, |(_, oid)| *oid);
    Relation {
        oid: definition.oid,
        namespace,
        schema: definition.schema,
        name: definition.name,
        kind: definition.kind,
        columns: Columns::System(definition),
    }
}

/// An OID made from a name, above those of the system and positive as an `int4`; the next free one if it is taken.
fn fresh_oid(taken: &mut HashSet<u32>, parts: &[&str]) -> u32 {
    let mut oid = name_oid(parts);
    while !taken.insert(oid) {
        oid = FIRST_NORMAL_OID + (oid - FIRST_NORMAL_OID + 1) % oid_space();
    }
    oid
}

/// The OID that a name asks for (FNV-1a; the parts are told apart by a byte that no name holds).
pub(super) fn name_oid(parts: &[&str]) -> u32 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let bytes = parts.iter().flat_map(|part| part.bytes().chain(std::iter::once(0)));
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    let folded = (hash ^ (hash >> 32)) % u64::from(oid_space());
    FIRST_NORMAL_OID + u32::try_from(folded).unwrap_or_default()
}

const fn oid_space() -> u32 {
    i32::MAX.unsigned_abs() - FIRST_NORMAL_OID
}
