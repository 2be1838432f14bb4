//! Brings the Arrow types that the stores and the engine produce down to the few that the writers know.
//!
//! A cast runs over the whole batch at once, and most columns need none.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::{CastOptions, can_cast_types, cast_with_options};
use datafusion::arrow::datatypes::{DataType, Field};
use datafusion::arrow::error::ArrowError;
use datafusion::common::DataFusionError;

use crate::base::{ErrorReport, SqlState, SqlType, engine_error};

use super::text;

/// The array with the type that writers of this SQL type expect: that of the type map, or for texts and bytes any of
/// their layouts, or for `numeric` any digits, also as text; a record as it is.
pub fn normalise(array: &ArrayRef, sql_type: &SqlType) -> Result<ArrayRef, ErrorReport> {
    if let DataType::Dictionary(_, values) = array.data_type() {
        return normalise(&cast(array, values)?, sql_type);
    }
    if let DataType::RunEndEncoded(_, values) = array.data_type() {
        return normalise(&cast(array, values.data_type())?, sql_type);
    }
    match sql_type {
        SqlType::Text | SqlType::TextLike(_) | SqlType::Json | SqlType::Jsonb | SqlType::Bytea
            if is_bytes(array.data_type()) =>
        {
            Ok(Arc::clone(array))
        }
        SqlType::Numeric { .. }
            if matches!(array.data_type(), DataType::Decimal128(..) | DataType::Decimal256(..))
                || is_bytes(array.data_type()) =>
        {
            Ok(Arc::clone(array))
        }
        SqlType::Array(_) => as_list(array, sql_type),
        SqlType::Record(_) if matches!(array.data_type(), DataType::Struct(_)) => Ok(Arc::clone(array)),
        SqlType::Record(_) => Err(text::unexpected(array.data_type())),
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Numeric { .. }
        | SqlType::Text
        | SqlType::TextLike(_)
        | SqlType::Date
        | SqlType::Time
        | SqlType::Timestamp
        | SqlType::Timestamptz
        | SqlType::Interval
        | SqlType::Uuid
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Bytea
        | SqlType::Oid => cast(array, &sql_type.arrow()),
    }
}

/// Lists of any layout become lists with 32-bit offsets; their elements are left as they are.
fn as_list(array: &ArrayRef, sql_type: &SqlType) -> Result<ArrayRef, ErrorReport> {
    let element = match array.data_type() {
        DataType::List(_) => return Ok(Arc::clone(array)),
        DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::ListView(field)
        | DataType::LargeListView(field) => field.data_type().clone(),
        _ => return cast(array, &sql_type.arrow()),
    };
    cast(array, &DataType::List(Arc::new(Field::new_list_field(element, true))))
}

/// The elements of a list array (as [`normalise`] leaves it) in their own normal form. An element that is a list
/// itself has the SQL type of the outer one, as in PostgreSQL.
pub fn elements(array: &ArrayRef, sql_type: &SqlType) -> Result<(ArrayRef, SqlType), ErrorReport> {
    let values = array.as_list::<i32>().values();
    let nested = matches!(
        values.data_type(),
        DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::ListView(_)
            | DataType::LargeListView(_)
    );
    let element = match sql_type {
        SqlType::Array(element) if !nested => element.as_ref(),
        other => other,
    };
    Ok((normalise(values, element)?, element.clone()))
}

fn is_bytes(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    )
}

fn cast(array: &ArrayRef, target: &DataType) -> Result<ArrayRef, ErrorReport> {
    if array.data_type() == target {
        return Ok(Arc::clone(array));
    }
    if !can_cast_types(array.data_type(), target) {
        return Err(text::unexpected(array.data_type()));
    }
    // Without `safe: false` a value out of range would silently become NULL.
    let options = CastOptions { safe: false, ..CastOptions::default() };
    cast_with_options(array, target, &options).map_err(|error| match (error, SqlType::from_arrow(target)) {
        (ArrowError::CastError(_), Ok(sql_type)) => {
            ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, format!("{sql_type} out of range"))
        }
        (other, _) => engine_error::report(&DataFusionError::ArrowError(Box::new(other), None)),
    })
}
