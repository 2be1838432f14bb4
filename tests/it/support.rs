//! A server in this process, on free ports, with the seeded history and no feed.

use std::net::SocketAddr;

use flowforge::config::{Config, Override};
use flowforge::server::Server;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// The rows of a simple query as text, NULL as `None`.
pub type TextRows = Vec<Vec<Option<String>>>;

/// A running server.
pub struct TestServer {
    pub server: Server,
    pub config: Config,
}

impl TestServer {
    /// Starts one.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with keys of the configuration changed.
    pub async fn start_with(changes: &[(&str, &str)]) -> Self {
        let config = Self::config(changes);
        let server = Server::start(&config).await.unwrap();
        Self { server, config }
    }

    /// What [`TestServer::start_with`] starts.
    pub fn config(changes: &[(&str, &str)]) -> Config {
        let mut overrides = vec![
            Override::flag("test", "server.pg_listen", "127.0.0.1:0"),
            Override::flag("test", "server.http_listen", "127.0.0.1:0"),
            Override::flag("test", "demo.trades_per_second", 0),
            Override::flag("test", "demo.quotes_per_second", 0),
        ];
        overrides.extend(changes.iter().map(|(key, value)| Override::flag("test", key, value)));
        Config::demo(&overrides).unwrap()
    }

    /// Where the PostgreSQL listener is.
    pub fn pg(&self) -> SocketAddr {
        self.server.pg_address()
    }

    /// Connects as a demo user, whose password is its name.
    pub async fn connect(&self, user: &str) -> Client {
        self.try_connect(user, user).await.unwrap()
    }

    /// Connects with a password.
    pub async fn try_connect(&self, user: &str, password: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::Config::new()
            .host("127.0.0.1")
            .port(self.pg().port())
            .user(user)
            .password(password)
            .dbname("flowforge")
            .connect(NoTls)
            .await?;
        tokio::spawn(connection);
        Ok(client)
    }
}

/// Runs a text with the simple protocol.
pub async fn rows(client: &Client, sql: &str) -> Result<TextRows, tokio_postgres::Error> {
    let messages = client.simple_query(sql).await?;
    Ok(messages
        .iter()
        .filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|index| row.get(index).map(str::to_owned)).collect())
            }
            _ => None,
        })
        .collect())
}

/// The one value of a query with one row and one column.
pub async fn value(client: &Client, sql: &str) -> String {
    let rows = rows(client, sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    assert_eq!(rows.len(), 1, "{sql}: {rows:?}");
    rows[0][0].clone().unwrap_or_else(|| "NULL".to_owned())
}

/// The SQLSTATE that a text fails with.
pub async fn sqlstate(client: &Client, sql: &str) -> String {
    match client.simple_query(sql).await {
        Ok(_) => "00000".to_owned(),
        Err(error) => error.code().map_or_else(|| format!("{error:?}"), |code| code.code().to_owned()),
    }
}
