//! The whole way on one screen: sessions, prepare, bind, execute.
//!
//! Comes in: an [`Identity`](crate::tenancy::Identity) and statements. Goes out: row streams with PostgreSQL's types.
//! Does not: speak a protocol.
//! Invariant: every row that leaves came through `guard::apply`, `route`, `emit` and `guard::verify`, in that order.

mod calls;
mod copy;
mod core;
mod cursors;
mod error;
mod explain;
mod fetch;
mod keys;
mod logical;
mod memory;
mod metrics;
mod named;
mod open_rows;
mod outcome;
mod portals;
mod prepare;
mod refresh;
mod registry;
mod replan;
mod rows;
mod run;
mod session;
mod session_statements;
mod sessions;
mod settings;
mod shared_settings;
mod statements;
mod store_states;
mod transaction;

pub use crate::catalog::system::type_oid;
pub use crate::sql::{CopyFormat, CopyOptions, SessionStatement, Statement, StatementKind};
pub use crate::stores::hub;
pub use core::{Engine, EngineParts};
pub use error::EngineError;
pub use logical::check_logical_tables;
pub use memory::CatalogMemory;
pub use metrics::Metrics;
pub use open_rows::{OpenRows, Rereading};
pub use outcome::{Notice, Outcome, OutputColumn, OutputColumns, RowsTag};
pub use portals::{Portal, Portals, Progress, SharedRows, cannot_run, hold};
pub use prepare::{Bound, Prepared};
pub use rows::{RowStream, RunningRows, plain_rows};
pub use session::Session;
pub use sessions::SessionKey;
pub use settings::SERVER_VERSION;
pub use statements::Statements;
pub use transaction::TransactionStatus;
