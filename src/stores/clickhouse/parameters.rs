//! Values of parameters as ClickHouse reads them: its text format with its escapes. They travel beside the statement,
//! never in it.

use std::fmt::Write as _;

use datafusion::arrow::array::Array;
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing, infinite};

/// What stands for NULL.
const NULL: &str = r"\N";

/// The value of one parameter.
///
/// # Errors
/// `0A000` for an infinite date or timestamp; a report for a value of a type that no parameter of a ClickHouse statement
/// has: a defect.
pub(super) fn text(value: &ScalarValue) -> Result<String, ErrorReport> {
    if value.is_null() {
        return Ok(NULL.to_owned());
    }
    if infinite::is_infinite(value) {
        let message = "an infinite date or timestamp is not supported on clickhouse";
        return Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message));
    }
    match value {
        ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)) => {
            Ok(escaped(text))
        }
        ScalarValue::FixedSizeBinary(16, Some(bytes)) => uuid(bytes),
        ScalarValue::List(list) => array(list.value(0).as_ref()),
        other => plain(other),
    }
}

/// Tabs and line ends would end the value; a backslash begins an escape.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str(r"\\"),
            '\t' => escaped.push_str(r"\t"),
            '\n' => escaped.push_str(r"\n"),
            '\r' => escaped.push_str(r"\r"),
            '\0' => escaped.push_str(r"\0"),
            other => escaped.push(other),
        }
    }
    escaped
}

fn uuid(bytes: &[u8]) -> Result<String, ErrorReport> {
    let uuid = uuid::Uuid::from_slice(bytes).map_err(|error| InternalError::new(error).report())?;
    Ok(uuid.hyphenated().to_string())
}

/// Numbers, booleans, dates and times, which both write alike.
fn plain(value: &ScalarValue) -> Result<String, ErrorReport> {
    let array = value.to_array().map_err(|error| InternalError::new(error).report())?;
    element(array.as_ref(), 0)
}

fn element(values: &dyn Array, row: usize) -> Result<String, ErrorReport> {
    let options = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_display_error(false);
    let formatter = ArrayFormatter::try_new(values, &options).map_err(|error| InternalError::new(error).report())?;
    formatter.value(row).try_to_string().map_err(|error| InternalError::new(error).report())
}

/// `['a','b']`: inside brackets text is quoted, and the whole is escaped once more.
fn array(values: &dyn Array) -> Result<String, ErrorReport> {
    let mut text = String::from("[");
    for row in 0..values.len() {
        if row > 0 {
            text.push(',');
        }
        if values.is_null(row) {
            text.push_str("NULL");
            continue;
        }
        let value = ScalarValue::try_from_array(values, row).map_err(|error| InternalError::new(error).report())?;
        match value {
            ScalarValue::Utf8(Some(inner)) => quoted(&mut text, &inner),
            other => text.push_str(&self::text(&other)?),
        }
    }
    text.push(']');
    Ok(escaped(&text))
}

fn quoted(out: &mut String, text: &str) {
    out.push('\'');
    for character in text.chars() {
        match character {
            '\\' | '\'' => {
                out.push('\\');
                out.push(character);
            }
            other => out.push(other),
        }
    }
    out.push('\'');
}

/// The fields of a request that carry values: `param_p1`, `param_p2` …
pub(super) fn fields(values: &[ScalarValue], numbers: &[usize]) -> Result<Vec<(String, String)>, ErrorReport> {
    numbers
        .iter()
        .enumerate()
        .map(|(own, number)| {
            let value = number
                .checked_sub(1)
                .and_then(|place| values.get(place))
                .ok_or_else(|| InternalError::new(format!("parameter ${number} has no value")).report())?;
            let mut name = String::from("param_p");
            // Writing to a text does not fail.
            let _infallible = write!(name, "{}", own + 1);
            Ok((name, text(value)?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_clickhouse_reads_them() {
        for (value, expected) in [
            (ScalarValue::Int32(Some(-7)), "-7"),
            (ScalarValue::Int32(None), r"\N"),
            (ScalarValue::Boolean(Some(true)), "true"),
            (ScalarValue::Decimal128(Some(150), 18, 2), "1.50"),
            (ScalarValue::Utf8(Some("a'b\\c\td\n".to_owned())), r"a'b\\c\td\n"),
            (ScalarValue::Utf8(Some(r"\N".to_owned())), r"\\N"),
            (ScalarValue::Date32(Some(0)), "1970-01-01"),
            (ScalarValue::TimestampMicrosecond(Some(1_500_000), None), "1970-01-01 00:00:01.500"),
            (ScalarValue::FixedSizeBinary(16, Some(vec![0; 16])), "00000000-0000-0000-0000-000000000000"),
        ] {
            assert_eq!(text(&value).unwrap(), expected, "{value:?}");
        }
    }

    #[test]
    fn every_parameter_is_named_by_its_place_in_the_statement() {
        let values = [ScalarValue::Int32(Some(1)), ScalarValue::Int32(Some(2))];
        let fields = fields(&values, &[2, 1]).unwrap();
        assert_eq!(fields, [("param_p1".to_owned(), "2".to_owned()), ("param_p2".to_owned(), "1".to_owned())]);
        assert!(super::fields(&values, &[3]).is_err());
        assert!(super::fields(&values, &[0]).is_err());
    }
}
