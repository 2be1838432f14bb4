//! The commands as a newcomer types them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use crate::encryption::Certificate;
use crate::engines::{has_redis, redis_tables};
use crate::processes::Redis;

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

/// The lines that a server writes, as they come.
fn lines_of(output: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            drop(sender.send(line));
        }
    });
    receiver
}

/// What is printed up to the line that has a text.
fn printed_until(lines: &mpsc::Receiver<String>, last: &str) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    while !seen.last().is_some_and(|line| line.contains(last)) {
        let line = lines.recv_timeout(Duration::from_secs(60));
        seen.push(line.unwrap_or_else(|_| panic!("no {last} in:\n{}", seen.join("\n"))));
    }
    seen
}

fn interrupt(mut child: Stopped) {
    let stopped = Command::new("kill").args(["-INT", &child.0.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(child.0.wait().unwrap().success());
}

/// An address of the loopback interface that nobody listens on: a server does not say which one it was given.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

/// Waits until somebody listens there.
async fn listens(address: &str) {
    for _ in 0..600 {
        if std::net::TcpStream::connect(address).is_ok() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody listens on {address}");
}

/// The lines of standard error in which the command itself speaks.
fn said(output: &Output) -> Vec<String> {
    let error = text(&output.stderr);
    error.lines().filter(|line| line.starts_with("flowforge:")).map(str::to_owned).collect()
}

async fn connected(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_prints_how_to_go_on_and_ends_on_a_signal() {
    let flags = ["--seed", "7", "--trades-per-second", "0", "--quotes-per-second", "0"];
    let listen = ["demo", "--pg-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"];
    let mut child = Stopped(flowforge(&[&listen[..], &flags].concat()).spawn().unwrap());
    let printed = printed_until(&lines_of(child.0.stdout.take().unwrap()), "Ctrl-C");
    let after = |begin: &str| -> Vec<String> {
        let found =
            printed.iter().filter_map(|line| line.trim().strip_prefix(begin).map(|rest| format!("{begin}{rest}")));
        found.collect()
    };
    let logins = after("psql postgres://");
    assert_eq!(logins.len(), 2, "{printed:#?}");
    let mut statements = after("SELECT");
    statements.extend(after("EXPLAIN"));
    assert_eq!(statements.len(), 3, "{printed:#?}");
    for (login, tenant) in logins.iter().zip(["acme", "globex"]) {
        let url = login.strip_prefix("psql ").unwrap();
        assert!(url.starts_with(&format!("postgres://{tenant}:{tenant}@127.0.0.1:")), "{url}");
        let client = connected(url).await;
        for statement in &statements {
            assert!(!client.query(statement, &[]).await.unwrap().is_empty(), "{statement}");
        }
    }
    for url in after("ws://") {
        use futures::StreamExt;
        let (mut socket, _) = tokio_tungstenite::connect_async(&url).await.unwrap();
        let first = socket.next().await.unwrap().unwrap().into_text().unwrap();
        assert!(first.contains("connected"), "{first}");
    }
    assert_eq!(after("ws://").len(), 2, "{printed:#?}");
    interrupt(child);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_seed_of_the_demo_decides_its_history() {
    let of_seed = async |seed: &str| {
        let arguments = ["demo", "--pg-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--seed", seed];
        let still = ["--trades-per-second", "0", "--quotes-per-second", "0"];
        let mut child = Stopped(flowforge(&[&arguments[..], &still].concat()).spawn().unwrap());
        let printed = printed_until(&lines_of(child.0.stdout.take().unwrap()), "Ctrl-C");
        let login = printed.iter().find_map(|line| line.trim().strip_prefix("psql ")).unwrap();
        let client = connected(login).await;
        let sum = "SELECT sum(price * quantity)::text FROM raw_trades";
        let found: String = client.query_one(sum, &[]).await.unwrap().get(0);
        drop(client);
        interrupt(child);
        found
    };
    let (one, again, other) = (of_seed("7").await, of_seed("7").await, of_seed("8").await);
    assert_eq!(one, again);
    assert_ne!(one, other);
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_reads_its_configuration_and_lets_its_users_in() {
    let verifier = text(&with_input(&["hash-password"], "correct horse\n").stdout);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("flowforge.toml");
    let address = free_address();
    let configuration = format!(
        "[server]\npg_listen = \"{address}\"\nhttp_listen = \"127.0.0.1:0\"\n\n[[tenants]]\nid = \"acme\"\n\n\
         [[auth.users]]\nname = \"ana\"\ntenant = \"acme\"\nverifier = \"{}\"\n",
        verifier.trim()
    );
    std::fs::write(&file, configuration).unwrap();
    let child = Stopped(flowforge(&["serve", "--config", file.to_str().unwrap()]).spawn().unwrap());
    listens(&address).await;
    let client = connected(&format!("postgres://ana:correct%20horse@{address}/flowforge")).await;
    assert_eq!(client.query_one("SELECT current_user::text", &[]).await.unwrap().get::<_, String>(0), "ana");
    let wrong =
        tokio_postgres::connect(&format!("postgres://ana:wrong@{address}/flowforge"), tokio_postgres::NoTls).await;
    assert_eq!(
        wrong.err().and_then(|error| error.code().cloned()).map(|code| code.code().to_owned()),
        Some("28P01".to_owned())
    );
    drop(client);
    interrupt(child);
}

#[test]
fn a_port_in_use_is_one_clear_line() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (used, free) in [("--pg-listen", "--http-listen"), ("--http-listen", "--pg-listen")] {
        let output = flowforge(&["demo", used, &address, free, "127.0.0.1:0"]).output().unwrap();
        assert!(!output.status.success());
        let said = said(&output);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(&address) && said[0].contains("in use"), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn serve_speaks_tls_with_the_files_of_its_configuration() {
    let (certificate, address) = (Certificate::new(), free_address());
    let file = certificate.folder().join("flowforge.toml");
    let secret = "a".repeat(64);
    let configuration = format!(
        "[server]\npg_listen = \"{address}\"\nhttp_listen = \"127.0.0.1:0\"\n\n\
         [tls]\ncertificate = \"server.crt\"\nkey = \"server.key\"\n\n\
         [auth.jwt]\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n\n[[tenants]]\nid = \"acme\"\n"
    );
    std::fs::write(&file, configuration).unwrap();
    let path = file.to_str().unwrap();
    let token = flowforge(&["token", "--config", path, "--tenant", "acme", "--user", "ana"]).output().unwrap();
    // The paths of the files are relative to where it is started.
    let child = Stopped(flowforge(&["serve", "--config", path]).current_dir(certificate.folder()).spawn().unwrap());
    listens(&address).await;
    let port = address.rsplit(':').next().unwrap().parse().unwrap();
    let client = certificate.connect(port, "token", text(&token.stdout).trim()).await.unwrap();
    assert_eq!(client.query_one("SELECT current_user::text", &[]).await.unwrap().get::<_, String>(0), "ana");
    drop(client);
    interrupt(child);
}

#[test]
fn a_certificate_that_cannot_be_used_is_one_clear_line() {
    let (own, other) = (Certificate::new(), Certificate::new());
    for (key, words) in [(other.key(), "cannot be used"), (own.folder().join("absent.key"), "No such file")] {
        let mut command = flowforge(&["demo", "--pg-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0"]);
        let output = command.env("FLOWFORGE_TLS__CERTIFICATE", own.file()).env("FLOWFORGE_TLS__KEY", &key).output();
        let output = output.unwrap();
        assert!(!output.status.success());
        let said = said(&output);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(key.to_str().unwrap()) && said[0].contains(words), "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_foresaw_is_in_the_log_under_the_id_that_the_client_is_told() {
    if !has_redis() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let redis = Redis::start(folder.path(), &["--rename-command", "HGETALL", "", "--rename-command", "HMGET", ""]);
    redis.tell(&["SET", "latest:vwap:AAPL", "found by the scan"]);
    let flags = ["--pg-listen", "127.0.0.1:0", "--http-listen", "127.0.0.1:0", "--trades-per-second", "0"];
    let mut command = flowforge(&[&["demo"], &flags[..], &["--quotes-per-second", "0"]].concat());
    command.env("FLOWFORGE_STORES__REDIS__KIND", "remote").env("FLOWFORGE_STORES__REDIS__TABLES", redis_tables());
    command.env("FLOWFORGE_STORES__REDIS__URLS", format!("[\"redis://127.0.0.1:{}/0\"]", redis.port()));
    let mut child = Stopped(command.spawn().unwrap());
    let log = lines_of(child.0.stderr.take().unwrap());
    let printed = printed_until(&lines_of(child.0.stdout.take().unwrap()), "Ctrl-C");
    let login = printed.iter().find_map(|line| line.trim().strip_prefix("psql ")).unwrap();
    let client = connected(login).await;
    let error = client.simple_query("SELECT vwap FROM latest.vwap").await.unwrap_err();
    let report = error.as_db_error().unwrap_or_else(|| panic!("{error:?}"));
    assert_eq!(report.code().code(), "XX000", "{report:?}");
    assert!(!format!("{report:?}").contains("unknown command"), "{report:?}");
    let id = report.message().strip_prefix("internal error ").unwrap_or_else(|| panic!("{report:?}"));
    let logged = printed_until(&log, id).pop().unwrap();
    for part in [" ERROR ", "internal error", "unknown command", &format!(" error_id={id} ")] {
        assert!(logged.contains(part), "{part} is not in {logged:?}");
    }
    assert_eq!(client.query_one("SELECT 1", &[]).await.unwrap().get::<_, i32>(0), 1);
    drop(client);
    interrupt(child);
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

    let file = folder.path().join("encrypted.toml");
    std::fs::write(&file, "[tls]\ncertificate = \"missing.pem\"\nkey = \"missing.key\"\n").unwrap();
    let bad = flowforge(&["check-config", file.to_str().unwrap()]).output().unwrap();
    assert!(!bad.status.success());
    assert!(text(&bad.stderr).contains("tls: ") && text(&bad.stderr).contains("missing.pem"), "{}", text(&bad.stderr));
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
