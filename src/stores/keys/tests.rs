use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use chrono::Utc;
use datafusion::arrow::array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::logical_expr::LogicalPlan;
use datafusion::logical_expr::logical_plan::EmptyRelation;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::{Allowance, Collected, collect};
use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, RequestClock, SqlState, StoreKind, TenantId, UserFacing};
use crate::route::Piece;
use crate::stores::{PreparedPiece, RunContext, StoreError};

/// Batches, then an error if there is one; counts how often it is asked.
#[derive(Debug, Default)]
struct FakePiece {
    batches: Vec<RecordBatch>,
    then: Option<ErrorReport>,
    asked: AtomicUsize,
}

#[async_trait]
impl PreparedPiece for FakePiece {
    async fn run(&self, _: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let rows = self.batches.clone().into_iter().map(Ok);
        let end = self.then.clone().map(|report| Err(wrap(report)));
        let rows = futures::stream::iter(rows.chain(end));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema(), rows)))
    }
}

fn schema() -> SchemaRef {
    let fields = vec![Field::new("word", DataType::Utf8, true), Field::new("n", DataType::Int64, true)];
    Arc::new(Schema::new(fields))
}

fn batch(rows: &[(Option<&str>, i64)]) -> RecordBatch {
    let words: ArrayRef = Arc::new(rows.iter().map(|(word, _)| *word).collect::<StringArray>());
    let numbers: ArrayRef = Arc::new(rows.iter().map(|(_, n)| *n).collect::<Int64Array>());
    RecordBatch::try_new(schema(), vec![words, numbers]).unwrap()
}

/// Three batches of five rows with the words a, b, c and NULL.
fn fake() -> Arc<FakePiece> {
    let batches =
        vec![batch(&[(Some("b"), 1), (None, 2)]), batch(&[(Some("a"), 3), (Some("b"), 4)]), batch(&[(Some("c"), 5)])];
    Arc::new(FakePiece { batches, ..FakePiece::default() })
}

fn piece() -> Piece {
    let schema = Arc::new(DFSchema::try_from(schema().as_ref().clone()).unwrap());
    let plan = LogicalPlan::EmptyRelation(EmptyRelation { produce_one_row: false, schema });
    Piece { id: 0, store: StoreKind::Materialize, plan, requirements: Vec::new(), reason: String::new() }
}

fn context() -> RunContext {
    let now = Utc::now();
    RunContext {
        tenant: TenantId::new("acme").unwrap(),
        parameters: Arc::from([]),
        clock: RequestClock { transaction_start: now, statement_start: now },
        deadline: None,
        cancel: CancellationToken::new(),
        observations: None,
        given: Arc::default(),
        outdated: Arc::default(),
    }
}

async fn collected(fake: &Arc<FakePiece>, columns: &[usize], keys: usize, bytes: usize) -> Collected {
    let prepared: Arc<dyn PreparedPiece> = Arc::<FakePiece>::clone(fake);
    collect(&piece(), prepared, columns, Allowance { keys, bytes, may_wait: true }, &context()).await.unwrap()
}

/// The numbers of the rows that came, in their order.
async fn numbers(rows: &Arc<dyn PreparedPiece>) -> Vec<i64> {
    let batches: Vec<RecordBatch> = rows.run(&context()).await.unwrap().try_collect().await.unwrap();
    let columns = batches.iter().map(|batch| batch.column(1).as_any().downcast_ref::<Int64Array>().unwrap().clone());
    columns.flat_map(|column| column.values().to_vec()).collect()
}

fn words(words: &[&str]) -> Option<Vec<ScalarValue>> {
    Some(words.iter().map(|word| ScalarValue::from(*word)).collect())
}

#[tokio::test]
async fn keys_are_sorted_and_different_and_never_null_and_rows_are_fetched_once() {
    let fake = fake();
    let collected = collected(&fake, &[0], 3, usize::MAX).await;
    assert_eq!(collected.keys[&0], words(&["a", "b", "c"]));
    for _ in 0..2 {
        assert_eq!(numbers(&collected.rows).await, [1, 2, 3, 4, 5]);
    }
    assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn of_a_side_with_too_many_keys_or_bytes_the_rows_still_come_once() {
    for (keys, bytes) in [(2, usize::MAX), (3, 1)] {
        let fake = fake();
        let collected = collected(&fake, &[0], keys, bytes).await;
        assert_eq!(collected.keys[&0], None, "{keys} {bytes}");
        assert_eq!(numbers(&collected.rows).await, [1, 2, 3, 4, 5]);
        assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
        // Who reads them a second time has them from the store.
        assert_eq!(numbers(&collected.rows).await, [1, 2, 3, 4, 5]);
        assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn where_its_place_at_the_store_is_needed_a_large_side_is_fetched_anew() {
    let fake = fake();
    let prepared: Arc<dyn PreparedPiece> = Arc::<FakePiece>::clone(&fake);
    let allowance = Allowance { keys: 3, bytes: 1, may_wait: false };
    let collected = collect(&piece(), prepared, &[0], allowance, &context()).await.unwrap();
    assert_eq!((&collected.keys[&0], fake.asked.load(Ordering::SeqCst)), (&None, 1));
    assert_eq!(numbers(&collected.rows).await, [1, 2, 3, 4, 5]);
    assert_eq!(fake.asked.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn one_column_may_have_too_many_keys_and_another_few() {
    let fake = fake();
    let collected = collected(&fake, &[0, 1], 4, usize::MAX).await;
    assert_eq!(collected.keys[&0], words(&["a", "b", "c"]));
    assert_eq!(collected.keys[&1], None);
    assert_eq!(numbers(&collected.rows).await, [1, 2, 3, 4, 5]);
    assert_eq!(fake.asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_error_of_the_small_side_is_the_error_of_the_query() {
    let ours = ErrorReport::new(SqlState::CONNECTION_FAILURE, "store materialize is not available");
    let batches = vec![batch(&[(Some("a"), 1)])];
    let fake: Arc<dyn PreparedPiece> =
        Arc::new(FakePiece { batches, then: Some(ours.clone()), ..FakePiece::default() });
    let allowance = Allowance { keys: 10, bytes: usize::MAX, may_wait: true };
    let error = collect(&piece(), fake, &[0], allowance, &context()).await.unwrap_err();
    assert_eq!(error.report(), ours);
}
