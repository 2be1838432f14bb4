//! The tables of the demo's serving layer: names, columns in the stores' own types, and policies.

use std::sync::Arc;

use chrono::TimeDelta;

use crate::base::limits::{self, LimitSet};
use crate::base::store_types::{self, StoreType};
use crate::base::{InternalError, StoreKind, TableName};
use crate::catalog::{Column, Table};
use crate::stores::embedded::{EmbeddedTable, Retention};
use crate::tenancy::Policy;

/// The attribute of a tenant that symbol policies name.
pub(super) const SYMBOLS: &str = "symbols";

/// Whose rows a table's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rule {
    Tenant,
    Symbols,
    Shared,
}

/// How long the growing part of a table is kept, besides the limit on its rows.
#[derive(Debug, Clone, Copy)]
enum Keep {
    /// By its second argument, the place of its time column, for so many days.
    Days(i64, usize),
    /// As long as there is room.
    Rows,
}

#[derive(Debug)]
struct Declaration {
    name: (&'static str, &'static str),
    store: StoreKind,
    physical: &'static [&'static str],
    key: Option<&'static str>,
    rule: Rule,
    keep: Keep,
    columns: &'static [(&'static str, &'static str)],
}

const SIDE: &str = "Enum8('BUY' = 1, 'SELL' = 2)";
const TIME: &str = "DateTime64(3)";
const PRICE: &str = "Decimal(18, 6)";
const QUANTITY: &str = "Decimal(18, 4)";
const RATIO: &str = "Decimal(18, 8)";
const LIVE_NUMBER: &str = "numeric(38,6)";
const LIVE_TIME: &str = "timestamp with time zone";

