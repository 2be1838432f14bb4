//! Frames that leave rows out, as frames that leave none out: what an aggregate says of the rows before and of those
//! after is put together again.

use sqlparser::ast::helpers::attached_token::AttachedToken;
use sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArguments, Ident, ObjectName, Value, ValueWithSpan, WindowFrame, WindowFrameBound, WindowFrameUnits,
    WindowSpec, WindowType,
};

use crate::base::{ErrorReport, SqlState};
use crate::sql::frames::Exclusion;

use super::forms::{binary, call, cast, nested, number};
use super::system::bare_name;

/// The call over a window whose frame leaves rows out.
pub(super) fn without(function: &Function, spec: &WindowSpec, exclusion: Exclusion) -> Result<Expr, ErrorReport> {
    let name = bare_name(&function.name).unwrap_or_default();
    let over = |spec: &WindowSpec| {
        Expr::Function(Function { over: Some(WindowType::WindowSpec(spec.clone())), ..function.clone() })
    };
    if reads_no_frame(&name) {
        return Ok(over(spec));
    }
    match parts(spec, exclusion) {
        Some(parts) => match parts.as_slice() {
            [] => Ok(of_no_rows(&name, over(spec))),
            [only] => Ok(over(only)),
            several => together(&name, function, several).ok_or_else(|| refused(exclusion)),
        },
        None => Err(refused(exclusion)),
    }
}

fn refused(exclusion: Exclusion) -> ErrorReport {
    let message = format!("EXCLUDE {} is not supported here", exclusion.words());
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
        .with_hint("Subtract what the frame should leave out from the aggregate over the whole frame.")
}

fn reads_no_frame(name: &str) -> bool {
    matches!(name, "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile" | "lag" | "lead")
}

/// An end of a frame, in rows or groups from the current one.
fn distance(bound: &WindowFrameBound) -> Option<i64> {
    let count = |offset: &Expr| match offset {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => digits.parse::<i64>().ok(),
        _ => None,
    };
    match bound {
        WindowFrameBound::CurrentRow => Some(0),
        WindowFrameBound::Preceding(None) => Some(i64::MIN),
        WindowFrameBound::Following(None) => Some(i64::MAX),
        WindowFrameBound::Preceding(Some(offset)) => count(offset).map(|count| -count),
        WindowFrameBound::Following(Some(offset)) => count(offset),
    }
}

fn bound(distance: i64) -> WindowFrameBound {
    let offset = || Some(Box::new(number(&distance.unsigned_abs().to_string())));
    match distance {
        i64::MIN => WindowFrameBound::Preceding(None),
        i64::MAX => WindowFrameBound::Following(None),
        0 => WindowFrameBound::CurrentRow,
        before if before < 0 => WindowFrameBound::Preceding(offset()),
        _ => WindowFrameBound::Following(offset()),
    }
}

/// The windows whose frames together are what is left, in the order of their rows; `None` where there are none such.
fn parts(spec: &WindowSpec, exclusion: Exclusion) -> Option<Vec<WindowSpec>> {
    let frame = spec.window_frame.as_ref()?;
    let start = distance(&frame.start_bound)?;
    let end = frame.end_bound.as_ref().map_or(Some(0), distance)?;
    let is_whole = start == i64::MIN && end == i64::MAX;
    let by_rows = exclusion == Exclusion::CurrentRow && (frame.units == WindowFrameUnits::Rows || is_whole);
    let has_offset = [start, end].iter().any(|end| ![i64::MIN, 0, i64::MAX].contains(end));
    let by_groups = match frame.units {
        WindowFrameUnits::Rows => is_whole,
        WindowFrameUnits::Range => !has_offset,
        WindowFrameUnits::Groups => true,
    };
    if !by_rows && !by_groups {
        return None;
    }
    if start > 0 || end < 0 {
        return Some(vec![spec.clone()]);
    }
    let units = if by_rows { WindowFrameUnits::Rows } else { WindowFrameUnits::Groups };
    let all_are_peers = spec.order_by.is_empty() && !by_rows;
    let around =
        |from: i64, to: i64, stands: bool| (stands && !all_are_peers).then(|| framed(spec.clone(), units, from, to));
    let mut found: Vec<WindowSpec> = around(start, -1, start < 0).into_iter().collect();
    if !by_rows {
        found.extend(own_group(spec, exclusion));
    }
    found.extend(around(1, end, end > 0));
    Some(found)
}

/// What stays of the current row and its peers.
fn own_group(spec: &WindowSpec, exclusion: Exclusion) -> Vec<WindowSpec> {
    let rows = |spec: WindowSpec, from, to| framed(spec, WindowFrameUnits::Rows, from, to);
    match exclusion {
        Exclusion::Group => Vec::new(),
        Exclusion::Ties => vec![rows(spec.clone(), 0, 0)],
        Exclusion::CurrentRow => {
            let mut peers = spec.clone();
            peers.partition_by.extend(spec.order_by.iter().map(|key| key.expr.clone()));
            vec![rows(peers.clone(), i64::MIN, -1), rows(peers, 1, i64::MAX)]
        }
    }
}

fn framed(mut spec: WindowSpec, units: WindowFrameUnits, from: i64, to: i64) -> WindowSpec {
    spec.window_frame = Some(WindowFrame { units, start_bound: bound(from), end_bound: Some(bound(to)) });
    spec
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
    let of = |function: &Function| -> Vec<Expr> {
        let over = |part: &WindowSpec| Some(WindowType::WindowSpec(part.clone()));
        parts.iter().map(|part| Expr::Function(Function { over: over(part), ..function.clone() })).collect()
    };
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
        "first_value" => first_of(function, parts.iter())?,
        "last_value" => first_of(function, parts.iter().rev())?,
        _ => return None,
    })
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
    let over = |function: &Function, part: &WindowSpec| {
        Expr::Function(Function { over: Some(WindowType::WindowSpec(part.clone())), ..function.clone() })
    };
    let Expr::Function(mut count) = call("count", Vec::new()) else { return None };
    if let FunctionArguments::List(list) = &mut count.args {
        list.args = vec![FunctionArg::Unnamed(FunctionArgExpr::Wildcard)];
    }
    parts.rev().fold(None, |rest, part| {
        let has_rows = binary(over(&count, part), BinaryOperator::Gt, number("0"));
        Some(case(has_rows, over(function, part), rest))
    })
}
