//! Dates, times and intervals: made, moved to whole steps, taken apart.

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Timelike, Utc};
use chrono_tz::Tz;
use datafusion::arrow::datatypes::IntervalMonthDayNano;
use datafusion::common::ScalarValue;

use crate::base::types::UTC;
use crate::base::{ErrorReport, Infinity, SqlState};

use super::literal::in_zone;
use super::numeric::Big;
use super::overload::{Call, Overload, lenient, strict};
use super::value::{fail, invalid, unsupported};

type Found = Result<ScalarValue, ErrorReport>;

/// Microseconds of a day.
pub(super) const DAY: i64 = 86_400_000_000;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = made();
    all.extend(moved());
    all.extend(spans());
    all
}

fn made() -> Vec<Overload> {
    vec![
        strict("make_date", "(int4, int4, int4) date", |call| {
            Ok(ScalarValue::Date32(Some(day_number(call.int(0), call.int(1), call.int(2))?)))
        }),
        strict("make_time", "(int4, int4, float8) time", |call| {
            Ok(ScalarValue::Time64Microsecond(Some(time_of(call.int(0), call.int(1), call.float(2))?)))
        }),
        strict("make_timestamp", "(int4, int4, int4, int4, int4, float8) timestamp", |call| {
            Ok(ScalarValue::TimestampMicrosecond(Some(wall(call)?), None))
        }),
        strict("make_timestamptz", "(int4, int4, int4, int4, int4, float8) timestamptz", |call| {
            moment(in_zone(naive(wall(call)?)?, call.zone))
        })
        .zoned(),
        strict("make_timestamptz", "(int4, int4, int4, int4, int4, float8, text) timestamptz", |call| {
            let zone = super::datetime::zone_named(call.text(6))?;
            moment(in_zone(naive(wall(call)?)?, zone))
        }),
        lenient("make_interval", "() interval", make_interval),
        lenient("make_interval", "(int4) interval", make_interval),
        lenient("make_interval", "(int4, int4) interval", make_interval),
        lenient("make_interval", "(int4, int4, int4) interval", make_interval),
        lenient("make_interval", "(int4, int4, int4, int4) interval", make_interval),
        lenient("make_interval", "(int4, int4, int4, int4, int4) interval", make_interval),
        lenient("make_interval", "(int4, int4, int4, int4, int4, int4) interval", make_interval),
        lenient("make_interval", "(int4, int4, int4, int4, int4, int4, float8) interval", make_interval),
        strict("to_timestamp", "(float8) timestamptz", to_timestamp),
    ]
}

fn moved() -> Vec<Overload> {
    vec![
        strict("date_bin", "(interval, timestamp, timestamp) timestamp", |call| {
            Ok(ScalarValue::TimestampMicrosecond(Some(binned(call)?), None))
        }),
        strict("date_bin", "(interval, timestamptz, timestamptz) timestamptz", |call| moment(binned(call)?)),
        strict("date_trunc", "(text, interval) interval", truncated),
        strict("age", "(timestamp, timestamp) interval", |call| age(call.micros(0), call.micros(1), Tz::UTC)),
        strict("age", "(timestamptz, timestamptz) interval", |call| age(call.micros(0), call.micros(1), call.zone))
            .zoned(),
        strict("timezone", "(interval, timestamp) timestamptz", |call| moment(shifted(call, -1)?)),
        strict("timezone", "(interval, timestamptz) timestamp", |call| {
            Ok(ScalarValue::TimestampMicrosecond(Some(shifted(call, 1)?), None))
        }),
        strict("isfinite", "(date) bool", is_finite),
        strict("isfinite", "(timestamp) bool", is_finite),
        strict("isfinite", "(timestamptz) bool", is_finite),
        strict("isfinite", "(interval) bool", |_| Ok(ScalarValue::Boolean(Some(true)))),
    ]
}

fn is_finite(call: &Call<'_>) -> Found {
    Ok(ScalarValue::Boolean(Some(call.args.first().and_then(Infinity::of).is_none())))
}

