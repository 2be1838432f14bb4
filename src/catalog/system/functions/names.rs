//! Names to OIDs and back: what PostgreSQL does with its types `regclass`, `regtype`, and so on.

use crate::base::{ErrorReport, SqlState};

use super::super::System;
use super::super::relations::{PG_CATALOG, Relation};
use super::super::{fixed, identifier, session_rows, type_names};
use super::call::Argument::{Int4, Oid, OidOrText, Text};
use super::call::{Arguments, Datum, FunctionRow, Returns};

/// The functions of this file. `regclass_in` and its kin read a name or an OID as an OID, as a cast to the type does;
/// `regclass_out` and its kin write an OID as the type does.
pub(super) const ROWS: &[FunctionRow] = &[
    FunctionRow::new("regclass_in", &[OidOrText], Returns::Oid, |system, arguments| {
        read(arguments, |name| relation_oid(system, name), undefined_relation)
    }),
    FunctionRow::new("regtype_in", &[OidOrText], Returns::Oid, |_, arguments| {
        read(arguments, |name| Ok(type_names::read_type(name)), |name| undefined("type", name))
    }),
    FunctionRow::new("regnamespace_in", &[OidOrText], Returns::Oid, |system, arguments| {
        read(arguments, |name| schema_oid(system, name), undefined_schema)
    }),
    FunctionRow::new("regrole_in", &[OidOrText], Returns::Oid, |system, arguments| {
        read(arguments, |name| role_oid(system, name), |name| undefined("role", name))
    }),
    FunctionRow::new("regproc_in", &[OidOrText], Returns::Oid, |_, arguments| {
        read(arguments, function_oid, undefined_function)
    }),
    FunctionRow::new("to_regclass", &[Text], Returns::Oid, |system, arguments| {
        try_read(arguments, |name| relation_oid(system, name))
    }),
    FunctionRow::new("to_regtype", &[Text], Returns::Oid, |_, arguments| {
        try_read(arguments, |name| Ok(type_names::read_type(name)))
    }),
    FunctionRow::new("to_regnamespace", &[Text], Returns::Oid, |system, arguments| {
        try_read(arguments, |name| schema_oid(system, name))
    }),
    FunctionRow::new("to_regrole", &[Text], Returns::Oid, |system, arguments| {
        try_read(arguments, |name| role_oid(system, name))
    }),
    FunctionRow::new("to_regproc", &[Text], Returns::Oid, |_, arguments| try_read(arguments, function_oid)),
    FunctionRow::new("regclass_out", &[Oid], Returns::Text, |system, arguments| {
        let relation = |oid| system.relations().by_oid(oid).map(|relation| relation_text(system, &relation));
        Ok(write(arguments, relation))
    }),
    FunctionRow::new("regtype_out", &[Oid], Returns::Text, |_, arguments| {
        Ok(write(arguments, |oid| fixed::type_by_oid(oid).map(|_| type_names::format_type(oid, None))))
    }),
    FunctionRow::new("regnamespace_out", &[Oid], Returns::Text, |system, arguments| {
        Ok(write(arguments, |oid| system.relations().schema_name(oid).map(identifier::quoted)))
    }),
    FunctionRow::new("regrole_out", &[Oid], Returns::Text, |system, arguments| {
        Ok(write(arguments, |oid| role_name(system, oid).map(|name| identifier::quoted(&name))))
    }),
    FunctionRow::new("regproc_out", &[Oid], Returns::Text, |_, arguments| {
        Ok(write(arguments, |oid| fixed::function_name(oid).map(str::to_owned)))
    }),
    FunctionRow::new("format_type", &[Oid, Int4], Returns::Text, format_type).required(2).not_strict(),
    FunctionRow::new("quote_ident", &[Text], Returns::Text, |_, arguments| {
        Ok(Datum::text(arguments.text(0).map(identifier::quoted)))
    }),
    FunctionRow::new("pg_get_userbyid", &[Oid], Returns::Text, |system, arguments| {
        let oid = arguments.oid(0).unwrap_or_default();
        Ok(Datum::Text(role_name(system, oid).unwrap_or_else(|| format!("unknown (OID={oid})"))))
    }),
];

