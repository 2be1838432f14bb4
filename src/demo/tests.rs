//! The computed tables against the raw ones, computed again in another way.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int16Type, Int64Type, TimestampMicrosecondType,
};
use datafusion::prelude::SessionContext;

use super::analytics::{DAY_MS, HOUR_MS, WINDOW_MS};
use super::feed::moment;
use super::history::{SeedOptions, seed};
use super::*;
use crate::base::TableName;
use crate::guard::Requirement;
use crate::stores::embedded::unguarded_provider;
use crate::stores::hub::Broadcast;

const RATES: Rates = Rates { trades_per_second: 10.0, quotes_per_second: 50.0 };

fn seeded(number: u64) -> Arc<DemoTables> {
    let tables = Arc::new(DemoTables::empty(&LimitSet::default()).unwrap());
    seed(&tables, SeedOptions { seed: number, end: FIXED_END }).unwrap();
    tables
}

fn session(tables: &DemoTables) -> SessionContext {
    let session = SessionContext::new();
    for table in tables.all() {
        session.register_table(table.name().table.as_str(), unguarded_provider(Arc::clone(table))).unwrap();
    }
    session
}

async fn rows(session: &SessionContext, sql: &str) -> RecordBatch {
    let frame = session.sql(sql).await.unwrap();
    let schema = Arc::clone(frame.schema().inner());
    datafusion::arrow::compute::concat_batches(&schema, &frame.collect().await.unwrap()).unwrap()
}

/// One number.
async fn count(session: &SessionContext, sql: &str) -> i64 {
    rows(session, sql).await.column(0).as_primitive::<Int64Type>().value(0)
}

