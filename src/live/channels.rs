//! Channels: numbered messages for one tenant, kept for a while for clients that come back.
//!
//! An epoch and an offset together never mean two messages. So a client that names the last one it has is given all that
//! came after it, or is told that this cannot be done.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, Utc};
use parking_lot::Mutex;
use serde::Serialize;
use serde_json::Value;

use crate::base::TenantId;
use crate::base::limits::{self, LimitSet};

use super::channel::Channel;
use super::client::Since;
use super::members::ConnectionId;
use super::outbox::Outbox;
use super::server_message::{ServerMessage, moment, text};

/// Where an execution, or one node of it, stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ExecutionState {
    /// Not begun.
    Pending,
    /// At work.
    Running,
    /// Done.
    Complete,
    /// Failed.
    Error,
    /// Stopped on request.
    Cancelled,
}

/// What is sent on a channel. The channel says which execution or widget it is about.
#[derive(Debug, Clone, PartialEq)]
pub enum ChannelMessage {
    /// An execution went on.
    ExecutionStatus {
        /// The node, or `None` for the whole.
        node_id: Option<String>,
        /// Where it stands.
        status: ExecutionState,
        /// Rows, milliseconds, store, error.
        data: Value,
    },
    /// Data for a widget.
    LiveData {
        /// The data.
        data: Value,
    },
}

/// All channels of all tenants. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Channels {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    history_messages: usize,
    history_bytes: usize,
    history: Duration,
    retired: usize,
}

type Key = (TenantId, Channel);

#[derive(Debug)]
struct State {
    /// The epoch of channels that are opened now.
    epoch: Arc<str>,
    channels: HashMap<Key, Line>,
    /// The last offsets of channels that were closed in this epoch.
    retired: HashMap<Key, u64>,
}

/// One channel.
#[derive(Debug)]
struct Line {
    epoch: Arc<str>,
    offset: u64,
    kept: VecDeque<Kept>,
    kept_bytes: usize,
    listeners: HashMap<ConnectionId, Arc<Outbox>>,
}

#[derive(Debug)]
struct Kept {
    offset: u64,
    text: Utf8Bytes,
    at: Instant,
}

