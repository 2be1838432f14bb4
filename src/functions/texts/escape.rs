//! Patterns of LIKE with an escape of their own.

use crate::base::{ErrorReport, SqlState};

/// A pattern of LIKE whose escape sign is `sign` (`None`: it has none) as one whose escape sign is the backslash.
#[must_use]
pub fn escaped_again(pattern: &str, sign: Option<char>) -> String {
    let mut written = String::with_capacity(pattern.len());
    let mut characters = pattern.chars();
    while let Some(c) = characters.next() {
        match c {
            c if Some(c) == sign => {
                written.push('\\');
                written.extend(characters.next());
            }
            '\\' => written.push_str("\\\\"),
            other => written.push(other),
        }
    }
    written
}

/// `like_escape(pattern, escape)`
pub(super) fn like_escape(pattern: &str, escape: &str) -> Result<String, ErrorReport> {
    let mut signs = escape.chars();
    let sign = signs.next();
    if signs.next().is_some() {
        let report = ErrorReport::new(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string");
        return Err(report.with_hint("Escape string must be empty or one character."));
    }
    Ok(escaped_again(pattern, sign))
}
