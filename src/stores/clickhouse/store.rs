//! The store: replicas, retries before the first row, cancellation.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::stream::{self, StreamExt};
use hyper::Uri;

use crate::base::engine_error::wrap;
use crate::base::{InternalError, StoreKind, UserFacing};
use crate::catalog;
use crate::config::ClickHouseSection;
use crate::guard::VerifiedStatement;
use crate::route::Piece;
use crate::stores::bounded::bounded;
use crate::stores::conform::{conform, may_be_null};
use crate::stores::{PreparedPiece, RunContext, Store, StoreError, Trust};

use super::answer::Answer;
use super::http::{Failure, Http, Question};
use super::{discovery, parameters, settings};

/// ClickHouse, one server or several that hold the same tables.
#[derive(Debug)]
pub struct ClickHouseStore {
    replicas: Arc<Replicas>,
    databases: Vec<String>,
    control_timeout: Duration,
}

#[derive(Debug)]
struct Replicas {
    http: Http,
    addresses: Vec<Uri>,
    /// Where the next statement begins to ask.
    turn: AtomicUsize,
}

impl ClickHouseStore {
    /// A store over the configured replicas. Nothing is connected yet.
    ///
    /// # Errors
    /// [`InternalError`] when an address is none.
    pub fn new(section: &ClickHouseSection, trust: &Trust) -> Result<Self, InternalError> {
        let addresses: Result<Vec<Uri>, _> = section.urls.iter().map(|address| address.parse()).collect();
        let (user, password) = (section.user.clone(), section.password.clone());
        let replicas = Replicas {
            http: Http::new(user, password, trust, section.connection.connect_timeout())?,
            addresses: addresses.map_err(InternalError::new)?,
            turn: AtomicUsize::new(0),
        };
        Ok(Self {
            replicas: Arc::new(replicas),
            databases: section.databases.clone(),
            control_timeout: section.connection.answer_timeout(),
        })
    }

    /// All rows of a question of this server's own.
    async fn control(&self, statement: &str, parameters: &[(String, String)]) -> Result<Vec<RecordBatch>, StoreError> {
        let settings = settings::for_run(Some(Instant::now() + self.control_timeout), Instant::now());
        let whole = async {
            let mut running = Arc::clone(&self.replicas).start(statement, &settings, parameters).await?;
            let mut batches = Vec::new();
            while let Some(batch) = running.next().await? {
                batches.push(batch);
            }
            Ok(batches)
        };
        match tokio::time::timeout(self.control_timeout, whole).await {
            Ok(answered) => answered.map_err(|failure: Failure| store_error(&failure)),
            Err(_) => Err(unavailable("no answer in time")),
        }
    }
}

#[async_trait]
impl Store for ClickHouseStore {
    fn kind(&self) -> StoreKind {
        StoreKind::ClickHouse
    }

    fn prepare(
        &self,
        piece: &Arc<Piece>,
        statement: &VerifiedStatement,
        parameters: &[usize],
    ) -> Result<Arc<dyn PreparedPiece>, StoreError> {
        Ok(Arc::new(ClickHousePiece {
            replicas: Arc::clone(&self.replicas),
            statement: statement.clone(),
            parameters: parameters.to_vec(),
            schema: may_be_null(piece.plan.schema().inner()),
        }))
    }

    fn has_own_catalog(&self) -> bool {
        true
    }

    async fn discover(&self) -> Result<Vec<catalog::Table>, StoreError> {
        let databases = ScalarValue::List(ScalarValue::new_list_nullable(
            &self.databases.iter().map(|name| ScalarValue::from(name.as_str())).collect::<Vec<_>>(),
            &DataType::Utf8,
        ));
        let databases = parameters::text(&databases).map_err(StoreError::Failed)?;
        let batches = self.control(discovery::STATEMENT, &[("param_databases".to_owned(), databases)]).await?;
        discovery::tables(&batches).map_err(|error| StoreError::Failed(error.report()))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.control("SELECT 1", &[]).await.map(drop)
    }
}

#[derive(Debug)]
struct ClickHousePiece {
    replicas: Arc<Replicas>,
    statement: VerifiedStatement,
    parameters: Vec<usize>,
    schema: SchemaRef,
}

