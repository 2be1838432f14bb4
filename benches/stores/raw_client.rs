//! A client that costs next to nothing: it sends bytes that are ready and counts the rows that come, without reading them.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use postgres_protocol::IsNull;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use postgres_protocol::message::frontend;

use crate::Outcome;

const BUFFER_BYTES: usize = 256 * 1024;
/// Nothing that is measured is silent for so long.
const SILENCE: Duration = Duration::from_secs(120);
const TEXT_OID: u32 = 25;
/// The name of the one prepared statement.
const PREPARED: &str = "lookup";
/// The wire's number for binary values.
const BINARY: i16 = 1;

/// A session of the tenant `acme`.
pub struct RawClient {
    stream: BufReader<TcpStream>,
}

/// What came for one request.
pub struct Answer {
    pub rows: u64,
    /// From the sending of the request to the first row.
    pub first: Option<Duration>,
    /// To the end of the answer.
    pub all: Duration,
}

impl RawClient {
    /// Logs in.
    pub fn connect(port: u16) -> Outcome<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(SILENCE))?;
        let mut client = Self { stream: BufReader::with_capacity(BUFFER_BYTES, stream) };
        let mut startup = BytesMut::new();
        frontend::startup_message([("user", "acme"), ("database", "flowforge")], &mut startup)?;
        client.send(&startup)?;
        client.log_in()?;
        Ok(client)
    }

    fn log_in(&mut self) -> Outcome<()> {
        let mut scram = ScramSha256::new(b"acme", ChannelBinding::unsupported());
        loop {
            let (kind, length) = self.head()?;
            let body = self.body(length)?;
            let mut answer = BytesMut::new();
            match (kind, body.get(..4)) {
                (b'R', Some([0, 0, 0, 10])) => {
                    frontend::sasl_initial_response(SCRAM_SHA_256, scram.message(), &mut answer)?;
                }
                (b'R', Some([0, 0, 0, 11])) => {
                    scram.update(&body[4..])?;
                    frontend::sasl_response(scram.message(), &mut answer)?;
                }
                (b'R', Some([0, 0, 0, 12])) => scram.finish(&body[4..])?,
                (b'E', _) => return Err(said(&body).into()),
                (b'Z', _) => return Ok(()),
                _ => {}
            }
            if !answer.is_empty() {
                self.send(&answer)?;
            }
        }
    }

    /// Prepares the statement that [`RawClient::execution`] asks for; its parameters are texts.
    pub fn prepare(&mut self, sql: &str) -> Outcome<()> {
        let mut request = BytesMut::new();
        frontend::parse(PREPARED, sql, [TEXT_OID], &mut request)?;
        frontend::sync(&mut request);
        self.ask(&request).map(drop)
    }

    /// The bytes that run the prepared statement with these values.
    pub fn execution(values: &[&str]) -> Outcome<BytesMut> {
        let mut request = BytesMut::new();
        run(PREPARED, values, &mut request)?;
        Ok(request)
    }

    /// The bytes that prepare and run a statement without parameters.
    pub fn once(sql: &str) -> Outcome<BytesMut> {
        let mut request = BytesMut::new();
        frontend::parse("", sql, [], &mut request)?;
        run("", &[], &mut request)?;
        Ok(request)
    }

    /// Sends a request that ends with Sync, and reads all that comes for it.
    pub fn ask(&mut self, request: &[u8]) -> Outcome<Answer> {
        let started = Instant::now();
        self.send(request)?;
        let (mut rows, mut first, mut failed) = (0, None, None);
        loop {
            let (kind, length) = self.head()?;
            match kind {
                b'D' => {
                    first.get_or_insert_with(|| started.elapsed());
                    rows += 1;
                    self.skip(length)?;
                }
                b'E' => failed = Some(said(&self.body(length)?)),
                b'Z' => {
                    self.skip(length)?;
                    break;
                }
                _ => self.skip(length)?,
            }
        }
        match failed {
            Some(failed) => Err(failed.into()),
            None => Ok(Answer { rows, first, all: started.elapsed() }),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The kind of the next message and the bytes that follow.
    fn head(&mut self) -> std::io::Result<(u8, usize)> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head)?;
        let [kind, length @ ..] = head;
        Ok((kind, (u32::from_be_bytes(length) as usize).saturating_sub(4)))
    }

    fn body(&mut self, length: usize) -> std::io::Result<Vec<u8>> {
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    fn skip(&mut self, mut length: usize) -> std::io::Result<()> {
        while length > 0 {
            let there = self.stream.fill_buf()?.len().min(length);
            if there == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            self.stream.consume(there);
            length -= there;
        }
        Ok(())
    }
}

/// Bind, Execute and Sync; all values of the rows are binary.
fn run(statement: &str, values: &[&str], request: &mut BytesMut) -> Outcome<()> {
    let text = |value: &&str, bytes: &mut BytesMut| {
        bytes.extend_from_slice(value.as_bytes());
        Ok(IsNull::No)
    };
    frontend::bind("", statement, [BINARY], values, text, [BINARY], request).map_err(|_| "the values do not fit")?;
    frontend::execute("", 0, request)?;
    frontend::sync(request);
    Ok(())
}

/// The fields of an error, as they come.
fn said(body: &[u8]) -> String {
    String::from_utf8_lossy(body).replace('\0', " ")
}
