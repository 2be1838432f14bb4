use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use chrono::Utc;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{LogicalPlanBuilder, col, lit, placeholder};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::prelude::SessionContext;
use futures::{StreamExt, TryStreamExt};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::base::{ErrorReport, RequestClock, SqlState, TenantId};
use crate::route::PieceLeaf;
use crate::stores::PreparedPiece;

fn executor() -> Arc<LocalExecutor> {
    LocalExecutor::new(&LimitSet::default()).unwrap()
}

fn context(parameters: Vec<ScalarValue>, deadline: Option<Instant>) -> RunContext {
    let now = Utc::now();
    RunContext {
        observations: None,
        given: Arc::default(),
        outdated: Arc::default(),
        tenant: TenantId::new("acme").unwrap(),
        parameters: parameters.into(),
        clock: RequestClock { transaction_start: now, statement_start: now },
        deadline,
        cancel: CancellationToken::new(),
    }
}

fn numbers(from: i64, to: i64) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    let column: ArrayRef = Arc::new((from..to).collect::<Int64Array>());
    RecordBatch::try_new(Arc::new(schema), vec![column]).unwrap()
}

fn scan(source: Arc<dyn TableSource>) -> LogicalPlanBuilder {
    LogicalPlanBuilder::scan("t", source, None).unwrap()
}

/// A plan over the engine's own tables, analysed as the SQL front leaves it.
async fn plan_of(sql: &str) -> LogicalPlan {
    let session = SessionContext::new();
    let plan = session.sql(sql).await.unwrap().into_unoptimized_plan();
    let state = session.state();
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap()
}

async fn collect(rows: SendableRecordBatchStream) -> Result<Vec<i64>, ErrorReport> {
    let batches: Vec<RecordBatch> = rows.try_collect().await.map_err(|error| engine_error::report(&error))?;
    Ok(batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect())
}

const ENDLESS: &str = "SELECT count(*) FROM generate_series(1, 100000) a CROSS JOIN generate_series(1, 10000000) b WHERE a.value < b.value";

#[tokio::test]
async fn parameters_are_given_at_the_run_and_stay_out_of_the_plan() {
    let executor = executor();
    let plan = scan(Arc::new(RowsLeaf::new(numbers(0, 100))))
        .filter(col("n").gt_eq(placeholder("$1")))
        .unwrap()
        .limit(0, Some(3))
        .unwrap()
        .build()
        .unwrap();
    let prepared = executor.prepare(&plan, &|_| None).unwrap();
    for first in [10, 98] {
        let run = context(vec![ScalarValue::Int64(Some(first))], None);
        let rows = collect(executor.run(&prepared, &run).await.unwrap()).await.unwrap();
        assert_eq!(rows, (first..100).take(3).collect::<Vec<_>>());
    }
}

#[tokio::test]
async fn a_running_computation_stops_at_once_when_cancelled() {
    let executor = executor();
    let prepared = executor.prepare(&plan_of(ENDLESS).await, &|_| None).unwrap();
    let run = context(vec![], None);
    let rows = executor.run(&prepared, &run).await.unwrap();
    let cancel = run.cancel.clone();
    let started = Instant::now();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(50)).await;
        cancel.cancel();
    });
    let report = collect(rows).await.unwrap_err();
    assert_eq!(report.sqlstate, SqlState::QUERY_CANCELED);
    assert_eq!(report.message, "canceling statement due to user request");
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_deadline_ends_the_rows_with_its_own_words() {
    let executor = executor();
    let prepared = executor.prepare(&plan_of(ENDLESS).await, &|_| None).unwrap();
    let run = context(vec![], Some(Instant::now() + Duration::from_millis(50)));
    let report = collect(executor.run(&prepared, &run).await.unwrap()).await.unwrap_err();
    assert_eq!(report.sqlstate, SqlState::QUERY_CANCELED);
    assert_eq!(report.message, "canceling statement due to statement timeout");
}

