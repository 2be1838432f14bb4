//! Arrays.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{IN_PROCESS, NONE, OTHER_RESULT, row};

use FunctionKind::Scalar;
use Rendering::Template;

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("make_array", Scalar, "ARRAY[any, …] → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_element", Scalar, "any[][integer] → any", OTHER_RESULT, IN_PROCESS),
    row("array_slice", Scalar, "any[][integer:integer] → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_has", Scalar, "any = ANY(any[]) → boolean", OTHER_RESULT, IN_PROCESS),
    row("array_has_all", Scalar, "any[] @> any[] → boolean", OTHER_RESULT, IN_PROCESS),
    row("array_min", Scalar, "any > ANY(any[]) → any", OTHER_RESULT, IN_PROCESS),
    row("array_max", Scalar, "any < ANY(any[]) → any", OTHER_RESULT, IN_PROCESS),
    row("array_concat", Scalar, "any[] || any[] → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_append", Scalar, "array_append(any[], any) → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_prepend", Scalar, "array_prepend(any, any[]) → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_cat", Scalar, "array_cat(any[], any[]) → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_length", Scalar, "array_length(any[], integer) → integer", OTHER_RESULT, IN_PROCESS),
    row("array_upper", Scalar, "array_upper(any[], integer) → integer", OTHER_RESULT, IN_PROCESS),
    row("cardinality", Scalar, "cardinality(any[]) → integer", OTHER_RESULT, IN_PROCESS),
    row("array_position", Scalar, "array_position(any[], any) → integer", OTHER_RESULT, IN_PROCESS),
    row("array_remove", Scalar, "array_remove(any[], any) → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_replace", Scalar, "array_replace(any[], any, any) → any[]", OTHER_RESULT, IN_PROCESS),
    row("array_to_string", Scalar, "array_to_string(any[], text [, text]) → text", OTHER_RESULT, IN_PROCESS),
    row("string_to_array", Scalar, "string_to_array(text, text [, text]) → text[]", OTHER_RESULT, IN_PROCESS),
    row("arraycontains", Scalar, "arraycontains(any[], any[]) → boolean", NONE, Template("({0} @> {1})")),
    row("arraycontained", Scalar, "arraycontained(any[], any[]) → boolean", NONE, Template("({0} <@ {1})")),
    row("arrayoverlap", Scalar, "arrayoverlap(any[], any[]) → boolean", NONE, Template("({0} && {1})")),
];
