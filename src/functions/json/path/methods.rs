//! The methods of a path.

use crate::base::{ErrorReport, SqlState};

use super::super::super::value::{fail, unsupported};
use super::arithmetic::{absolute, cost, normal, whole};
use super::evaluate::{Evaluator, Found, Sink};
use super::item::Item;
use super::moment::Moment;
use super::syntax::{Method, Step};

/// Digits of a `double precision` that a number made of it keeps.
const DOUBLE_DIGITS: usize = 15;

impl Method {
    /// Whether it is called for the elements of an array instead of the array, in lax mode.
    pub(super) fn unwraps(&self) -> bool {
        !matches!(self, Self::Type | Self::Size)
    }
}

impl<'a> Evaluator<'a> {
    pub(super) fn method(
        &mut self,
        method: &'a Method,
        rest: &'a [Step],
        item: &Item<'a>,
        sink: &mut Sink<'a>,
    ) -> Found {
        let found = match method {
            Method::Type => Item::text(item.type_name()),
            Method::Size => match item.length() {
                Some(length) => Item::number(length.to_string()),
                None if self.lax => Item::number("1"),
                None => {
                    let message = "jsonpath item method .size() can only be applied to an array";
                    return self.unfit(SqlState::SQL_JSON_ARRAY_NOT_FOUND, message);
                }
            },
            Method::KeyValue => return self.key_values(rest, item, sink),
            Method::Double => match double(item) {
                Ok(found) => found,
                Err(error) => return self.failed(|| error),
            },
            Method::Datetime(template) => match moment(item, template.as_deref()) {
                Ok(found) => found,
                // A template is refused by this server, and so it is told.
                Err(error) if error.sqlstate == SqlState::FEATURE_NOT_SUPPORTED => return Err(error),
                Err(error) => return self.failed(|| error),
            },
            Method::Abs | Method::Floor | Method::Ceiling => {
                let Some(digits) = item.digits() else {
                    let message =
                        format!("jsonpath item method .{}() can only be applied to a numeric value", method.name());
                    return self.fails(SqlState::NON_NUMERIC_SQL_JSON_ITEM, message);
                };
                self.works(cost(digits))?;
                Item::number(match method {
                    Method::Abs => absolute(digits),
                    _ => whole(digits, *method == Method::Ceiling)?,
                })
            }
        };
        self.go_on(rest, found, sink)
    }
}

/// A number stays as it is; a text becomes one.
fn double<'a>(item: &Item<'a>) -> Result<Item<'a>, ErrorReport> {
    let wrong = |message: &str| fail(SqlState::NON_NUMERIC_SQL_JSON_ITEM, message);
    if let Some(digits) = item.digits() {
        return match finite(digits) {
            Some(_) => Ok(item.clone()),
            None => Err(wrong(
                "numeric argument of jsonpath item method .double() is out of range for type double precision",
            )),
        };
    }
    let Some(text) = item.as_text() else {
        return Err(wrong("jsonpath item method .double() can only be applied to a string or numeric value"));
    };
    let blank = |c: char| matches!(c, ' ' | '\t'..='\r');
    let value = finite(text.trim_matches(blank)).ok_or_else(|| {
        wrong(
            "string argument of jsonpath item method .double() is not a valid representation of a double precision \
             number",
        )
    })?;
    let shown = format!("{value:.precision$e}", precision = DOUBLE_DIGITS - 1);
    let (mantissa, exponent) = shown.split_once('e').unwrap_or((&shown, "0"));
    let mantissa = mantissa.trim_end_matches('0').trim_end_matches('.');
    Ok(Item::number(normal(&format!("{mantissa}e{exponent}"))?))
}

/// `None` where it is no number, infinite, or so small that it would become zero.
fn finite(text: &str) -> Option<f64> {
    let value: f64 = text.parse().ok().filter(|value: &f64| value.is_finite())?;
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let vanished = value == 0.0 && mantissa.bytes().any(|byte| matches!(byte, b'1'..=b'9'));
    (!vanished).then_some(value)
}

fn moment<'a>(item: &Item<'a>, template: Option<&str>) -> Result<Item<'a>, ErrorReport> {
    let state = SqlState::INVALID_ARGUMENT_FOR_SQL_JSON_DATETIME_FUNCTION;
    let Some(text) = item.as_text() else {
        return Err(fail(state, "jsonpath item method .datetime() can only be applied to a string"));
    };
    if template.is_some() {
        return Err(unsupported("a template of jsonpath item method .datetime() is not supported"));
    }
    Moment::read(text).map(Item::Moment).ok_or_else(|| {
        fail(state, format!("datetime format is not recognized: \"{text}\""))
            .with_hint("Use a datetime template argument to specify the input data format.")
    })
}
