//! Queries with correlated subqueries: planned, taken apart, run, and compared with PostgreSQL 15's answers.

use std::sync::Arc;

use datafusion::arrow::util::pretty::pretty_format_batches;
use datafusion::prelude::{SessionConfig, SessionContext};

use super::decorrelate;

/// Rows as `a|b` lines, sorted; NULL is empty.
async fn rows(sql: &str) -> Result<Vec<String>, String> {
    let mut config = SessionConfig::new().with_target_partitions(2);
    config.options_mut().sql_parser.dialect = datafusion::common::config::Dialect::PostgreSQL;
    let context = SessionContext::new_with_config(config);
    for statement in [
        "create table t (id int, g text, v int) as values (1, 'a', 10), (2, 'a', 20), (3, 'b', null), (4, null, 40), (5, 'c', 5)",
        "create table u (id int, g text, w int) as values (1, 'a', 1), (2, 'a', 2), (3, 'b', 3), (4, null, 4), (5, 'd', null)",
    ] {
        context.sql(statement).await.unwrap().collect().await.unwrap();
    }
    let plan = context.state().create_logical_plan(sql).await.map_err(|error| error.to_string())?;
    let plan = decorrelate(plan).map_err(|error| error.to_string())?;
    let frame = context.execute_logical_plan(plan).await.map_err(|error| error.to_string())?;
    let batches = frame.collect().await.map_err(|error| error.to_string())?;
    let table = pretty_format_batches(&batches).unwrap().to_string();
    let lines = table.lines().filter(|line| line.starts_with('|')).skip(1);
    let mut lines: Vec<String> =
        lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>().join("|")).collect();
    lines.sort();
    Ok(lines)
}

async fn check(sql: &str, expected: &[&str]) {
    let mut expected: Vec<String> = expected.iter().map(|line| (*line).to_owned()).collect();
    expected.sort();
    assert_eq!(rows(sql).await, Ok(expected), "{sql}");
}

#[tokio::test]
async fn scalar_subqueries_without_an_aggregate() {
    check("select id, (select w from u where u.id = t.id) from t", &["1|1", "2|2", "3|3", "4|4", "5|"]).await;
    check("select id, (select w from u where u.id = t.id and t.v > 10) from t", &["1|", "2|2", "3|", "4|4", "5|"])
        .await;
    check("select id from t where (select w from u where u.id = t.id) > 2", &["3", "4"]).await;
    check("select id from t order by (select w from u where u.id = t.id) desc, id", &["1", "2", "3", "4", "5"]).await;
    check("select (select t.v + 1) from t where id < 3", &["11", "21"]).await;
}

#[tokio::test]
async fn more_than_one_row_is_an_error() {
    let error = rows("select id, (select w from u where u.g = t.g) from t").await.unwrap_err();
    assert!(error.contains("more than one row"), "{error}");
    check("select id, (select w from u where u.g = t.g) from t where g = 'b'", &["3|3"]).await;
}

#[tokio::test]
async fn aggregates_over_no_rows() {
    check("select id, (select count(*) from u where u.g = t.g) from t", &["1|2", "2|2", "3|1", "4|0", "5|0"]).await;
    check(
        "select id, (select count(*) + coalesce(sum(w), -1) from u where u.id < t.id) from t",
        &["1|-1", "2|2", "3|5", "4|9", "5|14"],
    )
    .await;
    check(
        "select id, (select count(*) from u where u.w > t.id and u.g <> coalesce(t.g, 'z')) from t",
        &["1|1", "2|1", "3|0", "4|0", "5|0"],
    )
    .await;
}

#[tokio::test]
async fn as_an_argument_of_an_aggregate_or_a_window() {
    check("select max((select sum(w) from u where u.g = t.g)) from t", &["3"]).await;
    check(
        "select id, count((select max(w) from u where u.g = t.g)) over () from t where id > 2",
        &["3|1", "4|1", "5|1"],
    )
    .await;
    check("select (select count(*) from u where u.g = t.g) as k, count(*) from t group by 1", &["0|2", "1|1", "2|2"])
        .await;
}

#[tokio::test]
async fn groups_limits_and_distinct_inside() {
    check(
        "select id, (select w from u where u.g = t.g order by w desc limit 1) from t",
        &["1|2", "2|2", "3|3", "4|", "5|"],
    )
    .await;
    check(
        "select id, (select w from u where u.g = t.g order by w limit 1 offset 1) from t",
        &["1|2", "2|2", "3|", "4|", "5|"],
    )
    .await;
    check(
        "select id, (select max(n) from (select count(*) n from u where u.id <= t.id group by g) x) from t",
        &["1|1", "2|2", "3|2", "4|2", "5|2"],
    )
    .await;
    check("select id, (select distinct g from u where u.g = t.g) from t", &["1|a", "2|a", "3|b", "4|", "5|"]).await;
}

