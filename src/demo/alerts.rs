//! What looks wrong in the market data: a wide spread, a large trade, a price that jumps.

use crate::base::TableName;
use crate::stores::hub::Broadcast;

use super::feed::moment;
use super::fixed::{QUANTITY_SCALE, to_double};
use super::instruments::{COUNT, INSTRUMENTS};
use super::market::{Quote, Trade};

/// When something is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// A spread of so many times the usual one.
    pub spread_times: f64,
    /// A quantity of so many times the usual one.
    pub volume_times: f64,
    /// A price that differs from the last trade's by this part of it.
    pub price_jump: f64,
    /// Events of an instrument before anything is told of it: until then nothing is usual.
    pub warm_up_events: u32,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { spread_times: 5.0, volume_times: 15.0, price_jump: 0.01, warm_up_events: 20 }
    }
}

/// How much of the usual value one event makes up.
const SMOOTHING: f64 = 0.02;

/// An average in which older values fade.
#[derive(Debug, Clone, Copy, Default)]
struct Usual {
    value: f64,
    events: u32,
}

impl Usual {
    /// How many times the usual value this is, once there is a usual value; then takes it in.
    fn compare(&mut self, value: f64, warm_up_events: u32) -> Option<f64> {
        let times = (self.events >= warm_up_events && self.value > 0.0).then(|| value / self.value);
        self.value = if self.events == 0 { value } else { self.value + SMOOTHING * (value - self.value) };
        self.events = self.events.saturating_add(1);
        times
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Watched {
    spread: Usual,
    quantity: Usual,
    last_price: Option<i64>,
}

/// One anomaly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alert {
    instrument: usize,
    kind: &'static str,
    message: String,
}

impl Alert {
    /// As the hub carries it.
    pub(super) fn broadcast(self, table: &TableName, at_ms: i64) -> Broadcast {
        Broadcast::Alert {
            table: table.clone(),
            symbol: INSTRUMENTS[self.instrument].symbol.to_owned(),
            kind: self.kind,
            message: self.message,
            at: moment(at_ms),
        }
    }
}

/// Watches every instrument.
#[derive(Debug, Default)]
pub(super) struct Detector {
    thresholds: Thresholds,
    watched: [Watched; COUNT],
}

impl Detector {
    pub(super) fn quote(&mut self, quote: &Quote) -> Option<Alert> {
        let bps = to_double(quote.spread_hundredths_bps(), 100);
        let times = self.watched[quote.instrument].spread.compare(bps, self.thresholds.warm_up_events)?;
        (times >= self.thresholds.spread_times).then(|| Alert {
            instrument: quote.instrument,
            kind: "spread",
            message: format!("the spread is {bps:.2} basis points, {times:.1} times the usual one"),
        })
    }

    pub(super) fn trade(&mut self, trade: &Trade) -> impl Iterator<Item = Alert> {
        let instrument = trade.instrument;
        let watched = &mut self.watched[instrument];
        let quantity = to_double(i128::from(trade.quantity), QUANTITY_SCALE);
        let volume = watched
            .quantity
            .compare(quantity, self.thresholds.warm_up_events)
            .filter(|times| *times >= self.thresholds.volume_times)
            .map(|times| Alert {
                instrument,
                kind: "volume",
                message: format!("a trade of {quantity} units, {times:.1} times the usual quantity"),
            });
        let jump = watched
            .last_price
            .replace(trade.price)
            .map(|before| to_double(i128::from(trade.price - before), i128::from(before)))
            .filter(|change| change.abs() >= self.thresholds.price_jump)
            .map(|change| Alert {
                instrument,
                kind: "price_jump",
                message: format!("the price changed by {:.2} % from one trade to the next", change * 100.0),
            });
        volume.into_iter().chain(jump)
    }
}

#[cfg(test)]
mod tests {
    use super::super::market::Side;
    use super::*;

    fn quote(spread_cents: i64) -> Quote {
        let (bid, ask) = (100_000_000, 100_000_000 + spread_cents * 10_000);
        Quote { at_ms: 0, instrument: 0, bid, ask, bid_size: 1, ask_size: 1, mid: i64::midpoint(bid, ask) }
    }

    fn trade(units: i64, price_cents: i64) -> Trade {
        let (quantity, price) = (units * 10_000, price_cents * 10_000);
        Trade { number: 0, at_ms: 0, instrument: 0, side: Side::Buy, quantity, price, notional: 0 }
    }

    #[test]
    fn a_spread_is_told_when_it_is_wide_and_usual_ones_are_known() {
        let mut detector = Detector::default();
        assert_eq!(detector.quote(&quote(500)), None, "nothing is usual yet");
        let mut detector = Detector::default();
        assert!((0..30).all(|_| detector.quote(&quote(2)).is_none()));
        assert_eq!(detector.quote(&quote(9)), None);
        assert_eq!(detector.quote(&quote(30)).unwrap().kind, "spread");
    }

    #[test]
    fn a_large_trade_and_a_jump_are_told() {
        let mut detector = Detector::default();
        assert!((0..30).all(|_| detector.trade(&trade(10, 10_000)).next().is_none()));
        assert_eq!(detector.trade(&trade(1_000, 10_050)).map(|alert| alert.kind).collect::<Vec<_>>(), ["volume"]);
        assert_eq!(detector.trade(&trade(10, 10_200)).map(|alert| alert.kind).collect::<Vec<_>>(), ["price_jump"]);
        assert_eq!(detector.trade(&trade(10, 10_210)).count(), 0);
    }
}
