//! Messages to the client, written straight into the output buffer.

use bytes::BufMut;

use crate::base::{ErrorReport, SqlType};
use crate::engine::{OutputColumn, TransactionStatus};
use crate::pg::encode::Format;

/// How bad a report is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The statement failed.
    Error,
    /// The connection ends.
    Fatal,
}

/// Writes one message: its type, its length once that is known, and what `body` writes.
pub fn frame(out: &mut Vec<u8>, kind: u8, body: impl FnOnce(&mut Vec<u8>)) {
    out.put_u8(kind);
    let start = out.len();
    out.put_i32(0);
    body(out);
    patch_length(out, start, 0);
}

/// Writes at `start` how many bytes follow the length field there, plus 4 unless they are not counted (`excluded`).
pub fn patch_length(out: &mut [u8], start: usize, excluded: usize) {
    // A message that passes 2 GiB cannot be: every value comes from an Arrow array with 32-bit offsets.
    let length = i32::try_from(out.len() - start - excluded).unwrap_or(i32::MAX);
    out[start..start + 4].copy_from_slice(&length.to_be_bytes());
}

/// Writes a text with its NUL; a NUL inside ends it early, because the protocol cannot carry one.
pub fn put_text(out: &mut Vec<u8>, text: &str) {
    let end = text.bytes().position(|byte| byte == 0).unwrap_or(text.len());
    out.put_slice(&text.as_bytes()[..end]);
    out.put_u8(0);
}

/// A message without a body.
pub fn empty(out: &mut Vec<u8>, kind: u8) {
    frame(out, kind, |_| {});
}

/// `AuthenticationOk`.
pub fn authentication_ok(out: &mut Vec<u8>) {
    frame(out, b'R', |out| out.put_i32(0));
}

/// Asks for a password in clear text.
pub fn authentication_cleartext(out: &mut Vec<u8>) {
    frame(out, b'R', |out| out.put_i32(3));
}

/// Offers SASL mechanisms.
pub fn authentication_sasl(out: &mut Vec<u8>, mechanisms: &[&str]) {
    frame(out, b'R', |out| {
        out.put_i32(10);
        for mechanism in mechanisms {
            put_text(out, mechanism);
        }
        out.put_u8(0);
    });
}

/// Goes on with a SASL exchange.
pub fn authentication_sasl_continue(out: &mut Vec<u8>, data: &str) {
    frame(out, b'R', |out| {
        out.put_i32(11);
        out.put_slice(data.as_bytes());
    });
}

/// Ends a SASL exchange.
pub fn authentication_sasl_final(out: &mut Vec<u8>, data: &str) {
    frame(out, b'R', |out| {
        out.put_i32(12);
        out.put_slice(data.as_bytes());
    });
}

/// The newest minor version that the server speaks, and the options it does not know.
pub fn negotiate_protocol_version(out: &mut Vec<u8>, minor: i32, unknown_options: &[String]) {
    frame(out, b'v', |out| {
        out.put_i32(minor);
        out.put_i32(i32::try_from(unknown_options.len()).unwrap_or(i32::MAX));
        for option in unknown_options {
            put_text(out, option);
        }
    });
}

/// The process id and the secret for cancel requests.
pub fn backend_key_data(out: &mut Vec<u8>, process_id: i32, secret: i32) {
    frame(out, b'K', |out| {
        out.put_i32(process_id);
        out.put_i32(secret);
    });
}

/// A setting that the client is told of.
pub fn parameter_status(out: &mut Vec<u8>, name: &str, value: &str) {
    frame(out, b'S', |out| {
        put_text(out, name);
        put_text(out, value);
    });
}

/// Ready for the next group of messages.
pub fn ready_for_query(out: &mut Vec<u8>, status: TransactionStatus) {
    let code = match status {
        TransactionStatus::Idle => b'I',
        TransactionStatus::InBlock => b'T',
        TransactionStatus::Failed => b'E',
    };
    frame(out, b'Z', |out| out.put_u8(code));
}

/// A statement ended well.
pub fn command_complete(out: &mut Vec<u8>, tag: &str) {
    frame(out, b'C', |out| put_text(out, tag));
}

/// The columns of a result. `formats` has one entry a column.
pub fn row_description(out: &mut Vec<u8>, columns: &[OutputColumn], formats: &[Format]) {
    frame(out, b'T', |out| {
        out.put_u16(u16::try_from(columns.len()).unwrap_or(u16::MAX));
        for (column, format) in columns.iter().zip(formats) {
            put_text(out, &column.name);
            out.put_i32(0);
            out.put_i16(0);
            out.put_u32(column.sql_type.oid());
            out.put_i16(column.sql_type.wire_length());
            out.put_i32(column.type_modifier);
            out.put_i16(format.code());
        }
    });
}

/// The rows of COPY follow. `formats` has one entry a column.
pub fn copy_out_response(out: &mut Vec<u8>, formats: &[Format]) {
    let overall = formats.first().copied().unwrap_or(Format::Text);
    frame(out, b'H', |out| {
        out.put_i8(i8::from(overall == Format::Binary));
        out.put_u16(u16::try_from(formats.len()).unwrap_or(u16::MAX));
        for format in formats {
            out.put_i16(format.code());
        }
    });
}

/// The types of the parameters.
pub fn parameter_description(out: &mut Vec<u8>, types: &[SqlType]) {
    frame(out, b't', |out| {
        out.put_u16(u16::try_from(types.len()).unwrap_or(u16::MAX));
        for sql_type in types {
            out.put_u32(sql_type.oid());
        }
    });
}

/// An error.
pub fn error_response(out: &mut Vec<u8>, severity: Severity, report: &ErrorReport) {
    let word = match severity {
        Severity::Error => "ERROR",
        Severity::Fatal => "FATAL",
    };
    frame(out, b'E', |out| fields(out, word, report));
}

/// A notice; `severity` is `NOTICE` or `WARNING`.
pub fn notice_response(out: &mut Vec<u8>, severity: &str, report: &ErrorReport) {
    frame(out, b'N', |out| fields(out, severity, report));
}

fn fields(out: &mut Vec<u8>, severity: &str, report: &ErrorReport) {
    let mut field = |code: u8, text: &str| {
        out.put_u8(code);
        put_text(out, text);
    };
    field(b'S', severity);
    field(b'V', severity);
    field(b'C', report.sqlstate.code());
    field(b'M', &report.message);
    if let Some(detail) = &report.detail {
        field(b'D', detail);
    }
    if let Some(hint) = &report.hint {
        field(b'H', hint);
    }
    if let Some(position) = report.position {
        field(b'P', &position.to_string());
    }
    out.put_u8(0);
}
