//! Window functions.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{IN_PROCESS, OTHER_RESULT, row};

use FunctionKind::Window;
use Rendering::{Name, Special};

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("row_number", Window, "row_number() → bigint", Special, Name("row_number")),
    row("rank", Window, "rank() → bigint", Special, Name("rank")),
    row("dense_rank", Window, "dense_rank() → bigint", Special, Name("dense_rank")),
    row("percent_rank", Window, "percent_rank() → double precision", Special, Name("percent_rank")),
    row("cume_dist", Window, "cume_dist() → double precision", Special, Name("cume_dist")),
    row("ntile", Window, "ntile(integer) → integer", Special, Name("ntile")),
    row("lag", Window, "lag(any [, offset integer [, default any]]) → any", Special, Name("lag")),
    row("lead", Window, "lead(any [, offset integer [, default any]]) → any", Special, Name("lead")),
    row("lag_by", Window, "lag(any, offset of the row) → any", OTHER_RESULT, IN_PROCESS),
    row("lead_by", Window, "lead(any, offset of the row) → any", OTHER_RESULT, IN_PROCESS),
    row("first_value", Window, "first_value(any) → any", Special, Name("first_value")),
    row("last_value", Window, "last_value(any) → any", Special, Name("last_value")),
    row("nth_value", Window, "nth_value(any, integer) → any", Special, Name("nth_value")),
];