/// Rows that are in one query's result and not in the other's, both ways.
async fn assert_same(session: &SessionContext, one: &str, other: &str) {
    assert!(count(session, &format!("SELECT count(*) FROM ({one})")).await > 0, "no rows: {one}");
    for (left, right) in [(one, other), (other, one)] {
        let difference = rows(session, &format!("({left}) EXCEPT ALL ({right}) LIMIT 5")).await;
        let shown = datafusion::arrow::util::pretty::pretty_format_batches(std::slice::from_ref(&difference)).unwrap();
        assert_eq!(difference.num_rows(), 0, "in\n{left}\nbut not in\n{right}\n{shown}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "a test that compares with a tolerance")]
fn numbers(batch: &RecordBatch, column: &str) -> Vec<f64> {
    let array = batch.column_by_name(column).unwrap();
    match array.data_type() {
        DataType::Decimal128(_, scale) => {
            let unit = 10_f64.powi(i32::from(*scale));
            array.as_primitive::<Decimal128Type>().values().iter().map(|value| *value as f64 / unit).collect()
        }
        DataType::Float64 => array.as_primitive::<Float64Type>().values().to_vec(),
        DataType::Int64 => array.as_primitive::<Int64Type>().values().iter().map(|value| *value as f64).collect(),
        DataType::Int16 => array.as_primitive::<Int16Type>().values().iter().map(|value| f64::from(*value)).collect(),
        DataType::Date32 => array.as_primitive::<Date32Type>().values().iter().map(|value| f64::from(*value)).collect(),
        other => panic!("{column} is {other}"),
    }
}

fn texts(batch: &RecordBatch, column: &str) -> Vec<String> {
    let array = batch.column_by_name(column).unwrap().as_string::<i32>();
    array.iter().map(|text| text.unwrap().to_owned()).collect()
}

fn times_ms(batch: &RecordBatch, column: &str) -> Vec<i64> {
    let array = batch.column_by_name(column).unwrap().as_primitive::<TimestampMicrosecondType>();
    array.values().iter().map(|micros| micros / 1_000).collect()
}

fn near(one: f64, other: f64, tolerance: f64) -> bool {
    (one - other).abs() <= tolerance
}

/// What the raw tables say, read back from them.
struct Raw {
    trades: Vec<RawTrade>,
    quotes: Vec<RawQuote>,
}

struct RawTrade {
    at_ms: i64,
    symbol: String,
    signed_quantity: f64,
    price: f64,
}

struct RawQuote {
    at_ms: i64,
    symbol: String,
    bid: f64,
    ask: f64,
}

impl Raw {
    async fn read(session: &SessionContext) -> Self {
        let batch = rows(session, "SELECT * FROM raw_trades ORDER BY trade_id").await;
        let (quantities, prices) = (numbers(&batch, "quantity"), numbers(&batch, "price"));
        let (at, symbols, sides) = (times_ms(&batch, "event_time"), texts(&batch, "symbol"), texts(&batch, "side"));
        let trades = (0..batch.num_rows())
            .map(|row| RawTrade {
                at_ms: at[row],
                symbol: symbols[row].clone(),
                signed_quantity: if sides[row] == "BUY" { quantities[row] } else { -quantities[row] },
                price: prices[row],
            })
            .collect();
        let batch = rows(session, "SELECT * FROM raw_quotes").await;
        let (bids, asks) = (numbers(&batch, "bid"), numbers(&batch, "ask"));
        let (at, symbols) = (times_ms(&batch, "event_time"), texts(&batch, "symbol"));
        let quotes = (0..batch.num_rows())
            .map(|row| RawQuote { at_ms: at[row], symbol: symbols[row].clone(), bid: bids[row], ask: asks[row] })
            .collect();
        Self { trades, quotes }
    }

    fn trades_of(&self, symbol: &str) -> impl DoubleEndedIterator<Item = &RawTrade> {
        self.trades.iter().filter(move |trade| trade.symbol == symbol)
    }

    fn quotes_of(&self, symbol: &str) -> impl DoubleEndedIterator<Item = &RawQuote> {
        self.quotes.iter().filter(move |quote| quote.symbol == symbol)
    }

    /// The last event.
    fn end_ms(&self) -> i64 {
        self.trades.last().unwrap().at_ms.max(self.quotes.last().unwrap().at_ms)
    }
}

/// What SQL over the raw tables can say in full.
async fn check_by_sql(session: &SessionContext) {
    assert_same(
        session,
        "SELECT notional FROM raw_trades",
        "SELECT CAST(round(CAST(price * quantity AS DECIMAL(38,10)), 4) AS DECIMAL(18,4)) AS notional FROM raw_trades",
    )
    .await;
    assert_same(
        session,
        "SELECT trade_id, event_time, symbol, instrument_name, sector, exchange, currency, side, quantity, price, notional,
                trade_date, CAST(trade_hour AS INT) FROM fct_trades",
        "SELECT trade_id, event_time, t.symbol, name, sector, exchange, currency, side, quantity, price, notional,
                CAST(event_time AS DATE) AS trade_date, CAST(date_part('hour', event_time) AS INT) AS trade_hour
         FROM raw_trades t JOIN dim_instruments i ON t.symbol = i.symbol",
    )
    .await;
    assert_same(
        session,
        "SELECT symbol, sum(quantity) AS q, count(*) AS n FROM fct_trades WHERE tenant_id = 'acme' GROUP BY symbol",
        "SELECT symbol, sum(quantity) AS q, count(*) AS n FROM raw_trades
         WHERE symbol IN ('AAPL', 'MSFT', 'GOOGL', 'AMZN', 'NVDA') GROUP BY symbol",
    )
    .await;
    for (table, column, unit, cast) in
        [("hourly_rollup", "hour", "hour", "TIMESTAMP"), ("daily_rollup", "day", "day", "DATE")]
    {
        let raw = format!(
            "SELECT symbol, CAST(date_trunc('{unit}', event_time) AS {cast}) AS start,
                    first_value(price ORDER BY trade_id) AS open, max(price) AS high, min(price) AS low,
                    last_value(price ORDER BY trade_id) AS close, CAST(sum(quantity) AS DECIMAL(18,4)) AS volume,
                    count(*) AS trades, sum(notional * 1e0) / sum(quantity * 1e0) AS vwap
             FROM raw_trades GROUP BY symbol, date_trunc('{unit}', event_time)"
        );
        assert_same(
            session,
            &format!(
                "SELECT symbol, CAST({column} AS {cast}) AS start, open, high, low, close, total_volume, trade_count FROM {table}"
            ),
            &format!("SELECT symbol, start, open, high, low, close, volume, trades FROM ({raw})"),
        )
        .await;
        let wrong = format!(
            "SELECT count(*) FROM {table} t JOIN ({raw}) r ON t.symbol = r.symbol AND CAST(t.{column} AS {cast}) = r.start
             WHERE abs(CAST(t.vwap AS DOUBLE) - r.vwap) > 0.000001"
        );
        assert_eq!(count(session, &wrong).await, 0, "{table}");
    }
    assert_same(
        session,
        "SELECT tenant_id, symbol, CAST(net_qty AS DECIMAL(20,4)) AS q, CAST(net_notional AS DECIMAL(20,4)) AS n,
                trade_count, CAST(last_update AS TIMESTAMP) AS at FROM live_positions",
        "SELECT tenant_id, symbol, CAST(sum(CASE side WHEN 'BUY' THEN quantity ELSE -quantity END) AS DECIMAL(20,4)) AS q,
                CAST(sum(CASE side WHEN 'BUY' THEN notional ELSE -notional END) AS DECIMAL(20,4)) AS n, count(*) AS trade_count,
                CAST(max(event_time) AS TIMESTAMP) AS at FROM fct_trades GROUP BY tenant_id, symbol",
    )
    .await;
    assert_same(
        session,
        "SELECT symbol, CAST(bid AS DOUBLE) AS b, CAST(ask AS DOUBLE) AS a, CAST(mid_price AS DOUBLE) AS m FROM live_quotes",
        "SELECT symbol, CAST(bid AS DOUBLE) AS b, CAST(ask AS DOUBLE) AS a, CAST((bid + ask) / 2 AS DOUBLE) AS m FROM (
             SELECT *, row_number() OVER (PARTITION BY symbol ORDER BY event_time DESC) AS place FROM raw_quotes)
         WHERE place = 1",
    )
    .await;
}

async fn check_windows(session: &SessionContext, raw: &Raw, until_ms: i64) {
    let table = rows(session, "SELECT * FROM vwap_5min").await;
    let (symbols, ends) = (texts(&table, "symbol"), times_ms(&table, "window_end"));
    let (vwaps, volumes) = (numbers(&table, "vwap"), numbers(&table, "volume"));
    let (counts, spreads) = (numbers(&table, "trade_count"), numbers(&table, "spread_bps"));
    let mut expected: BTreeMap<(String, i64), (f64, f64, f64)> = BTreeMap::new();
    for trade in &raw.trades {
        let end_ms = (trade.at_ms / WINDOW_MS + 1) * WINDOW_MS;
        if end_ms <= until_ms {
            let sums = expected.entry((trade.symbol.clone(), end_ms)).or_default();
            sums.0 += trade.price * trade.signed_quantity.abs();
            sums.1 += trade.signed_quantity.abs();
            sums.2 += 1.0;
        }
    }
    assert_eq!(table.num_rows(), expected.len());
    for row in 0..table.num_rows() {
        let (notional, volume, trades) = expected[&(symbols[row].clone(), ends[row])];
        assert!(near(vwaps[row], notional / volume, 1e-4) && near(volumes[row], volume, 1e-6), "row {row}");
        assert!(near(counts[row], trades, 0.0));
        if row % 50 == 0 {
            let quote = raw.quotes_of(&symbols[row]).rfind(|quote| quote.at_ms < ends[row]).unwrap();
            let spread = (quote.ask - quote.bid) / ((quote.ask + quote.bid) / 2.0) * 10_000.0;
            assert!(near(spreads[row], spread, 0.0051), "{} {spread}", spreads[row]);
        }
    }
}

fn deviation(values: &[f64]) -> f64 {
    let (mut mean, mut squares, mut count) = (0.0, 0.0, 0.0);
    for value in values {
        count += 1.0;
        let difference = value - mean;
        mean += difference / count;
        squares += difference * (value - mean);
    }
    f64::sqrt(squares / (count - 1.0))
}

async fn check_volatility(session: &SessionContext, raw: &Raw, until_ms: i64) {
    for instrument in &INSTRUMENTS {
        let symbol = instrument.symbol;
        let sql = format!("SELECT * FROM rolling_volatility WHERE symbol = '{symbol}' ORDER BY window_end");
        let table = rows(session, &sql).await;
        let first_ms = raw.trades_of(symbol).next().unwrap().at_ms;
        let mut end_ms = (first_ms / WINDOW_MS + 1) * WINDOW_MS;
        let mut trades = raw.trades_of(symbol).peekable();
        let (mut price, mut prices) = (0.0, Vec::new());
        while end_ms <= until_ms {
            while let Some(trade) = trades.next_if(|trade| trade.at_ms < end_ms) {
                price = trade.price;
            }
            prices.push((end_ms, price));
            end_ms += WINDOW_MS;
        }
        let returns: Vec<f64> = prices.windows(2).map(|pair| (pair[1].1 / pair[0].1).ln()).collect();
        assert_eq!(table.num_rows(), returns.len() - 1, "{symbol}");
        let (hour, day) = (numbers(&table, "volatility_1h"), numbers(&table, "volatility_24h"));
        let (ends, change) = (times_ms(&table, "window_end"), numbers(&table, "return_pct"));
        for row in (0..table.num_rows()).step_by(7) {
            let known = &returns[..row + 2];
            assert_eq!(ends[row], prices[row + 2].0);
            assert!(near(hour[row], deviation(&known[known.len().saturating_sub(12)..]), 2e-8), "{symbol} {row}");
            assert!(near(day[row], deviation(&known[known.len().saturating_sub(288)..]), 2e-8), "{symbol} {row}");
            assert!(near(change[row], (prices[row + 2].1 / prices[row + 1].1 - 1.0) * 100.0, 1e-7), "{symbol} {row}");
        }
        let latest = rows(session, &format!("SELECT * FROM volatility WHERE symbol = '{symbol}'")).await;
        assert_eq!(times_ms(&latest, "window_end"), [*ends.last().unwrap()]);
        assert!(near(numbers(&latest, "volatility_24h")[0], *day.last().unwrap(), 1e-12));
    }
}

/// Average cost in doubles: the position, its average price, and what each day realized.
fn average_cost<'a>(trades: impl Iterator<Item = &'a RawTrade>) -> (f64, f64, BTreeMap<i64, f64>) {
    let (mut quantity, mut average, mut days) = (0.0_f64, 0.0_f64, BTreeMap::new());
    for trade in trades {
        let realized = days.entry(trade.at_ms.div_euclid(DAY_MS)).or_insert(0.0);
        let after = quantity + trade.signed_quantity;
        if quantity * trade.signed_quantity >= 0.0 {
            average = (quantity * average + trade.signed_quantity * trade.price) / after;
        } else {
            let closed = trade.signed_quantity.abs().min(quantity.abs());
            *realized += closed * (trade.price - average) * quantity.signum();
            if after * quantity < 0.0 {
                average = trade.price;
            }
        }
        quantity = after;
    }
    (quantity, average, days)
}

async fn check_positions(session: &SessionContext, raw: &Raw) {
    for instrument in &INSTRUMENTS {
        let symbol = instrument.symbol;
        let (quantity, average, days) = average_cost(raw.trades_of(symbol));
        let sql = format!("SELECT * FROM rpt_daily_pnl WHERE symbol = '{symbol}' ORDER BY trade_date");
        let report = rows(session, &sql).await;
        assert_eq!(report.num_rows(), days.len(), "{symbol}");
        assert!(texts(&report, "tenant_id").iter().all(|tenant| tenant == instrument.tenant));
        for (found, expected) in numbers(&report, "realized_pnl").iter().zip(days.values()) {
            assert!(near(*found, *expected, 0.01), "{symbol}: {found} {expected}");
        }
        let position = rows(session, &format!("SELECT * FROM position WHERE symbol = '{symbol}'")).await;
        let quote = raw.quotes_of(symbol).next_back().unwrap();
        let mid = f64::midpoint(quote.bid, quote.ask);
        assert!(near(numbers(&position, "quantity")[0], quantity, 1e-4), "{symbol}");
        assert!(near(numbers(&position, "avg_price")[0], average, 1e-4), "{symbol}");
        assert!(near(numbers(&position, "market_value")[0], quantity * mid, 0.1), "{symbol}");
        let pnl = rows(session, &format!("SELECT * FROM live_pnl WHERE symbol = '{symbol}'")).await;
        let paid: f64 = raw.trades_of(symbol).map(|trade| trade.signed_quantity * trade.price).sum();
        assert!(near(numbers(&pnl, "unrealized_pnl")[0], quantity * mid - paid, 0.5), "{symbol}");
    }
}

async fn check_latest_vwap(session: &SessionContext, raw: &Raw) {
    for instrument in &INSTRUMENTS {
        let symbol = instrument.symbol;
        let last_ms = raw.trades_of(symbol).next_back().unwrap().at_ms;
        let recent = raw.trades_of(symbol).filter(|trade| trade.at_ms > last_ms - WINDOW_MS);
        let (notional, volume) = recent.fold((0.0, 0.0), |(notional, volume), trade| {
            let quantity = trade.signed_quantity.abs();
            (notional + quantity * trade.price, volume + quantity)
        });
        let latest = rows(session, &format!("SELECT * FROM vwap WHERE symbol = '{symbol}'")).await;
        assert!(near(numbers(&latest, "vwap")[0], notional / volume, 1e-4), "{symbol}");
        assert!(near(numbers(&latest, "volume")[0], volume, 1e-6), "{symbol}");
        assert_eq!(times_ms(&latest, "timestamp"), [last_ms]);
    }
}

async fn check_all(tables: &DemoTables, until_ms: Option<i64>) {
    let session = session(tables);
    check_by_sql(&session).await;
    let raw = Raw::read(&session).await;
    let until_ms = until_ms.unwrap_or_else(|| raw.end_ms());
    check_windows(&session, &raw, until_ms).await;
    check_volatility(&session, &raw, until_ms).await;
    check_positions(&session, &raw).await;
    check_latest_vwap(&session, &raw).await;
}

#[tokio::test]
async fn what_is_seeded_is_computed_from_the_trades_and_quotes() {
    let tables = seeded(42);
    assert_eq!((tables.raw_trades.row_count(), tables.raw_quotes.row_count()), (TRADES, QUOTES));
    let raw = Raw::read(&session(&tables)).await;
    let start_ms = (FIXED_END - TimeDelta::days(DAYS)).timestamp_millis();
    assert!(raw.trades.iter().all(|trade| (start_ms..FIXED_END.timestamp_millis()).contains(&trade.at_ms)));
    check_all(&tables, Some(FIXED_END.timestamp_millis())).await;
}

fn contents(tables: &DemoTables) -> Vec<Vec<RecordBatch>> {
    tables.all().into_iter().map(|table| table.batches()).collect()
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_does_not() {
    let (one, same, other) = (contents(&seeded(1)), contents(&seeded(1)), contents(&seeded(2)));
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn without_rates_the_history_ends_at_the_fixed_moment_and_no_feed_runs() {
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    let none = Rates { trades_per_second: 0.0, quotes_per_second: 0.0 };
    let options = DemoOptions { seed: 1, rates: none };
    let demo = start(options, &Hub::default(), &LimitSet::default(), &executor).unwrap();
    assert!(demo.feed.is_none());
    assert_eq!(demo.stores.iter().map(|store| store.kind()).collect::<Vec<_>>(), StoreKind::ALL);
    assert_eq!(contents(&demo.tables), contents(&seeded(1)));
}

#[tokio::test]
async fn a_store_runs_a_plan_over_its_own_table_leaves_only() {
    use crate::catalog::{Snapshot, TenantView};
    use datafusion::common::ScalarValue;
    use datafusion::logical_expr::{LogicalPlanBuilder, TableSource, col, lit, placeholder};
    use futures::TryStreamExt;

    let tables = seeded(3);
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    let stores = stores(&tables, &executor);
    let mut discovered = Vec::new();
    for store in &stores {
        discovered.extend(store.discover().await.unwrap());
    }
    let snapshot = Arc::new(Snapshot::new(1, discovered, Arc::new(policies())));
    assert_eq!(snapshot.invisible().count(), 0);
    let tenant = Arc::new(tenants().unwrap().remove(0));
    let view = TenantView::new(Arc::clone(&tenant), snapshot);
    let leaf = view.leaf(&TableName::new("latest", "vwap")).unwrap();
    let required = [Requirement::new(leaf.table().physical.clone(), leaf.policy(), &tenant)];
    let leaf: Arc<dyn TableSource> = leaf;
    let plan = LogicalPlanBuilder::scan("latest.vwap", leaf, None)
        .unwrap()
        .filter(col("symbol").in_list(vec![lit("AAPL"), lit("MSFT")], false))
        .unwrap()
        .filter(col("symbol").eq(placeholder("$1")))
        .unwrap()
        .build()
        .unwrap();

    let own = vec![Arc::clone(&tables.vwap)];
    let redis = EmbeddedStore::new(StoreKind::Redis, own, Arc::clone(&executor));
    assert!(redis.prepare_plan(&plan, &[]).is_err(), "a table of which nothing is required");
    let redis = redis.prepare_plan(&plan, &required).unwrap();
    for (symbol, expected) in [("AAPL", 1), ("TSLA", 0), ("MSFT", 1)] {
        let run = query_tests::context(vec![ScalarValue::Utf8(Some(symbol.into()))]);
        let batches: Vec<RecordBatch> = redis.run(&run).await.unwrap().try_collect().await.unwrap();
        assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), expected, "{symbol}");
    }
    let other = EmbeddedStore::new(StoreKind::ClickHouse, vec![Arc::clone(&tables.raw_trades)], executor);
    assert!(other.prepare_plan(&plan, &required).is_err(), "a table of another store");
}

/// A feed on a fresh history under these limits.
fn feed(limits: &LimitSet, hub: &Hub, rates: Rates) -> (Arc<DemoTables>, Feed) {
    let tables = Arc::new(DemoTables::empty(limits).unwrap());
    let seeded = seed(&tables, SeedOptions { seed: 5, end: FIXED_END }).unwrap();
    let feed = Feed::new(seeded, Arc::clone(&tables), hub.clone(), rates, FIXED_END);
    (tables, feed)
}

fn drive(feed: &mut Feed, from: DateTime<Utc>, seconds: i64, step_ms: i64) {
    for step in 1..=seconds * 1_000 / step_ms {
        feed.step(from + TimeDelta::milliseconds(step * step_ms)).unwrap();
    }
}

#[tokio::test]
async fn what_the_feed_keeps_up_equals_what_the_raw_rows_say() {
    let (tables, mut feed) = feed(&LimitSet::default(), &Hub::default(), RATES);
    drive(&mut feed, FIXED_END, 11 * 60, 20);
    feed.flush_now().unwrap();
    assert_eq!(tables.raw_trades.row_count(), TRADES + 6_600);
    assert_eq!(tables.raw_quotes.row_count(), QUOTES + 33_000);
    check_all(&tables, None).await;
}

#[test]
fn memory_stays_bounded_while_days_pass() {
    let mut limits = LimitSet::default();
    limits.set("embedded_table_rows", 3_000).unwrap();
    let rates = Rates { trades_per_second: 0.02, quotes_per_second: 0.05 };
    let (tables, mut feed) = feed(&limits, &Hub::default(), rates);
    let mut most_kept = 0;
    for hour in 0..72 {
        drive(&mut feed, FIXED_END + TimeDelta::milliseconds(hour * HOUR_MS), 3_600, 5_000);
        most_kept = most_kept.max(feed.kept());
        for table in tables.all() {
            assert!(table.row_count() <= 3_000 + 10, "{table:?}");
            assert!(table.batch_count() <= 20, "{table:?} has {} batches", table.batch_count());
        }
    }
    let returns = 288 * INSTRUMENTS.len();
    assert!(most_kept <= returns + 200, "{most_kept} values are kept");
    assert_eq!(tables.daily_rollup.row_count(), 10 * 10, "seven days of history, two whole ones and a last, ended one");
}

#[test]
fn records_are_flushed_by_number_or_by_age_and_told_to_the_hub() {
    let hub = Hub::default();
    let mut heard = hub.subscribe();
    let slow = Rates { trades_per_second: 4.0, quotes_per_second: 0.0 };
    let (tables, mut slow) = feed(&LimitSet::default(), &hub, slow);
    slow.step(FIXED_END + TimeDelta::milliseconds(260)).unwrap();
    assert_eq!(tables.raw_trades.row_count(), TRADES, "one trade waits for others");
    slow.step(FIXED_END + TimeDelta::milliseconds(449)).unwrap();
    assert_eq!(tables.raw_trades.row_count(), TRADES);
    slow.step(FIXED_END + TimeDelta::milliseconds(450)).unwrap();
    assert_eq!(tables.raw_trades.row_count(), TRADES + 1, "200 ms have passed");

    let (mut rows, mut updates) = (BTreeMap::new(), BTreeSet::new());
    while let Ok(message) = heard.try_recv() {
        match message.as_ref() {
            Broadcast::TableRows { table, rows: new, .. } => _ = rows.insert(table.to_string(), new.num_rows()),
            Broadcast::TableUpdate { table, .. } => _ = updates.insert(table.to_string()),
            Broadcast::Alert { .. } => {}
        }
    }
    assert_eq!(rows, BTreeMap::from([("flowforge.raw_trades".into(), 1), ("marts.fct_trades".into(), 1)]));
    for table in ["latest.vwap", "metrics.hourly_rollup", "materialize.live_positions", "materialize.live_pnl"] {
        assert!(updates.contains(table), "{table} is not in {updates:?}");
    }

    let fast = Rates { trades_per_second: 1_000.0, quotes_per_second: 0.0 };
    let (tables, mut fast) = feed(&LimitSet::default(), &hub, fast);
    fast.step(FIXED_END + TimeDelta::milliseconds(49)).unwrap();
    assert_eq!(tables.raw_trades.row_count(), TRADES);
    fast.step(FIXED_END + TimeDelta::milliseconds(50)).unwrap();
    assert_eq!(tables.raw_trades.row_count(), TRADES + 50);
}

#[test]
fn after_a_pause_the_feed_does_not_make_up_for_all_of_it() {
    let (tables, mut feed) = feed(&LimitSet::default(), &Hub::default(), RATES);
    feed.step(FIXED_END + TimeDelta::hours(5)).unwrap();
    let made = tables.raw_trades.row_count() - TRADES;
    assert!((90..=102).contains(&made), "{made} trades");
}

#[test]
fn the_market_makes_every_kind_of_alert() {
    let hub = Hub::default();
    let mut heard = hub.subscribe();
    let rates = Rates { trades_per_second: 200.0, quotes_per_second: 200.0 };
    let (_, mut feed) = feed(&LimitSet::default(), &hub, rates);
    let mut kinds = BTreeSet::new();
    for second in 0..120 {
        drive(&mut feed, FIXED_END + TimeDelta::seconds(second), 1, 100);
        while let Ok(message) = heard.try_recv() {
            if let Broadcast::Alert { kind, .. } = message.as_ref() {
                kinds.insert(*kind);
            }
        }
    }
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), ["price_jump", "spread", "volume"]);
}

