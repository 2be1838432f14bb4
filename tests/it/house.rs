//! Who may import whom. The table is the architecture; this test keeps it true.

use std::fs;
use std::path::{Path, PathBuf};

/// Folder, and the folders it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("base", &[]),
    ("config", &["base"]),
    ("tenancy", &["base", "config"]),
    ("catalog", &["base", "tenancy"]),
    ("functions", &["base"]),
    ("workflow", &["base", "catalog", "functions"]),
    ("sql", &["base", "catalog", "functions"]),
    ("guard", &["base", "tenancy", "catalog"]),
    ("route", &["base", "catalog", "functions", "guard"]),
    ("emit", &["base", "functions", "route"]),
    // `guard` is here for one type: a store runs a `VerifiedStatement` and nothing else.
    // `functions` is here for binding parameters at the run.
    ("stores", &["base", "config", "catalog", "functions", "guard", "route", "emit"]),
    (
        "engine",
        &["base", "config", "tenancy", "catalog", "functions", "workflow", "sql", "guard", "route", "emit", "stores"],
    ),
    ("pg", &["base", "config", "tenancy", "engine"]),
    ("live", &["base", "config", "tenancy", "engine"]),
    ("demo", &["base", "tenancy", "catalog", "stores"]),
];

/// A driver, and the one folder that may name it.
const CONFINED: &[(&str, &str)] =
    &[("pgwire", "pg"), ("axum", "live"), ("clickhouse", "stores"), ("tokio_postgres", "stores"), ("redis", "stores")];

#[test]
fn folders_import_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for (folder, allowed) in MAY_IMPORT {
        for file in rust_files(&Path::new("src").join(folder)) {
            for (line, imported) in imports(&file) {
                if imported.is_empty() {
                    wrong.push(format!("{}:{line}: write `use crate::folder::…`, one folder a line", file.display()));
                }
                let known = MAY_IMPORT.iter().any(|(name, _)| *name == imported);
                if known && imported != *folder && !allowed.contains(&imported.as_str()) {
                    wrong.push(format!("{}:{line}: {folder} may not import {imported}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_folder_is_in_the_table_and_says_what_it_is() {
    for entry in fs::read_dir("src").unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(MAY_IMPORT.iter().any(|(folder, _)| *folder == name), "{name} is not in the table");
            let door = fs::read_to_string(path.join("mod.rs")).unwrap();
            for word in ["Comes in:", "oes out:", "Does not:", "Invariant:"] {
                assert!(door.contains(word), "src/{name}/mod.rs does not say \"{word}\"");
            }
        }
    }
}

#[test]
fn drivers_stay_in_their_folder() {
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let text = fs::read_to_string(&file).unwrap();
        for (driver, home) in CONFINED {
            let at_home = file.starts_with(Path::new("src").join(home));
            let code = without_tests(&text).map(|(_, line)| line.split("//").next().unwrap_or_default());
            let names_it = !imports_a_module_named(&text, driver)
                && code.filter(|line| !line.trim_start().starts_with('"')).any(|line| names(line, driver));
            if names_it && !at_home {
                wrong.push(format!("{} names {driver}, which belongs in src/{home}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    let mut wrong = Vec::new();
    for file in rust_files(Path::new("src")) {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        if lines > 800 {
            wrong.push(format!("{} has {lines} lines", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The line numbers and first folders of `crate::folder` paths outside comments.
fn imports(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let name = file.file_stem().unwrap().to_str().unwrap();
    // What only tests see may build a tenant or a store to test against.
    let only_tests = file.components().any(|part| part.as_os_str() == "tests") || name.contains("test");
    if only_tests {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (index, line) in without_tests(&text) {
        let code = line.split("//").next().unwrap_or_default();
        for part in code.split("crate::").skip(1) {
            let folder: String = part.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            found.push((index + 1, folder));
        }
    }
    found
}

/// The numbered lines, without the items that only tests have.
fn without_tests(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut only_tests = false;
    text.lines().enumerate().filter(move |(_, line)| {
        if *line == "#[cfg(test)]" {
            only_tests = true;
            return false;
        }
        let is_left_out = only_tests;
        // An item ends with its line, or with the brace that closes it.
        let is_one_line = line.ends_with(';') && !line.starts_with(' ');
        if only_tests && (is_one_line || line.starts_with('}')) {
            only_tests = false;
        }
        !is_left_out
    })
}

#[test]
fn what_stands_behind_an_item_of_tests_is_looked_at() {
    let text = "use crate::a::A;\n#[cfg(test)]\nmod tests;\nuse crate::b::B;\n#[cfg(test)]\nfn f() {\n    crate::c::g();\n}\ncrate::d\n\
                #[cfg(test)]\nmod tests {\n    use crate::e;\n}\n";
    let left: Vec<&str> = without_tests(text).map(|(_, line)| line).collect();
    assert_eq!(left, ["use crate::a::A;", "use crate::b::B;", "crate::d"]);
}

/// Whether a file imports one of our own modules that has the name of the driver, and means that by its paths.
fn imports_a_module_named(text: &str, driver: &str) -> bool {
    let ours = text.lines().filter(|line| line.starts_with("use super::") || line.starts_with("use crate::"));
    ours.into_iter().any(|line| line.trim_end_matches(';').split(['{', '}', ',', ' ', ':']).any(|word| word == driver))
}

/// Whether code names a crate by a path that begins with it.
fn names(code: &str, driver: &str) -> bool {
    let begins = format!("{driver}::");
    code.match_indices(&begins).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        !before.is_some_and(|before| before.is_alphanumeric() || matches!(before, '_' | ':'))
    })
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
