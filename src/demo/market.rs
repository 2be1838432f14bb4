//! The market: prices that walk at random and return to their mean, and the trades and quotes they make.
//!
//! Only additions, multiplications, divisions and square roots of doubles are used, which IEEE 754 fixes to the last
//! bit: the same seed gives the same rows on every machine.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::fixed::{PRICE_SCALE, divide};
use super::instruments::{COUNT, INSTRUMENTS, Instrument};

const DAY_MS: f64 = 86_400_000.0;
/// How much of its distance to the mean a price loses in a day.
const REVERSION_PER_DAY: f64 = 0.7;
/// The farthest that a price goes from its mean.
const MAX_DEVIATION: f64 = 0.6;
/// Micros of one cent: prices are quoted in cents.
const CENT: i64 = 10_000;
const UNIT: i64 = 10_000;

/// Which side took the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Buy,
    Sell,
}

impl Side {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Buy => "BUY",
            Self::Sell => "SELL",
        }
    }

    /// What a trade adds to a position.
    pub(super) fn sign(self) -> i128 {
        match self {
            Self::Buy => 1,
            Self::Sell => -1,
        }
    }
}

/// One trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trade {
    pub(super) number: u64,
    /// Milliseconds since 1970.
    pub(super) at_ms: i64,
    /// Its place among the instruments.
    pub(super) instrument: usize,
    pub(super) side: Side,
    /// With four digits after the point.
    pub(super) quantity: i64,
    /// With six digits after the point.
    pub(super) price: i64,
    /// Price times quantity, rounded to four digits after the point.
    pub(super) notional: i64,
}

/// One quote. Prices have six digits after the point, sizes four.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quote {
    pub(super) at_ms: i64,
    pub(super) instrument: usize,
    pub(super) bid: i64,
    pub(super) ask: i64,
    pub(super) bid_size: i64,
    pub(super) ask_size: i64,
    pub(super) mid: i64,
}