#[tokio::test]
async fn set_operations_and_joins_inside() {
    check(
        "select id, (select sum(x) from (select w x from u where u.id = t.id union all select t.v) s) from t",
        &["1|11", "2|22", "3|3", "4|44", "5|5"],
    )
    .await;
    check(
        "select id, (select count(*) from u a join u b on a.id = b.id + t.id where a.id > t.id) from t",
        &["1|4", "2|3", "3|2", "4|1", "5|0"],
    )
    .await;
    check(
        "select id, (select count(b.id) from u a left join (select * from u where u.id = t.id) b on a.id = b.id) from t",
        &["1|1", "2|1", "3|1", "4|1", "5|1"],
    )
    .await;
}

#[tokio::test]
async fn two_levels_of_correlation() {
    check(
        "select id, (select count(*) from u where exists (select 1 from u x where x.id = u.id and x.id <= t.id)) from t",
        &["1|1", "2|2", "3|3", "4|4", "5|5"],
    )
    .await;
    check(
        "select id from t where exists (select 1 from u where u.g = t.g and u.w = (select max(w) from u x where x.g = t.g))",
        &["1", "2", "3"],
    )
    .await;
}

#[tokio::test]
async fn exists_and_in_as_values() {
    check(
        "select id, exists (select 1 from u where u.g = t.g) from t",
        &["1|true", "2|true", "3|true", "4|false", "5|false"],
    )
    .await;
    check("select id, g in (select g from u) from t", &["1|true", "2|true", "3|true", "4|", "5|"]).await;
    check(
        "select id, v not in (select w * 10 from u where u.id <= t.id and w is not null) from t",
        &["1|false", "2|false", "3|", "4|false", "5|true"],
    )
    .await;
    check(
        "select id, v > all (select w from u where u.id < t.id) from t",
        &["1|true", "2|true", "3|", "4|true", "5|true"],
    )
    .await;
    check("select exists (select 1 from u where id > 100), (select count(*) from t)", &["false|5"]).await;
}

#[tokio::test]
async fn a_null_matters_only_among_the_rows_of_the_same_outer_row() {
    check("select id from t where v not in (select w * 10 + 1 from u where u.id <= t.id)", &["1", "2", "4"]).await;
    check("select id from t where v not in (select w from u where u.id > 100)", &["1", "2", "3", "4", "5"]).await;
    check("select id from t where v not in (select w from u where u.g = t.g and u.id = t.id)", &["1", "2", "4", "5"])
        .await;
    check("select id from t where v not in (select w from u)", &[]).await;
}

#[tokio::test]
async fn a_null_within_a_condition_is_not_false() {
    check("select id from t where id = 1 or v not in (select w from u)", &["1"]).await;
    check("select id from t where (v in (select w from u)) is null", &["1", "2", "3", "4", "5"]).await;
    check("select id from t where not (v in (select w from u) and id > 0)", &[]).await;
    check("select id from t where id = 1 or id in (select w from u)", &["1", "2", "3", "4"]).await;
    check("select id from t where id = 1 or not (v in (select w from u where u.id < 5))", &["1", "2", "4", "5"]).await;
}

#[tokio::test]
async fn what_a_subquery_does_not_find_is_null_further_up() {
    let subquery = "select id, (select x.id from (select 2 as id) x where x.id > t.id) as v from t";
    check(&format!("select id from ({subquery}) s where v is null"), &["2", "3", "4", "5"]).await;
    check(&format!("select id from ({subquery} union all select 0, 7) s where v is null"), &["2", "3", "4", "5"]).await;
}

#[tokio::test]
async fn lateral_joins() {
    check(
        "select t.id, x.w from t, lateral (select w from u where u.g = t.g order by w desc limit 1) x",
        &["1|2", "2|2", "3|3"],
    )
    .await;
    check(
        "select t.id, x.n from t left join lateral (select count(*) n from u where u.g = t.g) x on true",
        &["1|2", "2|2", "3|1", "4|0", "5|0"],
    )
    .await;
    check(
        "select t.id, x.w from t left join lateral (select w from u where u.g = t.g and u.id <= t.id) x on x.w > 1",
        &["1|", "2|2", "3|3", "4|", "5|"],
    )
    .await;
}

