//! The feed: what happens after the history.
//!
//! [`Feed::step`] is told the time, so that a test can drive a day in a moment; [`Feed::run`] tells it the real one.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::common::Result;
use tokio_util::sync::CancellationToken;

use crate::stores::embedded::EmbeddedTable;
use crate::stores::hub::{Broadcast, Hub};

use super::alerts::Detector;
use super::analytics::Analytics;
use super::history::Seeded;
use super::market::{Market, Quote, Trade};
use super::publish;
use super::tables::DemoTables;

/// Records that are flushed at once.
const FLUSH_RECORDS: usize = 50;
/// How long a record waits for others.
const FLUSH_MS: i64 = 200;
/// How often the feed looks at the clock.
const TICK_MS: u64 = 20;
/// What is made up for after the process stood still; what lies further back is left out.
const CATCH_UP_MS: i64 = 10_000;
const MICROS_PER_MS: i64 = 1_000;

/// Events of one kind, so many a second.
#[derive(Debug)]
struct Schedule {
    interval_micros: Option<i64>,
    next_micros: i64,
}

impl Schedule {
    fn new(per_second: f64, start_ms: i64) -> Self {
        let interval_micros = interval(per_second);
        let start_micros = start_ms * MICROS_PER_MS;
        Self { interval_micros, next_micros: start_micros.saturating_add(interval_micros.unwrap_or(0)) }
    }

    /// When the next event is due, in milliseconds; `None` for never.
    fn next_ms(&self) -> Option<i64> {
        self.interval_micros.map(|_| self.next_micros.div_euclid(MICROS_PER_MS))
    }

    fn happened(&mut self) {
        self.next_micros = self.next_micros.saturating_add(self.interval_micros.unwrap_or(0));
    }

    fn skip_to(&mut self, at_ms: i64) {
        self.next_micros = self.next_micros.max(at_ms * MICROS_PER_MS);
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the quotient is checked to be small")]
fn interval(per_second: f64) -> Option<i64> {
    let micros = 1_000_000.0 / per_second;
    (per_second > 0.0 && micros < 1e15).then(|| (micros as i64).max(1))
}

/// Events a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rates {
    /// Trades a second; 0 for none.
    pub trades_per_second: f64,
    /// Quotes a second; 0 for none.
    pub quotes_per_second: f64,
}

impl Rates {
    /// Whether nothing is to happen.
    #[must_use]
    pub fn are_zero(&self) -> bool {
        interval(self.trades_per_second).is_none() && interval(self.quotes_per_second).is_none()
    }
}

/// A running market. Its memory is bounded by the tables' retention and the pipeline's windows.
#[derive(Debug)]
pub struct Feed {
    market: Market,
    analytics: Analytics,
    detector: Detector,
    tables: Arc<DemoTables>,
    hub: Hub,
    trades: Schedule,
    quotes: Schedule,
    waiting_trades: Vec<Trade>,
    waiting_quotes: Vec<Quote>,
    waiting_since_ms: i64,
}

impl Feed {
    pub(super) fn new(seeded: Seeded, tables: Arc<DemoTables>, hub: Hub, rates: Rates, start: DateTime<Utc>) -> Self {
        let start_ms = start.timestamp_millis();
        Self {
            market: seeded.market,
            analytics: seeded.analytics,
            detector: Detector::default(),
            tables,
            hub,
            trades: Schedule::new(rates.trades_per_second, start_ms),
            quotes: Schedule::new(rates.quotes_per_second, start_ms),
            waiting_trades: Vec::with_capacity(FLUSH_RECORDS),
            waiting_quotes: Vec::with_capacity(FLUSH_RECORDS),
            waiting_since_ms: start_ms,
        }
    }

    /// Runs until it is cancelled.
    pub async fn run(mut self, cancel: CancellationToken) {
        let mut ticks = tokio::time::interval(Duration::from_millis(TICK_MS));
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = cancel.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if let Err(error) = self.step(Utc::now()) {
                tracing::error!(%error, "the feed stops");
                return;
            }
        }
    }

