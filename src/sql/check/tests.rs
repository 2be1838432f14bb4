//! The check against what PostgreSQL 15 says; `tests/slt/error_places.slt` has many more.

use crate::base::ErrorReport;
use crate::sql::testing::plan_with;

fn told(sql: &str) -> (&'static str, String, Option<usize>) {
    match plan_with(sql, &[]) {
        Err(error) => {
            let ErrorReport { sqlstate, message, position, .. } = error.0;
            (sqlstate.code(), message, position)
        }
        Ok(_) => panic!("{sql} was planned"),
    }
}

fn says(sql: &str, code: &str, message: &str, position: usize) {
    let position = (position > 0).then_some(position);
    assert_eq!(told(sql), (told(sql).0, message.to_owned(), position), "{sql}");
    assert_eq!(told(sql).0, code, "{sql}");
}

#[test]
fn an_operator_is_told_at_its_sign_and_a_constant_at_its_own_place() {
    says("SELECT id + name FROM t", "42883", "operator does not exist: integer + text", 11);
    says("SELECT (id) + (name) FROM t", "42883", "operator does not exist: integer + text", 13);
    says("SELECT 1 + 'x'", "22P02", "invalid input syntax for type integer: \"x\"", 12);
    says("SELECT 'a' + 'b'", "42725", "operator is not unique: unknown + unknown", 12);
    says("SELECT id::int8 || true FROM t", "42883", "operator does not exist: bigint || boolean", 17);
    says("SELECT CAST(true AS date)", "42846", "cannot cast type boolean to date", 8);
    says("SELECT true::date", "42846", "cannot cast type boolean to date", 12);
}

#[test]
fn names_are_looked_up_level_by_level() {
    says("SELECT x.id FROM t", "42P01", "missing FROM-clause entry for table \"x\"", 8);
    says("SELECT t.id FROM t u", "42P01", "invalid reference to FROM-clause entry for table \"t\"", 8);
    says("SELECT (SELECT u.nope FROM t) FROM t u", "42703", "column u.nope does not exist", 16);
    says("SELECT id FROM t a, t b", "42702", "column reference \"id\" is ambiguous", 8);
    says("SELECT * FROM t a, (SELECT a.id) b", "42P01", "invalid reference to FROM-clause entry for table \"a\"", 28);
}

#[test]
fn aggregates_belong_to_the_select_of_their_columns() {
    says("SELECT 1 FROM t WHERE max(id) > 1", "42803", "aggregate functions are not allowed in WHERE", 23);
    says("SELECT max(min(id)) FROM t", "42803", "aggregate function calls cannot be nested", 12);
    // The inner one belongs to the outer query, whose WHERE it stands in.
    says(
        "SELECT 1 FROM t a WHERE (SELECT max(a.id) FROM latest.vwap) > 1",
        "42803",
        "aggregate functions are not allowed in WHERE",
        33,
    );
    let grouped = "column \"t.name\" must appear in the GROUP BY clause or be used in an aggregate function";
    says("SELECT name, max(id) FROM t", "42803", grouped, 8);
    plan_with("SELECT upper(name), max(id) FROM t GROUP BY upper(name)", &[]).unwrap();
    plan_with("SELECT name::text FROM t GROUP BY CAST(name AS text)", &[]).unwrap();
}

#[test]
fn unknown_constants_take_the_type_that_postgresql_gives_them() {
    for sql in [
        "SELECT day - '2024-01-01' FROM t",
        "SELECT at > '2024-01-01', at + '1 day' FROM t",
        "SELECT coalesce(NULL, 'a'), nullif('a', 'b'), greatest('a', 'b')",
        "SELECT id IN ('1', '2'), name IN ('a', NULL) FROM t",
        "SELECT 'a' || 1, 1 || 'a', 'a' || NULL",
        "SELECT 1 UNION SELECT '2'",
        "SELECT max('a'), count('a') FROM t",
        "SELECT $1 + 1, name = $2 FROM t",
    ] {
        plan_with(sql, &[]).unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }
}

