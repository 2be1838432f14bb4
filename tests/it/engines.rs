//! The real engines with the demo's data: ClickHouse's engine behind HTTP, PostgreSQL as Materialize, Redis.
//!
//! Where a program is missing the tests that need it are skipped, or fail where `FLOWFORGE_REQUIRE_ENGINES=1`.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use tokio_postgres::Client;
use tokio_postgres::types::Timestamp;

use crate::postgres::{self, Postgres};
use crate::processes::{Encryption, Process, Redis, free_port};
use crate::support::{self, TestServer, sqlstate, value};

/// The seed of the demo's history, as the configuration has it.
pub const SEED: u64 = 42;

/// All three, running. PostgreSQL may be that of the tests; the others end with this.
pub struct Engines {
    clickhouse: Front,
    redis: Redis,
    postgres: Arc<Postgres>,
    /// The database that plays Materialize.
    materialize: String,
    /// Where ClickHouse and Redis listen for TLS, when they do.
    encrypted_ports: Option<(u16, u16)>,
    _folder: tempfile::TempDir,
}

fn required() -> bool {
    std::env::var_os("FLOWFORGE_REQUIRE_ENGINES").is_some_and(|value| value == "1")
}

fn missing(what: &str) {
    assert!(!required(), "{what} is missing, and FLOWFORGE_REQUIRE_ENGINES=1 says that it must be there");
    eprintln!("skipped: no {what}");
}

/// A file of `tests/support`.
pub fn support(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(file)
}

/// The Python that has ClickHouse's engine, when Redis is there too; `None` where one is missing and need not be there.
fn python_or_skip() -> Option<OsString> {
    let Some(python) = std::env::var_os("FLOWFORGE_CLICKHOUSE_PYTHON") else {
        missing("Python with chdb (FLOWFORGE_CLICKHOUSE_PYTHON)");
        return None;
    };
    has_redis().then_some(python)
}

/// Whether there is a Redis to start. Where it must be there, it is.
pub fn has_redis() -> bool {
    let is_there = Command::new("redis-server").arg("--version").output().is_ok();
    if !is_there {
        missing("redis-server");
    }
    is_there
}

impl Engines {
    /// Starts all three with the demo's data; `None` where a program is missing and need not be there.
    pub async fn start() -> Option<Self> {
        let python = python_or_skip()?;
        Some(Self::over(python, postgres::shared().await?, None))
    }

    /// The same with a PostgreSQL of their own, so that each of them may be ended and started again, or speak TLS.
    pub async fn start_apart(encryption: Option<&Encryption>) -> Option<Self> {
        let python = python_or_skip()?;
        Some(Self::over(python, postgres::own(encryption).await?, encryption))
    }

    fn over(python: OsString, postgres: Arc<Postgres>, encryption: Option<&Encryption>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path();
        flowforge::demo::write_data(SEED, data).unwrap();
        let encrypted_ports = encryption.map(|_| (free_port(), free_port()));
        let pair = encryption.zip(encrypted_ports);
        let clickhouse = Front::start(python, data, pair.map(|(encryption, (port, _))| (encryption, port)));
        let redis = Redis::start(data, &[]);
        redis.load(&std::fs::read_to_string(data.join("redis.txt")).unwrap());
        if let Some((encryption, (_, port))) = pair {
            redis_speaks_tls(&redis, encryption, port);
        }
        let materialize = format!("materialize_{}", std::process::id());
        postgres.script("postgres", &format!("CREATE DATABASE {materialize}"));
        postgres.script_file(&materialize, &support("materialize_catalog.sql"));
        postgres.script_file(&materialize, &data.join("materialize.sql"));
        Self { clickhouse, redis, postgres, materialize, encrypted_ports, _folder: folder }
    }

    /// Ends a store as a crash would.
    pub fn crash(&self, store: &str) {
        match store {
            "clickhouse" => self.clickhouse.crash(),
            "materialize" => self.postgres.crash(),
            "redis" => self.redis.crash(),
            other => panic!("no store {other}"),
        }
    }

