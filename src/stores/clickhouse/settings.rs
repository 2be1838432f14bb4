//! The settings that every statement runs with: PostgreSQL's answers where ClickHouse has a choice, and hard limits.
//!
//! Source: ClickHouse documentation, "Session settings" and "Restrictions on query complexity".

use std::time::{Duration, Instant};

/// What does not change from statement to statement: names and values.
pub const FIXED: &[(&str, &str)] = &[
    ("join_use_nulls", "1"),
    ("aggregate_functions_null_for_empty", "1"),
    ("prefer_column_name_to_alias", "1"),
    ("union_default_mode", "DISTINCT"),
    ("intersect_default_mode", "DISTINCT"),
    ("except_default_mode", "DISTINCT"),
    ("group_by_use_nulls", "1"),
    ("cast_keep_nullable", "1"),
    ("transform_null_in", "0"),
    ("session_timezone", "UTC"),
    ("output_format_arrow_string_as_string", "1"),
    ("output_format_arrow_low_cardinality_as_dictionary", "0"),
    ("output_format_arrow_compression_method", "none"),
    // Part of the rows must never pass for all of them.
    ("read_overflow_mode", "throw"),
    ("result_overflow_mode", "throw"),
    ("timeout_overflow_mode", "throw"),
    ("group_by_overflow_mode", "throw"),
    ("sort_overflow_mode", "throw"),
    ("distinct_overflow_mode", "throw"),
    ("join_overflow_mode", "throw"),
    ("set_overflow_mode", "throw"),
    // The time is measured, not estimated beforehand.
    ("timeout_before_checking_execution_speed", "0"),
    ("cancel_http_readonly_queries_on_client_close", "1"),
    ("wait_end_of_query", "0"),
    // The guard comes first: as PREWHERE, or as the first condition of a WHERE, the others of which see only what it left.
    ("optimize_move_to_prewhere", "0"),
    ("short_circuit_function_evaluation", "enable"),
    // It remembers which parts of a table a condition keeps nothing of, across statements. In 26.9, after a while of joins and
    // LIMITs, the guard's condition found no row any more of a table that has some.
    ("use_query_condition_cache", "0"),
    // With it the planner of 26.9 goes round in a circle: ORDER BY upper(a) beside SELECT length(a), with or without LIMIT.
    ("query_plan_execute_functions_after_sorting", "0"),
];

/// All settings of a statement that must have ended by then.
pub(super) fn for_run(deadline: Option<Instant>, now: Instant) -> Vec<(&'static str, String)> {
    let mut settings: Vec<(&'static str, String)> =
        FIXED.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    if let Some(left) = deadline.map(|at| at.saturating_duration_since(now)) {
        settings.push(("max_execution_time", whole_seconds(left).to_string()));
    }
    settings
}

/// Rounded up: this process ends the statement at the exact time, the setting is for the case that it cannot.
fn whole_seconds(left: Duration) -> u64 {
    left.as_secs() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_store_is_told_of_the_deadline() {
        let now = Instant::now();
        let of = |deadline| for_run(deadline, now).into_iter().find(|(name, _)| *name == "max_execution_time");
        assert_eq!(of(None), None);
        assert_eq!(of(Some(now + Duration::from_millis(2_500))), Some(("max_execution_time", "3".to_owned())));
        assert_eq!(of(Some(now)), Some(("max_execution_time", "1".to_owned())));
    }
}
