use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlanBuilder, col, lit, when};
use futures::TryStreamExt;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::base::limits::LimitSet;
use crate::base::{RequestClock, SqlType, TableName, TenantId, UserFacing};
use crate::catalog::{Column, Snapshot, TenantView};
use crate::stores::embedded::Retention;
use crate::tenancy::{Policy, PolicyBook, Tenant};

fn definition(key: Option<&str>) -> catalog::Table {
    let column = |name: &str, sql_type| Column { name: name.into(), sql_type, nullable: true, store_type: "".into() };
    catalog::Table {
        name: TableName::new("s", "t"),
        store: StoreKind::Redis,
        physical: vec!["t".into()],
        columns: vec![column("symbol", SqlType::Text), column("n", SqlType::Int8)],
        key: key.map(str::to_owned),
        filters_first: false,
        stale: false,
    }
}

/// Rows of two tenants: those of the other have a zero to stumble over.
fn store(key: Option<&str>) -> (EmbeddedStore, Arc<dyn TableSource>, Requirement) {
    let attributes = BTreeMap::from([("symbols".to_owned(), vec!["A".to_owned(), "B".to_owned()])]);
    let tenant = Arc::new(Tenant { id: TenantId::new("acme").unwrap(), attributes });
    let policy = Policy::ListAttribute { column: "symbol".to_owned(), attribute: "symbols".to_owned() };
    let policies = Arc::new(PolicyBook::new([(TableName::new("s", "t"), policy.clone())]));
    let table = definition(key);
    let snapshot = Arc::new(Snapshot::new(1, [table.clone()], policies));
    let leaf = TenantView::new(Arc::clone(&tenant), snapshot).leaf(&table.name).unwrap();
    let requirement = Requirement::new(table.physical.clone(), &policy, &tenant);
    let embedded = EmbeddedTable::new(table, Retention::rows(100));
    let symbols: ArrayRef = Arc::new(StringArray::from(vec![Some("A"), Some("X"), Some("B"), Some("Y"), Some("Z")]));
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 0, 2, 0, 0]));
    let batch = RecordBatch::try_new(Arc::clone(embedded.schema()), vec![symbols, numbers]).unwrap();
    embedded.replace(&batch, Utc::now()).unwrap();
    let executor = LocalExecutor::new(&LimitSet::default()).unwrap();
    (EmbeddedStore::new(StoreKind::Redis, vec![Arc::new(embedded)], executor), leaf, requirement)
}

async fn numbers(store: &EmbeddedStore, plan: &LogicalPlan, requirement: &Requirement) -> Vec<i64> {
    let now = Utc::now();
    let run = RunContext {
        observations: None,
        given: Arc::default(),
        outdated: Arc::default(),
        tenant: TenantId::new("acme").unwrap(),
        parameters: Arc::from([]),
        clock: RequestClock { transaction_start: now, statement_start: now },
        deadline: Some(Instant::now() + Duration::from_secs(60)),
        cancel: CancellationToken::new(),
    };
    let piece = store.prepare_plan(plan, std::slice::from_ref(requirement)).unwrap();
    let batches: Vec<RecordBatch> = piece.run(&run).await.unwrap().try_collect().await.unwrap();
    let mut found: Vec<i64> = batches
        .iter()
        .flat_map(|batch| batch.column(0).as_primitive::<datafusion::arrow::datatypes::Int64Type>().values().to_vec())
        .collect();
    found.sort_unstable();
    found
}

/// Plans in which nothing stands between the table and what fails on the other tenant's rows, and their answers.
fn plans(leaf: &Arc<dyn TableSource>) -> Vec<(LogicalPlan, Vec<i64>)> {
    let scan = || LogicalPlanBuilder::scan("t", Arc::clone(leaf), None).unwrap();
    let fails = || lit(2_i64) / col("t.n");
    let guarded = || scan().filter(col("t.symbol").in_list(vec![lit("A"), lit("B")], false)).unwrap();
    let none = Vec::<Expr>::new;
    let other = LogicalPlanBuilder::from(scan().build().unwrap()).alias("u").unwrap().build().unwrap();
    let build = |builder: LogicalPlanBuilder| builder.build().unwrap();
    vec![
        (build(scan().project([col("t.n")]).unwrap()), vec![1, 2]),
        (build(scan().project([fails()]).unwrap()), vec![1, 2]),
        (build(scan().filter(fails().gt(lit(0_i64))).unwrap().project([col("t.n")]).unwrap()), vec![1, 2]),
        (build(guarded().filter(fails().gt(lit(1_i64))).unwrap().project([col("t.n")]).unwrap()), vec![1]),
        (build(scan().limit(0, Some(1)).unwrap().project([fails()]).unwrap()), vec![2]),
        (build(scan().limit(1, Some(5)).unwrap().project([col("t.n")]).unwrap()), vec![2]),
        (build(scan().aggregate(none(), [count(lit(1_i64))]).unwrap()), vec![2]),
        (build(guarded().aggregate(none(), [count(lit(1_i64))]).unwrap()), vec![2]),
        (build(scan().filter(col("t.symbol").eq(lit("X"))).unwrap().project([col("t.n")]).unwrap()), vec![]),
        (build(scan().filter(col("t.symbol").eq(lit("B"))).unwrap().project([col("t.n")]).unwrap()), vec![2]),
        (
            build(
                scan()
                    .join(other, JoinType::Full, (vec!["t.symbol"], vec!["u.symbol"]), None)
                    .unwrap()
                    .project([when(col("u.n").is_null(), lit(0_i64)).otherwise(col("u.n")).unwrap()])
                    .unwrap(),
            ),
            vec![1, 2],
        ),
    ]
}

#[tokio::test]
async fn rows_of_others_never_leave_the_table_whatever_the_plan_says() {
    for key in [None, Some("symbol")] {
        let (store, leaf, requirement) = store(key);
        for (plan, expected) in plans(&leaf) {
            assert_eq!(numbers(&store, &plan, &requirement).await, expected, "{}", plan.display_indent());
        }
    }
}

#[tokio::test]
async fn a_table_of_which_nothing_or_nonsense_is_required_is_not_read() {
    let (store, leaf, requirement) = store(None);
    let plan = LogicalPlanBuilder::scan("t", leaf, None).unwrap().build().unwrap();
    let policy = Policy::TenantColumn { column: "owner".to_owned() };
    let wrong = [
        vec![],
        vec![Requirement { physical: vec!["u".to_owned()], ..requirement.clone() }],
        vec![Requirement { policy, ..requirement }],
    ];
    for requirements in wrong {
        let error = store.prepare_plan(&plan, &requirements).unwrap_err();
        assert_eq!(error.sqlstate(), crate::base::SqlState::INTERNAL_ERROR);
    }
}
