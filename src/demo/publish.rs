//! From the pipeline's values to the tables' rows.

use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;

use crate::stores::embedded::EmbeddedTable;

use super::analytics::{
    Analytics, Bar, Closed, DAY_MS, DayPnl, HOUR_MS, InstrumentState, RATIO_SCALE, Volatility, Window,
};
use super::fixed::{PRICE_SCALE, PRODUCT_SCALE, QUANTITY_SCALE, divide, to_double};
use super::instruments::{INSTRUMENTS, Instrument};
use super::market::{Quote, Trade};
use super::rows::{Cell, Rows};
use super::tables::DemoTables;

/// Puts the instruments in their table.
pub(super) fn instruments(tables: &DemoTables, now: DateTime<Utc>) -> Result<()> {
    let mut rows = Rows::new(tables.dim_instruments.schema(), INSTRUMENTS.len())?;
    for instrument in &INSTRUMENTS {
        rows.push([
            Cell::Text(instrument.symbol),
            Cell::Text(instrument.name),
            Cell::Text(instrument.sector),
            Cell::Text(instrument.exchange),
            Cell::Text(instrument.currency),
            Cell::Number(i128::from(instrument.lot_size)),
        ])?;
    }
    tables.dim_instruments.append(&rows.finish()?, now)
}

/// The rows of new trades, as `raw_trades` and as `fct_trades` hold them.
pub(super) fn trades(tables: &DemoTables, trades: &[Trade]) -> Result<(RecordBatch, RecordBatch)> {
    let mut raw = Rows::new(tables.raw_trades.schema(), trades.len())?;
    let mut facts = Rows::new(tables.fct_trades.schema(), trades.len())?;
    for trade in trades {
        let instrument = &INSTRUMENTS[trade.instrument];
        let id = trade_id(trade);
        let [id, at, symbol] = [Cell::Text(&id), Cell::Time(trade.at_ms), Cell::Text(instrument.symbol)];
        let side = Cell::Text(trade.side.name());
        let [quantity, price, notional] =
            [trade.quantity, trade.price, trade.notional].map(|number| Cell::Number(i128::from(number)));
        raw.push([id, at, symbol, side, quantity, price, notional])?;
        facts.push([
            Cell::Text(instrument.tenant),
            id,
            at,
            symbol,
            Cell::Text(instrument.name),
            Cell::Text(instrument.sector),
            Cell::Text(instrument.exchange),
            Cell::Text(instrument.currency),
            side,
            quantity,
            price,
            notional,
            Cell::Day(trade.at_ms.div_euclid(DAY_MS)),
            Cell::Number(i128::from(trade.at_ms.rem_euclid(DAY_MS) / HOUR_MS)),
        ])?;
    }
    Ok((raw.finish()?, facts.finish()?))
}

/// Twelve digits, so that the order of the text is the order of the trades.
fn trade_id(trade: &Trade) -> String {
    format!("T{:012}", trade.number)
}

/// The rows of new quotes.
pub(super) fn quotes(tables: &DemoTables, quotes: &[Quote]) -> Result<RecordBatch> {
    let mut rows = Rows::new(tables.raw_quotes.schema(), quotes.len())?;
    for quote in quotes {
        let [bid, ask, bid_size, ask_size, mid] = [quote.bid, quote.ask, quote.bid_size, quote.ask_size, quote.mid]
            .map(|number| Cell::Number(i128::from(number)));
        let symbol = Cell::Text(INSTRUMENTS[quote.instrument].symbol);
        rows.push([symbol, Cell::Time(quote.at_ms), bid, ask, bid_size, ask_size, mid])?;
    }
    rows.finish()
}

