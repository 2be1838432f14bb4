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
    let report = fails("select 'ä' from where");
    assert_eq!((report.message.as_str(), report.position), ("syntax error at or near \"where\"", Some(17)));
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

fn row(sql: &str) -> String {
    rows(&format!("select {sql}"))
}

fn kinds(sql: &str) -> String {
    types(&format!("select {sql}")).join(", ")
}

#[test]
fn arithmetic_is_postgresqls() {
    assert_eq!(row("7/2, -7/2, 7%3, 7.0/2, 1+2*3, -(-5)"), "3|-3|1|3.5000000000000000|7|5");
    assert_eq!(kinds("1+1, 1+3000000000, 1+1.5, 1.5::float8+1"), "integer, bigint, numeric(12,1), double precision");
    assert_eq!(fails("select 2147483647 + 1").message, "integer out of range");
    assert_eq!(fails("select 1/0").sqlstate, SqlState::DIVISION_BY_ZERO);
    assert_eq!(fails("select 1.5/0").sqlstate, SqlState::DIVISION_BY_ZERO);
    assert_eq!(fails("select ratio/0 from t").sqlstate, SqlState::DIVISION_BY_ZERO);
    assert_eq!(fails("select id / (id - 1) from t").sqlstate, SqlState::DIVISION_BY_ZERO);
    assert_eq!(fails("select name + 1 from t").message, "operator does not exist: text + integer");
    assert_eq!(fails("select * from t where name = 1").message, "operator does not exist: text = integer");
    assert_eq!(fails("select 'abc' + 1").message, "invalid input syntax for type integer: \"abc\"");
}

#[test]
fn dates_are_postgresqls() {
    assert_eq!(row("date '2024-03-01' - date '2024-02-01', date '2024-02-28' + 2"), "29|2024-03-01");
    assert_eq!(row("(timestamp '2024-03-01 12:00' - timestamp '2024-02-28')::text"), "2 days 12:00:00");
    assert_eq!(row("(date '2024-01-31' + interval '1 month')::text"), "2024-02-29 00:00:00");
    assert_eq!(
        row("extract(year from date '2024-03-01'), extract(second from timestamp '2024-03-01 00:00:01.5')"),
        "2024|1.500000"
    );
    assert_eq!(
        kinds("date_trunc('month', date '2024-03-01'), date_trunc('day', timestamp '2024-03-01 10:00')"),
        "timestamp with time zone, timestamp without time zone"
    );
    assert_eq!(row("date_trunc('month', at)::text from t where id = 1"), "2024-01-01 00:00:00");
    assert_eq!(row("(timestamptz '2024-07-01 00:00Z' at time zone 'Europe/Berlin')::text"), "2024-07-01 02:00:00");
    assert_eq!(row("current_date, (interval '1 day' * 1.5)::text"), "2024-05-06|1 day 12:00:00");
}

#[test]
fn aggregates_have_postgresqls_types() {
    assert_eq!(
        kinds(
            "sum(small), sum(id), sum(big), sum(price), sum(ratio), count(*), avg(id), avg(price), avg(ratio) from t"
        ),
        "bigint, bigint, numeric(38,0), numeric(38,6), double precision, bigint, numeric(38,16), numeric(38,16), double precision"
    );
    assert_eq!(
        row("sum(id), sum(big), avg(id), avg(price), avg(ratio), count(name) from t"),
        "3|5000000100|1.5000000000000000|1.8750000000000000|0.875|2"
    );
    assert_eq!(row("avg(id) filter (where id > 100), sum(id) filter (where id > 100) from t"), "NULL|NULL");
    assert_eq!(
        kinds("row_number() over (order by id), ntile(2) over (order by id), avg(id) over () from t"),
        "bigint, integer, numeric(38,16)"
    );
    assert_eq!(rows("select id, row_number() over (order by id desc) from t order by 1"), "1|3\n2|2\nNULL|1");
    assert_eq!(rows("select flag, count(*) from t group by flag order by flag"), "false|1\ntrue|1\nNULL|1");
    assert_eq!(
        row("string_agg(name, ',' order by name desc), bool_and(flag), stddev(id) from t"),
        "apple,Banana|false|0.7071067811865475"
    );
    let report = fails("select id, count(*) from t");
    assert_eq!(report.sqlstate, SqlState::GROUPING_ERROR, "{report:?}");
}

