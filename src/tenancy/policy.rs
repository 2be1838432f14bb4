//! Row policies: which rows of a table a tenant may see.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::base::TableName;
use crate::config::{PolicyKind, PolicySection};

use super::tenant::Tenant;

/// The rule for one table. A table without one does not exist for anybody.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Policy {
    /// Rows whose column equals the tenant's id.
    TenantColumn {
        /// The column with the tenant's id.
        column: String,
    },
    /// Rows whose column is in a list that the tenant has.
    ListAttribute {
        /// The column that is compared.
        column: String,
        /// The tenant's attribute with the allowed values, such as `symbols`.
        attribute: String,
    },
    /// Both rules at once.
    TenantColumnAndList {
        /// The column with the tenant's id.
        tenant_column: String,
        /// The column that is compared with the list.
        column: String,
        /// The tenant's attribute with the allowed values.
        attribute: String,
    },
    /// Every tenant sees every row.
    Shared,
}

/// Whether a tenant may see one row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// It may.
    Yes,
    /// It may not. A NULL in a compared column is a no, as in SQL.
    No,
    /// The row does not hold what the policy asks for.
    Undecidable,
}

/// What a row holds in one column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell<'a> {
    /// There is no such column, or it is no text.
    Absent,
    /// NULL.
    Null,
    /// A text.
    Text(&'a str),
}

impl Admission {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Undecidable, _) | (_, Self::Undecidable) => Self::Undecidable,
            (Self::Yes, Self::Yes) => Self::Yes,
        }
    }
}

impl Policy {
    /// Whether the tenant may see the row whose columns are asked for by name. The same rows as the guard's filter.
    pub fn admits<'row>(&self, tenant: &Tenant, row: impl Fn(&str) -> Cell<'row>) -> Admission {
        match self {
            Self::Shared => Admission::Yes,
            Self::TenantColumn { column } => owns(tenant, row(column)),
            Self::ListAttribute { column, attribute } => lists(tenant, attribute, row(column)),
            Self::TenantColumnAndList { tenant_column, column, attribute } => {
                owns(tenant, row(tenant_column)).and(lists(tenant, attribute, row(column)))
            }
        }
    }

    /// The columns that the rule compares.
    #[must_use]
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::Shared => Vec::new(),
            Self::TenantColumn { column } | Self::ListAttribute { column, .. } => vec![column],
            Self::TenantColumnAndList { tenant_column, column, .. } => vec![tenant_column, column],
        }
    }

    /// All that it says, in words.
    fn words(&self) -> Vec<&str> {
        match self {
            Self::TenantColumn { column } => vec!["tenant_column", column],
            Self::ListAttribute { column, attribute } => vec!["list_attribute", column, attribute],
            Self::TenantColumnAndList { tenant_column, column, attribute } => {
                vec!["tenant_column_and_list", tenant_column, column, attribute]
            }
            Self::Shared => vec!["shared"],
        }
    }

    /// The policy that a section of a checked configuration describes; `None` where a field is missing.
    fn from_section(section: &PolicySection) -> Option<Self> {
        let (column, tenant_column, attribute) =
            (section.column.clone(), section.tenant_column.clone(), section.attribute.clone());
        Some(match section.kind {
            PolicyKind::TenantColumn => Self::TenantColumn { column: column? },
            PolicyKind::ListAttribute => Self::ListAttribute { column: column?, attribute: attribute? },
            PolicyKind::TenantColumnAndList => {
                Self::TenantColumnAndList { tenant_column: tenant_column?, column: column?, attribute: attribute? }
            }
            PolicyKind::Shared => Self::Shared,
        })
    }
}

fn owns(tenant: &Tenant, cell: Cell<'_>) -> Admission {
    match cell {
        Cell::Absent => Admission::Undecidable,
        Cell::Text(value) if value == tenant.id.as_str() => Admission::Yes,
        Cell::Null | Cell::Text(_) => Admission::No,
    }
}

fn lists(tenant: &Tenant, attribute: &str, cell: Cell<'_>) -> Admission {
    let Some(list) = tenant.attributes.get(attribute).filter(|list| !list.is_empty()) else {
        return Admission::No;
    };
    match cell {
        Cell::Absent => Admission::Undecidable,
        Cell::Text(value) if list.iter().any(|allowed| allowed == value) => Admission::Yes,
        Cell::Null | Cell::Text(_) => Admission::No,
    }
}

/// Digests lists of texts, each with its length, so that no two lists read the same.
#[derive(Default)]
struct Digester(Sha256);

