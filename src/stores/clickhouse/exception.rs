//! What ClickHouse's exceptions mean to a client of PostgreSQL.

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};

/// An exception of the server. Its text names tables and statements of the store, so it goes to the log only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Exception {
    /// ClickHouse's number of the error.
    pub(super) code: u32,
    /// The server's words.
    pub(super) text: String,
}

/// Words that begin an exception's text.
const MARK: &str = "DB::Exception: ";

impl Exception {
    /// Reads the last exception that a text holds: `Code: 153. DB::Exception: …`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let start = text.rfind("Code: ")?;
        let found = &text[start..];
        let (code, rest) = found.strip_prefix("Code: ")?.split_once(". ")?;
        rest.starts_with(MARK).then_some(())?;
        Some(Self { code: code.parse().ok()?, text: found.trim_end().to_owned() })
    }

    /// Whether another attempt, or another replica, may well succeed.
    pub(super) fn is_passing(&self) -> bool {
        // TOO_MANY_SIMULTANEOUS_QUERIES, NETWORK_ERROR, SOCKET_TIMEOUT, ALL_CONNECTION_TRIES_FAILED, KEEPER_EXCEPTION
        matches!(self.code, 202 | 209 | 210 | 279 | 999)
    }

    /// Whether this server's own name or password was refused.
    pub(super) fn is_refused_login(&self) -> bool {
        // UNKNOWN_USER, WRONG_PASSWORD, REQUIRED_PASSWORD, AUTHENTICATION_FAILED
        matches!(self.code, 192..=194 | 516)
    }

    /// Whether a table or a column is not what the statement takes it for.
    pub(super) fn is_outdated(&self) -> bool {
        // THERE_IS_NO_COLUMN, NOT_FOUND_COLUMN_IN_BLOCK, NO_SUCH_COLUMN_IN_TABLE, ILLEGAL_TYPE_OF_ARGUMENT,
        // UNKNOWN_IDENTIFIER, TYPE_MISMATCH, UNKNOWN_TABLE, UNKNOWN_DATABASE, ILLEGAL_PREWHERE, TABLE_IS_DROPPED,
        // NO_COMMON_TYPE
        matches!(self.code, 8 | 10 | 16 | 43 | 47 | 53 | 60 | 81 | 182 | 218 | 386)
    }

    /// What a value did not fit. Only the type is read from the server's words, never the value.
    fn narrowed(&self) -> &'static str {
        let into = |name: &str| self.text.contains(&format!("into type {name}"));
        if into("Int64") {
            "bigint out of range"
        } else if into("Int32") {
            "integer out of range"
        } else if into("Int16") {
            "smallint out of range"
        } else {
            "value out of range"
        }
    }

    /// What the client is told.
    pub(super) fn report(&self) -> ErrorReport {
        let (sqlstate, message) = match self.code {
            // ILLEGAL_DIVISION, of the smallest number by -1 or of any by 0
            153 if self.text.contains("minimal signed number") => {
                (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range")
            }
            // and FUNCTION_THROW_IF_VALUE_IS_NON_ZERO, which the emitter asks for where a divisor is a float
            153 | 395 => (SqlState::DIVISION_BY_ZERO, "division by zero"),
            // CANNOT_CONVERT_TYPE, of a checked cast
            70 => (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, self.narrowed()),
            // ARGUMENT_OUT_OF_BOUND, VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE, DECIMAL_OVERFLOW
            69 | 321 | 407 => (SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value out of range"),
            // CANNOT_PARSE_…: text, a quoted string, a date, a time, a number, a UUID, a boolean
            6 | 26 | 27 | 38 | 41 | 72 | 376 | 467 => (SqlState::INVALID_TEXT_REPRESENTATION, "invalid input syntax"),
            // INCORRECT_RESULT_OF_SCALAR_SUBQUERY
            125 => (SqlState::CARDINALITY_VIOLATION, "more than one row returned by a subquery used as an expression"),
            // TIMEOUT_EXCEEDED
            159 => (SqlState::QUERY_CANCELED, "canceling statement due to statement timeout"),
            // QUERY_WAS_CANCELLED
            394 => (SqlState::QUERY_CANCELED, "canceling statement due to user request"),
            // MEMORY_LIMIT_EXCEEDED
            241 => (SqlState::OUT_OF_MEMORY, "out of memory"),
            // TOO_MANY_ROWS, TOO_MANY_BYTES, TOO_MANY_ROWS_OR_BYTES
            158 | 307 | 396 => (SqlState::PROGRAM_LIMIT_EXCEEDED, "the query reads more than the store allows"),
            _ => return InternalError::new(format!("clickhouse: {}", self.text)).report(),
        };
        tracing::debug!(code = self.code, text = %self.text, "clickhouse exception");
        ErrorReport::new(sqlstate, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_from_the_servers_words() {
        let text = "rows\r\nCode: 153. DB::Exception: Division by zero: while executing. (ILLEGAL_DIVISION)\n";
        let exception = Exception::read(text).unwrap();
        assert_eq!(exception.code, 153);
        assert_eq!(exception.report().sqlstate, SqlState::DIVISION_BY_ZERO);
        for none in ["", "Code: ", "Code: x. DB::Exception: a", "Code: 1. something else"] {
            assert_eq!(Exception::read(none), None, "{none}");
        }
    }

    #[test]
    fn an_unforeseen_exception_tells_the_client_nothing_of_the_store() {
        let exception = Exception { code: 49, text: "Code: 49. DB::Exception: secret_table".to_owned() };
        let report = exception.report();
        assert_eq!(report.sqlstate, SqlState::INTERNAL_ERROR);
        assert!(!format!("{report:?}").contains("secret_table"));
    }
}
