//! Dates, times and intervals.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{OTHER_RESULT, row};

use FunctionKind::Scalar;
use Rendering::{Name, Special};

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("extract", Scalar, "extract(field FROM time) → numeric", OTHER_RESULT, Special),
    row("date_part", Scalar, "date_part(field text, time) → double precision", OTHER_RESULT, Name("date_part")),
    row("date_trunc", Scalar, "date_trunc(field text, time [, zone text]) → timestamp", OTHER_RESULT, Name("date_trunc")),
    row("timezone", Scalar, "timezone(zone text, timestamp) → timestamp", OTHER_RESULT, Name("timezone")),
    row("to_timestamp", Scalar, "to_timestamp(double precision) → timestamptz", OTHER_RESULT, Name("to_timestamp")),
    row("make_date", Scalar, "make_date(year integer, month integer, day integer) → date", OTHER_RESULT, Name("make_date")),
];
