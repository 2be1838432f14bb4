//! Frames of windows that end at the peers of a row, over keys that the planner has no ranges of: `uuid`, `bytea`, `jsonb`,
//! `interval`, arrays and rows.
//!
//! Without an offset, RANGE and GROUPS mean the same rows, and GROUPS asks for no range. Frames by distance that leave peers
//! out begin or end at the next key, which the type of the key tells.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano, TimeUnit};
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, WindowFrame, WindowFrameBound, WindowFrameUnits};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

use super::frames::NEXT;

/// The plan, not coerced yet, with GROUPS for RANGE over such keys.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
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
                    Ok(Transformed::new_transformed(Expr::WindowFunction(call), changes || is_next))
                }
                other => Ok(Transformed::no(other)),
            })?;
            Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
        })
    })?;
    Ok(done.data)
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
