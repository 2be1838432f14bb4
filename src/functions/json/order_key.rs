//! Bytes that sort as PostgreSQL sorts `jsonb`: a sort key, so that the engine need not know the type.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::ScalarUDF;

use crate::base::engine_error::wrap;

use super::super::function::{Function, by_arrays};
use super::super::value::defect;
use super::document::{Json, Kind};

/// The function that the planner writes around what it sorts by.
pub(in crate::functions) fn sort_keys() -> Vec<ScalarUDF> {
    vec![Function::strict(
        "jsonb_order",
        |_, _| Some(DataType::Binary),
        |args| by_arrays(&args, |all| order_keys(&all[0])),
    )]
}

/// The key of each document.
pub(in crate::functions) fn order_keys(documents: &ArrayRef) -> Result<ArrayRef, DataFusionError> {
    let documents = documents.as_binary::<i64>().iter();
    let key = |bytes: &[u8]| {
        let text = str::from_utf8(bytes).map_err(defect)?;
        Json::parse(text).map(|json| order_key(&json))
    };
    let keys = documents.map(|bytes| bytes.map(key).transpose()).collect::<Result<Vec<_>, _>>().map_err(wrap)?;
    Ok(Arc::new(BinaryArray::from_iter(keys)))
}

/// Ends a text or a number: less than any byte of one.
const END: u8 = 0;

/// The key of a document: the order of two keys is that of [`Json::compare`].
pub(super) fn order_key(json: &Json) -> Vec<u8> {
    // Only the empty array is less than a scalar; a scalar counts as an array of one.
    if matches!(&json.kind, Kind::Array(items) if items.is_empty()) {
        return vec![0];
    }
    let mut key = vec![1];
    write(json, &mut key);
    key
}

fn write(json: &Json, key: &mut Vec<u8>) {
    key.push(json.kind.rank());
    match &json.kind {
        Kind::Null => {}
        Kind::Bool(value) => key.push(u8::from(*value)),
        Kind::Text(text) => write_text(text, key),
        Kind::Number(digits) => write_number(digits, key),
        Kind::Array(items) => {
            write_length(items.len(), key);
            items.iter().for_each(|item| write(item, key));
        }
        Kind::Object(fields) => {
            write_length(fields.len(), key);
            for (name, value) in fields {
                write_text(name, key);
                write(value, key);
            }
        }
    }
}

fn write_length(length: usize, key: &mut Vec<u8>) {
    key.extend((length as u64).to_be_bytes());
}

/// No text of a `jsonb` holds a byte 0.
fn write_text(text: &str, key: &mut Vec<u8>) {
    key.extend(text.bytes());
    key.push(END);
}

/// Of two numbers without an exponent the one with more digits before the point is greater; of negative ones it is less.
fn write_number(digits: &str, key: &mut Vec<u8>) {
    let (negative, rest) = digits.strip_prefix('-').map_or((false, digits), |rest| (true, rest));
    let (whole, fraction) = rest.split_once('.').unwrap_or((rest, ""));
    key.push(u8::from(!negative));
    let start = key.len();
    write_length(whole.len(), key);
    key.extend(whole.bytes());
    write_text(fraction.trim_end_matches('0'), key);
    if negative {
        key[start..].iter_mut().for_each(|byte| *byte = !*byte);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_documents_do() {
        let texts = [
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1",
            "1.0",
            "1.50",
            "1.5",
            "1.49",
            "10",
            "-1",
            "-1.5",
            "-10",
            "-10.01",
            "0.001",
            "-0.001",
            "1e30",
            "-1e30",
            "\"\"",
            "\"a\"",
            "\"ab\"",
            "\"b\"",
            "\"é\"",
            "[]",
            "[1]",
            "[1, 2]",
            "[2]",
            "[[]]",
            "[[1]]",
            "[null]",
            "[\"a\", \"b\"]",
            "[\"ab\", \"\"]",
            "{}",
            "{\"a\": 1}",
            "{\"a\": 2}",
            "{\"b\": 1}",
            "{\"aa\": 1}",
            "{\"a\": 1, \"b\": 0}",
            "{\"a\": []}",
            "{\"a\": {}}",
            "{\"a\": \"x\"}",
        ];
        let all: Vec<Json> = texts.iter().map(|text| Json::parse_binary(text).unwrap()).collect();
        for (a, a_text) in all.iter().zip(texts) {
            for (b, b_text) in all.iter().zip(texts) {
                assert_eq!(order_key(a).cmp(&order_key(b)), a.compare(b), "{a_text} and {b_text}");
            }
        }
    }
}
