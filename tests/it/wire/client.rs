//! A client that sends what it is told and shows what comes, message by message.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};
use serde_json::{Value, json};

/// One connection.
pub struct Client {
    stream: TcpStream,
    key: Option<[u8; 8]>,
}

/// One message from the server.
struct Message {
    kind: u8,
    body: Vec<u8>,
}

impl Client {
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Self { stream, key: None }
    }

    /// Logs in; everything but `user` and `password` goes into the startup message as it is.
    pub fn connect(address: SocketAddr, options: &Value) -> (Self, Vec<String>) {
        let mut client = Self::open(address);
        let password = options["password"].as_str().unwrap_or_default().to_owned();
        let mut startup = options.as_object().unwrap().clone();
        startup.remove("password");
        client.write(&encode("Startup", &Value::Object(startup)));
        let mut shown = Vec::new();
        let mut scram = None;
        while let Some(message) = client.read() {
            client.authenticate(&message, &password, &mut scram);
            let text = show(&message);
            let last = text.starts_with("ReadyForQuery") || text.starts_with("ErrorResponse");
            if !text.starts_with("AuthenticationSASL") {
                shown.push(text);
            }
            if last {
                break;
            }
        }
        (client, shown)
    }

    /// Does the client's part of the login; the nonces in it differ from run to run, so none of it is shown.
    fn authenticate(&mut self, message: &Message, password: &str, scram: &mut Option<ScramSha256>) {
        match (message.kind, message.body.get(..4)) {
            (b'R', Some([0, 0, 0, 10])) => {
                let exchange = ScramSha256::new(password.as_bytes(), ChannelBinding::unsupported());
                let mut body = format!("{SCRAM_SHA_256}\0").into_bytes();
                body.extend_from_slice(&i32::try_from(exchange.message().len()).unwrap().to_be_bytes());
                body.extend_from_slice(exchange.message());
                self.write(&framed(b'p', &body));
                *scram = Some(exchange);
            }
            (b'R', Some([0, 0, 0, 11])) => {
                let exchange = scram.as_mut().unwrap();
                exchange.update(&message.body[4..]).unwrap();
                let answer = framed(b'p', exchange.message());
                self.write(&answer);
            }
            (b'R', Some([0, 0, 0, 12])) => scram.as_mut().unwrap().finish(&message.body[4..]).unwrap(),
            (b'R', Some([0, 0, 0, 3])) => self.write(&framed(b'p', format!("{password}\0").as_bytes())),
            _ => {}
        }
    }

    pub fn send(&mut self, lines: &[String]) {
        let mut bytes = Vec::new();
        for line in lines {
            let (name, fields) = line.split_once(' ').unwrap_or((line, "{}"));
            bytes.extend(encode(name, &serde_json::from_str(fields).unwrap_or_else(|error| panic!("{line}: {error}"))));
        }
        self.write(&bytes);
    }

    /// The bare connection.
    pub fn stream(&mut self) -> &mut TcpStream {
        &mut self.stream
    }

    pub fn cancel(&self, address: SocketAddr) {
        self.cancel_with(address, |_| {});
    }

    /// Sends a cancel request whose key was changed.
    pub fn cancel_with(&self, address: SocketAddr, change: impl FnOnce(&mut [u8; 8])) {
        let mut key = self.key.expect("a key");
        change(&mut key);
        let mut bytes = vec![0, 0, 0, 16, 4, 210, 22, 46];
        bytes.extend(key);
        let mut other = Self::open(address);
        other.write(&bytes);
        // The server closes the connection when it has taken note.
        assert!(other.read().is_none());
    }

    pub fn until(&mut self, names: &[String]) -> Vec<String> {
        let mut shown = Vec::new();
        for name in names {
            if name == "Byte" {
                shown.push(self.read_byte());
                continue;
            }
            loop {
                let text = self.read().map_or_else(|| "Closed".to_owned(), |message| show(&message));
                let found = text.split(' ').next() == Some(name.as_str());
                let ended = text == "Closed";
                shown.push(text);
                if found || ended {
                    break;
                }
            }
        }
        shown
    }

    fn write(&mut self, bytes: &[u8]) {
        // A server that has closed already is seen when reading.
        let _ = self.stream.write_all(bytes);
    }

    fn read(&mut self) -> Option<Message> {
        let mut head = [0; 5];
        self.stream.read_exact(&mut head[..1]).ok()?;
        self.stream.read_exact(&mut head[1..]).ok()?;
        let length = u32::from_be_bytes(head[1..].try_into().unwrap()) as usize;
        let mut body = vec![0; length - 4];
        self.stream.read_exact(&mut body).ok()?;
        let message = Message { kind: head[0], body };
        if message.kind == b'K' {
            self.key = message.body.as_slice().try_into().ok();
        }
        Some(message)
    }

    /// Reads one byte: the answer to a request for encryption.
    fn read_byte(&mut self) -> String {
        let mut byte = [0];
        self.stream
            .read_exact(&mut byte)
            .map_or_else(|_| "Closed".to_owned(), |()| format!("Byte {}", char::from(byte[0])))
    }
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind];
    bytes.extend_from_slice(&u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

fn text(value: &Value) -> Vec<u8> {
    let mut bytes = value.as_str().unwrap_or_default().as_bytes().to_vec();
    bytes.push(0);
    bytes
}

fn numbers(values: &Value) -> Vec<i64> {
    values.as_array().map(|values| values.iter().map(|value| value.as_i64().unwrap()).collect()).unwrap_or_default()
}

fn counted(count: usize) -> [u8; 2] {
    u16::try_from(count).unwrap().to_be_bytes()
}

/// A message of the client from its name and its fields.
fn encode(name: &str, fields: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    let kind = match name {
        "Raw" => return hex(fields["hex"].as_str().unwrap()),
        "Startup" => return startup(fields),
        "SSLRequest" => return vec![0, 0, 0, 8, 4, 210, 22, 47],
        "GSSENCRequest" => return vec![0, 0, 0, 8, 4, 210, 22, 48],
        "Password" => {
            body.extend(text(&fields["password"]));
            b'p'
        }
        "Query" => {
            body.extend(text(&fields["query"]));
            b'Q'
        }
        "Parse" => {
            body.extend(text(&fields["name"]));
            body.extend(text(&fields["query"]));
            let types = numbers(&fields["types"]);
            body.extend(counted(types.len()));
            body.extend(types.iter().flat_map(|oid| u32::try_from(*oid).unwrap().to_be_bytes()));
            b'P'
        }
        "Bind" => {
            bind(fields, &mut body);
            b'B'
        }
        "Describe" | "Close" => {
            let portal = fields.get("portal");
            body.push(if portal.is_some() { b'P' } else { b'S' });
            body.extend(text(portal.unwrap_or(&fields["statement"])));
            name.as_bytes()[0]
        }
        "Execute" => {
            body.extend(text(&fields["portal"]));
            let max_rows = i32::try_from(fields["max_rows"].as_i64().unwrap_or(0)).unwrap();
            body.extend(max_rows.to_be_bytes());
            b'E'
        }
        "Flush" => b'H',
        "Sync" => b'S',
        "Terminate" => b'X',
        "FunctionCall" => b'F',
        "CopyData" => b'd',
        "CopyDone" => b'c',
        "CopyFail" => {
            body.extend(text(&fields["message"]));
            b'f'
        }
        other => panic!("no message {other}"),
    };
    framed(kind, &body)
}

fn startup(fields: &Value) -> Vec<u8> {
    let mut body = Vec::new();
    let minor = u16::try_from(fields.get("minor").and_then(Value::as_u64).unwrap_or(0)).unwrap();
    body.extend([0, 3]);
    body.extend(minor.to_be_bytes());
    for (name, value) in fields.as_object().unwrap().iter().filter(|(name, _)| *name != "minor") {
        body.extend(name.bytes().chain([0]));
        body.extend(text(value));
    }
    body.push(0);
    let mut bytes = u32::try_from(body.len() + 4).unwrap().to_be_bytes().to_vec();
    bytes.extend(body);
    bytes
}

fn bind(fields: &Value, body: &mut Vec<u8>) {
    body.extend(text(&fields["portal"]));
    body.extend(text(&fields["statement"]));
    let codes = |name: &str, body: &mut Vec<u8>| {
        let codes = numbers(&fields[name]);
        body.extend(counted(codes.len()));
        body.extend(codes.iter().flat_map(|code| i16::try_from(*code).unwrap().to_be_bytes()));
    };
    codes("formats", body);
    let values = fields["values"].as_array().cloned().unwrap_or_default();
    body.extend(counted(values.len()));
    for value in &values {
        let bytes = match value {
            Value::Null => {
                body.extend((-1_i32).to_be_bytes());
                continue;
            }
            Value::String(text) => text.as_bytes().to_vec(),
            other => hex(other["hex"].as_str().unwrap()),
        };
        body.extend(u32::try_from(bytes.len()).unwrap().to_be_bytes());
        body.extend(bytes);
    }
    codes("result_formats", body);
}

fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u32> = digits.chars().filter_map(|digit| digit.to_digit(16)).collect();
    digits.chunks(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]).unwrap()).collect()
}

