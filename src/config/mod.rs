//! One typed configuration: file, then environment, then flags.
//!
//! Comes in: TOML text, environment, flags. Goes out: a [`Config`] in which everything was checked.
//! Does not: open files of certificates or connect.
//! Invariant: an unknown key is an error that names it.
