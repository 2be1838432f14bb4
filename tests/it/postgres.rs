//! A throwaway PostgreSQL 15, the reference for what every answer must be.
//!
//! The programs are looked for in `FLOWFORGE_POSTGRES_BIN`, where Debian keeps version 15, and on the PATH. Without them a
//! test that needs them is skipped, or fails where `FLOWFORGE_REQUIRE_ENGINES=1` says that they must be there.

use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::SinkExt;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Column, NoTls, SimpleQueryMessage};

use crate::processes::{Encryption, Process, free_port};
use crate::support::TestServer;

/// The tables that a tenant of the demo sees.
pub const TABLES: &[&str] = &[
    "flowforge.raw_trades",
    "flowforge.raw_quotes",
    "metrics.vwap_5min",
    "metrics.rolling_volatility",
    "metrics.hourly_rollup",
    "metrics.daily_rollup",
    "marts.fct_trades",
    "marts.dim_instruments",
    "marts.rpt_daily_pnl",
    "materialize.live_positions",
    "materialize.live_quotes",
    "materialize.live_pnl",
    "latest.vwap",
    "latest.position",
    "latest.volatility",
];

/// The logical tables that it sees, each as a view over the table of a placement.
const VIEWS: &[(&str, &str)] = &[
    (
        "flowforge.positions",
        "SELECT symbol, net_qty AS quantity, last_update AS updated_at FROM materialize.live_positions",
    ),
    ("flowforge.trades", "SELECT * FROM flowforge.raw_trades"),
    ("flowforge.instruments", "SELECT * FROM marts.dim_instruments"),
];

/// PostgreSQL refuses to run as root, so root lends it to this user: nobody.
const NOBODY: u32 = 65534;

static SHARED: Mutex<Weak<Postgres>> = Mutex::new(Weak::new());

/// A running server; the last one who holds it stops it.
pub struct Postgres {
    port: u16,
    words: Vec<String>,
    process: Mutex<Option<Process>>,
    folder: tempfile::TempDir,
}

/// The server of this test process, or `None` where the programs are missing and need not be there.
pub async fn shared() -> Option<Arc<Postgres>> {
    let programs = programs_or_skip()?;
    let server = {
        let mut shared = SHARED.lock().unwrap();
        shared.upgrade().unwrap_or_else(|| {
            let started = Arc::new(start(&programs, None));
            *shared = Arc::downgrade(&started);
            started
        })
    };
    server.wait_until_ready().await;
    Some(server)
}

/// A server that nobody else uses, so that it may be restarted, or speak TLS.
pub async fn own(encryption: Option<&Encryption>) -> Option<Arc<Postgres>> {
    let server = Arc::new(start(&programs_or_skip()?, encryption));
    server.wait_until_ready().await;
    Some(server)
}

fn programs_or_skip() -> Option<PathBuf> {
    let found = programs();
    if found.is_none() {
        assert!(
            std::env::var_os("FLOWFORGE_REQUIRE_ENGINES").is_none_or(|value| value != "1"),
            "PostgreSQL 15 is missing, and FLOWFORGE_REQUIRE_ENGINES=1 says that it must be there"
        );
        eprintln!("skipped: no PostgreSQL 15 (FLOWFORGE_POSTGRES_BIN, /usr/lib/postgresql/15/bin, PATH)");
    }
    found
}

fn programs() -> Option<PathBuf> {
    let configured = std::env::var_os("FLOWFORGE_POSTGRES_BIN").map(PathBuf::from);
    let debian = PathBuf::from("/usr/lib/postgresql/15/bin");
    let path = std::env::var_os("PATH").unwrap_or_default();
    configured
        .into_iter()
        .chain([debian])
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

fn unprivileged() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|me| me.uid() != 0)
}

/// Gives a file or a folder to whom the programs run as.
pub fn lend(path: &Path) {
    if !unprivileged() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}

/// The words that run a program as somebody who may.
pub fn words(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    if unprivileged() {
        return vec![program];
    }
    let id = NOBODY.to_string();
    ["setpriv", "--reuid", &id, "--regid", &id, "--clear-groups", &program].map(str::to_owned).to_vec()
}

fn start(programs: &Path, encryption: Option<&Encryption>) -> Postgres {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    std::fs::create_dir(&data).unwrap();
    lend(folder.path());
    lend(&data);
    let initdb = words(&programs.join("initdb"));
    let made = Command::new(&initdb[0])
        .args(&initdb[1..])
        // Ordered by bytes, and still with the upper case of every letter.
        .args(["--locale=C", "--lc-ctype=C.UTF-8", "-E", "UTF8", "-A", "trust", "-U", "postgres", "--no-sync", "-D"])
        .arg(&data)
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
    let port = free_port();
    let mut words = words(&programs.join("postgres"));
    let data = data.display().to_string();
    let options = ["-D", &data, "-p", &port.to_string(), "-k", "", "-c", "listen_addresses=127.0.0.1"];
    let settings = ["fsync=off", "full_page_writes=off", "jit=off", "timezone=UTC"];
    let plans = ["max_parallel_workers_per_gather=0", "synchronize_seqscans=off"];
    words.extend(options.map(str::to_owned));
    words.extend(settings.iter().chain(&plans).flat_map(|setting| ["-c".to_owned(), (*setting).to_owned()]));
    if let Some(encryption) = encryption {
        let (certificate, key) = lent(encryption, folder.path());
        let settings = ["ssl=on".to_owned(), format!("ssl_cert_file={certificate}"), format!("ssl_key_file={key}")];
        words.extend(settings.into_iter().flat_map(|setting| ["-c".to_owned(), setting]));
    }
    let process = Process::guarded("INT", &words, folder.path());
    Postgres { port, words, process: Mutex::new(Some(process)), folder }
}