#[tokio::test]
async fn a_query_that_needs_too_much_memory_fails_alone() {
    for limit in ["query_memory_bytes", "query_memory_per_tenant_bytes"] {
        let mut limits = LimitSet::default();
        limits.set(limit, 4 * 1024 * 1024).unwrap();
        let executor = LocalExecutor::new(&limits).unwrap();
        let large = plan_of("SELECT value FROM generate_series(1, 3000000) ORDER BY value % 1000, value").await;
        let prepared = executor.prepare(&large, &|_| None).unwrap();
        let report = collect(executor.run(&prepared, &context(vec![], None)).await.unwrap()).await.unwrap_err();
        assert_eq!(report.sqlstate, SqlState::OUT_OF_MEMORY, "{limit}");

        let small = executor.prepare(&plan_of("SELECT value FROM generate_series(1, 3)").await, &|_| None).unwrap();
        let rows = collect(executor.run(&small, &context(vec![], None)).await.unwrap()).await.unwrap();
        assert_eq!(rows, [1, 2, 3], "{limit}");
    }
}

#[tokio::test]
async fn a_leaf_that_is_nobodys_is_a_defect_and_not_an_empty_table() {
    let source = Arc::new(PieceLeaf::new(0, numbers(0, 1).schema()));
    let plan = scan(source).build().unwrap();
    let error = executor().prepare(&plan, &|_| None).unwrap_err();
    assert_eq!(error.sqlstate(), SqlState::INTERNAL_ERROR);
}

/// A piece that gives batches of one row, and what became of it.
#[derive(Debug, Default)]
struct FakePiece {
    batches: usize,
    then: Option<ErrorReport>,
    panics: bool,
    given: Arc<AtomicUsize>,
    dropped: Arc<AtomicBool>,
}

struct SetOnDrop(Arc<AtomicBool>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait::async_trait]
impl PreparedPiece for FakePiece {
    async fn run(&self, context: &RunContext) -> Result<SendableRecordBatchStream, StoreError> {
        let shift = match context.parameters.first() {
            Some(ScalarValue::Int64(Some(shift))) => *shift,
            _ => 0,
        };
        let (given, guard, panics) = (Arc::clone(&self.given), SetOnDrop(Arc::clone(&self.dropped)), self.panics);
        let rows = (0..self.batches).map(move |number| {
            let _alive = &guard;
            assert!(!panics, "on purpose");
            given.fetch_add(1, Ordering::SeqCst);
            let from = shift + i64::try_from(number).unwrap();
            Ok(numbers(from, from + 1))
        });
        let end = self.then.clone().map(|report| Err(engine_error::wrap(report)));
        let stream = futures::stream::iter(rows.chain(end));
        Ok(Box::pin(RecordBatchStreamAdapter::new(numbers(0, 0).schema(), stream)))
    }
}

/// A local plan over the piece; sorted or not, so that it runs on its own task or not.
async fn run_piece(piece: FakePiece, sorted: bool, run: &RunContext) -> SendableRecordBatchStream {
    let executor = Box::leak(Box::new(executor()));
    let schema = numbers(0, 0).schema();
    let mut plan = scan(Arc::new(PieceLeaf::new(0, Arc::clone(&schema))));
    if sorted {
        plan = plan.sort(vec![col("n").sort(false, false)]).unwrap();
    } else {
        plan = plan.filter(col("n").gt_eq(lit(0_i64))).unwrap();
    }
    let piece: Arc<dyn PreparedPiece> = Arc::new(piece);
    let resolve = |source: &Arc<dyn TableSource>| {
        PieceLeaf::of(source).map(|_| piece_provider(0, Arc::clone(&piece), Arc::clone(&schema)))
    };
    let prepared = executor.prepare(&plan.build().unwrap(), &resolve).unwrap();
    executor.run(&prepared, run).await.unwrap()
}

