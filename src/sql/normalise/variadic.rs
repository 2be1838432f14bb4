//! Calls with VARIADIC: one array stands for the last arguments.
//!
//! PostgreSQL has few functions that may be called so. Each is one of a whole array; the items of an array that is written
//! out are arguments of their own.

use sqlparser::ast::{
    BinaryOperator, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Value,
};

use super::forms::{binary, call, cast, internal, text};

/// The name of the argument that VARIADIC stands before; no text can write it. `rewritten_tokens` puts it there.
pub(in crate::sql) const VARIADIC: &str = "\u{2063}variadic";

/// The functions that take any number of arguments.
const TAKE_ANY: [&str; 13] = [
    "concat",
    "concat_ws",
    "format",
    "json_build_array",
    "json_build_object",
    "json_extract_path",
    "json_extract_path_text",
    "jsonb_build_array",
    "jsonb_build_object",
    "jsonb_extract_path",
    "jsonb_extract_path_text",
    "num_nonnulls",
    "num_nulls",
];

/// The call without VARIADIC; `None` where it has none, or may not have any.
pub(super) fn rewrite(name: &str, function: &mut Function) -> Option<Expr> {
    let FunctionArguments::List(list) = &mut function.args else { return None };
    let FunctionArg::Named { name: mark, arg: FunctionArgExpr::Expr(last), .. } = list.args.last()? else {
        return None;
    };
    if mark.value != VARIADIC {
        return None;
    }
    let last = last.clone();
    if !TAKE_ANY.contains(&name) {
        // Nothing is called so: the message names the type of the array.
        list.args.pop();
        list.args.push(FunctionArg::Unnamed(FunctionArgExpr::Expr(last)));
        return None;
    }
    if let Some(items) = items(&last) {
        list.args.pop();
        list.args.extend(items.into_iter().map(|item| FunctionArg::Unnamed(FunctionArgExpr::Expr(item))));
        return None;
    }
    let before: Vec<Expr> = list.args[..list.args.len() - 1].iter().map(plain).collect::<Option<_>>()?;
    of_array(name, before, last)
}

fn plain(argument: &FunctionArg) -> Option<Expr> {
    match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr.clone()),
        _ => None,
    }
}

/// The items of `ARRAY[…]`, where they are none themselves.
fn items(array: &Expr) -> Option<Vec<Expr>> {
    let Expr::Array(array) = array else { return None };
    let is_nested = array.elem.iter().any(|item| matches!(item, Expr::Array(_)));
    (!is_nested && !array.elem.is_empty()).then(|| array.elem.clone())
}

fn of_array(name: &str, mut before: Vec<Expr>, array: Expr) -> Option<Expr> {
    let flat = |array: Expr| internal("array_flat", vec![array]);
    match (name, before.len()) {
        ("concat", 0) => Some(call("array_to_string", vec![array, text("")])),
        ("concat_ws", 1) => Some(call("array_to_string", vec![array, before.pop()?])),
        ("format", 1) => Some(internal("format[]", vec![before.pop()?, array])),
        ("num_nulls", 0) => {
            Some(counted(binary(call("cardinality", vec![array.clone()]), BinaryOperator::Minus, without_nulls(array))))
        }
        ("num_nonnulls", 0) => Some(counted(without_nulls(array))),
        ("json_build_array", 0) => Some(call("to_json", vec![flat(array)])),
        ("jsonb_build_array", 0) => Some(call("to_jsonb", vec![flat(array)])),
        ("json_extract_path" | "jsonb_extract_path", 1) => {
            Some(binary(document(name, before.pop()?), BinaryOperator::HashArrow, array))
        }
        ("json_extract_path_text" | "jsonb_extract_path_text", 1) => {
            Some(binary(document(name, before.pop()?), BinaryOperator::HashLongArrow, array))
        }
        _ => None,
    }
}

/// A constant is a document of the function's type.
fn document(name: &str, value: Expr) -> Expr {
    let data_type = if name.starts_with("jsonb") { DataType::JSONB } else { DataType::JSON };
    if matches!(value, Expr::Value(_)) { cast(value, data_type) } else { value }
}

fn counted(number: Expr) -> Expr {
    cast(number, DataType::Int4(None))
}

/// How many items of an array are not NULL.
fn without_nulls(array: Expr) -> Expr {
    let null = Expr::Value(Value::Null.into());
    call("cardinality", vec![call("array_remove", vec![internal("array_flat", vec![array]), null])])
}