#[test]
fn names_of_columns_are_postgresqls() {
    let names = |sql: &str| plan(sql).output_names.join(",");
    assert_eq!(
        names(
            "select 1, 2, id, t.name, count(*) over (), id::text, 'a'::text, case when true then 1 end, coalesce(id, 1), date '2024-01-01', (select 1 as one), -id, true from t"
        ),
        "?column?,?column?,id,name,count,id,text,case,coalesce,date,one,?column?,?column?"
    );
    assert_eq!(names("select 1 as a, 2 as a, 3 as \"A\""), "a,a,A");
    assert_eq!(names("select * from (select 1, 2) s"), "?column?,?column?");
    assert_eq!(names("select a.id, b.id from t a join t b on a.id = b.id"), "id,id");
    assert_eq!(names("values (1, 'a')"), "column1,column2");
}

#[test]
fn text_is_postgresqls() {
    assert_eq!(row("'a' || 1 || 1.50 || true, 'a' || null"), "a11.50true|NULL");
    assert_eq!(
        row("concat('a', null, 1), concat_ws(',', 'a', null, true), length('äö'), strpos('hello', 'l')"),
        "a1|a,t|2|3"
    );
    assert_eq!(
        row(
            "substring('hello' from 2 for 3), left('hello', -2), lpad('7', 3, '0'), trim(both 'x' from 'xax'), split_part('a,b', ',', 2)"
        ),
        "ell|hel|007|a|b"
    );
    assert_eq!(
        row("'abc' like 'a%', 'abc' ilike 'A_C', 'abc' ~ '^a', 'abc' similar to '(a|b)%', 'abc' not like 'b%'"),
        "true|true|true|true|true"
    );
    assert_eq!(
        row("0.1::float8::text, 1e20::float8::text, upper('ä'), initcap('hi there'), md5('a')"),
        "0.1|1e+20|Ä|Hi There|0cc175b9c0f1b6a831c399e269772661"
    );
    assert_eq!(kinds("length('a'), upper('a'), md5('a'), 'a' || 1"), "integer, text, text, text");
}

#[test]
fn conditions_are_postgresqls() {
    assert_eq!(
        row("1 in (2, null), 1 not in (2, 3), 1 between 0 and 2, null is distinct from 1"),
        "NULL|true|true|true"
    );
    assert_eq!(
        row("coalesce(null, 1), nullif(1, 1), greatest(1, null, 3), case when true then 1 else 2.5 end"),
        "1|NULL|3|1"
    );
    assert_eq!(row("(1, 2) < (1, 3), (1, 2) = (1, 2), (1, 'a') in ((1, 'a'), (2, 'b'))"), "true|true|true");
    assert_eq!(rows("select id from t where price > 2 and day = '2024-02-29' and id in ('2', '3')"), "2");
    assert_eq!(rows("select name from t order by name"), "Banana\napple\nNULL");
    assert_eq!(rows("select id from t order by id desc limit 2"), "NULL\n2");
    assert_eq!(rows("select id from t order by 1 offset 1 fetch first 1 row only"), "2");
    assert_eq!(
        kinds("case when true then 1 else 2.5 end, coalesce(1, 2.5), greatest(1, 3000000000)"),
        "numeric(38,1), numeric(38,1), bigint"
    );
    assert_eq!(fails("select case when true then 1 else 'x' end").sqlstate, SqlState::INVALID_TEXT_REPRESENTATION);
    assert_eq!(fails("select case when true then id else flag end from t").sqlstate, SqlState::DATATYPE_MISMATCH);
}