    /// Starts a store where it was, with the data that it had.
    pub async fn start_again(&self, store: &str) {
        match store {
            "clickhouse" => self.clickhouse.start_again(),
            "materialize" => self.postgres.start_again().await,
            "redis" => self.redis.start_again(),
            other => panic!("no store {other}"),
        }
    }

    /// Connections of our servers to a store that it holds open, where it tells: in Materialize and in Redis.
    pub async fn connections(&self, store: &str) -> usize {
        match store {
            "materialize" => {
                let statement = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flowforge'";
                usize::try_from(self.materialize_counts(statement).await).unwrap()
            }
            // One is that of who asks.
            "redis" => self.redis.ask(&["CLIENT", "LIST"]).lines().count().saturating_sub(1),
            _ => 0,
        }
    }

    /// The number that a statement of one row gives in PostgreSQL, as Materialize.
    pub async fn materialize_counts(&self, statement: &str) -> i64 {
        let client = self.postgres.connect("postgres", &self.materialize).await;
        client.query_one(statement, &[]).await.unwrap().get(0)
    }

    /// Where ClickHouse and Redis listen for TLS; PostgreSQL does where it always listens.
    pub fn encrypted_ports(&self) -> (u16, u16) {
        self.encrypted_ports.expect("they speak TLS")
    }

    /// The database that plays Materialize.
    pub fn materialize_database(&self) -> &str {
        &self.materialize
    }

    /// What the front of ClickHouse's engine answers under a path: `/running` has the statements that run, `/kills` how
    /// often one was to be stopped.
    pub fn clickhouse_tells(&self, path: &str) -> String {
        let url = format!("http://127.0.0.1:{}{path}", self.clickhouse_port());
        ureq::get(&url).call().unwrap().into_body().read_to_string().unwrap()
    }

    /// Statements of ours that run in Materialize.
    pub async fn materialize_runs(&self) -> i64 {
        let statement =
            "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND application_name = 'flowforge'";
        self.materialize_counts(statement).await
    }

    /// A session in the database that plays Materialize, which may write.
    pub async fn materialize(&self) -> Client {
        self.postgres.connect("postgres", &self.materialize).await
    }

    /// What Redis answers to a command, as `redis-cli` shows it.
    pub fn redis(&self, command: &[&str]) -> String {
        self.redis.ask(command).trim().to_owned()
    }

    /// The keys of a pattern.
    pub fn redis_keys(&self, pattern: &str) -> Vec<String> {
        self.redis(&["KEYS", pattern]).lines().filter(|key| !key.is_empty()).map(str::to_owned).collect()
    }

    /// Runs a statement in ClickHouse's engine.
    pub fn clickhouse_run(&self, statement: &str) {
        let url = format!("http://127.0.0.1:{}/", self.clickhouse_port());
        let answer = ureq::post(&url).config().http_status_as_error(false).build().send(statement).unwrap();
        let status = answer.status();
        let text = answer.into_body().read_to_string().unwrap();
        assert!(status.is_success(), "{text}");
    }

    /// Runs a command in Redis.
    pub fn redis_run(&self, words: &[String]) {
        let port = self.redis_port().to_string();
        let answer = Command::new("redis-cli").args(["-e", "-p", &port]).args(words).output().unwrap();
        assert!(answer.status.success(), "{words:?}: {}", String::from_utf8_lossy(&answer.stdout));
    }

    /// Runs statements in PostgreSQL, as Materialize.
    pub fn materialize_run(&self, statements: &str) {
        self.postgres.script(&self.materialize, statements);
    }

    /// Where ClickHouse's engine listens.
    pub fn clickhouse_port(&self) -> u16 {
        self.clickhouse.port()
    }

