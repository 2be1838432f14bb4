//! The store: a pool of sessions, prepared statements, cancellation.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, QueueMode, RecyclingMethod, Runtime};
use futures::stream::{self, StreamExt};
use parking_lot::Mutex;
use tokio_postgres::{CancelToken, RowStream};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::base::engine_error::wrap;
use crate::base::{InternalError, StoreKind, UserFacing};
use crate::catalog;
use crate::config::{MaterializeSection, Secret};
use crate::guard::VerifiedStatement;
use crate::route::Piece;
use crate::stores::bounded::bounded;
use crate::stores::conform::may_be_null;
use crate::stores::{PreparedPiece, RunContext, Store, StoreError, Trust};

use super::discovery;
use super::encode::Parameter;
use super::failure::{pool_error, store_error};
use super::rows::Rows;

/// Rows of one batch at most; fewer when the next row is not there yet.
const BATCH_ROWS: usize = 4_096;

/// Statements that a session of the pool keeps prepared. Texts differ by the constants of clients, so there is no end of
/// them.
const PREPARED_STATEMENTS: usize = 256;

/// Bytes of a statement that is kept prepared. Longer ones have lists of keys in them, which the next run has others of.
const LONGEST_PREPARED: usize = 4_096;

/// What every session of the pool begins with. A live read must not wait for other objects to catch up, and the texts
/// of values must not depend on the server's settings.
const SESSION: &str = "SET transaction_isolation = 'serializable'; SET TimeZone = 'UTC'; SET DateStyle = 'ISO'";

/// Materialize.
pub struct MaterializeStore {
    pool: Pool,
    tls: MakeRustlsConnect,
    /// The tables as they were found last.
    found: Mutex<Vec<catalog::Table>>,
}

impl std::fmt::Debug for MaterializeStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MaterializeStore").finish_non_exhaustive()
    }
}

impl MaterializeStore {
    /// A store. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InternalError`] when the address is none.
    pub fn new(section: &MaterializeSection, trust: &Trust) -> Result<Self, InternalError> {
        let url = address(section.url.as_ref().map_or("", Secret::expose));
        let mut config: tokio_postgres::Config = url.parse().map_err(InternalError::new)?;
        if let Some(password) = &section.password {
            config.password(password.expose());
        }
        let connect_timeout = section.connection.connect_timeout();
        config.connect_timeout(connect_timeout).application_name("flowforge");
        // Whether it is used stands in the address (`sslmode`).
        let tls = MakeRustlsConnect::new(trust.client_config()?);
        let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config, tls.clone(), recycling);
        let pool = Pool::builder(manager)
            .max_size(section.connection.concurrent_queries)
            // The session that ran last has its process awake and its plans at hand.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(connect_timeout))
            .create_timeout(Some(connect_timeout))
            .post_create(Hook::async_fn(|client, _| {
                Box::pin(async move { client.batch_execute(SESSION).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(InternalError::new)?;
        Ok(Self { pool, tls, found: Mutex::default() })
    }
}

/// The address in words that the driver knows. It checks the certificate and its name wherever TLS is used, so that the
/// modes which ask for that are its `require`.
fn address(url: &str) -> String {
    let Some((base, options)) = url.rsplit_once('?') else { return url.to_owned() };
    let known = |option| match option {
        "sslmode=verify-ca" | "sslmode=verify-full" => "sslmode=require",
        other => other,
    };
    format!("{base}?{}", options.split('&').map(known).collect::<Vec<_>>().join("&"))
}

#[async_trait]
impl Store for MaterializeStore {
    fn kind(&self) -> StoreKind {
        StoreKind::Materialize
    }

    fn prepare(
        &self,
        piece: &Arc<Piece>,
        statement: &VerifiedStatement,
        parameters: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        Ok(Arc::new(MaterializePiece {
            piece: piece.id,
            pool: self.pool.clone(),
            tls: self.tls.clone(),
            statement: statement.clone(),
            parameters: parameters.to_vec(),
            schema: may_be_null(piece.plan.schema().inner()),
        }))
    }

    fn has_own_catalog(&self) -> bool {
        true
    }

    async fn discover(&self) -> Result<Vec<catalog::Table>, StoreError> {
        let client = self.pool.get().await.map_err(|error| pool_error(&error))?;
        let rows = client.query(discovery::STATEMENT, &[]).await.map_err(|error| store_error(&error))?;
        let tables = discovery::tables(&rows).map_err(|error| StoreError::Failed(error.report()))?;
        let mut found = self.found.lock();
        if *found != tables {
            // What sessions have prepared over a table that is another now has the columns of the old one.
            self.pool.manager().statement_caches.clear();
            found.clone_from(&tables);
        }
        drop(found);
        Ok(tables)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        let client = self.pool.get().await.map_err(|error| pool_error(&error))?;
        client.simple_query("SELECT 1").await.map_err(|error| store_error(&error)).map(drop)
    }
}

struct MaterializePiece {
    piece: usize,
    pool: Pool,
    tls: MakeRustlsConnect,
    statement: VerifiedStatement,
    parameters: Vec<usize>,
    schema: SchemaRef,
}

impl std::fmt::Debug for MaterializePiece {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MaterializePiece").field("statement", &self.statement).finish_non_exhaustive()
    }
}

#[async_trait]
impl PreparedPiece for MaterializePiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let started = self.start(context).await;
        if matches!(started, Err(StoreError::Outdated { .. })) {
            // What other sessions have prepared is as old.
            self.pool.manager().statement_caches.clear();
        }
        started.map_err(|error| context.outdated.note(error))
    }
}

impl MaterializePiece {
    async fn start(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let values = self.values(context)?;
        let client = self.pool.get().await.map_err(|error| pool_error(&error))?;
        if client.statement_cache.size() >= PREPARED_STATEMENTS {
            client.statement_cache.clear();
        }
        let prepared_before = client.statement_cache.size();
        let text = self.statement.text();
        let statement = match text.len() <= LONGEST_PREPARED {
            true => client.prepare_cached(text).await,
            false => client.prepare(text).await,
        };
        let statement = statement.map_err(|error| store_error(&error))?;
        if let Some(observations) = &context.observations {
            let is_kept = text.len() <= LONGEST_PREPARED && client.statement_cache.size() == prepared_before;
            observations.prepared(self.piece, is_kept);
        }
        let sent: Vec<_> = statement.columns().iter().map(|column| column.type_().clone()).collect();
        let columns = Rows::new(Arc::clone(&self.schema), &sent)?;
        let mut watch =
            CancelOnDrop { token: Some(client.cancel_token()), tls: self.tls.clone(), client: Some(client) };
        let rows = watch.client().query_raw(&statement, values.iter().map(Parameter)).await;
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => {
                watch.is_over();
                return Err(store_error(&error));
            }
        };
        let running = Running { rows: Box::pin(rows.ready_chunks(BATCH_ROWS)), columns, watch };
        let batches = stream::unfold(Some(running), next);
        let batches = RecordBatchStreamAdapter::new(Arc::clone(&self.schema), batches);
        Ok(bounded(Box::pin(batches), context))
    }

