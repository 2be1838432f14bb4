//! Messages from clients.

use serde_json::{Map, Value};

use crate::base::limits::{self, LimitSet};
use crate::base::{SqlState, UserFacing, nesting_depth};

use super::channel::{Channel, is_id};

/// A message that was understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientMessage {
    /// A token, at the start or in place of one that expires.
    Auth {
        /// The token.
        token: String,
    },
    /// Wants what is sent on a channel.
    Subscribe {
        /// The channel.
        channel: Channel,
        /// Where the client was when it left.
        since: Option<Since>,
    },
    /// No longer wants it.
    Unsubscribe {
        /// The channel.
        channel: Channel,
    },
    /// Wants a sign of life.
    Ping,
}

/// A place in a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Since {
    /// The epoch that `subscribed` or `connected` told.
    pub epoch: String,
    /// The offset of the last message that the client has.
    pub offset: u64,
}

/// An answer of type `error`; the connection goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The code by which programs tell errors apart.
    pub code: &'static str,
    /// The SQLSTATE, where there is one.
    pub sqlstate: Option<SqlState>,
    /// What is wrong.
    pub detail: String,
    /// The `id` of the request, where it had one.
    pub id: Option<String>,
}

impl Refusal {
    pub(super) fn new(code: &'static str, detail: impl Into<String>) -> Self {
        Self { code, sqlstate: None, detail: detail.into(), id: None }
    }

    /// An error that both fronts know.
    pub(super) fn of(code: &'static str, error: &dyn UserFacing) -> Self {
        let detail = match error.detail() {
            Some(detail) => format!("{}: {detail}", error.message()),
            None => error.message(),
        };
        Self { code, sqlstate: Some(error.sqlstate()), detail, id: None }
    }

    fn with_id(mut self, id: Option<&str>) -> Self {
        self.id = id.map(str::to_owned);
        self
    }
}

/// Requests of the protocol that this version does not answer.
const LATER: [&str; 9] =
    ["watch", "unwatch", "compile", "preview", "validate", "schema", "execute", "cancel", "catalog"];

/// Reads one message.
///
/// # Errors
/// [`Refusal`] with the code `bad_json`, `too_deep`, `bad_message`, `unknown_action`, `bad_channel` or `not_supported`.
pub fn parse(text: &str, limits: &LimitSet) -> Result<ClientMessage, Refusal> {
    limits.check(limits::JSON_DEPTH, nesting_depth(text)).map_err(|report| Refusal::of("too_deep", &report))?;
    let value: Value = serde_json::from_str(text).map_err(|error| Refusal::new("bad_json", error.to_string()))?;
    let Value::Object(fields) = value else {
        return Err(Refusal::new("bad_message", "a message is a JSON object"));
    };
    let id = fields.get("id").and_then(Value::as_str).filter(|id| is_id(id));
    message(&fields).map_err(|refusal| refusal.with_id(id))
}

fn message(fields: &Map<String, Value>) -> Result<ClientMessage, Refusal> {
    match text_of(fields, "action")? {
        "auth" => Ok(ClientMessage::Auth { token: text_of(fields, "token")?.to_owned() }),
        "subscribe" => Ok(ClientMessage::Subscribe { channel: channel_of(fields)?, since: since_of(fields)? }),
        "unsubscribe" => Ok(ClientMessage::Unsubscribe { channel: channel_of(fields)? }),
        "ping" => Ok(ClientMessage::Ping),
        later if LATER.contains(&later) => {
            let mut refusal = Refusal::new("not_supported", format!("\"{later}\" is not supported by this version"));
            refusal.sqlstate = Some(SqlState::FEATURE_NOT_SUPPORTED);
            Err(refusal)
        }
        unknown => {
            let shown: String = unknown.chars().take(64).collect();
            Err(Refusal::new("unknown_action", format!("there is no action \"{shown}\"")))
        }
    }
}

fn text_of<'a>(fields: &'a Map<String, Value>, key: &str) -> Result<&'a str, Refusal> {
    let missing = || Refusal::new("bad_message", format!("\"{key}\" is missing or no text"));
    fields.get(key).and_then(Value::as_str).ok_or_else(missing)
}

