//! Materialize, by PostgreSQL's protocol.
//!
//! Comes in: a verified statement in PostgreSQL's dialect and its values. Goes out: record batches as rows come.
//! Does not: retry, or know when the store is down; the store around it does.
//! Invariant: no word of the store reaches a client, because it may quote a row.

mod decode;
mod discovery;
mod encode;
mod failure;
mod numeric;
mod rows;
mod store;

pub use store::MaterializeStore;
