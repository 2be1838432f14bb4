//! What PostgreSQL tells of an object's definition, comment and size. Nothing here has one, so most of it is NULL.

use crate::base::{ErrorReport, SqlState};

use super::super::{System, identifier};
use super::call::Argument::{Any, Bool, Int4, Int8, Oid, OidOrText, Shown, Text};
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
    FunctionRow::new("array_upper", &[Any, Int4], Returns::Int4, array_upper),
    FunctionRow::new("array_lower", &[Any, Int4], Returns::Int4, |system, arguments| {
        Ok(if array_upper(system, arguments)? == Datum::Null { Datum::Null } else { Datum::Int4(1) })
    }),
    FunctionRow::new("format", &[Text, Shown, Shown, Shown, Shown, Shown, Shown, Shown, Shown], Returns::Text, format)
        .required(1)
        .not_strict(),
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

/// Arrays here have one dimension and begin at 1.
fn array_upper(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let length = arguments.list_length(0).filter(|length| *length > 0 && arguments.int(1) == Some(1));
    Ok(length.map_or(Datum::Null, Datum::Int4))
}

/// `%s` is the value, `%I` the value as an identifier, `%L` as a literal; NULL is empty, an error, and `NULL`.
fn format(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let Some(template) = arguments.text(0) else { return Ok(Datum::Null) };
    let mut formatted = String::new();
    let mut next = 1;
    let mut characters = template.chars();
    while let Some(c) = characters.next() {
        if c != '%' {
            formatted.push(c);
            continue;
        }
        match characters.next() {
            Some('%') => formatted.push('%'),
            Some(kind @ ('s' | 'I' | 'L')) => {
                if next >= arguments.len() {
                    return Err(invalid_format("too few arguments for format()"));
                }
                formatted.push_str(&formatted_value(kind, arguments.text(next))?);
                next += 1;
            }
            Some(other) => return Err(invalid_format(&format!("unrecognized format() type specifier \"{other}\""))),
            None => return Err(invalid_format("unterminated format() type specifier")),
        }
    }
    Ok(Datum::Text(formatted))
}

fn formatted_value(kind: char, value: Option<&str>) -> Result<String, ErrorReport> {
    match (kind, value) {
        ('I', Some(value)) => Ok(identifier::quoted(value)),
        ('I', None) => Err(ErrorReport::new(
            SqlState::INVALID_PARAMETER_VALUE,
            "null values cannot be formatted as an SQL identifier",
        )),
        ('L', Some(value)) => Ok(format!("'{}'", value.replace('\'', "''"))),
        ('L', None) => Ok("NULL".to_owned()),
        (_, value) => Ok(value.unwrap_or_default().to_owned()),
    }
}

fn invalid_format(message: &str) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message)
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
