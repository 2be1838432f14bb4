//! Why the server closes a WebSocket.

/// A reason with its close code. Codes from 4000 on are this protocol's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Close {
    /// The server ends; come back.
    GoingAway,
    /// Frames that are no WebSocket, or text that is no UTF-8.
    Protocol,
    /// A message was too long.
    TooBig,
    /// The tenant has too many connections; come back later.
    TooMany,
    /// No token in time, or a bad one; do not come back with the same.
    Unauthenticated,
    /// The token expired; come back with a new one.
    Expired,
    /// No sign of life.
    Dead,
    /// The client did not keep up; come back with `since`.
    Slow,
}

impl Close {
    /// The close code (RFC 6455, section 7.4).
    #[must_use]
    pub const fn code(self) -> u16 {
        match self {
            Self::GoingAway => 1001,
            Self::Protocol => 1002,
            Self::TooBig => 1009,
            Self::TooMany => 1013,
            Self::Unauthenticated => 4001,
            Self::Expired => 4002,
            Self::Dead => 4003,
            Self::Slow => 4008,
        }
    }

    /// The reason in words; close frames have room for 123 bytes.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::GoingAway => "the server shuts down",
            Self::Protocol => "the WebSocket protocol was broken",
            Self::TooBig => "limit websocket_message_bytes exceeded",
            Self::TooMany => "limit websocket_connections_per_tenant exceeded",
            Self::Unauthenticated => "a valid token is needed",
            Self::Expired => "the token has expired",
            Self::Dead => "no sign of life",
            Self::Slow => "the client did not keep up",
        }
    }
}
