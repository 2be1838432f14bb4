//! Golden files: a query and a tenant in; its plan, guarded plan, pieces and statements out.
//!
//! A file holds cases. A case is a line `=== name`, optional lines `tenant: name` (acme is the default), the query, a
//! line `---`, and what comes out. Instead of a query there may be a line `target: id` and a workflow, a node a line:
//! `id type config < inputs`. `FLOWFORGE_UPDATE_GOLDENS=1` writes the files anew.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use flowforge::base::UserFacing;
use flowforge::emit::{Dialect, Emitter, emit};
use flowforge::guard;
use flowforge::route::{Piece, route};

use crate::fixture;

#[test]
fn every_golden_file_is_what_the_stages_give() {
    let update = std::env::var("FLOWFORGE_UPDATE_GOLDENS").is_ok_and(|value| value == "1");
    let mut wrong = Vec::new();
    let files = golden_files();
    assert!(!files.is_empty(), "no golden files");
    for file in files {
        let old = fs::read_to_string(&file).unwrap();
        let new = rewritten(&old);
        if old == new {
            continue;
        }
        if update {
            fs::write(&file, new).unwrap();
        } else {
            wrong.push(format!("{}:\n{}", file.display(), first_difference(&old, &new)));
        }
    }
    assert!(wrong.is_empty(), "{}\nFLOWFORGE_UPDATE_GOLDENS=1 rewrites them.", wrong.join("\n"));
}

fn golden_files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut files: Vec<PathBuf> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "golden"))
        .collect();
    files.sort();
    files
}

fn first_difference(old: &str, new: &str) -> String {
    let at = old.lines().zip(new.lines()).take_while(|(old, new)| old == new).count();
    let around = |text: &str| text.lines().skip(at.saturating_sub(3)).take(12).collect::<Vec<_>>().join("\n");
    format!("line {}\n--- file\n{}\n--- now\n{}", at + 1, around(old), around(new))
}

fn rewritten(text: &str) -> String {
    let mut cases = text.split("=== ");
    let mut rewritten = cases.next().unwrap_or_default().to_owned();
    for case in cases {
        let (name, rest) = case.split_once('\n').unwrap_or((case, ""));
        let input = rest.split("\n---\n").next().unwrap_or_default().trim_end();
        let input = input.strip_suffix("\n---").unwrap_or(input);
        let output = stages(input);
        write!(rewritten, "=== {name}\n{input}\n---\n{}\n\n", output.trim_end()).unwrap();
    }
    rewritten.trim_end().to_owned() + "\n"
}

fn stages(input: &str) -> String {
    let tenant = input.lines().find_map(|line| line.strip_prefix("tenant: ")).unwrap_or("acme");
    let sql: String = input.lines().filter(|line| !line.starts_with("tenant: ")).collect::<Vec<_>>().join("\n");
    let tenant = fixture::tenant(tenant);
    let view = fixture::view(&tenant);
    let planned = match input.lines().find_map(|line| line.strip_prefix("target: ")) {
        Some(target) => fixture::workflow_plan(&view, &workflow(input), target),
        None => fixture::plan(&view, &sql),
    };
    let plan = match planned {
        Ok(plan) => plan,
        Err(report) => return format!("error {}: {}", report.sqlstate, report.message),
    };
    let mut out = format!("plan:\n{}\n", plan.display_indent());
    let guarded = match guard::apply(plan, &tenant) {
        Ok(guarded) => guarded,
        Err(error) => return format!("{out}guard: {}", error.message()),
    };
    write!(out, "guarded:\n{}\n", guarded.plan().display_indent()).unwrap();
    let routed = match route(guarded, &Emitter) {
        Ok(routed) => routed,
        Err(error) => return format!("{out}route: {}", error.message()),
    };
    if let Some(local) = &routed.local {
        write!(out, "local:\n{}\n", local.display_indent()).unwrap();
    }
    for piece in &routed.pieces {
        out.push_str(&describe(piece));
    }
    out
}

/// The JSON of a workflow that is written a node a line.
fn workflow(input: &str) -> String {
    let (mut nodes, mut edges) = (Vec::new(), Vec::new());
    for line in input.lines().filter(|line| !line.starts_with("target: ") && !line.starts_with("tenant: ")) {
        let (line, sources) = line.rsplit_once(" < ").unwrap_or((line, ""));
        let (id, rest) = line.split_once(' ').unwrap_or_else(|| panic!("{line}: no node type"));
        let (kind, config) = rest.split_once(' ').unwrap_or((rest, "{}"));
        let config: serde_json::Value = serde_json::from_str(config).unwrap_or_else(|error| panic!("{line}: {error}"));
        nodes.push(serde_json::json!({"id": id, "type": kind, "data": {"config": config}}));
        edges.extend(sources.split_whitespace().map(|source| serde_json::json!({"source": source, "target": id})));
    }
    serde_json::json!({"nodes": nodes, "edges": edges}).to_string()
}

/// The piece's own statement, and for a piece of ClickHouse also what PostgreSQL would be told.
fn describe(piece: &Piece) -> String {
    let mut out = format!("piece {} on {} ({}):\n", piece.id, piece.store, piece.reason);
    if routed_whole(piece) {
        writeln!(out, "{}", piece.plan.display_indent()).unwrap();
    }
    let own = Dialect::of(piece.store);
    let mut dialects = vec![own];
    if own == Dialect::ClickHouse {
        dialects.push(Dialect::PostgreSql);
    }
    for dialect in dialects {
        let text = match emit(piece, dialect) {
            Ok(emitted) => {
                let pretty = format!("{:#}", emitted.statement);
                let verified = guard::verify(emitted.statement, emitted.dialect.grammar(), &piece.requirements);
                let verdict = if verified.is_ok() { "" } else { " NOT VERIFIED" };
                format!("{}{verdict}:\n{pretty}\n", dialect.name())
            }
            Err(error) => format!("{}: {}\n", dialect.name(), error.message()),
        };
        out.push_str(&text);
    }
    out
}

/// A piece that is a part is shown with its plan; one that is the whole statement has it above.
fn routed_whole(piece: &Piece) -> bool {
    !piece.reason.starts_with("every table")
}
