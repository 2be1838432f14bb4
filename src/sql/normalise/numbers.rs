//! Number constants get PostgreSQL's types: integer where it fits, then bigint, then numeric.

use datafusion::arrow::datatypes::DECIMAL128_MAX_PRECISION;
use sqlparser::ast::{
    CastKind, DataType, Distinct, ExactNumberInfo, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    GroupByExpr, Interval, LimitClause, OrderByKind, Query, Select, SelectItem, SetExpr, UnaryOperator, Value,
    ValueWithSpan, WindowFrame, WindowFrameBound, WindowSpec, WindowType,
};

use super::forms::{internal, take};

/// No text can write this type, so a cast to it is known to come from here.
const INTEGER: DataType = DataType::Int4(Some(0));
const BIGINT: DataType = DataType::Int8(Some(0));

/// The argument of a call becomes a whole number of any size.
pub(super) fn widen_argument(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else { return };
    if let Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))) = list.args.first_mut() {
        wrap(argument, DataType::Numeric(ExactNumberInfo::PrecisionAndScale(38, 0)));
    }
}

/// Puts a number constant under a cast to its type.
pub(super) fn type_number(expr: &mut Expr) {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
            if let Some(data_type) = type_of(digits) {
                wrap(expr, data_type);
            } else {
                plain_digits(digits);
            }
        }
        // The sign goes below the cast, where it becomes part of the constant.
        Expr::UnaryOp { op: UnaryOperator::Minus, expr: inner } if is_typed(inner) => {
            let Expr::Cast { expr: number, data_type, .. } = std::mem::replace(inner.as_mut(), nothing()) else {
                return;
            };
            // The least value of a type is one more than its greatest below zero.
            let data_type = match number.as_ref() {
                Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
                    type_of(&format!("-{digits}")).unwrap_or(data_type)
                }
                _ => data_type,
            };
            *expr = Expr::UnaryOp { op: UnaryOperator::Minus, expr: number };
            wrap(expr, data_type);
        }
        // A float has the digits that are written, not those that a numeric may have.
        Expr::Cast { expr: inner, data_type, .. } if is_float(data_type) => {
            if let Some(digits) = digits_of(inner) {
                **inner = Expr::Value(Value::SingleQuotedString(digits).into());
            }
        }
        Expr::Interval(interval) => restore(&mut interval.value),
        Expr::Function(function) => restore_frames(function),
        _ => {}
    }
}

fn is_float(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Real
            | DataType::Float4
            | DataType::Float8
            | DataType::Float(_)
            | DataType::Double(_)
            | DataType::DoublePrecision
    )
}

/// The digits of a number that is no whole one, or too long for one.
fn digits_of(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
            let mut digits = digits.clone();
            expand(&mut digits, MOST_DIGITS);
            Some(digits.strip_suffix('.').map(str::to_owned).unwrap_or(digits))
        }
        Expr::Nested(inner) => digits_of(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => digits_of(expr).map(|digits| format!("-{digits}")),
        _ => None,
    }
}

/// Whether a number has more digits than a decimal has. Its exponent says how many zeros it has.
pub(in crate::sql) fn is_wide(digits: &str) -> bool {
    let mut plain = digits.to_owned();
    expand(&mut plain, MOST_DIGITS);
    let (whole, fraction) = plain.split_once('.').unwrap_or((&plain, ""));
    let is_decimal = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let most = usize::from(DECIMAL128_MAX_PRECISION);
    is_decimal && whole.trim_start_matches('0').len() + fraction.len() > most
}

fn nothing() -> Expr {
    Expr::Value(Value::Null.into())
}

fn wrap(expr: &mut Expr, data_type: DataType) {
    let inner = Box::new(std::mem::replace(expr, nothing()));
    *expr = Expr::Cast { kind: CastKind::Cast, expr: inner, data_type, array: false, format: None };
}

pub(super) fn is_typed(expr: &Expr) -> bool {
    let is_whole = |expr: &Expr| {
        matches!(expr, Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. })
            if digits == "9223372036854775808")
    };
    match expr {
        Expr::Cast { data_type, .. } if *data_type == INTEGER || *data_type == BIGINT => true,
        // One more than the greatest bigint.
        Expr::Cast { data_type: DataType::Numeric(ExactNumberInfo::PrecisionAndScale(19, 0)), expr, .. } => {
            is_whole(expr)
        }
        _ => false,
    }
}

fn type_of(digits: &str) -> Option<DataType> {
    if digits.parse::<i32>().is_ok() {
        Some(INTEGER)
    } else if digits.parse::<i64>().is_ok() {
        Some(BIGINT)
    } else if digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= 38 {
        Some(DataType::Numeric(ExactNumberInfo::PrecisionAndScale(digits.len() as u64, 0)))
    } else {
        None
    }
}

/// `1.5e3` is 1500: the planner reads an exponent as a negative scale.
fn plain_digits(digits: &mut String) {
    expand(digits, 76);
}

/// As many zeros as PostgreSQL's numeric may have.
const MOST_DIGITS: i32 = 16_383;

