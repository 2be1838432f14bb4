//! What a client feels: the start, a prepared point lookup, and a long stream, against the release binary over loopback.
//!
//! PostgreSQL 15 is the peer where its programs are found (`FLOWFORGE_POSTGRES_BIN`, or on the PATH): the same lookup in the
//! same run, as a ratio. Nothing here asserts a time.

#![allow(missing_docs, reason = "a benchmark has no interface")]
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot run says so by ending")]

#[allow(dead_code, reason = "each benchmark takes what it needs")]
mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use futures::{TryStreamExt, pin_mut};
use tokio_postgres::{Client, NoTls, Statement};

use common::{MemoryWatch, Stopped, free_port, milliseconds};

const LOOKUPS: usize = 20_000;
/// Lookups before it is the next one's turn.
const TURN: usize = 50;
const STREAM: &str = "SELECT t.trade_id, t.event_time, t.symbol, t.side, t.quantity, t.price, t.notional \
                      FROM flowforge.raw_trades t \
                      CROSS JOIN (SELECT trade_id AS other FROM flowforge.raw_trades LIMIT 220) u LIMIT 5000000";

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(run());
}

async fn run() {
    let (server, port, start) = start_server().await;
    println!("start to the first answer, with login: {:.0} ms (goal 2000)", milliseconds(start));
    let url = url(port);

    lookups(&url).await;
    stream(&connect(&url).await, server.0.id()).await;
}

