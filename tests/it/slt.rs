//! SQL result scripts, through the real wire, with PostgreSQL 15 as the reference.
//!
//! `tests/slt/*.slt` hold statements and what PostgreSQL answers to them (`script` tells the format). They run against a
//! server with the seeded history and no feed. Where PostgreSQL 15 is there they run on it too, over the same rows: what
//! the files expect must be its answer. What differs on ours must be in `tests/slt/known_differences.txt`.
//!
//! `FLOWFORGE_UPDATE_GOLDENS=1` writes PostgreSQL's answers (never ours) into the files and takes what was mended from the
//! list of differences. `FLOWFORGE_SLT_REPORT=file` writes every difference with both answers to a file, and
//! `FLOWFORGE_SLT_ONLY=word` runs only the files whose name has the word.

pub mod answer;
pub mod compare;
mod decode;
mod known;
mod script;

use std::collections::HashMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio_postgres::Client;

use crate::engines::Engines;
use crate::postgres::{self, Postgres};
use crate::support::TestServer;
use answer::{Heard, Outcome};
use compare::compare;
use known::{Known, entry};
use script::{Block, Case, Script};

/// Slower statements are named in the output.
const SLOW: Duration = Duration::from_secs(2);

/// What went wrong, in two lists: what the files say against PostgreSQL, and ours against the files.
#[derive(Default)]
struct Findings {
    stale: Vec<String>,
    differences: Vec<(String, String)>,
    statements: usize,
}

/// Where the statements go.
enum Target<'a> {
    Ours(&'a TestServer),
    Reference(&'a Postgres),
}

impl Target<'_> {
    async fn connect(&self, user: &str) -> Client {
        match self {
            Self::Ours(server) => server.connect(user).await,
            Self::Reference(postgres) => postgres.connect(user, &database(user)).await,
        }
    }
}

/// The database of the reference that has what a user sees.
fn database(user: &str) -> String {
    if user == "acme" { "flowforge".to_owned() } else { format!("flowforge_{user}") }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt")
}

fn scripts() -> Vec<(String, Script)> {
    let only = std::env::var("FLOWFORGE_SLT_ONLY").unwrap_or_default();
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".slt") && name.contains(&only))
        .collect();
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let text = std::fs::read_to_string(folder().join(&name)).unwrap();
            (name, script::parse(&text))
        })
        .collect()
}

/// The answers to all statements of a script, in one session.
async fn run(script: &Script, target: &Target<'_>) -> Vec<Option<Heard>> {
    let mut client = target.connect(&script.user).await;
    let (mut in_block, mut stuck) = (false, false);
    let mut answers = Vec::new();
    for block in &script.blocks {
        let Block::Case(case) = block else {
            answers.push(None);
            continue;
        };
        if client.is_closed() || stuck {
            client = target.connect(&script.user).await;
        }
        let begin = Instant::now();
        let heard = if one_way_only(case, in_block) {
            answer::ask_simple(&client, &case.sql).await
        } else {
            answer::ask(&client, &case.sql, case.sorted || !matches!(case.expected, Some(Outcome::Rows(_)))).await
        };
        let words: Vec<String> = case.sql.split_whitespace().take(2).map(str::to_uppercase).collect();
        in_block = match (words.first().map_or("", String::as_str), words.last().map_or("", String::as_str)) {
            ("BEGIN" | "START", _) => true,
            ("ROLLBACK", _) if case.sql.to_uppercase().contains(" TO ") => in_block,
            ("COMMIT" | "END" | "ROLLBACK" | "ABORT", _) => case.sql.to_uppercase().ends_with("AND CHAIN") && in_block,
            _ => in_block,
        };
        stuck = matches!(&heard.outcome, Outcome::Failed(failure) if failure.code == "timeout");
        if begin.elapsed() > SLOW {
            eprintln!("{:?}: {}", begin.elapsed(), case.sql);
        }
        answers.push(Some(heard));
    }
    answers
}

/// A session statement must not run three times, and after its first error a block would answer with another.
fn one_way_only(case: &Case, in_block: bool) -> bool {
    match &case.expected {
        Some(Outcome::Done) => true,
        Some(Outcome::Failed(_)) => in_block || case.sql.contains(';'),
        Some(Outcome::Rows(_)) | None => false,
    }
}

/// Compares the files with PostgreSQL, or writes its answers into them.
async fn check_reference(name: &str, script: &mut Script, postgres: &Postgres, update: bool, findings: &mut Findings) {
    let answers = run(script, &Target::Reference(postgres)).await;
    for (block, heard) in script.blocks.iter_mut().zip(answers) {
        let (Block::Case(case), Some(mut heard)) = (block, heard) else { continue };
        heard.disagreement = None;
        if update {
            case.expected = Some(heard.outcome);
            continue;
        }
        let Some(expected) = &case.expected else { continue };
        if let Some(difference) = compare(case.sorted, expected, &heard) {
            findings.stale.push(format!("{}\n{}", entry(name, &difference.kind, &case.sql), difference.got));
        }
    }
    if update {
        std::fs::write(folder().join(name), script::render(script)).unwrap();
    }
}

