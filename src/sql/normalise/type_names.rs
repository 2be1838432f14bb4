//! Casts to types whose name changes the value: lengths of texts, digits of times, fields of intervals.

use sqlparser::ast::{CharacterLength, DataType, Expr, TimezoneInfo};

use crate::base::ErrorReport;

use super::forms::{cast, internal, number, take, text};
use super::intervals;

/// The cast with what its type asks of the value; `None` where the type asks nothing more.
pub(super) fn tagged(operand: &mut Expr, data_type: &DataType) -> Result<Option<Expr>, ErrorReport> {
    let with_length = |function: &str, operand: &mut Expr, length: u64| {
        internal(function, vec![cast(take(operand), DataType::Text), number(&length.to_string())])
    };
    Ok(match data_type {
        DataType::Varchar(length) | DataType::CharVarying(length) | DataType::CharacterVarying(length) => {
            counted(length.as_ref()).map(|length| with_length("as_varchar", operand, length))
        }
        DataType::Char(length) | DataType::Character(length) => {
            Some(with_length("as_character", operand, counted(length.as_ref()).unwrap_or(1)))
        }
        DataType::Timestamp(Some(digits), zone) => {
            let plain = cast(take(operand), DataType::Timestamp(None, *zone));
            Some(rounded(plain, *digits))
        }
        DataType::Time(Some(digits), zone @ (TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)) => {
            let plain = cast(take(operand), DataType::Time(None, *zone));
            Some(rounded(plain, *digits))
        }
        DataType::Interval { fields, precision } if fields.is_some() || precision.is_some() => {
            let mut value = cast(take(operand), intervals::PLAIN);
            if let Some(fields) = fields {
                value = internal("interval_field", vec![value, text(intervals::last_field(fields))]);
            }
            Some(match precision {
                Some(digits) => rounded(value, *digits),
                None => value,
            })
        }
        _ => None,
    })
}

fn counted(length: Option<&CharacterLength>) -> Option<u64> {
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) | None => None,
    }
}

/// Six digits are all that there are.
fn rounded(value: Expr, digits: u64) -> Expr {
    internal("round_time", vec![value, number(&digits.min(6).to_string())])
}
