//! What a server says to a statement, asked in every way that the protocol has.

use std::time::Duration;

use futures::TryStreamExt;
use tokio_postgres::types::{FromSql, Type};
use tokio_postgres::{Client, Error, SimpleQueryMessage, Statement};

use crate::postgres::type_name;

use super::decode;

/// Longer than any statement of the scripts needs, shorter than patience.
const PATIENCE: Duration = Duration::from_secs(10);

/// The end of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Nothing to show.
    Done,
    Rows(Answer),
    Failed(Failure),
}

/// Columns and rows, values as text.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    pub columns: Vec<Shape>,
    pub rows: Vec<Vec<Option<String>>>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    pub name: String,
    pub type_name: String,
}

/// An error.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The SQLSTATE, or why there was none: `closed`, `timeout`.
    pub code: String,
    pub message: String,
    /// In the statement, from 1.
    pub position: Option<u32>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let Some(report) = error.as_db_error() else {
            return Self { code: "closed".to_owned(), message: format!("{error:?}"), position: None };
        };
        let position = match report.position() {
            Some(tokio_postgres::error::ErrorPosition::Original(position)) => Some(*position),
            Some(tokio_postgres::error::ErrorPosition::Internal { .. }) | None => None,
        };
        Self { code: report.code().code().to_owned(), message: report.message().to_owned(), position }
    }
}

/// The answer, and where the ways to ask do not agree.
pub struct Heard {
    pub outcome: Outcome,
    pub disagreement: Option<String>,
}

/// Asks with the simple protocol only: what a session statement and a statement in a block need.
pub async fn ask_simple(client: &Client, sql: &str) -> Heard {
    let outcome = match within(simple(client, sql)).await {
        Ok(_) => Outcome::Done,
        Err(failure) => Outcome::Failed(failure),
    };
    Heard { outcome, disagreement: None }
}

/// Asks with the extended protocol for the columns, with the simple one for the values, and with the extended one for the
/// values in binary, which must be the same.
pub async fn ask(client: &Client, sql: &str, sorted: bool) -> Heard {
    let prepared = within(async { Ok(client.prepare(sql).await?) }).await;
    let statement = match prepared {
        Ok(statement) => statement,
        Err(failure) => return failed_to_prepare(client, sql, failure).await,
    };
    match within(simple(client, sql)).await {
        Ok((names, rows)) => succeeded(client, sql, &statement, names, rows, sorted).await,
        Err(failure) => failed_to_run(client, &statement, failure).await,
    }
}

async fn failed_to_prepare(client: &Client, sql: &str, failure: Failure) -> Heard {
    let disagreement = match within(simple(client, sql)).await {
        Ok(_) => Some(format!("only the extended protocol fails: {}", failure.message)),
        Err(simple) if simple == failure => None,
        // The message has an id of its own each time.
        Err(simple) if simple.code == "XX000" && failure.code == "XX000" => None,
        Err(simple) => Some(format!("extended {failure:?}, simple {simple:?}")),
    };
    Heard { outcome: Outcome::Failed(failure), disagreement }
}

async fn failed_to_run(client: &Client, statement: &Statement, failure: Failure) -> Heard {
    if !statement.params().is_empty() {
        return Heard { outcome: Outcome::Failed(failure), disagreement: None };
    }
    let disagreement = match within(binary(client, statement, &mut Vec::new())).await {
        Ok(_) => Some(format!("only the simple protocol fails: {}", failure.message)),
        Err(extended) if extended.code == failure.code => None,
        Err(extended) => Some(format!("simple {failure:?}, extended {extended:?}")),
    };
    Heard { outcome: Outcome::Failed(failure), disagreement }
}

async fn succeeded(
    client: &Client,
    sql: &str,
    statement: &Statement,
    names: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    sorted: bool,
) -> Heard {
    if statement.columns().is_empty() && names.is_empty() {
        return Heard { outcome: Outcome::Done, disagreement: None };
    }
    let columns: Vec<Shape> = statement
        .columns()
        .iter()
        .map(|column| Shape { name: column.name().to_owned(), type_name: type_name(column) })
        .collect();
    // The second time a FETCH gives other rows.
    let again = !sql.trim_start().to_uppercase().starts_with("FETCH");
    let described: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    let disagreement = if described == names {
        if again { compare_binary(client, statement, &rows, sorted).await.err() } else { None }
    } else {
        Some(format!("described as {described:?}, sent as {names:?}"))
    };
    Heard { outcome: Outcome::Rows(Answer { columns, rows }), disagreement }
}

async fn compare_binary(
    client: &Client,
    statement: &Statement,
    texts: &[Vec<Option<String>>],
    sorted: bool,
) -> Result<(), String> {
    let mut rows = Vec::new();
    within(binary(client, statement, &mut rows)).await.map_err(|failure| format!("in binary it fails: {failure:?}"))?;
    if rows.len() != texts.len() {
        return Err(format!("{} rows in text, {} in binary", texts.len(), rows.len()));
    }
    // Rows in no order cannot be paired; that there are as many must do.
    if sorted && rows.len() > 1 {
        return Ok(());
    }
    for (row, text) in rows.iter().zip(texts) {
        for ((value, text), column) in row.iter().zip(text).zip(statement.columns()) {
            decode::agrees(column.type_(), value.as_deref(), text.as_deref())
                .map_err(|why| format!("column {} in binary: {why}", column.name()))?;
        }
    }
    Ok(())
}

async fn within<T>(asking: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    match tokio::time::timeout(PATIENCE, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Failure { code: "timeout".to_owned(), message: "no answer".to_owned(), position: None }),
    }
}

type NamesAndRows = (Vec<String>, Vec<Vec<Option<String>>>);

async fn simple(client: &Client, sql: &str) -> Result<NamesAndRows, Failure> {
    let (mut names, mut rows) = (Vec::new(), Vec::new());
    for message in client.simple_query(sql).await? {
        match message {
            SimpleQueryMessage::RowDescription(columns) => {
                names = columns.iter().map(|column| column.name().to_owned()).collect();
            }
            SimpleQueryMessage::Row(row) => {
                rows.push((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect());
            }
            _ => {}
        }
    }
    Ok((names, rows))
}

/// The bytes of a value, whatever its type.
struct Raw(Vec<u8>);

impl<'a> FromSql<'a> for Raw {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(raw.to_vec()))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

async fn binary(client: &Client, statement: &Statement, rows: &mut Vec<Vec<Option<Vec<u8>>>>) -> Result<(), Failure> {
    let none: [&(dyn tokio_postgres::types::ToSql + Sync); 0] = [];
    let mut stream = std::pin::pin!(client.query_raw(statement, none).await?);
    while let Some(row) = stream.try_next().await? {
        rows.push((0..row.len()).map(|index| row.get::<_, Option<Raw>>(index).map(|raw| raw.0)).collect());
    }
    Ok(())
}
