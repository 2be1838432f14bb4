//! What scripts cannot say: clients that vanish, clients that do not read, shutdown, and a real driver.

use std::io::Write;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use tokio_postgres::NoTls;
use tokio_postgres::types::{ToSql, Type};

use super::Server;
use super::client::Client;

fn connect(server: &Server) -> Client {
    Client::connect(server.address, &json!({"user": "acme", "password": "acme"})).0
}

fn lines(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

/// Waits until something holds; `false` when it does not within five seconds.
fn eventually(holds: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while start.elapsed() < Duration::from_secs(5) {
        if holds() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    false
}

#[test]
fn a_client_that_leaves_ends_its_query() {
    let server = Server::start();
    let mut client = connect(&server);
    client.send(&lines(&[r#"Query {"query":"rows 1 then hang"}"#]));
    client.until(&lines(&["DataRow"]));
    assert_eq!(server.gauges.streams.load(Ordering::SeqCst), 1);
    drop(client);
    assert!(eventually(|| server.gauges.streams.load(Ordering::SeqCst) == 0));
}

#[test]
fn a_client_that_does_not_read_slows_only_its_own_query() {
    let server = Server::start_with(None, &[("row_buffer_bytes", 1_000)]);
    let mut slow = connect(&server);
    slow.send(&lines(&[r#"Query {"query":"rows 20000000"}"#]));
    assert!(eventually(|| server.gauges.rows.load(Ordering::SeqCst) > 1_000));
    let made = || server.gauges.rows.load(Ordering::SeqCst);
    // What the sockets take is some megabytes; then the rows stop.
    assert!(eventually(|| {
        let before = made();
        std::thread::sleep(Duration::from_millis(300));
        made() == before
    }));
    assert!(made() < 2_000_000, "{} rows were made for nobody", made());
    let mut other = connect(&server);
    other.send(&lines(&[r#"Query {"query":"rows 1"}"#]));
    assert_eq!(other.until(&lines(&["ReadyForQuery"])).len(), 4);
}

#[test]
fn frames_that_stop_halfway_harm_nobody_else() {
    let server = Server::start();
    for bytes in [&b"Q\0\0"[..], b"Q\0\0\x10\0select", b"P", b"B\0\0\0\x20\0\0"] {
        let mut client = connect(&server);
        client.stream().write_all(bytes).unwrap();
        drop(client);
    }
    let mut other = connect(&server);
    other.send(&lines(&[r#"Query {"query":"rows 1"}"#]));
    assert_eq!(other.until(&lines(&["ReadyForQuery"])).len(), 4);
}

/// A message of any type with a body of any bytes, its length right more often than not.
fn random_message(random: &mut ChaCha8Rng) -> Vec<u8> {
    let kinds = b"QPBDECHSFdcfpXz\0";
    let mut body = vec![0; random.random_range(0..40)];
    random.fill(body.as_mut_slice());
    for byte in &mut body {
        // Small numbers are what counts and lengths are made of.
        *byte %= if random.random_bool(0.7) { 3 } else { 255 };
    }
    let length = if random.random_bool(0.95) { body.len() + 4 } else { random.random_range(0..100_000) };
    let mut message = vec![kinds[random.random_range(0..kinds.len())]];
    message.extend(u32::try_from(length).unwrap().to_be_bytes());
    message.extend(body);
    message
}

#[test]
fn random_messages_harm_nobody_else() {
    let server = Server::start();
    let login = json!({"user": "token", "password": "valid", "database": "flowforge"});
    for seed in 0..300 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let (mut client, _) = Client::connect(server.address, &login);
        for _ in 0..random.random_range(1..20) {
            let _ = client.stream().write_all(&random_message(&mut random));
        }
    }
    let mut other = connect(&server);
    other.send(&lines(&[r#"Query {"query":"rows 1"}"#]));
    assert_eq!(other.until(&lines(&["ReadyForQuery"])).len(), 4);
    drop(other);
    // Whatever they left open is gone with them.
    assert!(eventually(|| server.gauges.streams.load(Ordering::SeqCst) == 0));
}

#[test]
fn a_shutdown_tells_idle_clients_and_waits_for_the_others() {
    let server = Server::start();
    let mut idle = connect(&server);
    let mut busy = connect(&server);
    busy.send(&lines(&[r#"Query {"query":"rows 1 then hang"}"#]));
    busy.until(&lines(&["DataRow"]));
    server.shutdown.cancel();
    let told = idle.until(&lines(&["Closed"]));
    assert!(told[0].contains("57P01"), "{told:?}");
    // The grace period of the test server is short, and the query hangs.
    let told = busy.until(&lines(&["Closed"]));
    assert!(told[0].contains("57P01") && told.len() == 2, "{told:?}");
    assert!(eventually(|| server.gauges.streams.load(Ordering::SeqCst) == 0));
}

#[test]
fn a_panic_costs_one_connection_and_is_told() {
    let server = Server::start();
    let mut client = connect(&server);
    let mut other = connect(&server);
    client.send(&lines(&[r#"Query {"query":"rows 1 then panic"}"#]));
    let answer = client.until(&lines(&["Closed"]));
    assert!(answer[answer.len() - 2].contains("XX000"), "{answer:?}");
    assert!(!answer.concat().contains("as the test wants"), "{answer:?}");
    other.send(&lines(&[r#"Query {"query":"rows 1"}"#]));
    assert_eq!(other.until(&lines(&["ReadyForQuery"])).len(), 4);
}

#[test]
fn a_message_past_its_limit_is_refused_while_it_is_being_sent() {
    let server = Server::start_with(None, &[("frontend_message_bytes", 1_000_000)]);
    let mut client = connect(&server);
    let mut message = b"Q".to_vec();
    message.extend(4_000_000_u32.to_be_bytes());
    message.resize(4_000_000, b' ');
    client.stream().write_all(&message).unwrap();
    let answer = client.until(&lines(&["Closed"]));
    assert!(answer[0].contains("08P01") && answer[0].contains("1000000"), "{answer:?}");
}

#[test]
fn who_does_not_log_in_is_put_out() {
    let server = Server::start_with(None, &[("authentication_seconds", 1)]);
    let mut silent = Client::open(server.address);
    let mut halfway = Client::open(server.address);
    halfway.send(&lines(&[r#"Startup {"user":"acme"}"#]));
    assert_eq!(silent.until(&lines(&["Closed"])), ["Closed"]);
    assert_eq!(halfway.until(&lines(&["Closed"])), ["AuthenticationSASL", "Closed"]);
}

#[test]
fn connections_past_twice_the_sessions_are_dropped() {
    let server = Server::start_with(None, &[("sessions", 2)]);
    let held: Vec<Client> = (0..4).map(|_| connect(&server)).collect();
    let mut refused = Client::open(server.address);
    assert_eq!(refused.until(&lines(&["Closed"])), ["Closed"]);
    drop(held);
    assert!(eventually(|| {
        let mut client = Client::open(server.address);
        client.send(&lines(&[r#"Startup {"user":"acme"}"#]));
        client.until(&lines(&["AuthenticationSASL"])) == ["AuthenticationSASL"]
    }));
}

#[test]
fn a_wrong_secret_cancels_nothing() {
    let server = Server::start();
    let mut client = connect(&server);
    client.send(&lines(&[r#"Query {"query":"rows 1 then hang"}"#]));
    client.until(&lines(&["DataRow"]));
    client.cancel_with(server.address, |key| key[7] ^= 1);
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(server.gauges.streams.load(Ordering::SeqCst), 1);
    client.cancel(server.address);
    let answer = client.until(&lines(&["ReadyForQuery"]));
    assert!(answer[0].contains("57014"), "{answer:?}");
}

/// Runs a test with a real driver that is connected to the server.
fn with_driver<F: std::future::Future<Output = ()>>(test: impl FnOnce(tokio_postgres::Client) -> F) {
    let server = Server::start();
    let config = format!("host=127.0.0.1 port={} user=acme password=acme dbname=flowforge", server.address.port());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let (client, connection) = tokio_postgres::connect(&config, NoTls).await.unwrap();
        let driver = tokio::spawn(connection);
        test(client).await;
        driver.abort();
    });
    drop(server);
}

#[test]
fn a_real_driver_prepares_binds_and_reads_binary() {
    with_driver(async |client| {
        let row = client
            .query_one(
                "echo integer, text, double precision, integer[], bytea",
                &[&7_i32, &"käse", &1.5_f64, &vec![Some(1_i32), None], &&b"\x00\xff"[..]],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i32>(0), 7);
        assert_eq!(row.get::<_, &str>(1), "käse");
        assert!((row.get::<_, f64>(2) - 1.5).abs() < f64::EPSILON);
        assert_eq!(row.get::<_, Vec<Option<i32>>>(3), [Some(1), None]);
        assert_eq!(row.get::<_, &[u8]>(4), b"\x00\xff");
        assert!(row.columns()[3].type_() == &Type::INT4_ARRAY);
    });
}

#[test]
fn a_real_driver_reads_portals_bit_by_bit_and_recovers_from_errors() {
    with_driver(async |mut client| {
        let transaction = client.transaction().await.unwrap();
        let portal = transaction.bind("rows 5", &[]).await.unwrap();
        let mut counts = Vec::new();
        for _ in 0..3 {
            counts.push(transaction.query_portal(&portal, 2).await.unwrap().len());
        }
        assert_eq!(counts, [2, 2, 1]);
        transaction.commit().await.unwrap();
        let error = client.query("nonsense", &[]).await.unwrap_err();
        assert_eq!(error.code().map(tokio_postgres::error::SqlState::code), Some("42601"));
        let none: &[&(dyn ToSql + Sync)] = &[];
        assert_eq!(client.query("rows 2", none).await.unwrap().len(), 2);
    });
}

#[test]
fn a_real_driver_cancels() {
    with_driver(async |client| {
        let token = client.cancel_token();
        let query = client.query("rows 1 then hang", &[]);
        let cancel = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            token.cancel_query(NoTls).await.unwrap();
        };
        let (result, ()) = futures::join!(query, cancel);
        assert_eq!(result.unwrap_err().code().map(tokio_postgres::error::SqlState::code), Some("57014"));
        assert_eq!(client.query("rows 2", &[]).await.unwrap().len(), 2);
    });
}

#[test]
fn a_client_that_never_reads_is_cut_off() {
    let server = Server::start_with(None, &[("client_write_seconds", 1)]);
    let mut slow = connect(&server);
    slow.send(&lines(&[r#"Query {"query":"rows 20000000"}"#]));
    assert!(eventually(|| server.gauges.streams.load(Ordering::SeqCst) == 1));
    std::thread::sleep(Duration::from_secs(2));
    assert!(eventually(|| server.gauges.streams.load(Ordering::SeqCst) == 0));
    // One that reads slowly, but reads, goes on.
    let mut steady = connect(&server);
    steady.send(&lines(&[r#"Query {"query":"rows 3"}"#]));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(steady.until(&lines(&["ReadyForQuery"])).len(), 6);
}

#[test]
fn a_token_past_its_limit_is_refused() {
    let login = json!({"user": "token", "password": "valid", "database": "flowforge"});
    let at_limit = Server::start_with(None, &[("token_bytes", "valid".len())]);
    assert!(Client::connect(at_limit.address, &login).1.concat().contains("ReadyForQuery"));
    let past_it = Server::start_with(None, &[("token_bytes", "valid".len() - 1)]);
    let refused = Client::connect(past_it.address, &login).1.concat();
    assert!(refused.contains("ErrorResponse") && !refused.contains("ReadyForQuery"), "{refused}");
}

#[test]
fn a_startup_message_past_its_limit_is_refused() {
    let packet = |bytes: usize| {
        let mut packet = u32::try_from(bytes).unwrap().to_be_bytes().to_vec();
        packet.extend([0, 3, 0, 0]);
        packet.extend(b"user\0acme\0application_name\0");
        packet.resize(bytes - 2, b'x');
        packet.extend([0, 0]);
        packet
    };
    let server = Server::start_with(None, &[("startup_message_bytes", 1000)]);
    let mut at_limit = Client::open(server.address);
    at_limit.stream().write_all(&packet(1000)).unwrap();
    assert_eq!(at_limit.until(&lines(&["AuthenticationSASL"])), ["AuthenticationSASL"]);
    let mut past_it = Client::open(server.address);
    past_it.stream().write_all(&packet(1001)).unwrap();
    let answer = past_it.until(&lines(&["Closed"]));
    assert!(answer[0].contains("08P01"), "{answer:?}");
}

#[test]
fn strange_bytes_in_texts_are_errors_of_their_statement_only() {
    let server = Server::start();
    let mut bystander = connect(&server);
    for body in [&b"rows 1\xff\xfe\0"[..], b"rows\0 1\0", b"\xc0\x80\0"] {
        let mut client = connect(&server);
        let mut message = b"Q".to_vec();
        message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
        message.extend(body);
        client.stream().write_all(&message).unwrap();
        let answer = client.until(&lines(&["ReadyForQuery"]));
        assert!(answer[0].contains("22021") || answer[0].contains("08P01"), "{answer:?}");
        bystander.send(&lines(&[r#"Query {"query":"rows 1"}"#]));
        assert_eq!(bystander.until(&lines(&["ReadyForQuery"])).len(), 4);
    }
}
