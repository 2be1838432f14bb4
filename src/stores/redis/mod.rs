//! Redis: hashes as rows, by their keys.
//!
//! Comes in: a piece whose leaf is a pattern of keys. Goes out: the rows of the hashes, filtered in process.
//! Does not: write what is served (`texts` alone writes, under keys of its own), or read a key that is not the tenant's when the policy names keys.
//! Invariant: a field that cannot be read is an error of the row's own tenant only.

mod connection;
mod failure;
mod provider;
mod row;
mod slots;
mod store;
mod table;
mod texts;

pub use connection::{RedisConnection, RedisConnectionError};
pub(super) use provider::RedisProvider;
pub use store::RedisStore;
pub use table::{InvalidRedisTable, RedisTable};
pub use texts::RedisTexts;