impl Digester {
    fn texts<'a>(&mut self, texts: impl IntoIterator<Item = &'a str>) {
        let texts: Vec<&str> = texts.into_iter().collect();
        self.0.update((texts.len() as u64).to_le_bytes());
        for text in texts {
            self.0.update((text.len() as u64).to_le_bytes());
            self.0.update(text.as_bytes());
        }
    }

    fn hexadecimal(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The policies of all tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyBook {
    policies: HashMap<TableName, Policy>,
}

impl PolicyBook {
    /// A book from pairs of table and policy.
    pub fn new(policies: impl IntoIterator<Item = (TableName, Policy)>) -> Self {
        Self { policies: policies.into_iter().collect() }
    }

    /// The book of a checked configuration. A section that lacks a field gives no policy, so its table is invisible.
    #[must_use]
    pub fn from_config(sections: &[PolicySection]) -> Self {
        Self::new(sections.iter().filter_map(|section| Some((section.table.clone(), Policy::from_section(section)?))))
    }

    /// A digest of all policies and of a tenant's id and lists, in hexadecimal digits. What was made for one tenant under
    /// one book has a digest that nothing else has.
    #[must_use]
    pub fn fingerprint(&self, tenant: &Tenant) -> String {
        let mut digest = Digester::default();
        digest.texts([tenant.id.as_str()]);
        for (name, values) in &tenant.attributes {
            digest.texts(["attribute", name]);
            digest.texts(values.iter().map(String::as_str));
        }
        let mut policies: Vec<(&TableName, &Policy)> = self.policies.iter().collect();
        policies.sort_by_key(|(table, _)| *table);
        for (table, policy) in policies {
            digest.texts(["policy", &table.schema, &table.table]);
            digest.texts(policy.words());
        }
        digest.hexadecimal()
    }

    /// The policy of a table, or `None`: then the table is invisible.
    #[must_use]
    pub fn of(&self, table: &TableName) -> Option<&Policy> {
        self.policies.get(table)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::TenantId;

    fn tenant(symbols: Option<&[&str]>) -> Tenant {
        let list = symbols.map(|list| ("symbols".to_owned(), list.iter().map(|one| (*one).to_owned()).collect()));
        Tenant { id: TenantId::new("acme").unwrap(), attributes: list.into_iter().collect() }
    }

    fn all() -> [Policy; 4] {
        let (tenant_column, column, attribute) = ("tenant_id".to_owned(), "symbol".to_owned(), "symbols".to_owned());
        [
            Policy::TenantColumn { column: tenant_column.clone() },
            Policy::ListAttribute { column: column.clone(), attribute: attribute.clone() },
            Policy::TenantColumnAndList { tenant_column, column, attribute },
            Policy::Shared,
        ]
    }

    /// SQL's answer to `left = right` in three values.
    fn sql_equals(left: Option<&str>, right: &str) -> Option<bool> {
        left.map(|left| left == right)
    }

    /// SQL's `value IN (list)`: OR over the equalities, three-valued; an empty list is false.
    fn sql_in(value: Option<&str>, list: &[&str]) -> Option<bool> {
        let answers: Vec<_> = list.iter().map(|one| sql_equals(value, one)).collect();
        if answers.contains(&Some(true)) {
            return Some(true);
        }
        if answers.contains(&None) { None } else { Some(false) }
    }

    proptest! {
        /// A row is admitted exactly when the guard's WHERE would be true.
        #[test]
        fn admission_is_sqls_where(
            owner in proptest::option::of("acme|globex|ACME| acme|"),
            symbol in proptest::option::of("AAPL|TSLA|aapl|"),
            list in proptest::collection::vec("AAPL|MSFT|", 0..3),
        ) {
            let names: Vec<&str> = list.iter().map(String::as_str).collect();
            let tenant = tenant(Some(&names));
            let owned = sql_equals(owner.as_deref(), "acme");
            let listed = sql_in(symbol.as_deref(), &names);
            let both = if owned == Some(true) { listed } else { owned };
            let expected = [owned, listed, both, Some(true)];
            for (policy, expected) in all().iter().zip(expected) {
                let admission = policy.admits(&tenant, |column| {
                    let value = if column == "tenant_id" { &owner } else { &symbol };
                    value.as_deref().map_or(Cell::Null, Cell::Text)
                });
                let wanted = if expected == Some(true) { Admission::Yes } else { Admission::No };
                prop_assert_eq!(admission, wanted, "{:?}", policy);
            }
        }
    }

    #[test]
    fn what_the_row_does_not_hold_cannot_be_decided() {
        let tenant = tenant(Some(&["AAPL"]));
        let answers = all().map(|policy| policy.admits(&tenant, |_| Cell::Absent));
        assert_eq!(answers, [Admission::Undecidable, Admission::Undecidable, Admission::Undecidable, Admission::Yes]);
        let foreign = |column: &str| if column == "tenant_id" { Cell::Text("globex") } else { Cell::Absent };
        assert_eq!(all()[2].admits(&tenant, foreign), Admission::No);
    }

    #[test]
    fn a_fingerprint_is_that_of_one_tenant_under_one_book() {
        let [owner, list, _, shared] = all();
        let trades = TableName::new("marts", "trades");
        let book = |policy: &Policy| PolicyBook::new([(trades.clone(), policy.clone())]);
        let named = |id: &str| Tenant { id: TenantId::new(id).unwrap(), ..tenant(Some(&["AAPL"])) };
        let fingerprints = [
            book(&owner).fingerprint(&named("acme")),
            book(&owner).fingerprint(&named("globex")),
            book(&owner).fingerprint(&tenant(Some(&["TSLA"]))),
            book(&owner).fingerprint(&tenant(Some(&["AAPL", "TSLA"]))),
            book(&owner).fingerprint(&tenant(None)),
            book(&list).fingerprint(&named("acme")),
            book(&shared).fingerprint(&named("acme")),
            PolicyBook::default().fingerprint(&named("acme")),
            PolicyBook::new([(TableName::new("mart", "strades"), owner.clone())]).fingerprint(&named("acme")),
        ];
        let different: std::collections::BTreeSet<&String> = fingerprints.iter().collect();
        assert_eq!(different.len(), fingerprints.len(), "{fingerprints:?}");
        assert_eq!(fingerprints[0], book(&owner).fingerprint(&named("acme")));
    }

    #[test]
    fn a_tenant_without_the_list_sees_nothing() {
        assert_eq!(all()[1].admits(&tenant(None), |_| Cell::Text("AAPL")), Admission::No);
        assert_eq!(all()[1].admits(&tenant(None), |_| Cell::Absent), Admission::No);
    }
}
