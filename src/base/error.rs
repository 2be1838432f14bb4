//! The one truth about errors: what a client may be told.
//!
//! Every stage has its own error enum and implements [`UserFacing`] for it. Both fronts read only this trait. What a
//! stage did not foresee becomes an [`InternalError`]: the client gets `XX000` with an id, the log has id and cause.

use std::fmt;

use super::sqlstate::SqlState;

/// An error that may be shown to a client.
///
/// The grammar is PostgreSQL's: the message lower-case and short, the detail a sentence, the hint an action.
pub trait UserFacing: std::error::Error {
    /// The code by which programs tell errors apart.
    fn sqlstate(&self) -> SqlState;

    /// The primary message.
    fn message(&self) -> String {
        self.to_string()
    }

    /// A sentence with the particulars.
    fn detail(&self) -> Option<String> {
        None
    }

    /// What the user can do about it.
    fn hint(&self) -> Option<String> {
        None
    }

    /// Where in the statement's text, as a 1-based character position.
    fn position(&self) -> Option<usize> {
        None
    }

    /// All of it in one value, free of the stage's type.
    fn report(&self) -> ErrorReport {
        ErrorReport {
            sqlstate: self.sqlstate(),
            message: self.message(),
            detail: self.detail(),
            hint: self.hint(),
            position: self.position(),
        }
    }
}

/// What a client is told of an error, and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorReport {
    /// The code.
    pub sqlstate: SqlState,
    /// The primary message.
    pub message: String,
    /// A sentence with the particulars.
    pub detail: Option<String>,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// 1-based character position in the statement's text.
    pub position: Option<usize>,
}

impl ErrorReport {
    /// A report with a code and a message; the rest is added with the `with_` methods.
    pub fn new(sqlstate: SqlState, message: impl Into<String>) -> Self {
        Self { sqlstate, message: message.into(), detail: None, hint: None, position: None }
    }

    /// The same with a detail.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a 1-based character position.
    #[must_use]
    pub fn with_position(mut self, position: usize) -> Self {
        self.position = Some(position);
        self
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorReport {}

impl UserFacing for ErrorReport {
    fn sqlstate(&self) -> SqlState {
        self.sqlstate
    }
    fn message(&self) -> String {
        self.message.clone()
    }
    fn detail(&self) -> Option<String> {
        self.detail.clone()
    }
    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
    fn position(&self) -> Option<usize> {
        self.position
    }
}

/// A defect of this server. The cause goes to the log; the client gets the id only.
#[derive(Debug, Clone, thiserror::Error)]
#[error("internal error {id}")]
pub struct InternalError {
    id: String,
}

impl InternalError {
    /// Logs the cause under a fresh id.
    pub fn new(cause: impl fmt::Display) -> Self {
        let id = uuid::Uuid::new_v4().simple().to_string();
        tracing::error!(error_id = %id, cause = %cause, "internal error");
        Self { id }
    }
}

impl UserFacing for InternalError {
    fn sqlstate(&self) -> SqlState {
        SqlState::INTERNAL_ERROR
    }
    fn hint(&self) -> Option<String> {
        Some("This is a defect of the server. Its log has the cause under this id.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    /// Where a log goes that a test reads.
    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_defect_is_logged_with_its_cause_under_the_id_that_the_client_is_told() {
        let lines = Lines::default();
        let writer = lines.clone();
        let log = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
        let causes = ["a broken cog", "a lost wheel"];
        let reports = tracing::subscriber::with_default(log, || causes.map(|cause| InternalError::new(cause).report()));
        let text = String::from_utf8(lines.0.lock().clone()).unwrap();
        let logged: Vec<&str> = text.lines().collect();
        assert_eq!(logged.len(), 2, "{text}");
        for ((report, line), cause) in reports.iter().zip(logged).zip(causes) {
            assert_eq!(report.sqlstate, SqlState::INTERNAL_ERROR);
            assert!(!format!("{report:?}").contains(cause), "{report:?}");
            let id = report.message.strip_prefix("internal error ").unwrap();
            assert_eq!(id.len(), 32, "{id}");
            for part in ["ERROR", cause, &format!("error_id={id} ")] {
                assert!(line.contains(part), "{part} is not in {line}");
            }
        }
        assert_ne!(reports[0].message, reports[1].message);
    }
}