#[test]
fn a_recursive_query_names_itself_once_where_it_may() {
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT a.n FROM r a JOIN r b ON true) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear more than once",
        69,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r WHERE n IN (SELECT n FROM r)) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear within a subquery",
        86,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT r.n FROM t LEFT JOIN r ON true) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear within an outer join",
        72,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT r.n FROM r JOIN t ON true FULL JOIN t u ON true) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear within an outer join",
        60,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL (SELECT 1 EXCEPT SELECT n FROM r)) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear within EXCEPT",
        75,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL (SELECT n FROM r INTERSECT ALL SELECT 1)) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear within INTERSECT",
        59,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n FROM r UNION ALL SELECT 1) SELECT n FROM r",
        "42P19",
        "recursive reference to query \"r\" must not appear within its non-recursive term",
        58,
    );
    says(
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < 3 ORDER BY n) SELECT n FROM r",
        "0A000",
        "ORDER BY in a recursive query is not implemented",
        85,
    );
    let message = "aggregate functions are not allowed in a recursive query's recursive term";
    says("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT max(n) FROM r) SELECT n FROM r", "42P19", message, 51);
    for allowed in [
        "SELECT 1 UNION ALL SELECT n + 1 FROM t RIGHT JOIN r ON true WHERE n < 3",
        "SELECT 1 UNION ALL SELECT n + 1 FROM r, LATERAL (SELECT max(id) FROM t WHERE t.id > r.n) x WHERE n < 3",
        "SELECT 1 UNION ALL (WITH x AS (SELECT n FROM r) SELECT a.n FROM x a JOIN x b ON a.n < b.n)",
        "SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n < (WITH r AS (SELECT 3 AS n) SELECT n FROM r)",
        "SELECT 1 UNION ALL (SELECT n + 1 FROM r WHERE n < 3 ORDER BY n LIMIT 1)",
    ] {
        let planned = plan_with(&format!("WITH RECURSIVE r(n) AS ({allowed}) SELECT n FROM r"), &[]);
        assert!(planned.is_ok(), "{allowed}: {:?}", planned.err().map(|error| error.0.message));
    }
}

#[test]
fn sets_stand_where_postgresql_allows_them() {
    says("SELECT 1 WHERE generate_series(1, 2) > 1", "0A000", "set-returning functions are not allowed in WHERE", 16);
    says(
        "SELECT CASE WHEN true THEN generate_series(1, 2) END",
        "0A000",
        "set-returning functions are not allowed in CASE",
        28,
    );
    let message = "set-returning functions in ORDER BY are not supported";
    says("SELECT 1 ORDER BY generate_series(1, 2)", "0A000", message, 19);
    plan_with("SELECT generate_series(1, 2) ORDER BY generate_series(1, 2)", &[]).unwrap();
    says("SELECT generate_series(1, 2) > 1 AND true", "42804", "argument of AND must not return a set", 8);
    plan_with("SELECT generate_series(1, CASE WHEN true THEN 2 END)", &[]).unwrap();
    plan_with("SELECT CASE WHEN true THEN (SELECT generate_series(1, 1)) END", &[]).unwrap();
}

#[test]
fn the_alias_of_using_has_the_merged_columns_only() {
    let joined = "FROM (VALUES (1)) AS x(k) JOIN (VALUES (1, 2)) AS y(k, w) USING (k) AS m";
    says(&format!("SELECT m.w {joined}"), "42703", "column m.w does not exist", 8);
    for columns in ["m", "m.k, m.*", "to_jsonb(m)", "(SELECT m.k)", "(m).k", "m IS NULL", "k, m.k"] {
        plan_with(&format!("SELECT {columns} {joined} ORDER BY m.k"), &[]).unwrap();
    }
    let taken = "FROM (VALUES (1)) AS x(k) JOIN (VALUES (1)) AS y(k) USING (k) AS y";
    says(&format!("SELECT 1 {taken}"), "42712", "table name \"y\" specified more than once", 0);
}