impl Quote {
    /// The distance of bid and ask in hundredths of a basis point of the middle.
    pub(super) fn spread_hundredths_bps(&self) -> i128 {
        divide(i128::from(self.ask - self.bid) * 1_000_000, i128::from(self.mid))
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Walk {
    /// Relative distance from the mean price.
    deviation: f64,
    moved_at_ms: i64,
}

/// Every instrument's price, and the randomness that moves it.
#[derive(Debug, Clone)]
pub(super) struct Market {
    random: ChaCha8Rng,
    walks: [Walk; COUNT],
    next_number: u64,
    total_weight: u32,
}

impl Market {
    /// The market as it stands at the given moment.
    pub(super) fn new(seed: u64, start_ms: i64) -> Self {
        let mut market = Self {
            random: ChaCha8Rng::seed_from_u64(seed),
            walks: [Walk::default(); COUNT],
            next_number: 1,
            total_weight: INSTRUMENTS.iter().map(|instrument| instrument.weight).sum(),
        };
        for (number, instrument) in INSTRUMENTS.iter().enumerate() {
            let deviation = market.normal() * instrument.daily_volatility;
            market.walks[number] = Walk { deviation, moved_at_ms: start_ms };
        }
        market
    }

    /// A trade at that moment, of an instrument that chance picks.
    pub(super) fn trade(&mut self, at_ms: i64) -> Trade {
        let instrument = self.pick();
        if self.random.random_ratio(1, 5_000) {
            let direction = if self.random.random_bool(0.5) { 1.0 } else { -1.0 };
            self.walks[instrument].deviation += direction * self.random.random_range(0.015..0.03);
        }
        let (bid, ask) = self.prices(instrument, at_ms);
        let side = if self.random.random_bool(0.5) { Side::Buy } else { Side::Sell };
        let price = match side {
            Side::Buy => ask,
            Side::Sell => bid,
        };
        let quantity = self.quantity(&INSTRUMENTS[instrument]);
        let notional = narrow(divide(i128::from(price) * i128::from(quantity), PRICE_SCALE));
        let number = self.next_number;
        self.next_number += 1;
        Trade { number, at_ms, instrument, side, quantity, price, notional }
    }

    /// A quote at that moment, of an instrument that chance picks.
    pub(super) fn quote(&mut self, at_ms: i64) -> Quote {
        let instrument = self.pick();
        let (bid, ask) = self.prices(instrument, at_ms);
        let (bid_size, ask_size) = (self.size(), self.size());
        Quote { at_ms, instrument, bid, ask, bid_size, ask_size, mid: i64::midpoint(bid, ask) }
    }

    /// A number from 0 up to 1.
    pub(super) fn uniform(&mut self) -> f64 {
        self.random.random()
    }

    fn pick(&mut self) -> usize {
        let mut left = self.random.random_range(0..self.total_weight);
        for (number, instrument) in INSTRUMENTS.iter().enumerate() {
            if left < instrument.weight {
                return number;
            }
            left -= instrument.weight;
        }
        0
    }

    /// Moves the instrument's price to the moment; gives bid and ask around it.
    fn prices(&mut self, number: usize, at_ms: i64) -> (i64, i64) {
        let instrument = &INSTRUMENTS[number];
        let shock = self.normal();
        let walk = &mut self.walks[number];
        let days = milliseconds(at_ms - walk.moved_at_ms) / DAY_MS;
        let pull = (REVERSION_PER_DAY * days).min(1.0) * walk.deviation;
        let moved = walk.deviation - pull + instrument.daily_volatility * days.sqrt() * shock;
        *walk = Walk { deviation: moved.clamp(-MAX_DEVIATION, MAX_DEVIATION), moved_at_ms: at_ms };
        let price = instrument.mean_price * (1.0 + walk.deviation);
        let unusual = if self.random.random_ratio(1, 2_500) { 12.0 } else { 1.0 };
        let spread = price * instrument.spread_bps / 10_000.0 * (0.6 + 0.8 * self.uniform()) * unusual;
        let bid = cents(price - spread / 2.0).max(1);
        let ask = cents(price + spread / 2.0).max(bid + 1);
        (bid * CENT, ask * CENT)
    }

    fn quantity(&mut self, instrument: &Instrument) -> i64 {
        let skewed = self.uniform() * self.uniform() * 4.0;
        let block = if self.random.random_ratio(1, 1_500) { 25.0 } else { 1.0 };
        let units = 1 + whole(instrument.usual_quantity * skewed * block);
        // One trade in ten is of a fraction of a unit, as retail brokers make them.
        let fraction = if self.random.random_ratio(1, 10) { self.random.random_range(0..UNIT) } else { 0 };
        units * UNIT + fraction
    }

    fn size(&mut self) -> i64 {
        self.random.random_range(1..=20) * 100 * UNIT
    }

    /// About a standard normal deviate: the sum of twelve uniform ones, which needs no logarithm.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[expect(clippy::cast_precision_loss, reason = "spans of time here are far below 2^53 milliseconds")]
fn milliseconds(span: i64) -> f64 {
    span.max(0) as f64
}

#[expect(clippy::cast_possible_truncation, reason = "prices are far below 2^53 cents")]
fn cents(price: f64) -> i64 {
    (price * 100.0).round() as i64
}

#[expect(clippy::cast_possible_truncation, reason = "quantities are far below 2^53")]
fn whole(quantity: f64) -> i64 {
    quantity as i64
}

/// A notional of this market has at most 14 digits.
fn narrow(number: i128) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_market_and_another_does_not() {
        let run = |seed| {
            let mut market = Market::new(seed, 0);
            (0..500).map(|n| (market.trade(n * 1_000), market.quote(n * 1_000 + 5))).collect::<Vec<_>>()
        };
        assert_eq!(run(7), run(7));
        assert_ne!(run(7), run(8));
    }

    /// The mean of all relative distances from the mean price after a day of a quote an hour, from this one.
    fn deviation_after_a_day(start: f64) -> f64 {
        let mut market = Market::new(1, 0);
        market.walks.fill(Walk { deviation: start, moved_at_ms: 0 });
        let mut deviations = [start; COUNT];
        for hour in 1..=24 {
            for (number, instrument) in INSTRUMENTS.iter().enumerate() {
                let (bid, ask) = market.prices(number, hour * 3_600_000);
                #[expect(clippy::cast_precision_loss, reason = "a test")]
                let mid = i64::midpoint(bid, ask) as f64 / 1e6;
                deviations[number] = mid / instrument.mean_price - 1.0;
            }
        }
        deviations.iter().sum::<f64>() / 10.0
    }

    #[test]
    fn a_price_far_from_its_mean_drifts_back() {
        // What chance adds to the mean of ten instruments in a day is below a hundredth.
        for start in [0.5, -0.5] {
            let left = deviation_after_a_day(start) / start;
            assert!((0.4..0.6).contains(&left), "{left} of {start} is left after a day");
        }
        let from_the_mean = deviation_after_a_day(0.0);
        assert!(from_the_mean.abs() < 0.05, "{from_the_mean} away from the mean after a day");
    }

    #[test]
    fn prices_stay_sane_for_a_year() {
        let mut market = Market::new(1, 0);
        for minute in 0..525_600 / 10 {
            let quote = market.quote(minute * 600_000);
            let mean = INSTRUMENTS[quote.instrument].mean_price;
            #[expect(clippy::cast_precision_loss, reason = "a test")]
            let mid = quote.mid as f64 / 1e6;
            assert!(quote.bid < quote.ask && quote.bid > 0);
            assert!((0.5 * mean..1.5 * mean).contains(&mid), "{mid} around {mean}");
        }
    }
}
