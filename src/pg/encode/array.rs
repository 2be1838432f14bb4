//! Arrays in both formats.

use bytes::BufMut;
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::buffer::NullBuffer;

use crate::base::{ErrorReport, SqlState, SqlType};

use super::{FieldWriter, Format, ValueWriter, normal};

/// `{1,"b c",NULL}`
pub fn text(array: &ArrayRef, sql_type: &SqlType, zone: Tz) -> Result<ValueWriter, ErrorReport> {
    let (elements, element_type) = normal::elements(array, sql_type)?;
    let nested = matches!(element_type, SqlType::Array(_));
    let field = FieldWriter::new(&elements, &element_type, Format::Text, zone)?;
    let offsets = array.as_list::<i32>().offsets().clone();
    Ok(Box::new(move |row, out| {
        out.put_u8(b'{');
        for index in span(&offsets, row) {
            if index != span(&offsets, row).start {
                out.put_u8(b',');
            }
            if field.is_null(index) {
                out.put_slice(b"NULL");
                continue;
            }
            let start = out.len();
            (field.value)(index, out)?;
            if !nested {
                quote_from(out, start);
            }
        }
        out.put_u8(b'}');
        Ok(())
    }))
}

fn span(offsets: &[i32], row: usize) -> std::ops::Range<usize> {
    let at = |index: usize| usize::try_from(offsets[index]).unwrap_or(0);
    at(row)..at(row + 1)
}

/// Puts quotes around the element that begins at `start`, where it could be misread without them.
fn quote_from(out: &mut Vec<u8>, start: usize) {
    let element = &out[start..];
    let special = |byte: &u8| matches!(byte, b'"' | b'\\' | b'{' | b'}' | b',' | b' ' | b'\t'..=b'\r');
    if !element.is_empty() && !element.eq_ignore_ascii_case(b"null") && !element.iter().any(special) {
        return;
    }
    let element = out.split_off(start);
    out.put_u8(b'"');
    for byte in &element {
        if matches!(byte, b'"' | b'\\') {
            out.put_u8(b'\\');
        }
        out.put_u8(*byte);
    }
    out.put_u8(b'"');
}

/// One level of a list: where each of its lists begins and ends, and which are NULL.
struct Level {
    offsets: Vec<i32>,
    nulls: Option<NullBuffer>,
}

/// Dimensions, element type, then the elements with their lengths.
pub fn binary(array: &ArrayRef, sql_type: &SqlType) -> Result<ValueWriter, ErrorReport> {
    let mut levels = vec![level(array)];
    let (mut elements, mut element_type) = normal::elements(array, sql_type)?;
    while matches!(element_type, SqlType::Array(_)) {
        levels.push(level(&elements));
        (elements, element_type) = normal::elements(&elements, &element_type)?;
    }
    let oid = element_type.oid();
    let field = FieldWriter::new(&elements, &element_type, Format::Binary, Tz::UTC)?;
    Ok(Box::new(move |row, out| {
        let (lengths, elements) = shape(&levels, row)?;
        out.put_i32(i32::try_from(lengths.len()).unwrap_or(i32::MAX));
        out.put_i32(i32::from(elements.clone().any(|index| field.is_null(index))));
        out.put_u32(oid);
        for length in lengths {
            out.put_i32(i32::try_from(length).unwrap_or(i32::MAX));
            out.put_i32(1);
        }
        elements.into_iter().try_for_each(|index| field.write(index, out))
    }))
}

fn level(array: &ArrayRef) -> Level {
    let list = array.as_list::<i32>();
    Level { offsets: list.offsets().to_vec(), nulls: list.logical_nulls() }
}

/// The lengths of the dimensions and the range of elements of one value; all sub-arrays must have the same length.
fn shape(levels: &[Level], row: usize) -> Result<(Vec<usize>, std::ops::Range<usize>), ErrorReport> {
    let mut lists = row..row + 1;
    let mut lengths = Vec::with_capacity(levels.len());
    for level in levels {
        let length = span(&level.offsets, lists.start).len();
        let same = lists.clone().all(|list| {
            span(&level.offsets, list).len() == length && !level.nulls.as_ref().is_some_and(|nulls| nulls.is_null(list))
        });
        if !same {
            return Err(ErrorReport::new(
                SqlState::INVALID_BINARY_REPRESENTATION,
                "multidimensional arrays must have sub-arrays with matching dimensions",
            ));
        }
        let last = span(&level.offsets, lists.end - 1);
        let elements = span(&level.offsets, lists.start).start..last.end;
        if elements.is_empty() {
            return Ok((Vec::new(), 0..0));
        }
        lengths.push(length);
        lists = elements;
    }
    Ok((lengths, lists))
}