fn spans() -> Vec<Overload> {
    vec![
        strict("justify_hours", "(interval) interval", |call| {
            let span = Span::of(call.interval(0));
            Ok(span.hours_to_days().signed().value())
        }),
        strict("justify_days", "(interval) interval", |call| {
            let mut span = Span::of(call.interval(0));
            span.months += span.days / 30;
            span.days %= 30;
            if span.months > 0 && span.days < 0 {
                span.days += 30;
                span.months -= 1;
            } else if span.months < 0 && span.days > 0 {
                span.days -= 30;
                span.months += 1;
            }
            Ok(span.value())
        }),
        strict("justify_interval", "(interval) interval", |call| Ok(justified(Span::of(call.interval(0))).value())),
        strict("avg_of", "(interval, int8) interval", average),
    ]
}

/// A moment in time.
pub(super) fn moment(micros: i64) -> Found {
    Ok(ScalarValue::TimestampMicrosecond(Some(micros), Some(std::sync::Arc::from(UTC))))
}

fn out_of_range(message: impl Into<String>) -> ErrorReport {
    fail(SqlState::DATETIME_FIELD_OVERFLOW, message)
}

/// The wall clock of microseconds.
pub(super) fn naive(micros: i64) -> Result<NaiveDateTime, ErrorReport> {
    let found = DateTime::<Utc>::from_timestamp_micros(micros).map(|moment| moment.naive_utc());
    found.ok_or_else(|| out_of_range("timestamp out of range"))
}

/// Days since 1970. A negative year is before Christ.
pub(super) fn day_number(year: i64, month: i64, day: i64) -> Result<i32, ErrorReport> {
    let wrong = || out_of_range(format!("date field value out of range: {year}-{month:02}-{day:02}"));
    if year == 0 {
        return Err(wrong());
    }
    let astronomical = i32::try_from(if year < 0 { year + 1 } else { year }).map_err(|_| wrong())?;
    let date = u32::try_from(month).ok().zip(u32::try_from(day).ok());
    let date = date.and_then(|(month, day)| NaiveDate::from_ymd_opt(astronomical, month, day));
    date.map(|date| date.num_days_from_ce() - 719_163).ok_or_else(wrong)
}

#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
fn time_of(hour: i64, minute: i64, second: f64) -> Result<i64, ErrorReport> {
    if (0..=24).contains(&hour) && (0..=59).contains(&minute) && (0.0..=60.0).contains(&second) {
        let total = (hour * 60 + minute) * 60_000_000 + (second * 1e6).round_ties_even() as i64;
        if total <= DAY {
            return Ok(total);
        }
    }
    let shown = six_digits(second);
    Err(out_of_range(format!("time field value out of range: {hour}:{minute:02}:{shown}")))
}

fn wall(call: &Call<'_>) -> Result<i64, ErrorReport> {
    let day = day_number(call.int(0), call.int(1), call.int(2))?;
    Ok(i64::from(day) * DAY + time_of(call.int(3), call.int(4), call.float(5))?)
}

/// A number as C's `%02g` writes it: six digits, and an exponent where they do not reach.
fn six_digits(number: f64) -> String {
    let rounded = format!("{number:.5e}");
    let Some((digits, exponent)) = rounded.split_once('e') else { return rounded };
    let power: i32 = exponent.parse().unwrap_or_default();
    match usize::try_from(5 - power) {
        Ok(places) if power >= -4 => {
            let plain = format!("{number:.places$}");
            let bare = if plain.contains('.') { plain.trim_end_matches('0').trim_end_matches('.') } else { &plain };
            format!("{bare:0>2}")
        }
        _ => {
            let digits = digits.trim_end_matches('0').trim_end_matches('.');
            let sign = if power < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", power.abs())
        }
    }
}

/// `make_interval(years, months, weeks, days, hours, mins, secs)`
#[expect(clippy::cast_possible_truncation, reason = "a float cast saturates")]
fn make_interval(call: &Call<'_>) -> Found {
    if call.args.iter().any(ScalarValue::is_null) {
        return Ok(ScalarValue::IntervalMonthDayNano(None));
    }
    let months = call.int(0) * 12 + call.int(1);
    let days = call.int(2) * 7 + call.int(3);
    let wrong = || out_of_range("interval out of range");
    if !call.float(6).is_finite() {
        return Err(wrong());
    }
    let minutes = (call.int(4) * 60 + call.int(5)) * 60_000_000;
    let micros = minutes.checked_add((call.float(6) * 1e6).round_ties_even() as i64).ok_or_else(wrong)?;
    let narrow = |value: i64| i32::try_from(value).map_err(|_| wrong());
    Ok(Span { months: i64::from(narrow(months)?), days: i64::from(narrow(days)?), micros }.value())
}

