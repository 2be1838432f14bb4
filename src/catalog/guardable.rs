//! Which tables a policy can be put on.
//!
//! The guard compares a column of the table with texts, as the column is: a cast would stand between the store and its
//! index, and the second look at a statement knows the bare comparison only.

use std::fmt;

use crate::base::{SqlType, TableName, store_types};
use crate::tenancy::Policy;

use super::table::Table;

/// A table whose rows its policy cannot tell apart, so that nobody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unguardable {
    /// The table.
    pub table: TableName,
    /// The column that the policy compares.
    pub column: String,
    /// The column's type in the store's own words; `None` where the table has no such column.
    pub store_type: Option<String>,
}

impl fmt::Display for Unguardable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { table, column, store_type } = self;
        write!(f, "the policy of {table} compares the column \"{column}\", ")?;
        match store_type {
            None => write!(f, "which the table does not have"),
            Some(store_type) => write!(f, "which is of type {store_type} and not text"),
        }
    }
}

/// What keeps a policy from being put on a table; `None` where nothing does.
#[must_use]
pub fn unguardable(table: &Table, policy: &Policy) -> Option<Unguardable> {
    policy.columns().into_iter().find_map(|name| {
        let column = table.columns.iter().find(|column| column.name == name);
        let is_text = column.is_some_and(|column| {
            column.sql_type == SqlType::Text && !store_types::is_other_text(table.store, &column.store_type)
        });
        let told = || Unguardable {
            table: table.name.clone(),
            column: name.to_owned(),
            store_type: column.map(|column| column.store_type.clone()),
        };
        (!is_text).then(told)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::StoreKind;
    use crate::catalog::Column;

    fn table(store_type: &str) -> Table {
        let known = store_types::clickhouse(store_type);
        let sql_type = known.map_or(SqlType::Text, |known| known.sql_type);
        Table {
            name: TableName::new("marts", "orders"),
            store: StoreKind::ClickHouse,
            physical: vec!["marts".to_owned(), "orders".to_owned()],
            columns: vec![Column {
                name: "owner".to_owned(),
                sql_type,
                nullable: false,
                store_type: store_type.to_owned(),
            }],
            key: None,
            filters_first: true,
            stale: false,
        }
    }

    #[test]
    fn a_policy_compares_texts_as_they_are() {
        let owner = Policy::TenantColumn { column: "owner".to_owned() };
        for text in ["String", "Nullable(String)", "LowCardinality(String)"] {
            assert_eq!(unguardable(&table(text), &owner), None, "{text}");
        }
        for other in ["Enum8('acme' = 1)", "FixedString(4)", "UInt64", "IPv4", "Tuple(String, UInt8)"] {
            let told = unguardable(&table(other), &owner).expect(other).to_string();
            let wanted = format!(
                "the policy of marts.orders compares the column \"owner\", which is of type {other} and not text"
            );
            assert_eq!(told, wanted);
        }
    }

    #[test]
    fn every_column_of_a_policy_must_be_there() {
        let both = Policy::TenantColumnAndList {
            tenant_column: "owner".to_owned(),
            column: "symbol".to_owned(),
            attribute: "symbols".to_owned(),
        };
        let told = unguardable(&table("String"), &both).expect("there is no symbol");
        assert_eq!((told.column.as_str(), told.store_type), ("symbol", None));
        assert_eq!(unguardable(&table("IPv4"), &Policy::Shared), None);
    }
}
