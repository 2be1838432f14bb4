//! From the body of an answer to record batches.
//!
//! A server that fails after it has begun to send rows says so inside the body. Whether the rows are whole is therefore
//! not asked of the text: it is asked of the Arrow stream, which has an end of its own. Row data cannot pass for an
//! error, nor an error for row data.

use std::collections::VecDeque;

use bytes::Bytes;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::ipc::reader::StreamDecoder;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::exception::Exception;
use super::http::Failure;

/// Bytes at the end of a body that are kept to look for the server's last words.
const TAIL_BYTES: usize = 16 * 1024;

/// The rows of one answer.
pub(super) struct Answer {
    body: Incoming,
    decoder: StreamDecoder,
    pending: Buffer,
    tail: VecDeque<u8>,
    /// The batches read so far. Before the first one another replica may be asked.
    batches: usize,
    /// Bytes of the body read so far.
    received_bytes: u64,
}

impl Answer {
    pub(super) fn new(body: Incoming) -> Self {
        Self {
            body,
            decoder: StreamDecoder::new(),
            pending: Buffer::default(),
            tail: VecDeque::new(),
            batches: 0,
            received_bytes: 0,
        }
    }

    /// The next rows, `None` when all have come.
    pub(super) async fn next(&mut self) -> Result<Option<RecordBatch>, Failure> {
        loop {
            match self.decoder.decode(&mut self.pending) {
                Ok(Some(batch)) => {
                    self.batches += 1;
                    return Ok(Some(batch));
                }
                Ok(None) => {}
                Err(error) => return Err(self.broken(&error.to_string()).await),
            }
            match self.frame().await? {
                Some(bytes) => self.take(bytes),
                None => return self.end().map(|()| None),
            }
        }
    }

    fn take(&mut self, bytes: Bytes) {
        self.received_bytes += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        let surplus = (self.tail.len() + kept.len()).saturating_sub(TAIL_BYTES);
        self.tail.drain(..surplus.min(self.tail.len()));
        self.tail.extend(kept);
        self.pending = Buffer::from(bytes);
    }

    /// The next bytes of the body; trailers are passed over.
    async fn frame(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(bytes) = frame.into_data() {
                        return Ok(Some(bytes));
                    }
                }
                // A server that gave up has often said why before it cut the connection.
                Some(Err(error)) => {
                    return Err(match self.last_words() {
                        Some(exception) => Failure::Exception(exception),
                        None => Failure::Cut(error.to_string()),
                    });
                }
            }
        }
    }

    /// The body has ended: were the rows whole?
    fn end(&mut self) -> Result<(), Failure> {
        // A decoder that has seen the end of its stream refuses a further byte; one that waits for a message takes it.
        let has_ended =
            self.decoder.finish().is_ok() && self.decoder.decode(&mut Buffer::from(Bytes::from_static(&[0]))).is_err();
        if has_ended {
            return Ok(());
        }
        Err(match self.last_words() {
            Some(exception) => Failure::Exception(exception),
            None => Failure::Cut("the stream of rows has no end".to_owned()),
        })
    }

    /// What cannot be read as rows may be the server's last words: they are read to their end.
    async fn broken(&mut self, what: &str) -> Failure {
        while self.last_words().is_none() || self.received_bytes == 0 {
            match self.frame().await {
                Ok(Some(bytes)) => self.take(bytes),
                Ok(None) => break,
                Err(failure) => return failure,
            }
        }
        match self.last_words() {
            Some(exception) => Failure::Exception(exception),
            None => Failure::Garbage(what.to_owned()),
        }
    }

    fn last_words(&mut self) -> Option<Exception> {
        Exception::read(&String::from_utf8_lossy(self.tail.make_contiguous()))
    }
}
