//! From SQL text to a plan.
//!
//! Comes in: text, parameter types, a tenant's view. Goes out: session statements as values, queries as plans.
//! Does not: guard, route, or keep a session's state.
//! Invariant: nothing of the text outlives planning except names of output columns and literal values.

mod announced;
mod array_literals;
mod calls;
mod check;
mod context;
mod errors;
mod finish;
mod lexer;
mod normalise;
mod operators;
mod parameters;
mod plan;
mod session;
mod settle;
mod statement;
mod syntax;
mod table_functions;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod types;

pub use announced::Announced;
pub use plan::{PlanContext, PlannedQuery, SqlError, TableFunctions, plan_query};
pub use statement::{Query, SessionStatement, Statement, StatementKind, parse};