#[tokio::test]
async fn recursion_inside() {
    check(
        "select id, (with recursive r(n) as (select t.id union all select n + 1 from r where n < 5) select sum(n) from r) from t",
        &["1|15", "2|14", "3|12", "4|9", "5|5"],
    )
    .await;
    check(
        "select id, (with recursive r(n) as (select 1 union all select n + 1 from r where n < t.id) select count(*) from r) from t",
        &["1|1", "2|2", "3|3", "4|4", "5|5"],
    )
    .await;
    check(
        "select id, (with recursive r(n, d) as (select u.id, 0 from u where u.id = t.id and u.id < 4 union all \
         select u.id, d + 1 from u, r where u.id = r.n + 1) select n from r order by d desc limit 1) from t",
        &["1|5", "2|5", "3|5", "4|", "5|"],
    )
    .await;
    check(
        "select id, (with recursive r(n) as (select t.id % 2 union select 1 - n from r) select count(*) from r) from t",
        &["1|2", "2|2", "3|2", "4|2", "5|2"],
    )
    .await;
    check(
        "select t.id, x.n from t, lateral (with recursive r(n) as (select t.id union all \
         select n + 2 from r where n < 4) select n from r) x where t.id > 1",
        &["2|2", "2|4", "3|3", "3|5", "4|4", "5|5"],
    )
    .await;
}

#[tokio::test]
async fn names_and_types_of_columns_stay() {
    let context = SessionContext::new();
    context.sql("create table t (id int, v int) as values (1, 2)").await.unwrap().collect().await.unwrap();
    let sql = "select id, (select max(x.v) from t x where x.id < t.id or x.v > t.v) as m, exists (select 1 from t x where x.id = t.id) from t";
    let plan = context.state().create_logical_plan(sql).await.unwrap();
    let after = decorrelate(plan.clone()).unwrap();
    assert_eq!(after.schema().field_names(), plan.schema().field_names());
    assert!(
        Arc::ptr_eq(after.schema(), plan.schema())
            || after.schema().logically_equivalent_names_and_types(plan.schema())
    );
}

#[tokio::test]
async fn sets_of_keys_in_a_correlated_subquery() {
    // The set without keys has a row for every outer row, also where there is nothing to group.
    check(
        "select id, (select count(*) from (select g from u where u.id < t.id group by rollup (g)) s) from t",
        &["1|1", "2|2", "3|2", "4|3", "5|4"],
    )
    .await;
    check(
        "select id, (select sum(n * (1 + b)) from (select count(*) as n, grouping(g, id) as b from u where u.id <= t.id \
         group by cube (g, id)) s) from t where id < 3",
        &["1|10", "2|20"],
    )
    .await;
    check(
        "select id, exists (select 1 from u where u.id > t.id group by grouping sets ((g), (g), ())) from t where id > 4",
        &["5|true"],
    )
    .await;
}

#[tokio::test]
async fn lateral_over_what_is_correlated_within_itself() {
    check(
        "with p as (select t.id from t left join lateral (select t.v from u) l on true) \
         select t.id from t cross join lateral (select 1 from p) l where t.id = 1",
        &["1"; 25],
    )
    .await;
}

#[tokio::test]
async fn conditions_below_an_alias() {
    check(
        "select id from t where exists (select 1 from (select g from u where case when t.v > 10 then u.w > 3 end) s \
         where s.g is null)",
        &["2", "4"],
    )
    .await;
}

#[tokio::test]
async fn subqueries_in_the_conditions_of_outer_joins() {
    let fits = "t.id = u.id and exists (select 1 from t x where x.id = t.id and x.id < u.w + 1 and x.g = u.g)";
    check(&format!("select t.id, u.id from t left join u on {fits}"), &["1|1", "2|2", "3|3", "4|", "5|"]).await;
    check(&format!("select t.id, u.id from t right join u on {fits}"), &["1|1", "2|2", "3|3", "|4", "|5"]).await;
    let both = ["1|1", "2|2", "3|3", "4|", "5|", "|4", "|5"];
    check(&format!("select t.id, u.id from t full join u on {fits}"), &both).await;
    check(&format!("select t.id, u.id, t.g, u.g from t full join u on {fits} where u.id < 3"), &["1|1|a|a", "2|2|a|a"])
        .await;
    let far = "t.id > (select max(x.id) from t x where x.id < u.id and x.v is not null)";
    check(
        &format!("select t.id, u.id from t full join u on t.v = u.id and {far}"),
        &["5|5", "1|", "2|", "3|", "4|", "|1", "|2", "|3", "|4"],
    )
    .await;
    let error = rows("select 1 from (select random() r) a full join u on a.r = u.w and exists (select 1 from t)").await;
    assert!(error.unwrap_err().contains("others each time"));
}