#[test]
fn a_volatile_query_is_read_once() {
    let message = "WITH query \"r\" gives other rows each time that it runs, and is read more than once";
    says("WITH r AS (SELECT random() AS x) SELECT 1 FROM r AS a, r AS b", "0A000", message, 56);
    says(
        "WITH v AS (SELECT random() AS x), r AS (SELECT x FROM v) SELECT (SELECT x FROM r), x FROM r",
        "0A000",
        message,
        80,
    );
    says("WITH r AS (SELECT id FROM t TABLESAMPLE SYSTEM (1)) SELECT 1 FROM r AS a, r AS b", "0A000", message, 75);
    for query in [
        "WITH r AS (SELECT random() AS x) SELECT x, x FROM r",
        "WITH r AS (SELECT now() AS x) SELECT 1 FROM r AS a, r AS b",
        "WITH r AS (SELECT id FROM t TABLESAMPLE SYSTEM (1) REPEATABLE (3)) SELECT 1 FROM r AS a, r AS b",
        "SELECT (WITH r AS (SELECT random() AS x) SELECT x FROM r), (WITH r AS (SELECT random() AS x) SELECT x FROM r)",
    ] {
        plan_with(query, &[]).unwrap();
    }
}

#[test]
fn a_sample_has_one_argument() {
    let message = "tablesample method system requires 1 argument, not 2";
    says("SELECT 1 FROM t TABLESAMPLE SYSTEM (1, 2)", "2202H", message, 29);
    let message = "TABLESAMPLE REPEATABLE parameter cannot be null";
    says("SELECT 1 FROM t TABLESAMPLE SYSTEM (1) REPEATABLE (NULL)", "2202G", message, 0);
}

#[test]
fn a_number_that_no_decimal_holds_is_a_float_beside_one() {
    for value in ["1e300 < 2::float8", "2::float8 * -1e200", "coalesce(2::float8, 1e300)", "2::float8 IN (1, 1e300)"] {
        plan_with(&format!("SELECT {value}"), &[]).unwrap();
    }
    assert_eq!(told("SELECT 1e300").0, "0A000");
}

#[test]
fn rows_with_their_word_are_compared_with_the_columns_of_a_query() {
    says("SELECT ROW(id, name) IN (SELECT 1) FROM t", "42601", "subquery has too few columns", 22);
    says("SELECT ROW(id) = (SELECT 1, 2) FROM t", "42601", "subquery has too many columns", 16);
    says("SELECT ROW() = ROW()", "0A000", "cannot compare rows of zero length", 14);
    plan_with("SELECT id FROM t WHERE ROW(id, name) IN (SELECT 1, 'a'::text)", &[]).unwrap();
    plan_with("SELECT id FROM t WHERE ROW(id, name) < ANY (SELECT 1, 'a'::text)", &[]).unwrap();
}

#[test]
fn the_offset_of_a_range_has_a_type_that_goes_with_the_key() {
    let number = "invalid input syntax for type integer: \"a\"";
    says("SELECT sum(id) OVER (ORDER BY id RANGE 'a' PRECEDING) FROM t", "22P02", number, 40);
    let text = "RANGE with offset PRECEDING/FOLLOWING is not supported for column type text";
    says("SELECT sum(id) OVER (ORDER BY name RANGE 1 PRECEDING) FROM t", "0A000", text, 42);
    let frame = "RANGE BETWEEN '1' PRECEDING AND 2 FOLLOWING EXCLUDE CURRENT ROW";
    plan_with(&format!("SELECT sum(id) OVER (ORDER BY id {frame}) FROM t"), &[]).unwrap();
}

#[test]
fn a_cast_of_a_column_to_its_own_type_is_that_column() {
    plan_with("SELECT id, count(*) FROM t GROUP BY id::integer", &[]).unwrap();
    plan_with("SELECT id::int4 FROM t GROUP BY GROUPING SETS ((id), (CAST(id AS int), name))", &[]).unwrap();
    let grouped = "column \"t.id\" must appear in the GROUP BY clause or be used in an aggregate function";
    says("SELECT id::int FROM t GROUP BY id::int8", "42803", grouped, 8);
}
