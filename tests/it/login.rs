//! Ways in: passwords, tokens, databases, settings of the startup message.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flowforge::base::{TenantId, UserName};
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::NoTls;

use crate::support::{TestServer, value};

fn code(error: &tokio_postgres::Error) -> String {
    error.code().map(|code| code.code().to_owned()).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_a_password_and_brings_its_tenant() {
    let server = TestServer::start().await;
    let (tenant, user) = (TenantId::new("globex").unwrap(), UserName::new("globex").unwrap());
    let token = server.server.mint_token(&tenant, &user, 60).unwrap();
    let client = server.try_connect("token", &token).await.unwrap();
    assert_eq!(value(&client, "SELECT current_user").await, "globex");
    assert_eq!(value(&client, "SELECT count(DISTINCT symbol) FROM raw_trades WHERE symbol = 'TSLA'").await, "1");
    assert_eq!(value(&client, "SELECT count(*) FROM raw_trades WHERE symbol = 'AAPL'").await, "0");

    let forged = format!("{}x", &token[..token.len() - 1]);
    for bad in [forged.as_str(), "", "a.b.c", "token"] {
        let error = server.try_connect("token", bad).await.err().unwrap();
        assert!(code(&error).starts_with("28"), "{bad}: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_startup_message_names_database_and_settings() {
    let server = TestServer::start().await;
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(server.pg().port()).user("acme").password("acme").dbname("flowforge");
    config.application_name("a test").options("-c statement_timeout=5s -c TimeZone=Europe/Berlin");
    let (client, connection) = config.connect(NoTls).await.unwrap();
    tokio::spawn(connection);
    assert_eq!(value(&client, "SHOW application_name").await, "a test");
    assert_eq!(value(&client, "SHOW statement_timeout").await, "5s");
    assert_eq!(value(&client, "SHOW TimeZone").await, "Europe/Berlin");

    let unknown = config.clone().dbname("other").connect(NoTls).await.err().unwrap();
    assert_eq!(code(&unknown), "3D000");
    let refused = config.clone().options("-c no_such_setting=1").connect(NoTls).await.err().unwrap();
    assert_eq!(code(&refused), "42704");
}

/// What the server sends to a client with a wrong password: the type and the body of each message, to the end.
async fn answers_to_a_wrong_password(address: SocketAddr, user: &str) -> Vec<(u8, Vec<u8>)> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let startup = format!("\0\x03\0\0user\0{user}\0database\0flowforge\0\0");
    send(&mut stream, None, startup.as_bytes()).await;
    let mut answers = vec![message(&mut stream).await.unwrap()];
    let mut scram = ScramSha256::new(b"wrong", ChannelBinding::unsupported());
    let length = u32::try_from(scram.message().len()).unwrap().to_be_bytes();
    let first = [SCRAM_SHA_256.as_bytes(), b"\0", &length, scram.message()].concat();
    send(&mut stream, Some(b'p'), &first).await;
    answers.push(message(&mut stream).await.unwrap());
    scram.update(&answers[1].1[4..]).unwrap();
    send(&mut stream, Some(b'p'), scram.message()).await;
    while let Some(answer) = message(&mut stream).await {
        answers.push(answer);
    }
    answers
}

async fn send(stream: &mut TcpStream, kind: Option<u8>, body: &[u8]) {
    let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
    let kind: Vec<u8> = kind.into_iter().collect();
    stream.write_all(&[&kind, &length[..], body].concat()).await.unwrap();
}

/// The next message; `None` when the server has closed the connection.
async fn message(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    let kind = stream.read_u8().await.ok()?;
    let length = stream.read_u32().await.ok()?;
    let mut body = vec![0; usize::try_from(length).unwrap() - 4];
    stream.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

/// What a password is proven against, from the server's first message.
struct Challenge {
    /// The server's part of it.
    nonce: String,
    salt: Vec<u8>,
    iterations: u32,
}

impl Challenge {
    fn of(answers: &[(u8, Vec<u8>)]) -> Self {
        /// Characters of 18 bytes in base64.
        const NONCE: usize = 24;
        let text = String::from_utf8(answers[1].1[4..].to_vec()).unwrap();
        let parts: Vec<&str> = text.split(',').collect();
        let [nonce, salt, iterations] =
            ["r=", "s=", "i="].map(|name| parts.iter().find_map(|part| part.strip_prefix(name)).unwrap());
        Self {
            nonce: nonce[nonce.len() - NONCE..].to_owned(),
            salt: STANDARD.decode(salt).unwrap(),
            iterations: iterations.parse().unwrap(),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_user_is_answered_like_a_known_one_with_a_wrong_password() {
    // With other iterations and a longer salt than `hash-password` gives.
    const SALT: &[u8] = b"salt of thirty-six bytes, and not 16";
    let (salt, key) = (STANDARD.encode(SALT), STANDARD.encode([7; 32]));
    let verifier = format!("SCRAM-SHA-256$8192:{salt}${key}:{key}");
    let users = format!("[{{ name = \"anna\", tenant = \"acme\", verifier = \"{verifier}\" }}]");
    let server = TestServer::start_with(&[("auth.users", &users)]).await;
    let known = answers_to_a_wrong_password(server.pg(), "anna").await;
    let unknown = answers_to_a_wrong_password(server.pg(), "otto").await;
    let shape = |answers: &[(u8, Vec<u8>)]| -> Vec<(char, usize)> {
        answers.iter().map(|(kind, body)| (char::from(*kind), body.len())).collect()
    };
    assert_eq!(shape(&known), shape(&unknown));
    assert_eq!(shape(&known).iter().map(|(kind, _)| *kind).collect::<String>(), "RRE");
    assert_eq!(known[0], unknown[0]);
    let told = |answers: &[(u8, Vec<u8>)], user: &str| String::from_utf8_lossy(&answers[2].1).replace(user, "x");
    assert_eq!(told(&known, "anna"), told(&unknown, "otto"));
    assert!(told(&known, "anna").contains("C28P01\0Mpassword authentication failed for user \"x\"\0"));

    let (own, made) = (Challenge::of(&known), Challenge::of(&unknown));
    assert_eq!((own.salt.as_slice(), own.iterations), (SALT, 8192));
    assert_eq!((made.salt.len(), made.iterations), (SALT.len(), 8192));
    assert_ne!(made.salt, own.salt);
    // A name that has another salt each time would be nobody's, and so would two that have the same.
    for (user, first) in [("anna", &own), ("otto", &made)] {
        let again = Challenge::of(&answers_to_a_wrong_password(server.pg(), user).await);
        assert_eq!(again.salt, first.salt, "{user}");
        assert_ne!(again.nonce, first.nonce, "{user}");
    }
    let other = Challenge::of(&answers_to_a_wrong_password(server.pg(), "hugo").await);
    assert_ne!(other.salt, made.salt);
}
