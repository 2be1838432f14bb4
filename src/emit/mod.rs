//! From a piece to one SELECT in the store's dialect.
//!
//! Comes in: a [`Piece`](crate::route::Piece). Goes out: an [`Emitted`] statement as a tree; its text is only made after
//! the guard verified it.
//! Does not: choose stores, or run. No text of a client passes through.
//! Invariant: a statement is built as a tree, never put together from strings.

mod blocks;
mod dialect;

pub use blocks::{EmitError, Emitted, Emitter, emit};
pub use dialect::Dialect;
