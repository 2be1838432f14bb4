//! A row of PostgreSQL as Materialize: what the server adds to the statement that it sends there, against what PgBouncer adds,
//! and what a relay adds that reads no byte.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Outcome;
use crate::callers::{Caller, alone, print, together};
use crate::common::{free_port, microseconds};
use crate::postgres;
use crate::processes::Process;
use crate::relay::Relay;
use crate::setup::{DATABASE, Server, Stores, connect, emitted};

const STATEMENT: &str = "SELECT symbol, net_qty, net_notional, last_update FROM live_positions WHERE symbol = $1";
const SYMBOL: &str = "AAPL";
const LOOKUPS: usize = 20_000;
const CLIENTS: usize = 8;
/// Lookups of each client in one turn.
const LOOKUPS_TOGETHER: usize = 5_000;
/// For PgBouncer to listen.
const PATIENCE: Duration = Duration::from_secs(10);

pub async fn measure(stores: Arc<Stores>) -> Outcome<()> {
    let direct = stores.materialize_port()?;
    let server = Server::start(&stores).await?;
    let statement = emitted(&server.client().await?, STATEMENT, &[&SYMBOL]).await?;
    // Without the tenant's filter it would be another question.
    if !statement.contains("$1") || !statement.contains("'acme'") {
        return Err(format!("not the statement that was expected: {statement}").into());
    }
    let bouncer = PgBouncer::start(direct);
    if bouncer.is_none() {
        println!("  PgBouncer is not there: what it adds is left out");
    }
    let relay = Relay::start(direct).await?;
    let ways = Ways { server, statement, direct, relay, bouncer };
    ways.one_client().await?;
    ways.eight_clients().await
}

/// The ways to the row.
struct Ways {
    server: Server,
    /// What the server sends.
    statement: String,
    direct: u16,
    relay: Relay,
    bouncer: Option<PgBouncer>,
}

impl Ways {
    async fn through_server(&self) -> Outcome<Caller> {
        Caller::prepare(self.server.client().await?, STATEMENT, SYMBOL).await
    }

    /// To PostgreSQL, or to PgBouncer before it.
    async fn at(&self, port: u16) -> Outcome<Caller> {
        let client = connect(&format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}?sslmode=disable")).await?;
        Caller::prepare(client, &self.statement, SYMBOL).await
    }

    async fn one_client(&self) -> Outcome<()> {
        let mut callers =
            vec![self.at(self.direct).await?, self.through_server().await?, self.at(self.relay.port()).await?];
        if let Some(bouncer) = &self.bouncer {
            callers.push(self.at(bouncer.port).await?);
        }
        let times = alone(&mut callers, LOOKUPS).await?;
        let names = ["PostgreSQL, one client", "the server before it", "a relay before it", "PgBouncer before it"];
        for (name, times) in names.iter().zip(&times) {
            print(name, times);
        }
        let medians: Vec<f64> = times.iter().map(|times| microseconds(times.median())).collect();
        let (server_adds, relay_adds) = (medians[1] - medians[0], medians[2] - medians[0]);
        println!("  the server adds {server_adds:.0} µs, a relay {relay_adds:.0} µs");
        if let Some(bouncer) = medians.get(3) {
            let bouncer_adds = bouncer - medians[0];
            let (ratio, of_relay) = (server_adds / bouncer_adds, relay_adds / bouncer_adds);
            println!(
                "  PgBouncer adds {bouncer_adds:.0} µs; ratio: {ratio:.2} (goal at most 1.5), of the relay {of_relay:.2}"
            );
        }
        Ok(())
    }

    async fn eight_clients(&self) -> Outcome<()> {
        let mut groups = vec![self.all_at(self.direct).await?, Vec::new(), self.all_at(self.relay.port()).await?];
        for _ in 0..CLIENTS {
            groups[1].push(self.through_server().await?);
        }
        if let Some(bouncer) = &self.bouncer {
            groups.push(self.all_at(bouncer.port).await?);
        }
        let rates = together(groups, LOOKUPS_TOGETHER).await?;
        println!("  PostgreSQL, {CLIENTS} clients: {:.0} a second", rates[0]);
        println!("  the server before it: {:.0} a second, a relay: {:.0}", rates[1], rates[2]);
        if let Some(bouncer) = rates.get(3) {
            let (ratio, of_relay) = (rates[1] / bouncer, rates[2] / bouncer);
            println!("  PgBouncer before it: {bouncer:.0} a second");
            println!("  ratio of the rates: {ratio:.2} (goal at least 0.8), of the relay {of_relay:.2}");
        }
        Ok(())
    }

    async fn all_at(&self, port: u16) -> Outcome<Vec<Caller>> {
        let mut callers = Vec::new();
        for _ in 0..CLIENTS {
            callers.push(self.at(port).await?);
        }
        Ok(callers)
    }
}

/// A pooler before PostgreSQL. A client keeps its session, for what it has prepared is there only: version 1.18 has no
/// prepared statements when it lends sessions a transaction at a time.
struct PgBouncer {
    port: u16,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl PgBouncer {
    /// Starts one; `None` where it is missing or does not listen. It does not run as root, and neither does PostgreSQL.
    fn start(postgres: u16) -> Option<Self> {
        let program = program()?;
        let port = free_port();
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[databases]\n\
             {DATABASE} = host=127.0.0.1 port={postgres} dbname={DATABASE} user=postgres\n\
             [pgbouncer]\n\
             listen_addr = 127.0.0.1\n\
             listen_port = {port}\n\
             unix_socket_dir = {}\n\
             auth_type = any\n\
             pool_mode = session\n\
             default_pool_size = 50\n",
            folder.path().display()
        );
        let file = folder.path().join("pgbouncer.ini");
        fs::write(&file, settings).unwrap();
        postgres::lend(folder.path());
        postgres::lend(&file);
        let mut words = postgres::words(&program);
        words.extend(["-q".to_owned(), file.display().to_string()]);
        let process = Process::guarded("TERM", &words, folder.path());
        let started = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            if started.elapsed() > PATIENCE {
                println!("  PgBouncer does not listen");
                return None;
            }
            std::thread::sleep(Duration::from_millis(25));
        }
        Some(Self { port, _process: process, _folder: folder })
    }
}

/// Debian keeps it where only root looks.
fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin")]);
    folders.map(|folder| folder.join("pgbouncer")).find(|program| Path::exists(program))
}
