//! Random typed queries, whose rows must be PostgreSQL's.
//!
//! Every number makes one statement: a well-typed SELECT over the tables of the demo ([`generator`], [`values`],
//! [`queries`], [`sources`], [`forms`]). PostgreSQL 15 with the same rows answers it, and so does a server of ours: with
//! the embedded stores, over the real ones, and over tables of the real ones that are full of NULLs ([`sparse`]). Types,
//! values, NULLs, the order where it leaves nothing open, and the SQLSTATE of an error must be the same. A statement that
//! is answered otherwise is made smaller ([`tree`], [`shrink`]) and printed with its number. What may differ is in
//! [`known`], with reasons.
//!
//! [`tpch`] asks the queries of TPC-H in the same way.
//!
//! `FLOWFORGE_RANDOM_QUERIES` says how many statements, `FLOWFORGE_SEED` the number of the first. `FLOWFORGE_SHRINKS` is
//! how many of those that differ are made smaller.

mod forms;
mod generator;
mod kind;
mod known;
mod queries;
mod shrink;
mod sources;
mod sparse;
mod tpch;
mod tree;
mod values;

use std::fmt::Write;

use tokio_postgres::Client;

use crate::engines::Engines;
use crate::postgres::{self, Postgres};
use crate::slt::answer::{self, Outcome};
use crate::slt::compare::compare;
use crate::support::TestServer;
use generator::Generator;
use sources::Table;
use tree::Node;

/// Statements of the normal run.
const STATEMENTS: u64 = 300;
/// The number of the first of them.
const SEED: u64 = 20_261_122;
/// Those that differ, and are made smaller.
const SHRINKS: u64 = 12;
/// As the program's own: planning is recursive.
const STACK_BYTES: usize = 16 << 20;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(otherwise)
}

/// What a statement came to.
enum Verdict {
    /// The same rows: so many.
    Rows(usize),
    /// The same error.
    Error,
    /// A difference that is known.
    Known,
    Differs(Difference),
}

/// Different answers.
struct Difference {
    kind: String,
    /// Whether PostgreSQL answered with rows.
    answered: bool,
    expected: String,
    got: String,
}

/// The two that are asked.
struct Pair<'a> {
    server: &'a TestServer,
    reference: Client,
    ours: Client,
}

/// The user, whose database the reference has too.
const USER: &str = "acme";

impl<'a> Pair<'a> {
    /// A server with the demo's tables, and PostgreSQL with the same rows.
    async fn of_the_demo(server: &'a TestServer, postgres: &Postgres) -> Self {
        let database = format!("fidelity_{}", std::process::id());
        postgres.mirror(server, USER, &database).await;
        Self::new(server, postgres.connect(USER, &database).await).await
    }

    async fn new(server: &'a TestServer, reference: Client) -> Self {
        Self { server, reference, ours: server.connect(USER).await }
    }

    async fn verdict(&mut self, statement: &Node) -> Verdict {
        let (sql, any_order) = (statement.sql(), !statement.ordered());
        let mut expected = answer::ask(&self.reference, &sql, true).await.outcome;
        if let Outcome::Failed(failure) = &mut expected {
            // Which words, and where, the scripts look at.
            failure.message.clear();
        }
        if self.ours.is_closed() {
            self.ours = self.server.connect(USER).await;
        }
        let heard = answer::ask(&self.ours, &sql, any_order).await;
        match (compare(any_order, &expected, &heard), &expected) {
            (None, Outcome::Failed(_)) => Verdict::Error,
            (None, Outcome::Rows(answer)) => Verdict::Rows(answer.rows.len()),
            (None, Outcome::Done) => Verdict::Rows(0),
            (Some(_), Outcome::Failed(failure)) if known::is_of_the_reference(&sql, &failure.code) => Verdict::Known,
            (Some(difference), _) if known::is_known(&difference.kind, &difference.got) => Verdict::Known,
            (Some(difference), _) => Verdict::Differs(Difference {
                kind: format!("{}{}", difference.kind, words(&heard.outcome)),
                answered: matches!(expected, Outcome::Rows(_)),
                expected: shown(&expected, any_order),
                got: difference.got,
            }),
        }
    }
}

/// The first words of an error: what is made smaller must fail for the same reason.
fn words(outcome: &Outcome) -> String {
    let Outcome::Failed(failure) = outcome else { return String::new() };
    let plain = failure
        .message
        .split_whitespace()
        .filter(|word| word.chars().all(|letter| letter.is_alphabetic() || letter == '_'));
    plain.take(5).fold(String::new(), |words, word| words + " " + word)
}