    /// Where PostgreSQL, as Materialize, listens.
    pub fn materialize_port(&self) -> u16 {
        self.postgres.port()
    }

    /// Where Redis listens.
    pub fn redis_port(&self) -> u16 {
        self.redis.port()
    }

    /// A server of ours over them.
    pub async fn server(&self) -> TestServer {
        self.server_with(&[]).await
    }

    /// A server of ours over them, with keys of the configuration changed.
    pub async fn server_with(&self, changes: &[(&str, &str)]) -> TestServer {
        let addresses = self.addresses(self.clickhouse_port(), self.materialize_port(), self.redis_port());
        let mut all: Vec<_> = addresses.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        all.extend_from_slice(changes);
        TestServer::start_with(&all).await
    }

    /// The keys of the configuration that name the stores, at these ports.
    pub fn addresses(&self, clickhouse: u16, materialize: u16, redis: u16) -> Vec<(String, String)> {
        let database = &self.materialize;
        [
            ("clickhouse.kind", "remote".to_owned()),
            ("clickhouse.urls", format!("[\"http://127.0.0.1:{clickhouse}\"]")),
            ("materialize.kind", "remote".to_owned()),
            ("materialize.url", format!("postgres://postgres@127.0.0.1:{materialize}/{database}")),
            ("redis.kind", "remote".to_owned()),
            ("redis.urls", format!("[\"redis://127.0.0.1:{redis}/0\"]")),
            ("redis.tables", redis_tables()),
        ]
        .map(|(key, value)| (format!("stores.{key}"), value))
        .to_vec()
    }
}

/// The keys of the configuration for a Redis alone, with the tables of the demo.
pub fn redis_tables() -> String {
    std::fs::read_to_string(support("redis_tables.toml")).unwrap().trim().to_owned()
}

/// Opens another port of Redis, for TLS.
fn redis_speaks_tls(redis: &Redis, encryption: &Encryption, port: u16) {
    let files = [
        ("tls-cert-file", &encryption.certificate),
        ("tls-key-file", &encryption.key),
        ("tls-ca-cert-file", &encryption.authority),
    ];
    redis.tell(&["CONFIG", "SET", "tls-auth-clients", "no"]);
    let mut all = vec!["CONFIG".to_owned(), "SET".to_owned(), "tls-port".to_owned(), port.to_string()];
    all.extend(files.into_iter().flat_map(|(name, file)| [name.to_owned(), file.display().to_string()]));
    redis.tell(&all.iter().map(String::as_str).collect::<Vec<_>>());
}

/// The front of ClickHouse's engine.
pub struct Front {
    port: u16,
    python: OsString,
    /// What it is started with, but for its port.
    options: Vec<OsString>,
    process: Mutex<Option<Process>>,
}

impl Front {
    /// Starts one with the data below a folder.
    pub fn start(python: OsString, data: &Path, encryption: Option<(&Encryption, u16)>) -> Self {
        let folder = data.join("clickhouse");
        let mut options: Vec<OsString> = vec!["--init".into(), folder.join("schema.sql").into()];
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "tsv") {
                let table = path.file_stem().unwrap().to_str().unwrap();
                let rows = std::fs::read_to_string(&path).unwrap();
                let statement = path.with_extension("sql");
                std::fs::write(&statement, format!("INSERT INTO {table} FORMAT TabSeparated\n{rows}")).unwrap();
                options.extend(["--init".into(), statement.into()]);
            }
        }
        if let Some((encryption, port)) = encryption {
            options.extend(["--tls-port".into(), port.to_string().into()]);
            options.extend(["--certificate".into(), encryption.certificate.clone().into()]);
            options.extend(["--key".into(), encryption.key.clone().into()]);
        }
        let (process, port) = run_front(&python, &options, 0);
        Self { port, python, options, process: Mutex::new(Some(process)) }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn crash(&self) {
        self.process.lock().unwrap().take().expect("it runs").kill();
    }

    /// It listens only when the data is there again.
    fn start_again(&self) {
        let (process, _) = run_front(&self.python, &self.options, self.port);
        *self.process.lock().unwrap() = Some(process);
    }
}