/// The relation that a name stands for, as it may be written in SQL.
///
/// # Errors
/// `42602` when it is no name.
pub(super) fn find_relation<'a>(system: &'a System, name: &str) -> Result<Option<Relation<'a>>, ErrorReport> {
    let parts = identifier::parts(name)?;
    Ok(match parts.as_slice() {
        [bare] => system.relations().resolve(bare, &system.context().search_path),
        [schema, bare] => system.relations().by_name(schema, bare),
        [database, schema, bare] if *database == system.context().database => system.relations().by_name(schema, bare),
        _ => None,
    })
}

/// `42P01`, in PostgreSQL's words.
pub(super) fn undefined_relation(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_TABLE, format!("relation \"{name}\" does not exist"))
}

/// `3F000`, in PostgreSQL's words.
pub(super) fn undefined_schema(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_SCHEMA_NAME, format!("schema \"{name}\" does not exist"))
}

/// `42704`, in PostgreSQL's words.
pub(super) fn undefined(kind: &str, name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_OBJECT, format!("{kind} \"{name}\" does not exist"))
}

fn undefined_function(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_FUNCTION, format!("function \"{name}\" does not exist"))
}

fn read(
    arguments: &Arguments<'_>,
    find: impl Fn(&str) -> Result<Option<u32>, ErrorReport>,
    missing: impl Fn(&str) -> ErrorReport,
) -> Result<Datum, ErrorReport> {
    let Some(name) = arguments.text(0) else { return Ok(Datum::oid(arguments.oid(0))) };
    if let Some(oid) = numeric(name) {
        return Ok(Datum::Oid(oid));
    }
    find(name)?.map(Datum::Oid).ok_or_else(|| missing(name))
}

fn try_read(
    arguments: &Arguments<'_>,
    find: impl Fn(&str) -> Result<Option<u32>, ErrorReport>,
) -> Result<Datum, ErrorReport> {
    let Some(name) = arguments.text(0) else { return Ok(Datum::Null) };
    // What is no name at all names nothing.
    Ok(Datum::oid(find(name).unwrap_or_default()))
}

fn numeric(name: &str) -> Option<u32> {
    if name == "-" { Some(0) } else { name.parse().ok() }
}

/// An OID without a name is written as its number, 0 as `-`.
fn write(arguments: &Arguments<'_>, name: impl Fn(u32) -> Option<String>) -> Datum {
    match arguments.oid(0) {
        None => Datum::Null,
        Some(0) => Datum::Text("-".to_owned()),
        Some(oid) => Datum::Text(name(oid).unwrap_or_else(|| oid.to_string())),
    }
}

fn relation_oid(system: &System, name: &str) -> Result<Option<u32>, ErrorReport> {
    Ok(find_relation(system, name)?.map(|relation| relation.oid))
}

fn schema_oid(system: &System, name: &str) -> Result<Option<u32>, ErrorReport> {
    let parts = identifier::parts(name)?;
    Ok(parts.first().and_then(|schema| system.relations().schema_oid(schema)))
}

fn role_oid(system: &System, name: &str) -> Result<Option<u32>, ErrorReport> {
    let parts = identifier::parts(name)?;
    let role = session_rows::roles(system).into_iter().find(|role| Some(&role.name) == parts.first());
    Ok(role.map(|role| role.oid))
}

fn role_name(system: &System, oid: u32) -> Option<String> {
    session_rows::roles(system).into_iter().find(|role| role.oid == oid).map(|role| role.name)
}

fn function_oid(name: &str) -> Result<Option<u32>, ErrorReport> {
    let parts = identifier::parts(name)?;
    let bare = match parts.as_slice() {
        [bare] => bare,
        [schema, bare] if schema == PG_CATALOG => bare,
        _ => return Ok(None),
    };
    let found = fixed::functions_named(bare);
    if found.len() > 1 {
        let message = format!("more than one function named \"{name}\"");
        return Err(ErrorReport::new(SqlState::AMBIGUOUS_FUNCTION, message));
    }
    Ok(found.first().copied())
}

fn relation_text(system: &System, relation: &Relation<'_>) -> String {
    if system.sees_bare(relation) {
        return identifier::quoted(relation.name);
    }
    format!("{}.{}", identifier::quoted(relation.schema), identifier::quoted(relation.name))
}

fn format_type(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let modifier = arguments.int(1).and_then(|modifier| i32::try_from(modifier).ok());
    Ok(Datum::text(arguments.oid(0).map(|oid| type_names::format_type(oid, modifier))))
}
