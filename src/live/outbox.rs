//! The bounded queue of one connection.
//!
//! Whoever sends never waits: a message is queued, merged with one that says the same, or the client loses its place.

use std::collections::{HashMap, VecDeque};

use axum::extract::ws::Utf8Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::base::TableName;
use crate::base::limits::{self, LimitSet};

use super::close::Close;
use super::metrics::Metrics;

/// The queue of one connection.
#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// Wakes the writer: a message or the end.
    filled: Notify,
    /// Wakes whoever waits for the end only.
    ended: Notify,
    messages_limit: usize,
    bytes_limit: usize,
    metrics: Metrics,
}

#[derive(Debug, Default)]
struct State {
    queue: VecDeque<Utf8Bytes>,
    bytes: usize,
    /// How many messages have left the queue, so that a message's number minus this is its place.
    taken: u64,
    /// The numbers of the queued `table_update` messages.
    updates: HashMap<TableName, u64>,
    end: Option<Close>,
}

/// What the writer does next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Send this.
    Text(Utf8Bytes),
    /// Close with this reason.
    Close(Close),
}

impl Outbox {
    pub(super) fn new(limits: &LimitSet, metrics: Metrics) -> Self {
        Self {
            state: Mutex::default(),
            filled: Notify::new(),
            ended: Notify::new(),
            messages_limit: limits.of(limits::WEBSOCKET_QUEUE_MESSAGES),
            bytes_limit: limits.of(limits::WEBSOCKET_QUEUE_BYTES),
            metrics,
        }
    }

    /// Queues a message; a full queue ends the connection.
    pub(super) fn push(&self, text: Utf8Bytes) {
        self.add(text, None);
    }

    /// Queues a `table_update`; one of the same table that still waits is replaced.
    pub(super) fn push_update(&self, table: &TableName, text: Utf8Bytes) {
        self.add(text, Some(table));
    }

    fn add(&self, text: Utf8Bytes, update_of: Option<&TableName>) {
        let mut state = self.state.lock();
        if state.end.is_some() {
            return;
        }
        if let Some(table) = update_of
            && state.merge(table, &text)
        {
            self.metrics.merged.inc();
            return;
        }
        if state.queue.len() >= self.messages_limit || state.bytes + text.len() > self.bytes_limit {
            self.end(&mut state, Close::Slow);
            return;
        }
        if let Some(table) = update_of {
            let number = state.taken + state.queue.len() as u64;
            state.updates.insert(table.clone(), number);
        }
        state.bytes += text.len();
        state.queue.push_back(text);
        drop(state);
        self.filled.notify_one();
    }

    /// Ends the connection; what waits is dropped. The first reason stays.
    pub(super) fn close(&self, close: Close) {
        self.end(&mut self.state.lock(), close);
    }

    fn end(&self, state: &mut State, close: Close) {
        if state.end.is_none() {
            let taken = state.taken;
            *state = State { end: Some(close), taken, ..State::default() };
            self.metrics.closed(close);
            self.filled.notify_one();
            self.ended.notify_one();
        }
    }

    /// Whether the connection ends.
    pub(super) fn is_closed(&self) -> bool {
        self.state.lock().end.is_some()
    }

    /// The next thing to do. For one writer; may be dropped while it waits.
    pub(super) async fn next(&self) -> Next {
        loop {
            if let Some(next) = self.take() {
                return next;
            }
            self.filled.notified().await;
        }
    }

    /// Returns when the connection ends. For one writer.
    pub(super) async fn closed(&self) {
        while !self.is_closed() {
            self.ended.notified().await;
        }
    }

    fn take(&self) -> Option<Next> {
        let mut state = self.state.lock();
        if let Some(close) = state.end {
            return Some(Next::Close(close));
        }
        let text = state.queue.pop_front()?;
        state.bytes -= text.len();
        let number = state.taken;
        state.taken += 1;
        state.updates.retain(|_, queued| *queued != number);
        self.metrics.sent.inc();
        Some(Next::Text(text))
    }
}

impl State {
    /// Puts the text in the place of the queued one of the same table.
    fn merge(&mut self, table: &TableName, text: &Utf8Bytes) -> bool {
        let Some(number) = self.updates.get(table) else { return false };
        let place = usize::try_from(number - self.taken).ok().and_then(|place| self.queue.get_mut(place));
        let Some(place) = place else { return false };
        self.bytes = self.bytes - place.len() + text.len();
        *place = text.clone();
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outbox(changes: &[(&str, usize)]) -> Outbox {
        let mut limits = LimitSet::default();
        for (name, value) in changes {
            limits.set(name, *value).unwrap();
        }
        Outbox::new(&limits, Metrics::default())
    }

    fn drain(outbox: &Outbox) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(Next::Text(text)) = outbox.take() {
            texts.push(text.to_string());
        }
        texts
    }

    #[test]
    fn updates_of_one_table_merge_in_place_and_the_rest_keeps_its_order() {
        let outbox = outbox(&[]);
        let (trades, quotes) = (TableName::new("s", "trades"), TableName::new("s", "quotes"));
        outbox.push("a".into());
        outbox.push_update(&trades, "t1".into());
        outbox.push("b".into());
        outbox.push_update(&quotes, "q1".into());
        outbox.push_update(&trades, "t2".into());
        assert_eq!(drain(&outbox), ["a", "t2", "b", "q1"]);
        outbox.push_update(&trades, "t3".into());
        outbox.push_update(&trades, "t4".into());
        assert_eq!(drain(&outbox), ["t4"]);
    }

    #[test]
    fn one_message_past_the_limit_ends_the_connection() {
        let outbox = outbox(&[("websocket_queue_messages", 2)]);
        let trades = TableName::new("s", "trades");
        outbox.push("a".into());
        outbox.push_update(&trades, "t1".into());
        outbox.push_update(&trades, "t2".into());
        assert!(!outbox.is_closed());
        outbox.push("c".into());
        assert_eq!(outbox.take(), Some(Next::Close(Close::Slow)));
        outbox.close(Close::GoingAway);
        assert_eq!(outbox.take(), Some(Next::Close(Close::Slow)));
    }

    #[test]
    fn one_byte_past_the_limit_ends_the_connection() {
        let outbox = outbox(&[("websocket_queue_bytes", 4)]);
        outbox.push("1234".into());
        assert_eq!(drain(&outbox), ["1234"]);
        outbox.push("123".into());
        outbox.push("45".into());
        assert!(outbox.is_closed());
    }

    #[tokio::test]
    async fn the_end_reaches_a_writer_that_waits_for_either() {
        let outbox = outbox(&[]);
        let (next, ()) = tokio::join!(outbox.next(), async {
            tokio::task::yield_now().await;
            outbox.close(Close::Expired);
        });
        assert_eq!(next, Next::Close(Close::Expired));
        outbox.closed().await;
        assert_eq!(outbox.next().await, Next::Close(Close::Expired));
    }
}
