//! A PostgreSQL of the test's own: the reference for what a statement means.

use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// Who runs the server when the test is run by root, which PostgreSQL refuses.
const NOBODY: u32 = 65_534;

/// A running server; it ends with the value.
pub struct Postgres {
    process: Child,
    folder: TempDir,
}

impl Drop for Postgres {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend((13..20).rev().map(|version| PathBuf::from(format!("/usr/lib/postgresql/{version}/bin"))));
    folders.into_iter().map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn is_root(folder: &Path) -> bool {
    chown(folder, Some(NOBODY), Some(NOBODY)).is_ok()
}

impl Postgres {
    /// Starts one. `None` where PostgreSQL is not installed, which CI does not accept.
    pub fn start() -> Option<Self> {
        let (Some(initdb), Some(postgres)) = (program("initdb"), program("postgres")) else {
            assert!(std::env::var_os("CI").is_none(), "PostgreSQL is not installed");
            return None;
        };
        let folder = tempfile::Builder::new().prefix("ffpg").tempdir_in("/tmp").unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        let root = is_root(folder.path());
        let command = |program: &Path| {
            let mut command = Command::new(program);
            command.current_dir(folder.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            if root {
                command.uid(NOBODY).gid(NOBODY);
            }
            command
        };
        let data = folder.path().join("data");
        let status = command(&initdb)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "-D"])
            .arg(&data)
            .status()
            .unwrap();
        assert!(status.success(), "initdb: {status}");
        let process = command(&postgres)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "TimeZone=UTC", "-k"])
            .arg(folder.path())
            .arg("-D")
            .arg(&data)
            .spawn()
            .unwrap();
        Some(Self { process, folder })
    }

    /// Connects, as soon as it listens.
    pub async fn connect(&self) -> Client {
        let mut config = tokio_postgres::Config::new();
        config.host_path(self.folder.path()).user("postgres").dbname("postgres");
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match config.connect(NoTls).await {
                Ok((client, connection)) => {
                    drop(tokio::spawn(connection));
                    return client;
                }
                Err(error) => assert!(Instant::now() < deadline, "PostgreSQL does not listen: {error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The rows of a query, every value as text, NULL as nothing.
pub async fn bag(client: &Client, sql: &str) -> Result<Vec<String>, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    let mut bag: Vec<String> = messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                let cells = (0..row.len()).map(|at| row.get(at).unwrap_or_default().to_owned());
                Some(cells.collect::<Vec<_>>().join("|"))
            }
            _ => None,
        })
        .collect();
    bag.sort();
    Ok(bag)
}
