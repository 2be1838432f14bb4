//! From the first byte to a known user: encryption, cancel requests, protocol version, settings.

use bytes::Bytes;

use crate::base::{ErrorReport, SessionId, SqlState};
use crate::engine::SessionKey;

use super::failure::{Failure, violation};
use super::message::{Body, outgoing};
use super::socket::{Socket, Transport};
use super::tls::TlsSettings;

const CANCEL_REQUEST: i32 = 80_877_102;
const SSL_REQUEST: i32 = 80_877_103;
const GSSENC_REQUEST: i32 = 80_877_104;
const PROTOCOL_MAJOR: i32 = 3;
const PROTOCOL_MINOR: i32 = 0;
/// The first byte of a TLS handshake.
const TLS_HANDSHAKE: u8 = 0x16;

/// What a new connection wants.
#[derive(Debug)]
pub enum Opening {
    /// A session.
    Session(Box<Socket>, StartupMessage),
    /// To cancel another session's statement.
    Cancel(SessionKey),
}

/// What the startup message says.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct StartupMessage {
    /// The login name.
    pub user: String,
    /// The database; the user's name when the message has none.
    pub database: String,
    /// Settings, those of `options` first.
    pub settings: Vec<(String, String)>,
}

/// Talks until the client asks for a session or a cancel.
pub async fn open(transport: Transport, tls: Option<&TlsSettings>, limit_bytes: usize) -> Result<Opening, Failed> {
    let transport = direct_tls(transport, tls).await.map_err(|failure| Failed { failure, socket: None })?;
    let mut socket = Socket::new(transport);
    loop {
        match step(&mut socket, limit_bytes, tls.is_some()).await {
            Ok(Step::Cancel(key)) => return Ok(Opening::Cancel(key)),
            Ok(Step::Session(message)) => return Ok(Opening::Session(Box::new(socket), message)),
            Ok(Step::Continue) => {}
            Ok(Step::Encrypt) => {
                socket = encrypt(socket, tls).await.map_err(|failure| Failed { failure, socket: None })?;
            }
            Err(failure) => return Err(Failed { failure, socket: Some(Box::new(socket)) }),
        }
    }
}

/// A failed opening, with the socket when the client can still be told.
#[derive(Debug)]
pub struct Failed {
    /// What went wrong.
    pub failure: Failure,
    /// Where to tell it.
    pub socket: Option<Box<Socket>>,
}

enum Step {
    Cancel(SessionKey),
    Session(StartupMessage),
    Encrypt,
    Continue,
}

async fn direct_tls(transport: Transport, tls: Option<&TlsSettings>) -> Result<Transport, Failure> {
    match (transport, tls) {
        (Transport::Plain(stream), Some(tls)) => {
            let mut first = [0];
            if stream.peek(&mut first).await? == 1 && first[0] == TLS_HANDSHAKE {
                return tls.accept(stream, true).await;
            }
            Ok(Transport::Plain(stream))
        }
        (transport, _) => Ok(transport),
    }
}

async fn encrypt(socket: Socket, tls: Option<&TlsSettings>) -> Result<Socket, Failure> {
    match (socket.into_transport(), tls) {
        (Transport::Plain(stream), Some(tls)) => Ok(Socket::new(tls.accept(stream, false).await?)),
        (transport, _) => Ok(Socket::new(transport)),
    }
}

async fn step(socket: &mut Socket, limit_bytes: usize, can_encrypt: bool) -> Result<Step, Failure> {
    let mut body = Body::new(socket.startup_packet(limit_bytes).await?);
    match body.int32()? {
        SSL_REQUEST => {
            let encrypt = can_encrypt && !socket.is_encrypted();
            // What came unencrypted behind the request could be injected; PostgreSQL ends such a connection too.
            if encrypt && socket.has_input() {
                return Err(Failure::broken("received unencrypted data after SSL request"));
            }
            answer(socket, if encrypt { b'S' } else { b'N' }).await?;
            Ok(if encrypt { Step::Encrypt } else { Step::Continue })
        }
        GSSENC_REQUEST => answer(socket, b'N').await.map(|()| Step::Continue),
        CANCEL_REQUEST => {
            let key = SessionKey { id: SessionId(body.int32()?), secret: body.int32()? };
            Ok(Step::Cancel(key))
        }
        version if version >> 16 == PROTOCOL_MAJOR => {
            let (message, unknown_options) = startup_message(body).map_err(Failure::Fatal)?;
            if version & 0xffff != PROTOCOL_MINOR || !unknown_options.is_empty() {
                outgoing::negotiate_protocol_version(&mut socket.output, PROTOCOL_MINOR, &unknown_options);
            }
            Ok(Step::Session(message))
        }
        version => Err(Failure::Fatal(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!(
                "unsupported frontend protocol {}.{}: server supports {PROTOCOL_MAJOR}.0 to {PROTOCOL_MAJOR}.{PROTOCOL_MINOR}",
                version.cast_unsigned() >> 16,
                version & 0xffff
            ),
        ))),
    }
}

