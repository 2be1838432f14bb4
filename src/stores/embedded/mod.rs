//! The embedded stores: the three stores, played by tables in memory.
//!
//! Comes in: a routed piece; rows from a feed. Goes out: a stream of record batches.
//! Does not: know what the tables mean.
//! Invariant: a query sees one moment of a table, however often it names it; and no row that the piece's requirements do
//! not admit leaves its table.

mod scan;
mod store;
mod table;

#[cfg(test)]
pub(crate) use scan::unguarded_provider;
pub(super) use scan::{EmbeddedProvider, RunSnapshots};
pub use store::EmbeddedStore;
pub use table::{EmbeddedTable, Retention};
