//! Whether a value in PostgreSQL's binary format says the same as its text.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta};
use tokio_postgres::types::{Kind, Type};

/// Nothing when both say the same.
pub fn agrees(type_: &Type, binary: Option<&[u8]>, text: Option<&str>) -> Result<(), String> {
    let (binary, text) = match (binary, text) {
        (None, None) => return Ok(()),
        (Some(binary), Some(text)) => (binary, text),
        (Some(_), None) => return Err("a value, NULL in text".to_owned()),
        (None, Some(text)) => return Err(format!("NULL, {text} in text")),
    };
    if let Kind::Array(element) = type_.kind() {
        return array_agrees(element, binary, text);
    }
    if *type_ == Type::RECORD {
        return record_agrees(binary, text);
    }
    if *type_ == Type::RECORD_ARRAY {
        return array_agrees(&Type::RECORD, binary, text);
    }
    if let Some(infinite) = infinity(type_, text) {
        return if binary == infinite { Ok(()) } else { Err(format!("{binary:02x?} is not {text} of type {type_}")) };
    }
    match scalar_agrees(type_, binary, text) {
        Some(true) => Ok(()),
        Some(false) => Err(format!("{binary:02x?} is not {text} of type {type_}")),
        None => Err(format!("{binary:02x?} cannot be read as {text} of type {type_}")),
    }
}

/// What is infinite is the last or the first number.
fn infinity(type_: &Type, text: &str) -> Option<Vec<u8>> {
    let is_late = match text {
        "infinity" => true,
        "-infinity" => false,
        _ => return None,
    };
    match *type_ {
        Type::DATE => Some((if is_late { i32::MAX } else { i32::MIN }).to_be_bytes().to_vec()),
        Type::TIMESTAMP | Type::TIMESTAMPTZ => Some((if is_late { i64::MAX } else { i64::MIN }).to_be_bytes().to_vec()),
        _ => None,
    }
}

fn scalar_agrees(type_: &Type, binary: &[u8], text: &str) -> Option<bool> {
    Some(match *type_ {
        Type::BOOL => binary == [u8::from(text == "t")] && matches!(text, "t" | "f"),
        Type::INT2 => i16::from_be_bytes(binary.try_into().ok()?) == text.parse::<i16>().ok()?,
        Type::INT4 => i32::from_be_bytes(binary.try_into().ok()?) == text.parse::<i32>().ok()?,
        Type::INT8 => i64::from_be_bytes(binary.try_into().ok()?) == text.parse::<i64>().ok()?,
        Type::OID => u32::from_be_bytes(binary.try_into().ok()?) == text.parse::<u32>().ok()?,
        Type::FLOAT4 => f32::from_be_bytes(binary.try_into().ok()?).to_bits() == text.parse::<f32>().ok()?.to_bits(),
        Type::FLOAT8 => f64::from_be_bytes(binary.try_into().ok()?).to_bits() == text.parse::<f64>().ok()?.to_bits(),
        Type::NUMERIC => numeric(binary)? == text,
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::UNKNOWN | Type::JSON => {
            binary == text.as_bytes()
        }
        Type::CHAR => single_byte(binary)? == text,
        Type::REGTYPE => regtype(text)? == u32::from_be_bytes(binary.try_into().ok()?),
        Type::JSONB | Type::JSONPATH => binary.strip_prefix(&[1])? == text.as_bytes(),
        Type::BYTEA => format!("\\x{}", hexadecimal(binary)) == text,
        Type::UUID => hexadecimal(binary) == text.replace('-', ""),
        Type::DATE => shown_date(date(i32::from_be_bytes(binary.try_into().ok()?))?)? == text,
        Type::TIME => {
            let parsed = NaiveTime::parse_from_str(text, "%H:%M:%S%.f").ok()?;
            (parsed - NaiveTime::MIN).num_microseconds()? == i64::from_be_bytes(binary.try_into().ok()?)
        }
        Type::TIMESTAMP => {
            let parsed = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").ok()?;
            micros(parsed)? == i64::from_be_bytes(binary.try_into().ok()?)
        }
        Type::TIMESTAMPTZ => {
            let parsed = DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").ok()?;
            micros(parsed.naive_utc())? == i64::from_be_bytes(binary.try_into().ok()?)
        }
        Type::INTERVAL => interval(binary)? == text,
        _ => return None,
    })
}

