//! SQL's own regular expressions, as the ones that are known here (`similar_escape_internal` in PostgreSQL's `regexp.c`).

use crate::base::{ErrorReport, SqlState};

use super::super::value::fail;

/// The escape that a text names; `None` for none at all.
///
/// # Errors
/// `22025` when it is longer than a character.
pub(super) fn escape_of(text: &str) -> Result<Option<char>, ErrorReport> {
    let mut characters = text.chars();
    let sign = characters.next();
    if characters.next().is_some() {
        return Err(fail(SqlState::INVALID_ESCAPE_SEQUENCE, "invalid escape string")
            .with_hint("Escape string must be empty or one character."));
    }
    Ok(sign)
}

/// The pattern as a regular expression. Two escaped double quotes mark the part that `substring` is to give.
///
/// # Errors
/// `2200C` for more than two of them.
pub(super) fn regex_of(pattern: &str, escape: Option<char>) -> Result<String, ErrorReport> {
    let mut regex = String::from("^(?:");
    let (mut escaped, mut in_class, mut quotes) = (false, false, 0);
    for c in pattern.chars() {
        if escaped {
            escaped = false;
            if c == '"' && !in_class {
                regex.push_str(match quotes {
                    0 => "){1,1}?(",
                    1 => "){1,1}(?:",
                    _ => return Err(too_many_quotes()),
                });
                quotes += 1;
            } else {
                regex.extend(['\\', c]);
            }
        } else if Some(c) == escape {
            escaped = true;
        } else if in_class {
            if c == '\\' {
                regex.push('\\');
            }
            regex.push(c);
            in_class = c != ']';
        } else {
            plain(c, &mut regex);
            in_class = c == '[';
        }
    }
    regex.push_str(")$");
    Ok(regex)
}

fn plain(c: char, regex: &mut String) {
    match c {
        '%' => regex.push_str(".*"),
        '_' => regex.push('.'),
        '(' => regex.push_str("(?:"),
        '\\' | '.' | '^' | '$' => regex.extend(['\\', c]),
        other => regex.push(other),
    }
}

fn too_many_quotes() -> ErrorReport {
    let message = "SQL regular expression may not contain more than two escape-double-quote separators";
    fail(SqlState::INVALID_USE_OF_ESCAPE_CHARACTER, message)
}
