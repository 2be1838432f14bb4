//! The type `"char"`: one byte, which is the first of a text or the code of a number.
//!
//! Its values are texts here, so a byte that is no character of ASCII is kept as PostgreSQL shows it: `\303`.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

/// From a text or an integer.
pub(super) fn returns(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types.first()?, DataType::Utf8 | DataType::Int32 | DataType::Int64 | DataType::Null)
        .then_some(DataType::Utf8)
}

/// The values as `"char"`.
pub(super) fn of(arrays: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    if *arrays[0].data_type() == DataType::Utf8 {
        let rows = arrays[0].as_string::<i32>().iter().map(|text| text.map(|text| shown(first_byte(text))));
        return Ok(Arc::new(rows.collect::<StringArray>()));
    }
    let codes = cast(&arrays[0], &DataType::Int64)?;
    let rows =
        codes.as_primitive::<Int64Type>().iter().map(|code| code.map(|code| byte_of(code).map(shown)).transpose());
    Ok(Arc::new(rows.collect::<Result<StringArray, _>>().map_err(wrap)?))
}

/// The first byte, or that of three octal digits behind a backslash; 0 of an empty text.
fn first_byte(text: &str) -> u8 {
    let octal = text.strip_prefix('\\').filter(|digits| digits.len() == 3);
    let escaped = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok());
    escaped.or_else(|| text.bytes().next()).unwrap_or(0)
}

fn byte_of(code: i64) -> Result<u8, ErrorReport> {
    let byte = i8::try_from(code).map(i8::cast_unsigned);
    byte.map_err(|_| ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "\"char\" out of range"))
}

fn shown(byte: u8) -> String {
    match byte {
        0 => String::new(),
        0x80.. => format!("\\{byte:03o}"),
        ascii => char::from(ascii).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_is_left() {
        for (text, expected) in [("abc", "a"), ("", ""), ("é", "\\303"), ("\\101", "A"), ("\\9", "\\")] {
            assert_eq!(shown(first_byte(text)), expected, "{text}");
        }
        assert_eq!(byte_of(65).map(shown).unwrap(), "A");
        assert_eq!(byte_of(-1).map(shown).unwrap(), "\\377");
        assert_eq!(byte_of(200).unwrap_err().sqlstate, SqlState::NUMERIC_VALUE_OUT_OF_RANGE);
    }
}
