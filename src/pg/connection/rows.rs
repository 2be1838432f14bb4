//! Sends rows as they are made, and pauses where the client wants it.

use std::task::Poll;
use std::time::{Duration, Instant};

use datafusion::arrow::array::RecordBatch;
use futures::future::poll_fn;

use crate::engine::OpenRows;
use crate::pg::encode::RowEncoder;
use crate::pg::failure::Failure;
use crate::pg::socket::Socket;

/// How long a client may take nothing before its query gives its place among those that run to somebody else.
const PATIENCE: Duration = Duration::from_secs(1);

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
    /// How long the statement may run.
    pub timeout: Option<Duration>,
}

/// Sends rows; gives their number and why it stopped.
pub async fn send(
    rows: &mut OpenRows,
    encoder: &mut RowEncoder,
    socket: &mut Socket,
    pace: Pace,
) -> Result<(u64, Stop), Failure> {
    let started = Instant::now();
    let mut sent = 0;
    loop {
        let wanted = pace.max_rows.map_or(u64::MAX, |max_rows| max_rows - sent);
        if wanted == 0 {
            return Ok((sent, Stop::Paused));
        }
        let Some(batch) = next_batch(rows, socket, wanted, sent > 0).await? else {
            return Ok((sent, Stop::End));
        };
        let encoded = encoder.batch(&batch)?;
        for row in 0..encoded.rows() {
            if socket.output.len() >= pace.buffer_bytes {
                let left = pace.timeout.map(|timeout| timeout.saturating_sub(started.elapsed()));
                flush(rows, socket, left).await?;
            }
            encoded.write_row(row, &mut socket.output)?;
        }
        sent += encoded.rows() as u64;
    }
}

/// Sends what waits. A client that takes its time keeps its own query waiting and nobody else's.
async fn flush(rows: &mut OpenRows, socket: &mut Socket, left: Option<Duration>) -> Result<(), Failure> {
    {
        let flushing = socket.flush();
        tokio::pin!(flushing);
        match tokio::time::timeout(PATIENCE, &mut flushing).await {
            Ok(flushed) => return flushed,
            Err(_) => {
                rows.suspend();
                flushing.await?;
            }
        }
    }
    Ok(socket.while_connected(rows.resume(left)).await??)
}

/// The next batch. Rows that are ready are sent before waiting for it, so that the client sees the first row as soon as it
/// exists; while waiting, a client that leaves is noticed.
async fn next_batch(
    rows: &mut OpenRows,
    socket: &mut Socket,
    wanted: u64,
    rows_wait: bool,
) -> Result<Option<RecordBatch>, Failure> {
    let next = match poll_fn(|context| Poll::Ready(rows.poll_rows(context, wanted))).await {
        Poll::Ready(next) => next.transpose()?,
        Poll::Pending => {
            if rows_wait {
                socket.flush().await?;
            }
            socket.while_connected(rows.next(wanted)).await??
        }
    };
    Ok(next)
}
