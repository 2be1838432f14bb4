//! Offsets of `RANGE … PRECEDING` and `FOLLOWING`: their type goes with that of the sort key (`transformFrameOffsetClause`).

use sqlparser::ast::Expr;

use crate::base::{ErrorReport, SqlState};
use crate::functions::{interval_length, literal};

use super::scope::Clause;
use super::types::{Context, Type};
use super::windows::is_negative;
use super::{Checked, Checker, Constant, Typed, error};

/// The support functions `in_range` of the default operator classes: keys, and the offsets that each may have.
const OFFSETS: [(&str, &[&str]); 12] = [
    ("int2", &["int8", "int4", "int2"]),
    ("int4", &["int8", "int4", "int2"]),
    ("int8", &["int8"]),
    ("float4", &["float8"]),
    ("float8", &["float8"]),
    ("numeric", &["numeric"]),
    ("date", &["interval"]),
    ("timestamp", &["interval"]),
    ("timestamptz", &["interval"]),
    ("time", &["interval"]),
    ("timetz", &["interval"]),
    ("interval", &["interval"]),
];

impl Checker<'_> {
    /// An offset of a frame that counts in values of the key.
    pub(super) fn range_offset(&mut self, offset: &Expr, key: Type) -> Checked<()> {
        // The parser takes a constant in quotes for an interval.
        let bare = match offset {
            Expr::Interval(interval) if interval.leading_field.is_none() => {
                let place = self.places.start(&interval.value);
                (!self.places.follows(place, "INTERVAL")).then_some(interval.value.as_ref())
            }
            _ => None,
        };
        let offset = bare.unwrap_or(offset);
        let typed =
            self.constant_offset(Clause::WindowRange, "RANGE", offset, |checker, typed| checker.fits_key(typed, key))?;
        if is_negative(offset) || self.is_before_zero(&typed, key) {
            let message = "invalid preceding or following size in window function";
            self.later(ErrorReport::new(SqlState::INVALID_PRECEDING_OR_FOLLOWING_SIZE, message));
        }
        Ok(())
    }

    fn fits_key(&mut self, offset: &Typed, key: Type) -> Checked<()> {
        if key == Type::ANY || offset.data_type == Type::ANY {
            return Ok(());
        }
        let name = format!("RANGE with offset PRECEDING/FOLLOWING is not supported for column type {}", key.display());
        let Some((_, known)) = OFFSETS.iter().find(|(of, _)| Type(of) == key) else {
            return Err(error(SqlState::FEATURE_NOT_SUPPORTED, name, offset.place));
        };
        let is_open = offset.data_type == Type::UNKNOWN;
        let preferred = if is_open { key } else { offset.data_type };
        let fitting: Vec<Type> =
            known.iter().map(|of| Type(of)).filter(|of| offset.data_type.becomes(*of, Context::Implicit)).collect();
        let chosen = if fitting.contains(&preferred) { Some(&preferred) } else { fitting.first() };
        match chosen {
            Some(chosen) if is_open => self.adopt(offset, *chosen),
            Some(_) => Ok(()),
            None => {
                let message = format!("{name} and offset type {}", offset.data_type.display());
                let report = error(SqlState::FEATURE_NOT_SUPPORTED, message, offset.place);
                Err(report.with_hint("Cast the offset value to an appropriate type."))
            }
        }
    }

    /// A constant in quotes that is less than nothing.
    fn is_before_zero(&self, offset: &Typed, key: Type) -> bool {
        let Some(Constant::Text(text)) = &offset.constant else { return false };
        let is_number = matches!(key.0, "int2" | "int4" | "int8" | "float4" | "float8" | "numeric");
        if is_number {
            return text.trim().parse::<f64>().is_ok_and(|number| number < 0.0);
        }
        literal::interval(text).is_ok_and(|span| interval_length(span) < 0)
    }
}