/// Brings every table that is computed up to date; names those that changed.
pub(super) fn derived<'a>(
    tables: &'a DemoTables,
    analytics: &mut Analytics,
    traded: bool,
    now: DateTime<Utc>,
) -> Result<Vec<&'a EmbeddedTable>> {
    let closed = analytics.take_closed();
    let mut changed = Vec::new();
    if !closed.windows.is_empty() {
        tables.vwap_5min.append(&windows(tables.vwap_5min.schema(), &closed.windows)?, now)?;
        changed.push(tables.vwap_5min.as_ref());
    }
    if !closed.volatilities.is_empty() {
        let rows = volatilities(tables.rolling_volatility.schema(), &closed.volatilities)?;
        tables.rolling_volatility.append(&rows, now)?;
        tables.volatility.replace(&latest_volatility(tables.volatility.schema(), analytics)?, now)?;
        changed.extend([tables.rolling_volatility.as_ref(), tables.volatility.as_ref()]);
    }
    if traded || !closed.hours.is_empty() {
        rollups(tables, analytics, &closed, now)?;
        tables.live_positions.replace(&live_positions(tables.live_positions.schema(), analytics)?, now)?;
        tables.vwap.replace(&latest_vwap(tables.vwap.schema(), analytics)?, now)?;
        changed.extend([
            tables.hourly_rollup.as_ref(),
            tables.daily_rollup.as_ref(),
            tables.rpt_daily_pnl.as_ref(),
            tables.live_positions.as_ref(),
            tables.vwap.as_ref(),
        ]);
    }
    tables.live_quotes.replace(&live_quotes(tables.live_quotes.schema(), analytics)?, now)?;
    tables.live_pnl.replace(&live_pnl(tables.live_pnl.schema(), analytics)?, now)?;
    tables.position.replace(&latest_position(tables.position.schema(), analytics)?, now)?;
    changed.extend([tables.live_quotes.as_ref(), tables.live_pnl.as_ref(), tables.position.as_ref()]);
    Ok(changed)
}

fn rollups(tables: &DemoTables, analytics: &Analytics, closed: &Closed, now: DateTime<Utc>) -> Result<()> {
    let states = || analytics.states().map(|(_, state)| state);
    let hours = |list: &mut dyn Iterator<Item = &Bar>| bars(tables.hourly_rollup.schema(), list, Cell::Time);
    let whole_day = |start_ms: i64| Cell::Day(start_ms.div_euclid(DAY_MS));
    let days = |list: &mut dyn Iterator<Item = &Bar>| bars(tables.daily_rollup.schema(), list, whole_day);
    let pnl = |list: &mut dyn Iterator<Item = &DayPnl>| daily_pnl(tables.rpt_daily_pnl.schema(), list);

    let open = hours(&mut states().filter_map(|state| state.hour.as_ref()))?;
    tables.hourly_rollup.publish(Some(&hours(&mut closed.hours.iter())?), Some(&open), now)?;
    let open = days(&mut states().filter_map(|state| state.day.as_ref()))?;
    tables.daily_rollup.publish(Some(&days(&mut closed.days.iter())?), Some(&open), now)?;
    let open = pnl(&mut states().filter_map(|state| state.day_pnl.as_ref()))?;
    tables.rpt_daily_pnl.publish(Some(&pnl(&mut closed.pnl.iter())?), Some(&open), now)
}

fn windows(schema: &SchemaRef, windows: &[Window]) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, windows.len())?;
    for window in windows {
        rows.push([
            Cell::Text(INSTRUMENTS[window.instrument].symbol),
            Cell::Time(window.end_ms),
            Cell::Number(window.sums.vwap()),
            Cell::Number(window.sums.quantity),
            Cell::Number(window.sums.count),
            Cell::Number(window.spread_hundredths_bps),
        ])?;
    }
    rows.finish()
}

fn volatilities(schema: &SchemaRef, volatilities: &[Volatility]) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, volatilities.len())?;
    for volatility in volatilities {
        rows.push([
            Cell::Text(INSTRUMENTS[volatility.instrument].symbol),
            Cell::Time(volatility.end_ms),
            Cell::Number(volatility.one_hour),
            Cell::Number(volatility.one_day),
            Cell::Number(volatility.return_pct),
        ])?;
    }
    rows.finish()
}

fn bars(
    schema: &SchemaRef,
    bars: &mut dyn Iterator<Item = &Bar>,
    start: impl Fn(i64) -> Cell<'static>,
) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for bar in bars {
        rows.push([
            Cell::Text(INSTRUMENTS[bar.instrument].symbol),
            start(bar.start_ms),
            Cell::Number(i128::from(bar.open)),
            Cell::Number(i128::from(bar.high)),
            Cell::Number(i128::from(bar.low)),
            Cell::Number(i128::from(bar.close)),
            Cell::Number(bar.sums.vwap()),
            Cell::Number(bar.sums.quantity),
            Cell::Number(bar.sums.count),
        ])?;
    }
    rows.finish()
}

