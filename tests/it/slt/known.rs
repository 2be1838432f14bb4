//! The list of statements whose answer is known not to be PostgreSQL's, with the reason and the way in which it differs.
//!
//! A line `file.slt [kind] statement` lists one; lines that begin with `#` give the reasons. A listed statement is run
//! like every other: when it differs in another way, or no longer, the list must be changed.

use std::collections::HashSet;
use std::path::Path;

/// The list.
pub struct Known {
    lines: Vec<String>,
    used: HashSet<String>,
}

impl Known {
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        Self { lines: text.lines().map(str::to_owned).collect(), used: HashSet::new() }
    }

    /// A list without lines.
    pub fn nothing() -> Self {
        Self { lines: Vec::new(), used: HashSet::new() }
    }

    /// Whether this difference is listed.
    pub fn expects(&mut self, entry: &str) -> bool {
        let listed = self.lines.iter().any(|line| line == entry);
        if listed {
            self.used.insert(entry.to_owned());
        }
        listed
    }

    /// What is listed and did not happen.
    pub fn gone(&self) -> Vec<&str> {
        let listed = self.lines.iter().filter(|line| !line.is_empty() && !line.starts_with('#'));
        listed.filter(|line| !self.used.contains(*line)).map(String::as_str).collect()
    }

    /// Writes the list without what is gone.
    pub fn write(&self, path: &Path) {
        let gone: HashSet<&str> = self.gone().into_iter().collect();
        let kept: Vec<&str> = self.lines.iter().map(String::as_str).filter(|line| !gone.contains(line)).collect();
        std::fs::write(path, format!("{}\n", kept.join("\n"))).unwrap();
    }
}

/// The line for a difference.
pub fn entry(file: &str, kind: &str, sql: &str) -> String {
    format!("{file} [{kind}] {}", sql.split_whitespace().collect::<Vec<_>>().join(" "))
}