/// A message of the server as its name and its fields.
fn show(message: &Message) -> String {
    let mut body = message.body.as_slice();
    let (name, fields) = match message.kind {
        b'R' => authentication(&mut body),
        b'S' => ("ParameterStatus", json!({"name": take_text(&mut body), "value": take_text(&mut body)})),
        // The key differs from run to run.
        b'K' => ("BackendKeyData", Value::Null),
        b'Z' => ("ReadyForQuery", json!({"status": char::from(body[0]).to_string()})),
        b'T' => ("RowDescription", row_description(&mut body)),
        b't' => {
            let count = take_int16(&mut body);
            ("ParameterDescription", json!({"types": (0..count).map(|_| take_int32(&mut body)).collect::<Vec<_>>()}))
        }
        b'D' => ("DataRow", json!({"values": data_row(&mut body)})),
        b'H' => {
            let overall = take::<1>(&mut body)[0];
            let count = take_int16(&mut body);
            (
                "CopyOutResponse",
                json!({"format": overall, "columns": (0..count).map(|_| take_int16(&mut body)).collect::<Vec<_>>()}),
            )
        }
        b'd' => {
            ("CopyData", json!({"data": String::from_utf8(body.to_vec()).unwrap_or_else(|_| format!("{body:02x?}"))}))
        }
        b'c' => ("CopyDone", Value::Null),
        b'C' => ("CommandComplete", json!({"tag": take_text(&mut body)})),
        b'E' => ("ErrorResponse", report(&mut body)),
        b'N' => ("NoticeResponse", report(&mut body)),
        b'I' => ("EmptyQueryResponse", Value::Null),
        b'1' => ("ParseComplete", Value::Null),
        b'2' => ("BindComplete", Value::Null),
        b'3' => ("CloseComplete", Value::Null),
        b'n' => ("NoData", Value::Null),
        b's' => ("PortalSuspended", Value::Null),
        b'v' => {
            let minor = take_int32(&mut body);
            let count = take_int32(&mut body);
            let options: Vec<String> = (0..count).map(|_| take_text(&mut body)).collect();
            ("NegotiateProtocolVersion", json!({"minor": minor, "unknown_options": options}))
        }
        other => panic!("no message type {}", char::from(other)),
    };
    if fields.is_null() { name.to_owned() } else { format!("{name} {fields}") }
}

