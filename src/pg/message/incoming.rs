//! Messages from the client.
//!
//! Own code instead of a library's: texts must be refused, not mended, when they are no UTF-8, and a body with bytes
//! missing or left over is an error, as in PostgreSQL.

use bytes::{Buf, Bytes};

use crate::base::{ErrorReport, SqlState};
use crate::pg::failure::violation;

/// A prepared statement or a portal; the empty name is the unnamed one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// A prepared statement.
    Statement(String),
    /// A portal.
    Portal(String),
}

/// One message after authentication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Incoming {
    /// Run a text.
    Query(String),
    /// Plan a statement and keep it under a name.
    Parse {
        /// The name to keep it under.
        name: String,
        /// The statement.
        text: String,
        /// Type OIDs of the first parameters; 0 leaves one open.
        types: Vec<u32>,
    },
    /// Give a statement its values and keep that as a portal.
    Bind {
        /// The name of the portal.
        portal: String,
        /// The name of the statement.
        statement: String,
        /// Format codes of the values: none, one for all, or one each.
        parameter_formats: Vec<i16>,
        /// The values; `None` is NULL.
        values: Vec<Option<Bytes>>,
        /// Format codes of the result columns: none, one for all, or one each.
        result_formats: Vec<i16>,
    },
    /// Tell parameters and columns.
    Describe(Target),
    /// Run a portal.
    Execute {
        /// The name of the portal.
        portal: String,
        /// Rows after which to pause; zero and less mean all.
        max_rows: i32,
    },
    /// Forget a statement or a portal.
    Close(Target),
    /// Send what is ready.
    Flush,
    /// The end of a group of extended messages.
    Sync,
    /// The client leaves.
    Terminate,
    /// The old call of a function by number.
    FunctionCall,
    /// Copy data; ignored outside COPY, as PostgreSQL does.
    CopyData,
    /// End of copy data.
    CopyDone,
    /// Failed copy data.
    CopyFail,
}

impl Incoming {
    /// Reads a message from its type byte and its body. `None` for a type byte that no message has.
    ///
    /// # Errors
    /// `08P01` for a malformed body, `22021` for a text that is no UTF-8.
    pub fn decode(kind: u8, body: Bytes) -> Result<Option<Self>, ErrorReport> {
        let mut body = Body::new(body);
        let message = match kind {
            b'Q' => Self::Query(body.text()?),
            b'P' => parse(&mut body)?,
            b'B' => bind(&mut body)?,
            b'D' => Self::Describe(target(&mut body, "DESCRIBE")?),
            b'E' => Self::Execute { portal: body.text()?, max_rows: body.int32()? },
            b'C' => Self::Close(target(&mut body, "CLOSE")?),
            b'H' => Self::Flush,
            b'S' => Self::Sync,
            b'X' => return Ok(Some(Self::Terminate)),
            b'F' => return Ok(Some(Self::FunctionCall)),
            b'd' => return Ok(Some(Self::CopyData)),
            b'c' => return Ok(Some(Self::CopyDone)),
            b'f' => return Ok(Some(Self::CopyFail)),
            _ => return Ok(None),
        };
        body.end()?;
        Ok(Some(message))
    }

    /// Whether an error in a message of this type byte makes the server skip to the next Sync.
    #[must_use]
    pub fn is_extended(kind: u8) -> bool {
        matches!(kind, b'P' | b'B' | b'D' | b'E' | b'C' | b'H')
    }
}

fn parse(body: &mut Body) -> Result<Incoming, ErrorReport> {
    let name = body.text()?;
    let text = body.text()?;
    let count = body.count(4)?;
    let types = (0..count).map(|_| body.int32().map(i32::cast_unsigned)).collect::<Result<_, _>>()?;
    Ok(Incoming::Parse { name, text, types })
}

fn bind(body: &mut Body) -> Result<Incoming, ErrorReport> {
    let portal = body.text()?;
    let statement = body.text()?;
    let parameter_formats = codes(body)?;
    let count = body.count(4)?;
    let values = (0..count).map(|_| value(body)).collect::<Result<_, _>>()?;
    let result_formats = codes(body)?;
    Ok(Incoming::Bind { portal, statement, parameter_formats, values, result_formats })
}

fn codes(body: &mut Body) -> Result<Vec<i16>, ErrorReport> {
    let count = body.count(2)?;
    (0..count).map(|_| body.int16()).collect()
}

fn value(body: &mut Body) -> Result<Option<Bytes>, ErrorReport> {
    match body.int32()? {
        -1 => Ok(None),
        length => Ok(Some(body.bytes(usize::try_from(length).map_err(|_| insufficient())?)?)),
    }
}

fn target(body: &mut Body, message: &str) -> Result<Target, ErrorReport> {
    match body.byte()? {
        b'S' => Ok(Target::Statement(body.text()?)),
        b'P' => Ok(Target::Portal(body.text()?)),
        other => Err(violation(format!("invalid {message} message subtype {other}"))),
    }
}

fn insufficient() -> ErrorReport {
    violation("insufficient data left in message")
}

/// Reads the fields of a message's body in order.
#[derive(Debug)]
pub struct Body {
    rest: Bytes,
}

