//! The tables of `protocol/` that are generated from the code: they may not fall behind it.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use flowforge::base::{SqlState, limits};
use flowforge::functions::{FunctionKind, Rendering, rows};

fn check(file: &str, generated: &str) {
    let path = Path::new("protocol").join(file);
    if std::env::var_os("FLOWFORGE_UPDATE_GOLDENS").is_some() {
        fs::write(&path, generated).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == generated, "{} is not what the code says; run ./scripts/goldens", path.display());
}

#[test]
fn the_table_of_sqlstates_is_up_to_date() {
    let mut text =
        String::from("# SQLSTATEs\n\nEvery code that a client can meet. Generated from `src/base/sqlstate.rs`.\n\n");
    text.push_str("| code | condition |\n|---|---|\n");
    for (name, state) in SqlState::ALL {
        writeln!(text, "| `{state}` | {} |", name.to_lowercase()).unwrap();
    }
    check("sqlstates.md", &text);
}

#[test]
fn the_table_of_limits_is_up_to_date() {
    let mut text = String::from(
        "# Limits\n\nThese can be changed in the `[limits]` section. Generated from `src/base/limits.rs`.\n\n",
    );
    text.push_str("| name | default | why |\n|---|---:|---|\n");
    for limit in limits::ALL {
        writeln!(text, "| `{}` | {} | {} |", limit.name, limit.default, limit.reason).unwrap();
    }
    text.push_str("\nThese cannot be changed:\n\n| name | value | why |\n|---|---:|---|\n");
    for limit in limits::ALL_FIXED {
        writeln!(text, "| `{}` | {} | {} |", limit.name, limit.value, limit.reason).unwrap();
    }
    check("limits.md", &text);
}

#[test]
fn the_table_of_functions_is_up_to_date() {
    let mut text = String::from(
        "# Functions\n\nEvery function of SQL, and how the stores' dialects write it. Generated from `src/functions/`.\n\n",
    );
    text.push_str("| signature | kind | ClickHouse | PostgreSQL, Materialize |\n|---|---|---|---|\n");
    let mut all: Vec<_> = rows().iter().collect();
    all.sort_by_key(|row| (row.name, row.signature));
    for row in all {
        let kind = match row.kind {
            FunctionKind::Scalar => "scalar",
            FunctionKind::Aggregate => "aggregate",
            FunctionKind::Window => "window",
        };
        let (clickhouse, postgresql) = (rendering(row.clickhouse), rendering(row.postgresql));
        writeln!(text, "| `{}` | {kind} | {clickhouse} | {postgresql} |", row.signature.replace('|', "\\|")).unwrap();
    }
    check("functions.md", &text);
}

fn rendering(rendering: Rendering) -> String {
    match rendering {
        Rendering::Name(name) => format!("`{name}`"),
        Rendering::Template(template) => format!("`{}`", template.replace('|', "\\|")),
        Rendering::Special => "by the emitter".to_owned(),
        Rendering::Unsupported(reason) => format!("in process: {reason}"),
    }
}
