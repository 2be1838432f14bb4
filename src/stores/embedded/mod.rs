//! The embedded stores: the three stores, played by tables in memory.
//!
//! Comes in: a routed piece; rows from a feed. Goes out: a stream of record batches.
//! Does not: know what the tables mean, or filter by tenant: the piece's own guard does.
//! Invariant: a query sees one moment of a table, however often it names it.

mod scan;
mod store;
mod table;

pub use scan::provider;
pub(super) use scan::{EmbeddedProvider, EmbeddedScan, RunSnapshots};
pub use store::EmbeddedStore;
pub use table::{EmbeddedTable, Retention};
