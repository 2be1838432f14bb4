//! Arrays of one dimension, from text and from binary.

use chrono_tz::Tz;
use datafusion::arrow::array::new_empty_array;
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;

use crate::base::array_text::{NoElements, elements};
use crate::base::{ErrorReport, InternalError, SqlState, SqlType, UserFacing};
use crate::pg::message::Body;

use super::{binary, null, text, unsupported};

/// Reads `{1,"b c",NULL}`.
pub fn from_text(literal: &str, element: &SqlType, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    let values = elements(literal)
        .map_err(|error| refused(literal, &error))?
        .into_iter()
        .map(|item| match item {
            Some(item) => text::read(&item, element, zone),
            None => null(element),
        })
        .collect::<Result<Vec<_>, _>>()?;
    list(values, element)
}

fn refused(literal: &str, error: &NoElements) -> ErrorReport {
    match error {
        NoElements::HasBounds => unsupported("an array literal with dimensions"),
        NoElements::IsNested => unsupported("an array of arrays as a parameter"),
        NoElements::Malformed(detail) => {
            let message = format!("malformed array literal: \"{literal}\"");
            ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, message).with_detail(detail)
        }
    }
}

/// Reads dimensions, element type and elements.
pub fn from_binary(value: &mut Body, element: &SqlType) -> Result<ScalarValue, ErrorReport> {
    let dimensions = value.int32()?;
    value.int32()?;
    check_element(value.int32()?.cast_unsigned(), element)?;
    let count = match dimensions {
        0 => 0,
        1 => {
            let (count, first) = (value.int32()?, value.int32()?);
            // Its subscripts would be others here.
            if first != 1 {
                return Err(unsupported("an array whose first subscript is not 1"));
            }
            count
        }
        2..=6 => return Err(unsupported("an array of arrays as a parameter")),
        other => return Err(invalid_binary(format!("invalid number of dimensions: {other}"))),
    };
    let mut values = Vec::new();
    for _ in 0..count {
        let length = value.int32()?;
        values.push(match usize::try_from(length) {
            Ok(length) => binary::read(&value.bytes(length)?, element)?,
            Err(_) if length == -1 => null(element)?,
            Err(_) => return Err(invalid_binary("incorrect binary data format".to_owned())),
        });
    }
    list(values, element)
}

fn check_element(oid: u32, element: &SqlType) -> Result<(), ErrorReport> {
    let given = SqlType::from_oid(oid);
    let same = oid == element.oid() || given.as_ref().is_some_and(SqlType::is_text) && element.is_text();
    if same {
        return Ok(());
    }
    let given = given.map_or_else(|| "unknown".to_owned(), |given| given.name());
    Err(ErrorReport::new(
        SqlState::DATATYPE_MISMATCH,
        format!(
            "binary data has array element type {oid} ({given}) instead of expected {} ({})",
            element.oid(),
            element.name()
        ),
    ))
}

fn invalid_binary(message: String) -> ErrorReport {
    ErrorReport::new(SqlState::INVALID_BINARY_REPRESENTATION, message)
}

fn list(values: Vec<ScalarValue>, element: &SqlType) -> Result<ScalarValue, ErrorReport> {
    let array = if values.is_empty() {
        new_empty_array(&element.arrow())
    } else {
        ScalarValue::iter_to_array(values).map_err(|error| InternalError::new(error).report())?
    };
    Ok(SingleRowListArrayBuilder::new(array).with_nullable(true).build_list_scalar())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_have_the_type_of_the_type_map() {
        for (literal, rows) in [("{}", 0), ("{NULL}", 1), ("{1,NULL,3}", 3)] {
            let value = from_text(literal, &SqlType::Int4, Tz::UTC).unwrap();
            assert_eq!(value.data_type(), SqlType::Array(Box::new(SqlType::Int4)).arrow(), "{literal}");
            let ScalarValue::List(list) = value else { panic!("not a list") };
            assert_eq!(list.value(0).len(), rows);
        }
    }
}
