//! What the store's errors mean to a client.

use deadpool_postgres::PoolError;
use tokio_postgres::error::SqlState as StoreState;

use crate::base::{ErrorReport, InternalError, SqlState, StoreKind, UserFacing};
use crate::stores::{StoreError, causes, failed_connection};

/// An error of the driver or of the server.
pub(super) fn store_error(error: &tokio_postgres::Error) -> StoreError {
    let Some(told) = error.as_db_error() else {
        // A statement or a row that the driver itself cannot read is a defect; all else is the connection.
        if error.is_closed()
            || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        {
            return unavailable(error);
        }
        return StoreError::Failed(InternalError::new(causes(error)).report());
    };
    let state = told.code();
    let class = state.code().get(..2).unwrap_or_default();
    let going_down = [StoreState::ADMIN_SHUTDOWN, StoreState::CRASH_SHUTDOWN, StoreState::CANNOT_CONNECT_NOW];
    if class == "08" || class == "28" || going_down.contains(state) || *state == StoreState::TOO_MANY_CONNECTIONS {
        return unavailable(error);
    }
    if is_outdated(state, told.message()) {
        tracing::warn!(code = state.code(), words = told.message(), "materialize does not have what a statement reads");
        return StoreError::Outdated { store: StoreKind::Materialize };
    }
    StoreError::Failed(report(state, told.message()))
}

/// Whether a relation or a column is not what the statement takes it for. A prepared statement whose columns have changed
/// is told by its words: its code is that of many things.
fn is_outdated(state: &StoreState, words: &str) -> bool {
    let gone = [
        StoreState::UNDEFINED_TABLE,
        StoreState::UNDEFINED_COLUMN,
        StoreState::UNDEFINED_OBJECT,
        StoreState::INVALID_SCHEMA_NAME,
        // An operator or a function that the new type of a column does not have.
        StoreState::UNDEFINED_FUNCTION,
        StoreState::DATATYPE_MISMATCH,
    ];
    gone.contains(state) || words.contains("cached plan must not change result type")
}

/// An error of the pool.
pub(super) fn pool_error(error: &PoolError) -> StoreError {
    match error {
        PoolError::Backend(error) => match error.as_db_error() {
            Some(_) => store_error(error),
            None => unavailable(error),
        },
        PoolError::Timeout(_) | PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            unavailable(error)
        }
    }
}

fn unavailable(error: &(dyn std::error::Error + 'static)) -> StoreError {
    tracing::warn!(words = causes(error), "materialize does not answer");
    StoreError::Unavailable { store: StoreKind::Materialize, detail: failed_connection(error).to_owned() }
}

fn report(state: &StoreState, words: &str) -> ErrorReport {
    let known: &[(&StoreState, SqlState, &str)] = &[
        (&StoreState::DIVISION_BY_ZERO, SqlState::DIVISION_BY_ZERO, "division by zero"),
        (&StoreState::NUMERIC_VALUE_OUT_OF_RANGE, SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range"),
        (&StoreState::INVALID_TEXT_REPRESENTATION, SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax"),
        (
            &StoreState::INVALID_DATETIME_FORMAT,
            SqlState::INVALID_DATETIME_FORMAT,
            "invalid input syntax for a date or time",
        ),
        (&StoreState::DATETIME_FIELD_OVERFLOW, SqlState::DATETIME_FIELD_OVERFLOW, "date/time field value out of range"),
        (
            &StoreState::CARDINALITY_VIOLATION,
            SqlState::CARDINALITY_VIOLATION,
            "more than one row returned by a subquery used as an expression",
        ),
        (&StoreState::QUERY_CANCELED, SqlState::QUERY_CANCELED, "canceling statement due to user request"),
        (&StoreState::OUT_OF_MEMORY, SqlState::OUT_OF_MEMORY, "out of memory"),
        (&StoreState::PROGRAM_LIMIT_EXCEEDED, SqlState::PROGRAM_LIMIT_EXCEEDED, "a value is too large for the store"),
    ];
    match known.iter().find(|(theirs, _, _)| *theirs == state) {
        Some((_, ours, message)) => {
            tracing::debug!(code = state.code(), words, "materialize refused");
            ErrorReport::new(*ours, *message)
        }
        None => InternalError::new(format!("materialize: {}: {words}", state.code())).report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_gone_and_what_is_refused_are_told_apart() {
        let outdated = |code: &str, words: &str| is_outdated(&StoreState::from_code(code), words);
        for code in ["42P01", "42703", "42704", "3F000", "42883", "42804"] {
            assert!(outdated(code, "x"), "{code}");
        }
        assert!(outdated("0A000", "cached plan must not change result type"));
        for code in ["0A000", "22012", "42601", "57014", "XX000"] {
            assert!(!outdated(code, "x"), "{code}");
        }
    }
}