impl Channels {
    /// No channels yet.
    #[must_use]
    pub fn new(limits: &LimitSet) -> Self {
        let state = State { epoch: fresh_epoch(), channels: HashMap::new(), retired: HashMap::new() };
        let inner = Inner {
            state: Mutex::new(state),
            history_messages: limits.of(limits::CHANNEL_HISTORY_MESSAGES),
            history_bytes: limits.of(limits::CHANNEL_HISTORY_BYTES),
            history: Duration::from_secs(limits.of(limits::CHANNEL_HISTORY_SECONDS) as u64),
            retired: limits.of(limits::RETIRED_CHANNELS),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a message to everybody who listens, and keeps it for those who come back. Returns its offset.
    pub fn publish(&self, tenant: &TenantId, channel: &Channel, message: &ChannelMessage) -> u64 {
        let mut state = self.inner.state.lock();
        let line = state.line(tenant, channel);
        line.offset += 1;
        let text = numbered(channel, message, line.offset);
        for outbox in line.listeners.values() {
            outbox.push(text.clone());
        }
        line.kept_bytes += text.len();
        line.kept.push_back(Kept { offset: line.offset, text, at: Instant::now() });
        while line.kept.len() > self.inner.history_messages || line.kept_bytes > self.inner.history_bytes {
            line.forget_oldest();
        }
        line.offset
    }

    /// Forgets messages that were kept long enough, and channels that nobody listens to and that keep nothing.
    pub fn sweep(&self) {
        self.sweep_older_than(self.inner.history);
    }

    fn sweep_older_than(&self, age: Duration) {
        let mut state = self.inner.state.lock();
        let mut closed = Vec::new();
        for (key, line) in &mut state.channels {
            while line.kept.front().is_some_and(|kept| kept.at.elapsed() >= age) {
                line.forget_oldest();
            }
            if line.kept.is_empty() && line.listeners.is_empty() {
                closed.push(key.clone());
            }
        }
        for key in closed {
            state.close(key);
        }
        if state.retired.len() > self.inner.retired {
            // Offsets begin again at 0, which only another epoch allows.
            state.retired.clear();
            state.epoch = fresh_epoch();
        }
    }

    /// The epoch of channels that are opened now. With offset 0 it means "from the beginning".
    pub(super) fn epoch(&self) -> Arc<str> {
        Arc::clone(&self.inner.state.lock().epoch)
    }

    /// Answers `subscribed`, sends what the client missed, and from then on what comes.
    pub(super) fn subscribe(
        &self,
        tenant: &TenantId,
        channel: &Channel,
        connection: ConnectionId,
        outbox: &Arc<Outbox>,
        since: Option<&Since>,
    ) {
        let mut state = self.inner.state.lock();
        let line = state.line(tenant, channel);
        let recovered = since.map(|since| line.covers(since));
        let (epoch, offset) = (Arc::clone(&line.epoch), line.offset);
        outbox
            .push(ServerMessage::Subscribed { channel: channel.to_string(), epoch: &epoch, offset, recovered }.text());
        if let (Some(since), Some(true)) = (since, recovered) {
            for kept in line.kept.iter().filter(|kept| kept.offset > since.offset) {
                outbox.push(kept.text.clone());
            }
        }
        line.listeners.insert(connection, Arc::clone(outbox));
    }

    /// Sends nothing more. A channel that keeps nothing is closed.
    pub(super) fn leave(&self, tenant: &TenantId, channel: &Channel, connection: ConnectionId) {
        let mut state = self.inner.state.lock();
        let key = (tenant.clone(), channel.clone());
        let Some(line) = state.channels.get_mut(&key) else { return };
        line.listeners.remove(&connection);
        if line.kept.is_empty() && line.listeners.is_empty() {
            state.close(key);
        }
    }
}

impl State {
    fn line(&mut self, tenant: &TenantId, channel: &Channel) -> &mut Line {
        let key = (tenant.clone(), channel.clone());
        let (epoch, retired) = (&self.epoch, &mut self.retired);
        self.channels.entry(key).or_insert_with_key(|key| Line {
            epoch: Arc::clone(epoch),
            offset: retired.remove(key).unwrap_or(0),
            kept: VecDeque::new(),
            kept_bytes: 0,
            listeners: HashMap::new(),
        })
    }

    fn close(&mut self, key: Key) {
        if let Some(line) = self.channels.remove(&key)
            && line.offset > 0
            && line.epoch == self.epoch
        {
            self.retired.insert(key, line.offset);
        }
    }
}

impl Line {
    /// Whether everything after a place is still here.
    fn covers(&self, since: &Since) -> bool {
        let first_kept = self.kept.front().map_or(self.offset + 1, |kept| kept.offset);
        *self.epoch == *since.epoch && since.offset <= self.offset && since.offset.saturating_add(1) >= first_kept
    }

    fn forget_oldest(&mut self) {
        if let Some(kept) = self.kept.pop_front() {
            self.kept_bytes -= kept.text.len();
        }
    }
}

fn fresh_epoch() -> Arc<str> {
    uuid::Uuid::new_v4().simple().to_string().into()
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Numbered<'a> {
    ExecutionStatus {
        channel: String,
        offset: u64,
        execution_id: Option<&'a str>,
        node_id: Option<&'a str>,
        status: ExecutionState,
        data: &'a Value,
    },
    LiveData {
        channel: String,
        offset: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        widget_id: Option<&'a str>,
        data: &'a Value,
    },
}

fn numbered(channel: &Channel, message: &ChannelMessage, offset: u64) -> Utf8Bytes {
    let name = channel.to_string();
    let (execution_id, widget_id) = match channel {
        Channel::Execution(id) => (Some(id.as_str()), None),
        Channel::Widget(id) => (None, Some(id.as_str())),
        Channel::General => (None, None),
    };
    match message {
        ChannelMessage::ExecutionStatus { node_id, status, data } => text(&Numbered::ExecutionStatus {
            channel: name,
            offset,
            execution_id,
            node_id: node_id.as_deref(),
            status: *status,
            data,
        }),
        ChannelMessage::LiveData { data } => text(&Numbered::LiveData { channel: name, offset, widget_id, data }),
    }
}

/// What an alert of the pipeline says to the widget `alerts`.
pub(super) fn alert(symbol: &str, kind: &str, message: &str, at: DateTime<Utc>) -> ChannelMessage {
    let data = serde_json::json!({"symbol": symbol, "kind": kind, "message": message, "at": moment(at)});
    ChannelMessage::LiveData { data }
}

#[cfg(test)]
#[path = "channels_tests.rs"]
mod tests;
