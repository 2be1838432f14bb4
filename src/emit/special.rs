//! Functions that no name and no template can say: the emitter writes them by code.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Expr, ExprSchemable};
use sqlparser::ast::{self, BinaryOperator};

use crate::functions::FunctionKind;

use super::call::{Call, Decoration, function, plain_call};
use super::clickhouse;
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::Writer;
use super::scope::Scope;
use super::{floats, types};

/// Writes a scalar call that the function table marks as special.
///
/// # Errors
/// [`EmitError::Unsupported`] for a name that has no code here.
pub(super) fn scalar(
    writer: &mut Writer,
    call: &ScalarFunction,
    mut args: Vec<ast::Expr>,
    scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    match (writer.dialect, call.name(), call.args.as_slice()) {
        (Dialect::PostgreSql | Dialect::Redis, "extract", [Expr::Literal(field, _), _]) if args.len() == 2 => {
            extract(writer, field, args.remove(1))
        }
        (Dialect::ClickHouse, "abs", [inner]) => clickhouse::absolute(args, inner, scope),
        (Dialect::ClickHouse, "int_add", [first, _]) => clickhouse::checked(args, &BinaryOperator::Plus, first, scope),
        (Dialect::ClickHouse, "int_subtract", [first, _]) => {
            clickhouse::checked(args, &BinaryOperator::Minus, first, scope)
        }
        (Dialect::ClickHouse, "int_multiply", [first, _]) => {
            clickhouse::checked(args, &BinaryOperator::Multiply, first, scope)
        }
        (Dialect::ClickHouse, "greatest" | "least", [first, ..]) => match floats::is_float(writer, first, scope) {
            true => writer.unsupported("greatest and least of floats"),
            false => Ok(plain_call(call.name(), args)),
        },
        (_, name, _) => writer.unsupported(format!("function {name}")),
    }
}

/// The fields that may stand in EXTRACT. The name comes from the client, so only known ones are written.
const FIELDS: [&str; 20] = [
    "century",
    "day",
    "decade",
    "dow",
    "doy",
    "epoch",
    "hour",
    "isodow",
    "isoyear",
    "julian",
    "microseconds",
    "millennium",
    "milliseconds",
    "minute",
    "month",
    "quarter",
    "second",
    "timezone",
    "week",
    "year",
];

fn extract(writer: &Writer, field: &ScalarValue, time: ast::Expr) -> Result<ast::Expr, EmitError> {
    let named = field.try_as_str().flatten().map(str::to_lowercase);
    match named.and_then(|name| FIELDS.iter().find(|known| **known == name)) {
        Some(known) => Ok(ast::Expr::Extract {
            field: ast::DateTimeField::Custom(ast::Ident::new(*known)),
            syntax: ast::ExtractSyntax::From,
            expr: Box::new(time),
        }),
        None => writer.unsupported(format!("the field {field} of a time")),
    }
}

/// Writes an aggregate or window call that the function table marks as special.
///
/// # Errors
/// [`EmitError::Unsupported`] for a name that has no code here.
pub(super) fn over_rows(
    writer: &mut Writer,
    call: &Call<'_>,
    args: Vec<ast::Expr>,
    decoration: Decoration,
    scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    match writer.dialect {
        Dialect::ClickHouse => in_clickhouse(writer, call, args, decoration, scope),
        Dialect::PostgreSql | Dialect::Redis => in_postgresql(writer, call, args, decoration, scope),
    }
}

fn in_postgresql(
    writer: &mut Writer,
    call: &Call<'_>,
    args: Vec<ast::Expr>,
    decoration: Decoration,
    scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    let typed = call.typed.and_then(|argument| argument.get_type(scope.schema).ok());
    let written = ast::Expr::Function(function(call.name, args, decoration));
    match (call.name, typed) {
        // The planner's sum of a whole number is a bigint; of a bigint PostgreSQL's is numeric.
        ("sum", Some(data_type)) if data_type.is_integer() => types::cast(writer.dialect, written, &DataType::Int64),
        ("sum", Some(_)) => Ok(written),
        // Of numerics it has digits of its own.
        ("stddev" | "stddev_samp" | "stddev_pop" | "variance" | "var_samp" | "var_pop", Some(data_type))
            if data_type.is_floating() =>
        {
            Ok(written)
        }
        _ => writer.unsupported(format!("function {}", call.name)),
    }
}

fn in_clickhouse(
    writer: &mut Writer,
    call: &Call<'_>,
    mut args: Vec<ast::Expr>,
    mut decoration: Decoration,
    scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    let is_bare = decoration.is_nothing();
    if call.kind == FunctionKind::Window && matches!(call.name, "first_value" | "last_value") {
        // They look for the first that is not NULL there, unless they are told.
        decoration.null_treatment = Some(ast::NullTreatment::RespectNulls);
    }
    let of = |name: &str, args| ast::Expr::Function(function(name, args, decoration));
    match (call.kind, call.name) {
        // The sum of nothing is NULL, and a sum of small integers is a bigint.
        (FunctionKind::Aggregate, "sum") => {
            let sum = of("sumOrNull", args);
            match call.typed.and_then(|argument| argument.get_type(scope.schema).ok()) {
                Some(data_type) if data_type.is_integer() => types::cast(writer.dialect, sum, &DataType::Int64),
                Some(data_type) if data_type.is_floating() || data_type.is_decimal() => Ok(sum),
                Some(_) | None => writer.unsupported("a sum of an unknown type"),
            }
        }
        (FunctionKind::Aggregate, "min" | "max") => {
            match call.typed.and_then(|argument| argument.get_type(scope.schema).ok()) {
                Some(data_type) if data_type.is_floating() && is_bare => {
                    floats::extreme(writer, call.name == "max", args, &data_type)
                }
                Some(data_type) if data_type.is_floating() => writer.unsupported("min and max of some floats"),
                Some(_) | None => Ok(of(call.name, args)),
            }
        }
        (FunctionKind::Aggregate, "count") => types::cast_value(writer.dialect, of("count", args), &DataType::Int64),
        (FunctionKind::Window, "row_number" | "rank" | "dense_rank") => {
            types::cast_value(writer.dialect, of(call.name, args), &DataType::Int64)
        }
        (FunctionKind::Window, "ntile") => types::cast_value(writer.dialect, of("ntile", args), &DataType::Int32),
        (FunctionKind::Window, "percent_rank" | "cume_dist") => Ok(of(call.name, args)),
        // Outside the frame these give the type's default, unless the type has a NULL; and a default of another type, such
        // as a date with more days, is refused.
        (FunctionKind::Window, "lag" | "lead" | "first_value" | "last_value" | "nth_value") if !args.is_empty() => {
            let value = args.remove(0);
            let value = match call.typed.and_then(|argument| argument.get_type(scope.schema).ok()) {
                Some(data_type) => types::cast(writer.dialect, value, &data_type)?,
                None => plain_call("toNullable", vec![value]),
            };
            args.insert(0, value);
            Ok(of(call.name, args))
        }
        _ => writer.unsupported(format!("function {}", call.name)),
    }
}