/// A `"char"`: nothing for 0, and octal digits for what is no character.
fn single_byte(binary: &[u8]) -> Option<String> {
    match binary {
        [0] => Some(String::new()),
        [byte] if !byte.is_ascii() => Some(format!("\\{byte:03o}")),
        [byte] => Some(char::from(*byte).to_string()),
        _ => None,
    }
}

/// The OID of a type by the name that PostgreSQL shows; `None` for a name that is not known here.
fn regtype(name: &str) -> Option<u32> {
    if let Some(element) = name.strip_suffix("[]") {
        let element = Type::from_oid(regtype(element)?)?;
        return ARRAYS.iter().find(|array| *array.kind() == Kind::Array(element.clone())).map(Type::oid);
    }
    let known = match name {
        "-" => return Some(0),
        "boolean" => Type::BOOL,
        "smallint" => Type::INT2,
        "integer" => Type::INT4,
        "bigint" => Type::INT8,
        "real" => Type::FLOAT4,
        "double precision" => Type::FLOAT8,
        "numeric" => Type::NUMERIC,
        "text" => Type::TEXT,
        "character varying" => Type::VARCHAR,
        "character" => Type::BPCHAR,
        "\"char\"" => Type::CHAR,
        "name" => Type::NAME,
        "date" => Type::DATE,
        "time without time zone" => Type::TIME,
        "timestamp without time zone" => Type::TIMESTAMP,
        "timestamp with time zone" => Type::TIMESTAMPTZ,
        "interval" => Type::INTERVAL,
        "uuid" => Type::UUID,
        "json" => Type::JSON,
        "jsonb" => Type::JSONB,
        "jsonpath" => Type::JSONPATH,
        "bytea" => Type::BYTEA,
        "oid" => Type::OID,
        "regtype" => Type::REGTYPE,
        "regclass" => Type::REGCLASS,
        "record" => Type::RECORD,
        "unknown" => Type::UNKNOWN,
        other => return other.parse().ok(),
    };
    Some(known.oid())
}

/// The arrays of the types above.
const ARRAYS: [Type; 19] = [
    Type::BOOL_ARRAY,
    Type::INT2_ARRAY,
    Type::INT4_ARRAY,
    Type::INT8_ARRAY,
    Type::FLOAT4_ARRAY,
    Type::FLOAT8_ARRAY,
    Type::NUMERIC_ARRAY,
    Type::TEXT_ARRAY,
    Type::VARCHAR_ARRAY,
    Type::NAME_ARRAY,
    Type::DATE_ARRAY,
    Type::TIME_ARRAY,
    Type::TIMESTAMP_ARRAY,
    Type::TIMESTAMPTZ_ARRAY,
    Type::INTERVAL_ARRAY,
    Type::UUID_ARRAY,
    Type::JSON_ARRAY,
    Type::JSONB_ARRAY,
    Type::BYTEA_ARRAY,
];

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// PostgreSQL has no year 0: the one before 1 is 1 BC.
fn shown_date(date: NaiveDate) -> Option<String> {
    if date.year() > 0 {
        return Some(date.format("%Y-%m-%d").to_string());
    }
    Some(format!("{:04}-{} BC", 1 - date.year(), date.format("%m-%d")))
}

fn date(days: i32) -> Option<NaiveDate> {
    NaiveDate::from_ymd_opt(2000, 1, 1)?.checked_add_signed(TimeDelta::days(days.into()))
}

/// Since 2000, which is where PostgreSQL counts from.
fn micros(time: NaiveDateTime) -> Option<i64> {
    (time - NaiveDate::from_ymd_opt(2000, 1, 1)?.and_time(NaiveTime::MIN)).num_microseconds()
}

