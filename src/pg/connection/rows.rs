//! Sends rows as they are made, and pauses where the client wants it.

use futures::StreamExt;
use std::task::Poll;

use datafusion::arrow::array::RecordBatch;

use crate::base::ErrorReport;
use crate::engine::{RowStream, RowsTag};
use crate::pg::encode::{BatchEncoder, RowEncoder};
use crate::pg::failure::Failure;
use crate::pg::socket::Socket;

/// A result that is being sent.
pub struct Rows {
    tag: RowsTag,
    stream: RowStream,
    encoder: RowEncoder,
    /// The batch that is being sent, and its next row.
    current: Option<(BatchEncoder, usize)>,
}

/// Why sending stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// There are no more rows.
    End,
    /// As many rows as were asked for.
    Paused,
}

/// When to stop and when to send.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Rows to send at most; `None` for all.
    pub max_rows: Option<u64>,
    /// Bytes that may wait in the output buffer.
    pub buffer_bytes: usize,
}

impl Rows {
    pub fn new(tag: RowsTag, stream: RowStream, encoder: RowEncoder) -> Self {
        Self { tag, stream, encoder, current: None }
    }

    /// The command tag after so many rows.
    pub fn command_tag(&self, rows: u64) -> String {
        match self.tag {
            RowsTag::Select => format!("SELECT {rows}"),
            RowsTag::Explain => "EXPLAIN".to_owned(),
            RowsTag::Show => "SHOW".to_owned(),
        }
    }

    /// Sends rows; gives their number and why it stopped.
    pub async fn send(&mut self, socket: &mut Socket, pace: Pace) -> Result<(u64, Stop), Failure> {
        let mut sent = 0;
        loop {
            let wanted = pace.max_rows.map_or(u64::MAX, |max_rows| max_rows - sent);
            sent += self.write(socket, wanted, pace.buffer_bytes)?;
            if pace.max_rows == Some(sent) {
                return Ok((sent, Stop::Paused));
            }
            if self.current.is_some() {
                socket.flush().await?;
                continue;
            }
            match self.next_batch(socket, sent > 0).await? {
                Some(batch) => self.current = Some((self.encoder.batch(&batch)?, 0)),
                None => return Ok((sent, Stop::End)),
            }
        }
    }

    /// Writes rows of the current batch until it ends, enough were written, or the buffer is full.
    fn write(&mut self, socket: &mut Socket, wanted: u64, buffer_bytes: usize) -> Result<u64, ErrorReport> {
        let Some((batch, next)) = &mut self.current else {
            return Ok(0);
        };
        let mut written = 0;
        while written < wanted && *next < batch.rows() && socket.output.len() < buffer_bytes {
            batch.write_row(*next, &mut socket.output)?;
            *next += 1;
            written += 1;
        }
        if *next == batch.rows() {
            self.current = None;
        }
        Ok(written)
    }

    /// The next batch. Rows that are ready are sent before waiting for it, so that the client sees the first row as
    /// soon as it exists; while waiting, a client that leaves is noticed.
    async fn next_batch(&mut self, socket: &mut Socket, rows_wait: bool) -> Result<Option<RecordBatch>, Failure> {
        let next = match futures::poll!(self.stream.next()) {
            Poll::Ready(next) => next,
            Poll::Pending => {
                if rows_wait {
                    socket.flush().await?;
                }
                socket.while_connected(self.stream.next()).await?
            }
        };
        Ok(next.transpose()?)
    }
}
