//! The engines with the demo's data, and servers over them.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio_postgres::{Client, NoTls};

use crate::Outcome;
use crate::common::{Stopped, free_port};
use crate::engines::{self, Front};
use crate::postgres::{self, Postgres};
use crate::processes::Redis;

/// The demo's users, tenants and policies over real stores.
const CONFIGURATION: &str = include_str!("../../config/stores.toml");

/// The database that plays Materialize.
pub const DATABASE: &str = "materialize";

/// The engines that this machine has, running. They end with this.
pub struct Stores {
    clickhouse: Option<Front>,
    materialize: Option<Arc<Postgres>>,
    redis: Option<Redis>,
    folder: tempfile::TempDir,
}

impl Stores {
    /// Starts what there is, and fills it with the demo's data.
    pub async fn start() -> Outcome<Self> {
        let folder = tempfile::tempdir()?;
        let data = folder.path().to_owned();
        flowforge::demo::write_data(engines::SEED, &data)?;
        let clickhouse = started("ClickHouse's engine", blocking(data.clone(), start_clickhouse)).await;
        let materialize = started("PostgreSQL", start_materialize(data.clone())).await;
        let redis = started("Redis", blocking(data, start_redis)).await;
        Ok(Self { clickhouse, materialize, redis, folder })
    }

    pub fn clickhouse_port(&self) -> Outcome<u16> {
        Ok(self.clickhouse.as_ref().ok_or("left out: there is no ClickHouse engine")?.port())
    }

    pub fn materialize_port(&self) -> Outcome<u16> {
        Ok(self.materialize.as_ref().ok_or("left out: there is no PostgreSQL")?.port())
    }

    pub fn redis_port(&self) -> Outcome<u16> {
        Ok(self.redis.as_ref().ok_or("left out: there is no Redis")?.port())
    }

    /// What a server over these stores is told by its environment. A store that is not there has no tables.
    fn settings(&self) -> Vec<(String, String)> {
        let clickhouse = self.clickhouse_port().map(|port| ("urls", format!("[\"http://127.0.0.1:{port}\"]")));
        let materialize = self
            .materialize_port()
            .map(|port| ("url", format!("postgres://postgres@127.0.0.1:{port}/{DATABASE}?sslmode=disable")));
        let redis = self.redis_port().map(|port| ("urls", format!("[\"redis://127.0.0.1:{port}/0\"]")));
        let stores = [("CLICKHOUSE", clickhouse), ("MATERIALIZE", materialize), ("REDIS", redis)];
        let mut settings: Vec<_> = stores
            .into_iter()
            .map(|(store, address)| {
                let (key, value) = address.unwrap_or(("kind", "none".to_owned()));
                (format!("FLOWFORGE_STORES__{store}__{}", key.to_uppercase()), value)
            })
            .collect();
        // A server must not remember the tables of the one before.
        settings.push(("FLOWFORGE_STORES__REDIS__CATALOG__PREFIX".to_owned(), String::new()));
        settings
    }
}

/// What was started; where it was not, the reason is printed.
async fn started<T: Send + 'static>(name: &str, start: impl Future<Output = Option<T>> + Send + 'static) -> Option<T> {
    let store = match tokio::spawn(start).await {
        Ok(store) => store,
        Err(error) => {
            println!("{name} did not start: {error}");
            return None;
        }
    };
    if store.is_none() {
        println!("{name} is not there: what needs it is left out");
    }
    store
}

/// Runs what blocks on a thread where it may. A panic there goes on here.
async fn blocking<T: Send + 'static>(data: PathBuf, start: fn(&Path) -> Option<T>) -> Option<T> {
    match tokio::task::spawn_blocking(move || start(&data)).await {
        Ok(started) => started,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn start_clickhouse(data: &Path) -> Option<Front> {
    let python = std::env::var_os("FLOWFORGE_CLICKHOUSE_PYTHON")?;
    Some(Front::start(python, data, None))
}

fn start_redis(data: &Path) -> Option<Redis> {
    if !engines::has_redis() {
        return None;
    }
    let redis = Redis::start(data, &[]);
    redis.load(&fs::read_to_string(data.join("redis.txt")).unwrap());
    Some(redis)
}

async fn start_materialize(data: PathBuf) -> Option<Arc<Postgres>> {
    let postgres = postgres::own(None).await?;
    postgres.script("postgres", &format!("CREATE DATABASE {DATABASE}"));
    postgres.script_file(DATABASE, &engines::support("materialize_catalog.sql"));
    postgres.script_file(DATABASE, &data.join("materialize.sql"));
    Some(postgres)
}

/// A server of ours: the release binary, in a process of its own.
pub struct Server {
    child: Stopped,
    port: u16,
    log: PathBuf,
}

impl Server {
    /// Starts one over the stores, and waits until it answers.
    pub async fn start(stores: &Stores) -> Outcome<Self> {
        Self::start_with(stores, CONFIGURATION).await
    }

    /// The same with a policy more: every tenant sees its own rows of this table.
    pub async fn start_with_table(stores: &Stores, table: &str) -> Outcome<Self> {
        let policy = format!(
            "[[policies]]\ntable = \"{table}\"\nkind = \"tenant_column\"\ncolumn = \"tenant_id\"\n\n[[policies]]"
        );
        Self::start_with(stores, &CONFIGURATION.replacen("[[policies]]", &policy, 1)).await
    }

    async fn start_with(stores: &Stores, configuration: &str) -> Outcome<Self> {
        let (port, http) = (free_port(), free_port());
        let file = stores.folder.path().join(format!("server-{port}.toml"));
        fs::write(&file, configuration)?;
        let log = file.with_extension("log");
        let child = Command::new(env!("CARGO_BIN_EXE_flowforge"))
            .args(["serve", "--pg-listen", &format!("127.0.0.1:{port}")])
            .args(["--http-listen", &format!("127.0.0.1:{http}"), "--config"])
            .arg(&file)
            .envs(stores.settings())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log)?)
            .spawn()?;
        let mut server = Self { child: Stopped(child), port, log };
        server.wait().await?;
        Ok(server)
    }

    async fn wait(&mut self) -> Outcome<()> {
        let limit = Instant::now() + Duration::from_secs(60);
        while self.client().await.is_err() {
            if self.child.0.try_wait()?.is_some() || Instant::now() > limit {
                let log = fs::read_to_string(&self.log)?;
                let last = log.lines().last().unwrap_or("it said nothing");
                return Err(format!("the server did not start: {last}").into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// A session of the tenant `acme`.
    pub async fn client(&self) -> Outcome<Client> {
        connect(&format!("postgres://acme:acme@127.0.0.1:{}/flowforge", self.port)).await
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its number as a process.
    pub fn pid(&self) -> u32 {
        self.child.0.id()
    }
}

/// A session of a server that speaks PostgreSQL's protocol.
pub async fn connect(url: &str) -> Outcome<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The one statement that the server sends to a store for a query, as `EXPLAIN` shows it.
pub async fn emitted(
    client: &Client,
    sql: &str,
    parameters: &[&(dyn tokio_postgres::types::ToSql + Sync)],
) -> Outcome<String> {
    let row = client.query_one(&format!("EXPLAIN (FORMAT JSON) {sql}"), parameters).await?;
    let document: Value = row.try_get(0)?;
    let statements = document[0]["Statements"].as_array().ok_or("EXPLAIN tells no statements")?;
    match statements.as_slice() {
        [statement] => Ok(statement["SQL"].as_str().ok_or("EXPLAIN tells no SQL")?.to_owned()),
        several => Err(format!("{} statements instead of one", several.len()).into()),
    }
}
