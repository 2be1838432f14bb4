//! The schema registry: an immutable, versioned snapshot of every store's tables, and a tenant's view of it.
//!
//! Comes in: tables from discovery, logical tables, policies. Goes out: table leaves for the planner, and pg_catalog and
//! information_schema as rows that hold only what the tenant may see.
//! Does not: connect to a store, or filter rows.
//! Invariant: a [`TableLeaf`] is only made by a [`TenantView`], and only for a table that has a policy; a [`LogicalLeaf`] only
//! over such leaves.

pub mod guardable;
pub mod kept;
pub mod logical;
pub mod rows;
pub mod snapshot;
pub mod system;
pub mod table;
pub mod view;

pub use guardable::{Unguardable, unguardable};
pub use logical::{LogicalLeaf, LogicalTable, Placement};
pub use rows::RowsLeaf;
pub use snapshot::Snapshot;
pub use table::{Column, Table};
pub use view::{CatalogError, Relation, TableLeaf, TenantView};

/// Where a bare table name is looked up when the session does not say.
pub const DEFAULT_SEARCH_PATH: [&str; 6] = ["flowforge", "metrics", "marts", "materialize", "latest", "workflows"];