#[expect(clippy::cast_possible_truncation, reason = "the range is checked before")]
fn to_timestamp(call: &Call<'_>) -> Found {
    let seconds = call.float(0);
    if seconds.is_nan() {
        return Err(out_of_range("timestamp cannot be NaN"));
    }
    if seconds.is_infinite() {
        return moment(if seconds > 0.0 { Infinity::Late } else { Infinity::Early }.micros());
    }
    if !(-210_866_803_200.0..9_224_318_016_000.0).contains(&seconds) {
        return Err(out_of_range(format!("timestamp out of range: \"{seconds}\"")));
    }
    moment((seconds * 1e6).round_ties_even() as i64)
}

/// A moment of a zone that is so far east of UTC, or the other way round.
fn shifted(call: &Call<'_>, sign: i64) -> Result<i64, ErrorReport> {
    let micros = call.micros(1);
    if Infinity::of_micros(micros).is_some() {
        return Ok(micros);
    }
    micros.checked_add(sign * zone_offset(call)?).ok_or_else(|| out_of_range("timestamp out of range"))
}

/// Microseconds east of UTC.
fn zone_offset(call: &Call<'_>) -> Result<i64, ErrorReport> {
    let span = call.interval(0);
    if span.months != 0 || span.days != 0 {
        let shown = super::text::shown_value(&call.args[0], Tz::UTC)?;
        return Err(invalid(format!("interval time zone \"{shown}\" must not include months or days")));
    }
    Ok(span.nanoseconds / 1_000)
}

fn binned(call: &Call<'_>) -> Result<i64, ErrorReport> {
    if Infinity::of_micros(call.micros(1)).is_some() {
        return Ok(call.micros(1));
    }
    if Infinity::of_micros(call.micros(2)).is_some() {
        return Err(out_of_range("origin out of range"));
    }
    let stride = call.interval(0);
    if stride.months != 0 {
        return Err(unsupported("timestamps cannot be binned into intervals containing months or years"));
    }
    let step = i64::from(stride.days) * DAY + stride.nanoseconds / 1_000;
    if step <= 0 {
        return Err(out_of_range("stride must be greater than zero"));
    }
    let difference = call.micros(1).wrapping_sub(call.micros(2));
    Ok(call.micros(1) - difference.rem_euclid(step))
}

/// An interval in PostgreSQL's parts.
#[derive(Debug, Clone, Copy)]
struct Span {
    months: i64,
    days: i64,
    micros: i64,
}

impl Span {
    fn of(span: IntervalMonthDayNano) -> Self {
        Self { months: i64::from(span.months), days: i64::from(span.days), micros: span.nanoseconds / 1_000 }
    }

    fn value(self) -> ScalarValue {
        let narrow = |value: i64| i32::try_from(value).unwrap_or(i32::MAX);
        let nanos = self.micros.saturating_mul(1_000);
        ScalarValue::IntervalMonthDayNano(Some(IntervalMonthDayNano::new(
            narrow(self.months),
            narrow(self.days),
            nanos,
        )))
    }

    fn hours_to_days(mut self) -> Self {
        self.days += self.micros / DAY;
        self.micros %= DAY;
        self
    }

    /// Days and time get the same sign.
    fn signed(mut self) -> Self {
        if self.days > 0 && self.micros < 0 {
            self.micros += DAY;
            self.days -= 1;
        } else if self.days < 0 && self.micros > 0 {
            self.micros -= DAY;
            self.days += 1;
        }
        self
    }
}

fn justified(span: Span) -> Span {
    let mut span = span.hours_to_days();
    span.months += span.days / 30;
    span.days %= 30;
    if span.months > 0 && (span.days < 0 || span.days == 0 && span.micros < 0) {
        span.days += 30;
        span.months -= 1;
    } else if span.months < 0 && (span.days > 0 || span.days == 0 && span.micros > 0) {
        span.days -= 30;
        span.months += 1;
    }
    span.signed()
}

