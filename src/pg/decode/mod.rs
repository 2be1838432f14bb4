//! Parameters to values.
//!
//! Comes in: the bytes of one parameter, its type and its format. Goes out: a value of the type's Arrow type.
//! Does not: guess types.
//! Invariant: what it accepts, PostgreSQL accepts, with the same meaning.

mod array;
mod binary;
mod datetime;
mod interval;
mod number;
mod text;

use chrono_tz::Tz;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, InternalError, SqlState, SqlType, UserFacing};

use super::encode::Format;
use super::message::text_of;

/// Reads one parameter; `None` is NULL. `zone` is for a `timestamptz` that names none.
///
/// # Errors
/// `22P02`, `22P03`, `22003`, `22007`, `22008`, `22021` or `08P01`, as PostgreSQL's input functions; `0A000` for a value
/// that Arrow cannot hold, such as an array of arrays.
pub fn decode(value: Option<&[u8]>, sql_type: &SqlType, format: Format, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    match (value, format) {
        (None, _) => null(sql_type),
        (Some(value), Format::Text) => text::read(text_of(value)?, sql_type, zone),
        (Some(value), Format::Binary) => binary::read(value, sql_type),
    }
}

fn null(sql_type: &SqlType) -> Result<ScalarValue, ErrorReport> {
    ScalarValue::try_from(&sql_type.arrow()).map_err(|error| InternalError::new(error).report())
}

/// The name that input errors give a type: without digits.
fn type_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric { .. } => "numeric".to_owned(),
        other => other.name(),
    }
}

/// A text that does not read as the type.
fn invalid(sql_type: &SqlType, text: &str) -> ErrorReport {
    ErrorReport::new(
        SqlState::INVALID_TEXT_REPRESENTATION,
        format!("invalid input syntax for type {}: \"{text}\"", type_name(sql_type)),
    )
}

/// A record as a client sends it: its columns have no types that are known before.
fn record() -> ErrorReport {
    let message = "input of anonymous composite types is not implemented";
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
}

/// A value that cannot be kept.
fn unsupported(what: &str) -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, format!("{what} is not supported"))
}