#[async_trait]
impl PreparedPiece for ClickHousePiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let fields = parameters::fields(&context.parameters, &self.parameters).map_err(StoreError::Failed)?;
        let settings = settings::for_run(context.deadline, Instant::now());
        let replicas = Arc::clone(&self.replicas);
        let (statement, schema) = (self.statement.clone(), Arc::clone(&self.schema));
        // The start is part of the stream, so that a cancel and the deadline end it too.
        let rows = stream::once(async move { replicas.start(statement.text(), &settings, &fields).await });
        let rows = rows.flat_map(|started| match started {
            Ok(running) => stream::unfold(Some(running), next).left_stream(),
            Err(failure) => stream::iter([Err(failure)]).right_stream(),
        });
        let (named, outdated) = (Arc::clone(&schema), Arc::clone(&context.outdated));
        let rows = rows.map(move |batch| {
            let failed = |error: StoreError| wrap(outdated.note(error).report());
            match batch {
                Ok(batch) => same_kinds(&batch, &named).map_err(failed).and_then(|()| conform(&batch, &named)),
                Err(failure) => Err(failed(store_error(&failure))),
            }
        });
        Ok(bounded(Box::pin(RecordBatchStreamAdapter::new(schema, rows)), context))
    }
}

type Step = Option<(Result<RecordBatch, Failure>, Option<Running>)>;

async fn next(running: Option<Running>) -> Step {
    let mut running = running?;
    match running.next().await {
        Ok(None) => None,
        Ok(Some(batch)) => Some((Ok(batch), Some(running))),
        Err(failure) => Some((Err(failure), None)),
    }
}

impl Replicas {
    /// Starts a statement: the replicas take turns, and the next one is asked when one fails before its first row.
    async fn start(
        self: Arc<Self>,
        statement: &str,
        settings: &[(&'static str, String)],
        parameters: &[(String, String)],
    ) -> Result<Running, Failure> {
        let first = self.turn.fetch_add(1, Ordering::Relaxed);
        let mut last = Failure::Unreachable("no replica is configured".to_owned());
        for attempt in 0..self.addresses.len() {
            let replica = (first + attempt) % self.addresses.len();
            match Arc::clone(&self).start_at(replica, statement, settings, parameters).await {
                Ok(running) => return Ok(running),
                Err(failure) if may_be_repeated(&failure) => last = failure,
                Err(failure) => return Err(failure),
            }
        }
        Err(last)
    }

    async fn start_at(
        self: Arc<Self>,
        replica: usize,
        statement: &str,
        settings: &[(&'static str, String)],
        parameters: &[(String, String)],
    ) -> Result<Running, Failure> {
        let query_id = uuid::Uuid::new_v4().to_string();
        let question = Question { statement, query_id: &query_id, format: "ArrowStream", settings, parameters };
        // From here on the server may be at work: whatever ends this future early must tell it to stop.
        let mut watch = KillOnDrop { replicas: Arc::clone(&self), replica, query_id: query_id.clone(), armed: true };
        let asked = self.http.ask(&self.addresses[replica], &question).await;
        let mut answer = match asked {
            Ok(body) => Answer::new(body),
            Err(failure) => {
                watch.armed = matches!(failure, Failure::Cut(_));
                return Err(failure);
            }
        };
        let first = match answer.next().await {
            Ok(first) => first,
            Err(failure) => {
                watch.armed = !matches!(failure, Failure::Exception(_));
                return Err(failure);
            }
        };
        watch.armed = first.is_some();
        Ok(Running { answer, first, watch })
    }
}

/// Reads are safe to repeat, and no row has been passed on.
fn may_be_repeated(failure: &Failure) -> bool {
    match failure {
        Failure::Unreachable(_) | Failure::Untrusted(_) | Failure::Cut(_) | Failure::Garbage(_) => true,
        Failure::Exception(exception) => exception.is_passing(),
    }
}

/// A statement whose first rows have come.
struct Running {
    answer: Answer,
    first: Option<RecordBatch>,
    watch: KillOnDrop,
}

impl Running {
    async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        if let Some(first) = self.first.take() {
            return Ok(Some(first));
        }
        if !self.watch.armed {
            return Ok(None);
        }
        let batch = self.answer.next().await;
        self.watch.armed = match &batch {
            Ok(batch) => batch.is_some(),
            Err(failure) => !matches!(failure, Failure::Exception(_)),
        };
        batch
    }
}

/// Tells the server to stop a statement that nobody reads to its end. Closing the connection alone is not reliable.
struct KillOnDrop {
    replicas: Arc<Replicas>,
    replica: usize,
    query_id: String,
    armed: bool,
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if !self.armed {
            return;
        }
        let (replicas, replica, query_id) = (Arc::clone(&self.replicas), self.replica, self.query_id.clone());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { replicas.kill(replica, &query_id).await });
        }
    }
}

impl Replicas {
    async fn kill(&self, replica: usize, query_id: &str) {
        let parameters = [("param_query".to_owned(), query_id.to_owned())];
        let own_id = uuid::Uuid::new_v4().to_string();
        let question = Question {
            statement: "KILL QUERY WHERE query_id = {query:String} ASYNC",
            query_id: &own_id,
            format: "Null",
            settings: &[],
            parameters: &parameters,
        };
        if let Err(failure) = self.http.ask(&self.addresses[replica], &question).await {
            tracing::warn!(query_id, ?failure, "a statement that nobody reads could not be stopped");
        }
    }
}