fn average(call: &Call<'_>) -> Found {
    let span = Span::of(call.interval(0));
    let count = call.int(1);
    // What is left of months becomes days of 1/30, what is left of days becomes time.
    let months = span.months / count;
    let month_days = Big::new((span.months % count) * 30, 0);
    let days = span.days / count;
    let scale = 12;
    let rest_days = month_days.add(&Big::new(span.days % count, 0)).divide(&Big::new(count, 0), scale);
    let whole = rest_days.divide_cut(&Big::new(1, 0));
    let fraction = rest_days.subtract(&whole).multiply(&Big::new(DAY, 0));
    let micros = Big::new(span.micros, 0).divide(&Big::new(count, 0), scale).add(&fraction).at(0);
    let number = |big: &Big| match big.int8() {
        Ok(ScalarValue::Int64(Some(value))) => value,
        _ => 0,
    };
    Ok(Span { months, days: days + number(&whole), micros: number(&micros) }.value())
}

fn truncated(call: &Call<'_>) -> Found {
    let mut span = Span::of(call.interval(1));
    let field = call.text(0).to_lowercase();
    let cut_months = |span: &mut Span, unit: i64| {
        span.months -= span.months % unit;
        (span.days, span.micros) = (0, 0);
    };
    match field.as_str() {
        "millennium" | "millennia" => cut_months(&mut span, 12_000),
        "century" | "centuries" => cut_months(&mut span, 1_200),
        "decade" | "decades" => cut_months(&mut span, 120),
        "year" | "years" => cut_months(&mut span, 12),
        "quarter" => cut_months(&mut span, 3),
        "month" | "months" => cut_months(&mut span, 1),
        "day" | "days" => span.micros = 0,
        "hour" | "hours" => span.micros -= span.micros % 3_600_000_000,
        "minute" | "minutes" => span.micros -= span.micros % 60_000_000,
        "second" | "seconds" => span.micros -= span.micros % 1_000_000,
        "millisecond" | "milliseconds" => span.micros -= span.micros % 1_000,
        "microsecond" | "microseconds" => {}
        "week" | "weeks" => {
            return Err(unsupported(format!("unit \"{}\" not supported for type interval", call.text(0)))
                .with_detail("Months usually have fractional weeks."));
        }
        "dow" | "isodow" | "doy" | "isoyear" | "julian" | "epoch" => {
            return Err(unsupported(format!("unit \"{}\" not supported for type interval", call.text(0))));
        }
        _ => return Err(invalid(format!("unit \"{}\" not recognized for type interval", call.text(0)))),
    }
    Ok(span.value())
}

fn days_of_month(year: i32, month: u32) -> i64 {
    let (next_year, next) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    let first = NaiveDate::from_ymd_opt(next_year, next, 1).and_then(|date| date.pred_opt());
    first.map_or(30, |date| i64::from(date.day()))
}

/// Years, months and days on the calendar between two moments (`timestamp_age`).
fn age(later: i64, earlier: i64, zone: Tz) -> Found {
    if [later, earlier].into_iter().any(|micros| Infinity::of_micros(micros).is_some()) {
        // PostgreSQL has this error for some of them, and takes the others for dates of the year 294277.
        return Err(out_of_range("timestamp out of range"));
    }
    let local = |micros: i64| -> Result<NaiveDateTime, ErrorReport> {
        Ok(naive(micros)?.and_utc().with_timezone(&zone).naive_local())
    };
    let negative = later < earlier;
    let (high, low) = if negative { (local(earlier)?, local(later)?) } else { (local(later)?, local(earlier)?) };
    let of_day = |moment: &NaiveDateTime| {
        i64::from(moment.num_seconds_from_midnight()) * 1_000_000 + i64::from(moment.nanosecond() / 1_000)
    };
    let mut micros = of_day(&high) - of_day(&low);
    let mut days = i64::from(high.day()) - i64::from(low.day());
    let mut months = i64::from(high.month()) - i64::from(low.month());
    let mut years = i64::from(high.year()) - i64::from(low.year());
    if micros < 0 {
        micros += DAY;
        days -= 1;
    }
    // The month that is borrowed from is that of the second argument, or of the first where it is the earlier one.
    let mut borrowed = (low.year(), low.month());
    while days < 0 {
        days += days_of_month(borrowed.0, borrowed.1);
        months -= 1;
        borrowed.1 = borrowed.1 % 12 + 1;
    }
    while months < 0 {
        months += 12;
        years -= 1;
    }
    let sign = if negative { -1 } else { 1 };
    Ok(Span { months: sign * (years * 12 + months), days: sign * days, micros: sign * micros }.value())
}
