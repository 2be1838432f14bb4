//! A row of Redis by its key: against HGETALL through the same driver, and against redis-benchmark at eight clients. Both are
//! also set against the floor: what the same messages cost where nothing is done between the client and Redis.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Instant;

use tokio::task::spawn_blocking;

use crate::Outcome;
use crate::callers::{Caller, alone, print};
use crate::common::{Times, median, microseconds};
use crate::floor::Floor;
use crate::raw_client::RawClient;
use crate::setup::{Server, Stores, connect};

const STATEMENT: &str = "SELECT * FROM latest.vwap WHERE symbol = $1";
const SYMBOL: &str = "AAPL";
const KEY: &str = "latest:vwap:AAPL";
/// Of the row: the key and three fields.
const COLUMNS: usize = 4;
const LOOKUPS: usize = 20_000;
const CLIENTS: usize = 8;
/// Lookups of all clients together in one turn.
const LOOKUPS_TOGETHER: usize = 200_000;
const TURNS: usize = 3;

pub async fn measure(stores: Arc<Stores>) -> Outcome<()> {
    let redis_port = stores.redis_port()?;
    let server = Server::start(&stores).await?;
    let floor = Floor::start(redis_port, KEY, COLUMNS).await?;
    one_client(&server, &floor, redis_port).await?;
    let (port, floor_port) = (server.port(), floor.port());
    spawn_blocking(move || eight_clients(port, floor_port, redis_port)).await?
}

async fn one_client(server: &Server, floor: &Floor, redis_port: u16) -> Outcome<()> {
    let redis = redis::Client::open(format!("redis://127.0.0.1:{redis_port}/0"))?;
    let connection = redis.get_multiplexed_async_connection().await?;
    let direct = Caller::Redis { connection, key: KEY };
    let ours = Caller::prepare(server.client().await?, STATEMENT, SYMBOL).await?;
    let floor = connect(&format!("postgres://acme@127.0.0.1:{}/flowforge", floor.port())).await?;
    let floor = Caller::prepare(floor, STATEMENT, SYMBOL).await?;
    let times = alone(&mut [direct, ours, floor], LOOKUPS).await?;
    print("HGETALL, one client", &times[0]);
    print("prepared SELECT by key, one client", &times[1]);
    print("the floor: the same messages and HGETALL, without SQL", &times[2]);
    let ratio = |one: &Times, other: &Times| microseconds(one.median()) / microseconds(other.median());
    let (to_redis, to_floor) = (ratio(&times[1], &times[0]), ratio(&times[1], &times[2]));
    println!("  ratio of the medians: {to_redis:.2} (goal at most 2); to the floor {to_floor:.2}");
    println!("  ratio of the floor itself: {:.2}", ratio(&times[2], &times[0]));
    Ok(())
}

/// Neither side sends a command before the last one is answered.
fn eight_clients(port: u16, floor_port: u16, redis_port: u16) -> Outcome<()> {
    if Command::new("redis-benchmark").arg("--version").output().is_err() {
        println!("  redis-benchmark is not there: no rate");
        return Ok(());
    }
    let prepared = |port| (0..CLIENTS).map(|_| prepared(port)).collect::<Outcome<Vec<_>>>();
    let (mut clients, mut floor_clients) = (prepared(port)?, prepared(floor_port)?);
    let (mut direct, mut ours, mut floor) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..TURNS {
        direct.push(redis_benchmark(redis_port)?);
        ours.push(rate(&mut clients)?);
        floor.push(rate(&mut floor_clients)?);
    }
    let (direct, ours, floor) = (median(direct), median(ours), median(floor));
    println!("  redis-benchmark, HGETALL, {CLIENTS} clients: {direct:.0} a second");
    println!("  prepared SELECT by key, {CLIENTS} clients: {ours:.0} a second");
    println!("  the floor, {CLIENTS} clients: {floor:.0} a second");
    println!("  ratio of the rates: {:.2} (goal at least 0.5); to the floor {:.2}", ours / direct, ours / floor);
    println!("  ratio of the floor itself: {:.2}", floor / direct);
    Ok(())
}

fn prepared(port: u16) -> Outcome<RawClient> {
    let mut client = RawClient::connect(port)?;
    client.prepare(STATEMENT)?;
    Ok(client)
}

/// The lookups a second of clients that ask at the same time.
fn rate(clients: &mut [RawClient]) -> Outcome<f64> {
    let each = LOOKUPS_TOGETHER / CLIENTS;
    let started = Instant::now();
    std::thread::scope(|scope| {
        let running: Vec<_> = clients.iter_mut().map(|client| scope.spawn(move || look_up(client, each))).collect();
        running.into_iter().try_for_each(|client| client.join().unwrap_or_else(|_| Err("a client panicked".into())))
    })?;
    Ok((each * CLIENTS) as f64 / started.elapsed().as_secs_f64())
}

fn look_up(client: &mut RawClient, count: usize) -> Outcome<()> {
    let request = RawClient::execution(&[SYMBOL])?;
    for _ in 0..count {
        let answer = client.ask(&request)?;
        if answer.rows != 1 {
            return Err(format!("{} rows instead of one", answer.rows).into());
        }
    }
    Ok(())
}

/// The rate that it says: the second field of the last line of its table.
fn redis_benchmark(port: u16) -> Outcome<f64> {
    let ran = Command::new("redis-benchmark")
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-c", &CLIENTS.to_string()])
        .args(["-n", &LOOKUPS_TOGETHER.to_string(), "--csv", "HGETALL", KEY])
        .stdin(Stdio::null())
        .output()?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    let field = text.lines().rfind(|line| line.contains(KEY)).and_then(|line| line.split("\",\"").nth(1));
    let rate = field.and_then(|field| field.trim_matches('"').parse().ok());
    rate.ok_or_else(|| format!("redis-benchmark said {text:?}").into())
}
