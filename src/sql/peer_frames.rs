//! Frames of windows that end at the peers of a row, over keys that the planner has no ranges of: `uuid`, `bytea`, `jsonb`,
//! `interval`, `time`, arrays and rows.
//!
//! Without an offset, RANGE and GROUPS mean the same rows, and GROUPS asks for no range. Frames by distance that leave peers
//! out begin or end at the next key, which the type of the key tells. A distance between intervals is one between their
//! lengths, as PostgreSQL compares them; one between times is one in microseconds, of which days and months are none.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, DataFusionError, ScalarValue, internal_err};
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits, cast,
};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};
use crate::functions::{interval_length, literal};

use super::frames::NEXT;
use super::operators::Operators;
use super::value_keys::{is_interval, key};

/// The digits of the length of an interval, as the function that gives it has them.
const LENGTH_DIGITS: u8 = 38;

/// The plan, not coerced yet, with GROUPS for RANGE over such keys.
pub(super) fn plan(plan: LogicalPlan, operators: &Operators) -> Result<LogicalPlan, DataFusionError> {
    let done = plan.transform_up_with_subqueries(|node| {
        let LogicalPlan::Window(window) = &node else { return Ok(Transformed::no(node)) };
        let schema = std::sync::Arc::clone(window.input.schema());
        // The frame is a part of the name.
        let names = NamePreserver::new(&node);
        node.map_expressions(|expr| {
            let name = names.save(&expr);
            let done = expr.transform_up(|expr| match expr {
                Expr::WindowFunction(mut call) => {
                    let key = call.params.order_by.first().map(|key| key.expr.get_type(&schema)).transpose()?;
                    let is_next = with_next(&mut call.params.window_frame, key.as_ref())?;
                    let changes = key.is_some_and(|key| has_no_range(&key)) && is_of_peers(&call.params.window_frame);
                    if changes {
                        let WindowFrame { start_bound, end_bound, .. } = call.params.window_frame;
                        call.params.window_frame = WindowFrame::new_bounds(
                            WindowFrameUnits::Groups,
                            counted(&start_bound),
                            counted(&end_bound),
                        );
                    }
                    let is_length = by_lengths(&mut call.params, &schema, operators)?;
                    let is_time = by_microseconds(&mut call.params, &schema)?;
                    let changed = changes || is_next || is_length || is_time;
                    Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    })?;
    Ok(done.data)
}

/// A frame by a distance of intervals, over the lengths of the keys. Whether it is one.
fn by_lengths(
    params: &mut WindowFunctionParams,
    schema: &DFSchema,
    operators: &Operators,
) -> Result<bool, DataFusionError> {
    let WindowFunctionParams { order_by, window_frame: frame, .. } = params;
    let [sort] = order_by.as_mut_slice() else { return Ok(false) };
    if frame.units != WindowFrameUnits::Range || is_of_peers(frame) || !is_interval(&sort.expr, schema)? {
        return Ok(false);
    }
    for bound in [&mut frame.start_bound, &mut frame.end_bound] {
        if let WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) = bound {
            let length = distance(offset)?.map(interval_length);
            *offset = ScalarValue::Decimal128(length, LENGTH_DIGITS, 0);
        }
    }
    sort.expr = key(std::mem::take(&mut sort.expr), schema, operators)?;
    Ok(true)
}

/// A frame by a distance of times, over their microseconds. Whether it is one.
fn by_microseconds(params: &mut WindowFunctionParams, schema: &DFSchema) -> Result<bool, DataFusionError> {
    let WindowFunctionParams { order_by, window_frame: frame, .. } = params;
    let [sort] = order_by.as_mut_slice() else { return Ok(false) };
    let is_time = matches!(sort.expr.get_type(schema)?, DataType::Time64(TimeUnit::Microsecond));
    if frame.units != WindowFrameUnits::Range || is_of_peers(frame) || !is_time {
        return Ok(false);
    }
    for bound in [&mut frame.start_bound, &mut frame.end_bound] {
        if let WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) = bound {
            *offset = ScalarValue::Int64(distance(offset)?.map(|span| span.nanoseconds / 1_000));
        }
    }
    sort.expr = cast(std::mem::take(&mut sort.expr), DataType::Int64);
    Ok(true)
}

/// An offset, not coerced yet, as an interval; `None` where there is no bound.
fn distance(offset: &ScalarValue) -> Result<Option<IntervalMonthDayNano>, DataFusionError> {
    match offset {
        ScalarValue::Utf8(Some(text)) => literal::interval(text).map(Some).map_err(wrap),
        ScalarValue::IntervalMonthDayNano(span) => Ok(*span),
        offset if offset.is_null() => Ok(None),
        offset => internal_err!("a distance of {} between intervals", offset.data_type()),
    }
}

/// Puts the least distance between two keys of a type for the mark of it. Whether there was one.
fn with_next(frame: &mut WindowFrame, key: Option<&DataType>) -> Result<bool, DataFusionError> {
    let mut found = false;
    for bound in [&mut frame.start_bound, &mut frame.end_bound] {
        let (WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset)) = bound else { continue };
        if matches!(offset, ScalarValue::Utf8(Some(text)) if text == NEXT) {
            *offset = key.and_then(next).ok_or_else(no_next)?;
            found = true;
        }
    }
    Ok(found)
}

fn next(key: &DataType) -> Option<ScalarValue> {
    let span = |days: i32, nanoseconds: i64| {
        Some(ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(0, days, nanoseconds))))
    };
    match key {
        DataType::Date32 => span(1, 0),
        DataType::Timestamp(TimeUnit::Microsecond, _) => span(0, 1_000),
        DataType::Int16 => Some(ScalarValue::Int16(Some(1))),
        DataType::Int32 => Some(ScalarValue::Int32(Some(1))),
        DataType::Int64 => Some(ScalarValue::Int64(Some(1))),
        DataType::Decimal128(precision, scale) => Some(ScalarValue::Decimal128(Some(1), *precision, *scale)),
        _ => None,
    }
}

fn no_next() -> DataFusionError {
    let message = "EXCLUDE in a frame by distance is not supported for keys of this type";
    let report = ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message);
    wrap(report.with_hint("Subtract what the frame should leave out from the aggregate over the whole frame."))
}

fn has_no_range(key: &DataType) -> bool {
    matches!(
        key,
        DataType::Interval(_)
            | DataType::Time64(_)
            | DataType::LargeBinary
            | DataType::Binary
            | DataType::FixedSizeBinary(_)
            | DataType::List(_)
            | DataType::Struct(_)
    )
}

/// Whether a frame has no offset.
fn is_of_peers(frame: &WindowFrame) -> bool {
    let has_none = |bound: &WindowFrameBound| match bound {
        WindowFrameBound::Preceding(offset) | WindowFrameBound::Following(offset) => offset.is_null(),
        WindowFrameBound::CurrentRow => true,
    };
    frame.units == WindowFrameUnits::Range && has_none(&frame.start_bound) && has_none(&frame.end_bound)
}

/// Groups are counted, so what is not bounded is no number of them.
fn counted(bound: &WindowFrameBound) -> WindowFrameBound {
    use datafusion::common::ScalarValue::UInt64;
    match bound {
        WindowFrameBound::Preceding(_) => WindowFrameBound::Preceding(UInt64(None)),
        WindowFrameBound::Following(_) => WindowFrameBound::Following(UInt64(None)),
        WindowFrameBound::CurrentRow => WindowFrameBound::CurrentRow,
    }
}
