//! Identifiers as types of their own, so that a user name can never stand where a tenant belongs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits;

/// A name that does not fit the grammar of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid {kind} \"{value}\": {reason}")]
pub struct InvalidId {
    /// What the name was meant to be, in words.
    pub kind: &'static str,
    /// The text that was refused.
    pub value: String,
    /// Which rule it breaks.
    pub reason: &'static str,
}

/// A tenant: `[A-Za-z0-9_-]{1,64}`. No `:`, glob or brace, because it becomes part of Redis keys and channels.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TenantId(String);

impl TenantId {
    /// Checks the grammar.
    ///
    /// # Errors
    /// [`InvalidId`] when the text is empty, too long or holds a character outside the grammar.
    pub fn new(value: impl Into<String>) -> Result<Self, InvalidId> {
        let value = value.into();
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if value.is_empty() || value.len() > limits::TENANT_ID_BYTES.default || !value.chars().all(fits) {
            return Err(InvalidId { kind: "tenant id", value, reason: "it must match [A-Za-z0-9_-]{1,64}" });
        }
        Ok(Self(value))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for TenantId {
    type Error = InvalidId;
    fn try_from(value: String) -> Result<Self, InvalidId> {
        Self::new(value)
    }
}

impl From<TenantId> for String {
    fn from(id: TenantId) -> Self {
        id.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A login name, 1 to 63 bytes, as PostgreSQL truncates names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserName(String);

impl UserName {
    /// Checks the length and refuses control characters.
    ///
    /// # Errors
    /// [`InvalidId`] when the text is empty, longer than 63 bytes or holds a control character.
    pub fn new(value: impl Into<String>) -> Result<Self, InvalidId> {
        let value = value.into();
        if value.is_empty() || value.len() > limits::IDENTIFIER_BYTES.default || value.chars().any(char::is_control) {
            return Err(InvalidId {
                kind: "user name",
                value,
                reason: "it must have 1 to 63 bytes and no control character",
            });
        }
        Ok(Self(value))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for UserName {
    type Error = InvalidId;
    fn try_from(value: String) -> Result<Self, InvalidId> {
        Self::new(value)
    }
}

impl From<UserName> for String {
    fn from(name: UserName) -> Self {
        name.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One connection of one client, unique while the process lives. Also the process id that the wire tells the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub i32);

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Which store holds a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreKind {
    /// Analytical tables.
    ClickHouse,
    /// Live views.
    Materialize,
    /// Latest values, by key.
    Redis,
}

impl StoreKind {
    /// Every store, in the order in which listings show them.
    pub const ALL: [Self; 3] = [Self::ClickHouse, Self::Materialize, Self::Redis];

    /// The name that configuration, `EXPLAIN` and messages use.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClickHouse => "clickhouse",
            Self::Materialize => "materialize",
            Self::Redis => "redis",
        }
    }
}

impl fmt::Display for StoreKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A table's full name in SQL: schema and table, case as stored.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableName {
    /// The schema, such as `marts`.
    pub schema: String,
    /// The table, such as `fct_trades`.
    pub table: String,
}

impl TableName {
    /// Both parts together.
    pub fn new(schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { schema: schema.into(), table: table.into() }
    }

    /// Reads `schema.table`.
    ///
    /// # Errors
    /// [`InvalidId`] when there is not exactly one dot or a part is empty.
    pub fn parse(text: &str) -> Result<Self, InvalidId> {
        match text.split_once('.') {
            Some((schema, table)) if !schema.is_empty() && !table.is_empty() && !table.contains('.') => {
                Ok(Self::new(schema, table))
            }
            _ => Err(InvalidId { kind: "table name", value: text.to_owned(), reason: "it must read schema.table" }),
        }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.table)
    }
}

impl Serialize for TableName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TableName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_ids_hold_nothing_that_a_channel_name_could_be_split_by() {
        for good in ["acme", "a", "A-1_b", &"x".repeat(64)] {
            assert!(TenantId::new(good).is_ok(), "{good}");
        }
        for bad in ["", "a:b", "a*", "{a}", "ä", "a b", &"x".repeat(65)] {
            assert!(TenantId::new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_end_at_their_limits() {
        let name = |limit: limits::Limit, more: usize| "a".repeat(limit.default + more);
        assert!(TenantId::new(name(limits::TENANT_ID_BYTES, 0)).is_ok());
        assert!(TenantId::new(name(limits::TENANT_ID_BYTES, 1)).is_err());
        assert!(UserName::new(name(limits::IDENTIFIER_BYTES, 0)).is_ok());
        assert!(UserName::new(name(limits::IDENTIFIER_BYTES, 1)).is_err());
    }

    #[test]
    fn table_names_have_two_parts() {
        assert_eq!(TableName::parse("marts.fct_trades").unwrap(), TableName::new("marts", "fct_trades"));
        for bad in ["fct_trades", ".x", "x.", "a.b.c"] {
            assert!(TableName::parse(bad).is_err(), "{bad}");
        }
    }
}
