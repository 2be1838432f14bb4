//! Intervals that are written as constants, and their types with fields.

use sqlparser::ast::{DataType, DateTimeField, Expr, Interval, IntervalFields, Value, ValueWithSpan};

use crate::base::{ErrorReport, SqlState};

use super::forms::{cast, internal, number, text};

pub(super) const PLAIN: DataType = DataType::Interval { fields: None, precision: None };

/// `INTERVAL '1' DAY` is a cast of `'1 day'`; a field also cuts off what is smaller.
pub(super) fn constant(interval: &Interval) -> Result<Option<Expr>, ErrorReport> {
    let value = match interval.value.as_ref() {
        Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(value), .. }) => value.clone(),
        _ => return Ok(None),
    };
    let Some(first) = &interval.leading_field else {
        let plain = cast(text(value), PLAIN);
        return Ok(Some(match interval.leading_precision.or(interval.fractional_seconds_precision) {
            Some(digits) => internal("round_time", vec![plain, number(&digits.to_string())]),
            None => plain,
        }));
    };
    let first = field_name(first)?;
    let last = interval.last_field.as_ref().map(field_name).transpose()?.unwrap_or(first);
    let written = with_unit(&value, first, last);
    let cut = internal("interval_field", vec![cast(text(written), PLAIN), text(last)]);
    let digits = interval.fractional_seconds_precision.or(interval.leading_precision.filter(|_| first == "second"));
    Ok(Some(match digits {
        Some(digits) => internal("round_time", vec![cut, number(&digits.to_string())]),
        None => cut,
    }))
}

fn field_name(field: &DateTimeField) -> Result<&'static str, ErrorReport> {
    Ok(match field {
        DateTimeField::Year => "year",
        DateTimeField::Month => "month",
        DateTimeField::Day => "day",
        DateTimeField::Hour => "hour",
        DateTimeField::Minute => "minute",
        DateTimeField::Second => "second",
        other => {
            let message = format!("syntax error at or near \"{}\"", other.to_string().to_lowercase());
            return Err(ErrorReport::new(SqlState::SYNTAX_ERROR, message));
        }
    })
}

/// A bare number counts the last field; a time with one colon is minutes and seconds where the fields say so.
fn with_unit(value: &str, first: &str, last: &str) -> String {
    let trimmed = value.trim();
    if trimmed.parse::<f64>().is_ok() {
        return format!("{trimmed} {last}");
    }
    let one_colon = trimmed.matches(':').count() == 1;
    if one_colon && (first, last) == ("minute", "second") {
        let (sign, rest) = trimmed.strip_prefix('-').map_or(("", trimmed), |rest| ("-", rest));
        return format!("{sign}00:{rest}");
    }
    value.to_owned()
}

/// The last field of an interval's type.
pub(super) fn last_field(fields: &IntervalFields) -> &'static str {
    match fields {
        IntervalFields::Year => "year",
        IntervalFields::Month | IntervalFields::YearToMonth => "month",
        IntervalFields::Day => "day",
        IntervalFields::Hour | IntervalFields::DayToHour => "hour",
        IntervalFields::Minute | IntervalFields::DayToMinute | IntervalFields::HourToMinute => "minute",
        IntervalFields::Second
        | IntervalFields::DayToSecond
        | IntervalFields::HourToSecond
        | IntervalFields::MinuteToSecond => "second",
    }
}

/// Whether an expression is written as an interval.
pub(super) fn is_written(expr: &Expr) -> bool {
    match expr {
        Expr::Interval(_) => true,
        Expr::Cast { data_type, .. } => matches!(data_type, DataType::Interval { .. }),
        Expr::Nested(inner) => is_written(inner),
        Expr::Function(function) => {
            let name = function.name.to_string();
            ["interval_field", "round_time", "make_interval"].iter().any(|known| name.ends_with(known))
        }
        _ => false,
    }
}
