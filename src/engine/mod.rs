//! The whole way on one screen: sessions, prepare, bind, execute.
//!
//! Comes in: an [`Identity`](crate::tenancy::Identity) and statements. Goes out: row streams with PostgreSQL's types.
//! Does not: speak a protocol.
//! Invariant: every row that leaves came through `guard::apply`, `route`, `emit` and `guard::verify`, in that order.

mod calls;
mod core;
mod error;
mod explain;
mod metrics;
mod outcome;
mod prepare;
mod run;
mod session;
mod sessions;
mod settings;

pub use crate::sql::{SessionStatement, Statement, StatementKind};
pub use crate::stores::hub;
pub use core::{Engine, EngineParts};
pub use error::EngineError;
pub use metrics::Metrics;
pub use outcome::{Notice, Outcome, OutputColumn, RowStream, RowsTag, SessionEffect};
pub use prepare::{Bound, Prepared};
pub use session::{Session, TransactionStatus};
pub use sessions::SessionKey;
pub use settings::SERVER_VERSION;