macro_rules! declarations {
    ($($(#[doc = $doc:literal])+ $field:ident: $schema:literal $store:ident $physical:tt $key:expr, $rule:ident, $keep:expr,
        $columns:tt;)+) => {
        /// Every table of the demo.
        #[derive(Debug)]
        pub struct DemoTables {
            $($(#[doc = $doc])+ pub $field: Arc<EmbeddedTable>,)+
        }

        impl DemoTables {
            /// Every table, empty.
            ///
            /// # Errors
            /// [`InternalError`] when a declaration names a type that its store does not have.
            pub fn empty(limits: &LimitSet) -> Result<Self, InternalError> {
                Ok(Self { $($field: table(&declarations::$field(), limits)?,)+ })
            }

            /// Every table, in the order of their declaration.
            #[must_use]
            pub fn all(&self) -> Vec<&Arc<EmbeddedTable>> {
                vec![$(&self.$field),+]
            }
        }

        mod declarations {
            use super::{Declaration, Keep, Rule, SIDE, TIME, PRICE, QUANTITY, RATIO, LIVE_NUMBER, LIVE_TIME};
            use crate::base::StoreKind;

            $(pub(super) fn $field() -> Declaration {
                Declaration {
                    name: ($schema, stringify!($field)),
                    store: StoreKind::$store,
                    physical: &$physical,
                    key: $key,
                    rule: Rule::$rule,
                    keep: $keep,
                    columns: &$columns,
                }
            })+

            pub(super) fn all() -> Vec<Declaration> {
                vec![$($field()),+]
            }
        }
    };
}

declarations! {
    /// Every trade.
    raw_trades: "flowforge" ClickHouse ["flowforge", "raw_trades"] None, Symbols, Keep::Days(8, 1), [
        ("trade_id", "String"), ("event_time", TIME), ("symbol", "String"), ("side", SIDE),
        ("quantity", QUANTITY), ("price", PRICE), ("notional", QUANTITY),
    ];
    /// Every quote.
    raw_quotes: "flowforge" ClickHouse ["flowforge", "raw_quotes"] None, Symbols, Keep::Days(8, 1), [
        ("symbol", "String"), ("event_time", TIME), ("bid", PRICE), ("ask", PRICE),
        ("bid_size", QUANTITY), ("ask_size", QUANTITY), ("mid_price", PRICE),
    ];
    /// What was traded in windows of five minutes, once they have ended.
    vwap_5min: "metrics" ClickHouse ["metrics", "vwap_5min"] None, Symbols, Keep::Days(90, 1), [
        ("symbol", "String"), ("window_end", TIME), ("vwap", PRICE), ("volume", QUANTITY),
        ("trade_count", "UInt32"), ("spread_bps", "Decimal(8, 2)"),
    ];
    /// How much prices moved, at the end of every window of five minutes.
    rolling_volatility: "metrics" ClickHouse ["metrics", "rolling_volatility"] None, Symbols, Keep::Days(90, 1), [
        ("symbol", "String"), ("window_end", TIME), ("volatility_1h", RATIO), ("volatility_24h", RATIO),
        ("return_pct", RATIO),
    ];
    /// Bars of an hour; the current hour's change.
    hourly_rollup: "metrics" ClickHouse ["metrics", "hourly_rollup"] None, Symbols, Keep::Days(90, 1), [
        ("symbol", "String"), ("hour", "DateTime"), ("open", PRICE), ("high", PRICE), ("low", PRICE),
        ("close", PRICE), ("vwap", PRICE), ("total_volume", QUANTITY), ("trade_count", "UInt32"),
    ];
    /// Bars of a day; the current day's change.
    daily_rollup: "metrics" ClickHouse ["metrics", "daily_rollup"] None, Symbols, Keep::Rows, [
        ("symbol", "String"), ("day", "Date"), ("open", PRICE), ("high", PRICE), ("low", PRICE),
        ("close", PRICE), ("vwap", PRICE), ("total_volume", QUANTITY), ("trade_count", "UInt32"),
    ];
    /// Trades with their instrument and tenant.
    fct_trades: "marts" ClickHouse ["marts", "fct_trades"] None, Tenant, Keep::Days(8, 2), [
        ("tenant_id", "String"), ("trade_id", "String"), ("event_time", TIME), ("symbol", "String"),
        ("instrument_name", "String"), ("sector", "String"), ("exchange", "String"), ("currency", "String"),
        ("side", SIDE), ("quantity", QUANTITY), ("price", PRICE), ("notional", QUANTITY),
        ("trade_date", "Date"), ("trade_hour", "UInt8"),
    ];
    /// The instruments.
    dim_instruments: "marts" ClickHouse ["marts", "dim_instruments"] None, Shared, Keep::Rows, [
        ("symbol", "String"), ("name", "String"), ("sector", "String"), ("exchange", "String"),
        ("currency", "String"), ("lot_size", "UInt32"),
    ];
    /// What each tenant earned a day, by average cost.
    rpt_daily_pnl: "marts" ClickHouse ["marts", "rpt_daily_pnl"] None, Tenant, Keep::Rows, [
        ("tenant_id", "String"), ("symbol", "String"), ("trade_date", "Date"), ("realized_pnl", QUANTITY),
        ("total_volume", QUANTITY), ("trade_count", "UInt64"), ("avg_price", PRICE),
    ];
    /// Net positions since the start.
    live_positions: "materialize" Materialize ["materialize", "live_positions"] None, Tenant, Keep::Rows, [
        ("tenant_id", "text"), ("symbol", "text"), ("net_qty", LIVE_NUMBER), ("net_notional", LIVE_NUMBER),
        ("trade_count", "bigint"), ("last_update", LIVE_TIME),
    ];
    /// The last quote of each symbol.
    live_quotes: "materialize" Materialize ["materialize", "live_quotes"] None, Symbols, Keep::Rows, [
        ("symbol", "text"), ("bid", LIVE_NUMBER), ("ask", LIVE_NUMBER), ("mid_price", LIVE_NUMBER),
        ("bid_size", LIVE_NUMBER), ("ask_size", LIVE_NUMBER), ("last_update", LIVE_TIME),
    ];
    /// What the positions are worth at the last quote.
    live_pnl: "materialize" Materialize ["materialize", "live_pnl"] None, Tenant, Keep::Rows, [
        ("tenant_id", "text"), ("symbol", "text"), ("net_qty", LIVE_NUMBER), ("net_notional", LIVE_NUMBER),
        ("mid_price", LIVE_NUMBER), ("unrealized_pnl", LIVE_NUMBER), ("as_of", LIVE_TIME),
    ];
    /// The average price of the five minutes before a symbol's last trade.
    vwap: "latest" Redis ["latest:vwap:*"] Some("symbol"), Symbols, Keep::Rows, [
        ("symbol", "text"), ("vwap", "double"), ("volume", "double"), ("timestamp", "timestamptz"),
    ];
    /// The position in a symbol at average cost.
    position: "latest" Redis ["latest:position:*"] Some("symbol"), Symbols, Keep::Rows, [
        ("symbol", "text"), ("quantity", "double"), ("avg_price", "double"), ("market_value", "double"),
        ("timestamp", "timestamptz"),
    ];
    /// The newest row of the rolling volatility.
    volatility: "latest" Redis ["latest:volatility:*"] Some("symbol"), Symbols, Keep::Rows, [
        ("symbol", "text"), ("volatility_1h", "double"), ("volatility_24h", "double"), ("return_pct", "double"),
        ("window_end", "timestamptz"),
    ];
}

/// The policy of every table, by name.
pub(super) fn policies() -> impl Iterator<Item = (TableName, Policy)> {
    declarations::all().into_iter().map(|declaration| {
        let policy = match declaration.rule {
            Rule::Tenant => Policy::TenantColumn { column: "tenant_id".to_owned() },
            Rule::Symbols => Policy::ListAttribute { column: "symbol".to_owned(), attribute: SYMBOLS.to_owned() },
            Rule::Shared => Policy::Shared,
        };
        (name(&declaration), policy)
    })
}

fn name(declaration: &Declaration) -> TableName {
    TableName::new(declaration.name.0, declaration.name.1)
}

fn table(declaration: &Declaration, limits: &LimitSet) -> Result<Arc<EmbeddedTable>, InternalError> {
    let columns =
        declaration.columns.iter().map(|column| self::column(declaration, *column)).collect::<Result<_, _>>()?;
    let definition = Table {
        name: name(declaration),
        store: declaration.store,
        physical: declaration.physical.iter().map(|part| (*part).to_owned()).collect(),
        columns,
        key: declaration.key.map(str::to_owned),
        filters_first: declaration.store == StoreKind::ClickHouse,
        stale: false,
    };
    let max_age = match declaration.keep {
        Keep::Days(days, column) => Some((column, TimeDelta::days(days))),
        Keep::Rows => None,
    };
    let retention = Retention { max_rows: limits.of(limits::EMBEDDED_TABLE_ROWS), max_age };
    Ok(Arc::new(EmbeddedTable::new(definition, retention)))
}

fn column(declaration: &Declaration, (name, store_type): (&str, &str)) -> Result<Column, InternalError> {
    let read = match declaration.store {
        StoreKind::ClickHouse => store_types::clickhouse(store_type),
        StoreKind::Materialize => store_types::postgresql(store_type),
        StoreKind::Redis => store_types::redis(store_type),
    };
    let Some(StoreType { sql_type, nullable }) = read else {
        return Err(InternalError::new(format!("{} has no type {store_type}", declaration.store)));
    };
    // The key is a part of the Redis key, so it is always there.
    let nullable = nullable && declaration.key != Some(name);
    Ok(Column { name: name.to_owned(), sql_type, nullable, store_type: store_type.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::SqlType;

    #[test]
    fn every_table_has_its_columns_types_and_policy() {
        let tables = DemoTables::empty(&LimitSet::default()).unwrap();
        assert_eq!(tables.all().len(), 15);
        assert_eq!(policies().count(), 15);
        let trades = tables.raw_trades.definition();
        assert_eq!(trades.columns[1].sql_type, SqlType::Timestamp);
        assert!(trades.columns.iter().all(|column| !column.nullable));
        let pnl = tables.rpt_daily_pnl.definition();
        assert_eq!(pnl.columns[5].sql_type, SqlType::Numeric { precision: 20, scale: 0 });
        let vwap = tables.vwap.definition();
        assert_eq!((vwap.key.as_deref(), vwap.columns[0].nullable), (Some("symbol"), false));
        assert_eq!(vwap.physical, ["latest:vwap:*"]);
        assert!(tables.live_pnl.definition().columns.iter().all(|column| column.nullable));
    }
}
