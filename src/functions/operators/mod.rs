//! Operators that the planner writes as calls: of JSON, arrays, times, and of what a type's name adds to a value.
//!
//! Comes in: arguments of settled types, as the planner's own resolution left them. Goes out: implementations and their
//! rows of the function table.
//! Does not: resolve types; what reaches an implementation fits it.
//! Invariant: none of them can be called by name.

mod array;
mod array_compare;
mod bits;
mod json;
mod json_edit;
mod json_value;
mod rows;
mod series;
mod time;
mod type_tags;

use datafusion::logical_expr::ScalarUDF;

pub(in crate::functions) use json_value::normal_jsonb;
pub(super) use rows::ROWS;
pub use type_tags::as_nullable;

/// Every implementation.
pub(super) fn functions() -> Vec<ScalarUDF> {
    [
        array::functions(),
        array_compare::functions(),
        bits::functions(),
        json::functions(),
        json_edit::functions(),
        series::functions(),
        time::functions(),
        type_tags::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
