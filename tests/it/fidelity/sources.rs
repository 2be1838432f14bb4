//! What a FROM clause can begin with: tables with few rows, parts of tables with many, and lists of VALUES with NULLs.

use super::kind::Kind::{self, Big, Date, Float, Instant, Int, Numeric, Text, Timestamp};

/// A table of the demo, or a part of one.
pub struct Table {
    pub name: &'static str,
    pub columns: &'static [(&'static str, Kind)],
    /// Columns whose values together no two rows have.
    pub key: &'static [&'static str],
    /// Conditions that leave a few dozen rows, for a table with many.
    pub parts: &'static [&'static str],
}

const HOUR: &[&str] = &["hour < '2025-05-26 05:00:00'", "symbol = 'AAPL' AND hour >= '2025-05-31'", "trade_count < 10"];
const WINDOW: &[&str] =
    &["window_end <= '2025-05-26 00:30:00'", "symbol = 'NVDA' AND window_end < '2025-05-26 02:00:00'"];
const EVENT: &[&str] = &["event_time < '2025-05-26 00:02:00'", "event_time >= '2025-06-01 23:58:30'"];

/// The tables.
#[rustfmt::skip]
pub const TABLES: &[Table] = &[
    Table { name: "dim_instruments", key: &["symbol"], parts: &[], columns: &[
        ("symbol", Text), ("name", Text), ("sector", Text), ("exchange", Text), ("currency", Text), ("lot_size", Big)] },
    Table { name: "daily_rollup", key: &["symbol", "day"], parts: &[], columns: &[
        ("symbol", Text), ("day", Date), ("open", Numeric), ("high", Numeric), ("low", Numeric), ("close", Numeric),
        ("vwap", Numeric), ("total_volume", Numeric), ("trade_count", Big)] },
    Table { name: "rpt_daily_pnl", key: &["symbol", "trade_date"], parts: &[], columns: &[
        ("symbol", Text), ("trade_date", Date), ("realized_pnl", Numeric), ("total_volume", Numeric),
        ("trade_count", Numeric), ("avg_price", Numeric)] },
    Table { name: "live_positions", key: &["symbol"], parts: &[], columns: &[
        ("tenant_id", Text), ("symbol", Text), ("net_qty", Numeric), ("net_notional", Numeric), ("trade_count", Big),
        ("last_update", Instant)] },
    Table { name: "live_quotes", key: &["symbol"], parts: &[], columns: &[
        ("symbol", Text), ("bid", Numeric), ("ask", Numeric), ("mid_price", Numeric), ("last_update", Instant)] },
    Table { name: "live_pnl", key: &["symbol"], parts: &[], columns: &[
        ("symbol", Text), ("net_qty", Numeric), ("mid_price", Numeric), ("unrealized_pnl", Numeric), ("as_of", Instant)] },
    Table { name: "latest.vwap", key: &["symbol"], parts: &[], columns: &[
        ("symbol", Text), ("vwap", Float), ("volume", Float), ("timestamp", Instant)] },
    Table { name: "latest.position", key: &["symbol"], parts: &[], columns: &[
        ("symbol", Text), ("quantity", Float), ("avg_price", Float), ("market_value", Float), ("timestamp", Instant)] },
    Table { name: "latest.volatility", key: &["symbol"], parts: &[], columns: &[
        ("symbol", Text), ("volatility_1h", Float), ("return_pct", Float), ("window_end", Instant)] },
    Table { name: "hourly_rollup", key: &["symbol", "hour"], parts: HOUR, columns: &[
        ("symbol", Text), ("hour", Timestamp), ("open", Numeric), ("close", Numeric), ("total_volume", Numeric),
        ("trade_count", Big)] },
    Table { name: "vwap_5min", key: &["symbol", "window_end"], parts: WINDOW, columns: &[
        ("symbol", Text), ("window_end", Timestamp), ("vwap", Numeric), ("volume", Numeric), ("trade_count", Big),
        ("spread_bps", Numeric)] },
    Table { name: "rolling_volatility", key: &["symbol", "window_end"], parts: WINDOW, columns: &[
        ("symbol", Text), ("window_end", Timestamp), ("volatility_1h", Numeric), ("return_pct", Numeric)] },
    Table { name: "raw_trades", key: &["trade_id"], parts: EVENT, columns: &[
        ("trade_id", Text), ("event_time", Timestamp), ("symbol", Text), ("side", Text), ("quantity", Numeric),
        ("price", Numeric), ("notional", Numeric)] },
    Table { name: "fct_trades", key: &["trade_id"], parts: EVENT, columns: &[
        ("trade_id", Text), ("event_time", Timestamp), ("symbol", Text), ("sector", Text), ("side", Text),
        ("quantity", Numeric), ("price", Numeric), ("trade_date", Date), ("trade_hour", Int)] },
];

/// Functions that make rows.
pub const SERIES: &[(&str, Kind)] = &[
    ("generate_series(1, 5)", Int),
    ("generate_series(7, -2, -3)", Int),
    ("generate_series(98::bigint, 101)", Big),
    ("generate_series(TIMESTAMP '2025-05-26', TIMESTAMP '2025-05-28', INTERVAL '12 hours')", Timestamp),
    ("unnest(ARRAY['a', 'AAPL', NULL, 'a', ''])", Text),
    ("unnest(ARRAY[DATE '2025-05-28', NULL, DATE '2025-05-26'])", Date),
    ("unnest(string_to_array('AAPL,NVDA,,BUY', ','))", Text),
];

/// How many columns of a list of VALUES have values besides the first, which counts the rows.
pub const MOST_VALUES: usize = 4;
