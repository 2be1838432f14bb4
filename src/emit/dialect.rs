//! The dialects, and what differs between them.

use std::any::TypeId;

use sqlparser::dialect::{ClickHouseDialect, Dialect as Grammar, PostgreSqlDialect};

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

    /// How a store with this dialect reads a text.
    #[must_use]
    pub fn grammar(self) -> &'static dyn Grammar {
        match self {
            Self::ClickHouse => &ClickHouseGrammar,
            Self::PostgreSql | Self::Redis => &PostgreSqlDialect {},
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

/// The library's ClickHouse, which knows nothing of `FILTER (WHERE …)` after an aggregate.
#[derive(Debug)]
struct ClickHouseGrammar;

macro_rules! as_the_librarys {
    ($($flag:ident)+) => {
        $(fn $flag(&self) -> bool {
            ClickHouseDialect {}.$flag()
        })+
    };
}

impl Grammar for ClickHouseGrammar {
    fn dialect(&self) -> TypeId {
        ClickHouseDialect {}.dialect()
    }

    fn is_identifier_start(&self, character: char) -> bool {
        ClickHouseDialect {}.is_identifier_start(character)
    }

    fn is_identifier_part(&self, character: char) -> bool {
        ClickHouseDialect {}.is_identifier_part(character)
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        true
    }

    as_the_librarys! {
        supports_string_literal_backslash_escape supports_select_wildcard_except describe_requires_table_keyword
        require_interval_qualifier supports_limit_comma supports_insert_table_function supports_insert_format
        supports_numeric_literal_underscores supports_partition_by_after_order_by supports_array_join_syntax
        supports_dictionary_syntax supports_lambda_functions supports_from_first_select supports_order_by_all
        supports_group_by_expr supports_group_by_with_modifier supports_nested_comments supports_optimize_table
        supports_prewhere supports_with_fill supports_limit_by supports_interpolate supports_settings
        supports_select_format supports_select_wildcard_replace supports_comma_separated_trim
    }
}
