//! The dialects, and what differs between them.

use crate::base::StoreKind;

/// A store's way of writing SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// ClickHouse.
    ClickHouse,
    /// PostgreSQL, which Materialize follows.
    PostgreSql,
    /// Redis has no SQL: its pieces are shown as PostgreSQL and read by key.
    Redis,
}

impl Dialect {
    /// The dialect of a store.
    #[must_use]
    pub const fn of(store: StoreKind) -> Self {
        match store {
            StoreKind::ClickHouse => Self::ClickHouse,
            StoreKind::Materialize => Self::PostgreSql,
            StoreKind::Redis => Self::Redis,
        }
    }

    /// The name in `EXPLAIN` and `workflow_compile`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClickHouse => "clickhouse",
            Self::PostgreSql => "postgresql",
            Self::Redis => "redis",
        }
    }
}
