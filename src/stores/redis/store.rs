//! The store: lookups in one pipeline, scans with a cap.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::TableSource;
use redis::{Cmd, FromRedisValue, RedisResult, Value, cmd};

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SqlState, StoreKind};
use crate::catalog::{Table, TableLeaf};
use crate::guard::{Requirement, VerifiedStatement};
use crate::route::Piece;
use crate::stores::local::{LocalExecutor, PreparedLocal};
use crate::stores::{PreparedPiece, RunContext, Store, StoreError};

use super::connection::{RedisConnection, Shared};
use super::failure::{connect_error, is_broken, store_error};
use super::provider::RedisProvider;
use super::row::Hash;
use super::slots::Master;
use super::table::RedisTable;

/// Keys that one step of a scan looks at.
const SCAN_STEP: usize = 1_000;

/// Redis. Its pieces run in process, over hashes that are read by their keys.
#[derive(Debug)]
pub struct RedisStore {
    keys: Arc<Keys>,
    tables: Vec<Arc<RedisTable>>,
    executor: Arc<LocalExecutor>,
}

impl RedisStore {
    /// A store with these tables.
    #[must_use]
    pub fn new(
        connection: RedisConnection,
        tables: Vec<RedisTable>,
        limits: &LimitSet,
        executor: Arc<LocalExecutor>,
    ) -> Self {
        let keys = Keys { connection, limits: limits.clone() };
        Self { keys: Arc::new(keys), tables: tables.into_iter().map(Arc::new).collect(), executor }
    }

    fn provider(&self, source: &Arc<dyn TableSource>, requirements: &[Requirement]) -> Option<Arc<dyn TableProvider>> {
        let wanted = TableLeaf::of(source)?.table();
        let table = self.tables.iter().find(|table| table.definition().name == wanted.name)?;
        let requirement = requirements.iter().find(|required| required.physical == wanted.physical)?;
        let provider = RedisProvider::new(Arc::clone(&self.keys), Arc::clone(table), requirement).ok()?;
        Some(Arc::new(provider))
    }
}

#[async_trait]
impl Store for RedisStore {
    fn kind(&self) -> StoreKind {
        StoreKind::Redis
    }

    fn prepare(
        &self,
        piece: &Arc<Piece>,
        _: &VerifiedStatement,
        _: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        let plan = self.executor.prepare(&piece.plan, &|source| self.provider(source, &piece.requirements))?;
        Ok(Arc::new(RedisPiece { executor: Arc::clone(&self.executor), plan }))
    }

    fn has_own_catalog(&self) -> bool {
        // What is a table stands in the configuration.
        false
    }

    async fn discover(&self) -> Result<Vec<Table>, StoreError> {
        // What is a table stands in the configuration; whether the server is there is asked all the same.
        self.ping().await?;
        Ok(self.tables.iter().map(|table| table.definition().clone()).collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.keys.ping().await
    }
}

#[derive(Debug)]
struct RedisPiece {
    executor: Arc<LocalExecutor>,
    plan: PreparedLocal,
}

#[async_trait]
impl PreparedPiece for RedisPiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        self.executor.run(&self.plan, context).await
    }
}

/// Reading by keys.
#[derive(Debug)]
pub(super) struct Keys {
    connection: RedisConnection,
    limits: LimitSet,
}

impl Keys {
    /// The hashes of a table: of these values of its key, or all.
    ///
    /// # Errors
    /// `54000` when all are more than the limit allows; `08006` when the server cannot be reached.
    pub(super) async fn hashes(
        &self,
        table: &RedisTable,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<Vec<Hash>, StoreError> {
        let scanned;
        let wanted = match wanted {
            Some(wanted) => wanted,
            None => {
                scanned = self.scan(table).await?;
                &scanned
            }
        };
        if wanted.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.connection.get().await.map_err(|error| connect_error(&error))?;
        let lookups = wanted.iter().map(|value| Cmd::hgetall(table.key_of(value)));
        let found = connection.answers(lookups).await;
        let found = self.heard(&connection, found).await?;
        let hashes = wanted.iter().zip(found).map(|(key, value)| hash(table, key, value));
        // A key without a hash has no row.
        Ok(hashes.collect::<Result<Vec<_>, _>>()?.into_iter().filter(|hash| !hash.fields.is_empty()).collect())
    }

    /// The values of the key that are there now.
    async fn scan(&self, table: &RedisTable) -> Result<BTreeSet<String>, StoreError> {
        let connection = self.connection.get().await.map_err(|error| connect_error(&error))?;
        let masters = connection.masters().await;
        let mut found = BTreeSet::new();
        for master in self.heard(&connection, masters).await? {
            self.scan_master(&connection, &master, table, &mut found).await?;
        }
        Ok(found)
    }

    async fn scan_master(
        &self,
        connection: &Shared,
        master: &Master,
        table: &RedisTable,
        found: &mut BTreeSet<String>,
    ) -> Result<(), StoreError> {
        let mut cursor = 0_u64;
        loop {
            let mut step = cmd("SCAN");
            step.arg(cursor).arg("MATCH").arg(table.pattern()).arg("COUNT").arg(SCAN_STEP);
            let answer = connection.ask(master, &step).await;
            let (next, keys): (u64, Vec<Vec<u8>>) = self.heard(connection, answer).await?;
            let texts = keys.iter().filter_map(|key| std::str::from_utf8(key).ok());
            found.extend(texts.filter_map(|key| table.value_of(key)).map(str::to_owned));
            if found.len() > self.limits.of(limits::REDIS_SCAN_KEYS) {
                return Err(too_many(table, self.limits.of(limits::REDIS_SCAN_KEYS)));
            }
            if next == 0 {
                return Ok(());
            }
            cursor = next;
        }
    }

    /// Whether the server answers.
    async fn ping(&self) -> Result<(), StoreError> {
        let connection = self.connection.get().await.map_err(|error| connect_error(&error))?;
        let answer = connection.ask::<String>(&Master::Only, &cmd("PING")).await;
        self.heard(&connection, answer).await.map(drop)
    }

    /// An answer; a connection that broke is given up.
    async fn heard<T>(&self, connection: &Shared, answer: RedisResult<T>) -> Result<T, StoreError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(error) => {
                if is_broken(&error) {
                    self.connection.give_up(connection).await;
                }
                Err(store_error(&error))
            }
        }
    }
}

