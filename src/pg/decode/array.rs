//! Arrays of one dimension, from text and from binary.

use chrono_tz::Tz;
use datafusion::arrow::array::new_empty_array;
use datafusion::common::ScalarValue;
use datafusion::common::utils::SingleRowListArrayBuilder;

use crate::base::{ErrorReport, InternalError, SqlState, SqlType, UserFacing};
use crate::pg::message::Body;

use super::text::is_space;
use super::{binary, null, text, unsupported};

/// Reads `{1,"b c",NULL}`.
pub fn from_text(literal: &str, element: &SqlType, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    let values = elements(literal)?
        .into_iter()
        .map(|item| match item {
            Some(item) => text::read(&item, element, zone),
            None => null(element),
        })
        .collect::<Result<Vec<_>, _>>()?;
    list(values, element)
}

/// Reads dimensions, element type and elements.
pub fn from_binary(value: &mut Body, element: &SqlType) -> Result<ScalarValue, ErrorReport> {
    let dimensions = value.int32()?;
    value.int32()?;
    check_element(value.int32()?.cast_unsigned(), element)?;
    let count = match dimensions {
        0 => 0,
        1 => {
            let count = value.int32()?;
            value.int32()?;
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

/// The elements of an array literal; `None` is NULL.
fn elements(literal: &str) -> Result<Vec<Option<String>>, ErrorReport> {
    let malformed = |detail: &str| {
        ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed array literal: \"{literal}\""))
            .with_detail(detail)
    };
    let trimmed = literal.trim_matches(is_space);
    if trimmed.starts_with('[') {
        return Err(unsupported("an array literal with dimensions"));
    }
    let inner = trimmed
        .strip_prefix('{')
        .ok_or_else(|| malformed("Array value must start with \"{\" or dimension information."))?;
    let mut scanner = Scanner { rest: inner };
    let mut found = Vec::new();
    scanner.skip_spaces();
    if scanner.take('}') {
        return if scanner.rest.is_empty() { Ok(found) } else { Err(malformed("Junk after closing right brace.")) };
    }
    loop {
        scanner.skip_spaces();
        if scanner.rest.starts_with('{') {
            return Err(unsupported("an array of arrays as a parameter"));
        }
        found.push(scanner.element().ok_or_else(|| malformed("Unexpected array element."))?);
        scanner.skip_spaces();
        if scanner.take('}') {
            break;
        }
        if !scanner.take(',') {
            return Err(malformed("Unexpected end of input."));
        }
    }
    if scanner.rest.is_empty() { Ok(found) } else { Err(malformed("Junk after closing right brace.")) }
}

struct Scanner<'a> {
    rest: &'a str,
}

impl Scanner<'_> {
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }

    fn take(&mut self, wanted: char) -> bool {
        let after = self.rest.strip_prefix(wanted);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn next(&mut self) -> Option<char> {
        let mut characters = self.rest.chars();
        let next = characters.next();
        self.rest = characters.as_str();
        next
    }

    /// One element; the outer `None` when there is none, the inner one for NULL.
    fn element(&mut self) -> Option<Option<String>> {
        if self.take('"') { self.quoted().map(Some) } else { self.plain() }
    }

    fn quoted(&mut self) -> Option<String> {
        let mut element = String::new();
        loop {
            match self.next()? {
                '"' => return Some(element),
                '\\' => element.push(self.next()?),
                other => element.push(other),
            }
        }
    }

    fn plain(&mut self) -> Option<Option<String>> {
        let mut element = String::new();
        let mut escaped = false;
        // Spaces at the end do not belong to the element, unless they are escaped.
        let mut kept = 0;
        while !self.rest.starts_with(['}', ',']) {
            match self.next()? {
                '"' | '{' => return None,
                '\\' => {
                    escaped = true;
                    element.push(self.next()?);
                    kept = element.len();
                }
                other => {
                    element.push(other);
                    kept = if is_space(other) { kept } else { element.len() };
                }
            }
        }
        element.truncate(kept);
        if element.is_empty() {
            return None;
        }
        Some(Some(element).filter(|element| escaped || !element.eq_ignore_ascii_case("null")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_are_taken_apart() {
        let read = |literal| elements(literal).unwrap();
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("{}"), []);
        assert_eq!(read(" { } "), []);
        assert_eq!(read("{1,2, 3 }"), [some("1"), some("2"), some("3")]);
        assert_eq!(
            read(r#"{"a \"b\",c",null,"NULL",\null,d e}"#),
            [some("a \"b\",c"), None, some("NULL"), some("null"), some("d e"),]
        );
        for bad in ["", "1,2", "{1", "{1,}", "{,1}", "{1}x", "{\"a}", "{a\"b\"}"] {
            assert_eq!(elements(bad).unwrap_err().sqlstate.code(), "22P02", "{bad}");
        }
        assert_eq!(elements("{{1},{2}}").unwrap_err().sqlstate.code(), "0A000");
    }

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
