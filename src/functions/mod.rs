//! The function table: one row a function, read by the SQL front, the formula language, the emitter and the
//! documentation.
//!
//! Comes in: nothing. Goes out: signatures, implementations and the way every dialect writes them.
//! Does not: plan or emit.
//! Invariant: a function that is not in the table cannot be called, and every row answers for every dialect.

mod arithmetic;
mod bind;
mod clock;
mod datetime;
mod function;
mod growth;
mod library;
pub mod literal;
mod mathematics;
mod registry;
mod rounding;
mod rows;
mod table;
mod text;

pub use arithmetic::QUOTIENT_SCALE;
pub use bind::bind;
pub use function::{type_name, unknown_function};
pub use registry::FunctionRegistry;
pub use table::{FunctionKind, FunctionRow, Rendering, find, rows};
pub use text::differs_as_text;
