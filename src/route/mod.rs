//! Which store answers what.
//!
//! Comes in: a [`GuardedPlan`](crate::guard::GuardedPlan). Goes out: a [`RoutedPlan`]: the largest pieces that one store
//! can run whole, and what is left to run in process. Before the guard, [`logical`] puts physical tables in the place of
//! logical ones.
//! Does not: write statements, or open connections.
//! Invariant: every table leaf is in exactly one piece.

pub mod columns;
mod leaf;
pub mod logical;
mod piece;
mod place;
mod push;
mod split;
pub mod subqueries;

pub use columns::ColumnSet;
pub use logical::{Choice, PlacedPlan, place_logical_tables};
pub use piece::{Capability, Piece, PieceLeaf, RouteError, RoutedPlan};
pub use place::{filters_first, physical_name, store_type};
pub use split::route;
