//! What PostgreSQL tells of an object's definition, comment and size. Nothing here has one, so most of it is NULL.

use crate::base::ErrorReport;

use super::super::System;
use super::call::Argument::{Any, Bool, Int4, Int8, Oid, OidOrText, Text};
use super::call::{Arguments, Datum, FunctionRow, Returns};

/// The functions of this file.
pub(super) const ROWS: &[FunctionRow] = &[
    FunctionRow::new("pg_get_expr", &[Text, Oid, Bool], Returns::Text, none).required(2),
    FunctionRow::new("pg_get_indexdef", &[Oid, Int4, Bool], Returns::Text, none).required(1),
    FunctionRow::new("pg_get_constraintdef", &[Oid, Bool], Returns::Text, none).required(1),
    FunctionRow::new("pg_get_viewdef", &[OidOrText, Any], Returns::Text, none).required(1),
    FunctionRow::new("pg_get_ruledef", &[Oid, Bool], Returns::Text, none).required(1),
    FunctionRow::new("pg_get_triggerdef", &[Oid, Bool], Returns::Text, none).required(1),
    FunctionRow::new("pg_get_functiondef", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_function_arguments", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_function_identity_arguments", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_function_result", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_function_sqlbody", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_partkeydef", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_partition_constraintdef", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_serial_sequence", &[Text, Text], Returns::Text, none),
    FunctionRow::new("pg_get_statisticsobjdef", &[Oid], Returns::Text, none),
    FunctionRow::new("pg_get_statisticsobjdef_columns", &[Oid], Returns::Text, none),
    FunctionRow::new("obj_description", &[Oid, Text], Returns::Text, none).required(1),
    FunctionRow::new("col_description", &[Oid, Int4], Returns::Text, none),
    FunctionRow::new("shobj_description", &[Oid, Text], Returns::Text, none),
    // The stores do not tell sizes.
    FunctionRow::new("pg_relation_size", &[OidOrText, Text], Returns::Int8, none).required(1),
    FunctionRow::new("pg_table_size", &[OidOrText], Returns::Int8, none),
    FunctionRow::new("pg_total_relation_size", &[OidOrText], Returns::Int8, none),
    FunctionRow::new("pg_indexes_size", &[OidOrText], Returns::Int8, none),
    FunctionRow::new("pg_database_size", &[OidOrText], Returns::Int8, none),
    FunctionRow::new("pg_tablespace_size", &[OidOrText], Returns::Int8, none),
    FunctionRow::new("pg_stat_get_numscans", &[Oid], Returns::Int8, none),
    FunctionRow::new("pg_tablespace_location", &[Oid], Returns::Text, |_, _| Ok(Datum::Text(String::new()))),
    FunctionRow::new("pg_size_pretty", &[Int8], Returns::Text, size_pretty),
    FunctionRow::new("pg_relation_is_publishable", &[OidOrText], Returns::Bool, |_, _| Ok(Datum::Bool(false))),
    FunctionRow::new("pg_relation_is_updatable", &[OidOrText, Bool], Returns::Int4, |_, _| Ok(Datum::Int4(0))),
    FunctionRow::new("pg_column_is_updatable", &[OidOrText, Int4, Bool], Returns::Bool, |_, _| Ok(Datum::Bool(false))),
    FunctionRow::new("row_security_active", &[OidOrText], Returns::Bool, |_, _| Ok(Datum::Bool(false))),
    FunctionRow::new("pg_filenode_relation", &[Oid, Oid], Returns::Oid, none),
    FunctionRow::new("pg_relation_filenode", &[OidOrText], Returns::Oid, none),
];

fn none(_system: &System, _arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    Ok(Datum::Null)
}

/// As PostgreSQL: a unit is used until the number reaches 10 240 of it, and halves are rounded away from zero.
fn size_pretty(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    const LIMIT: u64 = 10 * 1024;
    let Some(size) = arguments.int(0) else { return Ok(Datum::Null) };
    let sign = if size < 0 { "-" } else { "" };
    let bytes = size.unsigned_abs();
    if bytes < LIMIT {
        return Ok(Datum::Text(format!("{sign}{bytes} bytes")));
    }
    // Twice the amount in the unit at hand, so that the half is not lost.
    let mut halves = bytes >> 9;
    let units = ["kB", "MB", "GB", "TB", "PB"];
    let mut unit = 0;
    while halves >= LIMIT * 2 - 1 && unit + 1 < units.len() {
        halves >>= 10;
        unit += 1;
    }
    Ok(Datum::Text(format!("{sign}{} {}", halves.div_ceil(2), units[unit])))
}
