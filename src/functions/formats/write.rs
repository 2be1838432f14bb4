//! `to_char` of dates, times and intervals.

use chrono::{Datelike, NaiveDateTime, Offset, TimeZone, Timelike};
use chrono_tz::Tz;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, Infinity, SqlState};

use super::super::calendar::naive;
use super::super::overload::{Call, Overload, strict};
use super::super::value::{fail, null, text};
use super::template::{DAYS, Letters, MONTHS, Part, ROMAN, ordinal_ending, parts};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("to_char", "(timestamp, text) text", |call| of_moment(call, None)),
        strict("to_char", "(timestamptz, text) text", |call| of_moment(call, Some(call.zone))).zoned(),
        strict("to_char", "(interval, text) text", |call| {
            let span = call.interval(0);
            let micros = span.nanoseconds / 1_000;
            let fields = Fields {
                year: i64::from(span.months / 12),
                month: i64::from(span.months % 12),
                day: i64::from(span.days),
                hour: micros / 3_600_000_000,
                minute: micros / 60_000_000 % 60,
                second: micros / 1_000_000 % 60,
                micros: micros % 1_000_000,
                calendar: None,
                zone: None,
            };
            written(call, &fields)
        }),
    ]
}

/// What the patterns ask for.
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    /// What an interval has not.
    calendar: Option<NaiveDateTime>,
    /// The short name of the zone and seconds east of UTC.
    zone: Option<(String, i32)>,
}

fn of_moment(call: &Call<'_>, zone: Option<Tz>) -> Found {
    if Infinity::of_micros(call.micros(0)).is_some() {
        return null(call);
    }
    let utc = naive(call.micros(0))?;
    let (local, zone) = match zone {
        None => (utc, None),
        Some(zone) => {
            let there = zone.from_utc_datetime(&utc);
            let name = there.format("%Z").to_string();
            (there.naive_local(), Some((name, there.offset().fix().local_minus_utc())))
        }
    };
    let fields = Fields {
        year: i64::from(local.year()),
        month: i64::from(local.month()),
        day: i64::from(local.day()),
        hour: i64::from(local.hour()),
        minute: i64::from(local.minute()),
        second: i64::from(local.second()),
        micros: i64::from(local.nanosecond() / 1_000),
        calendar: Some(local),
        zone,
    };
    written(call, &fields)
}

fn written(call: &Call<'_>, fields: &Fields) -> Found {
    if call.text(1).is_empty() {
        return null(call);
    }
    let mut out = String::new();
    for part in parts(call.text(1)) {
        match part {
            Part::Text(c) | Part::Quoted(c) => out.push(c),
            Part::Key { key, letters, fill, ordinal } => {
                let word = fields.word(key, letters, fill)?;
                out.push_str(&word);
                if let (Some(upper), true) = (ordinal, word.ends_with(|c: char| c.is_ascii_digit())) {
                    out.push_str(ordinal_ending(&word, upper));
                }
            }
        }
    }
    Ok(text(out))
}

/// A number with zeros before it; a minus does not count.
fn padded(number: i64, width: usize, fill: bool) -> String {
    let sign = if number < 0 { "-" } else { "" };
    let width = if fill { 0 } else { width };
    format!("{sign}{:0width$}", number.unsigned_abs())
}

/// A number of days with zeros before it; its minus counts as one of them.
fn signed(number: i64, width: usize, fill: bool) -> String {
    if fill { number.to_string() } else { format!("{number:0width$}") }
}

fn cased(word: &str, letters: Letters) -> String {
    match letters {
        Letters::Upper => word.to_uppercase(),
        Letters::Lower => word.to_lowercase(),
        Letters::Capital => word.to_owned(),
    }
}

fn left_in(word: String, width: usize, fill: bool) -> String {
    if fill { word } else { format!("{word:<width$}") }
}

impl Fields {
    /// An interval has years before Christ as negative numbers.
    fn shown_year(&self) -> i64 {
        if self.calendar.is_some() && self.year <= 0 { 1 - self.year } else { self.year }
    }

