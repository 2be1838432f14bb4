//! Seven days of history, made from a seed.

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::Result;

use super::analytics::Analytics;
use super::market::{Market, Quote, Trade};
use super::publish;
use super::tables::DemoTables;

/// Trades of the history.
pub const TRADES: usize = 50_000;
/// Quotes of the history.
pub const QUOTES: usize = 100_000;
/// Days that the history covers.
pub const DAYS: i64 = 7;
/// Where a history ends that no feed continues: midnight of a Monday. It is fixed, so that results repeat.
pub const FIXED_END: DateTime<Utc> = match DateTime::from_timestamp(1_748_822_400, 0) {
    Some(moment) => moment,
    None => DateTime::UNIX_EPOCH,
};

/// What the history depends on, and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeedOptions {
    /// The seed of the randomness.
    pub seed: u64,
    /// The end of the history, which no event reaches.
    pub end: DateTime<Utc>,
}

/// The market and the pipeline as they stand at the end of the history.
#[derive(Debug)]
pub(super) struct Seeded {
    pub(super) market: Market,
    pub(super) analytics: Analytics,
}

/// Fills the tables. The same options give the same rows, byte for byte.
///
/// # Errors
/// When a value does not fit its column.
pub(super) fn seed(tables: &DemoTables, options: SeedOptions) -> Result<Seeded> {
    let start_ms = (options.end - TimeDelta::days(DAYS)).timestamp_millis();
    let mut market = Market::new(options.seed, start_ms);
    let mut analytics = Analytics::new(start_ms);
    let mut trades: Vec<Trade> = Vec::with_capacity(TRADES);
    let mut quotes: Vec<Quote> = Vec::with_capacity(QUOTES);
    for (number, at_ms) in moments(&mut market.clone(), start_ms).enumerate() {
        // Every third event is a trade, so that a quote comes before the first.
        if number % 3 == 2 {
            let trade = market.trade(at_ms);
            analytics.trade(&trade);
            trades.push(trade);
        } else {
            let quote = market.quote(at_ms);
            analytics.quote(&quote);
            quotes.push(quote);
        }
    }
    analytics.advance(options.end.timestamp_millis());
    let now = options.end;
    publish::instruments(tables, now)?;
    let (raw, facts) = publish::trades(tables, &trades)?;
    tables.raw_trades.append(&raw, now)?;
    tables.fct_trades.append(&facts, now)?;
    tables.raw_quotes.append(&publish::quotes(tables, &quotes)?, now)?;
    publish::derived(tables, &mut analytics, true, now)?;
    Ok(Seeded { market, analytics })
}

/// When something happens: once in each equal part of the week, at a moment that chance picks.
fn moments(chance: &mut Market, start_ms: i64) -> impl Iterator<Item = i64> {
    let span_ms = DAYS * 86_400_000;
    let events = i64::try_from(TRADES + QUOTES).unwrap_or(i64::MAX);
    (0..events).map(move |event| {
        let from = start_ms + event * span_ms / events;
        let to = start_ms + (event + 1) * span_ms / events;
        from + within(chance.uniform(), to - from)
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "a part of a week is a few seconds")]
fn within(fraction: f64, length_ms: i64) -> i64 {
    (fraction * length_ms as f64) as i64
}
