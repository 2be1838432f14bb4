//! ClickHouse over HTTP.
//!
//! Comes in: verified statements, values of parameters. Goes out: Arrow record batches as the server makes them.
//! Does not: write, keep a session, or take a setting from a client.
//! Invariant: rows are whole only when the Arrow stream says that it has ended; everything else is an error.

mod answer;
mod discovery;
mod exception;
mod http;
mod parameters;
mod settings;
mod store;

pub use settings::FIXED as FIXED_SETTINGS;
pub use store::ClickHouseStore;
