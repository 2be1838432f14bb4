//! Drivers of other languages, as their users use them: `tests/clients/` has a script for each.
//!
//! `scripts/test` installs them into a cache and names it in `FLOWFORGE_CLIENTS`. Without it a test is skipped, or fails
//! where `FLOWFORGE_REQUIRE_ENGINES=1` says that nothing may be missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::TestServer;

/// Where the drivers are; `None` to skip.
fn installed() -> Option<PathBuf> {
    let folder = std::env::var_os("FLOWFORGE_CLIENTS").map(PathBuf::from).filter(|folder| folder.is_dir());
    let required = std::env::var_os("FLOWFORGE_REQUIRE_ENGINES").is_some_and(|value| value == "1");
    assert!(folder.is_some() || !required, "the client drivers are missing: FLOWFORGE_CLIENTS");
    if folder.is_none() {
        eprintln!("skipped: no client drivers (FLOWFORGE_CLIENTS)");
    }
    folder
}

async fn check(program: &str, script: &str) {
    let Some(folder) = installed() else { return };
    let server = TestServer::start().await;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(script);
    let url = format!("postgresql://acme:acme@127.0.0.1:{}/flowforge", server.pg().port());
    let mut command = match program {
        "python" => Command::new(folder.join("python/bin/python")),
        "java" => {
            let mut java = Command::new("java");
            java.args(["-Xshare:auto", "-XX:TieredStopAtLevel=1", "-cp"]).arg(folder.join("java/postgresql.jar"));
            java
        }
        other => Command::new(other),
    };
    let output = tokio::task::block_in_place(|| {
        command
            .arg(&script)
            .env("FLOWFORGE_URL", url)
            .env("FLOWFORGE_NODE_MODULES", folder.join("node/node_modules"))
            .output()
    })
    .unwrap();
    let shown = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{}:\n{shown}", script.display());
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg3() {
    check("python", "psycopg3.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn psycopg2() {
    check("python", "psycopg2_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn asyncpg() {
    check("python", "asyncpg_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlalchemy() {
    check("python", "sqlalchemy_inspector.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pg8000() {
    check("python", "pg8000_client.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn pandas() {
    check("python", "pandas_frames.py").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jdbc() {
    check("java", "Jdbc.java").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn node_postgres() {
    check("node", "node_pg.js").await;
}
