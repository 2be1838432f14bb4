//! What can be wrong with a configuration.

use std::fmt;
use std::path::PathBuf;

/// One thing that is wrong, with the key that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The key, such as `auth.users[2].tenant`.
    pub key: String,
    /// What is wrong with its value.
    pub message: String,
}

impl Problem {
    /// A problem with a key.
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.key, self.message)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read configuration file {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The text is not TOML, has an unknown key, or a value of the wrong type.
    #[error("line {line}: {key}: {message}")]
    Syntax {
        /// 1-based line.
        line: usize,
        /// The key on that line, or the section where there is none.
        key: String,
        /// What is wrong.
        message: String,
    },
    /// A variable of the environment or a flag does not fit.
    #[error("{origin}: {message}")]
    Override {
        /// The variable or the flag.
        origin: String,
        /// What is wrong.
        message: String,
    },
    /// It can be read, and it makes no sense. All problems, not the first.
    #[error("{}", lines(.0))]
    Problems(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}