/// Digits in groups of four with a weight, a sign, and a number of digits to show.
fn numeric(binary: &[u8]) -> Option<String> {
    let words: Vec<u16> =
        binary.chunks(2).map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?))).collect::<Option<_>>()?;
    let (count, weight, sign, scale) = (*words.first()?, words.get(1)?.cast_signed(), *words.get(2)?, *words.get(3)?);
    let sign = match sign {
        0 => "",
        0x4000 => "-",
        0xC000 => return Some("NaN".to_owned()),
        0xD000 => return Some("Infinity".to_owned()),
        0xF000 => return Some("-Infinity".to_owned()),
        _ => return None,
    };
    let groups = words.get(4..)?;
    if groups.len() != usize::from(count) {
        return None;
    }
    let group =
        |place: i16| usize::try_from(weight - place).ok().and_then(|index| groups.get(index)).copied().unwrap_or(0);
    let mut whole: String = (0..=weight.max(0)).rev().map(|place| format!("{:04}", group(place))).collect();
    let shown = whole.trim_start_matches('0').to_owned();
    whole = if shown.is_empty() { "0".to_owned() } else { shown };
    let groups_after = i16::try_from(scale.div_ceil(4)).ok()?;
    let mut after: String = (1..=groups_after).map(|place| format!("{:04}", group(-place))).collect();
    after.truncate(scale.into());
    Some(if after.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{after}") })
}

/// In the style `postgres`: `1 year 2 mons 3 days 04:05:06`.
fn interval(binary: &[u8]) -> Option<String> {
    let micros = i64::from_be_bytes(binary.get(..8)?.try_into().ok()?);
    let days = i32::from_be_bytes(binary.get(8..12)?.try_into().ok()?);
    let months = i32::from_be_bytes(binary.get(12..16)?.try_into().ok()?);
    let mut parts: Vec<String> = Vec::new();
    let mut negative = false;
    for (amount, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if amount != 0 {
            let plus = if negative && amount > 0 { "+" } else { "" };
            let plural = if amount == 1 { "" } else { "s" };
            parts.push(format!("{plus}{amount} {unit}{plural}"));
            negative = amount < 0;
        }
    }
    if micros != 0 || parts.is_empty() {
        let sign = if micros < 0 {
            "-"
        } else if negative {
            "+"
        } else {
            ""
        };
        let total = micros.unsigned_abs();
        let (seconds, fraction) = (total / 1_000_000, total % 1_000_000);
        let clock = format!("{sign}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
        let fraction = format!(".{fraction:06}");
        parts.push(format!("{clock}{}", fraction.trim_end_matches('0').trim_end_matches('.')));
    }
    Some(parts.join(" "))
}

fn array_agrees(element: &Type, binary: &[u8], text: &str) -> Result<(), String> {
    let values = array_values(binary).ok_or_else(|| format!("{binary:02x?} is no array"))?;
    let texts = array_texts(text);
    if values.len() != texts.len() {
        return Err(format!("{} elements, but {text} in text", values.len()));
    }
    values.iter().zip(&texts).try_for_each(|(value, text)| agrees(element, value.as_deref(), text.as_deref()))
}

/// The elements, of all dimensions in a row.
fn array_values(binary: &[u8]) -> Option<Vec<Option<Vec<u8>>>> {
    let number = |at: usize| Some(i32::from_be_bytes(binary.get(at..at + 4)?.try_into().ok()?));
    let dimensions = usize::try_from(number(0)?).ok()?;
    let count = if dimensions == 0 {
        0
    } else {
        (0..dimensions).map(|index| number(12 + 8 * index)).product::<Option<i32>>()?
    };
    let mut at = 12 + 8 * dimensions;
    let mut values = Vec::new();
    for _ in 0..count {
        let length = number(at)?;
        at += 4;
        let Ok(length) = usize::try_from(length) else {
            values.push(None);
            continue;
        };
        values.push(Some(binary.get(at..at + length)?.to_vec()));
        at += length;
    }
    (at == binary.len()).then_some(values)
}

/// The elements of `{a,"b,c",NULL}`, of all dimensions in a row.
fn array_texts(text: &str) -> Vec<Option<String>> {
    let (mut found, mut current, mut quoted, mut inside) = (Vec::new(), None::<String>, false, false);
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => {
                inside = !inside;
                quoted = true;
                current.get_or_insert_default();
            }
            '\\' => current.get_or_insert_default().extend(letters.next()),
            '{' if !inside => {}
            ',' | '}' if !inside => {
                if let Some(value) = current.take() {
                    found.push((quoted || value != "NULL").then_some(value));
                }
                quoted = false;
            }
            other => current.get_or_insert_default().push(other),
        }
    }
    found
}

