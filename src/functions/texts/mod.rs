//! The functions of text and of bytes.
//!
//! Comes in: texts, counted in characters. Goes out: texts, numbers about them, bytes.
//! Does not: know regular expressions (`regex`) or how values are written as text (`text`).
//! Invariant: upper and lower case are those of single characters, as in PostgreSQL's C.UTF-8.

mod bits;
mod bytes;
mod cut;
mod escape;
mod format;
mod quote;
mod words;

pub(in crate::functions) use bytes::read_bytes;
pub use escape::escaped_again;

use super::overload::Overload;

/// Every function.
pub(super) fn functions() -> Vec<Overload> {
    [
        bits::functions(),
        bytes::functions(),
        cut::functions(),
        format::functions(),
        quote::functions(),
        words::functions(),
    ]
    .into_iter()
    .flatten()
    .collect()
}
