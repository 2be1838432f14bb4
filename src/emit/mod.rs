//! From a piece to one SELECT in the store's dialect.
//!
//! Comes in: a [`Piece`](crate::route::Piece). Goes out: an [`Emitted`] statement as a tree; its text is only made after
//! the guard verified it.
//! Does not: choose stores, or run. No text of a client passes through.
//! Invariant: a statement is built as a tree, never put together from strings.
//!
//! A plan is walked from its leaves up. Each node fills a slot of the current SELECT block where the order in which SQL
//! evaluates the slots gives the rows that the node means; where it does not, the block so far becomes a derived table
//! in the FROM of a new one. The rules stand in `nodes`, one function a node.

mod blocks;
mod call;
mod clickhouse;
mod dialect;
mod error;
mod expression;
mod fallible;
mod floats;
mod join;
mod literal;
mod nodes;
mod quote;
mod scan;
mod scope;
mod special;
mod statement;
mod supports;
mod template;
#[cfg(test)]
mod tests;
mod types;
mod uses;

pub use dialect::Dialect;
pub use error::EmitError;
pub use fallible::cannot_fail;
pub use statement::{Emitted, Emitter, emit};