    fn word(&self, key: &str, letters: Letters, fill: bool) -> Result<String, ErrorReport> {
        let half = if self.hour.rem_euclid(24) >= 12 { "PM" } else { "AM" };
        let era = if self.year <= 0 { "BC" } else { "AD" };
        let dotted = |word: &str| word.chars().flat_map(|c| [c, '.']).collect::<String>();
        let year = self.shown_year();
        Ok(match key {
            "A.M." | "P.M." => cased(&dotted(half), letters),
            "AM" | "PM" => cased(half, letters),
            "B.C." | "A.D." if self.calendar.is_some() => cased(&dotted(era), letters),
            "BC" | "AD" if self.calendar.is_some() => cased(era, letters),
            "HH24" => padded(self.hour, 2, fill),
            "HH" | "HH12" => {
                let hour = self.hour % 12;
                padded(if hour == 0 { 12 } else { hour }, 2, fill)
            }
            "MI" => padded(self.minute, 2, fill),
            "SS" => padded(self.second, 2, fill),
            "MS" | "FF3" => padded(self.micros / 1_000, 3, false),
            "US" | "FF6" => padded(self.micros, 6, false),
            "FF1" => padded(self.micros / 100_000, 1, false),
            "FF2" => padded(self.micros / 10_000, 2, false),
            "FF4" => padded(self.micros / 100, 4, false),
            "FF5" => padded(self.micros / 10, 5, false),
            "SSSS" | "SSSSS" => (self.hour * 3_600 + self.minute * 60 + self.second).to_string(),
            "Y,YYY" => format!("{},{:03}", year / 1_000, year % 1_000),
            "YYYY" => padded(year, 4, fill),
            "YYY" => padded(year % 1_000, 3, fill),
            "YY" => padded(year % 100, 2, fill),
            "Y" => padded(year % 10, 1, fill),
            "CC" => padded(if self.calendar.is_some() { (year + 99) / 100 } else { year / 100 }, 2, fill),
            "MM" => padded(self.month, 2, fill),
            "DD" => signed(self.day, 2, fill),
            "DDD" if self.calendar.is_none() => signed(self.year * 360 + self.month * 30 + self.day, 3, fill),
            "TZ" => self.zone.as_ref().map_or_else(String::new, |(name, _)| cased(name, letters)),
            "TZH" => self.offset(|hours, _| hours),
            "TZM" => self.offset(|_, minutes| format!("{minutes:02}")),
            "OF" => self.offset(|hours, minutes| if minutes == 0 { hours } else { format!("{hours}:{minutes:02}") }),
            other => self.calendar_word(other, letters, fill)?,
        })
    }

    fn offset(&self, of: impl Fn(String, i32) -> String) -> String {
        let seconds = self.zone.as_ref().map_or(0, |(_, seconds)| *seconds);
        let sign = if seconds < 0 { '-' } else { '+' };
        of(format!("{sign}{:02}", seconds.abs() / 3_600), seconds.abs() / 60 % 60)
    }

    fn calendar_word(&self, key: &str, letters: Letters, fill: bool) -> Result<String, ErrorReport> {
        let Some(moment) = &self.calendar else {
            let message = "invalid format specification for an interval value";
            return Err(fail(SqlState::INVALID_DATETIME_FORMAT, message)
                .with_hint("Intervals are not tied to specific calendar dates."));
        };
        let month = usize::try_from(moment.month0()).unwrap_or_default();
        let day = usize::try_from(moment.weekday().num_days_from_sunday()).unwrap_or_default();
        let iso_year = i64::from(moment.iso_week().year());
        let ordinal = i64::from(moment.ordinal());
        Ok(match key {
            "MONTH" => left_in(cased(MONTHS[month], letters), 9, fill),
            "MON" => cased(&MONTHS[month][..3], letters),
            "DAY" => left_in(cased(DAYS[day], letters), 9, fill),
            "DY" => cased(&DAYS[day][..3], letters),
            "DDD" => padded(ordinal, 3, fill),
            "IDDD" => {
                let week_day = i64::from(moment.weekday().number_from_monday());
                padded((i64::from(moment.iso_week().week()) - 1) * 7 + week_day, 3, fill)
            }
            "D" => (day + 1).to_string(),
            "ID" => moment.weekday().number_from_monday().to_string(),
            "WW" => padded((ordinal - 1) / 7 + 1, 2, fill),
            "IW" => padded(i64::from(moment.iso_week().week()), 2, fill),
            "W" => ((moment.day() - 1) / 7 + 1).to_string(),
            "Q" => moment.month().div_ceil(3).to_string(),
            "IYYY" => padded(iso_year, 4, fill),
            "IYY" => padded(iso_year % 1_000, 3, fill),
            "IY" => padded(iso_year % 100, 2, fill),
            "I" => padded(iso_year % 10, 1, fill),
            "RM" => left_in(cased(ROMAN[month], letters), 4, fill),
            "J" => (i64::from(moment.num_days_from_ce()) + 1_721_425).to_string(),
            _ => String::new(),
        })
    }
}