async fn check_ours(name: &str, script: &Script, server: &TestServer, findings: &mut Findings) {
    let answers = run(script, &Target::Ours(server)).await;
    for (block, heard) in script.blocks.iter().zip(answers) {
        let (Block::Case(case), Some(heard)) = (block, heard) else { continue };
        let Some(expected) = &case.expected else {
            findings.stale.push(format!("{name}: nobody has answered: {}", case.sql));
            continue;
        };
        findings.statements += 1;
        if let Some(difference) = compare(case.sorted, expected, &heard) {
            let mut detail = String::new();
            let _ = writeln!(detail, "expected:\n{}got:\n{}", rendered(expected, case.sorted), difference.got);
            findings.differences.push((entry(name, &difference.kind, &case.sql), detail));
        }
    }
}

fn rendered(expected: &Outcome, sorted: bool) -> String {
    match expected {
        Outcome::Done => "done\n".to_owned(),
        Outcome::Rows(answer) => answer.render(sorted),
        Outcome::Failed(failure) => format!("error {}: {}", failure.code, failure.render()),
    }
}

fn report(findings: &Findings) {
    let Some(path) = std::env::var_os("FLOWFORGE_SLT_REPORT") else { return };
    let parts = findings.differences.iter().map(|(entry, detail)| format!("@@ {entry}\n{detail}\n"));
    let counted = format!("{} statements, {} differ\n", findings.statements, findings.differences.len());
    std::fs::write(path, counted + &parts.collect::<String>()).unwrap();
}

/// As the program's own: planning is recursive.
const STACK_BYTES: usize = 16 << 20;

#[test]
fn every_statement_gets_the_answer_of_postgresql() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).thread_stack_size(STACK_BYTES).enable_all();
    runtime.build().unwrap().block_on(every_statement());
}

async fn every_statement() {
    let update = std::env::var_os("FLOWFORGE_UPDATE_GOLDENS").is_some();
    let server = TestServer::start().await;
    let reference = postgres::shared().await;
    assert!(reference.is_some() || !update, "expectations come from PostgreSQL 15, which is missing");
    let mut mirrored: HashMap<String, ()> = HashMap::new();
    let mut findings = Findings::default();
    for (name, mut script) in scripts() {
        if let Some(postgres) = &reference {
            if mirrored.insert(script.user.clone(), ()).is_none() {
                postgres.mirror(&server, &script.user, &database(&script.user)).await;
            }
            check_reference(&name, &mut script, postgres, update, &mut findings).await;
        }
        check_ours(&name, &script, &server, &mut findings).await;
        report(&findings);
    }
    conclude(&findings, update, "known_differences.txt", &mut Known::nothing());
}

#[test]
fn every_statement_gets_the_same_answer_over_the_real_stores() {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).thread_stack_size(STACK_BYTES).enable_all();
    runtime.build().unwrap().block_on(every_statement_over_stores());
}

async fn every_statement_over_stores() {
    let Some(engines) = Engines::start().await else { return };
    let server = engines.server().await;
    let mut findings = Findings::default();
    for (name, script) in scripts() {
        check_ours(&name, &script, &server, &mut findings).await;
        report(&findings);
    }
    let update = std::env::var_os("FLOWFORGE_UPDATE_GOLDENS").is_some();
    // What differs without stores may differ with them.
    let mut without_stores = Known::read(&folder().join("known_differences.txt"));
    conclude(&findings, update, "known_differences_stores.txt", &mut without_stores);
}

fn conclude(findings: &Findings, update: bool, list: &str, also_known: &mut Known) {
    assert!(findings.statements > 0, "no statement was run");
    let path = folder().join(list);
    let mut known = Known::read(&path);
    let new: Vec<String> = findings
        .differences
        .iter()
        .filter(|(entry, _)| !known.expects(entry) && !also_known.expects(entry))
        .map(|(entry, detail)| format!("{entry}\n{detail}"))
        .collect();
    let everything = std::env::var_os("FLOWFORGE_SLT_ONLY").is_none();
    if update && everything {
        known.write(&path);
        known = Known::read(&path);
        for (entry, _) in &findings.differences {
            known.expects(entry);
        }
    }
    assert!(findings.stale.is_empty(), "PostgreSQL answers otherwise:\n{}", findings.stale.join("\n"));
    assert!(new.is_empty(), "{} answers are not PostgreSQL's:\n{}", new.len(), new.join("\n"));
    let gone = if everything { known.gone() } else { Vec::new() };
    assert!(gone.is_empty(), "listed in {list}, and no longer so:\n{}", gone.join("\n"));
}
