//! The clock, operators that the planner writes as calls because the library would wrap, truncate or refuse, and conditions.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{IN_PROCESS, NAN, NONE, OTHER_RESULT, row};

use FunctionKind::Scalar;
use Rendering::{Name, Special, Template};

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("now", Scalar, "now() → timestamptz", Template("now64(6)"), Template("now()")),
    row("transaction_timestamp", Scalar, "transaction_timestamp() → timestamptz", Template("now64(6)"), Template("now()")),
    row("current_timestamp", Scalar, "current_timestamp() → timestamptz", Template("now64(6)"), Template("now()")),
    row("statement_timestamp", Scalar, "statement_timestamp() → timestamptz", Template("now64(6)"), Template("now()")),
    row("clock_timestamp", Scalar, "clock_timestamp() → timestamptz", Template("now64(6)"), Template("now()")),
    row("int_add", Scalar, "integer + integer → integer", Special, Template("({0} + {1})")),
    row("int_subtract", Scalar, "integer - integer → integer", Special, Template("({0} - {1})")),
    row("int_multiply", Scalar, "integer * integer → integer", Special, Template("({0} * {1})")),
    row("float_divide", Scalar, "double precision / double precision → double precision", NAN, Template("({0} / {1})")),
    row("numeric_divide", Scalar, "numeric / numeric → numeric", OTHER_RESULT, Template("({0} / {1})")),
    row("avg_of", Scalar, "sum / count → numeric or double precision", OTHER_RESULT, Template("({0} / {1})")),
    row("date_add_days", Scalar, "date + integer → date", Template("addDays({0}, {1})"), Template("({0} + {1})")),
    row("date_subtract_days", Scalar, "date - integer → date", Template("subtractDays({0}, {1})"), Template("({0} - {1})")),
    row("date_difference", Scalar, "date - date → integer", Template("CAST(dateDiff('day', {1}, {0}) AS Nullable(Int32))"), Template("({0} - {1})")),
    row("timestamp_difference", Scalar, "timestamp - timestamp → interval", OTHER_RESULT, Template("({0} - {1})")),
    row("interval_multiply", Scalar, "interval * double precision → interval", NONE, Template("({0} * {1})")),
    row("interval_divide", Scalar, "interval / double precision → interval", NONE, Template("({0} / {1})")),
    row("interval_order", Scalar, "length of interval → numeric", IN_PROCESS, IN_PROCESS),
    row("interval_days", Scalar, "months and days of interval → interval", IN_PROCESS, IN_PROCESS),
    row("interval_time", Scalar, "time of interval → interval", IN_PROCESS, IN_PROCESS),
    row("jsonb_order", Scalar, "sort key of jsonb → bytea", IN_PROCESS, IN_PROCESS),
    row("value_order", Scalar, "sort key of array or record → bytea", IN_PROCESS, IN_PROCESS),
    row("value_any", Scalar, "jsonb, record or interval = ANY (array) → boolean", IN_PROCESS, IN_PROCESS),
    row("value_greatest", Scalar, "greatest(array, record or interval, …) → any", IN_PROCESS, IN_PROCESS),
    row("value_least", Scalar, "least(array, record or interval, …) → any", IN_PROCESS, IN_PROCESS),
    row("text_of", Scalar, "CAST(any AS text) → text", OTHER_RESULT, IN_PROCESS),
    row("coalesce", Scalar, "coalesce(any, …) → any", Name("coalesce"), Name("coalesce")),
    row("nullif", Scalar, "nullif(any, any) → any", Name("nullIf"), Name("nullif")),
    row("greatest", Scalar, "greatest(any, …) → any", Special, Name("greatest")),
    row("least", Scalar, "least(any, …) → any", Special, Name("least")),
];