#[tokio::test]
async fn the_feed_runs_by_the_clock_and_ends_when_it_is_cancelled() {
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    let hub = Hub::default();
    let mut heard = hub.subscribe();
    let demo = start(DemoOptions { seed: 1, rates: RATES }, &hub, &LimitSet::default(), &executor).unwrap();
    let cancel = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(demo.feed.unwrap().run(cancel.clone()));
    let patience = std::time::Duration::from_secs(10);
    tokio::time::timeout(patience, heard.recv()).await.unwrap().unwrap();
    cancel.cancel();
    tokio::time::timeout(patience, running).await.unwrap().unwrap();
    assert!(demo.tables.raw_quotes.row_count() > QUOTES);
}

#[test]
fn tenants_users_and_policies_belong_together() {
    let tenants = tenants().unwrap();
    let policies = policies();
    assert_eq!(tenants.len(), 2);
    assert!(users().unwrap().iter().all(|(_, id)| tenants.iter().any(|tenant| tenant.id == *id)));
    let tables = DemoTables::empty(&LimitSet::default()).unwrap();
    assert!(tables.all().iter().all(|table| policies.of(table.name()).is_some()));
    assert_eq!(tenants[0].attributes["symbols"], ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA"]);
    assert_eq!(tenants[1].attributes["symbols"], ["TSLA", "META", "JPM", "BAC", "GS"]);
    assert_eq!(moment(0), DateTime::UNIX_EPOCH);
}
