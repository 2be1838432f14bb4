//! What the pipeline computes from trades and quotes, one event at a time.
//!
//! Comes in: events in the order of their time. Goes out: rows of windows that have ended, and the state of those that
//! are still open.
//! Invariant: what is kept is bounded by the instruments and the length of the windows, never by the time it runs.

use std::collections::VecDeque;

use super::fixed::{PRICE_SCALE, PRODUCT_SCALE, QUANTITY_SCALE, divide};
use super::instruments::COUNT;
use super::market::{Quote, Trade};
use super::position::Position;

pub(super) const WINDOW_MS: i64 = 5 * 60 * 1_000;
pub(super) const HOUR_MS: i64 = 60 * 60 * 1_000;
pub(super) const DAY_MS: i64 = 24 * HOUR_MS;
/// Windows in an hour and in a day.
const RETURNS_1H: usize = 12;
const RETURNS_24H: usize = 288;
/// Returns that a deviation needs at least.
const MIN_RETURNS: usize = 2;
/// A ratio has eight digits after the point.
pub(super) const RATIO_SCALE: i128 = 100_000_000;

/// Sums over some trades.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sums {
    pub(super) notional: i128,
    pub(super) quantity: i128,
    pub(super) count: i128,
}

impl Sums {
    fn add(&mut self, trade: &Trade) {
        self.notional += i128::from(trade.notional);
        self.quantity += i128::from(trade.quantity);
        self.count += 1;
    }

    fn remove(&mut self, trade: &Trade) {
        self.notional -= i128::from(trade.notional);
        self.quantity -= i128::from(trade.quantity);
        self.count -= 1;
    }

    /// The average price, weighted by volume.
    pub(super) fn vwap(&self) -> i128 {
        divide(self.notional * PRICE_SCALE, self.quantity)
    }
}

/// A bar of an hour or a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bar {
    pub(super) instrument: usize,
    pub(super) start_ms: i64,
    pub(super) open: i64,
    pub(super) high: i64,
    pub(super) low: i64,
    pub(super) close: i64,
    pub(super) sums: Sums,
}

impl Bar {
    fn new(start_ms: i64, trade: &Trade) -> Self {
        let (price, sums) = (trade.price, Sums::default());
        Self { instrument: trade.instrument, start_ms, open: price, high: price, low: price, close: price, sums }
    }

    fn add(&mut self, trade: &Trade) {
        self.high = self.high.max(trade.price);
        self.low = self.low.min(trade.price);
        self.close = trade.price;
        self.sums.add(trade);
    }
}

/// A window of five minutes that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) instrument: usize,
    pub(super) end_ms: i64,
    pub(super) sums: Sums,
    /// Hundredths of a basis point: the spread of the last quote before the end; 0 before the first quote.
    pub(super) spread_hundredths_bps: i128,
}

/// How much a price moved. Ratios with eight digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Volatility {
    pub(super) instrument: usize,
    pub(super) end_ms: i64,
    pub(super) one_hour: i128,
    pub(super) one_day: i128,
    pub(super) return_pct: i128,
}

/// What one day's trades earned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DayPnl {
    pub(super) instrument: usize,
    pub(super) day_start_ms: i64,
    /// With ten digits after the point.
    pub(super) realized: i128,
    pub(super) sums: Sums,
}

/// Rows that will not change any more.
#[derive(Debug, Default)]
pub(super) struct Closed {
    pub(super) windows: Vec<Window>,
    pub(super) volatilities: Vec<Volatility>,
    pub(super) hours: Vec<Bar>,
    pub(super) days: Vec<Bar>,
    pub(super) pnl: Vec<DayPnl>,
}

/// The state of one instrument.
#[derive(Debug, Default)]
pub(super) struct InstrumentState {
    window: Sums,
    /// The trades of the five minutes up to the last one.
    recent: VecDeque<Trade>,
    pub(super) recent_sums: Sums,
    pub(super) last_trade: Option<Trade>,
    pub(super) last_quote: Option<Quote>,
    /// The price at the end of the last window.
    sampled_price: Option<i64>,
    returns: VecDeque<f64>,
    pub(super) volatility: Option<Volatility>,
    pub(super) hour: Option<Bar>,
    pub(super) day: Option<Bar>,
    pub(super) day_pnl: Option<DayPnl>,
    pub(super) position: Position,
}

/// Everything the pipeline knows.
#[derive(Debug)]
pub(super) struct Analytics {
    window_end_ms: i64,
    states: [InstrumentState; COUNT],
    closed: Closed,
}

impl Analytics {
    /// Nothing yet; the first window is the one that the moment lies in.
    pub(super) fn new(start_ms: i64) -> Self {
        Self {
            window_end_ms: start_of(start_ms, WINDOW_MS) + WINDOW_MS,
            states: std::array::from_fn(|_| InstrumentState::default()),
            closed: Closed::default(),
        }
    }

    /// The instruments' states, by their place.
    pub(super) fn states(&self) -> impl Iterator<Item = (usize, &InstrumentState)> {
        self.states.iter().enumerate()
    }

    /// The rows that were closed since they were last taken.
    pub(super) fn take_closed(&mut self) -> Closed {
        std::mem::take(&mut self.closed)
    }

