//! The commands as a newcomer types them.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

fn flowforge(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_flowforge"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn with_input(arguments: &[&str], input: &str) -> Output {
    let mut child = flowforge(arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Ends a child even when an assertion fails.
struct Stopped(Child);

impl Drop for Stopped {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

#[test]
fn the_demo_prints_how_to_go_on_and_ends_on_a_signal() {
    let child = flowforge(&["demo", "--pg-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]).spawn().unwrap();
    let mut child = Stopped(child);
    let output = child.0.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            drop(sender.send(line));
        }
    });
    let mut seen = String::new();
    for needle in ["psql postgres://acme:acme@127.0.0.1:", "psql postgres://globex:globex@", "/ws?token=", "SELECT"] {
        while !seen.contains(needle) {
            let line = receiver.recv_timeout(Duration::from_secs(60));
            seen.push_str(&line.unwrap_or_else(|_| panic!("no {needle} in:\n{seen}")));
            seen.push('\n');
        }
    }
    let stopped = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(child.0.wait().unwrap().success());
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let output = flowforge(&["demo", "--pg-listen", &address, "--http-listen", "127.0.0.1:0"]).output().unwrap();
    assert!(!output.status.success());
    let error = text(&output.stderr);
    let said: Vec<&str> = error.lines().filter(|line| line.starts_with("flowforge:")).collect();
    assert_eq!(said.len(), 1, "{error}");
    assert!(said[0].contains(&address) && said[0].contains("in use"), "{error}");
}

#[test]
fn a_hashed_password_is_a_verifier_and_never_the_password() {
    let output = with_input(&["hash-password"], "correct horse\n");
    let printed = text(&output.stdout);
    assert!(printed.starts_with("SCRAM-SHA-256$"), "{printed}");
    assert!(!printed.contains("correct"));
    let again = text(&with_input(&["hash-password"], "correct horse\n").stdout);
    assert_ne!(printed, again, "the salt is new each time");
    assert!(!with_input(&["hash-password"], "\n").status.success());
}

#[test]
fn the_shipped_configuration_passes_and_a_broken_one_tells_every_problem() {
    let good = flowforge(&["check-config", "config/flowforge.toml"]).output().unwrap();
    assert!(good.status.success(), "{}", text(&good.stderr));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bad.toml");
    std::fs::write(&file, "[server]\nport = 1\n").unwrap();
    let bad = flowforge(&["check-config", file.to_str().unwrap()]).output().unwrap();
    assert!(!bad.status.success());
    assert!(text(&bad.stderr).contains("port"), "{}", text(&bad.stderr));
}

#[test]
fn expressions_of_placements_are_checked_against_the_tables_that_are_known() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("placements.toml");
    let check = |expression: &str| {
        let configuration = format!(
            "[[policies]]\ntable = \"latest.position\"\nkind = \"shared\"\n\n[[logical_tables]]\nname = \"p\"\n\
             columns = [\"quantity\"]\n\n[[logical_tables.placements]]\nfreshness = \"point\"\n\
             table = \"latest.position\"\ncolumns = {{ quantity = \"{expression}\" }}\n"
        );
        std::fs::write(&file, configuration).unwrap();
        flowforge(&["check-config", file.to_str().unwrap()]).output().unwrap()
    };
    let good = check("quantity * 2");
    assert!(good.status.success(), "{}", text(&good.stderr));
    for (expression, message) in [
        ("quantty", "logical_tables[0].placements[0].columns.quantity: column \"quantty\" does not exist"),
        ("quantity *", "logical_tables[0].placements[0].columns.quantity: syntax error"),
        ("sum(quantity)", "logical_tables[0].placements[0].columns.quantity: it must be an expression over one row"),
    ] {
        let bad = check(expression);
        assert!(!bad.status.success(), "{expression}");
        assert!(text(&bad.stderr).contains(message), "{expression}: {}", text(&bad.stderr));
    }
}

#[test]
fn a_token_needs_a_known_tenant_and_a_shared_secret() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowforge.toml");
    let secret = "a".repeat(64);
    let text_of_file =
        format!("[auth.jwt]\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n\n[[tenants]]\nid = \"acme\"\n");
    std::fs::write(&file, text_of_file).unwrap();
    let path = file.to_str().unwrap();
    let token =
        |tenant: &str| flowforge(&["token", "--config", path, "--tenant", tenant, "--user", "acme"]).output().unwrap();
    let good = token("acme");
    assert!(good.status.success(), "{}", text(&good.stderr));
    assert_eq!(text(&good.stdout).trim().split('.').count(), 3);
    assert!(!token("nobody").status.success());
}
