//! What Redis's errors mean to a client.

use redis::RedisError;

use crate::base::{InternalError, StoreKind, UserFacing};
use crate::stores::StoreError;

/// Whether the connection must be made anew.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error() || error.is_connection_dropped() || error.is_unrecoverable_error() || error.is_cluster_error()
        // A server that became a replica or is still loading its data: another one is the master now, or it is later.
        || matches!(error.code(), Some("READONLY" | "LOADING" | "MASTERDOWN" | "NOAUTH" | "WRONGPASS" | "NOPERM"))
}

/// The error of a command.
pub(super) fn store_error(error: &RedisError) -> StoreError {
    if is_broken(error) {
        tracing::warn!(%error, "redis does not answer");
        return StoreError::Unavailable {
            store: StoreKind::Redis,
            detail: "The connection to the store failed; the log says how.".to_owned(),
        };
    }
    StoreError::Failed(InternalError::new(format!("redis: {error}")).report())
}