fn hash(table: &RedisTable, key: &str, value: Value) -> Result<Hash, StoreError> {
    let fields = HashMap::<String, String>::from_redis_value(value).map_err(|_| {
        let message = format!("a row of {} cannot be read", table.definition().name);
        // Whose row it is was not looked at yet, so its key is not named.
        StoreError::Failed(ErrorReport::new(SqlState::DATA_EXCEPTION, message))
    })?;
    Ok(Hash { key: key.to_owned(), fields })
}

fn too_many(table: &RedisTable, most: usize) -> StoreError {
    let message = format!("{} has more keys than can be read as a whole", table.definition().name);
    StoreError::Failed(
        ErrorReport::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)
            .with_detail(format!("limit {} of {most} exceeded", limits::REDIS_SCAN_KEYS.name))
            .with_hint(format!("Ask for single rows: … WHERE {} = '…'.", table.key())),
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use datafusion::prelude::SessionContext;

    use super::*;
    use crate::base::{TableName, TenantId};
    use crate::config::{RedisFieldSection, RedisSection, RedisTableSection};
    use crate::stores::Trust;
    use crate::tenancy::{Policy, Tenant};

    const SYMBOLS: [&str; 5] = ["A", "B", "C", "D", "E"];

    /// A table whose rows are a tenant's by a list of keys. Nothing is connected.
    fn provider() -> Arc<dyn TableProvider> {
        let field = |name: &str, field_type: &str| RedisFieldSection {
            name: name.to_owned(),
            field_type: field_type.to_owned(),
        };
        let table = RedisTable::new(&RedisTableSection {
            table: TableName::new("latest", "t"),
            pattern: "latest:t:*".to_owned(),
            key: "symbol".to_owned(),
            fields: vec![field("n", "bigint"), field("owner", "text")],
        });
        let list = SYMBOLS.map(str::to_owned).to_vec();
        let attributes = BTreeMap::from([("symbols".to_owned(), list)]);
        let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes };
        let policy = Policy::ListAttribute { column: "symbol".to_owned(), attribute: "symbols".to_owned() };
        let requirement = Requirement::new(vec!["latest:t:*".to_owned()], &policy, &tenant);
        let section = RedisSection { urls: vec!["redis://127.0.0.1:1/0".to_owned()], ..RedisSection::default() };
        let connection = RedisConnection::new(&section, &Trust::new(None).unwrap()).unwrap();
        let keys = Keys { connection, limits: LimitSet::default() };
        Arc::new(RedisProvider::new(Arc::new(keys), Arc::new(table.unwrap()), &requirement).unwrap())
    }

    async fn is_lookup(condition: &str) -> bool {
        let session = SessionContext::new();
        session.register_table("t", provider()).unwrap();
        let list = SYMBOLS.map(|symbol| format!("'{symbol}'")).join(", ");
        let guarded = format!("SELECT n, symbol FROM (SELECT * FROM t WHERE symbol IN ({list})) t WHERE {condition}");
        let plan = session.sql(&guarded).await.unwrap().into_unoptimized_plan();
        let state = session.state();
        let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap();
        LocalExecutor::new(&LimitSet::default()).unwrap().prepare(&plan, &|_| None).unwrap().is_lookup()
    }

    #[tokio::test]
    async fn a_row_by_its_key_needs_no_plan_under_the_guard() {
        assert!(is_lookup("symbol = $1").await);
        assert!(is_lookup("symbol = 'A'").await);
        assert!(!is_lookup("symbol = $1 AND owner = 'x'").await);
        assert!(!is_lookup("symbol IN ('A', 'F')").await);
    }
}
