//! Names of channels, as clients write them: without the tenant.

use std::fmt;
use std::str::FromStr;

use crate::base::limits;

/// A channel of the client's own tenant. No text of a client can name another tenant's, a pattern or a broadcast.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Channel {
    /// `execution:<id>`: the progress of one execution.
    Execution(String),
    /// `widget:<id>`: data for one widget.
    Widget(String),
    /// `general`
    General,
}

/// A text that names no channel.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a channel is execution:<id>, widget:<id> or general, and an id matches [A-Za-z0-9_.-]{{1,128}}")]
pub struct InvalidChannel;

impl FromStr for Channel {
    type Err = InvalidChannel;

    fn from_str(text: &str) -> Result<Self, InvalidChannel> {
        match text.split_once(':') {
            Some(("execution", id)) if is_id(id) => Ok(Self::Execution(id.to_owned())),
            Some(("widget", id)) if is_id(id) => Ok(Self::Widget(id.to_owned())),
            None if text == "general" => Ok(Self::General),
            Some(_) | None => Err(InvalidChannel),
        }
    }
}

/// Whether a text is an id: `[A-Za-z0-9_.-]{1,128}`.
pub(super) fn is_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-');
    !text.is_empty() && text.len() <= limits::CHANNEL_ID_CHARACTERS && text.bytes().all(fits)
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Execution(id) => write!(f, "execution:{id}"),
            Self::Widget(id) => write!(f, "widget:{id}"),
            Self::General => f.write_str("general"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_write_back() {
        for text in ["general", "execution:a", "widget:A-1_b.c", &format!("widget:{}", "x".repeat(128))] {
            assert_eq!(text.parse::<Channel>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn nothing_names_another_tenant_a_pattern_or_a_broadcast() {
        let long = format!("widget:{}", "x".repeat(129));
        for text in [
            "",
            "General",
            "general ",
            "general:x",
            "execution",
            "execution:",
            "execution:*",
            "execution:a:b",
            "widget:{a}",
            "widget:a b",
            "widget:ä",
            "widget:a\n",
            "broadcast",
            "broadcast:table_rows",
            "acme:general",
            "flowforge:acme:general",
            "*",
            &long,
        ] {
            assert!(text.parse::<Channel>().is_err(), "{text}");
        }
    }
}
