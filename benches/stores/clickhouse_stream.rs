//! Ten million rows of ClickHouse through the server to a client that throws them away, against reading what ClickHouse sends
//! for the same statement and throwing that away.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::ipc::reader::StreamDecoder;
use flowforge::stores::clickhouse::FIXED_SETTINGS;
use http_body_util::{BodyExt as _, Full};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::task::spawn_blocking;

use crate::Outcome;
use crate::common::{MemoryWatch, median, milliseconds};
use crate::raw_client::{Answer, RawClient};
use crate::setup::{Server, Stores, emitted};

const ROWS: u64 = 10_000_000;
const TABLE: &str = "marts.bench_trades";
const STATEMENT: &str = "SELECT trade_id, event_time, symbol, side, quantity, price, notional FROM marts.bench_trades";
const TURNS: usize = 3;

pub async fn measure(stores: Arc<Stores>) -> Outcome<()> {
    let port = stores.clickhouse_port()?;
    let _table = spawn_blocking(move || Table::fill(port)).await??;
    let server = Server::start_with_table(&stores, TABLE).await?;
    let statement = emitted(&server.client().await?, STATEMENT, &[]).await?;
    let direct = Direct::new(port, statement)?;
    // The connections are there before the first row that counts.
    stream(server.port(), format!("{STATEMENT} LIMIT 1000"), 1_000).await?;

    let (mut theirs, mut ours) = (Vec::new(), Vec::new());
    let memory = MemoryWatch::start(server.pid());
    for _ in 0..TURNS {
        theirs.push(direct.read().await?);
        ours.push(stream(server.port(), STATEMENT.to_owned(), ROWS).await?);
    }
    let (before, grown) = memory.end();
    let (theirs, ours) = (print("ArrowStream over HTTP", &theirs), print("through the server", &ours));
    println!("  ratio of the rates: {:.2} (goal at least 0.7)", ours.rate / theirs.rate);
    println!("  the first row comes {:.1} ms later (goal at most 5)", ours.first_ms - theirs.first_ms);
    println!("  resident memory: {before:.1} MiB before, grew by {grown:.1} MiB (goal less than 64)");
    Ok(())
}

/// How long a stream took.
struct Stream {
    first: Duration,
    all: Duration,
}

/// The medians of some streams.
struct Medians {
    first_ms: f64,
    /// Million rows a second.
    rate: f64,
}

fn print(name: &str, streams: &[Stream]) -> Medians {
    let rates: Vec<f64> = streams.iter().map(|stream| ROWS as f64 / stream.all.as_secs_f64() / 1e6).collect();
    let each: Vec<String> = rates.iter().map(|rate| format!("{rate:.2}")).collect();
    let first_ms = median(streams.iter().map(|stream| milliseconds(stream.first)).collect());
    println!(
        "  {ROWS} rows × 7 columns, {name}: {} million rows a second, first row after {first_ms:.1} ms",
        each.join(", ")
    );
    Medians { first_ms, rate: median(rates) }
}

/// The rows through the server, counted and not read. Planning is part of the time.
async fn stream(port: u16, sql: String, wanted: u64) -> Outcome<Stream> {
    let answer = spawn_blocking(move || RawClient::connect(port)?.ask(&RawClient::once(&sql)?)).await??;
    match answer {
        Answer { rows, first: Some(first), all } if rows == wanted => Ok(Stream { first, all }),
        Answer { rows, .. } => Err(format!("{rows} rows instead of {wanted}").into()),
    }
}

/// ClickHouse without a server of ours before it.
struct Direct {
    client: Client<HttpConnector, Full<Bytes>>,
    address: String,
    statement: String,
}

impl Direct {
    /// With the settings that the server has for every statement.
    fn new(port: u16, statement: String) -> Outcome<Self> {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("default_format", "ArrowStream").extend_pairs(FIXED_SETTINGS);
        let address = format!("http://127.0.0.1:{port}/?{}", query.finish());
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), address, statement })
    }

    /// Reads everything. Only the first rows are decoded, to know when they were there.
    async fn read(&self) -> Outcome<Stream> {
        let body = Full::new(Bytes::from(self.statement.clone()));
        let request = Request::builder().method(Method::POST).uri(&self.address).body(body)?;
        let started = Instant::now();
        let response = self.client.request(request).await?;
        if !response.status().is_success() {
            let text = response.into_body().collect().await?.to_bytes();
            return Err(String::from_utf8_lossy(&text).into_owned().into());
        }
        let mut body = response.into_body();
        let mut decoder = StreamDecoder::new();
        let mut first = None;
        while let Some(frame) = body.frame().await {
            let Ok(bytes) = frame?.into_data() else { continue };
            let mut pending = Buffer::from(bytes);
            while first.is_none() && !pending.is_empty() {
                first = decoder.decode(&mut pending)?.map(|_| started.elapsed());
            }
        }
        Ok(Stream { first: first.ok_or("there is no row")?, all: started.elapsed() })
    }
}

/// The table of the rows, for as long as this lives.
struct Table {
    port: u16,
}

impl Table {
    fn fill(port: u16) -> Outcome<Self> {
        let table = Self { port };
        table.run(&format!(
            "CREATE TABLE {TABLE} (tenant_id String, trade_id String, event_time DateTime64(6, 'UTC'), symbol String, \
             side String, quantity Decimal(18, 4), price Decimal(18, 6), notional Decimal(18, 4)) \
             ENGINE = MergeTree ORDER BY tenant_id"
        ))?;
        table.run(&format!(
            "INSERT INTO {TABLE} SELECT 'acme', concat('T', toString(number)), \
             toDateTime64('2024-01-01 00:00:00', 6, 'UTC') + toIntervalMillisecond(number), \
             ['AAPL', 'MSFT', 'GOOGL', 'AMZN', 'NVDA'][number % 5 + 1], if(number % 2 = 0, 'BUY', 'SELL'), \
             toDecimal64(number % 1000, 4), toDecimal64(100 + number % 97, 6), toDecimal64(number % 100000, 4) \
             FROM numbers({ROWS})"
        ))?;
        // Nothing is left to be merged while the streams run.
        table.run(&format!("OPTIMIZE TABLE {TABLE} FINAL"))?;
        Ok(table)
    }

    fn run(&self, statement: &str) -> Outcome<()> {
        let url = format!("http://127.0.0.1:{}/", self.port);
        let answer = ureq::post(&url).config().http_status_as_error(false).build().send(statement)?;
        let status = answer.status();
        let text = answer.into_body().read_to_string()?;
        if status.is_success() { Ok(()) } else { Err(text.into()) }
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        drop(self.run(&format!("DROP TABLE IF EXISTS {TABLE} SYNC")));
    }
}
