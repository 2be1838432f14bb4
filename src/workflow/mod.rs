//! From a graph drawn on a canvas to a plan.
//!
//! Comes in: graph JSON and a target node. Goes out: a plan over the tenant's view, the columns of every node, and every
//! problem of the graph.
//! Does not: guard, route, emit or run; keep executions.
//! Invariant: merging never changes the rows. What a linear run of nodes becomes is one block of the plan where the
//! meaning allows it; what does not fit one block is the emitter's business.
//!
//! The way of a graph: [`Graph::parse`] reads it, `resolve` gives every node its columns and a step, [`compile()`] runs
//! the steps of the target's ancestors. [`validate()`] and [`schema()`] stop after the second.

mod columns;
mod compile;
mod decimals;
pub mod formula;
mod functions;
mod graph;
mod json;
pub mod nodes;
mod problem;
mod relation;
mod resolve;
mod schema;
#[cfg(test)]
mod tests;
mod times;
mod validate;
mod values;

pub use columns::{ColumnInfo, Columns};
pub use compile::{CompiledWorkflow, Page, compile, compile_graph, compile_page};
pub use functions::WorkflowFunctions;
pub use graph::{Graph, GraphNode, GraphProblem, Input};
pub use problem::{Problem, ProblemCode, Severity, WorkflowError};
pub use resolve::{SourceIntent, WorkflowContext};
pub use schema::{SchemaRow, schema};
pub use validate::{validate, validate_graph};