#[test]
fn casts_round_and_refuse_as_postgresql() {
    assert_eq!(
        row(
            "2.5::int, 3.5::float8::int, 2.5::float8::int, '12'::int, 1.5::numeric, 1.25::numeric(5,1), '1.50'::numeric"
        ),
        "3|4|2|12|1.5|1.3|1.50"
    );
    assert_eq!(
        row("round(2.5), round(2.345, 2), round(-2.5), round(2.5::float8), trunc(2.567, 1), ceil(2.1), floor(-2.1)"),
        "3|2.35|-3|2.0|2.5|3|-3"
    );
    assert_eq!(row("'{1,2}'::int[], 2 = any('{1,2}'::int[]), true::int"), "[1, 2]|true|1");
    assert_eq!(fails("select date '2024-01-01'::int").sqlstate, SqlState::CANNOT_COERCE);
    assert_eq!(fails("select 'x'::nosuch").sqlstate, SqlState::UNDEFINED_OBJECT);
    assert_eq!(fails("select 70000::smallint").sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    assert_eq!(
        row(
            "'c3aa'::bytea::text, 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid::text, '{\"b\":1,\"a\":2}'::jsonb::text"
        ),
        "\\x63336161|a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11|{\"a\": 2, \"b\": 1}"
    );
}

#[test]
fn queries_of_every_shape_run() {
    assert_eq!(rows("table t limit 0"), "");
    assert_eq!(rows("select id from t order by id limit 0"), "");
    assert_eq!(rows("select a.id from t a left join t b on a.id = b.id + 1 where b.id is null order by 1"), "1\nNULL");
    assert_eq!(
        rows("select flag, sum(id) from t group by rollup (flag) order by flag, 2"),
        "false|2\ntrue|1\nNULL|3\nNULL|NULL"
    );
    assert_eq!(rows("select id from t where id in (select id from t where id > 1) union select 7 order by 1"), "2\n7");
    assert_eq!(rows("select 1 union all select 2.5 order by 1"), "1\n2.5");
    assert_eq!(
        rows("with recursive r(n) as (select 1 union all select n + 1 from r where n < 3) select sum(n) from r"),
        "6"
    );
    assert_eq!(rows("select g from generate_series(1, 5, 2) as g"), "1\n3\n5");
    assert_eq!(rows("select (select max(b.id) from t b where b.id = a.id) from t a order by 1"), "1\n2\nNULL");
    assert_eq!(
        rows("select a.id, x.m from t a, lateral (select max(b.id) as m from t b where b.id = a.id) x where a.id = 2"),
        "2|2"
    );
    assert_eq!(rows("select array(select id from t where id is not null order by id)"), "[1, 2]");
    assert_eq!(
        rows(
            "select sum(id) over (order by id rows between 1 preceding and current row) from t where id is not null order by 1"
        ),
        "1\n3"
    );
    assert_eq!(rows("select id, lag(id, 1, 0) over (order by id) from t where id is not null order by 1"), "1|0\n2|1");
    assert_eq!(rows("select percentile_cont(0.5) within group (order by ratio) from t"), "0.875");
    assert_eq!(
        rows("select current_user, current_schema(), current_database(), pg_backend_pid()"),
        "acme|marts|flowforge|7"
    );
    assert_eq!(
        rows("select pg_catalog.upper('a'), 'a' operator(pg_catalog.=) 'a', name collate \"C\" from t where id = 1"),
        "A|true|apple"
    );
    assert_eq!(rows("select unnest(array[1,2]) as x order by x"), "1\n2");
    assert_eq!(rows("select a.x from unnest(array['p','q']) as a(x) order by 1"), "p\nq");
}

#[test]
fn a_call_of_an_aggregate_may_come_twice() {
    assert_eq!(kinds("sum(1::bigint), sum(1::bigint) + 1"), "numeric(38,0), numeric(38,0)");
    assert_eq!(
        rows(
            "select sum(id::bigint), sum(id::bigint) + 1, sum(id::bigint) / 2.0 > 1 from t having sum(id::bigint) > 2"
        ),
        "3|4|true"
    );
    assert_eq!(
        rows(
            "select flag, sum(id::bigint) from t group by flag having sum(id::bigint) > 1 order by sum(id::bigint) * 2"
        ),
        "false|2"
    );
    assert_eq!(
        rows(
            "select sum(case when flag then id else '0' end), sum(case when flag then id else '0' end)::int + 1 from t"
        ),
        "1|2"
    );
    assert_eq!(rows("select sum(id::bigint) over (), sum(id::bigint) over () + 1 from t where id = 2"), "2|3");
}
