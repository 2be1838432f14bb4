//! Clients that ask again and again while something goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::support::{TestServer, TextRows, rows};

/// Clients of one query.
const CLIENTS: usize = 4;

/// An answer, or an error, comes within this time. More than the stores' timeouts and all attempts together.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// What is waited for, such as a failover, comes within this time.
const CHANGE_LIMIT: Duration = Duration::from_secs(90);

/// What clients met so far.
#[derive(Default)]
struct Met {
    answers: AtomicUsize,
    failures: AtomicUsize,
}

/// Clients that ask the same until they are told to end. Every answer must be the whole one.
pub struct Load {
    query: &'static str,
    met: Arc<Met>,
    end: CancellationToken,
    clients: Vec<JoinHandle<()>>,
}

impl Load {
    /// Starts them, and waits until one has its answer. When `may_fail` names a store, an error of that store will do in
    /// the place of an answer; no other error ever does.
    pub async fn start(
        server: &TestServer,
        query: &'static str,
        whole: &TextRows,
        may_fail: Option<&'static str>,
    ) -> Self {
        let (met, end) = (Arc::new(Met::default()), CancellationToken::new());
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let client = server.connect("acme").await;
            let (met, end, whole) = (Arc::clone(&met), end.clone(), whole.clone());
            clients.push(tokio::spawn(async move {
                while !end.is_cancelled() {
                    let answer = tokio::time::timeout(ANSWER_LIMIT, rows(&client, query)).await;
                    let answer = answer.unwrap_or_else(|_| panic!("neither rows nor an error: {query}"));
                    count(&met, answer, &whole, query, may_fail);
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }));
        }
        let load = Self { query, met, end, clients };
        load.is_answered().await;
        load
    }

    /// Waits for answers to questions that were put after now.
    pub async fn is_answered(&self) {
        // Those that are on their way now are at most one a client.
        self.grows("an answer", &self.met.answers, CLIENTS + 1).await;
    }

    /// Waits until a client meets a failure.
    pub async fn fails(&self) {
        self.grows("a failure", &self.met.failures, 1).await;
    }

    async fn grows(&self, what: &str, count: &AtomicUsize, by: usize) {
        let (start, wanted) = (Instant::now(), count.load(Ordering::SeqCst) + by);
        while count.load(Ordering::SeqCst) < wanted {
            let has_ended = self.clients.iter().any(JoinHandle::is_finished);
            assert!(!has_ended, "a client met what it may not: {}", self.query);
            assert!(start.elapsed() < CHANGE_LIMIT, "no {what} in {CHANGE_LIMIT:?}: {}", self.query);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Ends the clients. How many failures they met.
    pub async fn end(self) -> usize {
        self.end.cancel();
        for client in self.clients {
            client.await.unwrap();
        }
        self.met.failures.load(Ordering::SeqCst)
    }
}

fn count(
    met: &Met,
    answer: Result<TextRows, tokio_postgres::Error>,
    whole: &TextRows,
    query: &str,
    may_fail: Option<&str>,
) {
    match answer {
        Ok(found) => {
            assert_eq!(found, *whole, "{query}");
            met.answers.fetch_add(1, Ordering::SeqCst);
        }
        Err(error) => {
            let store = may_fail.unwrap_or_else(|| panic!("{query}: {error:?}"));
            let report = error.as_db_error().unwrap_or_else(|| panic!("{query}: {error:?}"));
            let told = (report.code().code(), report.message().to_owned());
            assert_eq!(told, ("08006", format!("store {store} is not available")), "{query}: {report:?}");
            met.failures.fetch_add(1, Ordering::SeqCst);
        }
    }
}