fn unavailable(detail: impl Into<String>) -> StoreError {
    StoreError::Unavailable { store: StoreKind::ClickHouse, detail: detail.into() }
}

fn store_error(failure: &Failure) -> StoreError {
    match failure {
        Failure::Unreachable(words) | Failure::Cut(words) | Failure::Garbage(words) => {
            tracing::warn!(%words, "clickhouse does not answer");
            unavailable("The connection to the store failed; the log says how.")
        }
        Failure::Untrusted(fault) => unavailable(*fault),
        Failure::Exception(exception) if exception.is_refused_login() => {
            tracing::error!(text = %exception.text, "clickhouse refuses this server's login");
            unavailable("The store refuses this server's login.")
        }
        Failure::Exception(exception) if exception.is_outdated() => {
            tracing::warn!(text = %exception.text, "clickhouse does not have what a statement reads");
            StoreError::Outdated { store: StoreKind::ClickHouse }
        }
        Failure::Exception(exception) => StoreError::Failed(exception.report()),
    }
}

/// Whether the columns hold values of the kinds that the plan knows: a text that happens to read as a number would pass for
/// one, and a fraction would be cut off.
fn same_kinds(batch: &RecordBatch, schema: &SchemaRef) -> Result<(), StoreError> {
    for (sent, wanted) in batch.schema().fields().iter().zip(schema.fields()) {
        if !is_kind_of(sent.data_type(), wanted.data_type()) {
            let (sent, wanted) = (sent.data_type(), wanted.data_type());
            tracing::warn!(%sent, %wanted, "clickhouse sends a column of another type than the plan knows");
            return Err(StoreError::Outdated { store: StoreKind::ClickHouse });
        }
    }
    Ok(())
}

/// Whether values of a type can stand for those of another.
fn is_kind_of(sent: &DataType, wanted: &DataType) -> bool {
    let is_text = match sent {
        DataType::Dictionary(_, values) => return is_kind_of(values, wanted),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Binary | DataType::LargeBinary => true,
        _ => false,
    };
    if wanted.is_numeric() {
        let has_fraction = match sent {
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => *scale > 0,
            other => other.is_floating(),
        };
        let is_cut = wanted.is_integer() && has_fraction;
        return !is_text && !is_cut;
    }
    match wanted {
        _ if sent.is_null() => true,
        DataType::Boolean => !is_text,
        DataType::Utf8 => !sent.is_numeric() && !sent.is_temporal() && *sent != DataType::Boolean,
        // Its days come as short numbers, and its seconds as unsigned ones.
        DataType::Date32 => sent.is_temporal() || *sent == DataType::UInt16,
        DataType::Timestamp(..) => sent.is_temporal() || *sent == DataType::UInt32,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::datatypes::TimeUnit;

    use super::*;

    #[test]
    fn a_column_of_another_kind_is_not_read_as_what_the_plan_knows() {
        let decimal = || DataType::Decimal128(18, 4);
        let time = || DataType::Timestamp(TimeUnit::Microsecond, None);
        let dictionary = |values: DataType| DataType::Dictionary(Box::new(DataType::Int32), Box::new(values));
        for (sent, wanted) in [
            (DataType::Utf8, DataType::Int32),
            (dictionary(DataType::Utf8), DataType::Float64),
            (DataType::Binary, decimal()),
            (DataType::Float64, DataType::Int64),
            (DataType::Utf8, DataType::Boolean),
            (DataType::Int32, DataType::Utf8),
            (DataType::Date32, DataType::Utf8),
            (DataType::Boolean, DataType::Utf8),
            (decimal(), DataType::Int32),
            (DataType::Utf8, DataType::Date32),
            (DataType::Int64, time()),
            (DataType::Utf8, time()),
        ] {
            assert!(!is_kind_of(&sent, &wanted), "{sent} for {wanted}");
        }
        for (sent, wanted) in [
            (DataType::UInt8, DataType::Boolean),
            (DataType::UInt64, decimal()),
            (DataType::Float64, decimal()),
            (DataType::Int8, DataType::Int16),
            (DataType::UInt16, DataType::Date32),
            (DataType::UInt32, time()),
            (DataType::Date32, time()),
            (DataType::Null, time()),
            (DataType::Decimal128(38, 0), DataType::Int64),
            (dictionary(DataType::Utf8), DataType::Utf8),
            (DataType::Binary, DataType::Utf8),
            (DataType::Utf8, DataType::FixedSizeBinary(16)),
            (DataType::Null, DataType::Null),
        ] {
            assert!(is_kind_of(&sent, &wanted), "{sent} for {wanted}");
        }
    }
}