impl Body {
    /// Starts at the first byte.
    #[must_use]
    pub fn new(body: Bytes) -> Self {
        Self { rest: body }
    }

    /// One byte.
    ///
    /// # Errors
    /// `08P01` when none is left.
    pub fn byte(&mut self) -> Result<u8, ErrorReport> {
        self.rest.try_get_u8().map_err(|_| insufficient())
    }

    /// A big-endian 16-bit integer.
    ///
    /// # Errors
    /// `08P01` when too few bytes are left.
    pub fn int16(&mut self) -> Result<i16, ErrorReport> {
        self.rest.try_get_i16().map_err(|_| insufficient())
    }

    /// A big-endian 32-bit integer.
    ///
    /// # Errors
    /// `08P01` when too few bytes are left.
    pub fn int32(&mut self) -> Result<i32, ErrorReport> {
        self.rest.try_get_i32().map_err(|_| insufficient())
    }

    /// A count of elements with at least `element_bytes` each; checked against what is left before anything is reserved.
    ///
    /// # Errors
    /// `08P01` when so many elements cannot follow.
    pub fn count(&mut self, element_bytes: usize) -> Result<usize, ErrorReport> {
        let count = usize::from(self.int16()?.cast_unsigned());
        if count * element_bytes > self.rest.len() {
            return Err(insufficient());
        }
        Ok(count)
    }

    /// That many bytes, without a copy.
    ///
    /// # Errors
    /// `08P01` when too few are left.
    pub fn bytes(&mut self, length: usize) -> Result<Bytes, ErrorReport> {
        if length > self.rest.len() {
            return Err(insufficient());
        }
        Ok(self.rest.split_to(length))
    }

    /// A text up to its NUL.
    ///
    /// # Errors
    /// `08P01` without a NUL, `22021` when it is no UTF-8.
    pub fn text(&mut self) -> Result<String, ErrorReport> {
        let Some(length) = self.rest.iter().position(|byte| *byte == 0) else {
            return Err(violation("invalid string in message"));
        };
        let text = self.rest.split_to(length);
        self.rest.advance(1);
        text_of(&text).map(str::to_owned)
    }

    /// What is left.
    #[must_use]
    pub fn remainder(self) -> Bytes {
        self.rest
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// `08P01` when something is.
    pub fn end(&self) -> Result<(), ErrorReport> {
        if self.rest.is_empty() { Ok(()) } else { Err(violation("invalid message format")) }
    }
}

/// Bytes as text: UTF-8 without NUL.
///
/// # Errors
/// `22021` with the first bytes that do not fit.
pub fn text_of(bytes: &[u8]) -> Result<&str, ErrorReport> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.as_bytes().contains(&0) => Err(invalid_sequence(&[0])),
        Ok(text) => Ok(text),
        Err(error) => {
            let start = error.valid_up_to();
            let length = error.error_len().unwrap_or(bytes.len() - start).max(1);
            Err(invalid_sequence(&bytes[start..start + length]))
        }
    }
}

fn invalid_sequence(bytes: &[u8]) -> ErrorReport {
    let shown: Vec<String> = bytes.iter().map(|byte| format!("0x{byte:02x}")).collect();
    ErrorReport::new(
        SqlState::CHARACTER_NOT_IN_REPERTOIRE,
        format!("invalid byte sequence for encoding \"UTF8\": {}", shown.join(" ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(kind: u8, body: &'static [u8]) -> Result<Option<Incoming>, ErrorReport> {
        Incoming::decode(kind, Bytes::from_static(body))
    }

    #[test]
    fn a_bind_message_is_read_whole() {
        let body = b"p\0s\0\0\x01\0\x01\0\x02\0\0\0\x02ab\xff\xff\xff\xff\0\x01\0\0";
        let Incoming::Bind { portal, values, result_formats, .. } = decode(b'B', body).unwrap().unwrap() else {
            panic!("not a bind")
        };
        assert_eq!((portal.as_str(), values, result_formats), ("p", vec![Some(Bytes::from("ab")), None], vec![0]));
    }

    #[test]
    fn malformed_bodies_are_told_apart_as_postgres_does() {
        let message = |kind, body| decode(kind, body).unwrap_err().message;
        assert_eq!(message(b'Q', b"select 1"), "invalid string in message");
        assert_eq!(message(b'Q', b"select 1\0x"), "invalid message format");
        assert_eq!(message(b'E', b"\0\0\0"), "insufficient data left in message");
        assert_eq!(message(b'P', b"\0\0\xff\xff"), "insufficient data left in message");
        assert_eq!(message(b'B', b"\0\0\0\0\0\x01\xff\xff\xff\xfe\0\0"), "insufficient data left in message");
        assert_eq!(message(b'D', b"Z\0"), "invalid DESCRIBE message subtype 90");
        assert_eq!(message(b'Q', b"a\xe9 \0"), "invalid byte sequence for encoding \"UTF8\": 0xe9");
        assert_eq!(decode(b'z', b"").unwrap(), None);
    }

    proptest! {
        #[test]
        fn garbage_never_panics(kind in any::<u8>(), body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Incoming::decode(kind, Bytes::from(body));
        }
    }
}
