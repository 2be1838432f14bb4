//! Recursions that read their rows several times a step: planned, taken apart, run.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::Int64Type;
use datafusion::common::tree_node::TreeNode;
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_plan::collect;
use datafusion::physical_planner::{DefaultPhysicalPlanner, PhysicalPlanner};
use datafusion::prelude::{SessionConfig, SessionContext};

use super::*;
use crate::stores::decorrelate::decorrelate;

/// The numbers of the first column, in the order of the rows.
async fn numbers(sql: &str) -> Vec<i64> {
    let config = SessionConfig::new().with_target_partitions(1);
    let state = SessionStateBuilder::new_with_default_features().with_config(config).build();
    let context = SessionContext::new_with_state(state);
    let statement = "create table t (n bigint) as values (1), (3), (4), (8), (null)";
    context.sql(statement).await.unwrap().collect().await.unwrap();
    let state = context.state();
    let plan = state.create_logical_plan(sql).await.unwrap();
    let plan = state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {}).unwrap();
    let plan = decorrelate(plan).and_then(share).unwrap();
    let plan = state.optimizer().optimize(plan, &state, |_, _| {}).and_then(nullable).unwrap();
    let planner = DefaultPhysicalPlanner::with_extension_planners(vec![Arc::new(StepPlanner)]);
    let mut runs = Vec::new();
    // A plan that is kept is run again and again.
    for _ in 0..2 {
        let physical = planner.create_physical_plan(&plan, &state).await.unwrap();
        let batches = collect(physical, context.task_ctx()).await.unwrap();
        let values = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        runs.push(values.collect::<Vec<_>>());
    }
    assert_eq!(runs[0], runs[1], "{sql}");
    runs.remove(0)
}

#[tokio::test]
async fn a_lateral_subquery_reads_the_rows_of_the_step() {
    let sql = "with recursive r(n) as (select cast(1 as bigint) union all select x.n from r cross join lateral \
               (select n from t where t.n > r.n order by n limit 1) x) select n from r order by n";
    assert_eq!(numbers(sql).await, [1, 3, 4, 8]);
}

#[tokio::test]
async fn a_correlated_subquery_reads_the_rows_of_the_step() {
    let sql = "with recursive r(n) as (select cast(1 as bigint) union all select (select min(n) from t where t.n > r.n) \
               from r where r.n is not null) select n from r where n is not null order by n";
    assert_eq!(numbers(sql).await, [1, 3, 4, 8]);
}

#[tokio::test]
async fn steps_may_find_nothing_and_rows_are_told_apart() {
    let nothing = "with recursive r(n) as (select n from t where n > 100 union all select x.n from r cross join lateral \
                   (select n from t where t.n > r.n limit 1) x) select n from r";
    assert_eq!(numbers(nothing).await, Vec::<i64>::new());
    let distinct = "with recursive r(n) as (select n from t where n < 4 union select x.n from r cross join lateral \
                    (select n from t where t.n > r.n) x) select n from r order by n";
    assert_eq!(numbers(distinct).await, [1, 3, 4, 8]);
}

#[tokio::test]
async fn a_count_that_has_become_a_join_is_a_column_like_the_first() {
    let sql = "with recursive r(n) as (select cast(1 as bigint) union all select (select count(*) from t where t.n = r.n \
               and t.n > 5) from r where r.n > 0) select n from r order by n";
    assert_eq!(numbers(sql).await, [0, 1]);
}

#[tokio::test]
async fn what_is_not_in_a_subquery_is_told_for_each_row_of_the_step() {
    let sql = "with recursive r(n) as (select cast(1 as bigint) union all select n + 1 from r where n < 4 and n not in \
               (select case when t.n < 8 then t.n - 1 end from t where t.n > r.n + 4)) select n from r order by n";
    assert_eq!(numbers(sql).await, [1]);
    let sql = "with recursive r(n) as (select cast(1 as bigint) union all select n + 1 from r where n < 4 and n not in \
               (select case when t.n > 1 then t.n end from t where t.n < r.n)) select n from r order by n";
    assert_eq!(numbers(sql).await, [1, 2]);
}

#[tokio::test]
async fn a_recursion_within_a_step_has_steps_of_its_own() {
    let sql = "with recursive r(n) as (select cast(1 as bigint) union all select x.m from r cross join lateral \
               (with recursive s(m) as (select r.n + 1 union all select m + 1 from s where m < 3) select max(m) as m from s) x \
               where r.n < 5) select n from r order by n";
    assert_eq!(numbers(sql).await, [1, 3, 4, 5]);
}

#[tokio::test]
async fn what_is_read_once_needs_no_step() {
    let context = SessionContext::new();
    let sql = "with recursive r(n) as (select 1 union all select n + 1 from r where n < 3) select n from r";
    let plan = share(context.state().create_logical_plan(sql).await.unwrap()).unwrap();
    assert!(!plan.exists(|node| Ok(matches!(node, LogicalPlan::Extension(_)))).unwrap());
}
