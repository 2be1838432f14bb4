//! Whether an object can be named without its schema.

use crate::base::ErrorReport;

use super::super::System;
use super::super::fixed;
use super::call::Argument::Oid;
use super::call::{Arguments, Datum, FunctionRow, Returns};

/// The functions of this file.
pub(super) const ROWS: &[FunctionRow] = &[
    FunctionRow::new("pg_table_is_visible", &[Oid], Returns::Bool, table),
    FunctionRow::new("pg_type_is_visible", &[Oid], Returns::Bool, type_),
    FunctionRow::new("pg_function_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_operator_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_opclass_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_opfamily_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_collation_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_conversion_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_statistics_obj_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_ts_config_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_ts_dict_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_ts_parser_is_visible", &[Oid], Returns::Bool, builtin),
    FunctionRow::new("pg_ts_template_is_visible", &[Oid], Returns::Bool, builtin),
];

fn table(system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let relation = arguments.oid(0).and_then(|oid| system.relations().by_oid(oid));
    Ok(Datum::bool(relation.map(|relation| system.sees_bare(&relation))))
}

fn type_(_system: &System, arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    let known = arguments.oid(0).and_then(fixed::type_by_oid);
    Ok(Datum::bool(known.map(|row| !row.is_information_schema())))
}

/// Everything of these kinds lives in `pg_catalog`, which is always on the path.
fn builtin(_system: &System, _arguments: &Arguments<'_>) -> Result<Datum, ErrorReport> {
    Ok(Datum::Bool(true))
}
