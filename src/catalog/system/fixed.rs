//! Rows that are the same on every PostgreSQL 15 server: read once from `data/rows.txt`.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use crate::base::InternalError;
use crate::catalog::RowsLeaf;

use super::builder::{Rows, read_column};
use super::definition::Definition;

/// One section of the file.
struct Section {
    columns: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

static SECTIONS: LazyLock<HashMap<&'static str, Section>> = LazyLock::new(|| {
    let mut sections = HashMap::new();
    let mut current = None;
    for line in include_str!("data/rows.txt").lines() {
        if let Some(header) = line.strip_prefix("@ ") {
            let mut words = header.split(' ');
            current = words.next();
            if let Some(table) = current {
                sections.insert(table, Section { columns: words.collect(), rows: Vec::new() });
            }
        } else if let Some(section) = current.and_then(|table| sections.get_mut(table)) {
            section.rows.push(line.split('\t').collect());
        }
    }
    sections
});

/// What `pg_type` says of one type.
#[derive(Debug, Clone, Copy)]
pub(super) struct TypeRow {
    /// Its OID.
    pub(super) oid: u32,
    /// `typname`, such as `int4`.
    pub(super) name: &'static str,
    /// `typlen`.
    pub(super) length: i16,
    /// `typbyval`.
    pub(super) by_value: bool,
    /// `typalign`.
    pub(super) align: &'static str,
    /// `typstorage`.
    pub(super) storage: &'static str,
    /// `typcollation`.
    pub(super) collation: u32,
    /// `typelem`; 0 for a type that is no array.
    pub(super) element: u32,
    /// `typcategory`.
    pub(super) category: &'static str,
    /// `typnamespace`.
    pub(super) namespace: u32,
}

impl TypeRow {
    /// Whether it is one of the domains of `information_schema`, which is not on the path.
    pub(super) fn is_information_schema(&self) -> bool {
        self.namespace != 11
    }
}

static TYPES: LazyLock<Vec<TypeRow>> = LazyLock::new(|| {
    let Some(section) = SECTIONS.get("pg_type") else { return Vec::new() };
    section.rows.iter().filter_map(|row| read_type(section, row)).collect()
});

static TYPES_BY_OID: LazyLock<HashMap<u32, &'static TypeRow>> =
    LazyLock::new(|| TYPES.iter().map(|row| (row.oid, row)).collect());

static TYPES_BY_NAME: LazyLock<HashMap<&'static str, &'static TypeRow>> =
    LazyLock::new(|| TYPES.iter().map(|row| (row.name, row)).collect());

fn read_type(section: &Section, row: &[&'static str]) -> Option<TypeRow> {
    let cell = |name: &str| section.columns.iter().position(|column| *column == name).and_then(|i| row.get(i).copied());
    Some(TypeRow {
        oid: cell("oid")?.parse().ok()?,
        name: cell("typname")?,
        length: cell("typlen")?.parse().ok()?,
        by_value: cell("typbyval")? == "t",
        align: cell("typalign")?,
        storage: cell("typstorage")?,
        collation: cell("typcollation")?.parse().ok()?,
        element: cell("typelem")?.parse().ok()?,
        category: cell("typcategory")?,
        namespace: cell("typnamespace")?.parse().ok()?,
    })
}

/// A type by its OID.
pub(super) fn type_by_oid(oid: u32) -> Option<&'static TypeRow> {
    TYPES_BY_OID.get(&oid).copied()
}

/// A type by its `typname`.
pub(super) fn type_by_name(name: &str) -> Option<&'static TypeRow> {
    TYPES_BY_NAME.get(name).copied()
}

/// A function that types are read and written with, by its name: its OID. Several functions may share the name.
pub(super) fn functions_named(name: &str) -> Vec<u32> {
    let rows = SECTIONS.get("pg_proc").map(|section| section.rows.as_slice()).unwrap_or_default();
    rows.iter().filter(|row| row.get(1) == Some(&name)).filter_map(|row| row.first()?.parse().ok()).collect()
}

/// The name of such a function.
pub(super) fn function_name(oid: u32) -> Option<&'static str> {
    let rows = SECTIONS.get("pg_proc").map(|section| section.rows.as_slice()).unwrap_or_default();
    let text = oid.to_string();
    rows.iter().find(|row| row.first() == Some(&text.as_str())).and_then(|row| row.get(1).copied())
}

/// The rows of a table that the file has; `None` where it has none.
///
/// # Errors
/// [`InternalError`] when the file does not fit the table.
pub(super) fn rows(definition: &'static Definition) -> Result<Option<Arc<RowsLeaf>>, InternalError> {
    let Some(section) = SECTIONS.get(definition.name).filter(|_| definition.schema == "pg_catalog") else {
        return Ok(None);
    };
    let mut rows = Rows::new(definition, section.rows.len());
    for (index, name) in section.columns.iter().enumerate() {
        let values: Vec<Option<&str>> =
            section.rows.iter().map(|row| row.get(index).copied().filter(|value| *value != "\\N")).collect();
        let column = definition.columns.iter().find(|column| column.name == *name);
        let column = column.ok_or_else(|| InternalError::new(format!("{} has no {name}", definition.name)))?;
        rows = rows.set(name, read_column(&column.sql_type, &values)?);
    }
    rows.finish().map(Some)
}