#[tokio::test]
async fn a_piece_gets_the_runs_values_and_its_rows_arrive() {
    let run = context(vec![ScalarValue::Int64(Some(5))], None);
    let rows = run_piece(FakePiece { batches: 3, ..FakePiece::default() }, true, &run).await;
    assert_eq!(collect(rows).await.unwrap(), [7, 6, 5]);
}

#[tokio::test]
async fn a_pieces_late_error_keeps_its_words_and_is_no_short_result() {
    let ours = ErrorReport::new(SqlState::CONNECTION_FAILURE, "store clickhouse is not available");
    for sorted in [false, true] {
        let piece = FakePiece { batches: 3, then: Some(ours.clone()), ..FakePiece::default() };
        let rows = run_piece(piece, sorted, &context(vec![], None)).await;
        assert_eq!(collect(rows).await.unwrap_err(), ours);
    }
}

#[tokio::test]
async fn a_panic_is_an_internal_error_of_its_query() {
    for sorted in [false, true] {
        let piece = FakePiece { batches: 3, panics: true, ..FakePiece::default() };
        let rows = run_piece(piece, sorted, &context(vec![], None)).await;
        assert_eq!(collect(rows).await.unwrap_err().sqlstate, SqlState::INTERNAL_ERROR);
    }
}

#[tokio::test]
async fn nothing_runs_ahead_of_a_slow_reader_and_dropping_the_rows_ends_the_run() {
    let (given, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let piece = FakePiece {
        batches: 1_000_000,
        given: Arc::clone(&given),
        dropped: Arc::clone(&dropped),
        ..FakePiece::default()
    };
    let mut rows = run_piece(piece, false, &context(vec![], None)).await;
    rows.next().await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(50)).await;
    // The filter above gathers one batch for the engine before it gives it on.
    let ahead = given.load(Ordering::SeqCst);
    assert!(ahead <= 8 * BATCH_ROWS, "{ahead} rows were computed for one that was read");
    drop(rows);
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn an_offset_leaves_out_the_first_rows_of_its_own_order() {
    let executor = executor();
    for last in ["ORDER BY 2, 3", "ORDER BY 2 NULLS FIRST, 3 DESC", "ORDER BY 3, 2", ""] {
        let sql = format!(
            "WITH t AS (SELECT * FROM (VALUES (3, 1), (NULL, 2), (1, NULL), (NULL, 0)) v(a, b)) \
             (SELECT coalesce(a, 0) * 10 + coalesce(b, 0) AS n, a, b FROM t ORDER BY 2 NULLS FIRST, 3 OFFSET 1) \
             UNION ALL (SELECT 77, 7, 7) {last}"
        );
        let prepared = executor.prepare(&plan_of(&sql).await, &|_| None).unwrap();
        let mut rows = collect(executor.run(&prepared, &context(Vec::new(), None)).await.unwrap()).await.unwrap();
        rows.sort_unstable();
        assert_eq!(rows, [2, 10, 31, 77], "{last}");
    }
}

#[tokio::test]
async fn a_condition_reads_the_columns_that_it_names() {
    let executor = executor();
    for join in ["a RIGHT JOIN b", "b LEFT JOIN a"] {
        let sql = format!(
            "WITH a AS (SELECT * FROM (VALUES (1, true), (2, false), (3, NULL)) v(k, f)), \
             b AS (SELECT * FROM (VALUES (1, true), (2, true), (4, true), (5, false), (6, NULL)) v(k, f)) \
             SELECT b.k FROM {join} ON a.k = b.k WHERE CASE WHEN b.f THEN a.f END"
        );
        let prepared = executor.prepare(&plan_of(&sql).await, &|_| None).unwrap();
        let rows = collect(executor.run(&prepared, &context(Vec::new(), None)).await.unwrap()).await.unwrap();
        assert_eq!(rows, [1], "{join}");
    }
}
