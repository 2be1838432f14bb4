//! From SQL text to a plan.
//!
//! Comes in: text, parameter types, a tenant's view. Goes out: session statements as values, queries as plans.
//! Does not: guard, route, or keep a session's state.
//! Invariant: nothing of the text outlives planning except names of output columns and literal values.

mod announced;
mod calls;
mod check;
mod context;
mod copy;
mod correlation;
mod cursors;
mod dialect;
mod digits;
mod errors;
mod expansion;
mod explain;
mod expression_planner;
mod filtered;
mod finish;
mod float_zeros;
mod foreign;
mod frames;
mod grouping_sets;
mod groupings;
mod lexer;
mod mapping;
mod normalise;
mod operators;
mod operators_arrays;
mod operators_json;
mod operators_numbers;
mod operators_times;
mod outer_types;
mod parameters;
mod parenthesised;
mod peer_frames;
mod plan;
mod record_types;
mod recursion;
mod relations;
mod rewritten_tokens;
mod row_limits;
mod rows_from;
mod sample_tokens;
mod search_cycle;
mod session;
mod set_operations;
mod settle;
mod shorthand;
mod spellings;
mod statement;
mod syntax;
mod table_functions;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod type_of;
mod types;
mod upkeep;
mod value_keys;
mod words;
mod writes;

pub use announced::Announced;
pub use copy::{CopyFormat, CopyOptions, CopyOut, CopyTarget, ForceQuote};
pub use cursors::{CursorOptions, Declare, Direction, ExecuteCall, Fetch};
pub use explain::{ExplainFormat, ExplainOptions, ExplainTarget};
pub use mapping::{MappedColumn, check_expression, common_type, plan_expression};
pub use plan::{PlanContext, PlannedQuery, SqlError, TableFunctions, plan_query};
pub use session::TransactionModes;
pub use statement::{Query, SessionStatement, Statement, StatementKind, parameter_count, parse};
pub use upkeep::Upkeep;
pub use writes::Write;
