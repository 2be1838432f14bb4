//! Messages to clients. Their shapes are described in `protocol/websocket.schema.json`.

use axum::extract::ws::Utf8Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;

use crate::base::{InternalError, SqlState, TableName};

use super::client::Refusal;

/// A message that is made for one connection or one broadcast.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ServerMessage<'a> {
    Connected {
        tenant_id: &'a str,
        session: &'a str,
        epoch: &'a str,
        expires_in: Option<i64>,
        heartbeat_s: u64,
    },
    Authenticated {
        expires_in: Option<i64>,
    },
    Subscribed {
        channel: String,
        epoch: &'a str,
        offset: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        recovered: Option<bool>,
    },
    Unsubscribed {
        channel: String,
    },
    Pong,
    Ping {
        timestamp: String,
    },
    Error {
        code: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        sqlstate: Option<&'a str>,
        detail: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<&'a str>,
    },
    TableUpdate {
        table: &'a TableName,
        at: String,
    },
    Resync {
        channel: &'a str,
    },
}

impl ServerMessage<'_> {
    /// The message as text.
    pub(super) fn text(&self) -> Utf8Bytes {
        text(self)
    }
}

impl Refusal {
    /// The refusal as text.
    pub(super) fn text(&self) -> Utf8Bytes {
        let sqlstate = self.sqlstate.map(SqlState::code);
        let (detail, id) = (self.detail.as_str(), self.id.as_deref());
        ServerMessage::Error { code: self.code, sqlstate, detail, id }.text()
    }
}

/// Any message as text.
pub(super) fn text(message: &impl Serialize) -> Utf8Bytes {
    match serde_json::to_string(message) {
        Ok(text) => text.into(),
        Err(error) => {
            drop(InternalError::new(error));
            Utf8Bytes::from_static(r#"{"type":"error","code":"internal","sqlstate":"XX000","detail":"internal error"}"#)
        }
    }
}

/// A moment as ISO 8601 in UTC, with as many digits as it needs.
pub(super) fn moment(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}
