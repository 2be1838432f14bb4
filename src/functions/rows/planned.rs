//! Operators and steps that the planner alone writes as calls.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::IN_PROCESS;

use Rendering::{Name, Template, Unsupported};

const fn row(name: &'static str, signature: &'static str, postgresql: Rendering) -> FunctionRow {
    super::row(name, FunctionKind::Scalar, signature, NONE, postgresql)
}

const NONE: Rendering = Unsupported("ClickHouse has no such operator");

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    // Arrays.
    row("array_subscript", "any[][integer] → any", IN_PROCESS),
    row("array_part", "any[][integer:integer] → any[]", IN_PROCESS),
    row("array_numbers", "WITH ORDINALITY of any[] → bigint[]", IN_PROCESS),
    row("array_places", "generate_subscripts (any[], integer [, boolean]) → integer[]", IN_PROCESS),
    row("array_flat", "elements of any[][] → any[]", IN_PROCESS),
    row("compare_any", "any < ANY (any[]) → boolean", IN_PROCESS),
    row("compare_all", "any < ALL (any[]) → boolean", IN_PROCESS),
    // Bits.
    row("int_not", "~ integer → integer", Template("(~ {0})")),
    row("int_xor", "integer # integer → integer", IN_PROCESS),
    // Rows.
    row("series_of", "generate_series (start, stop [, step]) → any[]", IN_PROCESS),
    // Times.
    row("date_add_time", "date + time → timestamp", Template("({0} + {1})")),
    row("time_add_interval", "time + interval → time", Template("({0} + {1})")),
    row("time_subtract_interval", "time - interval → time", Template("({0} - {1})")),
    row("time_difference", "time - time → interval", Template("({0} - {1})")),
    row("zone_shift", "timestamp AT TIME ZONE interval → timestamp", IN_PROCESS),
    row("overlaps", "(time, time) OVERLAPS (time, time) → boolean", Template("(({0}, {1}) OVERLAPS ({2}, {3}))")),
    // What a type's name adds.
    row("as_varchar", "CAST(text AS varchar(n)) → varchar", Name("left")),
    row("as_character", "CAST(text AS character(n)) → character", IN_PROCESS),
    row("padded", "character(n) with its blanks → text", IN_PROCESS),
    row("row_value", "ROW (text, any, …) → record", IN_PROCESS),
    row("record_as", "record with other names or digits → record", IN_PROCESS),
    row("with_ties", "FETCH FIRST n ROWS WITH TIES → bigint", IN_PROCESS),
    row("read_as", "CAST(text AS any) → any", IN_PROCESS),
    super::row("as_written", FunctionKind::Scalar, "CAST that a text asks for → any", Template("{0}"), Template("{0}")),
    super::row("as_column", FunctionKind::Scalar, "a column that is no key → any", Template("{0}"), Template("{0}")),
    row("narrow_float", "CAST(double precision AS real) → real", IN_PROCESS),
    row("narrow_items", "CAST(double precision[] AS real[]) → real[]", IN_PROCESS),
    row("round_items", "double precision[] as it becomes integer[] → double precision[]", IN_PROCESS),
    row("as_name", "text as name → name", IN_PROCESS),
    row("as_open_varchar", "CAST(text AS varchar) → varchar", IN_PROCESS),
    row("as_regtype", "text as regtype → regtype", IN_PROCESS),
    row("as_quoted_char", "CAST(text or integer AS \"char\") → \"char\"", IN_PROCESS),
    row("round_time", "CAST(time AS time(n)) → time", IN_PROCESS),
    row("interval_field", "CAST(interval AS interval field) → interval", IN_PROCESS),
    // Numbers with digits of their own.
    row("exact_read", "text as a number with its own digits → text", IN_PROCESS),
    row("exact_of_float", "CAST(double precision AS numeric) as its digits → text", IN_PROCESS),
    row("exact_text", "number with its own digits → text", IN_PROCESS),
    row("exact_add", "exact + exact → text", IN_PROCESS),
    row("exact_subtract", "exact - exact → text", IN_PROCESS),
    row("exact_multiply", "exact * exact → text", IN_PROCESS),
    row("exact_divide", "exact / exact → text", IN_PROCESS),
    row("exact_abs", "abs(exact) → text", IN_PROCESS),
    row("exact_sqrt", "sqrt(exact) → text", IN_PROCESS),
    row("exact_trim", "trim_scale(exact) → text", IN_PROCESS),
    row("exact_greatest", "greatest(exact, …) → text", IN_PROCESS),
    row("exact_least", "least(exact, …) → text", IN_PROCESS),
];
