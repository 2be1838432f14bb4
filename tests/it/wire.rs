//! Wire scripts: frontend messages in, exact backend messages out.
//!
//! A script is a file `tests/wire/*.wire` of blocks with a blank line between them. The first line of a block says what
//! to do, the lines up to `----` say with what, and the lines after it are what must come back:
//!
//! - `open`: a new connection, nothing sent yet.
//! - `connect {"user": …, "password": …}`: a new connection, logged in with SCRAM; shows everything up to `ReadyForQuery`.
//! - `send`: messages, one a line: a name and its fields as JSON.
//! - `until`: names of messages, one a line; reads up to each of them in turn and shows what came. `Closed` is the end
//!   of the connection, `Byte` the answer to a request for encryption.
//! - `cancel`: sends a cancel request for the open connection from another one.
//!
//! `FLOWFORGE_UPDATE_GOLDENS=1` writes what came back into the files. The scripts run against the front with a small
//! backend of its own (`fake`), so that they can make it pause, fail and hang where they want; those in
//! `tests/wire/server/` run against the whole server with the demo's data.

mod arrays;
mod behaviour;
mod client;
mod fake;
mod tls;
mod values;

use std::fmt::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use flowforge::base::limits::LimitSet;
use flowforge::pg::{PgContext, TlsSettings, serve};
use tokio_util::sync::CancellationToken;

use crate::support::TestServer;
use client::Client;

/// A server on a free port, for as long as it lives.
pub struct Server {
    address: SocketAddr,
    shutdown: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    gauges: Arc<fake::Gauges>,
}

impl Server {
    fn start() -> Self {
        Self::start_with(None, &[])
    }

    fn start_with(tls: Option<TlsSettings>, changed_limits: &[(&str, usize)]) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let shutdown = CancellationToken::new();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let mut limits = LimitSet::default();
        limits.set("prepared_statements", 3).unwrap();
        limits.set("portals", 3).unwrap();
        for (name, value) in changed_limits {
            limits.set(name, *value).unwrap();
        }
        let backend = fake::FakeBackend::with_limits(limits.clone());
        let gauges = backend.gauges();
        let context = PgContext {
            backend,
            authenticator: Arc::new(fake::FakeUsers),
            tls,
            limits: Arc::new(limits),
            shutdown_grace: Duration::from_millis(200),
        };
        runtime.spawn(serve(listener, Arc::new(context), shutdown.clone()));
        Self { address, shutdown, runtime: Some(runtime), gauges }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(Duration::from_secs(2));
        }
    }
}

/// One block of a script.
struct Block {
    directive: String,
    input: Vec<String>,
    expected: Vec<String>,
}

fn parse(script: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for text in script.split("\n\n") {
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty()).collect();
        let (comments, lines): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(|line| line.starts_with('#'));
        if let Some(comment) = comments.first() {
            let rest = comments[1..].iter().map(ToString::to_string).collect();
            blocks.push(Block { directive: (*comment).to_owned(), input: rest, expected: Vec::new() });
        }
        let Some((directive, rest)) = lines.split_first() else { continue };
        let mut halves = rest.splitn(2, |line| *line == "----");
        let mut half = || halves.next().unwrap_or_default().iter().map(ToString::to_string).collect();
        blocks.push(Block { directive: (*directive).to_owned(), input: half(), expected: half() });
    }
    blocks
}

/// Runs the blocks; gives what came back for each.
fn run(blocks: &[Block], address: SocketAddr) -> Vec<Vec<String>> {
    let mut client: Option<Client> = None;
    let mut answers = Vec::new();
    for block in blocks {
        let (word, argument) = block.directive.split_once(' ').unwrap_or((&block.directive, ""));
        let answer = match word {
            _ if word.starts_with('#') => Vec::new(),
            "open" => {
                client = Some(Client::open(address));
                Vec::new()
            }
            "connect" => {
                let (connected, shown) = Client::connect(address, &serde_json::from_str(argument).unwrap());
                client = Some(connected);
                shown
            }
            "cancel" => {
                client.as_ref().expect("a connection").cancel(address);
                Vec::new()
            }
            "send" => {
                client.as_mut().expect("a connection").send(&block.input);
                Vec::new()
            }
            "until" => client.as_mut().expect("a connection").until(&block.input),
            other => panic!("no directive {other}"),
        };
        answers.push(answer);
    }
    answers
}

fn render(blocks: &[Block], answers: &[Vec<String>]) -> String {
    let mut text = String::new();
    for (block, answer) in blocks.iter().zip(answers) {
        let _ = writeln!(text, "{}", block.directive);
        for line in &block.input {
            let _ = writeln!(text, "{line}");
        }
        if block.directive.starts_with('#') {
            continue;
        }
        if !answer.is_empty() {
            let _ = writeln!(text, "----\n{}", answer.join("\n"));
        }
        text.push('\n');
    }
    text
}

fn check(path: &Path, address: SocketAddr) -> Result<(), String> {
    let script = std::fs::read_to_string(path).unwrap();
    let blocks = parse(&script);
    let answers = run(&blocks, address);
    // Whatever a script did to its own connection, the server goes on.
    let login = serde_json::json!({"user": "acme", "password": "acme", "database": "flowforge"});
    let (_, shown) = Client::connect(address, &login);
    assert_eq!(shown.last().map(String::as_str), Some("ReadyForQuery {\"status\":\"I\"}"), "{}", path.display());
    if std::env::var_os("FLOWFORGE_UPDATE_GOLDENS").is_some() {
        std::fs::write(path, render(&blocks, &answers)).unwrap();
        return Ok(());
    }
    for (number, (block, answer)) in blocks.iter().zip(&answers).enumerate() {
        if block.expected != *answer {
            return Err(format!(
                "{}, block {number} ({}):\n--- expected\n{}\n--- got\n{}\n",
                path.display(),
                block.directive,
                block.expected.join("\n"),
                answer.join("\n")
            ));
        }
    }
    Ok(())
}

/// The scripts of a folder below `tests/`, in the order of their names.
fn scripts(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "wire"));
    paths.sort();
    assert!(!paths.is_empty());
    paths
}

#[test]
fn every_script_gets_its_answers() {
    let failures: Vec<String> = scripts("wire")
        .iter()
        .filter_map(|path| {
            let server = Server::start();
            check(path, server.address).err()
        })
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_script_for_the_whole_server_gets_its_answers() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let server = runtime.block_on(TestServer::start());
    let address = server.pg();
    let failures: Vec<String> = scripts("wire/server").iter().filter_map(|path| check(path, address).err()).collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
