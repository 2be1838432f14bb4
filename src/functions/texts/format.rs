//! `format`, `concat`, `concat_ws`.

use std::iter::Peekable;
use std::str::Chars;

use chrono_tz::Tz;
use datafusion::common::ScalarValue;

use crate::base::limits::VALUE_BYTES;
use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, lenient};
use super::super::text::shown_value;
use super::super::value::{self, invalid, null};
use super::quote::{identifier, literal, null_identifier};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    vec![
        lenient("concat", "(variadic any) text", |call| {
            let parts = call.args.iter().filter(|one| !one.is_null()).map(|one| shown(one, call.zone));
            Ok(value::text(parts.collect::<Result<String, _>>()?))
        })
        .zoned(),
        lenient("concat_ws", "(text, variadic any) text", |call| {
            if call.is_null(0) {
                return null(call);
            }
            let parts = call.args.iter().skip(1).filter(|one| !one.is_null()).map(|one| shown(one, call.zone));
            Ok(value::text(parts.collect::<Result<Vec<_>, _>>()?.join(call.text(0))))
        })
        .zoned(),
        lenient("format", "(text) text", |call| format(call, &[])).zoned(),
        lenient("format", "(text, variadic any) text", |call| format(call, &call.args[1..])).zoned(),
        lenient("format[]", "(text, any) text", |call| format(call, &items(&call.args[1])?)).zoned(),
    ]
}

/// A boolean is shown as `t` and `f`, not as it is cast.
fn shown(value: &ScalarValue, zone: Tz) -> Result<String, ErrorReport> {
    match value {
        ScalarValue::Boolean(Some(value)) => Ok(if *value { "t" } else { "f" }.to_owned()),
        other => shown_value(other, zone),
    }
}

/// The items of an array, of all its dimensions; none of NULL.
fn items(array: &ScalarValue) -> Result<Vec<ScalarValue>, ErrorReport> {
    let mut all = Vec::new();
    for item in value::items(array)? {
        match &item {
            ScalarValue::List(_) => all.extend(items(&item)?),
            _ => all.push(item),
        }
    }
    Ok(all)
}

fn format(call: &Call<'_>, args: &[ScalarValue]) -> Found {
    if call.is_null(0) {
        return null(call);
    }
    let mut formatter = Formatter { args, next: 0, zone: call.zone };
    let mut out = String::new();
    let mut rest = call.text(0).chars().peekable();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
        } else if rest.peek() == Some(&'%') {
            rest.next();
            out.push('%');
        } else {
            formatter.write(&mut rest, &mut out)?;
        }
    }
    Ok(value::text(out))
}

struct Formatter<'a> {
    args: &'a [ScalarValue],
    next: usize,
    zone: Tz,
}

fn unterminated() -> ErrorReport {
    invalid("unterminated format() type specifier").with_hint("For a single \"%\" use \"%%\".")
}

fn out_of_range() -> ErrorReport {
    ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "number is out of range")
}

/// Digits of an `integer`, if any stand here.
fn number(rest: &mut Peekable<Chars<'_>>) -> Result<Option<usize>, ErrorReport> {
    let mut found: Option<i32> = None;
    while let Some(digit) = rest.peek().and_then(|c| c.to_digit(10)).and_then(|digit| i32::try_from(digit).ok()) {
        let longer = found.unwrap_or(0).checked_mul(10).and_then(|number| number.checked_add(digit));
        found = Some(longer.ok_or_else(out_of_range)?);
        rest.next();
    }
    Ok(found.and_then(|number| usize::try_from(number).ok()))
}

/// Passes for a text that is no longer than a value may be.
fn check_length(bytes: usize, more: usize) -> Result<(), ErrorReport> {
    let fits = i64::try_from(bytes.saturating_add(more)).is_ok_and(|length| length < VALUE_BYTES);
    if fits {
        return Ok(());
    }
    Err(ErrorReport::new(SqlState::PROGRAM_LIMIT_EXCEEDED, "out of memory")
        .with_detail(format!("Cannot enlarge string buffer containing {bytes} bytes by {more} more bytes.")))
}

impl Formatter<'_> {
    /// `%[place$][-][width]type`
    fn write(&mut self, rest: &mut Peekable<Chars<'_>>, out: &mut String) -> Result<(), ErrorReport> {
        let mut place = None;
        let (left, width) = match number(rest)? {
            Some(digits) if rest.peek() == Some(&'$') => {
                rest.next();
                place = Some(digits);
                if digits == 0 {
                    return Err(invalid("format specifies argument 0, but arguments are numbered from 1"));
                }
                (self.flag(rest), self.width(rest)?)
            }
            Some(digits) => (false, i64::try_from(digits).unwrap_or_default()),
            None => (self.flag(rest), self.width(rest)?),
        };
        let kind = rest.next().ok_or_else(unterminated)?;
        if !matches!(kind, 's' | 'I' | 'L') {
            let message = format!("unrecognized format() type specifier \"{kind}\"");
            return Err(invalid(message).with_hint("For a single \"%\" use \"%%\"."));
        }
        let index = place.map_or(self.next, |place| place - 1);
        self.next = index + 1;
        let value = self.args.get(index).ok_or_else(|| invalid("too few arguments for format()"))?;
        let text = self.value(value, kind)?;
        let missing = usize::try_from(width.abs()).unwrap_or_default().saturating_sub(text.chars().count());
        check_length(out.len(), text.len().saturating_add(missing))?;
        let blanks = " ".repeat(missing);
        out.push_str(&if left || width < 0 { format!("{text}{blanks}") } else { format!("{blanks}{text}") });
        Ok(())
    }

    fn flag(&self, rest: &mut Peekable<Chars<'_>>) -> bool {
        let mut found = false;
        while rest.peek() == Some(&'-') {
            rest.next();
            found = true;
        }
        found
    }

    fn width(&mut self, rest: &mut Peekable<Chars<'_>>) -> Result<i64, ErrorReport> {
        if rest.peek() != Some(&'*') {
            return Ok(number(rest)?.map_or(0, |width| i64::try_from(width).unwrap_or_default()));
        }
        rest.next();
        let index = match number(rest)? {
            Some(place) => {
                if rest.next() != Some('$') {
                    return Err(invalid("width argument position must be ended by \"$\""));
                }
                place
                    .checked_sub(1)
                    .ok_or_else(|| invalid("format specifies argument 0, but arguments are numbered from 1"))?
            }
            None => self.next,
        };
        self.next = index + 1;
        let value = self.args.get(index).ok_or_else(|| invalid("too few arguments for format()"))?;
        if value.is_null() {
            return Ok(0);
        }
        let text = shown(value, self.zone)?;
        let width: i64 = text.trim().parse().map_err(|_| {
            let message = format!("invalid input syntax for type integer: \"{text}\"");
            ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
        })?;
        let magnitude = i32::try_from(width.unsigned_abs()).map_err(|_| out_of_range())?;
        Ok(i64::from(magnitude) * width.signum())
    }

    fn value(&self, value: &ScalarValue, kind: char) -> Result<String, ErrorReport> {
        match (kind, value.is_null()) {
            ('I', true) => Err(null_identifier()),
            ('L', true) => Ok("NULL".to_owned()),
            (_, true) => Ok(String::new()),
            ('I', false) => Ok(identifier(&shown(value, self.zone)?)),
            ('L', false) => Ok(literal(&shown(value, self.zone)?)),
            (_, false) => shown(value, self.zone),
        }
    }
}