    /// The values in the order of the statement's own placeholders.
    fn values(&self, context: &RunContext) -> Result<Vec<ScalarValue>, StoreError> {
        let value = |number: &usize| {
            let value = number.checked_sub(1).and_then(|at| context.parameters.get(at)).cloned();
            value.ok_or_else(|| StoreError::Failed(InternalError::new(format!("no value for ${number}")).report()))
        };
        self.parameters.iter().map(value).collect()
    }
}

/// A statement whose rows come.
struct Running {
    rows: std::pin::Pin<Box<stream::ReadyChunks<RowStream>>>,
    columns: Rows,
    watch: CancelOnDrop,
}

type Batch = datafusion::common::Result<datafusion::arrow::array::RecordBatch>;

async fn next(running: Option<Running>) -> Option<(Batch, Option<Running>)> {
    let mut running = running?;
    let Some(chunk) = running.rows.next().await else {
        running.watch.is_over();
        return None;
    };
    let mut rows = Vec::with_capacity(chunk.len());
    for row in chunk {
        match row {
            Ok(row) => rows.push(row),
            Err(error) => {
                running.watch.is_over();
                return Some((Err(wrap(store_error(&error).report())), None));
            }
        }
    }
    let batch = running.columns.batch(&rows);
    let goes_on = batch.is_ok();
    Some((batch, goes_on.then_some(running)))
}

/// Tells the server to stop a statement that nobody reads to its end. The session goes back to the pool only when the
/// server has let go of the statement: a cancel that comes late would hit the next one.
struct CancelOnDrop {
    token: Option<CancelToken>,
    tls: MakeRustlsConnect,
    client: Option<Object>,
}

impl CancelOnDrop {
    fn client(&self) -> &Object {
        // It is taken by `drop` only.
        match &self.client {
            Some(client) => client,
            None => unreachable!("the session of a running statement"),
        }
    }

    fn is_over(&mut self) {
        self.token = None;
    }
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        let (Some(token), Some(client)) = (self.token.take(), self.client.take()) else { return };
        let tls = self.tls.clone();
        // The session is given up rather than waited for: it ends with the cancelled statement.
        drop(Object::take(client));
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if let Err(error) = token.cancel_query(tls).await {
                    tracing::warn!(%error, "a statement that nobody reads could not be stopped");
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_postgres::config::SslMode;

    use super::*;

    #[test]
    fn the_modes_that_check_certificates_ask_for_tls() {
        let mode = |url: &str| address(url).parse::<tokio_postgres::Config>().unwrap().get_ssl_mode();
        for strict in ["require", "verify-ca", "verify-full"] {
            assert_eq!(mode(&format!("postgres://u@h:6875/d?connect_timeout=1&sslmode={strict}")), SslMode::Require);
        }
        assert_eq!(mode("postgres://u@h/d"), SslMode::Prefer);
        assert_eq!(mode("postgres://u:sslmode=verify-ca@h/d?sslmode=disable"), SslMode::Disable);
        assert!(address("postgres://u@h/d?sslmode=verify").parse::<tokio_postgres::Config>().is_err());
    }
}
