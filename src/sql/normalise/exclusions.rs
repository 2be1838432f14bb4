//! Frames that leave rows out, as frames that leave none out: what an aggregate says of the rows before and of those
//! after is put together again.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    AccessExpr, BinaryOperator, CaseWhen, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, ObjectName, Subscript, Value, WindowSpec, WindowType,
};

use crate::base::{ErrorReport, SqlState};
use crate::sql::frames::Exclusion;

use super::excluded_frames::{parts, parts_by_distance, without_distances};
use super::forms::{binary, call, cast, nested, number};
use super::system::bare_name;

/// The call over a window whose frame leaves rows out.
pub(super) fn without(function: &Function, spec: &WindowSpec, exclusion: Exclusion) -> Result<Expr, ErrorReport> {
    let name = bare_name(&function.name).unwrap_or_default();
    if reads_no_frame(&name) {
        return Ok(over(function, spec));
    }
    if let Some(peers) = without_distances(spec)
        && let Some(key) = spec.order_by.first()
    {
        // Nothing is near to NULL: there a distance ends at the peers.
        let is_null = Expr::IsNull(Box::new(nested(key.expr.clone())));
        let parts = parts_by_distance(spec, exclusion).ok_or_else(|| refused(exclusion))?;
        let near = of_parts(&name, function, spec, exclusion, &parts)?;
        return Ok(case(is_null, without(function, &peers, exclusion)?, Some(near)));
    }
    let parts = parts(spec, exclusion).ok_or_else(|| refused(exclusion))?;
    of_parts(&name, function, spec, exclusion, &parts)
}

/// What a call says of frames that together are one.
fn of_parts(
    name: &str,
    function: &Function,
    spec: &WindowSpec,
    exclusion: Exclusion,
    parts: &[WindowSpec],
) -> Result<Expr, ErrorReport> {
    match parts {
        [] => Ok(of_no_rows(name, over(function, spec))),
        [only] => Ok(over(function, only)),
        several => together(name, function, several).ok_or_else(|| refused(exclusion)),
    }
}

fn over(function: &Function, spec: &WindowSpec) -> Expr {
    Expr::Function(Function { over: Some(WindowType::WindowSpec(spec.clone())), ..function.clone() })
}

fn refused(exclusion: Exclusion) -> ErrorReport {
    let message = format!("EXCLUDE {} is not supported here", exclusion.words());
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .with_hint("Subtract what the frame should leave out from the aggregate over the whole frame.")
}

fn reads_no_frame(name: &str) -> bool {
    matches!(name, "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" | "lag" | "lead")
}

fn case(condition: Expr, result: Expr, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result }],
        else_result: otherwise.map(Box::new),
    }
}

fn of_no_rows(name: &str, typed: Expr) -> Expr {
    if name == "count" {
        return cast(number("0"), DataType::BigInt(None));
    }
    case(Expr::Value(Value::Boolean(false).into()), typed, None)
}

/// What an aggregate says of several frames as one.
fn together(name: &str, function: &Function, parts: &[WindowSpec]) -> Option<Expr> {
    let of = |function: &Function| -> Vec<Expr> { parts.iter().map(|part| over(function, part)).collect() };
    let named = |name: &str| Function { name: ObjectName::from(vec![Ident::new(name)]), ..function.clone() };
    Some(match name {
        "count" => fold(of(function), |all, next| binary(all, BinaryOperator::Plus, next))?,
        "sum" => either(of(function), &BinaryOperator::Plus)?,
        "avg" => {
            // Of integers the mean is numeric, and stays what it is otherwise.
            let one_digit = DataType::Numeric(ExactNumberInfo::PrecisionAndScale(1, 0));
            let sum = binary(
                either(of(&named("sum")), &BinaryOperator::Plus)?,
                BinaryOperator::Plus,
                cast(number("0"), one_digit),
            );
            let count = fold(of(&named("count")), |all, next| binary(all, BinaryOperator::Plus, next))?;
            binary(nested(sum), BinaryOperator::Divide, call("nullif", vec![count, number("0")]))
        }
        "min" => call("least", of(function)),
        "max" => call("greatest", of(function)),
        "bool_and" | "every" => either(of(function), &BinaryOperator::And)?,
        "bool_or" => either(of(function), &BinaryOperator::Or)?,
        "array_agg" => fold(of(function), |all, next| call("array_cat", vec![all, next]))?,
        "string_agg" => {
            let [_, separator] = arguments(function)?;
            call("array_to_string", vec![all_values(function, parts)?, separator.clone()])
        }
        "nth_value" => {
            let [_, number] = arguments(function)?;
            let index = Subscript::Index { index: number.clone() };
            let values = Box::new(all_values(function, parts)?);
            Expr::CompoundFieldAccess { root: values, access_chain: vec![AccessExpr::Subscript(index)] }
        }
        "first_value" => first_of(function, parts.iter())?,
        "last_value" => first_of(function, parts.iter().rev())?,
        _ => return None,
    })
}

/// The first arguments of a call in the rows of several frames, as an array.
fn all_values(function: &Function, parts: &[WindowSpec]) -> Option<Expr> {
    let mut listed = Function { name: ObjectName::from(vec![Ident::new("array_agg")]), ..function.clone() };
    if let FunctionArguments::List(list) = &mut listed.args {
        list.args.truncate(1);
    }
    let all = parts.iter().map(|part| over(&listed, part)).collect();
    fold(all, |all, next| call("array_cat", vec![all, next]))
}

fn arguments(function: &Function) -> Option<[&Expr; 2]> {
    let FunctionArguments::List(list) = &function.args else { return None };
    match list.args.as_slice() {
        [FunctionArg::Unnamed(FunctionArgExpr::Expr(first)), FunctionArg::Unnamed(FunctionArgExpr::Expr(second))] => {
            Some([first, second])
        }
        _ => None,
    }
}

fn fold(parts: Vec<Expr>, join: impl FnMut(Expr, Expr) -> Expr) -> Option<Expr> {
    parts.into_iter().reduce(join).map(nested)
}

/// The two joined, or the one that is not NULL.
fn either(parts: Vec<Expr>, op: &BinaryOperator) -> Option<Expr> {
    let join = |all: Expr, next: Expr| call("coalesce", vec![binary(all.clone(), op.clone(), next.clone()), all, next]);
    parts.into_iter().reduce(join)
}

/// Of the first frame that has rows.
fn first_of<'a>(function: &Function, parts: impl DoubleEndedIterator<Item = &'a WindowSpec>) -> Option<Expr> {
    let Expr::Function(mut count) = call("count", Vec::new()) else { return None };
    if let FunctionArguments::List(list) = &mut count.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    parts.rev().fold(None, |rest, part| {
        let has_rows = binary(over(&count, part), BinaryOperator::Gt, number("0"));
        Some(case(has_rows, over(function, part), rest))
    })
}
