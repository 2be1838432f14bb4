//! The windows whose frames together are what EXCLUDE leaves of a frame.

use sqlparser::ast::{
    Expr, Interval, Value, ValueWithSpan, WindowFrame, WindowFrameBound, WindowFrameUnits, WindowSpec,
};

use crate::functions::{interval_length, literal};
use crate::sql::frames::{Exclusion, NEXT};

use super::forms::{number, text};

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
pub(super) fn parts(spec: &WindowSpec, exclusion: Exclusion) -> Option<Vec<WindowSpec>> {
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

/// A frame by distance, with the peers of the row for what is away from it; `None` for a frame of another kind.
pub(super) fn without_distances(spec: &WindowSpec) -> Option<WindowSpec> {
    let mut spec = spec.clone();
    let frame = spec.window_frame.as_mut().filter(|frame| frame.units == WindowFrameUnits::Range)?;
    let mut has_offset = false;
    for bound in std::iter::once(&mut frame.start_bound).chain(&mut frame.end_bound) {
        if let WindowFrameBound::Preceding(Some(_)) | WindowFrameBound::Following(Some(_)) = bound {
            *bound = WindowFrameBound::CurrentRow;
            has_offset = true;
        }
    }
    has_offset.then_some(spec)
}

/// The windows for a frame by distance around a row whose key is not NULL; `None` where a distance is not known.
pub(super) fn parts_by_distance(spec: &WindowSpec, exclusion: Exclusion) -> Option<Vec<WindowSpec>> {
    let frame = spec.window_frame.as_ref()?;
    let end_bound = frame.end_bound.as_ref().unwrap_or(&WindowFrameBound::CurrentRow);
    let (start, end) = (direction(&frame.start_bound)?, direction(end_bound)?);
    if start > 0 || end < 0 {
        return Some(vec![spec.clone()]);
    }
    let with = |units: WindowFrameUnits, start_bound: WindowFrameBound, end_bound: WindowFrameBound| {
        let window_frame = Some(WindowFrame { units, start_bound, end_bound: Some(end_bound) });
        WindowSpec { window_frame, ..spec.clone() }
    };
    let mut found = Vec::new();
    match &frame.start_bound {
        WindowFrameBound::Preceding(None) => found.push(framed(spec.clone(), WindowFrameUnits::Groups, i64::MIN, -1)),
        offset if start < 0 => {
            found.push(with(WindowFrameUnits::Range, offset.clone(), WindowFrameBound::Preceding(next())));
        }
        _ => {}
    }
    found.extend(own_group(spec, exclusion));
    match end_bound {
        WindowFrameBound::Following(None) => found.push(framed(spec.clone(), WindowFrameUnits::Groups, 1, i64::MAX)),
        offset if end > 0 => {
            found.push(with(WindowFrameUnits::Range, WindowFrameBound::Following(next()), offset.clone()));
        }
        _ => {}
    }
    Some(found)
}

/// The least distance from a row to what is no peer of it; the type of the key says what that is.
fn next() -> Option<Box<Expr>> {
    let value = Box::new(text(NEXT));
    Some(Box::new(Expr::Interval(Interval {
        value,
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    })))
}

/// Where an end of a frame is: before the row, at it, or after it.
fn direction(bound: &WindowFrameBound) -> Option<i8> {
    Some(match bound {
        WindowFrameBound::CurrentRow => 0,
        WindowFrameBound::Preceding(None) => -1,
        WindowFrameBound::Following(None) => 1,
        WindowFrameBound::Preceding(Some(offset)) => -length(offset)?,
        WindowFrameBound::Following(Some(offset)) => length(offset)?,
    })
}

/// Whether a distance is any: 0 or 1.
fn length(offset: &Expr) -> Option<i8> {
    match offset {
        Expr::Value(ValueWithSpan { value: Value::Number(digits, _), .. }) => {
            Some(i8::from(digits.parse::<f64>().ok()? > 0.0))
        }
        Expr::Interval(interval) => match interval.value.as_ref() {
            Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(written), .. }) => {
                Some(i8::from(interval_length(literal::interval(written).ok()?) > 0))
            }
            _ => None,
        },
        _ => None,
    }
}
