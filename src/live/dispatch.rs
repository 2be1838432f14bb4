//! From the pipeline's broadcasts to the queues of the connections.
//!
//! A message is made once for everybody, or once for a tenant where its rows differ, and shared after that.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, Utc};
use datafusion::arrow::array::RecordBatch;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::base::{InternalError, TableName};
use crate::engine::hub::Broadcast;
use crate::tenancy::{Admission, Cell, Policy};

use super::channel::Channel;
use super::channels::alert;
use super::members::Group;
use super::rows::{Compared, json_columns, json_rows, json_text};
use super::server::Shared;
use super::server_message::{ServerMessage, moment};

/// How often old messages of channels are looked for.
const SWEEP: Duration = Duration::from_secs(10);
/// The word for the pipeline's broadcasts in `resync`; no client can name such a channel.
const BROADCAST: &str = "broadcast";
/// The widget that alerts go to.
const ALERTS: &str = "alerts";

/// Delivers until the shutdown.
pub(super) async fn run(shared: Arc<Shared>, mut broadcasts: Receiver<Arc<Broadcast>>, shutdown: CancellationToken) {
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = sweep.tick() => shared.context.channels.sweep(),
            received = broadcasts.recv() => match received {
                Ok(message) => deliver(&shared, &message),
                Err(RecvError::Lagged(lost)) => resync(&shared, lost),
                Err(RecvError::Closed) => return,
            },
        }
    }
}

fn deliver(shared: &Shared, message: &Broadcast) {
    shared.context.metrics.broadcasts.inc();
    match message {
        Broadcast::TableUpdate { table, at } => table_update(shared, table, *at),
        Broadcast::TableRows { table, rows, at } => table_rows(shared, table, rows, *at),
        Broadcast::Alert { table, symbol, kind, message, at } => {
            let message = alert(symbol, kind, message, *at);
            let channel = Channel::Widget(ALERTS.to_owned());
            let Some(policy) = shared.context.policies.of(table) else { return };
            let row = |column: &str| if column == "symbol" { Cell::Text(symbol) } else { Cell::Absent };
            for tenant in shared.context.authenticators.tenants() {
                if policy.admits(tenant, row) == Admission::Yes {
                    shared.context.channels.publish(&tenant.id, &channel, &message);
                }
            }
        }
    }
}

/// Some broadcasts were lost: every client must look for itself.
fn resync(shared: &Shared, lost: u64) {
    shared.context.metrics.lost_broadcasts.inc_by(lost);
    let text = ServerMessage::Resync { channel: BROADCAST }.text();
    shared.members.each(|group| group.outboxes().for_each(|outbox| outbox.push(text.clone())));
}

fn update_text(table: &TableName, at: DateTime<Utc>) -> Utf8Bytes {
    ServerMessage::TableUpdate { table, at: moment(at) }.text()
}

fn table_update(shared: &Shared, table: &TableName, at: DateTime<Utc>) {
    // A table without a policy does not exist for anybody, so its name must not get out either.
    if shared.context.policies.of(table).is_none() {
        return;
    }
    let text = update_text(table, at);
    shared.members.each(|group| send_update(group, table, &text));
}

fn send_update(group: &Group, table: &TableName, text: &Utf8Bytes) {
    group.outboxes().for_each(|outbox| outbox.push_update(table, text.clone()));
}

fn table_rows(shared: &Shared, table: &TableName, batch: &RecordBatch, at: DateTime<Utc>) {
    let Some(policy) = shared.context.policies.of(table) else { return };
    let rows = match json_rows(batch) {
        Ok(rows) => rows,
        Err(error) => {
            drop(InternalError::new(error));
            return table_update(shared, table, at);
        }
    };
    let compared = Compared::new(batch, policy);
    let head = format!(
        "{{\"type\":\"table_rows\",\"table\":{},\"at\":{},\"columns\":{},\"rows\":[",
        json_text(&table.to_string()),
        json_text(&moment(at)),
        json_columns(batch)
    );
    shared.members.each(|group| match rows_text(&head, &rows, &compared, policy, group) {
        Some(text) if text.is_empty() => {}
        Some(text) => group.outboxes().for_each(|outbox| outbox.push(text.clone())),
        None => send_update(group, table, &update_text(table, at)),
    });
}

/// The message for one tenant: empty when it may see none of the rows, `None` when that cannot be told.
fn rows_text(head: &str, rows: &[String], compared: &Compared, policy: &Policy, group: &Group) -> Option<Utf8Bytes> {
    let admitted = compared.admitted(policy, &group.tenant)?;
    if admitted.is_empty() {
        return Some(Utf8Bytes::default());
    }
    let chosen: Vec<&str> = admitted.iter().filter_map(|row| rows.get(*row)).map(String::as_str).collect();
    Some(format!("{head}{}]}}", chosen.join(",")).into())
}
