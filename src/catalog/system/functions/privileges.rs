//! What the session may do: it may read what it sees, and nothing else.

use crate::base::{ErrorReport, SqlState};

use super::super::System;
use super::super::relations::Relation;
use super::super::session_rows;
use super::call::Argument::OidOrText;
use super::call::{Argument, Arguments, Datum, FunctionRow, Returns};
use super::names::{find_relation, undefined, undefined_relation, undefined_schema};

/// Object and privilege, or user, object and privilege.
const TWO_OR_THREE: &[Argument] = &[OidOrText, OidOrText, OidOrText];
/// The same with a column.
const THREE_OR_FOUR: &[Argument] = &[OidOrText, OidOrText, OidOrText, OidOrText];

/// The functions of this file.
pub(super) const ROWS: &[FunctionRow] = &[
    FunctionRow::new("has_table_privilege", TWO_OR_THREE, Returns::Bool, table).required(2),
    FunctionRow::new("has_any_column_privilege", TWO_OR_THREE, Returns::Bool, table).required(2),
    FunctionRow::new("has_column_privilege", THREE_OR_FOUR, Returns::Bool, column).required(3),
    FunctionRow::new("has_sequence_privilege", TWO_OR_THREE, Returns::Bool, table).required(2),
    FunctionRow::new("has_schema_privilege", TWO_OR_THREE, Returns::Bool, schema).required(2),
    FunctionRow::new("has_database_privilege", TWO_OR_THREE, Returns::Bool, database).required(2),
    FunctionRow::new("has_function_privilege", TWO_OR_THREE, Returns::Bool, usable).required(2),
    FunctionRow::new("has_type_privilege", TWO_OR_THREE, Returns::Bool, usable).required(2),
    FunctionRow::new("has_language_privilege", TWO_OR_THREE, Returns::Bool, usable).required(2),
    FunctionRow::new("has_tablespace_privilege", TWO_OR_THREE, Returns::Bool, no_privilege).required(2),
    FunctionRow::new("has_server_privilege", TWO_OR_THREE, Returns::Bool, no_privilege).required(2),
    FunctionRow::new("has_foreign_data_wrapper_privilege", TWO_OR_THREE, Returns::Bool, no_privilege).required(2),
    FunctionRow::new("pg_has_role", TWO_OR_THREE, Returns::Bool, role).required(2),
];

fn table(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let last = arguments.len() - 1;
    let relation = relation_at(system, arguments, last - 1)?;
    let granted = holds(arguments, last, &["SELECT"])?;
    Ok(Datum::bool(relation.map(|_| granted)))
}

fn column(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let last = arguments.len() - 1;
    let Some(relation) = relation_at(system, arguments, last - 2)? else { return Ok(Datum::Null) };
    if let Some(name) = arguments.text(last - 1)
        && !relation.columns().any(|column| column.name == name)
    {
        let message = format!("column \"{name}\" of relation \"{}\" does not exist", relation.name);
        return Err(ErrorReport::new(SqlState::UNDEFINED_COLUMN, message));
    }
    Ok(Datum::Bool(holds(arguments, last, &["SELECT"])?))
}

fn schema(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let last = arguments.len() - 1;
    let granted = holds(arguments, last, &["USAGE"])?;
    if let Some(name) = arguments.text(last - 1) {
        return match system.relations().schema_oid(name) {
            Some(_) => Ok(Datum::Bool(granted)),
            None => Err(undefined_schema(name)),
        };
    }
    let known = arguments.oid(last - 1).and_then(|oid| system.relations().schema_name(oid));
    Ok(Datum::bool(known.map(|_| granted)))
}

fn database(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let last = arguments.len() - 1;
    let granted = holds(arguments, last, &["CONNECT"])?;
    match arguments.text(last - 1) {
        Some(name) if name == system.context().database => Ok(Datum::Bool(granted)),
        Some(name) => {
            Err(ErrorReport::new(SqlState::INVALID_CATALOG_NAME, format!("database \"{name}\" does not exist")))
        }
        None => {
            let known = arguments.oid(last - 1) == Some(session_rows::database_oid(system));
            Ok(Datum::bool(known.then_some(granted)))
        }
    }
}

fn usable(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    Ok(Datum::Bool(holds(arguments, arguments.len() - 1, &["EXECUTE", "USAGE"])?))
}

fn no_privilege(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    Ok(Datum::Bool(holds(arguments, arguments.len() - 1, &[])?))
}

/// A session is a member of its own role only.
fn role(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let index = arguments.len() - 2;
    let roles = session_rows::roles(system);
    let found = match arguments.text(index) {
        Some(name) => Some(roles.iter().find(|role| role.name == name).ok_or_else(|| undefined("role", name))?),
        None => roles.iter().find(|role| Some(role.oid) == arguments.oid(index)),
    };
    Ok(Datum::Bool(found.is_some_and(|role| role.name == system.context().user)))
}

fn relation_at<'a>(
    system: &'a System,
    arguments: &Arguments<'_>,
    index: usize,
) -> Result<Option<Relation<'a>>, ErrorReport> {
    match arguments.text(index) {
        Some(name) => find_relation(system, name)?.map(Some).ok_or_else(|| undefined_relation(name)),
        None => Ok(arguments.oid(index).and_then(|oid| system.relations().by_oid(oid))),
    }
}

/// Whether one of the privileges of a list such as `SELECT, INSERT` is held.
fn holds(arguments: &Arguments<'_>, index: usize, held: &[&str]) -> Result<bool, ErrorReport> {
    const KNOWN: [&str; 14] = [
        "SELECT",
        "INSERT",
        "UPDATE",
        "DELETE",
        "TRUNCATE",
        "REFERENCES",
        "TRIGGER",
        "USAGE",
        "CREATE",
        "CONNECT",
        "TEMPORARY",
        "TEMP",
        "EXECUTE",
        "MEMBER",
    ];
    let text = arguments.text(index).unwrap_or_default();
    let mut any = false;
    for privilege in text.split(',') {
        let upper = privilege.trim().to_uppercase();
        let (word, with_grant) = match upper.strip_suffix(" WITH GRANT OPTION") {
            Some(word) => (word, true),
            None => (upper.as_str(), false),
        };
        if !KNOWN.contains(&word) {
            let message = format!("unrecognized privilege type: \"{}\"", privilege.trim());
            return Err(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, message));
        }
        any |= held.contains(&word) && !with_grant;
    }
    Ok(any)
}