fn shown(outcome: &Outcome, sorted: bool) -> String {
    match outcome {
        Outcome::Done => "done\n".to_owned(),
        Outcome::Rows(answer) => answer.render(sorted),
        Outcome::Failed(failure) => format!("error {}\n", failure.code),
    }
}

/// What a run came to.
#[derive(Default)]
struct Tally {
    with_rows: u64,
    without_rows: u64,
    errors: u64,
    known: u64,
    differences: Vec<String>,
}

async fn run(mut pair: Pair<'_>, tables: &'static [Table]) {
    let (statements, first) = (number("FLOWFORGE_RANDOM_QUERIES", STATEMENTS), number("FLOWFORGE_SEED", SEED));
    println!("FLOWFORGE_SEED={first} FLOWFORGE_RANDOM_QUERIES={statements}");
    let mut tally = Tally::default();
    for number in first..first + statements {
        let statement = Generator::new(number, tables).statement();
        match pair.verdict(&statement).await {
            Verdict::Rows(0) => tally.without_rows += 1,
            Verdict::Rows(_) => tally.with_rows += 1,
            Verdict::Error => tally.errors += 1,
            Verdict::Known => tally.known += 1,
            Verdict::Differs(difference) => {
                let told = tell(&mut pair, number, statement, difference, tally.differences.len()).await;
                println!("{told}");
                tally.differences.push(told);
            }
        }
    }
    conclude(&tally, statements);
}

async fn tell(pair: &mut Pair<'_>, number: u64, statement: Node, found: Difference, told: usize) -> String {
    let whole = statement.sql();
    let few = u64::try_from(told).is_ok_and(|told| told < self::number("FLOWFORGE_SHRINKS", SHRINKS));
    let (smallest, difference) = if few { shrink::smallest(pair, statement, found).await } else { (statement, found) };
    let mut text = String::new();
    let Difference { kind, expected, got, .. } = difference;
    let _ = writeln!(text, "@@ FLOWFORGE_SEED={number} [{kind}]\n{}\nexpected:\n{expected}got:\n{got}", smallest.sql());
    if few {
        let _ = writeln!(text, "made of:\n{whole}");
    }
    text
}

fn conclude(tally: &Tally, statements: u64) {
    let Tally { with_rows, without_rows, errors, known, differences } = tally;
    let count = differences.len();
    println!(
        "{statements} statements: {with_rows} agree on rows, {without_rows} on none, {errors} on an error; \
         {known} differ as is known, {count} otherwise"
    );
    assert!(differences.is_empty(), "{count} of {statements} statements differ:\n{}", differences.join("\n"));
    // A generator of statements that fail, or that find nothing, would find nothing.
    assert!(with_rows * 2 > statements, "only {with_rows} of {statements} statements have rows");
    assert!(errors * 10 < statements, "{errors} of {statements} statements fail");
    assert!(known * 10 < statements, "{known} of {statements} statements differ as is known");
}

fn block_on(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(2).thread_stack_size(STACK_BYTES).enable_all();
    runtime.build().unwrap().block_on(test);
}

#[test]
fn random_queries_get_the_rows_of_postgresql() {
    block_on(async {
        let Some(postgres) = postgres::shared().await else { return };
        let server = TestServer::start().await;
        run(Pair::of_the_demo(&server, &postgres).await, sources::TABLES).await;
    });
}

#[test]
fn random_queries_get_the_rows_of_postgresql_over_the_real_stores() {
    block_on(async {
        let Some(engines) = Engines::start().await else { return };
        let Some(postgres) = postgres::shared().await else { return };
        let server = engines.server().await;
        run(Pair::of_the_demo(&server, &postgres).await, sources::TABLES).await;
    });
}

#[test]
fn random_queries_get_the_rows_of_postgresql_over_tables_full_of_nulls() {
    block_on(async {
        let Some(engines) = Engines::start().await else { return };
        let Some(postgres) = postgres::shared().await else { return };
        let server = sparse::server(&engines).await;
        run(Pair::new(&server, sparse::reference(&postgres).await).await, sparse::TABLES).await;
    });
}

#[test]
fn a_number_makes_one_statement() {
    for number in 0..200 {
        let sql = || Generator::new(number, sources::TABLES).statement().sql();
        assert_eq!(sql(), sql());
    }
}