fn expand(digits: &mut String, most: i32) {
    let Some((mantissa, exponent)) = digits.split_once(['e', 'E']) else { return };
    let Ok(exponent) = exponent.parse::<i32>() else { return };
    if exponent.abs() > most {
        return;
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let point = i32::try_from(whole.len()).unwrap_or_default() + exponent;
    *digits = match usize::try_from(point) {
        Ok(point) if point >= all.len() => format!("{all}{}.", "0".repeat(point - all.len())),
        Ok(point) => format!("{}.{}", if point == 0 { "0" } else { &all[..point] }, &all[point..]),
        Err(_) => format!("0.{}{all}", "0".repeat(usize::try_from(-point).unwrap_or_default())),
    };
}

/// Takes the cast away again where a number is no value: a position, a count of rows.
fn restore(expr: &mut Expr) {
    if is_typed(expr)
        && let Expr::Cast { expr: inner, .. } = std::mem::replace(expr, nothing())
    {
        *expr = *inner;
    }
}

/// ORDER BY, LIMIT and OFFSET.
pub(super) fn restore_in_query(query: &mut Query) {
    if let Some(order_by) = &mut query.order_by
        && let OrderByKind::Expressions(items) = &mut order_by.kind
    {
        items.iter_mut().for_each(|item| restore(&mut item.expr));
    }
    match &mut query.limit_clause {
        Some(LimitClause::LimitOffset { limit, offset, .. }) => {
            limit.iter_mut().for_each(restore);
            offset.iter_mut().for_each(|offset| restore(&mut offset.value));
        }
        Some(LimitClause::OffsetCommaLimit { offset, limit }) => {
            restore(offset);
            restore(limit);
        }
        None => {}
    }
    query.fetch.iter_mut().filter_map(|fetch| fetch.quantity.as_mut()).for_each(restore);
}

/// Marks the casts to numbers, dates and times in the recursive part of a recursive query: the planner adds casts of its own
/// there, which are not to be kept. It adds them within a subquery, which is marked for that.
pub(super) fn mark_recursive_casts(query: &mut Query) {
    let Some(with) = query.with.as_mut().filter(|with| with.recursive) else { return };
    for table in &mut with.cte_tables {
        let SetExpr::SetOperation { right, .. } = table.query.body.as_mut() else { continue };
        let SetExpr::Select(select) = right.as_mut() else { continue };
        for item in &mut select.projection {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
            if is_written_cast(expr) {
                *expr = internal("as_written", vec![take(expr)]);
            }
        }
    }
}

fn is_written_cast(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_written_cast(inner),
        Expr::Subquery(_) => true,
        Expr::Cast { data_type, .. } => match data_type {
            // Without digits it keeps those of its value, in every step.
            DataType::Numeric(digits) | DataType::Decimal(digits) | DataType::Dec(digits) => {
                *digits != ExactNumberInfo::None
            }
            DataType::Date
            | DataType::Timestamp(..)
            | DataType::SmallInt(_)
            | DataType::Int2(_)
            | DataType::Int(_)
            | DataType::Int4(_)
            | DataType::Integer(_)
            | DataType::Real
            | DataType::Float4
            | DataType::Float(_) => true,
            _ => false,
        },
        _ => false,
    }
}

/// GROUP BY and DISTINCT ON.
pub(super) fn restore_in_select(select: &mut Select) {
    if let GroupByExpr::Expressions(exprs, _) = &mut select.group_by {
        for expr in exprs {
            restore(expr);
            match expr {
                Expr::GroupingSets(sets) | Expr::Cube(sets) | Expr::Rollup(sets) => {
                    sets.iter_mut().flatten().for_each(restore);
                }
                _ => {}
            }
        }
    }
    if let Some(Distinct::On(exprs)) = &mut select.distinct {
        exprs.iter_mut().for_each(restore);
    }
    for window in &mut select.named_window {
        if let sqlparser::ast::NamedWindowExpr::WindowSpec(spec) = &mut window.1 {
            restore_frame(spec);
        }
    }
}

fn restore_frames(function: &mut Function) {
    if let Some(WindowType::WindowSpec(spec)) = &mut function.over {
        restore_frame(spec);
    }
}

/// A distance in time is read from its constant, not from a cast of it.
fn restore_intervals(frame: &mut WindowFrame) {
    for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
        let (WindowFrameBound::Preceding(Some(span)) | WindowFrameBound::Following(Some(span))) = bound else {
            continue;
        };
        if let Some(text) = interval_text(span) {
            let value = Box::new(text);
            **span = Expr::Interval(Interval {
                value,
                leading_field: None,
                leading_precision: None,
                last_field: None,
                fractional_seconds_precision: None,
            });
        }
    }
}

/// The constant of an interval that became a cast before.
fn interval_text(span: &Expr) -> Option<Expr> {
    match span {
        Expr::Cast { expr, data_type: DataType::Interval { .. }, .. } => Some(expr.as_ref().clone()),
        Expr::Function(function) => match &function.args {
            FunctionArguments::List(list) => match list.args.first() {
                Some(FunctionArg::Unnamed(FunctionArgExpr::Expr(first))) => interval_text(first),
                Some(_) | None => None,
            },
            FunctionArguments::None | FunctionArguments::Subquery(_) => None,
        },
        _ => None,
    }
}

fn restore_frame(spec: &mut WindowSpec) {
    let Some(frame) = &mut spec.window_frame else { return };
    restore_intervals(frame);
    for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
        match bound {
            WindowFrameBound::Preceding(Some(rows)) | WindowFrameBound::Following(Some(rows)) => restore(rows),
            WindowFrameBound::CurrentRow | WindowFrameBound::Preceding(None) | WindowFrameBound::Following(None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_wide_that_no_decimal_holds() {
        for (text, wide) in
            [("1e37", false), ("1e38", true), ("1e-38", false), ("1e-39", true), ("1E300", true), ("12.5", false)]
        {
            assert_eq!(is_wide(text), wide, "{text}");
        }
    }

    #[test]
    fn exponents_become_digits() {
        for (text, plain) in [
            ("1e5", "100000."),
            ("1.5e3", "1500."),
            ("1.25e1", "12.5"),
            ("12e-1", "1.2"),
            ("1e-3", "0.001"),
            ("5e-1", "0.5"),
        ] {
            let mut digits = text.to_owned();
            plain_digits(&mut digits);
            assert_eq!(digits, plain);
        }
    }
}
