//! Aggregates.

use super::super::table::{FunctionKind, FunctionRow, Rendering};
use super::{IN_PROCESS, NONE, OTHER_NULLS, OTHER_RESULT, row};

use FunctionKind::Aggregate;
use Rendering::{Name, Special};

/// The rows.
#[rustfmt::skip]
pub(super) const ROWS: &[FunctionRow] = &[
    row("count", Aggregate, "count(any) → bigint", Special, Name("count")),
    row("sum", Aggregate, "sum(number) → number", Special, Special),
    row("avg", Aggregate, "avg(number) → number", OTHER_RESULT, Name("avg")),
    row("min", Aggregate, "min(any) → any", Special, Name("min")),
    row("max", Aggregate, "max(any) → any", Special, Name("max")),
    row("bool_and", Aggregate, "bool_and(boolean) → boolean", NONE, Name("bool_and")),
    row("bool_or", Aggregate, "bool_or(boolean) → boolean", NONE, Name("bool_or")),
    row("every", Aggregate, "every(boolean) → boolean", NONE, Name("every")),
    row("string_agg", Aggregate, "string_agg(text, delimiter text) → text", OTHER_NULLS, Name("string_agg")),
    row("array_agg", Aggregate, "array_agg(any) → any[]", OTHER_NULLS, Name("array_agg")),
    row("stddev", Aggregate, "stddev(double precision) → double precision", OTHER_RESULT, Special),
    row("stddev_samp", Aggregate, "stddev_samp(double precision) → double precision", OTHER_RESULT, Special),
    row("stddev_pop", Aggregate, "stddev_pop(double precision) → double precision", OTHER_RESULT, Special),
    row("variance", Aggregate, "variance(double precision) → double precision", OTHER_RESULT, Special),
    row("var_samp", Aggregate, "var_samp(double precision) → double precision", OTHER_RESULT, Special),
    row("var_pop", Aggregate, "var_pop(double precision) → double precision", OTHER_RESULT, Special),
    row("corr", Aggregate, "corr(double precision, double precision) → double precision", OTHER_RESULT, Name("corr")),
    row("covar_pop", Aggregate, "covar_pop(double precision, double precision) → double precision", OTHER_RESULT, Name("covar_pop")),
    row("covar_samp", Aggregate, "covar_samp(double precision, double precision) → double precision", OTHER_RESULT, Name("covar_samp")),
    row("regr_avgx", Aggregate, "regr_avgx(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_avgx")),
    row("regr_avgy", Aggregate, "regr_avgy(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_avgy")),
    row("regr_intercept", Aggregate, "regr_intercept(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_intercept")),
    row("regr_r2", Aggregate, "regr_r2(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_r2")),
    row("regr_slope", Aggregate, "regr_slope(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_slope")),
    row("regr_sxx", Aggregate, "regr_sxx(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_sxx")),
    row("regr_sxy", Aggregate, "regr_sxy(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_sxy")),
    row("regr_syy", Aggregate, "regr_syy(double precision, double precision) → double precision", OTHER_RESULT, Name("regr_syy")),
    row("regr_count", Aggregate, "regr_count(double precision, double precision) → bigint", OTHER_RESULT, Name("regr_count")),
    row("bit_and", Aggregate, "bit_and(integer) → integer", OTHER_NULLS, Name("bit_and")),
    row("bit_or", Aggregate, "bit_or(integer) → integer", OTHER_NULLS, Name("bit_or")),
    row("bit_xor", Aggregate, "bit_xor(integer) → integer", OTHER_NULLS, Name("bit_xor")),
    row("percentile_cont", Aggregate, "percentile_cont(fraction) WITHIN GROUP (ORDER BY number) → double precision", OTHER_RESULT, IN_PROCESS),
    row("median", Aggregate, "median of number → number", OTHER_RESULT, IN_PROCESS),
    row("first_value", Aggregate, "first_value(any ORDER BY …) → any", NONE, IN_PROCESS),
    row("last_value", Aggregate, "last_value(any ORDER BY …) → any", NONE, IN_PROCESS),
    row("grouping", Aggregate, "grouping(any, …) → integer", OTHER_RESULT, Special),
];
