//! A position and what it earns, by average cost.

use super::fixed::divide;
use super::market::Trade;

/// What all trades in an instrument add up to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Position {
    /// Bought less sold; below zero for a short position. Four digits after the point.
    pub(super) quantity: i128,
    /// What the open part cost, with the sign of the quantity. Ten digits after the point.
    pub(super) cost: i128,
    /// Paid less received over all trades. Four digits after the point.
    pub(super) net_notional: i128,
    /// How many trades.
    pub(super) count: i128,
}

impl Position {
    /// Takes a trade in; gives what it realized, with ten digits after the point.
    ///
    /// What goes against the position closes it at its average cost, and what goes beyond it opens a new one at the
    /// trade's price.
    pub(super) fn apply(&mut self, trade: &Trade) -> i128 {
        let signed = trade.side.sign() * i128::from(trade.quantity);
        let price = i128::from(trade.price);
        self.net_notional += trade.side.sign() * i128::from(trade.notional);
        self.count += 1;
        let against = self.quantity.signum() * signed.signum() < 0;
        let closed = if against { -signed.signum() * signed.abs().min(self.quantity.abs()) } else { 0 };
        let closed_cost = divide(self.cost * closed, self.quantity);
        let opened = signed + closed;
        self.quantity += signed;
        self.cost += opened * price - closed_cost;
        closed * price - closed_cost
    }

    /// The average price of the open part, six digits after the point; 0 without one.
    pub(super) fn average_price(&self) -> i128 {
        divide(self.cost, self.quantity)
    }
}

#[cfg(test)]
mod tests {
    use super::super::market::Side;
    use super::*;

    const UNIT: i64 = 10_000;

    fn trade(side: Side, units: i64, dollars: i64) -> Trade {
        let (quantity, price) = (units * UNIT, dollars * 1_000_000);
        Trade { number: 1, at_ms: 0, instrument: 0, side, quantity, price, notional: units * dollars * UNIT }
    }

    /// Dollars with ten digits after the point.
    fn dollars(amount: i128) -> i128 {
        amount * 10_000_000_000
    }

    #[test]
    fn closing_realizes_against_the_average_cost() {
        let mut position = Position::default();
        assert_eq!(position.apply(&trade(Side::Buy, 10, 100)), 0);
        assert_eq!(position.apply(&trade(Side::Buy, 10, 110)), 0);
        assert_eq!(position.average_price(), 105_000_000);
        assert_eq!(position.apply(&trade(Side::Sell, 5, 120)), dollars(75));
        assert_eq!(position.average_price(), 105_000_000);
        assert_eq!(position.quantity, 15 * i128::from(UNIT));
    }

    #[test]
    fn going_through_zero_closes_one_position_and_opens_another() {
        let mut position = Position::default();
        position.apply(&trade(Side::Buy, 10, 100));
        assert_eq!(position.apply(&trade(Side::Sell, 25, 90)), dollars(-100));
        assert_eq!(position.quantity, -15 * i128::from(UNIT));
        assert_eq!(position.average_price(), 90_000_000);
        assert_eq!(position.apply(&trade(Side::Buy, 15, 80)), dollars(150));
        assert_eq!((position.quantity, position.cost), (0, 0));
        assert_eq!(position.average_price(), 0);
    }
}
