//! The side listener: WebSocket, health, metrics.
//!
//! Comes in: HTTP requests, WebSocket messages, the pipeline's broadcasts. Goes out: what `live.md` of the protocol says,
//! as JSON (`protocol/websocket.schema.json`).
//! Does not: plan or run queries, or know a store.
//! Invariant: a row of a broadcast reaches a connection only after its tenant's policy said yes, and a slow client
//! slows nobody else: every hand-over between tasks is a bounded queue that nobody waits for.

mod channel;
mod channels;
mod client;
mod close;
mod connection;
mod context;
mod dispatch;
mod members;
mod metrics;
mod outbox;
mod rows;
mod server;
mod server_message;
mod upgrade;

pub use channel::{Channel, InvalidChannel};
pub use channels::{ChannelMessage, Channels, ExecutionState};
pub use client::{ClientMessage, Refusal, Since, parse as parse_client_message};
pub use close::Close;
pub use context::{LiveContext, LiveSettings, Readiness};
pub use metrics::Metrics;
pub use server::serve;
