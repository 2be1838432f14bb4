//! Names as SQL writes them.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::base::{ErrorReport, SqlState};

use super::keywords;

static KEYWORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| keywords::all().filter(|word| word.category != "U").map(|word| word.word).collect());

/// The name as it must be written: quoted unless it is plain, lower case and no keyword.
pub(super) fn quoted(name: &str) -> String {
    let starts_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if starts_well && name.chars().all(plain) && !KEYWORDS.contains(name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The parts of a name such as `marts."Fct Trades"`: folded to lower case where they are not quoted.
///
/// # Errors
/// `42602` when a part is empty or a quote is left open.
pub(super) fn parts(text: &str) -> Result<Vec<String>, ErrorReport> {
    let invalid = || ErrorReport::new(SqlState::INVALID_NAME, "invalid name syntax");
    let mut parts = Vec::new();
    let mut rest = text.trim();
    loop {
        let (part, after) = part(rest).ok_or_else(invalid)?;
        parts.push(part);
        match after.trim_start().strip_prefix('.') {
            Some(next) => rest = next.trim_start(),
            None if after.trim().is_empty() => return Ok(parts),
            None => return Err(invalid()),
        }
    }
}

fn part(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(|c: char| c == '.' || c.is_whitespace()).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_lowercase(), &text[end..]));
    };
    let mut name = String::new();
    let mut characters = quoted.char_indices().peekable();
    while let Some((index, c)) = characters.next() {
        match c {
            '"' if characters.next_if(|(_, next)| *next == '"').is_some() => name.push('"'),
            '"' => return (!name.is_empty()).then(|| (name, &quoted[index + 1..])),
            _ => name.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_when_they_must_be() {
        for (name, written) in [
            ("fct_trades", "fct_trades"),
            ("Fct", "\"Fct\""),
            ("a b", "\"a b\""),
            ("select", "\"select\""),
            ("a\"b", "\"a\"\"b\""),
            ("1a", "\"1a\""),
            ("", "\"\""),
        ] {
            assert_eq!(quoted(name), written);
        }
    }

    #[test]
    fn names_are_read_part_by_part() {
        assert_eq!(parts("Marts.fct_trades").unwrap(), ["marts", "fct_trades"]);
        assert_eq!(parts("\"Marts\" . \"a.b\"\"c\"").unwrap(), ["Marts", "a.b\"c"]);
        for bad in ["", ".x", "x.", "\"open", "\"\"", "a b"] {
            assert!(parts(bad).is_err(), "{bad}");
        }
    }
}
