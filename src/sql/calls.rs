//! Which of a function's signatures a call means, once its arguments have their types.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, DataFusionError, ScalarValue};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, lit};

use crate::base::engine_error::wrap;
use crate::functions::{Settled, aggregate_argument_types, argument_types, is_open, settled};

use super::operators::Operators;
use super::operators_arrays::{is_list, leaf, with_leaf};
use super::settle::{fit, known_type, meet, with_digits_of};

/// Gives the arguments the types of the signature, and the call that signature.
pub(super) fn settle(
    mut call: ScalarFunction,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<Transformed<Expr>, DataFusionError> {
    if !is_open(&call.func) {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    }
    let name = call.func.name().to_owned();
    let known = call.args.iter().map(|arg| known_type(arg, schema)).collect::<Result<Vec<_>, _>>()?;
    if name == "pg_typeof" && known.iter().any(Option::is_none) {
        return operators.call("as_regtype", vec![lit("unknown")]).map(Transformed::yes);
    }
    let Some(wanted) = argument_types(&name, &known) else {
        return Ok(Transformed::no(Expr::ScalarFunction(call)));
    };
    let wanted = with_digits_of_constants(&call.args, wanted.map_err(wrap)?);
    let args = std::mem::take(&mut call.args).into_iter().zip(wanted);
    call.args = args.map(|(arg, wanted)| fitted(arg, &wanted, schema, operators)).collect::<Result<Vec<_>, _>>()?;
    let types = call.args.iter().map(|arg| arg.get_type(schema)).collect::<Result<Vec<_>, _>>()?;
    let literals: Vec<Option<&ScalarValue>> = call.args.iter().map(literal).collect();
    match settled(&name, &types, &literals, operators.is_utc()) {
        Some(Settled::Constant(value)) => return Ok(Transformed::yes(Expr::Literal(value, None))),
        Some(Settled::Call(function, in_zone)) => {
            call.func = function;
            if in_zone {
                call.args.push(lit(operators.zone().name()));
            }
        }
        None => {}
    }
    Ok(Transformed::yes(Expr::ScalarFunction(call)))
}

fn literal(expr: &Expr) -> Option<&ScalarValue> {
    match expr {
        Expr::Literal(value, _) => Some(value),
        _ => None,
    }
}

/// Arrays of numerics that meet have the digits of a quoted constant, too.
fn with_digits_of_constants(args: &[Expr], wanted: Vec<DataType>) -> Vec<DataType> {
    let held = args.iter().zip(&wanted).map(|(arg, wanted)| with_digits_of(arg, wanted.clone()));
    let lists = held.filter(is_list).map(|list| leaf(&list).clone());
    let Some(widest) =
        lists.reduce(|a, b| meet(&a, &b).unwrap_or(a)).filter(|leaf| matches!(leaf, DataType::Decimal128(..)))
    else {
        return wanted;
    };
    let widened = |list: DataType| match (is_list(&list), leaf(&list)) {
        (true, DataType::Decimal128(..)) => with_leaf(&list, &widest),
        _ => list,
    };
    wanted.into_iter().map(widened).collect()
}

/// A constant in quotes keeps the digits of its own where a numeric is wanted.
fn fitted(arg: Expr, wanted: &DataType, schema: &DFSchema, operators: &Operators) -> Result<Expr, DataFusionError> {
    let open = known_type(&arg, schema)?.is_none();
    if open && matches!(wanted, DataType::Decimal128(_, _)) {
        return operators.adopt(arg, wanted);
    }
    fit(arg, wanted, schema, operators)
}

/// Gives the arguments of an aggregate the types of its signature.
pub(super) fn settle_arguments(
    function: &AggregateUDF,
    args: &mut Vec<Expr>,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<bool, DataFusionError> {
    let known = args.iter().map(|arg| known_type(arg, schema)).collect::<Result<Vec<_>, _>>()?;
    let Some(wanted) = aggregate_argument_types(function, &known) else { return Ok(false) };
    let wanted = wanted.map_err(wrap)?;
    let fitting = std::mem::take(args).into_iter().zip(wanted);
    *args = fitting.map(|(arg, wanted)| fitted(arg, &wanted, schema, operators)).collect::<Result<Vec<_>, _>>()?;
    Ok(true)
}
