//! The real engines with the demo's data: ClickHouse's engine behind HTTP, PostgreSQL as Materialize, Redis.
//!
//! Where a program is missing the tests that need it are skipped, or fail where `FLOWFORGE_REQUIRE_ENGINES=1`.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use crate::postgres::{self, Postgres};
use crate::support::TestServer;
use std::sync::Arc;

/// The seed of the demo's history, as the configuration has it.
const SEED: u64 = 42;

/// A process that ends when its standard input does.
struct Guarded {
    child: Child,
    lifeline: Option<ChildStdin>,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.child.wait();
    }
}

/// All three, running.
pub struct Engines {
    clickhouse: Guarded,
    clickhouse_port: u16,
    redis: Guarded,
    redis_port: u16,
    postgres: Arc<Postgres>,
    materialize: String,
    _folder: tempfile::TempDir,
}

fn required() -> bool {
    std::env::var_os("FLOWFORGE_REQUIRE_ENGINES").is_some_and(|value| value == "1")
}

fn missing(what: &str) {
    assert!(!required(), "{what} is missing, and FLOWFORGE_REQUIRE_ENGINES=1 says that it must be there");
    eprintln!("skipped: no {what}");
}

fn support(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support").join(file)
}

impl Engines {
    /// Starts all three with the demo's data; `None` where a program is missing and need not be there.
    pub async fn start() -> Option<Self> {
        let Some(python) = std::env::var_os("FLOWFORGE_CLICKHOUSE_PYTHON") else {
            missing("Python with chdb (FLOWFORGE_CLICKHOUSE_PYTHON)");
            return None;
        };
        if Command::new("redis-server").arg("--version").output().is_err() {
            missing("redis-server");
            return None;
        }
        let postgres = postgres::shared().await?;
        let folder = tempfile::tempdir().unwrap();
        flowforge::demo::write_data(SEED, folder.path()).unwrap();
        let (clickhouse, clickhouse_port) = start_clickhouse(Path::new(&python));
        let (redis, redis_port) = start_redis(folder.path());
        let materialize = format!("materialize_{}", std::process::id());
        let engines = Self { clickhouse, clickhouse_port, redis, redis_port, postgres, materialize, _folder: folder };
        engines.load().await;
        Some(engines)
    }

    async fn load(&self) {
        let data = self._folder.path();
        for statement in std::fs::read_to_string(data.join("clickhouse/schema.sql")).unwrap().split(";\n") {
            if !statement.trim().is_empty() {
                self.clickhouse_run(statement);
            }
        }
        for file in std::fs::read_dir(data.join("clickhouse")).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "tsv") {
                let table = path.file_stem().unwrap().to_str().unwrap();
                let rows = std::fs::read_to_string(&path).unwrap();
                self.clickhouse_run(&format!("INSERT INTO {table} FORMAT TabSeparated\n{rows}"));
            }
        }
        let commands = std::fs::File::open(data.join("redis.txt")).unwrap();
        let loaded = Command::new("redis-cli").args(["-p", &self.redis_port.to_string()]).stdin(commands).output().unwrap();
        assert!(loaded.status.success(), "{}", String::from_utf8_lossy(&loaded.stderr));
        self.postgres.script("postgres", &format!("CREATE DATABASE {}", self.materialize));
        self.postgres.script_file(&self.materialize, &support("materialize_catalog.sql"));
        self.postgres.script_file(&self.materialize, &data.join("materialize.sql"));
    }

    fn clickhouse_run(&self, statement: &str) {
        let url = format!("http://127.0.0.1:{}/", self.clickhouse_port);
        let answer = ureq::post(&url).config().http_status_as_error(false).build().send(statement).unwrap();
        let status = answer.status();
        let text = answer.into_body().read_to_string().unwrap();
        assert!(status.is_success(), "{text}");
    }

    /// A server of ours over them.
    pub async fn server(&self) -> TestServer {
        self.server_with(&[]).await
    }

    /// A server of ours over them, with keys of the configuration changed.
    pub async fn server_with(&self, changes: &[(&str, &str)]) -> TestServer {
        let clickhouse = format!("[\"http://127.0.0.1:{}\"]", self.clickhouse_port);
        let materialize = format!("postgres://postgres@127.0.0.1:{}/{}", self.postgres.port(), self.materialize);
        let redis = format!("[\"redis://127.0.0.1:{}/0\"]", self.redis_port);
        let tables = std::fs::read_to_string(support("redis_tables.toml")).unwrap();
        let mut all = vec![
            ("stores.clickhouse.kind", "remote"),
            ("stores.clickhouse.urls", &clickhouse),
            ("stores.materialize.kind", "remote"),
            ("stores.materialize.url", &materialize),
            ("stores.redis.kind", "remote"),
            ("stores.redis.urls", &redis),
            ("stores.redis.tables", tables.trim()),
        ];
        all.extend_from_slice(changes);
        TestServer::start_with(&all).await
    }
}

fn start_clickhouse(python: &Path) -> (Guarded, u16) {
    let mut child = Command::new(python)
        .arg(support("clickhouse_front.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lifeline = child.stdin.take();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let port = line.trim().rsplit(' ').next().and_then(|port| port.parse().ok());
    (Guarded { child, lifeline }, port.unwrap_or_else(|| panic!("the front said {line:?}")))
}

/// Ends with its standard input, however the test process ends.
const GUARDIAN: &str = r#""$@" >/dev/null & child=$!; cat >/dev/null; kill -TERM "$child"; wait "$child""#;

fn start_redis(folder: &Path) -> (Guarded, u16) {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let mut child = Command::new("sh")
        .args(["-c", GUARDIAN, "sh", "redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--port", &port.to_string(), "--dir"])
        .arg(folder)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let lifeline = child.stdin.take();
    for _ in 0..200 {
        if std::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    (Guarded { child, lifeline }, port)
}
