//! SQL result scripts through the real wire.
//!
//! A script in `tests/slt/` is a list of records with an empty line between them:
//!
//! ```text
//! query
//! SELECT 1 AS a, 'x'
//! ----
//! a:int4 ?column?:text
//! 1|x
//!
//! error 22012
//! SELECT 1/0
//! ```
//!
//! The expectations come from PostgreSQL 15. With `FLOWFORGE_POSTGRES_URL` set, every record also runs there and must
//! give the same; `FLOWFORGE_UPDATE_GOLDENS=1` then writes what PostgreSQL said. A record that begins with
//! `differs <reason>` holds this server's own answer and is not asked there.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use tokio_postgres::{Client, NoTls};

use crate::support::{TestServer, rows};

struct Record {
    /// Why this server's answer is not PostgreSQL's.
    differs: Option<String>,
    /// The SQLSTATE that is expected; `None` for rows.
    error: Option<String>,
    sql: String,
    expected: String,
}

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/slt");
    let mut found: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "slt"))
        .collect();
    found.sort();
    found
}

fn parse(text: &str) -> Vec<Record> {
    text.split("\n\n").map(str::trim).filter(|block| !block.is_empty() && !block.starts_with('#')).map(record).collect()
}

fn record(block: &str) -> Record {
    let (differs, block) = match block.strip_prefix("differs ") {
        Some(rest) => {
            let (reason, rest) = rest.split_once('\n').unwrap();
            (Some(reason.to_owned()), rest)
        }
        None => (None, block),
    };
    let (head, body) = block.split_once('\n').unwrap();
    let error = head.strip_prefix("error ").map(str::to_owned);
    assert!(error.is_some() || head == "query", "a record begins with query or error: {head}");
    let (sql, expected) = body.split_once("\n----\n").unwrap_or((body.trim_end_matches("\n----"), ""));
    Record { differs, error, sql: sql.to_owned(), expected: expected.to_owned() }
}

fn print(records: &[Record]) -> String {
    let mut text = String::new();
    for record in records {
        if let Some(reason) = &record.differs {
            writeln!(text, "differs {reason}").unwrap();
        }
        match &record.error {
            Some(code) => writeln!(text, "error {code}\n{}\n", record.sql).unwrap(),
            None => writeln!(text, "query\n{}\n----\n{}\n", record.sql, record.expected).unwrap(),
        }
    }
    text
}

/// What a server answers: the columns with their types and the rows, or `error` and the code.
async fn answer(client: &Client, sql: &str) -> String {
    let code = |error: tokio_postgres::Error| match error.as_db_error() {
        Some(report) => format!("error {}", report.code().code()),
        None => format!("error {error}"),
    };
    let statement = match client.prepare(sql).await {
        Ok(statement) => statement,
        Err(error) => return code(error),
    };
    let columns: Vec<String> =
        statement.columns().iter().map(|column| format!("{}:{}", column.name(), column.type_().name())).collect();
    match rows(client, sql).await {
        Err(error) => code(error),
        Ok(rows) => {
            let line = |row: &Vec<Option<String>>| {
                row.iter().map(|cell| cell.clone().unwrap_or_else(|| "NULL".to_owned())).collect::<Vec<_>>().join("|")
            };
            let lines: Vec<String> = std::iter::once(columns.join(" ")).chain(rows.iter().map(line)).collect();
            lines.join("\n")
        }
    }
}

fn expectation(record: &Record) -> String {
    match &record.error {
        Some(code) => format!("error {code}"),
        None => record.expected.clone(),
    }
}

async fn postgresql() -> Option<Client> {
    let url = std::env::var("FLOWFORGE_POSTGRES_URL").ok()?;
    let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
    tokio::spawn(connection);
    Some(client)
}

#[tokio::test]
async fn every_script_gives_what_postgresql_gives() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let reference = postgresql().await;
    let update = std::env::var("FLOWFORGE_UPDATE_GOLDENS").is_ok();
    let mut failures = String::new();
    for path in scripts() {
        let mut records = parse(&std::fs::read_to_string(&path).unwrap());
        for record in &mut records {
            if let (Some(reference), None) = (&reference, &record.differs) {
                let said = answer(reference, &record.sql).await;
                if update {
                    record.error = said.strip_prefix("error ").map(str::to_owned);
                    record.expected = said;
                } else if said != expectation(record) {
                    writeln!(failures, "{}\nPostgreSQL: {said}\nexpected: {}\n", record.sql, expectation(record))
                        .unwrap();
                }
            }
            let ours = answer(&client, &record.sql).await;
            if ours != expectation(record) {
                writeln!(failures, "{}\nours: {ours}\nexpected: {}\n", record.sql, expectation(record)).unwrap();
            }
        }
        if update {
            std::fs::write(&path, print(&records)).unwrap();
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn a_script_is_written_as_it_was_read() {
    let text = "query\nSELECT 1\n----\n?column?:int4\n1\n\ndiffers because\nerror 22012\nSELECT 1/0\n\n";
    assert_eq!(print(&parse(text)), text);
}
