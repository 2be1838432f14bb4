//! The type of an expression.
//!
//! The library's own way names every part on the way to its type, which takes the square of the length of a chain; the
//! planner asks at each step of the chain. This way names nothing.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{Expr, ExprSchemable, ReturnFieldArgs};

/// The type that an expression has over rows of a schema.
///
/// # Errors
/// What the library says of an expression that has no type: no such column, or arguments that a function does not take.
pub(super) fn type_of(expr: &Expr, schema: &DFSchema) -> Result<DataType, DataFusionError> {
    match expr {
        Expr::ScalarFunction(call) => type_of_call(call, schema),
        Expr::Negative(inner) => type_of(inner, schema),
        Expr::Alias(alias) if !matches!(*alias.expr, Expr::Placeholder(_)) => type_of(&alias.expr, schema),
        other => other.get_type(schema),
    }
}

fn type_of_call(call: &ScalarFunction, schema: &DFSchema) -> Result<DataType, DataFusionError> {
    let field = |argument: &Expr| -> Result<FieldRef, DataFusionError> {
        match argument {
            // These know more of themselves than a type, and have no parts that are long.
            Expr::Column(_) | Expr::Literal(_, _) | Expr::Placeholder(_) => {
                argument.to_field(schema).map(|(_, field)| field)
            }
            _ => Ok(Arc::new(Field::new("", type_of(argument, schema)?, true))),
        }
    };
    let fields = call.args.iter().map(field).collect::<Result<Vec<_>, _>>()?;
    let fields = fields_with_udf(&fields, call.func.as_ref())?;
    let constants: Vec<_> = call
        .args
        .iter()
        .map(|argument| match argument {
            Expr::Literal(value, _) => Some(value),
            _ => None,
        })
        .collect();
    let arguments = ReturnFieldArgs { arg_fields: &fields, scalar_arguments: &constants };
    Ok(call.func.return_field_from_args(arguments)?.data_type().clone())
}
