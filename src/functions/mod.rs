//! The function table: one row a function, read by the SQL front, the formula language, the emitter and the
//! documentation.
//!
//! Comes in: nothing. Goes out: signatures, implementations and the way every dialect writes them.
//! Does not: plan or emit.
//! Invariant: a function that is not in the table cannot be called, and every row answers for every dialect.

mod bind;
mod clock;
mod registry;
mod rows;
mod table;

pub use bind::bind;
pub use registry::FunctionRegistry;
pub use table::{FunctionKind, FunctionRow, Rendering, find, rows};
