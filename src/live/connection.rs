//! One WebSocket connection, from the upgrade to its end.
//!
//! The reader answers, the writer empties the queue; neither waits for the other.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use bytes::Bytes;
use chrono::Utc;
use futures::stream::{SplitSink, SplitStream};
use futures::{SinkExt, StreamExt};
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep_until, timeout};

use crate::base::limits;
use crate::tenancy::{Identity, Tenant};

use super::channel::Channel;
use super::client::{self, ClientMessage, Refusal, Since};
use super::close::Close;
use super::members::{ConnectionId, Membership};
use super::outbox::{Next, Outbox};
use super::server::Shared;
use super::server_message::{ServerMessage, moment};

/// How long a close frame may take to leave: what was on its way to a slow client goes first.
const CLOSING: Duration = Duration::from_secs(5);
/// How long the answer to a close frame may take.
const ANSWER: Duration = Duration::from_secs(1);
/// Timers cannot be set for any length of time; a token for longer is looked at again then.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

type Sink = SplitSink<WebSocket, Message>;
type Source = SplitStream<WebSocket>;

/// Serves a connection until its end.
pub(super) async fn run(socket: WebSocket, shared: &Arc<Shared>, token: Option<String>) {
    let (mut sink, mut source) = socket.split();
    match enter(&mut source, shared, token).await {
        Ok(entered) => entered.serve(sink, source).await,
        Err(Some(close)) => {
            shared.context.metrics.closed(close);
            send_close(&mut sink, close).await;
            drain(&mut source).await;
        }
        Err(None) => {}
    }
}

/// The identity of the client and a place for it. `Err(None)`: the client is gone.
async fn enter(source: &mut Source, shared: &Arc<Shared>, token: Option<String>) -> Result<Entered, Option<Close>> {
    let allowed = shared.context.settings.authentication;
    let proving = async {
        let token = match token {
            Some(token) => token,
            None => first_message(source, shared).await?,
        };
        identity(shared, &token).await.map_err(|_| Some(Close::Unauthenticated))
    };
    let identity = tokio::select! {
        () = shared.shutdown.cancelled() => return Err(Some(Close::GoingAway)),
        proven = timeout(allowed, proving) => proven.unwrap_or(Err(Some(Close::Unauthenticated)))?,
    };
    Entered::new(shared, &identity).ok_or(Some(Close::TooMany))
}

/// The token of the first message, which can be nothing but `auth`.
async fn first_message(source: &mut Source, shared: &Shared) -> Result<String, Option<Close>> {
    loop {
        let text = match source.next().await {
            None | Some(Err(_) | Ok(Message::Close(_))) => return Err(None),
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
            Some(Ok(Message::Binary(_))) => return Err(Some(Close::Unauthenticated)),
            Some(Ok(Message::Text(text))) => text,
        };
        return match client::parse(&text, &shared.context.limits) {
            Ok(ClientMessage::Auth { token }) => Ok(token),
            Ok(ClientMessage::Subscribe { .. } | ClientMessage::Unsubscribe { .. } | ClientMessage::Ping) | Err(_) => {
                Err(Some(Close::Unauthenticated))
            }
        };
    }
}

async fn identity(shared: &Shared, token: &str) -> Result<Identity, Refusal> {
    shared.context.authenticators.token_identity(token).await.map_err(|error| {
        tracing::info!(reason = %error.reason(), "a WebSocket token was refused");
        Refusal::of("auth_failed", &error)
    })
}

/// A connection whose client is known.
struct Entered {
    shared: Arc<Shared>,
    tenant: Arc<Tenant>,
    /// When the token ends, in seconds since 1970.
    expires_at: Option<i64>,
    outbox: Arc<Outbox>,
    channels: HashSet<Channel>,
    membership: Membership,
}