fn authentication(body: &mut &[u8]) -> (&'static str, Value) {
    match take_int32(body) {
        0 => ("AuthenticationOk", Value::Null),
        3 => ("AuthenticationCleartextPassword", Value::Null),
        10 => ("AuthenticationSASL", Value::Null),
        11 => ("AuthenticationSASLContinue", Value::Null),
        12 => ("AuthenticationSASLFinal", Value::Null),
        other => panic!("no authentication {other}"),
    }
}

fn take<const N: usize>(body: &mut &[u8]) -> [u8; N] {
    let (head, rest) = body.split_at(N);
    *body = rest;
    head.try_into().unwrap()
}

fn take_int16(body: &mut &[u8]) -> i16 {
    i16::from_be_bytes(take(body))
}

fn take_int32(body: &mut &[u8]) -> i32 {
    i32::from_be_bytes(take(body))
}

fn take_text(body: &mut &[u8]) -> String {
    let end = body.iter().position(|byte| *byte == 0).unwrap();
    let text = String::from_utf8(body[..end].to_vec()).unwrap();
    *body = &body[end + 1..];
    text
}

fn row_description(body: &mut &[u8]) -> Value {
    let count = take_int16(body);
    let fields: Vec<Value> = (0..count)
        .map(|_| {
            let name = take_text(body);
            let (_table, _column) = (take_int32(body), take_int16(body));
            let (oid, length, modifier, format) =
                (take_int32(body), take_int16(body), take_int32(body), take_int16(body));
            json!({"name": name, "oid": oid, "length": length, "modifier": modifier, "format": format})
        })
        .collect();
    json!({"fields": fields})
}

fn data_row(body: &mut &[u8]) -> Vec<Value> {
    let count = take_int16(body);
    (0..count)
        .map(|_| {
            let Ok(length) = usize::try_from(take_int32(body)) else {
                return Value::Null;
            };
            let (value, rest) = body.split_at(length);
            *body = rest;
            match std::str::from_utf8(value) {
                Ok(text) if !text.chars().any(char::is_control) => json!(text),
                _ => json!({"hex": value.iter().map(|byte| format!("{byte:02x}")).collect::<String>()}),
            }
        })
        .collect()
}

fn report(body: &mut &[u8]) -> Value {
    let mut fields = serde_json::Map::new();
    loop {
        let name = match take::<1>(body)[0] {
            0 => return Value::Object(fields),
            b'S' => "severity",
            // The severity once more, and what PostgreSQL adds: context, file, line and routine.
            b'V' | b'W' | b'F' | b'L' | b'R' => {
                take_text(body);
                continue;
            }
            b'C' => "code",
            b'M' => "message",
            b'D' => "detail",
            b'H' => "hint",
            b'P' => "position",
            other => panic!("no field {}", char::from(other)),
        };
        fields.insert(name.to_owned(), json!(take_text(body)));
    }
}
