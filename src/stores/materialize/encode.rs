//! Values of parameters, in PostgreSQL's text form: the server knows their types from the statement.

use std::error::Error;
use std::fmt::Write as _;

use bytes::{BufMut, BytesMut};
use datafusion::arrow::array::Array;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;
use tokio_postgres::types::{Format, IsNull, ToSql, Type, to_sql_checked};

use crate::base::infinite;

/// One value.
#[derive(Debug)]
pub(super) struct Parameter<'a>(pub(super) &'a ScalarValue);

impl ToSql for Parameter<'_> {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        if self.0.is_null() {
            return Ok(IsNull::Yes);
        }
        out.put_slice(text(self.0)?.as_bytes());
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

type Written = Result<String, Box<dyn Error + Sync + Send>>;

fn text(value: &ScalarValue) -> Written {
    if infinite::is_infinite(value) {
        return Err("an infinite date or timestamp is not supported on materialize".into());
    }
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            Ok(text.clone())
        }
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => Ok(uuid::Uuid::from_slice(bytes)?.hyphenated().to_string()),
        ScalarValue::LargeBinary(Some(json)) => Ok(String::from_utf8(json.clone())?),
        ScalarValue::Binary(Some(bytes)) => hexadecimal(bytes),
        ScalarValue::IntervalMonthDayNano(Some(interval)) => Ok(format!(
            "{} months {} days {} microseconds",
            interval.months,
            interval.days,
            interval.nanoseconds / 1_000
        )),
        ScalarValue::List(list) => array(list.value(0).as_ref()),
        other => plain(other),
    }
}

fn hexadecimal(bytes: &[u8]) -> Written {
    let mut text = String::from("\\x");
    for byte in bytes {
        write!(text, "{byte:02x}")?;
    }
    Ok(text)
}

/// Numbers, booleans, dates and times.
fn plain(value: &ScalarValue) -> Written {
    let array = value.to_array()?;
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f+00"))
        .with_display_error(false);
    Ok(ArrayFormatter::try_new(array.as_ref(), &options)?.value(0).try_to_string()?)
}

/// `{"a","b",NULL}`
fn array(values: &dyn Array) -> Written {
    let mut written = String::from("{");
    for row in 0..values.len() {
        if row > 0 {
            written.push(',');
        }
        if values.is_null(row) {
            written.push_str("NULL");
            continue;
        }
        written.push('"');
        for character in text(&ScalarValue::try_from_array(values, row)?)?.chars() {
            if matches!(character, '"' | '\\') {
                written.push('\\');
            }
            written.push(character);
        }
        written.push('"');
    }
    written.push('}');
    Ok(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_postgresql_reads_them() {
        let list = ScalarValue::List(ScalarValue::new_list_nullable(
            &[ScalarValue::from("a\"b\\c"), ScalarValue::Utf8(None), ScalarValue::from("")],
            &datafusion::arrow::datatypes::DataType::Utf8,
        ));
        for (value, expected) in [
            (ScalarValue::Int64(Some(-5)), "-5"),
            (ScalarValue::Boolean(Some(true)), "true"),
            (ScalarValue::Decimal128(Some(-1250), 10, 3), "-1.250"),
            (ScalarValue::from("O'Neil\\"), "O'Neil\\"),
            (ScalarValue::Binary(Some(vec![0, 255])), "\\x00ff"),
            (ScalarValue::TimestampMicrosecond(Some(1_500_000), None), "1970-01-01 00:00:01.500"),
            (ScalarValue::TimestampMicrosecond(Some(0), Some("+00:00".into())), "1970-01-01 00:00:00+00"),
            (ScalarValue::Date32(Some(1)), "1970-01-02"),
            (list, r#"{"a\"b\\c",NULL,""}"#),
        ] {
            assert_eq!(text(&value).unwrap(), expected, "{value:?}");
        }
    }
}