fn daily_pnl(schema: &SchemaRef, days: &mut dyn Iterator<Item = &DayPnl>) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for day in days {
        let instrument = &INSTRUMENTS[day.instrument];
        rows.push([
            Cell::Text(instrument.tenant),
            Cell::Text(instrument.symbol),
            Cell::Day(day.day_start_ms.div_euclid(DAY_MS)),
            Cell::Number(divide(day.realized, PRODUCT_SCALE / QUANTITY_SCALE)),
            Cell::Number(day.sums.quantity),
            Cell::Number(day.sums.count),
            Cell::Number(day.sums.vwap()),
        ])?;
    }
    rows.finish()
}

/// Instruments with at least one trade.
fn traded(analytics: &Analytics) -> impl Iterator<Item = (&'static Instrument, &InstrumentState, &Trade)> {
    analytics.states().filter_map(|(number, state)| Some((&INSTRUMENTS[number], state, state.last_trade.as_ref()?)))
}

/// A number with four digits after the point as one with six, which Materialize's columns have here.
fn six_digits(number: i128) -> Cell<'static> {
    Cell::Number(number * (PRICE_SCALE / QUANTITY_SCALE))
}

fn live_positions(schema: &SchemaRef, analytics: &Analytics) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for (instrument, state, last) in traded(analytics) {
        rows.push([
            Cell::Text(instrument.tenant),
            Cell::Text(instrument.symbol),
            six_digits(state.position.quantity),
            six_digits(state.position.net_notional),
            Cell::Number(state.position.count),
            Cell::Time(last.at_ms),
        ])?;
    }
    rows.finish()
}

fn live_quotes(schema: &SchemaRef, analytics: &Analytics) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for (number, state) in analytics.states() {
        let Some(quote) = &state.last_quote else { continue };
        rows.push([
            Cell::Text(INSTRUMENTS[number].symbol),
            Cell::Number(i128::from(quote.bid)),
            Cell::Number(i128::from(quote.ask)),
            Cell::Number(i128::from(quote.mid)),
            six_digits(i128::from(quote.bid_size)),
            six_digits(i128::from(quote.ask_size)),
            Cell::Time(quote.at_ms),
        ])?;
    }
    rows.finish()
}

fn live_pnl(schema: &SchemaRef, analytics: &Analytics) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for (instrument, state, _) in traded(analytics) {
        let (Some(quote), Some(unrealized)) = (&state.last_quote, state.unrealized()) else { continue };
        rows.push([
            Cell::Text(instrument.tenant),
            Cell::Text(instrument.symbol),
            six_digits(state.position.quantity),
            six_digits(state.position.net_notional),
            Cell::Number(i128::from(quote.mid)),
            Cell::Number(divide(unrealized, PRODUCT_SCALE / PRICE_SCALE)),
            Cell::Time(state.changed_at_ms()),
        ])?;
    }
    rows.finish()
}

fn latest_vwap(schema: &SchemaRef, analytics: &Analytics) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for (instrument, state, last) in traded(analytics) {
        rows.push([
            Cell::Text(instrument.symbol),
            Cell::Double(to_double(state.recent_sums.vwap(), PRICE_SCALE)),
            Cell::Double(to_double(state.recent_sums.quantity, QUANTITY_SCALE)),
            Cell::Time(last.at_ms),
        ])?;
    }
    rows.finish()
}

fn latest_position(schema: &SchemaRef, analytics: &Analytics) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for (instrument, state, last) in traded(analytics) {
        let price = state.last_quote.map_or(last.price, |quote| quote.mid);
        rows.push([
            Cell::Text(instrument.symbol),
            Cell::Double(to_double(state.position.quantity, QUANTITY_SCALE)),
            Cell::Double(to_double(state.position.average_price(), PRICE_SCALE)),
            Cell::Double(to_double(state.position.quantity * i128::from(price), PRODUCT_SCALE)),
            Cell::Time(state.changed_at_ms()),
        ])?;
    }
    rows.finish()
}

fn latest_volatility(schema: &SchemaRef, analytics: &Analytics) -> Result<RecordBatch> {
    let mut rows = Rows::new(schema, INSTRUMENTS.len())?;
    for (number, state) in analytics.states() {
        let Some(volatility) = &state.volatility else { continue };
        rows.push([
            Cell::Text(INSTRUMENTS[number].symbol),
            Cell::Double(to_double(volatility.one_hour, RATIO_SCALE)),
            Cell::Double(to_double(volatility.one_day, RATIO_SCALE)),
            Cell::Double(to_double(volatility.return_pct, RATIO_SCALE)),
            Cell::Time(volatility.end_ms),
        ])?;
    }
    rows.finish()
}
