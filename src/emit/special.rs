//! Functions that no name and no template can say: the emitter writes them by code.

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::ExprSchemable;
use datafusion::logical_expr::expr::ScalarFunction;
use sqlparser::ast;

use crate::functions::FunctionKind;

use super::call::{Call, Decoration, function, plain_call};
use super::dialect::Dialect;
use super::error::EmitError;
use super::expression::Writer;
use super::scope::Scope;
use super::types;

/// Writes a scalar call that the function table marks as special.
///
/// # Errors
/// [`EmitError::Unsupported`] for a name that has no code here.
pub(super) fn scalar(
    writer: &mut Writer,
    name: &str,
    _args: Vec<ast::Expr>,
    _call: &ScalarFunction,
    _scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    writer.unsupported(format!("function {name}"))
}

/// Writes an aggregate or window call that the function table marks as special.
///
/// # Errors
/// [`EmitError::Unsupported`] for a name that has no code here.
pub(super) fn over_rows(
    writer: &mut Writer,
    call: &Call<'_>,
    mut args: Vec<ast::Expr>,
    decoration: Decoration,
    scope: &Scope<'_>,
) -> Result<ast::Expr, EmitError> {
    if writer.dialect != Dialect::ClickHouse {
        return writer.unsupported(format!("function {}", call.name));
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
        (FunctionKind::Window, "row_number" | "rank" | "dense_rank") => {
            types::cast_value(writer.dialect, of(call.name, args), &DataType::Int64)
        }
        // Outside the frame these give the type's default, unless the type has a NULL.
        (FunctionKind::Window, "lag" | "lead" | "first_value" | "last_value" | "nth_value") if !args.is_empty() => {
            let value = args.remove(0);
            args.insert(0, plain_call("toNullable", vec![value]));
            Ok(of(call.name, args))
        }
        _ => writer.unsupported(format!("function {}", call.name)),
    }
}
