//! The side listener through a real WebSocket.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use flowforge::base::limits::LimitSet;
use flowforge::base::{StoreKind, TableName, TenantId, UserName};
use flowforge::config::{Config, Override};
use flowforge::engine::hub::{Broadcast, Hub};
use flowforge::live::{Channel, ChannelMessage, Channels, LiveContext, LiveSettings, Metrics, Readiness, serve};
use flowforge::tenancy::{Authenticators, PolicyBook};
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use tokio_util::sync::CancellationToken;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

struct Stores(Vec<StoreKind>);

#[async_trait::async_trait]
impl Readiness for Stores {
    async fn unreachable(&self) -> Vec<StoreKind> {
        self.0.clone()
    }
}

/// A listener in this process, with the demo's tenants.
struct Side {
    address: SocketAddr,
    authenticators: Authenticators,
    hub: Hub,
    channels: Channels,
    shutdown: CancellationToken,
    server: tokio::task::JoinHandle<std::io::Result<()>>,
}

#[derive(Default)]
struct Options {
    limits: Vec<(&'static str, usize)>,
    heartbeat_ms: Option<(u64, u64)>,
    unreachable: Vec<StoreKind>,
}

impl Side {
    async fn start(options: Options) -> Self {
        let config = Config::demo(&[]).unwrap();
        let authenticators = Authenticators::new(&config).unwrap();
        let mut limits = LimitSet::default();
        for (name, value) in options.limits {
            limits.set(name, value).unwrap();
        }
        let mut settings = LiveSettings::new(&config.live, &limits);
        if let Some((heartbeat, dead_after)) = options.heartbeat_ms {
            settings.heartbeat = Duration::from_millis(heartbeat);
            settings.dead_after = Duration::from_millis(dead_after);
        }
        let mut registry = prometheus_client::registry::Registry::default();
        let metrics = Metrics::register(&mut registry);
        let (hub, channels) = (Hub::default(), Channels::new(&limits));
        let context = LiveContext {
            authenticators: authenticators.clone(),
            policies: Arc::new(PolicyBook::from_config(&config.policies)),
            hub: hub.clone(),
            channels: channels.clone(),
            readiness: Arc::new(Stores(options.unreachable)),
            metrics,
            registry: Arc::new(registry),
            settings,
            limits,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve(listener, context, shutdown.clone()));
        Self { address, authenticators, hub, channels, shutdown, server }
    }

    fn token(&self, tenant: &str) -> String {
        self.token_for(tenant, 3600)
    }

    fn token_for(&self, tenant: &str, seconds: u64) -> String {
        let user = UserName::new("ann").unwrap();
        self.authenticators.mint_token(&TenantId::new(tenant).unwrap(), &user, seconds).unwrap()
    }

    async fn open(&self, path: &str) -> Socket {
        connect_async(format!("ws://{}{path}", self.address)).await.unwrap().0
    }

    /// A client of a tenant that has had its `connected`.
    async fn client(&self, tenant: &str) -> Socket {
        let mut socket = self.open(&format!("/ws?token={}", self.token(tenant))).await;
        assert_eq!(next(&mut socket).await["tenant_id"], tenant);
        socket
    }

