//! What the session and the server say of themselves.

use crate::base::{ErrorReport, SqlState};

use super::super::relations::PG_CATALOG;
use super::super::session_rows::UTF8;
use super::super::{System, started_at, unrecognized_setting};
use super::call::Argument::{Bool, Int4, Oid, Text};
use super::call::{Arguments, Datum, FunctionRow, Returns};

/// The functions of this file.
pub(super) const ROWS: &[FunctionRow] = &[
    FunctionRow::new("version", &[], Returns::Text, |_, _| Ok(Datum::Text(VERSION.to_owned()))),
    FunctionRow::new("current_database", &[], Returns::Text, |system, _| {
        Ok(Datum::Text(system.context().database.clone()))
    }),
    FunctionRow::new("current_catalog", &[], Returns::Text, |system, _| {
        Ok(Datum::Text(system.context().database.clone()))
    }),
    FunctionRow::new("current_user", &[], Returns::Text, user),
    FunctionRow::new("session_user", &[], Returns::Text, user),
    FunctionRow::new("current_role", &[], Returns::Text, user),
    FunctionRow::new("user", &[], Returns::Text, user),
    FunctionRow::new("pg_backend_pid", &[], Returns::Int4, |system, _| Ok(Datum::Int4(system.context().session_id))),
    FunctionRow::new("current_schema", &[], Returns::Text, current_schema),
    FunctionRow::new("current_schemas", &[Bool], Returns::Texts, current_schemas),
    FunctionRow::new("current_setting", &[Text, Bool], Returns::Text, current_setting).required(1).volatile(),
    FunctionRow::new("set_config", &[Text, Text, Bool], Returns::Text, set_config).not_strict().volatile(),
    FunctionRow::new("pg_encoding_to_char", &[Int4], Returns::Text, encoding_name),
    FunctionRow::new("pg_char_to_encoding", &[Text], Returns::Int4, encoding_number),
    FunctionRow::new("getdatabaseencoding", &[], Returns::Text, |_, _| Ok(Datum::Text("UTF8".to_owned()))),
    FunctionRow::new("pg_client_encoding", &[], Returns::Text, |_, _| Ok(Datum::Text("UTF8".to_owned()))),
    // No lock is ever held; connection pools call it before they hand a session on.
    FunctionRow::new("pg_advisory_unlock_all", &[], Returns::Text, |_, _| Ok(Datum::Text(String::new()))),
    FunctionRow::new("pg_is_in_recovery", &[], Returns::Bool, |_, _| Ok(Datum::Bool(false))),
    FunctionRow::new("pg_is_wal_replay_paused", &[], Returns::Bool, |_, _| Ok(Datum::Bool(false))),
    FunctionRow::new("pg_my_temp_schema", &[], Returns::Oid, |_, _| Ok(Datum::Oid(0))),
    FunctionRow::new("pg_is_other_temp_schema", &[Oid], Returns::Bool, |_, _| Ok(Datum::Bool(false))),
    FunctionRow::new("txid_current", &[], Returns::Int8, |_, _| Ok(Datum::Int8(READ_ONLY_TRANSACTION))),
    FunctionRow::new("txid_current_if_assigned", &[], Returns::Int8, |_, _| Ok(Datum::Null)),
    FunctionRow::new("pg_current_xact_id_if_assigned", &[], Returns::Int8, |_, _| Ok(Datum::Null)),
    FunctionRow::new("pg_postmaster_start_time", &[], Returns::Moment, started),
    FunctionRow::new("pg_conf_load_time", &[], Returns::Moment, started),
    FunctionRow::new("inet_client_addr", &[], Returns::Text, |_, _| Ok(Datum::Null)),
    FunctionRow::new("inet_client_port", &[], Returns::Int4, |_, _| Ok(Datum::Null)),
    FunctionRow::new("inet_server_addr", &[], Returns::Text, |_, _| Ok(Datum::Null)),
    FunctionRow::new("inet_server_port", &[], Returns::Int4, |_, _| Ok(Datum::Null)),
];

/// The PostgreSQL whose answers are the specification, then who gives them.
const VERSION: &str = concat!("PostgreSQL 15.10 (FlowForge ", env!("CARGO_PKG_VERSION"), ")");

/// The configuration is read once, at the start.
fn started(_system: &System, _arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    Ok(Datum::Moment(started_at().timestamp_micros()))
}

fn user(system: &System, _arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    Ok(Datum::Text(system.context().user.clone()))
}

/// The first schema of the search path that exists.
fn current_schema(system: &System, _arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let mut path = system.context().search_path.iter();
    Ok(Datum::text(path.find(|schema| system.relations().schema_oid(schema).is_some()).map(String::as_str)))
}

/// Nothing is ever written, so there is only one transaction id: PostgreSQL's first normal one.
const READ_ONLY_TRANSACTION: i64 = 3;

/// The schemas of the search path that exist; with `true` also `pg_catalog`, which is searched first.
fn current_schemas(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let path = &system.context().search_path;
    let implied = arguments.bool(0) == Some(true) && !path.iter().any(|schema| schema == PG_CATALOG);
    let mut schemas: Vec<String> = implied.then(|| PG_CATALOG.to_owned()).into_iter().collect();
    schemas.extend(path.iter().filter(|schema| system.relations().schema_oid(schema).is_some()).cloned());
    Ok(Datum::Texts(schemas))
}

/// The value when the statement runs, not when it was planned.
fn current_setting(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let name = arguments.text(0).unwrap_or_default();
    match system.context().settings.get(name) {
        Some(value) => Ok(Datum::Text(value)),
        None if arguments.bool(1) == Some(true) => Ok(Datum::Null),
        None => Err(unrecognized_setting(name)),
    }
}

/// `SET` as a function: it changes the session and nothing that is stored.
fn set_config(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let Some(name) = arguments.text(0) else {
        return Err(ErrorReport::new(SqlState::NULL_VALUE_NOT_ALLOWED, "SET requires parameter name"));
    };
    let local = arguments.bool(2) == Some(true);
    system.context().settings.set(name, arguments.text(1), local).map(Datum::Text)
}

/// The encodings that this server can be asked about: everything here is UTF-8.
const ENCODINGS: [(i32, &str); 3] = [(0, "SQL_ASCII"), (UTF8, "UTF8"), (8, "LATIN1")];

fn encoding_name(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let name = ENCODINGS.iter().find(|(number, _)| Some(i64::from(*number)) == arguments.int(0));
    Ok(Datum::Text(name.map_or("", |(_, name)| name).to_owned()))
}

fn encoding_number(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let wanted = arguments.text(0).unwrap_or_default().replace('-', "");
    let found = ENCODINGS.iter().find(|(_, name)| name.eq_ignore_ascii_case(&wanted));
    Ok(Datum::Int4(found.map_or(-1, |(number, _)| *number)))
}
