//! The rows of the table: one line a function.

use super::table::{FunctionKind, FunctionRow, Rendering};

use FunctionKind::{Aggregate, Scalar, Window};
use Rendering::{Name, Special, Template, Unsupported};

const fn row(
    name: &'static str,
    kind: FunctionKind,
    signature: &'static str,
    clickhouse: Rendering,
    postgresql: Rendering,
) -> FunctionRow {
    FunctionRow { name, kind, signature, clickhouse, postgresql }
}

/// Every function.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    // The clock.
    row("now", Scalar, "now() → timestamptz", Template("now64(6)"), Name("now")),
    row("transaction_timestamp", Scalar, "transaction_timestamp() → timestamptz", Template("now64(6)"), Name("now")),
    row("current_timestamp", Scalar, "current_timestamp → timestamptz", Template("now64(6)"), Name("now")),
    row("statement_timestamp", Scalar, "statement_timestamp() → timestamptz", Template("now64(6)"), Name("now")),
    row("clock_timestamp", Scalar, "clock_timestamp() → timestamptz", Template("now64(6)"), Name("now")),
    // Aggregates.
    row("count", Aggregate, "count(any) → bigint", Template("CAST(count({0}) AS Int64)"), Name("count")),
    row("sum", Aggregate, "sum(number) → number", Special, Name("sum")),
    row("min", Aggregate, "min(any) → any", Name("min"), Name("min")),
    row("max", Aggregate, "max(any) → any", Name("max"), Name("max")),
    row("avg", Aggregate, "avg(number) → number", Unsupported("the digits of an average differ"), Name("avg")),
    // Window functions.
    row("row_number", Window, "row_number() → bigint", Special, Name("row_number")),
    row("rank", Window, "rank() → bigint", Special, Name("rank")),
    row("dense_rank", Window, "dense_rank() → bigint", Special, Name("dense_rank")),
    row("lag", Window, "lag(value, offset, default) → any", Special, Name("lag")),
    row("lead", Window, "lead(value, offset, default) → any", Special, Name("lead")),
    // Text.
    row("upper", Scalar, "upper(text) → text", Name("upperUTF8"), Name("upper")),
    row("lower", Scalar, "lower(text) → text", Name("lowerUTF8"), Name("lower")),
    row("coalesce", Scalar, "coalesce(any, …) → any", Name("coalesce"), Name("coalesce")),
    row("nullif", Scalar, "nullif(any, any) → any", Name("nullIf"), Name("nullif")),
    row("abs", Scalar, "abs(number) → number", Name("abs"), Name("abs")),
];