impl Entered {
    /// Takes a place and tells the client. Everything that is broadcast from now on reaches it, after `connected`.
    fn new(shared: &Arc<Shared>, identity: &Identity) -> Option<Self> {
        let outbox = Arc::new(Outbox::new(&shared.context.limits, shared.context.metrics.clone()));
        let session = uuid::Uuid::new_v4().to_string();
        let connected = ServerMessage::Connected {
            tenant_id: identity.tenant().id.as_str(),
            session: &session,
            epoch: &shared.context.channels.epoch(),
            expires_in: identity.expires_at().map(seconds_left),
            heartbeat_s: shared.context.settings.heartbeat.as_secs(),
        };
        outbox.push(connected.text());
        let limit = shared.context.limits.of(limits::WEBSOCKET_CONNECTIONS_PER_TENANT);
        let membership = shared.members.join(identity.tenant(), &outbox, limit)?;
        Some(Self {
            shared: Arc::clone(shared),
            tenant: Arc::clone(identity.tenant()),
            expires_at: identity.expires_at(),
            outbox,
            channels: HashSet::new(),
            membership,
        })
    }

    async fn serve(mut self, mut sink: Sink, mut source: Source) {
        let outbox = Arc::clone(&self.outbox);
        let heartbeat = self.shared.context.settings.heartbeat;
        let mut writing = pin!(write(&mut sink, &outbox, heartbeat));
        {
            let mut reading = pin!(self.read(&mut source));
            tokio::select! {
                () = &mut writing => {}
                broken = &mut reading => match broken {
                    None => return,
                    Some(close) => {
                        outbox.close(close);
                        drop(timeout(CLOSING, writing).await);
                    }
                },
            }
        }
        // The client answers the close; unread bytes at the end of a connection could take the close frame with them.
        drain(&mut source).await;
    }

    /// Reads until the client is gone (`None`) or the connection is broken. Time limits close by the queue.
    async fn read(&mut self, source: &mut Source) -> Option<Close> {
        let shutdown = self.shared.shutdown.clone();
        let dead_after = self.shared.context.settings.dead_after;
        let mut dead_at = Instant::now() + dead_after;
        loop {
            let ends_at = deadline(self.expires_at);
            tokio::select! {
                () = shutdown.cancelled(), if !self.outbox.is_closed() => self.outbox.close(Close::GoingAway),
                () = sleep_until(dead_at), if !self.outbox.is_closed() => self.outbox.close(Close::Dead),
                () = sleep_until(ends_at), if !self.outbox.is_closed() => self.expire(),
                received = source.next() => {
                    dead_at = Instant::now() + dead_after;
                    match received? {
                        Ok(message) => self.receive(message).await?,
                        Err(error) => return broken(&error).filter(|_| !self.outbox.is_closed()),
                    }
                }
            }
        }
    }

    fn expire(&self) {
        if self.expires_at.map(seconds_left).is_some_and(|left| left <= 0) {
            self.outbox.close(Close::Expired);
        }
    }

    /// Answers one message; `None` when it was the last.
    async fn receive(&mut self, message: Message) -> Option<()> {
        let limit = self.shared.context.limits.of(limits::WEBSOCKET_MESSAGE_BYTES);
        match message {
            Message::Close(_) => return None,
            Message::Ping(_) | Message::Pong(_) => {}
            Message::Text(text) if text.len() > limit => self.outbox.close(Close::TooBig),
            Message::Binary(bytes) if bytes.len() > limit => self.outbox.close(Close::TooBig),
            Message::Binary(_) => {
                self.shared.context.metrics.received.inc();
                self.refuse(&Refusal::new("binary", "a message is a text frame with JSON"));
            }
            Message::Text(text) => {
                self.shared.context.metrics.received.inc();
                self.answer(&text).await;
            }
        }
        Some(())
    }

    async fn answer(&mut self, text: &Utf8Bytes) {
        if self.outbox.is_closed() {
            return;
        }
        let answered = match client::parse(text, &self.shared.context.limits) {
            Ok(ClientMessage::Ping) => Ok(ServerMessage::Pong.text()),
            Ok(ClientMessage::Auth { token }) => self.renew(&token).await,
            Ok(ClientMessage::Subscribe { channel, since }) => return self.subscribe(channel, since.as_ref()),
            Ok(ClientMessage::Unsubscribe { channel }) => Ok(self.unsubscribe(&channel)),
            Err(refusal) => Err(refusal),
        };
        match answered {
            Ok(text) => self.outbox.push(text),
            Err(refusal) => self.refuse(&refusal),
        }
    }

    fn refuse(&self, refusal: &Refusal) {
        self.shared.context.metrics.refused.inc();
        self.outbox.push(refusal.text());
    }

