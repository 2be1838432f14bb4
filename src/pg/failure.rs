//! How a step of a connection can fail, and what then remains of the connection.

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};

/// Why a step stopped.
#[derive(Debug)]
pub enum Failure {
    /// The client is told; the connection goes on.
    Error(ErrorReport),
    /// The client is told; the connection ends.
    Fatal(ErrorReport),
    /// There is nobody left to tell.
    Gone,
}

impl Failure {
    /// The client broke the protocol so that nothing after it can be trusted.
    pub fn broken(message: impl Into<String>) -> Self {
        Self::Fatal(violation(message))
    }
}

impl From<ErrorReport> for Failure {
    fn from(report: ErrorReport) -> Self {
        Self::Error(report)
    }
}

impl From<InternalError> for Failure {
    fn from(error: InternalError) -> Self {
        Self::Error(error.report())
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        tracing::debug!(%error, "client connection failed");
        Self::Gone
    }
}

/// A report with `08P01`.
pub fn violation(message: impl Into<String>) -> ErrorReport {
    ErrorReport::new(SqlState::PROTOCOL_VIOLATION, message)
}