fn record_agrees(binary: &[u8], text: &str) -> Result<(), String> {
    let columns = record_columns(binary).ok_or_else(|| format!("{binary:02x?} is no record"))?;
    let mut texts = record_texts(text).ok_or_else(|| format!("{text} is no record"))?;
    if columns.is_empty() && text == "()" {
        texts.clear();
    }
    if columns.len() != texts.len() {
        return Err(format!("{} columns, but {text} in text", columns.len()));
    }
    columns.iter().zip(&texts).try_for_each(|((type_, value), text)| agrees(type_, value.as_deref(), text.as_deref()))
}

/// The columns of a record with their types.
fn record_columns(binary: &[u8]) -> Option<Vec<(Type, Option<Vec<u8>>)>> {
    let number = |at: usize| Some(i32::from_be_bytes(binary.get(at..at + 4)?.try_into().ok()?));
    let (mut columns, mut at) = (Vec::new(), 4);
    for _ in 0..number(0)? {
        let type_ = Type::from_oid(number(at)?.cast_unsigned())?;
        let length = usize::try_from(number(at + 4)?).ok();
        at += 8;
        let value = match length {
            Some(length) => Some(binary.get(at..at + length)?.to_vec()),
            None => None,
        };
        at += length.unwrap_or_default();
        columns.push((type_, value));
    }
    (at == binary.len()).then_some(columns)
}

/// The columns of `(1,"a ""b""",)`: nothing is NULL, and quotes around nothing are an empty text.
fn record_texts(text: &str) -> Option<Vec<Option<String>>> {
    let mut letters = text.strip_prefix('(')?.strip_suffix(')')?.chars().peekable();
    let (mut found, mut current, mut inside) = (Vec::new(), None::<String>, false);
    while let Some(letter) = letters.next() {
        match letter {
            '"' if inside && letters.next_if_eq(&'"').is_some() => current.get_or_insert_default().push('"'),
            '"' => {
                inside = !inside;
                current.get_or_insert_default();
            }
            '\\' => current.get_or_insert_default().extend(letters.next()),
            ',' if !inside => found.push(current.take()),
            other => current.get_or_insert_default().push(other),
        }
    }
    found.push(current);
    Some(found)
}

#[test]
fn records_read_as_postgresql_writes_them() {
    let text = |text: &str| Some(text.to_owned());
    let texts = record_texts(r#"(1,"a ""b""",,"","(1,\\)")"#).unwrap();
    assert_eq!(texts, [text("1"), text(r#"a "b""#), None, text(""), text(r"(1,\)")]);
    let bytes = [0, 0, 0, 2, 0, 0, 0, 23, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 25, 255, 255, 255, 255];
    assert!(record_agrees(&bytes, "(7,)").is_ok());
    assert!(record_agrees(&bytes, "(8,)").is_err());
    assert!(record_agrees(&bytes, r#"(7,"")"#).is_err());
}

#[test]
fn numerics_and_intervals_read_as_postgresql_writes_them() {
    let words = |words: &[u16]| words.iter().flat_map(|word| word.to_be_bytes()).collect::<Vec<u8>>();
    assert_eq!(numeric(&words(&[2, 0, 0x4000, 2, 12, 5000])).unwrap(), "-12.50");
    assert_eq!(numeric(&words(&[1, 1, 0, 0, 3])).unwrap(), "30000");
    assert_eq!(numeric(&words(&[1, 0xFFFE, 0, 8, 7])).unwrap(), "0.00000007");
    assert_eq!(numeric(&words(&[0, 0, 0, 1])).unwrap(), "0.0");
    let bytes = |micros: i64, days: i32, months: i32| {
        [&micros.to_be_bytes()[..], &days.to_be_bytes(), &months.to_be_bytes()].concat()
    };
    assert_eq!(interval(&bytes(3_661_500_000, 2, 14)).unwrap(), "1 year 2 mons 2 days 01:01:01.5");
    assert_eq!(interval(&bytes(1_000_000, -1, 0)).unwrap(), "-1 days +00:00:01");
    assert_eq!(interval(&bytes(0, 0, 0)).unwrap(), "00:00:00");
    assert_eq!(regtype("timestamp with time zone[]"), Some(1185));
    assert_eq!(single_byte(&[195]).unwrap(), "\\303");
    assert_eq!(array_texts(r#"{1,NULL,"NULL","a,\"b",{}}"#).len(), 4);
}
