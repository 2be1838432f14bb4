//! The real psql against the server: what it asks of the catalogs, and what it shows.
//!
//! `tests/psql/<name>.psql` is what a user types, `tests/psql/<name>.out` what psql shows of it.
//! `FLOWFORGE_UPDATE_GOLDENS=1` writes the latter anew.

use std::path::PathBuf;
use std::process::Command;

use crate::support::TestServer;

fn file(name: &str, extension: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/psql").join(format!("{name}.{extension}"))
}

/// What psql shows of a script, output and errors in the order in which they came.
fn shown(server: &TestServer, user: &str, name: &str) -> String {
    let address = server.pg();
    let script = file(name, "psql");
    let command = format!("exec psql -X -P pager=off -f '{}' 2>&1", script.display());
    let output = Command::new("sh")
        .args(["-c", &command])
        .env("PGHOST", address.ip().to_string())
        .env("PGPORT", address.port().to_string())
        .env("PGUSER", user)
        .env("PGPASSWORD", user)
        .env("PGDATABASE", "flowforge")
        .env("PGCLIENTENCODING", "UTF8")
        .output()
        .expect("psql must be installed");
    let text = String::from_utf8(output.stdout).expect("psql writes UTF-8");
    text.replace(&format!("{}:", script.display()), "")
}

async fn check(name: &str) {
    let server = TestServer::start().await;
    let found = tokio::task::block_in_place(|| shown(&server, "acme", name));
    let golden = file(name, "out");
    if std::env::var_os("FLOWFORGE_UPDATE_GOLDENS").is_some() {
        std::fs::write(&golden, &found).expect("the golden file can be written");
        return;
    }
    let expected = std::fs::read_to_string(&golden).unwrap_or_default();
    assert!(found == expected, "{name}: psql shows\n{found}\nand not\n{expected}");
}

#[tokio::test(flavor = "multi_thread")]
async fn describing_tables() {
    check("describe").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn describing_everything_else() {
    check("describe_more").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn completing_names() {
    check("completion").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standards_views() {
    check("information_schema").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_drivers_ask() {
    check("drivers").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copying_rows_out() {
    check("copy").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn copying_tables_out() {
    check("copy_tables").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_tools_ask() {
    check("tools").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_tenants_are_shown_the_same_tables() {
    let server = TestServer::start().await;
    let (acme, globex) =
        tokio::task::block_in_place(|| (shown(&server, "acme", "describe"), shown(&server, "globex", "describe")));
    assert_eq!(acme, globex);
}
