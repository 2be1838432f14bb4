//! Those who ask again and again, of the server and of the store behind it, and how they take turns.

use std::collections::HashMap;
use std::time::Instant;

use redis::aio::MultiplexedConnection;
use tokio::task::JoinSet;
use tokio_postgres::{Client, Statement};

use crate::Outcome;
use crate::common::{Times, median, microseconds, milliseconds};

/// Calls before the first that counts.
const WARM_UP: usize = 500;
/// Calls before it is the next one's turn.
const TURN: usize = 50;
/// Turns of those who call at the same time. The median of an odd number is one of them.
const ROUNDS: usize = 5;

/// Somebody with a connection who asks one thing, to which the answer is one row.
pub enum Caller {
    /// A prepared statement with a symbol as its parameter, or with none.
    Postgres { client: Client, statement: Statement, symbol: Option<&'static str> },
    /// A hash of Redis.
    Redis { connection: MultiplexedConnection, key: &'static str },
}

impl Caller {
    /// Prepares a statement whose parameter is a symbol.
    pub async fn prepare(client: Client, sql: &str, symbol: &'static str) -> Outcome<Self> {
        let statement = client.prepare(sql).await?;
        Ok(Self::Postgres { client, statement, symbol: Some(symbol) })
    }

    /// Prepares a statement without parameters.
    pub async fn prepare_plain(client: Client, sql: &str) -> Outcome<Self> {
        let statement = client.prepare(sql).await?;
        Ok(Self::Postgres { client, statement, symbol: None })
    }

    /// Asks once; there must be rows.
    async fn call(&mut self) -> Outcome<()> {
        let rows = match self {
            Self::Postgres { client, statement, symbol: Some(symbol) } => {
                client.query(statement, &[&*symbol]).await?.len()
            }
            Self::Postgres { client, statement, symbol: None } => client.query(statement, &[]).await?.len(),
            Self::Redis { connection, key } => {
                let fields: HashMap<String, String> = redis::cmd("HGETALL").arg(*key).query_async(connection).await?;
                fields.len()
            }
        };
        if rows == 0 { Err("there is no row".into()) } else { Ok(()) }
    }

    async fn calls(&mut self, count: usize, times: &mut Times) -> Outcome<()> {
        for _ in 0..count {
            let started = Instant::now();
            self.call().await?;
            times.push(started.elapsed());
        }
        Ok(())
    }
}

/// The times of each of them, one asking at a time. They take turns: what else the machine does meanwhile hits all alike.
pub async fn alone(callers: &mut [Caller], calls: usize) -> Outcome<Vec<Times>> {
    for caller in callers.iter_mut() {
        caller.calls(WARM_UP, &mut Times::default()).await?;
    }
    let mut all: Vec<Times> = callers.iter().map(|_| Times::default()).collect();
    for _ in 0..calls / TURN {
        for (caller, times) in callers.iter_mut().zip(&mut all) {
            caller.calls(TURN, times).await?;
        }
    }
    Ok(all)
}

/// The times of one who asks alone, after a tenth as many calls that do not count.
pub async fn repeatedly(caller: &mut Caller, calls: usize) -> Outcome<Times> {
    caller.calls(calls / 10, &mut Times::default()).await?;
    let mut times = Times::default();
    caller.calls(calls, &mut times).await?;
    Ok(times)
}

/// The calls a second of groups whose members all ask at the same time; the groups take turns. The median of the rounds.
pub async fn together(mut groups: Vec<Vec<Caller>>, calls_each: usize) -> Outcome<Vec<f64>> {
    let mut rates: Vec<Vec<f64>> = groups.iter().map(|_| Vec::new()).collect();
    // The first round only warms up.
    for round in 0..=ROUNDS {
        for (group, rates) in groups.iter_mut().zip(&mut rates) {
            let rate = at_once(group, calls_each).await?;
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    Ok(rates.into_iter().map(median).collect())
}

async fn at_once(group: &mut Vec<Caller>, calls_each: usize) -> Outcome<f64> {
    let calls = group.len() * calls_each;
    let mut running = JoinSet::new();
    let started = Instant::now();
    for mut caller in group.drain(..) {
        running.spawn(async move {
            for _ in 0..calls_each {
                caller.call().await?;
            }
            Outcome::Ok(caller)
        });
    }
    while let Some(ended) = running.join_next().await {
        group.push(ended??);
    }
    Ok(calls as f64 / started.elapsed().as_secs_f64())
}

/// A line with the times of one caller.
pub fn print(name: &str, times: &Times) {
    let (low, high) = times.spread();
    println!(
        "  {name}: p50 {:.0} µs, p99 {:.0} µs; the medians of its tenths are {:.0} to {:.0} µs",
        microseconds(times.median()),
        microseconds(times.quantile(0.99)),
        microseconds(low),
        microseconds(high)
    );
}

/// A line with the times of one caller and what they should stay below.
pub fn print_with_goal(name: &str, times: &Times, goal_ms: f64) {
    println!(
        "  {name}: p50 {:.2} ms, p99 {:.2} ms (goal {goal_ms})",
        milliseconds(times.median()),
        milliseconds(times.quantile(0.99))
    );
}
