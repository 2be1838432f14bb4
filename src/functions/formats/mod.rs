//! `to_char`, `to_date`, `to_timestamp`, `to_number`: values by the letters of a template.
//!
//! Comes in: a value and a template, or a text and a template. Goes out: a text, or a value.
//! Does not: know languages; names of months and days are English, as in PostgreSQL's C locale.
//! Invariant: a letter that is no pattern stands for itself.

mod number;
mod read;
mod template;
mod write;

use super::overload::Overload;

/// Every function.
pub(super) fn functions() -> Vec<Overload> {
    [number::functions(), read::functions(), write::functions()].into_iter().flatten().collect()
}