fn channel_of(fields: &Map<String, Value>) -> Result<Channel, Refusal> {
    let text = text_of(fields, "channel")?;
    text.parse().map_err(|error: super::InvalidChannel| Refusal::new("bad_channel", error.to_string()))
}

fn since_of(fields: &Map<String, Value>) -> Result<Option<Since>, Refusal> {
    let bad = || Refusal::new("bad_message", "\"since\" is {\"epoch\": text, \"offset\": number}");
    match fields.get("since") {
        None | Some(Value::Null) => Ok(None),
        Some(since) => {
            let epoch = since.get("epoch").and_then(Value::as_str).ok_or_else(bad)?.to_owned();
            let offset = since.get("offset").and_then(Value::as_u64).ok_or_else(bad)?;
            Ok(Some(Since { epoch, offset }))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn code(text: &str) -> &'static str {
        parse(text, &LimitSet::default()).unwrap_err().code
    }

    #[test]
    fn good_messages_are_understood() {
        let read = |text: &str| parse(text, &LimitSet::default()).unwrap();
        assert_eq!(read(r#"{"action":"ping","extra":1}"#), ClientMessage::Ping);
        assert_eq!(read(r#"{"action":"auth","token":"t"}"#), ClientMessage::Auth { token: "t".into() });
        assert_eq!(
            read(r#"{"action":"subscribe","channel":"general","since":{"epoch":"e","offset":7}}"#),
            ClientMessage::Subscribe { channel: Channel::General, since: Some(Since { epoch: "e".into(), offset: 7 }) }
        );
        assert_eq!(
            read(r#"{"action":"unsubscribe","channel":"widget:w"}"#),
            ClientMessage::Unsubscribe { channel: Channel::Widget("w".into()) }
        );
    }

    #[test]
    fn bad_messages_say_what_is_wrong_with_them() {
        assert_eq!(code(""), "bad_json");
        assert_eq!(code("{"), "bad_json");
        assert_eq!(code("[]"), "bad_message");
        assert_eq!(code("{}"), "bad_message");
        assert_eq!(code(r#"{"action":1}"#), "bad_message");
        assert_eq!(code(r#"{"action":"dance"}"#), "unknown_action");
        assert_eq!(code(r#"{"action":"subscribe"}"#), "bad_message");
        assert_eq!(code(r#"{"action":"subscribe","channel":"acme:general"}"#), "bad_channel");
        assert_eq!(
            code(r#"{"action":"subscribe","channel":"general","since":{"epoch":"e","offset":-1}}"#),
            "bad_message"
        );
        assert_eq!(code(r#"{"action":"auth"}"#), "bad_message");
        assert_eq!(code(&"[".repeat(1_000_000)), "too_deep");
        assert_eq!(code(&format!("{}{}", "[".repeat(64), "]".repeat(64))), "bad_message");
        assert_eq!(code(&format!("{}{}", "[".repeat(65), "]".repeat(65))), "too_deep");
    }

    #[test]
    fn a_refusal_bears_the_id_of_the_request() {
        let refusal = parse(r#"{"action":"preview","id":"r-1"}"#, &LimitSet::default()).unwrap_err();
        assert_eq!((refusal.code, refusal.id.as_deref()), ("not_supported", Some("r-1")));
        assert_eq!(refusal.sqlstate, Some(SqlState::FEATURE_NOT_SUPPORTED));
        assert_eq!(parse(r#"{"action":"x","id":"a:b"}"#, &LimitSet::default()).unwrap_err().id, None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}") {
            drop(parse(&text, &LimitSet::default()));
        }

        #[test]
        fn no_json_makes_it_panic(action in "auth|subscribe|unsubscribe|ping|watch", value in "[0-9]{1,30}|\"x\"|null|\\{\\}") {
            let text = format!(r#"{{"action":"{action}","channel":{value},"since":{value},"token":{value},"id":{value}}}"#);
            drop(parse(&text, &LimitSet::default()));
        }
    }
}