async fn start_server() -> (Stopped, u16, Duration) {
    let (pg, http) = (free_port(), free_port());
    let started = Instant::now();
    let child = Command::new(env!("CARGO_BIN_EXE_flowforge"))
        .args(["demo", "--trades-per-second", "0", "--quotes-per-second", "0"])
        .args(["--pg-listen", &format!("127.0.0.1:{pg}"), "--http-listen", &format!("127.0.0.1:{http}")])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let child = Stopped(child);
    while tokio::net::TcpStream::connect(("127.0.0.1", pg)).await.is_err() {
        assert!(started.elapsed() < Duration::from_secs(60), "the server did not start");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    // The address is taken before the tables are filled: only an answer shows that the server has started.
    let client = connect(&url(pg)).await;
    let rows = client.query_one("SELECT count(*) FROM raw_trades", &[]).await.unwrap();
    assert!(rows.get::<_, i64>(0) > 0, "the tables are filled");
    (child, pg, started.elapsed())
}

fn url(port: u16) -> String {
    format!("postgres://acme:acme@127.0.0.1:{port}/flowforge")
}

async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// A statement with one parameter, prepared on a connection of its own, and how long each run of it took.
struct Lookup {
    name: &'static str,
    client: Client,
    statement: Statement,
    times: Vec<Duration>,
}

impl Lookup {
    async fn prepare(name: &'static str, client: Client, sql: &str) -> Self {
        let statement = client.prepare(sql).await.unwrap();
        for _ in 0..500 {
            assert_eq!(client.query(&statement, &[&"AAPL"]).await.unwrap().len(), 1);
        }
        Self { name, client, statement, times: Vec::with_capacity(LOOKUPS) }
    }

    async fn run(&mut self, count: usize) {
        for _ in 0..count {
            let started = Instant::now();
            self.client.query(&self.statement, &[&"AAPL"]).await.unwrap();
            self.times.push(started.elapsed());
        }
    }

    fn median(&mut self) -> f64 {
        self.times.sort_unstable();
        self.times[self.times.len() / 2].as_secs_f64() * 1e6
    }
}

/// The lookups and the peer's take turns: what else the machine does meanwhile hits all of them alike.
async fn lookups(url: &str) {
    let latest = "SELECT symbol, vwap, volume FROM latest.vwap WHERE symbol = $1";
    let instruments = "SELECT symbol, name, sector FROM marts.dim_instruments WHERE symbol = $1";
    let mut all = vec![
        Lookup::prepare("prepared single-row SELECT, one client (goal 300)", connect(url).await, latest).await,
        Lookup::prepare("the same on marts.dim_instruments", connect(url).await, instruments).await,
    ];
    let folder = tempfile::tempdir().unwrap();
    let peer = start_peer(folder.path()).await;
    match &peer {
        Some((_, port)) => all.push(peer_lookup(*port).await),
        None => println!("PostgreSQL 15: not found, no ratio"),
    }
    for _ in 0..LOOKUPS / TURN {
        for lookup in &mut all {
            lookup.run(TURN).await;
        }
    }
    let medians: Vec<f64> = all.iter_mut().map(Lookup::median).collect();
    for (lookup, median) in all.iter().zip(&medians) {
        println!("{}: p50 {median:.0} µs", lookup.name);
    }
    if peer.is_some() {
        println!("ratio of the first to the peer: {:.2}", medians[0] / medians[medians.len() - 1]);
    }
}

async fn stream(client: &Client, pid: u32) {
    let memory = MemoryWatch::start(pid);
    let started = Instant::now();
    let statement = client.prepare(STREAM).await.unwrap();
    let prepared = started.elapsed();
    let parameters: [&str; 0] = [];
    let rows = client.query_raw(&statement, parameters).await.unwrap();
    pin_mut!(rows);
    let mut first = None;
    let mut count = 0_u64;
    while let Some(row) = rows.try_next().await.unwrap() {
        first.get_or_insert_with(|| started.elapsed());
        count += 1;
        std::hint::black_box(row);
    }
    let elapsed = started.elapsed();
    let (before, grown) = memory.end();
    println!(
        "stream of {count} rows × 7 columns: prepared after {:.1} ms, first row after {:.1} ms (goal 50), {:.2} s in all, {:.2} million rows/s",
        milliseconds(prepared),
        milliseconds(first.unwrap()),
        elapsed.as_secs_f64(),
        count as f64 / elapsed.as_secs_f64() / 1e6
    );
    println!("resident memory: {before:.1} MiB before, grew by {grown:.1} MiB (goal 64)");
}

async fn start_peer(folder: &Path) -> Option<(Stopped, u16)> {
    start_postgres(&postgres_programs()?, folder).await
}

async fn peer_lookup(port: u16) -> Lookup {
    let client = connect(&format!("postgres://peer@127.0.0.1:{port}/postgres")).await;
    let setup = "CREATE TABLE vwap (symbol text PRIMARY KEY, vwap float8, volume float8);
                 INSERT INTO vwap VALUES ('AAPL', 1, 2), ('MSFT', 3, 4), ('GOOGL', 5, 6), ('AMZN', 7, 8), ('NVDA', 9, 10)";
    client.batch_execute(setup).await.unwrap();
    let sql = "SELECT symbol, vwap, volume FROM vwap WHERE symbol = $1";
    Lookup::prepare("PostgreSQL 15, the same lookup", client, sql).await
}

fn postgres_programs() -> Option<PathBuf> {
    let configured = std::env::var_os("FLOWFORGE_POSTGRES_BIN").map(PathBuf::from);
    let on_path =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    let debian = PathBuf::from("/usr/lib/postgresql/15/bin");
    configured.into_iter().chain([debian]).chain(on_path).find(|folder| folder.join("initdb").exists())
}

/// PostgreSQL refuses to run as root, so root lends it to an unprivileged user.
fn command(program: &Path, is_root: bool) -> Command {
    if !is_root {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

async fn start_postgres(programs: &Path, folder: &Path) -> Option<(Stopped, u16)> {
    let is_root = fs::metadata("/proc/self").ok().is_some_and(|data| std::os::unix::fs::MetadataExt::uid(&data) == 0);
    let data = folder.join("data");
    fs::create_dir(&data).unwrap();
    if is_root {
        std::os::unix::fs::chown(folder, Some(65534), Some(65534)).unwrap();
        std::os::unix::fs::chown(&data, Some(65534), Some(65534)).unwrap();
    }
    let made = command(&programs.join("initdb"), is_root)
        .args(["-U", "peer", "-A", "trust", "--no-sync", "-D"])
        .arg(&data)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .ok()?;
    if !made.success() {
        return None;
    }
    let port = free_port();
    let child = command(&programs.join("postgres"), is_root)
        .arg("-D")
        .arg(&data)
        .args(["-p", &port.to_string(), "-k", ""])
        .args(["-c", "listen_addresses=127.0.0.1"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let child = Stopped(child);
    for _ in 0..500 {
        if tokio_postgres::connect(&format!("postgres://peer@127.0.0.1:{port}/postgres"), NoTls).await.is_ok() {
            return Some((child, port));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    None
}
