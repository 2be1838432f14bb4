//! The whole way on one screen: sessions, prepare, bind, execute.
//!
//! Comes in: an [`Identity`](crate::tenancy::Identity) and statements. Goes out: row streams with PostgreSQL's types.
//! Does not: speak a protocol.
//! Invariant: every row that leaves came through `guard::apply`, `route`, `emit` and `guard::verify`, in that order.

mod error;
mod outcome;
mod session;

pub use error::EngineError;
pub use outcome::{Notice, Outcome, OutputColumn, RowStream, RowsTag, SessionEffect};
pub use session::{Bound, Engine, Prepared, Session, SessionKey, TransactionStatus};
pub use crate::stores::hub;
pub use crate::sql::{Statement, StatementKind, SessionStatement};
