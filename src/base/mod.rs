//! What every other folder stands on: identifiers, SQLSTATEs and the error trait, limits, and the type map.
//!
//! Comes in: nothing. Goes out: plain types without I/O.
//! Does not: know a tenant's rights, a table, a store's connection or a wire.
//! Invariant: imports no other folder of this crate.

pub mod array_text;
pub mod clock;
pub mod current_run;
pub mod dependencies;
pub mod engine_error;
pub mod error;
pub mod freshness;
pub mod ids;
pub mod infinite;
pub mod limits;
pub mod nesting;
pub mod sqlstate;
pub mod store_types;
pub mod syntax_walk;
pub mod text_types;
pub mod types;

pub use clock::RequestClock;
pub use error::{ErrorReport, InternalError, UserFacing};
pub use freshness::Freshness;
pub use ids::{SessionId, StoreKind, TableName, TenantId, UserName};
pub use infinite::Infinity;
pub use nesting::nesting_depth;
pub use sqlstate::SqlState;
pub use text_types::TextType;
pub use types::{CanvasType, SqlType};