    /// A trade, not earlier than anything before it.
    pub(super) fn trade(&mut self, trade: &Trade) {
        self.advance(trade.at_ms);
        let state = &mut self.states[trade.instrument];
        state.window.add(trade);
        state.remember(trade);
        state.last_trade = Some(*trade);
        state.hour.get_or_insert_with(|| Bar::new(start_of(trade.at_ms, HOUR_MS), trade)).add(trade);
        let day_start_ms = start_of(trade.at_ms, DAY_MS);
        state.day.get_or_insert_with(|| Bar::new(day_start_ms, trade)).add(trade);
        let realized = state.position.apply(trade);
        let pnl = state.day_pnl.get_or_insert(DayPnl {
            instrument: trade.instrument,
            day_start_ms,
            realized: 0,
            sums: Sums::default(),
        });
        pnl.realized += realized;
        pnl.sums.add(trade);
    }

    /// A quote, not earlier than anything before it.
    pub(super) fn quote(&mut self, quote: &Quote) {
        self.advance(quote.at_ms);
        self.states[quote.instrument].last_quote = Some(*quote);
    }

    /// Time passes: windows, hours and days that end at or before the moment are closed.
    pub(super) fn advance(&mut self, now_ms: i64) {
        while now_ms >= self.window_end_ms {
            let end_ms = self.window_end_ms;
            for (instrument, state) in self.states.iter_mut().enumerate() {
                state.close_window(instrument, end_ms, &mut self.closed);
                if end_ms % HOUR_MS == 0 {
                    self.closed.hours.extend(state.hour.take());
                }
                if end_ms % DAY_MS == 0 {
                    self.closed.days.extend(state.day.take());
                    self.closed.pnl.extend(state.day_pnl.take());
                }
            }
            self.window_end_ms += WINDOW_MS;
        }
    }

    /// Trades, returns and the like that are kept, for tests of their bound.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.states.iter().map(|state| state.recent.len() + state.returns.len()).sum()
    }
}

impl InstrumentState {
    fn remember(&mut self, trade: &Trade) {
        self.recent.push_back(*trade);
        self.recent_sums.add(trade);
        while let Some(old) = self.recent.front().filter(|old| old.at_ms <= trade.at_ms - WINDOW_MS) {
            self.recent_sums.remove(old);
            self.recent.pop_front();
        }
    }

    fn close_window(&mut self, instrument: usize, end_ms: i64, closed: &mut Closed) {
        let sums = std::mem::take(&mut self.window);
        if sums.count > 0 {
            let spread_hundredths_bps = self.last_quote.map_or(0, |quote| quote.spread_hundredths_bps());
            closed.windows.push(Window { instrument, end_ms, sums, spread_hundredths_bps });
        }
        let Some(price) = self.last_trade.map(|trade| trade.price) else { return };
        if let Some(before) = self.sampled_price.replace(price) {
            self.returns.push_back(log_return(before, price));
            if self.returns.len() > RETURNS_24H {
                self.returns.pop_front();
            }
            self.measure(instrument, end_ms, before, price, closed);
        }
    }

    fn measure(&mut self, instrument: usize, end_ms: i64, before: i64, price: i64, closed: &mut Closed) {
        if self.returns.len() < MIN_RETURNS {
            return;
        }
        let change = i128::from(price - before) * 100 * RATIO_SCALE;
        let last_hour = self.returns.iter().rev().take(RETURNS_1H);
        let volatility = Volatility {
            instrument,
            end_ms,
            one_hour: to_ratio(deviation(last_hour)),
            one_day: to_ratio(deviation(self.returns.iter())),
            return_pct: divide(change, i128::from(before)),
        };
        self.volatility = Some(volatility);
        closed.volatilities.push(volatility);
    }

    /// The last moment at which something happened to the instrument.
    pub(super) fn changed_at_ms(&self) -> i64 {
        let trade = self.last_trade.map_or(i64::MIN, |trade| trade.at_ms);
        trade.max(self.last_quote.map_or(i64::MIN, |quote| quote.at_ms))
    }

    /// What the position would earn at the last quote, with ten digits after the point.
    pub(super) fn unrealized(&self) -> Option<i128> {
        let mid = i128::from(self.last_quote?.mid);
        let paid = self.position.net_notional * (PRODUCT_SCALE / QUANTITY_SCALE);
        Some(self.position.quantity * mid - paid)
    }
}

/// The start of the span of that length in which the moment lies.
pub(super) fn start_of(at_ms: i64, span_ms: i64) -> i64 {
    at_ms.div_euclid(span_ms) * span_ms
}

#[expect(clippy::cast_precision_loss, reason = "prices are far below 2^53 millionths")]
fn log_return(before: i64, after: i64) -> f64 {
    (after as f64 / before as f64).ln()
}

/// The sample standard deviation.
fn deviation<'a>(values: impl Iterator<Item = &'a f64> + Clone) -> f64 {
    let count: f64 = values.clone().map(|_| 1.0).sum();
    let mean = values.clone().sum::<f64>() / count;
    let squares: f64 = values.map(|value| (value - mean) * (value - mean)).sum();
    (squares / (count - 1.0)).sqrt()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    reason = "a volatility is far below 2^53 / 10^8"
)]
fn to_ratio(value: f64) -> i128 {
    (value * RATIO_SCALE as f64).round() as i128
}
