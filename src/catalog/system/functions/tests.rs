//! Every function through the planner, against what PostgreSQL 15 answers.

use datafusion::arrow::util::display::array_value_to_string;
use datafusion::prelude::{SessionConfig, SessionContext};

use crate::base::{SqlState, engine_error};

use super::super::tests::system;

/// The one value of a query, NULL as `-null-`; an error as its SQLSTATE.
async fn value(sql: &str) -> String {
    let mut config = SessionConfig::new();
    config.options_mut().sql_parser.dialect = datafusion::common::config::Dialect::PostgreSQL;
    let context = SessionContext::new_with_config(config);
    for name in super::names() {
        context.register_udf(super::find(&system(), name).unwrap().as_ref().clone());
    }
    let run = async { context.sql(sql).await?.collect().await };
    let batches = match run.await {
        Ok(batches) => batches,
        Err(error) => return engine_error::report(&error).sqlstate.code().to_owned(),
    };
    let column = batches[0].column(0);
    if column.is_null(0) { "-null-".to_owned() } else { array_value_to_string(column, 0).unwrap() }
}

#[tokio::test]
async fn functions_answer_as_postgresql() {
    for (call, expected) in [
        ("pg_size_pretty(0)", "0 bytes"),
        ("pg_size_pretty(10239)", "10239 bytes"),
        ("pg_size_pretty(10240)", "10 kB"),
        ("pg_size_pretty(10751)", "10 kB"),
        ("pg_size_pretty(10752)", "11 kB"),
        ("pg_size_pretty(10485247)", "10239 kB"),
        ("pg_size_pretty(10485248)", "10 MB"),
        ("pg_size_pretty(1610612736)", "1536 MB"),
        ("pg_size_pretty(-12345678)", "-12 MB"),
        ("pg_encoding_to_char(6)", "UTF8"),
        ("pg_encoding_to_char(999)", ""),
        ("pg_char_to_encoding('utf-8')", "6"),
        ("format_type(1700, 1179658)", "numeric(18,6)"),
        ("format_type(NULL, NULL)", "-null-"),
        ("format_type(23, NULL)", "integer"),
        ("quote_ident('a b')", "\"a b\""),
        ("quote_ident('order')", "\"order\""),
        ("regtype_in('character varying(10)')", "1043"),
        ("regtype_out(1015)", "character varying[]"),
        ("regclass_out(regclass_in('pg_class'))", "pg_class"),
        ("regclass_in('pg_catalog.pg_class')", "1259"),
        ("regclass_out(999999)", "999999"),
        ("regclass_out(0)", "-"),
        ("regclass_out(regclass_in('information_schema.tables'))", "information_schema.tables"),
        ("to_regclass('no_such')", "-null-"),
        ("to_regtype('no_such')", "-null-"),
        ("regproc_out(regproc_in('array_in'))", "array_in"),
        ("has_table_privilege('pg_class', 'SELECT')", "true"),
        ("has_table_privilege(999999, 'SELECT')", "-null-"),
        ("has_schema_privilege('pg_catalog', 'USAGE')", "true"),
        ("pg_table_is_visible(1259)", "true"),
        ("pg_table_is_visible(999999)", "-null-"),
        ("format('%s of %I: %L, %s%%', 'a', 'b c', 'd''e', NULL)", "a of \"b c\": 'd''e', %"),
        ("array_upper(make_array(7, 8), 1)", "2"),
        ("obj_description(1259, 'pg_class')", "-null-"),
    ] {
        assert_eq!(value(&format!("SELECT {call}")).await, expected, "{call}");
    }
}

#[tokio::test]
async fn functions_fail_as_postgresql() {
    for (call, expected) in [
        ("regclass_in('no_such')", SqlState::UNDEFINED_TABLE),
        ("regclass_in('a b')", SqlState::INVALID_NAME),
        ("regtype_in('no_such')", SqlState::UNDEFINED_OBJECT),
        ("regnamespace_in('no_such')", SqlState::INVALID_SCHEMA_NAME),
        ("has_table_privilege('no_such', 'SELECT')", SqlState::UNDEFINED_TABLE),
        ("has_table_privilege('pg_class', 'PLAY')", SqlState::INVALID_PARAMETER_VALUE),
        ("has_schema_privilege('no_such', 'USAGE')", SqlState::INVALID_SCHEMA_NAME),
        ("current_setting('no.such')", SqlState::UNDEFINED_OBJECT),
        ("format('%s')", SqlState::INVALID_PARAMETER_VALUE),
        ("format_type(23)", SqlState::UNDEFINED_FUNCTION),
    ] {
        assert_eq!(value(&format!("SELECT {call}")).await, expected.code(), "{call}");
    }
}

/// A table without a policy is not there for any function either.
#[tokio::test]
async fn functions_tell_nothing_of_hidden_tables() {
    assert_eq!(value("SELECT regclass_in('marts.secret')").await, SqlState::UNDEFINED_TABLE.code());
    assert_eq!(value("SELECT to_regclass('marts.secret')").await, "-null-");
    assert_eq!(value("SELECT has_table_privilege('marts.secret', 'SELECT')").await, SqlState::UNDEFINED_TABLE.code());
    assert_eq!(value("SELECT regclass_out(regclass_in('marts.fct_trades'))").await, "fct_trades");
}
