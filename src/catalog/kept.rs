//! One tenant's view of one store's tables as a document that is kept outside this process.
//!
//! The document names whose it is. What is read is trusted for nothing but names and types: a table's place in the store
//! follows from its name, and the types from the store's own words, as at discovery.

use serde::{Deserialize, Serialize};

use crate::base::{SqlType, StoreKind, TableName, TenantId, store_types};

use super::snapshot::Snapshot;
use super::table::{Column, Table};

/// The form of the document. A document of another form is nobody's.
const FORMAT: u32 = 1;

/// Whose view of what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The digest of the policies and of the tenant's lists.
    pub policies: &'a str,
    /// The store that holds the tables.
    pub store: StoreKind,
}

/// The tables of a store that have a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptTables(Vec<KeptTable>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptTable {
    schema: String,
    table: String,
    filters_first: bool,
    columns: Vec<KeptColumn>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeptColumn {
    name: String,
    store_type: String,
    nullable: bool,
}

#[derive(Serialize)]
struct Written<'a> {
    format: u32,
    tenant: &'a TenantId,
    policies: &'a str,
    store: &'a str,
    catalog_version: u64,
    tables: &'a KeptTables,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Read {
    format: u32,
    tenant: TenantId,
    policies: String,
    store: String,
    #[expect(dead_code, reason = "it is for people who look at the document")]
    catalog_version: u64,
    tables: KeptTables,
}

/// Why a document is passed over.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is no document of this form.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It has another form, or is of another tenant, other policies or another store.
    #[error("it is not what its key says")]
    Foreign,
}

impl KeptTables {
    /// The tables of a store that somebody may see.
    #[must_use]
    pub fn of(snapshot: &Snapshot, store: StoreKind) -> Self {
        let tables = snapshot.visible().map(|(table, _)| table).filter(|table| table.store == store);
        Self(tables.map(|table| KeptTable::of(table)).collect())
    }

    /// The document that says so for its owner.
    ///
    /// # Errors
    /// When it cannot be written, which no table leads to.
    pub fn document(&self, owner: Owner<'_>, catalog_version: u64) -> Result<Vec<u8>, serde_json::Error> {
        let Owner { tenant, policies, store } = owner;
        let store = store.name();
        serde_json::to_vec(&Written { format: FORMAT, tenant, policies, store, catalog_version, tables: self })
    }
}

/// The tables of a document, marked stale: what they were when it was written.
///
/// # Errors
/// [`Refused`] when it is not a document of this owner.
pub fn read(document: &[u8], owner: Owner<'_>) -> Result<Vec<Table>, Refused> {
    let Read { format, tenant, policies, store, tables, .. } = serde_json::from_slice(document)?;
    let is_owners = tenant == *owner.tenant && policies == owner.policies && store == owner.store.name();
    if format != FORMAT || !is_owners {
        return Err(Refused::Foreign);
    }
    Ok(tables.0.into_iter().map(|table| table.into_table(owner.store)).collect())
}

impl KeptTable {
    fn of(table: &Table) -> Self {
        let column = |column: &Column| KeptColumn {
            name: column.name.clone(),
            store_type: column.store_type.clone(),
            nullable: column.nullable,
        };
        Self {
            schema: table.name.schema.clone(),
            table: table.name.table.clone(),
            filters_first: table.filters_first,
            columns: table.columns.iter().map(column).collect(),
        }
    }

    fn into_table(self, store: StoreKind) -> Table {
        let Self { schema, table, filters_first, columns } = self;
        Table {
            physical: vec![schema.clone(), table.clone()],
            name: TableName { schema, table },
            store,
            columns: columns.into_iter().map(|column| column.into_column(store)).collect(),
            key: None,
            filters_first,
            stale: true,
        }
    }
}

impl KeptColumn {
    fn into_column(self, store: StoreKind) -> Column {
        let Self { name, store_type, nullable } = self;
        let sql_type = store_types::of_store(store, &store_type).map_or(SqlType::Text, |known| known.sql_type);
        Column { name, sql_type, nullable, store_type }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::tenancy::{Policy, PolicyBook};

    fn table(name: &str, store: StoreKind) -> Table {
        let columns = [("symbol", "String", false), ("price", "Nullable(Decimal(18, 6))", true), ("x", "IPv4", true)];
        let column = |(name, store_type, nullable): (&str, &str, bool)| KeptColumn {
            name: name.to_owned(),
            store_type: store_type.to_owned(),
            nullable,
        };
        let name = TableName::parse(name).unwrap();
        Table {
            physical: vec![name.schema.clone(), name.table.clone()],
            name,
            store,
            columns: columns.map(|told| column(told).into_column(store)).to_vec(),
            key: None,
            filters_first: true,
            stale: false,
        }
    }

    fn snapshot() -> Snapshot {
        let shared = |name: &str| (TableName::parse(name).unwrap(), Policy::Shared);
        let policies = PolicyBook::new([shared("marts.trades"), shared("live.quotes")]);
        let tables = [
            table("marts.trades", StoreKind::ClickHouse),
            table("marts.secret", StoreKind::ClickHouse),
            table("live.quotes", StoreKind::Materialize),
        ];
        Snapshot::new(7, tables, Arc::new(policies))
    }

    fn owner<'a>(tenant: &'a TenantId, policies: &'a str) -> Owner<'a> {
        Owner { tenant, policies, store: StoreKind::ClickHouse }
    }

    #[test]
    fn what_is_read_is_what_was_written_and_only_what_somebody_may_see() {
        let acme = TenantId::new("acme").unwrap();
        let document = KeptTables::of(&snapshot(), StoreKind::ClickHouse).document(owner(&acme, "p1"), 7).unwrap();
        let found = read(&document, owner(&acme, "p1")).unwrap();
        assert_eq!(found, [table("marts.trades", StoreKind::ClickHouse).as_stale()]);
    }

    #[test]
    fn a_document_is_read_for_its_owner_alone() {
        let (acme, globex) = (TenantId::new("acme").unwrap(), TenantId::new("globex").unwrap());
        let document = KeptTables::of(&snapshot(), StoreKind::ClickHouse).document(owner(&acme, "p1"), 7).unwrap();
        let others =
            [owner(&globex, "p1"), owner(&acme, "p2"), Owner { store: StoreKind::Materialize, ..owner(&acme, "p1") }];
        for other in others {
            assert!(matches!(read(&document, other), Err(Refused::Foreign)), "{other:?}");
        }
        let newer = String::from_utf8(document).unwrap().replace("\"format\":1", "\"format\":2");
        assert!(matches!(read(newer.as_bytes(), owner(&acme, "p1")), Err(Refused::Foreign)));
    }

    #[test]
    fn what_is_no_document_is_refused() {
        let acme = TenantId::new("acme").unwrap();
        let document = KeptTables::of(&snapshot(), StoreKind::ClickHouse).document(owner(&acme, "p1"), 7).unwrap();
        let cut = &document[..document.len() - 1];
        let with_place = String::from_utf8(document.clone()).unwrap();
        let with_place = with_place.replace("\"table\":", "\"physical\":[\"marts\",\"secret\"],\"table\":");
        for text in [cut, b"", b"{}", b"\xff", b"[1]", with_place.as_bytes()] {
            assert!(matches!(read(text, owner(&acme, "p1")), Err(Refused::Unreadable(_))), "{text:?}");
        }
    }
}
