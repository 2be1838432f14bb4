//! The server over real stores against what it stands in front of: Redis, PostgreSQL as Materialize (and PgBouncer before it),
//! ClickHouse's engine. Server and store take turns in one run, over loopback; ratios and goals are printed, and nothing
//! asserts a time.
//!
//! What is missing on the machine is named and left out, and a measurement that fails says why; the others go on. Everything
//! that is started ends with the benchmark. `scripts/bench` installs the programs.

#![allow(missing_docs, reason = "a benchmark has no interface")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "what starts the engines is shared with the tests"
)]

mod callers;
mod clickhouse_stream;
#[path = "../common.rs"]
mod common;
#[allow(dead_code, unused_imports, reason = "what the tests start the engines with, and tests")]
#[path = "../../tests/it/engines.rs"]
mod engines;
mod floor;
mod goals;
mod materialize_row;
mod noise;
#[allow(dead_code, unused_imports, reason = "what the tests start the engines with")]
#[path = "../../tests/it/postgres.rs"]
mod postgres;
#[allow(dead_code, unused_imports, reason = "what the tests start the engines with")]
#[path = "../../tests/it/processes.rs"]
mod processes;
mod raw_client;
mod redis_lookup;
mod relay;
mod setup;
#[allow(dead_code, unused_imports, reason = "what the tests start the engines with")]
#[path = "../../tests/it/support.rs"]
mod support;

use std::error::Error;
use std::sync::Arc;

use setup::Stores;

/// What a measurement gives, or why it gives nothing.
type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    match runtime.block_on(serve_if_asked()) {
        Ok(true) => {}
        Ok(false) => runtime.block_on(run()),
        Err(error) => println!("what the server is set against ended: {error}"),
    }
}

/// Whether this process is one of those that the server is set against, and was it until it ended.
async fn serve_if_asked() -> Outcome<bool> {
    Ok(floor::serve_if_asked().await? || relay::serve_if_asked().await?)
}

async fn run() {
    attempt("noise of the machine", async { tokio::task::spawn_blocking(noise::measure).await? }).await;
    let stores = match tokio::spawn(Stores::start()).await {
        Ok(Ok(stores)) => Arc::new(stores),
        Ok(Err(error)) => return println!("the stores did not start: {error}"),
        Err(error) => return println!("the stores did not start: {error}"),
    };
    attempt("Redis, a point lookup", redis_lookup::measure(Arc::clone(&stores))).await;
    attempt("Materialize, a single row", materialize_row::measure(Arc::clone(&stores))).await;
    attempt("ClickHouse, a stream", clickhouse_stream::measure(Arc::clone(&stores))).await;
    attempt("goals on the demo's data", goals::measure(stores)).await;
}

/// Runs one measurement to its end, however it ends.
async fn attempt(name: &str, measurement: impl Future<Output = Outcome<()>> + Send + 'static) {
    println!("\n{name}");
    match tokio::spawn(measurement).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => println!("  failed: {}", told(error.as_ref())),
        Err(error) => println!("  failed: {error}"),
    }
}

/// An error with all that it came from.
fn told(error: &dyn Error) -> String {
    let mut words = vec![error.to_string()];
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    words.join(": ")
}
