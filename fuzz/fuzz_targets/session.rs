//! A connection over loopback, from its first byte (an input that begins with a zero) or from the end of its login: any
//! bytes as messages of a client, to a server with the embedded stores. Any panic of the server ends the fuzzer; one client
//! must not end a session of another, so one that was there from the beginning is asked again and again.
#![no_main]

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

use flowforge::base::{TenantId, UserName};
use flowforge::config::{Config, Override};
use flowforge::server::Server;
use libfuzzer_sys::fuzz_target;
use tokio::runtime::Runtime;

/// Longer than any input takes, also where the machine is busy.
const PATIENCE: Duration = Duration::from_secs(30);

struct Target {
    address: SocketAddr,
    token: String,
    /// They live as long as the process.
    _server: Server,
    _runtime: Runtime,
}

static TARGET: LazyLock<Target> = LazyLock::new(|| {
    let changes = [
        ("server.pg_listen", "127.0.0.1:0"),
        ("server.http_listen", "127.0.0.1:0"),
        ("demo.trades_per_second", "0"),
        ("demo.quotes_per_second", "0"),
        ("session.statement_timeout_ms", "2000"),
    ];
    let overrides: Vec<Override> = changes.iter().map(|(key, value)| Override::flag("fuzz", key, value)).collect();
    let config = Config::demo(&overrides).expect("the demo's configuration");
    // The stack of the program's threads.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(64 * 1024 * 1024)
        .build()
        .expect("a runtime");
    let server = runtime.block_on(Server::start(&config)).expect("a server");
    let (tenant, user) = (TenantId::new("acme").expect("a tenant"), UserName::new("fuzz").expect("a user"));
    let token = server.mint_token(&tenant, &user, 24 * 3600).expect("a token");
    Target { address: server.pg_address(), token, _server: server, _runtime: runtime }
});

static WITNESS: LazyLock<Mutex<TcpStream>> = LazyLock::new(|| Mutex::new(logged_in()));

fn connect() -> TcpStream {
    let stream = TcpStream::connect(TARGET.address).expect("the server listens");
    stream.set_nodelay(true).expect("an option");
    stream.set_read_timeout(Some(PATIENCE)).expect("an option");
    stream
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).expect("a short message");
    [&[kind], length.to_be_bytes().as_slice(), body].concat()
}

/// A connection whose token was taken.
fn logged_in() -> TcpStream {
    let mut stream = connect();
    let startup = b"\0\x03\0\0user\0token\0database\0flowforge\0\0";
    let length = u32::try_from(startup.len() + 4).expect("a short message");
    stream.write_all(&[length.to_be_bytes().as_slice(), startup].concat()).expect("a startup message");
    let password = message(b'p', &[TARGET.token.as_bytes(), b"\0"].concat());
    stream.write_all(&password).expect("a password");
    read_until_ready(&mut stream);
    stream
}

/// Reads messages up to `ReadyForQuery`.
fn read_until_ready(stream: &mut TcpStream) {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).expect("the session goes on");
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; usize::try_from(length).expect("a length") - 4];
        stream.read_exact(&mut body).expect("a whole message");
        match head[0] {
            b'Z' => return,
            b'E' => panic!("refused: {}", String::from_utf8_lossy(&body)),
            _ => {}
        }
    }
}

fuzz_target!(|data: &[u8]| {
    let (mut stream, bytes) = match data.strip_prefix(&[0]) {
        Some(rest) => (connect(), rest),
        None => (logged_in(), data),
    };
    // The server may have closed the connection at the first bad message.
    let sent = stream.write_all(bytes).and_then(|()| stream.shutdown(Shutdown::Write));
    if sent.is_ok() {
        match stream.read_to_end(&mut Vec::new()) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("a connection that does not end"),
            _ => {}
        }
    }
    let mut witness = WITNESS.lock().expect("no panic before");
    witness.write_all(&message(b'Q', b"SELECT 1\0")).expect("the other session goes on");
    read_until_ready(&mut witness);
});
