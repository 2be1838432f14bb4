//! One client's socket with its two buffers.

use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::base::limits::CLIENT_WRITE_SECONDS;

use super::failure::{Failure, violation};

/// Bytes that one read asks for.
const READ_BYTES: usize = 8 * 1024;
/// Bytes that may wait unread while a statement runs; past it the client feels back-pressure.
const READ_AHEAD_BYTES: usize = 64 * 1024;
/// Bytes of a buffer that outlive a message; one huge row must not keep its memory for the rest of the session.
const KEPT_BYTES: usize = 1024 * 1024;
/// Bytes that PostgreSQL allows for messages that are never long.
const SHORT_MESSAGE_BYTES: usize = 10_000;

/// The bare or the encrypted connection.
#[derive(Debug)]
pub enum Transport {
    /// As it was accepted.
    Plain(TcpStream),
    /// After the TLS handshake.
    Tls(Box<TlsStream<TcpStream>>),
}

impl AsyncRead for Transport {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Tls(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Transport {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, data),
            Self::Tls(stream) => Pin::new(stream).poll_write(cx, data),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// One message as it came: its type byte and its body without the length.
#[derive(Debug)]
pub struct Frame {
    /// The type byte.
    pub kind: u8,
    /// Everything after the length.
    pub body: Bytes,
}

/// A socket with what was read and not yet understood, and what was written and not yet sent.
#[derive(Debug)]
pub struct Socket {
    transport: Transport,
    input: BytesMut,
    /// What the next flush sends, and what a flush that was dropped has sent of it.
    pub output: Vec<u8>,
    sent: usize,
    /// How long the client may take nothing of it.
    patience: Duration,
}

impl Socket {
    /// A socket with empty buffers.
    pub fn new(transport: Transport) -> Self {
        Self { transport, input: BytesMut::new(), output: Vec::new(), sent: 0, patience: Duration::from_secs(60) }
    }

    /// The same, with a client that may take nothing for so long.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Whether the bytes on the wire are encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(self.transport, Transport::Tls(_))
    }

    /// Whether bytes wait that nobody asked for yet.
    pub fn has_input(&self) -> bool {
        !self.input.is_empty()
    }

    /// Gives the bare connection back, for the TLS handshake.
    pub fn into_transport(self) -> Transport {
        self.transport
    }

    /// Reads what has come; 0 when the client has closed. Dropping the future loses nothing.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.input.capacity() - self.input.len() < READ_BYTES {
            self.input.reserve(READ_BYTES.max(self.input.len().min(1024 * 1024)));
        }
        self.transport.read_buf(&mut self.input).await
    }

    /// Waits until at least `count` bytes are there.
    async fn require(&mut self, count: usize) -> Result<(), Failure> {
        while self.input.len() < count {
            if self.fill().await? == 0 {
                return Err(Failure::Gone);
            }
        }
        Ok(())
    }

    /// Reads a packet without a type byte, as they come before the start of a session.
    pub async fn startup_packet(&mut self, limit_bytes: usize) -> Result<Bytes, Failure> {
        self.require(4).await?;
        let length = length_at(&self.input, 0).filter(|length| (8..=limit_bytes).contains(length));
        let Some(length) = length else {
            return Err(Failure::broken("invalid length of startup packet"));
        };
        self.require(length).await?;
        let mut packet = self.input.split_to(length).freeze();
        packet.advance(4);
        Ok(packet)
    }

    /// Reads one message. Its length is checked before its body is waited for. Dropping the future loses nothing.
    pub async fn frame(&mut self, limit_bytes: usize) -> Result<Frame, Failure> {
        loop {
            if let Some(frame) = self.ready_frame(limit_bytes)? {
                return Ok(frame);
            }
            if self.fill().await? == 0 {
                return Err(Failure::Gone);
            }
        }
    }

    /// The next message, when all of it is there.
    ///
    /// # Errors
    /// When what is there of it cannot be the beginning of one.
    pub fn ready_frame(&mut self, limit_bytes: usize) -> Result<Option<Frame>, Failure> {
        let Some(kind) = self.input.first().copied() else { return Ok(None) };
        let limit_bytes = frame_limit(kind, limit_bytes)?;
        if self.input.len() < 5 {
            return Ok(None);
        }
        let length = length_at(&self.input, 1).filter(|length| *length >= 4);
        let Some(length) = length else {
            return Err(Failure::broken("invalid message length"));
        };
        if length > limit_bytes {
            let detail = format!("The message has {length} bytes, at most {limit_bytes} are allowed.");
            return Err(Failure::Fatal(violation("invalid message length").with_detail(detail)));
        }
        if self.input.len() < 1 + length {
            return Ok(None);
        }
        let mut body = self.input.split_to(1 + length).freeze();
        body.advance(5);
        Ok(Some(Frame { kind, body }))
    }

    /// Sends what is in the output buffer. A client that takes nothing of it for too long is cut off.
    pub async fn flush(&mut self) -> Result<(), Failure> {
        while self.sent < self.output.len() {
            let written = self.transport.write(&self.output[self.sent..]);
            match tokio::time::timeout(self.patience, written).await {
                Ok(Ok(0)) => return Err(Failure::Gone),
                Ok(written) => self.sent += written?,
                Err(_) => return Err(self.stuck()),
            }
        }
        self.sent = 0;
        if self.output.capacity() > KEPT_BYTES {
            self.output = Vec::new();
        } else {
            self.output.clear();
        }
        match tokio::time::timeout(self.patience, self.transport.flush()).await {
            Ok(flushed) => Ok(flushed?),
            Err(_) => Err(self.stuck()),
        }
    }

    fn stuck(&self) -> Failure {
        let seconds = self.patience.as_secs();
        tracing::info!(seconds, limit = CLIENT_WRITE_SECONDS.name, "a client that reads nothing was cut off");
        Failure::Gone
    }

    /// Ends this side and throws away what the client still sends. To close with unread bytes would reset the connection,
    /// and the client might never see the last message.
    pub async fn drain(&mut self) -> Result<(), Failure> {
        self.transport.shutdown().await?;
        self.input.clear();
        while self.fill().await? > 0 {
            self.input.clear();
        }
        Ok(())
    }

    /// Ends the connection in order; a client that is gone already is no error.
    pub async fn close(&mut self) {
        let _ = self.transport.shutdown().await;
    }

    /// Waits for `work`, and stops when the client closes its side meanwhile.
    pub async fn while_connected<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Failure> {
        let mut work = pin!(work);
        loop {
            let room = self.input.len() < READ_AHEAD_BYTES;
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                read = self.fill(), if room => if read? == 0 { return Err(Failure::Gone) },
            }
        }
    }
}

/// The length field at an offset, as a number of bytes; `None` when it is negative.
fn length_at(input: &[u8], offset: usize) -> Option<usize> {
    let field = input.get(offset..offset + 4)?;
    usize::try_from(i32::from_be_bytes(field.try_into().ok()?)).ok()
}

/// How long a message of this type may be.
fn frame_limit(kind: u8, limit_bytes: usize) -> Result<usize, Failure> {
    match kind {
        b'Q' | b'P' | b'B' | b'F' | b'd' | b'p' => Ok(limit_bytes),
        b'D' | b'E' | b'C' | b'H' | b'S' | b'X' | b'c' | b'f' => Ok(limit_bytes.min(SHORT_MESSAGE_BYTES)),
        other => Err(Failure::broken(format!("invalid frontend message type {other}"))),
    }
}
