//! What Redis's errors mean to a client.

use redis::RedisError;

use crate::base::{ErrorReport, InternalError, SqlState, StoreKind, UserFacing};
use crate::stores::{StoreError, causes, failed_connection};

/// Words of a server that is no master any more, is not one yet, or does not know this server: another one is the master
/// now, or it is later.
const NOT_NOW: [&str; 7] = ["READONLY", "LOADING", "MASTERDOWN", "BUSY", "NOAUTH", "WRONGPASS", "NOPERM"];

/// Whether the connection must be made anew.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_connection_dropped()
        || error.is_unrecoverable_error()
        || error.is_cluster_error()
        || codes(error).any(|code| NOT_NOW.contains(&code.as_str()))
}

/// The error of an attempt to connect. Whatever it is, there is no server to ask: Sentinel may know no master just now.
pub(super) fn connect_error(error: &RedisError) -> StoreError {
    tracing::warn!(words = causes(error), "redis cannot be connected with");
    StoreError::Unavailable { store: StoreKind::Redis, detail: failed_connection(error).to_owned() }
}

/// The error of a command.
pub(super) fn store_error(error: &RedisError) -> StoreError {
    if is_broken(error) {
        tracing::warn!(words = causes(error), "redis does not answer");
        return StoreError::Unavailable { store: StoreKind::Redis, detail: failed_connection(error).to_owned() };
    }
    if codes(error).any(|code| code == "WRONGTYPE") {
        let message = "a key of this table in store redis is no hash";
        return StoreError::Failed(
            ErrorReport::new(SqlState::WRONG_OBJECT_TYPE, message)
                .with_hint("The table's key pattern fits keys of another kind."),
        );
    }
    StoreError::Failed(InternalError::new(format!("redis: {error}")).report())
}

/// What the server says in a word, to each of several commands at once.
fn codes(error: &RedisError) -> impl Iterator<Item = String> {
    let told = error.clone().into_server_errors();
    let codes: Vec<String> =
        told.iter().flat_map(|errors| errors.iter()).map(|(_, error)| error.code().to_owned()).collect();
    codes.into_iter()
}

#[cfg(test)]
mod tests {
    use redis::{ErrorKind, parse_redis_value};

    use super::*;
    use crate::base::SqlState;

    fn told(answer: &str) -> RedisError {
        parse_redis_value(answer.as_bytes()).unwrap().extract_error().unwrap_err()
    }

    #[test]
    fn a_server_that_is_not_the_master_now_is_left() {
        for answer in [
            "-READONLY You can't write against a read only replica.\r\n",
            "-LOADING Redis is loading the dataset in memory\r\n",
            "-BUSY Redis is busy running a script.\r\n",
            "-NOAUTH Authentication required.\r\n",
            "-CLUSTERDOWN The cluster is down\r\n",
            "-MOVED 3999 127.0.0.1:6381\r\n",
        ] {
            assert!(matches!(store_error(&told(answer)), StoreError::Unavailable { .. }), "{answer}");
        }
        let wrong = store_error(&told("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"));
        assert_eq!(wrong.sqlstate(), SqlState::WRONG_OBJECT_TYPE);
        assert_eq!(store_error(&told("-ERR unknown\r\n")).sqlstate(), SqlState::INTERNAL_ERROR);
    }

    #[test]
    fn a_sentinel_that_knows_no_master_is_a_store_that_is_not_there() {
        let error = RedisError::from((ErrorKind::MasterNameNotFoundBySentinel, "Master with given name not found"));
        assert_eq!(connect_error(&error).sqlstate(), SqlState::CONNECTION_FAILURE);
    }
}