fn run_front(python: &OsString, options: &[OsString], port: u16) -> (Process, u16) {
    let mut command = Command::new(python);
    command.arg(support("clickhouse_front.py")).args(["--port", &port.to_string()]).args(options);
    let mut process = Process::spawn(command.stdout(Stdio::piped()));
    let mut line = String::new();
    BufReader::new(process.child().stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok());
    (process, port.unwrap_or_else(|| panic!("the front said {line:?}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scan_of_redis_ends_at_its_limit() {
    let Some(engines) = Engines::start().await else { return };
    // Everybody's, so that no key of the tenant's stands in the place of the scan. The demo has ten symbols.
    let policies = r#"[{ table = "latest.vwap", kind = "shared" }]"#;
    let at = engines.server_with(&[("policies", policies), ("limits.redis_scan_keys", "10")]).await;
    assert_eq!(value(&at.connect("acme").await, "SELECT count(*) FROM latest.vwap").await, "10");
    let past = engines.server_with(&[("policies", policies), ("limits.redis_scan_keys", "9")]).await;
    let client = past.connect("acme").await;
    let error = client.simple_query("SELECT count(*) FROM latest.vwap").await.unwrap_err();
    let report = error.as_db_error().unwrap();
    assert_eq!((report.code().code(), report.detail()), ("54000", Some("limit redis_scan_keys of 9 exceeded")));
    assert_eq!(value(&client, "SELECT count(*) FROM latest.vwap WHERE symbol IN ('AAPL', 'TSLA', 'NONE')").await, "2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_finds_what_was_made_since_the_start() {
    let Some(engines) = Engines::start().await else { return };
    let policies = r#"[{ table = "marts.new", kind = "shared" }]"#;
    let server = engines.server_with(&[("policies", policies)]).await;
    let client = server.connect("acme").await;
    engines.clickhouse_run("CREATE TABLE marts.new ENGINE = Memory AS SELECT toInt32(7) AS n");
    assert_eq!(sqlstate(&client, "SELECT n FROM marts.new").await, "42P01");
    let version = |text: String| text.parse::<i64>().unwrap();
    let first = version(value(&client, "SELECT catalog_refresh()").await);
    assert_eq!(value(&client, "SELECT n FROM marts.new").await, "7");
    // Those who ask at once share what is found.
    let ask = async || version(value(&server.connect("globex").await, "select catalog_refresh ( );").await);
    let (second, third, fourth) = tokio::join!(ask(), ask(), ask());
    assert!([second, third, fourth].iter().all(|version| *version == first), "nothing has changed since");
    engines.clickhouse_run("DROP TABLE marts.new");
    assert!(ask().await > first);
    let typed = client.prepare("SELECT catalog_refresh()").await.unwrap();
    assert_eq!(typed.columns()[0].type_().name(), "int8");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_clickhouse_cannot_filter_first_is_guarded_all_the_same() {
    let Some(engines) = Engines::start().await else { return };
    let rows = "SELECT symbol, lot_size, if(symbol = 'TSLA', 'x', '1') AS word FROM marts.dim_instruments";
    engines.clickhouse_run(&format!("CREATE VIEW marts.seen AS {rows}"));
    engines.clickhouse_run(&format!("CREATE TABLE marts.kept ENGINE = Memory AS {rows}"));
    let policy = |table| {
        format!(
            "{{ table = \"marts.{table}\", kind = \"list_attribute\", column = \"symbol\", attribute = \"symbols\" }}"
        )
    };
    let policies = format!("[{}, {}]", policy("seen"), policy("kept"));
    let server = engines.server_with(&[("policies", &policies)]).await;
    let (acme, globex) = (server.connect("acme").await, server.connect("globex").await);
    for table in ["seen", "kept"] {
        assert_eq!(value(&acme, &format!("SELECT count(*) FROM {table}")).await, "5");
        // What fails on a row of the other tenant tells nothing of it.
        let failing = format!("SELECT count(*) FROM {table} WHERE 10 / (CASE word WHEN 'x' THEN 0 ELSE 1 END) > 1");
        assert_eq!(value(&acme, &failing).await, "5");
        assert_eq!(sqlstate(&globex, &failing).await, "22012");
        // Nor is it left to ClickHouse in which order it looks at the two conditions.
        let explained = format!("{:?}", support::rows(&acme, &format!("EXPLAIN {failing}")).await.unwrap());
        assert!(explained.contains("FROM") && !explained.contains("intDiv"), "{explained}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_named_like_an_alias_with_a_column_do_not_stand_in_for_the_tenants_column() {
    let Some(engines) = Engines::start().await else { return };
    // To ClickHouse `t0.tenant_id` is any of these before it is the column `tenant_id` of a table with the alias `t0`.
    let tables = [
        ("dotted", "'acme' AS `t0.tenant_id`, 'acme' AS `t1.tenant_id`, 'acme' AS `t2.tenant_id`"),
        ("nested", "CAST(tuple('acme'), 'Tuple(tenant_id String)') AS t0, t0 AS t1, t0 AS t2"),
        ("chosen", "CAST(tuple('acme'), 'Tuple(tenant_id String)') AS pair"),
    ];
    let owners = "FROM (SELECT arrayJoin(['acme', 'globex', 'globex']) AS tenant_id)";
    for (table, columns) in tables {
        engines.clickhouse_run(&format!(
            "CREATE TABLE marts.{table} ENGINE = Memory AS SELECT tenant_id, {columns} {owners}"
        ));
    }
    let policies = tables
        .map(|(table, _)| format!("{{ table = \"marts.{table}\", kind = \"tenant_column\", column = \"tenant_id\" }}"));
    let server = engines.server_with(&[("policies", &format!("[{}]", policies.join(", ")))]).await;
    let client = server.connect("acme").await;
    for (table, _) in tables {
        assert_eq!(value(&client, &format!("SELECT count(*) FROM marts.{table}")).await, "1", "{table}");
        let both = format!(
            "SELECT count(*) FROM marts.{table} a JOIN marts.{table} b ON a.tenant_id <> '' AND b.tenant_id <> ''"
        );
        assert_eq!(value(&client, &both).await, "1", "{table}");
    }
    for alias in ["t0", "t1"] {
        let rows = support::rows(&client, &format!("SELECT pair AS {alias} FROM marts.chosen")).await.unwrap();
        assert_eq!(rows.len(), 1, "{alias}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reads_an_infinite_parameter_runs_in_process() {
    let Some(engines) = Engines::start().await else { return };
    let server = engines.server().await;
    let client = server.connect("acme").await;
    let count = |moment: Timestamp<SystemTime>, statement: tokio_postgres::Statement| {
        let client = &client;
        async move { client.query_one(&statement, &[&moment]).await.unwrap().get::<_, i64>(0) }
    };
    // In ClickHouse and in Materialize: neither has an infinite timestamp.
    for (table, column) in [("raw_trades", "event_time"), ("live_positions", "last_update")] {
        let all: i64 = value(&client, &format!("SELECT count(*) FROM {table}")).await.parse().unwrap();
        let before = client.prepare(&format!("SELECT count(*) FROM {table} WHERE {column} < $1")).await.unwrap();
        assert_eq!(count(Timestamp::PosInfinity, before.clone()).await, all, "{table}");
        assert_eq!(count(Timestamp::NegInfinity, before.clone()).await, 0, "{table}");
        // The statement is the store's again where the value is one.
        assert_eq!(count(Timestamp::Value(SystemTime::UNIX_EPOCH), before).await, 0, "{table}");
    }
}
