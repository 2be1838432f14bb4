//! Sessions over time: what waits for its client costs nobody anything, and what is idle for too long ends.

use std::pin::pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use tokio_postgres::{Client, Error, SimpleQueryMessage};

use crate::support::{TestServer, rows, sqlstate, value};

const MANY: &str = "SELECT a.trade_id FROM raw_trades a, dim_instruments b";

/// More bytes than the sockets of a connection hold.
const LARGE: &str = "SELECT repeat(a.trade_id, 10) FROM raw_trades a, dim_instruments b";

/// Rows for hours, each of them at once.
const ENDLESS: &str = "SELECT a.trade_id, b.trade_id FROM raw_trades a, raw_trades b, raw_trades c";

type Messages<'a> = std::pin::Pin<&'a mut dyn Stream<Item = Result<SimpleQueryMessage, Error>>>;

/// Reads up to the first row.
async fn first_row(messages: &mut Messages<'_>) {
    while !matches!(messages.next().await.expect("a row").unwrap(), SimpleQueryMessage::Row(_)) {}
}

/// Reads to the end; gives the number of rows, and the error where that was the end.
async fn to_the_end(messages: &mut Messages<'_>) -> (usize, Option<Error>) {
    let mut count = 0;
    loop {
        match messages.next().await {
            Some(Ok(SimpleQueryMessage::Row(_))) => count += 1,
            Some(Ok(_)) => {}
            Some(Err(error)) => return (count, Some(error)),
            None => return (count, None),
        }
    }
}

fn code(error: &Error) -> &str {
    error.code().map_or("no SQLSTATE", tokio_postgres::error::SqlState::code)
}