/// Certificate and key where the server may read them, and nobody else the key.
fn lent(encryption: &Encryption, folder: &Path) -> (String, String) {
    let copy = |from: &Path, name: &str| {
        let to = folder.join(name);
        std::fs::copy(from, &to).unwrap();
        std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o600)).unwrap();
        lend(&to);
        to.display().to_string()
    };
    (copy(&encryption.certificate, "server.crt"), copy(&encryption.key, "server.key"))
}

impl Postgres {
    /// Connects; a user that is missing is made when its tables are mirrored.
    pub async fn connect(&self, user: &str, database: &str) -> Client {
        self.try_connect(user, database).await.unwrap()
    }

    async fn try_connect(&self, user: &str, database: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.port)
            .user(user)
            .dbname(database)
            .connect(NoTls)
            .await?;
        tokio::spawn(connection);
        Ok(client)
    }

    async fn wait_until_ready(&self) {
        for _ in 0..500 {
            if self.try_connect("postgres", "postgres").await.is_ok() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("PostgreSQL did not start in ten seconds");
    }

    /// Ends it without letting anything end well. Its clients are told, if they listen.
    pub fn crash(&self) {
        self.process.lock().unwrap().take().expect("it runs").end("QUIT");
    }

    /// Starts it where it was, and waits until it answers.
    pub async fn start_again(&self) {
        let process = Process::guarded("INT", &self.words, self.folder.path());
        *self.process.lock().unwrap() = Some(process);
        self.wait_until_ready().await;
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Runs a statement with psql.
    pub fn script(&self, database: &str, statement: &str) {
        self.psql(database, &["-c", statement]);
    }

    /// Runs a file with psql.
    pub fn script_file(&self, database: &str, file: &Path) {
        self.psql(database, &["-f", &file.display().to_string()]);
    }

    fn psql(&self, database: &str, arguments: &[&str]) {
        let ran = Command::new("psql")
            .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "postgres", "-d", database, "-p"])
            .arg(self.port.to_string())
            .args(arguments)
            .output()
            .unwrap();
        assert!(ran.status.success(), "psql {arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    }

    /// A database with the tables, types and rows that `user` sees on our server, reached with the same user name.
    /// Writing to it fails as on ours.
    pub async fn mirror(&self, server: &TestServer, user: &str, database: &str) {
        let admin = self.connect("postgres", "postgres").await;
        admin.batch_execute(&format!("CREATE ROLE {user} LOGIN SUPERUSER")).await.unwrap();
        admin.batch_execute(&format!("CREATE DATABASE {database}")).await.unwrap();
        let (ours, theirs) = (server.connect(user).await, self.connect(user, database).await);
        for table in TABLES {
            mirror_table(&ours, &theirs, table).await;
        }
        for (view, query) in VIEWS {
            theirs.batch_execute(&format!("CREATE VIEW {view} AS {query}")).await.unwrap();
        }
        let path = "flowforge, metrics, marts, materialize, latest, workflows";
        let settings = format!(
            "ANALYZE;
             ALTER DATABASE {database} SET search_path = {path};
             ALTER DATABASE {database} SET default_transaction_read_only = on;"
        );
        theirs.batch_execute(&settings).await.unwrap();
    }
}

async fn mirror_table(ours: &Client, theirs: &Client, table: &str) {
    let select = format!("SELECT * FROM {table}");
    let statement = ours.prepare(&select).await.unwrap_or_else(|error| panic!("{select}: {error:?}"));
    let columns: Vec<String> = statement.columns().iter().map(definition).collect();
    let schema = table.split('.').next().unwrap();
    let create = format!("CREATE SCHEMA IF NOT EXISTS {schema}; CREATE TABLE {table} ({})", columns.join(", "));
    theirs.batch_execute(&create).await.unwrap_or_else(|error| panic!("{create}: {error:?}"));
    let mut text = String::new();
    for message in ours.simple_query(&select).await.unwrap() {
        if let SimpleQueryMessage::Row(row) = message {
            let fields: Vec<String> = (0..row.len()).map(|index| copy_field(row.get(index))).collect();
            text.push_str(&fields.join("\t"));
            text.push('\n');
        }
    }
    copy(theirs, table, text).await;
}

/// Fills a table with rows as COPY reads them.
pub async fn copy(client: &Client, table: &str, rows: String) {
    let sink = client.copy_in::<_, Bytes>(&format!("COPY {table} FROM STDIN")).await.unwrap();
    let mut sink = std::pin::pin!(sink);
    sink.send(Bytes::from(rows)).await.unwrap();
    sink.finish().await.unwrap();
}

fn definition(column: &Column) -> String {
    format!("\"{}\" {}", column.name(), type_name(column))
}

/// The type of a result's column, with precision and scale where it has them.
pub fn type_name(column: &Column) -> String {
    let modifier = column.type_modifier() - 4;
    if *column.type_() == Type::NUMERIC && modifier >= 0 {
        return format!("numeric({},{})", modifier >> 16, modifier & 0x7ff);
    }
    column.type_().name().to_owned()
}

fn copy_field(value: Option<&str>) -> String {
    let Some(text) = value else { return "\\N".to_owned() };
    text.replace('\\', "\\\\").replace('\t', "\\t").replace('\n', "\\n").replace('\r', "\\r")
}

/// The rows of a query, every value as text, NULL as nothing.
pub async fn bag(client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let mut bag: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned());
                Some(cells.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        })
        .collect();
    bag.sort();
    Ok(bag)
}