async fn answer(socket: &mut Socket, byte: u8) -> Result<(), Failure> {
    socket.output.extend_from_slice(&[byte]);
    socket.flush().await
}

/// Reads the pairs; the second part are protocol options that this server does not know.
fn startup_message(mut body: Body) -> Result<(StartupMessage, Vec<String>), ErrorReport> {
    let mut message = StartupMessage::default();
    let mut unknown_options = Vec::new();
    let mut later_settings = Vec::new();
    loop {
        let name = body.text().map_err(layout)?;
        if name.is_empty() {
            break;
        }
        let value = body.text().map_err(layout)?;
        match name.as_str() {
            "user" => message.user = value,
            "database" => message.database = value,
            "options" => message.settings = command_line(&value)?,
            "replication" => refuse_replication(&value)?,
            protocol if protocol.starts_with("_pq_.") => unknown_options.push(name),
            _ => later_settings.push((name, value)),
        }
    }
    expect_end(body.remainder())?;
    message.settings.append(&mut later_settings);
    if message.user.is_empty() {
        return Err(ErrorReport::new(
            SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
            "no PostgreSQL user name specified in startup packet",
        ));
    }
    if message.database.is_empty() {
        message.database.clone_from(&message.user);
    }
    Ok((message, unknown_options))
}

fn layout(report: ErrorReport) -> ErrorReport {
    if report.sqlstate == SqlState::PROTOCOL_VIOLATION {
        return violation("invalid startup packet layout: expected terminator as last byte");
    }
    report
}

fn expect_end(rest: Bytes) -> Result<(), ErrorReport> {
    Body::new(rest).end().map_err(layout)
}

fn refuse_replication(value: &str) -> Result<(), ErrorReport> {
    match value {
        "false" | "off" | "no" | "0" => Ok(()),
        _ => Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, "replication connections are not supported")),
    }
}

/// Takes `-c name=value`, `-cname=value` and `--name=value` apart; a backslash keeps the next character.
fn command_line(text: &str) -> Result<Vec<(String, String)>, ErrorReport> {
    let invalid = |word: &str| {
        ErrorReport::new(SqlState::SYNTAX_ERROR, format!("invalid command-line argument for server process: {word}"))
    };
    let mut settings = Vec::new();
    let mut words = words(text).into_iter();
    while let Some(word) = words.next() {
        let assignment = match (word.as_str(), word.strip_prefix("--"), word.strip_prefix("-c")) {
            ("-c", _, _) => words.next().ok_or_else(|| invalid(&word))?,
            (_, Some(long), _) => long.to_owned(),
            (_, None, Some(short)) => short.to_owned(),
            (_, None, None) => return Err(invalid(&word)),
        };
        let (name, value) = assignment.split_once('=').ok_or_else(|| invalid(&word))?;
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok(settings)
}

/// The words of a command line.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character.is_whitespace() {
            words.push(String::new());
            continue;
        }
        let kept = if character == '\\' { characters.next() } else { Some(character) };
        if let Some(word) = words.last_mut() {
            word.extend(kept);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_taken_apart_as_on_a_command_line() {
        let settings = command_line(r"-c search_path=a,\ b  -cstatement_timeout=5s --time-zone=UTC").unwrap();
        let expected = [("search_path", "a, b"), ("statement_timeout", "5s"), ("time_zone", "UTC")];
        assert_eq!(settings, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(command_line("-d").is_err());
        assert!(command_line("-c").is_err());
        assert!(command_line("--novalue").is_err());
    }

    #[test]
    fn a_startup_message_has_a_user_and_ends_where_it_says() {
        let read = |bytes: &'static [u8]| startup_message(Body::new(Bytes::from_static(bytes)));
        let (message, unknown) = read(b"user\0me\0application_name\0x\0_pq_.new\0\0\0").unwrap();
        assert_eq!((message.user.as_str(), message.database.as_str()), ("me", "me"));
        assert_eq!(message.settings, [("application_name".to_owned(), "x".to_owned())]);
        assert_eq!(unknown, ["_pq_.new"]);
        assert_eq!(read(b"user\0me\0").unwrap_err().sqlstate, SqlState::PROTOCOL_VIOLATION);
        assert_eq!(read(b"user\0me\0\0x").unwrap_err().sqlstate, SqlState::PROTOCOL_VIOLATION);
        assert_eq!(read(b"user\0\xff\0\0").unwrap_err().sqlstate, SqlState::CHARACTER_NOT_IN_REPERTOIRE);
        assert_eq!(read(b"\0").unwrap_err().sqlstate, SqlState::INVALID_AUTHORIZATION_SPECIFICATION);
        assert!(read(b"user\0me\0replication\0true\0\0").is_err());
    }
}
