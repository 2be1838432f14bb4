//! What two hops cost on this machine: the least that can stand between a client of PostgreSQL's protocol and Redis.
//!
//! A program of its own, with the same runtime, the same driver of Redis and one connection to it that all sessions share. It
//! reads the messages that clients of the benchmark send, knows neither SQL nor tenants nor limits, and gives the fields of
//! the hash as they come.

use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bytes::{Buf, BufMut, BytesMut};
use redis::aio::MultiplexedConnection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::Outcome;
use crate::common::{Stopped, free_port};

/// The word that makes the benchmark's program this server.
const WORD: &str = "floor";
const PATIENCE: Duration = Duration::from_secs(10);
const TEXT_OID: u32 = 25;
const READ_BYTES: usize = 8 * 1024;

/// The server in a process of its own. It ends with this.
pub struct Floor {
    port: u16,
    _child: Stopped,
}

impl Floor {
    /// Starts one before Redis; the rows have so many columns.
    pub async fn start(redis_port: u16, key: &str, columns: usize) -> Outcome<Self> {
        let port = free_port();
        let child = Command::new(std::env::current_exe()?)
            .args([WORD, &port.to_string(), &redis_port.to_string(), key, &columns.to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let floor = Self { port, _child: Stopped(child) };
        let limit = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
            if Instant::now() > limit {
                return Err("the floor does not listen".into());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(floor)
    }

    pub fn port(&self) -> u16 {
        self.port
    }
}

/// Serves until it is ended, where the program was started for that.
pub async fn serve_if_asked() -> Outcome<bool> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [word, port, redis_port, key, columns] = words.as_slice() else { return Ok(false) };
    if word != WORD {
        return Ok(false);
    }
    let client = redis::Client::open(format!("redis://127.0.0.1:{redis_port}/0"))?;
    let redis = client.get_multiplexed_async_connection().await?;
    let (listener, columns) = (TcpListener::bind((Ipv4Addr::LOCALHOST, port.parse()?)).await?, columns.parse()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let session = Session { stream, redis: redis.clone(), key: key.clone(), columns, output: BytesMut::new() };
        tokio::spawn(session.run());
    }
}

struct Session {
    stream: TcpStream,
    redis: MultiplexedConnection,
    key: String,
    columns: u16,
    output: BytesMut,
}

impl Session {
    async fn run(mut self) -> Outcome<()> {
        let mut input = BytesMut::with_capacity(READ_BYTES);
        let mut has_started = false;
        loop {
            while let Some(kind) = next_kind(&mut input, has_started) {
                has_started = true;
                self.answer(kind).await?;
            }
            if self.stream.read_buf(&mut input).await? == 0 {
                return Ok(());
            }
        }
    }

    async fn answer(&mut self, kind: u8) -> Outcome<()> {
        match kind {
            STARTUP => {
                self.message(b'R', |body| body.put_i32(0));
                self.ready().await?;
            }
            b'P' => self.message(b'1', |_| {}),
            b'D' => self.describe(),
            b'B' => self.message(b'2', |_| {}),
            b'E' => self.execute().await?,
            b'S' => self.ready().await?,
            b'C' => self.message(b'3', |_| {}),
            _ => {}
        }
        Ok(())
    }

    fn describe(&mut self) {
        self.message(b't', |body| {
            body.put_u16(1);
            body.put_u32(TEXT_OID);
        });
        let columns = self.columns;
        self.message(b'T', |body| {
            body.put_u16(columns);
            for _ in 0..columns {
                body.put_slice(b"column\0");
                body.put_u32(0);
                body.put_u16(0);
                body.put_u32(TEXT_OID);
                body.put_i16(-1);
                body.put_i32(-1);
                body.put_i16(0);
            }
        });
    }

    async fn execute(&mut self) -> Outcome<()> {
        let fields: Vec<String> = redis::cmd("HGETALL").arg(&self.key).query_async(&mut self.redis).await?;
        // The key, and every second text is a value.
        let values = [self.key.as_str()].into_iter().chain(fields.iter().skip(1).step_by(2).map(String::as_str));
        let values: Vec<&str> = values.collect();
        put(&mut self.output, b'D', |body| {
            body.put_u16(values.len() as u16);
            for value in values {
                body.put_u32(value.len() as u32);
                body.put_slice(value.as_bytes());
            }
        });
        self.message(b'C', |body| body.put_slice(b"SELECT 1\0"));
        Ok(())
    }

    async fn ready(&mut self) -> Outcome<()> {
        self.message(b'Z', |body| body.put_u8(b'I'));
        self.stream.write_all(&self.output).await?;
        self.output.clear();
        Ok(())
    }

    fn message(&mut self, kind: u8, body: impl FnOnce(&mut BytesMut)) {
        put(&mut self.output, kind, body);
    }
}

/// Stands for the first packet, which has no type byte.
const STARTUP: u8 = 0;

/// Takes the next message that is there as a whole, and gives its type byte: what it asks for is known.
fn next_kind(input: &mut BytesMut, has_kind: bool) -> Option<u8> {
    let head = usize::from(has_kind);
    let length = input.get(head..head + 4)?.get_u32() as usize;
    if input.len() < head + length {
        return None;
    }
    let kind = if has_kind { input[0] } else { STARTUP };
    input.advance(head + length);
    Some(kind)
}

fn put(output: &mut BytesMut, kind: u8, body: impl FnOnce(&mut BytesMut)) {
    output.put_u8(kind);
    let start = output.len();
    output.put_u32(0);
    body(output);
    let length = (output.len() - start) as u32;
    output[start..start + 4].copy_from_slice(&length.to_be_bytes());
}