/// Waits until nobody listens at an address.
async fn refused(address: std::net::SocketAddr) {
    for _ in 0..400 {
        if tokio::net::TcpStream::connect(address).await.is_err() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{address} still takes connections");
}

async fn fetched(client: &Client, text: &str) -> usize {
    rows(client, text).await.unwrap_or_else(|error| panic!("{text}: {error:?}")).len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_portal_takes_nobodys_place() {
    let server = TestServer::start_with(&[("limits.queries_per_tenant", "1")]).await;
    let (mut first, second) = (server.connect("acme").await, server.connect("acme").await);
    let transaction = first.transaction().await.unwrap();
    let portal = transaction.bind(MANY, &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 10).await.unwrap().len(), 10);
    transaction.batch_execute(&format!("DECLARE c CURSOR FOR {MANY}")).await.unwrap();
    transaction.batch_execute("FETCH 10 FROM c").await.unwrap();
    // The one place is free while both wait, for others and for the same session.
    let other = tokio::time::timeout(Duration::from_secs(10), value(&second, "SELECT count(*) FROM raw_trades")).await;
    assert!(other.is_ok(), "a suspended portal holds the place");
    assert_eq!(transaction.query("SELECT count(*) FROM raw_quotes", &[]).await.unwrap().len(), 1);
    assert_eq!(transaction.query_portal(&portal, 10).await.unwrap().len(), 10);
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_statement_timeout_counts_for_each_execute() {
    let server = TestServer::start().await;
    let mut client = server.connect("acme").await;
    client.batch_execute("SET statement_timeout = '700ms'").await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind(MANY, &[]).await.unwrap();
    transaction.batch_execute(&format!("DECLARE c CURSOR FOR {MANY}")).await.unwrap();
    for _ in 0..3 {
        assert_eq!(transaction.query_portal(&portal, 10).await.unwrap().len(), 10);
        transaction.batch_execute("FETCH 10 FROM c").await.unwrap();
        tokio::time::sleep(Duration::from_millis(400)).await;
    }
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_between_two_executes_reaches_nothing() {
    let server = TestServer::start().await;
    let mut client = server.connect("acme").await;
    let cancel = client.cancel_token();
    let transaction = client.transaction().await.unwrap();
    let portal = transaction.bind(MANY, &[]).await.unwrap();
    assert_eq!(transaction.query_portal(&portal, 10).await.unwrap().len(), 10);
    cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(transaction.query_portal(&portal, 10).await.unwrap().len(), 10);
    transaction.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_is_cancelled_and_timed_out_while_it_runs() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    let endless = "SELECT count(*) FROM raw_quotes a, raw_quotes b, raw_quotes c WHERE a.bid > b.ask AND b.bid > c.ask";
    client.batch_execute(&format!("BEGIN; DECLARE c CURSOR FOR {endless}")).await.unwrap();
    client.batch_execute("SET statement_timeout = '200ms'").await.unwrap();
    assert_eq!(sqlstate(&client, "FETCH c").await, "57014");
    assert_eq!(sqlstate(&client, "FETCH c").await, "25P02");
    client.batch_execute("ROLLBACK; RESET statement_timeout").await.unwrap();
    client.batch_execute(&format!("BEGIN; DECLARE c CURSOR FOR {endless}")).await.unwrap();
    let cancel = client.cancel_token();
    let stopper = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        cancel.cancel_query(tokio_postgres::NoTls).await.unwrap();
    };
    let (state, ()) = tokio::join!(sqlstate(&client, "MOVE ALL FROM c"), stopper);
    assert_eq!(state, "57014");
    client.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(value(&client, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_cursor_streams_and_forgets_what_it_gave() {
    let server = TestServer::start_with(&[("limits.cursor_history_bytes", "1000")]).await;
    let client = server.connect("acme").await;
    client.batch_execute(&format!("BEGIN; DECLARE c CURSOR FOR {MANY}")).await.unwrap();
    assert_eq!(fetched(&client, "FETCH 5 FROM c").await, 5);
    assert_eq!(fetched(&client, "FETCH BACKWARD 2 FROM c").await, 2);
    assert_eq!(fetched(&client, "FETCH 5000 FROM c").await, 5000);
    let error = client.simple_query("FETCH PRIOR FROM c").await.unwrap_err();
    let report = error.as_db_error().unwrap();
    assert_eq!((report.code().code(), report.message()), ("55000", "cursor can only scan forward"));
    client.batch_execute("ROLLBACK").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_ways_of_preparing_share_one_list() {
    let server = TestServer::start().await;
    let client = server.connect("acme").await;
    // The driver names its statements s0, s1 and so on.
    client.batch_execute("PREPARE s0 AS SELECT 1").await.unwrap();
    let taken = client.prepare("SELECT 2").await.unwrap_err();
    assert_eq!(taken.code().map(tokio_postgres::error::SqlState::code), Some("42P05"));
    let statement = client.prepare("SELECT $1::int + 1").await.unwrap();
    assert_eq!(client.query_one(&statement, &[&41]).await.unwrap().get::<_, i32>(0), 42);
    client.batch_execute("DEALLOCATE ALL").await.unwrap();
    let error = client.query_one(&statement, &[&41]).await.unwrap_err();
    assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("26000"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_without_a_timeout_goes_on_and_others_stay_when_one_ends() {
    let server = TestServer::start().await;
    let (client, bystander) = (server.connect("acme").await, server.connect("acme").await);
    client.batch_execute("SET idle_session_timeout = '200ms'").await.unwrap();
    bystander
        .batch_execute("SET idle_in_transaction_session_timeout = '200ms'; SET idle_session_timeout = 0")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(800)).await;
    assert!(client.is_closed());
    assert_eq!(value(&bystander, "SELECT 1").await, "1");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_start_with_the_timeouts_of_the_configuration() {
    let server = TestServer::start_with(&[
        ("session.statement_timeout_ms", "60000"),
        ("session.idle_session_timeout_ms", "300"),
        ("session.idle_in_transaction_session_timeout_ms", "250"),
    ])
    .await;
    let (idle, in_transaction) = (server.connect("acme").await, server.connect("acme").await);
    assert_eq!(value(&idle, "SHOW statement_timeout").await, "1min");
    assert_eq!(value(&idle, "SHOW idle_session_timeout").await, "300ms");
    assert_eq!(value(&idle, "SHOW idle_in_transaction_session_timeout").await, "250ms");
    in_transaction.batch_execute("SET idle_session_timeout = 0; BEGIN").await.unwrap();
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert!(idle.is_closed());
    assert!(in_transaction.is_closed());
}

/// A window whose values are as large as all rows: its work grows with the square of the rows, and is one step.
fn growing_window(rows: usize) -> String {
    format!(
        "SELECT max(length(s)) FROM (SELECT string_agg(repeat('x', 50), ',') OVER (ORDER BY true) AS s FROM generate_series(1, {rows}) g) w"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn the_values_of_a_window_take_memory_of_their_query() {
    let server = TestServer::start_with(&[("limits.query_memory_per_tenant_bytes", "8388608")]).await;
    let client = server.connect("acme").await;
    assert_eq!(value(&client, &growing_window(100)).await, "5099");
    assert_eq!(sqlstate(&client, &growing_window(3000)).await, "53200");
    assert_eq!(value(&client, &growing_window(100)).await, "5099");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shutdown_lets_a_query_end_and_begins_no_other() {
    let server = TestServer::start_with(&[("server.shutdown_grace_seconds", "120")]).await;
    let (busy, idle, address) = (server.connect("acme").await, server.connect("acme").await, server.pg());
    let count = value(&busy, "SELECT count(*) FROM raw_trades a, dim_instruments b").await;
    let mut messages: Messages = pin!(busy.simple_query_raw(LARGE).await.unwrap());
    first_row(&mut messages).await;
    // This one waits in the connection, behind the rows that nobody reads yet.
    let mut next = pin!(busy.simple_query("SELECT 1"));
    assert!(futures::poll!(&mut next).is_pending());

    let stopping = tokio::spawn(server.server.stop());
    refused(address).await;
    for _ in 0..400 {
        if idle.is_closed() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(idle.is_closed(), "an idle session goes on");
    assert!(!stopping.is_finished(), "the server did not wait for the query");
    let (read, error) = to_the_end(&mut messages).await;
    assert!(error.is_none(), "{error:?} after {read} rows");
    assert_eq!((read + 1).to_string(), count);
    assert_eq!(code(&next.await.unwrap_err()), "57P01");
    tokio::time::timeout(Duration::from_secs(20), stopping).await.expect("the server ends").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_outlasts_the_grace_period_is_ended_and_told_why() {
    let server = TestServer::start_with(&[("server.shutdown_grace_seconds", "1")]).await;
    let (flowing, counting, unread) =
        (server.connect("acme").await, server.connect("acme").await, server.connect("globex").await);
    let mut messages: Messages = pin!(flowing.simple_query_raw(ENDLESS).await.unwrap());
    first_row(&mut messages).await;
    // A client that does not read hears nothing, and keeps nobody waiting.
    let mut unread_messages: Messages = pin!(unread.simple_query_raw(ENDLESS).await.unwrap());
    first_row(&mut unread_messages).await;
    // One table in memory is crossed with rows that stream.
    let count = "SELECT count(*) FROM raw_quotes a CROSS JOIN (raw_quotes b CROSS JOIN raw_quotes c) WHERE a.bid + b.bid + c.bid < 0";
    let mut counted = pin!(counting.simple_query(count));
    assert!(futures::poll!(&mut counted).is_pending());
    tokio::time::sleep(Duration::from_millis(300)).await;

    let stopping = tokio::spawn(server.server.stop());
    let (_, error) = to_the_end(&mut messages).await;
    assert_eq!(code(&error.expect("the rows never end")), "57P01");
    assert_eq!(code(&counted.await.unwrap_err()), "57P01");
    tokio::time::timeout(Duration::from_secs(20), stopping).await.expect("the server ends").unwrap();
}