    /// A new token in place of the old one. A bad one changes nothing: the old one still ends when it ends.
    async fn renew(&mut self, token: &str) -> Result<Utf8Bytes, Refusal> {
        let identity = identity(&self.shared, token).await?;
        if identity.tenant().id != self.tenant.id {
            return Err(Refusal::new("auth_failed", "a connection cannot change its tenant"));
        }
        self.expires_at = identity.expires_at();
        Ok(ServerMessage::Authenticated { expires_in: self.expires_at.map(seconds_left) }.text())
    }

    fn subscribe(&mut self, channel: Channel, since: Option<&Since>) {
        let limits = &self.shared.context.limits;
        if !self.channels.contains(&channel)
            && let Err(report) = limits.check(limits::CHANNELS_PER_CONNECTION, self.channels.len() + 1)
        {
            return self.refuse(&Refusal::of("limit_exceeded", &report));
        }
        self.shared.context.channels.subscribe(&self.tenant.id, &channel, self.id(), &self.outbox, since);
        self.channels.insert(channel);
    }

    fn unsubscribe(&mut self, channel: &Channel) -> Utf8Bytes {
        if self.channels.remove(channel) {
            self.shared.context.channels.leave(&self.tenant.id, channel, self.id());
        }
        ServerMessage::Unsubscribed { channel: channel.to_string() }.text()
    }

    fn id(&self) -> ConnectionId {
        self.membership.id
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        for channel in &self.channels {
            self.shared.context.channels.leave(&self.tenant.id, channel, self.membership.id);
        }
    }
}

/// Sends what is queued and the pings, until the end of the connection; then the close frame.
async fn write(sink: &mut Sink, outbox: &Outbox, heartbeat: Duration) {
    let mut pings = interval_at(Instant::now() + heartbeat, heartbeat);
    pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let sent = tokio::select! {
            next = outbox.next() => match next {
                Next::Close(close) => return send_close(sink, close).await,
                Next::Text(text) => send(sink, outbox, Message::Text(text)).await,
            },
            _ = pings.tick() => ping(sink, outbox).await,
        };
        if sent.is_err() {
            return;
        }
    }
}

/// A ping of the protocol for the program, and one of WebSocket, which every library answers by itself.
async fn ping(sink: &mut Sink, outbox: &Outbox) -> Result<(), axum::Error> {
    send(sink, outbox, Message::Ping(Bytes::new())).await?;
    let text = ServerMessage::Ping { timestamp: moment(Utc::now()) }.text();
    send(sink, outbox, Message::Text(text)).await
}

/// Sends one message, or gives up when the connection ends meanwhile: the client may not read any more.
async fn send(sink: &mut Sink, outbox: &Outbox, message: Message) -> Result<(), axum::Error> {
    tokio::select! {
        sent = sink.send(message) => sent,
        () = outbox.closed() => Ok(()),
    }
}

async fn send_close(sink: &mut Sink, close: Close) {
    let frame = CloseFrame { code: close.code(), reason: Utf8Bytes::from_static(close.reason()) };
    drop(timeout(CLOSING, sink.send(Message::Close(Some(frame)))).await);
}

/// Reads what still comes until the client answers the close, for a short while.
async fn drain(source: &mut Source) {
    let rest = async { while let Some(Ok(_)) = source.next().await {} };
    drop(timeout(ANSWER, rest).await);
}

/// What broke a connection, where the client can still be told. The library's own error type is not in reach behind
/// axum's, so its words must do.
fn broken(error: &axum::Error) -> Option<Close> {
    let text = error.to_string();
    if text.starts_with("Space limit exceeded") {
        return Some(Close::TooBig);
    }
    let gone = text.contains("without closing handshake") || text.starts_with("IO error");
    (!gone).then_some(Close::Protocol)
}

fn seconds_left(expires_at: i64) -> i64 {
    expires_at.saturating_sub(Utc::now().timestamp())
}

fn deadline(expires_at: Option<i64>) -> Instant {
    let left = expires_at.map_or(LONGEST, |at| {
        let milliseconds = at.saturating_mul(1_000).saturating_sub(Utc::now().timestamp_millis());
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).min(LONGEST)
    });
    Instant::now() + left
}
