//! Planning and running queries over the small catalog of `testing`.

use datafusion::common::ScalarValue;

use super::testing::{fails, plan, plan_with, rows, rows_with, types};
use crate::base::{SqlState, SqlType};

#[test]
fn names_are_looked_up_as_postgresql_does() {
    for sql in [
        "select id from t where id = 1",
        "select id from marts.t where id = 1",
        "select t.id from marts.t where t.id = 1",
        "select marts.t.id from marts.t where marts.t.id = 1",
        "select id from flowforge.marts.t where id = 1",
        "select \"id\" from T where ID = 1",
        "with t as (select 1 as id) select id from t",
    ] {
        assert_eq!(rows(sql), "1", "{sql}");
    }
    assert_eq!(rows("select count(symbol) from \"latest:vwap:*\""), "2");
}

#[test]
fn unknown_names_have_code_and_position() {
    let report = fails("select *\nfrom nowhere");
    assert_eq!((report.sqlstate, report.position), (SqlState::UNDEFINED_TABLE, Some(15)));
    assert_eq!(report.message, "relation \"nowhere\" does not exist");
    let report = fails("select id, nam from t");
    assert_eq!((report.sqlstate, report.position), (SqlState::UNDEFINED_COLUMN, Some(12)));
    assert_eq!(report.message, "column \"nam\" does not exist");
    let report = fails("select t.nam from t");
    assert_eq!((report.sqlstate, report.position), (SqlState::UNDEFINED_COLUMN, Some(8)));
    assert_eq!(report.message, "column t.nam does not exist");
    let report = fails("select nosuch(id, name) from t");
    assert_eq!((report.sqlstate, report.position), (SqlState::UNDEFINED_FUNCTION, Some(8)));
    assert_eq!(report.message, "function nosuch(integer, text) does not exist");
    let report = fails("select id from t a, t b");
    assert_eq!((report.sqlstate, report.position), (SqlState::AMBIGUOUS_COLUMN, Some(8)));
    assert_eq!(report.message, "column reference \"id\" is ambiguous");
}

#[test]
fn parameters_get_their_types() {
    let parameters = |sql: &str| plan(sql).parameter_types.iter().map(SqlType::name).collect::<Vec<_>>().join(", ");
    assert_eq!(parameters("select * from t where id = $1 and name = $2"), "integer, text");
    assert_eq!(parameters("select $1"), "text");
    assert_eq!(parameters("select * from t limit $1 offset $2"), "bigint, bigint");
    assert_eq!(parameters("select $1::date"), "date");
    assert_eq!(plan_with("select $1 + 1", &[Some(SqlType::Int8)]).unwrap().parameter_types, vec![SqlType::Int8]);
    let value = ScalarValue::Int32(Some(2));
    assert_eq!(rows_with("select name from t where id = $1", &[value]), "Banana");
}

#[test]
fn the_clock_is_bound() {
    assert_eq!(rows("select now(), statement_timestamp()"), "2024-05-06T07:08:09Z|2024-05-06T07:08:10Z");
    assert_eq!(rows("select id from t where seen < now() and id = (select count(*) from t where now() > seen)"), "2");
}

#[test]
fn literals_have_postgresqls_types() {
    assert_eq!(
        types("select 1, 3000000000, 1.5, 'a', true, null, 99999999999999999999"),
        ["integer", "bigint", "numeric(2,1)", "text", "boolean", "text", "numeric(20,0)"]
    );
}
