//! From a graph drawn on a canvas to a plan.
//!
//! Comes in: graph JSON and a target node. Goes out: a plan over the tenant's view, the columns of every node, and every
//! problem of the graph.
//! Does not: guard, route, emit or run; keep executions.
//! Invariant: merging is the emitter's business; the plan says what the graph means, node by node.

pub mod formula;
pub mod nodes;
