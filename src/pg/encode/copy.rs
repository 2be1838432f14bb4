//! The lines of COPY: PostgreSQL's text and CSV, and what stands around its binary rows.

use std::sync::atomic::{AtomicBool, Ordering};

use bytes::BufMut;

use crate::engine::{CopyFormat, CopyOptions, OutputColumn};
use crate::pg::message::outgoing::frame;

use super::Format;

/// How the rows of one COPY are written.
#[derive(Debug)]
pub(super) struct CopyForm {
    options: CopyOptions,
    names: Vec<String>,
    /// CSV: which columns have quotes whatever is in them.
    forced: Vec<bool>,
    /// As in PostgreSQL, the head of a binary copy stands in the message of what follows it.
    has_head: AtomicBool,
}

/// What a binary COPY begins with: the signature, no flags, no extension.
const BINARY_HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";

impl CopyForm {
    pub(super) fn new(columns: &[OutputColumn], options: &CopyOptions) -> Self {
        let names: Vec<String> = columns.iter().map(|column| column.name.clone()).collect();
        let forced = names.iter().map(|name| options.force_quote.covers(name)).collect();
        Self { options: options.clone(), names, forced, has_head: AtomicBool::new(false) }
    }

    /// How the values themselves are written.
    pub(super) fn format(&self) -> Format {
        match self.options.format {
            CopyFormat::Text | CopyFormat::Csv => Format::Text,
            CopyFormat::Binary => Format::Binary,
        }
    }

    pub(super) fn begin(&self, out: &mut Vec<u8>) {
        if self.options.header {
            frame(out, b'd', |out| {
                for (index, name) in self.names.iter().enumerate() {
                    self.separate(index, out);
                    match self.options.format {
                        CopyFormat::Csv => self.csv(name.as_bytes(), false, out),
                        CopyFormat::Text | CopyFormat::Binary => self.text(name.as_bytes(), out),
                    }
                }
                out.put_u8(b'\n');
            });
        }
    }

    pub(super) fn end(&self, out: &mut Vec<u8>) {
        if self.options.format == CopyFormat::Binary {
            frame(out, b'd', |out| {
                self.head(out);
                out.put_i16(-1);
            });
        }
    }

    /// What stands before the first row of a binary copy.
    pub(super) fn head(&self, out: &mut Vec<u8>) {
        if self.options.format == CopyFormat::Binary && !self.has_head.swap(true, Ordering::Relaxed) {
            out.put_slice(BINARY_HEAD);
        }
    }

    /// One value of a line, `None` for NULL.
    pub(super) fn value(&self, index: usize, value: Option<&[u8]>, out: &mut Vec<u8>) {
        self.separate(index, out);
        match (value, self.options.format) {
            (None, _) => out.put_slice(self.options.null.as_bytes()),
            (Some(value), CopyFormat::Csv) => self.csv(value, self.forced.get(index) == Some(&true), out),
            (Some(value), CopyFormat::Text | CopyFormat::Binary) => self.text(value, out),
        }
    }

    fn separate(&self, index: usize, out: &mut Vec<u8>) {
        if index > 0 {
            out.put_u8(self.options.delimiter);
        }
    }

    fn text(&self, value: &[u8], out: &mut Vec<u8>) {
        for byte in value {
            let letter = match byte {
                0x08 => b'b',
                0x0c => b'f',
                b'\n' => b'n',
                b'\r' => b'r',
                b'\t' => b't',
                0x0b => b'v',
                plain => *plain,
            };
            if letter != *byte || *byte == b'\\' || *byte == self.options.delimiter {
                out.put_u8(b'\\');
            }
            out.put_u8(letter);
        }
    }

    fn csv(&self, value: &[u8], forced: bool, out: &mut Vec<u8>) {
        let CopyOptions { delimiter, quote, escape, null, .. } = &self.options;
        let is_special = |byte: &u8| byte == delimiter || byte == quote || matches!(byte, b'\n' | b'\r');
        // Alone in its line it would end the data.
        let ends_data = self.names.len() == 1 && value == b"\\.";
        if !(forced || ends_data || value == null.as_bytes() || value.iter().any(is_special)) {
            out.put_slice(value);
            return;
        }
        out.put_u8(*quote);
        for byte in value {
            if byte == quote || byte == escape {
                out.put_u8(*escape);
            }
            out.put_u8(*byte);
        }
        out.put_u8(*quote);
    }
}