    /// Lets everything happen that is due, and flushes what has waited long enough.
    ///
    /// # Errors
    /// When a value does not fit its column.
    pub fn step(&mut self, now: DateTime<Utc>) -> Result<()> {
        let now_ms = now.timestamp_millis();
        self.trades.skip_to(now_ms - CATCH_UP_MS);
        self.quotes.skip_to(now_ms - CATCH_UP_MS);
        while let Some(at_ms) = self.happen(now_ms) {
            self.flush_if_due(at_ms)?;
        }
        self.flush_if_due(now_ms)
    }

    /// The earliest event that is due, and when it was.
    fn happen(&mut self, now_ms: i64) -> Option<i64> {
        let due = |at_ms: &i64| *at_ms <= now_ms;
        let trade_ms = self.trades.next_ms().filter(due);
        let quote_ms = self.quotes.next_ms().filter(due);
        let at_ms = match (trade_ms, quote_ms) {
            (Some(trade), Some(quote)) => trade.min(quote),
            (one, other) => one.or(other)?,
        };
        if self.waiting() == 0 {
            self.waiting_since_ms = at_ms;
        }
        if quote_ms == Some(at_ms) {
            self.quotes.happened();
            self.quote(at_ms);
        } else {
            self.trades.happened();
            self.trade(at_ms);
        }
        Some(at_ms)
    }

    fn trade(&mut self, at_ms: i64) {
        let trade = self.market.trade(at_ms);
        self.analytics.trade(&trade);
        self.waiting_trades.push(trade);
        for alert in self.detector.trade(&trade) {
            self.hub.publish(alert.broadcast(self.tables.raw_trades.name(), at_ms));
        }
    }

    fn quote(&mut self, at_ms: i64) {
        let quote = self.market.quote(at_ms);
        self.analytics.quote(&quote);
        self.waiting_quotes.push(quote);
        if let Some(alert) = self.detector.quote(&quote) {
            self.hub.publish(alert.broadcast(self.tables.raw_quotes.name(), at_ms));
        }
    }

    fn waiting(&self) -> usize {
        self.waiting_trades.len() + self.waiting_quotes.len()
    }

    fn flush_if_due(&mut self, now_ms: i64) -> Result<()> {
        let waiting = self.waiting();
        let due = waiting >= FLUSH_RECORDS || (waiting > 0 && now_ms - self.waiting_since_ms >= FLUSH_MS);
        if due { self.flush(now_ms) } else { Ok(()) }
    }

    /// Flushes what waits, however short it has waited.
    #[cfg(test)]
    pub(super) fn flush_now(&mut self) -> Result<()> {
        self.flush(self.waiting_since_ms)
    }

    fn flush(&mut self, now_ms: i64) -> Result<()> {
        let now = moment(now_ms);
        let tables = Arc::clone(&self.tables);
        let traded = !self.waiting_trades.is_empty();
        if traded {
            let (raw, facts) = publish::trades(&tables, &self.waiting_trades)?;
            self.append(&tables.raw_trades, raw, now)?;
            self.append(&tables.fct_trades, facts, now)?;
            self.waiting_trades.clear();
        }
        if !self.waiting_quotes.is_empty() {
            let rows = publish::quotes(&tables, &self.waiting_quotes)?;
            self.append(&tables.raw_quotes, rows, now)?;
            self.waiting_quotes.clear();
        }
        for table in publish::derived(&tables, &mut self.analytics, traded, now)? {
            self.hub.publish(Broadcast::TableUpdate { table: table.name().clone(), at: now });
        }
        Ok(())
    }

    fn append(
        &self,
        table: &EmbeddedTable,
        rows: datafusion::arrow::array::RecordBatch,
        now: DateTime<Utc>,
    ) -> Result<()> {
        table.append(&rows, now)?;
        self.hub.publish(Broadcast::TableRows { table: table.name().clone(), rows, at: now });
        Ok(())
    }

    /// Values that the pipeline keeps, for tests of their bound.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.analytics.kept() + self.waiting()
    }
}

/// The moment, in milliseconds since 1970.
pub(super) fn moment(at_ms: i64) -> DateTime<Utc> {
    DateTime::UNIX_EPOCH + TimeDelta::milliseconds(at_ms)
}
