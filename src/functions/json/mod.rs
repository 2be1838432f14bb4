//! The functions of `json` and `jsonb`.
//!
//! Comes in: documents as text. Goes out: documents, their parts and what was made of values.
//! Does not: know how a value of another type is written; `text` does.
//! Invariant: a `json` keeps its text; a `jsonb` is always in PostgreSQL's one form.

mod access;
mod build;
mod change;
mod document;
mod order_key;
mod path;
mod paths;
mod read;
mod sets;

use super::overload::Overload;

pub(super) use build::{json_of, object_key};
pub(super) use document::Json;
pub(super) use order_key::{order_keys, sort_keys};
pub(super) use paths::check as check_path;

/// Every function.
pub(super) fn functions() -> Vec<Overload> {
    [access::functions(), build::functions(), change::functions(), paths::functions(), sets::functions()]
        .into_iter()
        .flatten()
        .collect()
}