    async fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    async fn stop(self) {
        self.shutdown.cancel();
        timeout(PATIENCE, self.server).await.unwrap().unwrap().unwrap();
    }
}

/// The next message; pings of the protocol are passed over. Every message is checked against the schema.
async fn next(socket: &mut Socket) -> Value {
    loop {
        let value = next_of_any_type(socket).await;
        if value["type"] != "ping" {
            return value;
        }
    }
}

async fn next_of_any_type(socket: &mut Socket) -> Value {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("a message in time").expect("an open connection").unwrap() {
            Message::Text(text) => {
                let value = serde_json::from_str(&text).unwrap();
                check_against_schema(&value);
                return value;
            }
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The close code; messages before it are passed over.
async fn close_code(socket: &mut Socket) -> u16 {
    loop {
        match timeout(PATIENCE, socket.next()).await.expect("a close in time") {
            Some(Ok(Message::Close(Some(frame)))) => return frame.code.into(),
            Some(Ok(_)) => {}
            other => panic!("no close frame: {other:?}"),
        }
    }
}

async fn send(socket: &mut Socket, message: Value) {
    socket.send(Message::text(message.to_string())).await.unwrap();
}

async fn ask(socket: &mut Socket, message: Value) -> Value {
    send(socket, message).await;
    next(socket).await
}

/// Whether nothing else is on its way: the answer to a ping comes first.
async fn assert_silent(socket: &mut Socket) {
    assert_eq!(ask(socket, json!({"action": "ping"})).await, json!({"type": "pong"}));
}

/// A small reading of JSON Schema: the definition with this `type` has all its required keys and no others.
fn check_against_schema(message: &Value) {
    let schema: Value = serde_json::from_str(include_str!("../../protocol/websocket.schema.json")).unwrap();
    let definitions = schema["$defs"]["server"]["oneOf"].as_array().unwrap();
    let fits = |definition: &&Value| definition["properties"]["type"]["const"] == message["type"];
    let definition = definitions.iter().find(fits).unwrap_or_else(|| panic!("{message} is not in the schema"));
    for required in definition["required"].as_array().unwrap() {
        assert!(message.get(required.as_str().unwrap()).is_some(), "{message} lacks {required}");
    }
    for key in message.as_object().unwrap().keys() {
        assert!(definition["properties"].get(key).is_some(), "{key} of {message} is not in the schema");
    }
}

fn trades(rows: &[(Option<&str>, i64)]) -> Broadcast {
    let symbols: ArrayRef = Arc::new(StringArray::from(rows.iter().map(|(symbol, _)| *symbol).collect::<Vec<_>>()));
    let numbers: ArrayRef = Arc::new(Int64Array::from(rows.iter().map(|(_, number)| *number).collect::<Vec<_>>()));
    let rows = RecordBatch::try_from_iter_with_nullable([("symbol", symbols, true), ("n", numbers, true)]).unwrap();
    Broadcast::TableRows { table: TableName::new("flowforge", "raw_trades"), rows, at: Utc::now() }
}

fn update(table: &str) -> Broadcast {
    Broadcast::TableUpdate { table: TableName::parse(table).unwrap(), at: Utc::now() }
}

#[tokio::test]
async fn a_token_may_come_in_three_ways() {
    let side = Side::start(Options::default()).await;
    let token = side.token("acme");

    let mut by_query = side.open(&format!("/ws?token={token}")).await;
    let connected = next(&mut by_query).await;
    assert_eq!(connected["type"], "connected");
    assert_eq!(connected["tenant_id"], "acme");
    assert_eq!(connected["heartbeat_s"], 25);
    assert!((3590..=3600).contains(&connected["expires_in"].as_i64().unwrap()));

    let mut request = format!("ws://{}/ws", side.address).into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("bearer {token}").parse().unwrap());
    let mut by_header = connect_async(request).await.unwrap().0;
    assert_eq!(next(&mut by_header).await["type"], "connected");

    let mut by_message = side.open("/ws").await;
    let answer = ask(&mut by_message, json!({"action": "auth", "token": token})).await;
    assert_eq!(answer["type"], "connected");
    assert_ne!(answer["session"], connected["session"]);
    side.stop().await;
}

#[tokio::test]
async fn without_a_good_token_it_closes_with_4001() {
    let side =
        Side::start(Options { limits: vec![("websocket_authentication_seconds", 1)], ..Options::default() }).await;
    let mut bad = side.open("/ws?token=nonsense").await;
    assert_eq!(close_code(&mut bad).await, 4001);
    let mut silent = side.open("/ws").await;
    assert_eq!(close_code(&mut silent).await, 4001);
    for first in [json!({"action": "ping"}), json!({"action": "auth", "token": "x"}), json!([])] {
        let mut socket = side.open("/ws").await;
        send(&mut socket, first).await;
        assert_eq!(close_code(&mut socket).await, 4001);
    }
    let mut request = format!("ws://{}/ws?token={}", side.address, side.token("acme")).into_client_request().unwrap();
    request.headers_mut().insert("authorization", "Basic YTpi".parse().unwrap());
    let mut basic = connect_async(request).await.unwrap().0;
    assert_eq!(close_code(&mut basic).await, 4001);
    side.stop().await;
}

#[tokio::test]
async fn a_page_of_another_origin_is_refused_at_the_upgrade() {
    let side = Side::start(Options::default()).await;
    for (origin, passes) in [("http://localhost:3000", true), ("http://evil.example", false), ("null", false)] {
        let url = format!("ws://{}/ws?token={}", side.address, side.token("acme"));
        let mut request = url.into_client_request().unwrap();
        request.headers_mut().insert("origin", origin.parse().unwrap());
        match connect_async(request).await {
            Ok(_) => assert!(passes, "{origin}"),
            Err(WsError::Http(answer)) => assert!(!passes && answer.status() == 403, "{origin}"),
            Err(other) => panic!("{other}"),
        }
    }
    side.stop().await;
}

#[tokio::test]
async fn a_token_that_expires_closes_with_4002_unless_a_new_one_came() {
    let side = Side::start(Options::default()).await;
    let mut expiring = side.open(&format!("/ws?token={}", side.token_for("acme", 2))).await;
    let mut renewed = side.open(&format!("/ws?token={}", side.token_for("acme", 2))).await;
    next(&mut renewed).await;
    let foreign = ask(&mut renewed, json!({"action": "auth", "token": side.token("globex")})).await;
    assert_eq!((&foreign["type"], &foreign["code"]), (&json!("error"), &json!("auth_failed")));
    let bad = ask(&mut renewed, json!({"action": "auth", "token": "x"})).await;
    assert_eq!((&bad["code"], &bad["sqlstate"]), (&json!("auth_failed"), &json!("28P01")));
    let good = ask(&mut renewed, json!({"action": "auth", "token": side.token("acme")})).await;
    assert_eq!(good["type"], "authenticated");
    assert_eq!(close_code(&mut expiring).await, 4002);
    assert_silent(&mut renewed).await;
    side.stop().await;
}

#[tokio::test]
async fn a_client_without_a_sign_of_life_is_closed_with_4003_and_one_that_reads_is_not() {
    let side = Side::start(Options { heartbeat_ms: Some((100, 900)), ..Options::default() }).await;
    let mut reader = side.client("acme").await;
    let mut sleeper = side.client("acme").await;
    for _ in 0..12 {
        let ping = next_of_any_type(&mut reader).await;
        assert_eq!(ping["type"], "ping");
        assert!(ping["timestamp"].as_str().unwrap().ends_with('Z'));
    }
    assert_eq!(close_code(&mut sleeper).await, 4003);
    assert_silent(&mut reader).await;
    side.stop().await;
}

#[tokio::test]
async fn the_end_of_the_server_closes_with_1001() {
    let side = Side::start(Options::default()).await;
    let mut known = side.client("acme").await;
    let mut stranger = side.open("/ws").await;
    side.shutdown.cancel();
    assert_eq!(close_code(&mut known).await, 1001);
    assert_eq!(close_code(&mut stranger).await, 1001);
    side.stop().await;
}

#[tokio::test]
async fn bad_messages_are_answered_and_the_connection_goes_on() {
    let side = Side::start(Options::default()).await;
    let mut client = side.client("acme").await;
    let bad = [
        ("{", "bad_json", None),
        ("[]", "bad_message", None),
        (r#"{"action":"dance","id":"r1"}"#, "unknown_action", None),
        (r#"{"action":"preview","id":"r2","graph":{}}"#, "not_supported", Some("0A000")),
        (r#"{"action":"watch","id":"r3"}"#, "not_supported", Some("0A000")),
        (r#"{"action":"subscribe","channel":"globex:general"}"#, "bad_channel", None),
        (r#"{"action":"subscribe","channel":"execution:*"}"#, "bad_channel", None),
        (&"[".repeat(100_000), "too_deep", Some("54000")),
    ];
    for (text, code, sqlstate) in bad {
        client.send(Message::text(text.to_owned())).await.unwrap();
        let answer = next(&mut client).await;
        assert_eq!((&answer["type"], &answer["code"]), (&json!("error"), &json!(code)));
        assert_eq!(answer.get("sqlstate").and_then(Value::as_str), sqlstate);
        let sent: Value = serde_json::from_str(text).unwrap_or_default();
        assert_eq!(answer.get("id"), sent.get("id"));
    }
    client.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(next(&mut client).await["code"], "binary");
    assert_silent(&mut client).await;
    side.stop().await;
}

#[tokio::test]
async fn a_message_that_is_too_long_closes_with_1009() {
    let side = Side::start(Options { limits: vec![("websocket_message_bytes", 1000)], ..Options::default() }).await;
    for length in [1_001, 100_000] {
        let mut client = side.client("acme").await;
        client.send(Message::text("x".repeat(length))).await.unwrap();
        assert_eq!(close_code(&mut client).await, 1009, "{length}");
    }
    let mut client = side.client("acme").await;
    client.send(Message::text("x".repeat(1_000))).await.unwrap();
    assert_eq!(next(&mut client).await["code"], "bad_json");
    side.stop().await;
}

#[tokio::test]
async fn one_past_the_limits_of_connections_and_channels_is_refused() {
    let limits =
        vec![("websocket_connections", 3), ("websocket_connections_per_tenant", 2), ("channels_per_connection", 2)];
    let side = Side::start(Options { limits, ..Options::default() }).await;
    let mut first = side.client("acme").await;
    let _second = side.client("acme").await;
    let mut third = side.open(&format!("/ws?token={}", side.token("acme"))).await;
    assert_eq!(close_code(&mut third).await, 1013);
    drop(third);
    // The place of the third is free again some time after its end.
    let globex = timeout(PATIENCE, async {
        loop {
            match connect_async(format!("ws://{}/ws?token={}", side.address, side.token("globex"))).await {
                Ok((socket, _)) => return socket,
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    });
    let _globex = globex.await.unwrap();
    match connect_async(format!("ws://{}/ws", side.address)).await {
        Err(WsError::Http(answer)) => assert_eq!(answer.status(), 503),
        other => panic!("{other:?}"),
    }

    for channel in ["widget:a", "widget:b"] {
        assert_eq!(ask(&mut first, json!({"action": "subscribe", "channel": channel})).await["type"], "subscribed");
    }
    let refused = ask(&mut first, json!({"action": "subscribe", "channel": "widget:c"})).await;
    assert_eq!((&refused["code"], &refused["sqlstate"]), (&json!("limit_exceeded"), &json!("54000")));
    ask(&mut first, json!({"action": "unsubscribe", "channel": "widget:a"})).await;
    assert_eq!(ask(&mut first, json!({"action": "subscribe", "channel": "widget:c"})).await["type"], "subscribed");
    side.stop().await;
}

#[tokio::test]
async fn channels_deliver_to_their_tenant_and_recover_what_was_missed() {
    let side = Side::start(Options::default()).await;
    let (acme, channel) = (TenantId::new("acme").unwrap(), "execution:e-1".parse::<Channel>().unwrap());
    let publish = |data: i64| {
        let message = ChannelMessage::ExecutionStatus {
            node_id: Some("n1".to_owned()),
            status: flowforge::live::ExecutionState::Running,
            data: json!({"rows": data}),
        };
        side.channels.publish(&acme, &channel, &message)
    };
    let mut client = side.client("acme").await;
    let mut stranger = side.client("globex").await;
    let subscribe = json!({"action": "subscribe", "channel": "execution:e-1"});
    let subscribed = ask(&mut client, subscribe.clone()).await;
    assert_eq!((&subscribed["type"], &subscribed["offset"]), (&json!("subscribed"), &json!(0)));
    assert!(subscribed.get("recovered").is_none());
    ask(&mut stranger, subscribe).await;
    publish(1);
    let status = next(&mut client).await;
    assert_eq!(status["execution_id"], "e-1");
    assert_eq!(status["status"], "running");
    assert_eq!((&status["offset"], &status["data"]), (&json!(1), &json!({"rows": 1})));
    client.close(None).await.unwrap();
    publish(2);
    publish(3);

    let mut again = side.client("acme").await;
    let since = json!({"epoch": subscribed["epoch"], "offset": 1});
    let answer = ask(&mut again, json!({"action": "subscribe", "channel": "execution:e-1", "since": since})).await;
    assert_eq!((&answer["recovered"], &answer["offset"]), (&json!(true), &json!(3)));
    assert_eq!(next(&mut again).await["offset"], 2);
    assert_eq!(next(&mut again).await["offset"], 3);

    let other = json!({"epoch": "another server", "offset": 1});
    let answer = ask(&mut again, json!({"action": "subscribe", "channel": "execution:e-1", "since": other})).await;
    assert_eq!(answer["recovered"], false);
    assert_eq!(
        ask(&mut again, json!({"action": "unsubscribe", "channel": "execution:e-1"})).await["type"],
        "unsubscribed"
    );
    publish(4);
    assert_silent(&mut again).await;
    assert_silent(&mut stranger).await;
    side.stop().await;
}

#[tokio::test]
async fn rows_pass_the_policy_of_the_receiving_tenant() {
    let side = Side::start(Options::default()).await;
    let (mut acme, mut globex) = (side.client("acme").await, side.client("globex").await);
    side.hub.publish(trades(&[(Some("AAPL"), 1), (Some("TSLA"), 2), (None, 3), (Some("MSFT"), 4)]));
    let rows = next(&mut acme).await;
    assert_eq!((&rows["type"], &rows["table"]), (&json!("table_rows"), &json!("flowforge.raw_trades")));
    assert_eq!((&rows["columns"], &rows["rows"]), (&json!(["symbol", "n"]), &json!([["AAPL", 1], ["MSFT", 4]])));
    assert_eq!(next(&mut globex).await["rows"], json!([["TSLA", 2]]));

    // Nothing is left for globex: it hears nothing.
    side.hub.publish(trades(&[(Some("AAPL"), 5)]));
    assert_eq!(next(&mut acme).await["rows"], json!([["AAPL", 5]]));

    // The policy compares a column that these rows do not have.
    let lacking: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let lacking = RecordBatch::try_from_iter([("n", lacking)]).unwrap();
    side.hub.publish(Broadcast::TableRows {
        table: TableName::new("marts", "fct_trades"),
        rows: lacking,
        at: Utc::now(),
    });
    side.hub.publish(update("materialize.live_quotes"));
    // A table without a policy does not exist.
    side.hub.publish(update("secret.table"));
    side.hub.publish(Broadcast::Alert {
        table: TableName::new("flowforge", "raw_trades"),
        symbol: "TSLA".to_owned(),
        kind: "volume",
        message: "much".to_owned(),
        at: Utc::now(),
    });
    for client in [&mut acme, &mut globex] {
        for table in ["marts.fct_trades", "materialize.live_quotes"] {
            let message = next(client).await;
            assert_eq!((&message["type"], &message["table"]), (&json!("table_update"), &json!(table)));
        }
        assert_silent(client).await;
    }
    side.stop().await;
}

#[tokio::test]
async fn alerts_go_to_tenants_that_may_see_the_symbol() {
    let side = Side::start(Options::default()).await;
    let (mut acme, mut globex) = (side.client("acme").await, side.client("globex").await);
    for client in [&mut acme, &mut globex] {
        ask(client, json!({"action": "subscribe", "channel": "widget:alerts"})).await;
    }
    for symbol in ["TSLA", "AAPL"] {
        side.hub.publish(Broadcast::Alert {
            table: TableName::new("flowforge", "raw_trades"),
            symbol: symbol.to_owned(),
            kind: "price_jump",
            message: "up".to_owned(),
            at: Utc::now(),
        });
    }
    for (client, symbol) in [(&mut acme, "AAPL"), (&mut globex, "TSLA")] {
        let alert = next(client).await;
        assert_eq!((&alert["type"], &alert["widget_id"]), (&json!("live_data"), &json!("alerts")));
        assert_eq!((&alert["data"]["symbol"], &alert["data"]["kind"]), (&json!(symbol), &json!("price_jump")));
        assert_silent(client).await;
    }
    side.stop().await;
}

/// Random rows: each tenant gets exactly the rows of its symbols, in order, and no other.
#[tokio::test]
async fn no_tenant_ever_sees_a_row_of_another() {
    let side = Side::start(Options::default()).await;
    let (mut acme, mut globex) = (side.client("acme").await, side.client("globex").await);
    let symbols =
        ["AAPL", "MSFT", "GOOGL", "AMZN", "NVDA", "TSLA", "META", "JPM", "BAC", "GS", "aapl", "TSLA ", "", "?"];
    let seed: u64 = rand::random();
    println!("seed {seed}");
    let mut random = <rand_chacha::ChaCha8Rng as rand::SeedableRng>::seed_from_u64(seed);
    let mut expected: BTreeMap<&str, Vec<Value>> = BTreeMap::new();
    for round in 0..100 {
        let count = rand::Rng::random_range(&mut random, 0..8);
        let rows: Vec<(Option<&str>, i64)> = (0..count)
            .map(|number| {
                let symbol = symbols[rand::Rng::random_range(&mut random, 0..symbols.len())];
                ((symbol != "?").then_some(symbol), round * 100 + number)
            })
            .collect();
        for (symbol, number) in &rows {
            let place = symbols.iter().position(|known| Some(*known) == *symbol);
            match place {
                Some(0..=4) => expected.entry("acme").or_default().push(json!([symbol, number])),
                Some(5..=9) => expected.entry("globex").or_default().push(json!([symbol, number])),
                Some(_) | None => {}
            }
        }
        side.hub.publish(trades(&rows));
    }
    side.hub.publish(update("marts.dim_instruments"));
    for (tenant, client) in [("acme", &mut acme), ("globex", &mut globex)] {
        let mut seen = Vec::new();
        loop {
            let message = next(client).await;
            match message["type"].as_str().unwrap() {
                "table_rows" => seen.extend(message["rows"].as_array().unwrap().clone()),
                _ => break,
            }
        }
        assert_eq!(seen, expected[tenant], "{tenant}");
    }
    side.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_read_is_closed_with_4008_and_slows_nobody() {
    let side = Side::start(Options::default()).await;
    let mut slow = side.client("acme").await;
    let mut quick = side.client("acme").await;
    let rows: Vec<(Option<&str>, i64)> = (0..20_000).map(|number| (Some("AAPL"), number)).collect();
    // Each is about 300 kB: the kernel's buffers and the queue of the slow one are full soon.
    let mut rounds = 0;
    while !side.get("/metrics").await.1.contains("closes_total{code=\"4008\"} 1") {
        rounds += 1;
        assert!(rounds < 200, "the slow client was never closed");
        side.hub.publish(trades(&rows));
        assert_eq!(next(&mut quick).await["rows"].as_array().unwrap().len(), 20_000);
    }
    // What was on its way arrives, then the close.
    assert_eq!(close_code(&mut slow).await, 4008);
    assert_silent(&mut quick).await;
    side.stop().await;
}

#[tokio::test]
async fn updates_that_wait_merge_and_do_not_overflow() {
    let limits = vec![("websocket_queue_messages", 8)];
    let side = Side::start(Options { limits, ..Options::default() }).await;
    let mut client = side.client("acme").await;
    for _ in 0..3_000 {
        side.hub.publish(update("marts.fct_trades"));
    }
    side.hub.publish(update("marts.dim_instruments"));
    let mut count = 0;
    while next(&mut client).await["table"] != "marts.dim_instruments" {
        count += 1;
    }
    assert!((1..=3_000).contains(&count), "{count}");
    side.stop().await;
}

/// The hub keeps 4096 messages for a receiver; on one thread nobody receives while this sends more.
#[tokio::test]
async fn whoever_lost_broadcasts_is_told_to_look_again() {
    let side = Side::start(Options::default()).await;
    let mut client = side.client("acme").await;
    for number in 0..6_000 {
        side.hub.publish(trades(&[(Some("AAPL"), number)]));
    }
    assert_eq!(next(&mut client).await, json!({"type": "resync", "channel": "broadcast"}));
    side.stop().await;
}

#[tokio::test]
async fn health_readiness_and_metrics_answer_over_http() {
    let side = Side::start(Options { unreachable: vec![StoreKind::Redis], ..Options::default() }).await;
    assert_eq!(side.get("/healthz").await, (200, "ok\n".to_owned()));
    let (code, body) = side.get("/readyz").await;
    assert_eq!(code, 503);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body, json!({"status": "not ready", "unreachable": ["redis"]}));
    let mut client = side.client("acme").await;
    assert_silent(&mut client).await;
    let (code, text) = side.get("/metrics").await;
    assert_eq!(code, 200);
    assert!(text.contains("flowforge_live_connections 1"), "{text}");
    assert!(text.contains("flowforge_live_messages_received_total 1"), "{text}");
    assert!(!text.contains("acme"), "whoever reads them proved nothing: {text}");
    assert_eq!(side.get("/nothing").await.0, 404);
    assert_eq!(side.get("/ws").await.0, 400);
    side.stop().await;

    let ready = Side::start(Options::default()).await;
    assert_eq!(ready.get("/readyz").await.0, 200);
    ready.stop().await;
}

#[test]
fn the_configured_search_path_is_that_of_the_catalog() {
    assert_eq!(Config::default().session.search_path, flowforge::catalog::DEFAULT_SEARCH_PATH);
    let changed = Config::demo(&[Override::flag("test", "session.search_path", "[\"marts\"]")]).unwrap();
    assert_eq!(changed.session.search_path, ["marts"]);
}

/// The demo as it is started: the feed's trades reach each tenant, and only its own.
#[tokio::test]
async fn the_feed_of_the_demo_reaches_its_tenants() {
    let server =
        crate::support::TestServer::start_with(&[("demo.trades_per_second", "400"), ("demo.quotes_per_second", "100")])
            .await;
    let address = server.server.http_address();
    let symbols = |tenant: &str| {
        let section = server.config.tenants.iter().find(|section| section.id.as_str() == tenant).unwrap();
        section.attributes["symbols"].clone()
    };
    for tenant in ["acme", "globex"] {
        let (id, user) = (TenantId::new(tenant).unwrap(), UserName::new(tenant).unwrap());
        let token = server.server.mint_token(&id, &user, 60).unwrap();
        let mut socket = connect_async(format!("ws://{address}/ws?token={token}")).await.unwrap().0;
        assert_eq!(next(&mut socket).await["type"], "connected");
        let (mut rows, mut updates) = (0, 0);
        while rows < 40 || updates == 0 {
            let message = next(&mut socket).await;
            match message["type"].as_str().unwrap() {
                "table_rows" => rows += own_rows(&message, &symbols(tenant)),
                "table_update" => updates += 1,
                other => panic!("{other}"),
            }
        }
    }
    server.server.stop().await;
}

/// The number of rows, each of which bears one of the symbols.
fn own_rows(message: &Value, symbols: &[String]) -> usize {
    let columns = message["columns"].as_array().unwrap();
    let place = columns.iter().position(|column| column == "symbol").expect("a symbol in every table of the feed");
    let rows = message["rows"].as_array().unwrap();
    for row in rows {
        let symbol = row[place].as_str().unwrap();
        assert!(symbols.iter().any(|own| own == symbol), "{message}");
    }
    rows.len()
}
