//! What `.datetime()` makes of a text: dates and times in the forms of ISO 8601 that PostgreSQL tries.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;

use crate::base::ErrorReport;

use super::super::super::value::unsupported;

/// Microseconds of a day.
const DAY: i128 = 86_400_000_000;

/// The days of `date` since 1970, from 4714 BC on.
const DATES: Range<i64> = -2_440_588..2_145_042_906;

/// The microseconds of `timestamp` since 1970.
const TIMESTAMPS: Range<i128> = -2_440_588 * DAY..106_762_940 * DAY;

/// A date or a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// Days since 1970.
    day: Option<i64>,
    /// Microseconds since midnight.
    time: Option<i64>,
    /// Seconds east of UTC.
    zone: Option<i64>,
}

impl Moment {
    /// `None` for a text in none of the forms.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut reader = Reader { rest: text };
        let day = reader.date();
        if day.is_none() {
            reader = Reader { rest: text };
        }
        if day.is_some() && reader.is_at_end() {
            return day.filter(|day| DATES.contains(day)).map(|day| Self::of(Some(day), None, None));
        }
        if day.is_some() && !(reader.takes(' ') || reader.takes('T')) {
            return None;
        }
        let time = reader.time()?;
        let zone = if reader.is_at_end() { None } else { Some(reader.zone()?) };
        let found = Self::of(day, Some(time), zone);
        let fits = day.is_none() || TIMESTAMPS.contains(&found.micros());
        (fits && reader.is_at_end()).then_some(found)
    }

    fn of(day: Option<i64>, time: Option<i64>, zone: Option<i64>) -> Self {
        Self { day, time, zone }
    }

    /// Microseconds since 1970 in UTC. A date may be later than every timestamp.
    fn micros(self) -> i128 {
        let of_day = self.time.unwrap_or_default() - self.zone.unwrap_or_default() * 1_000_000;
        i128::from(self.day.unwrap_or_default()) * DAY + i128::from(of_day)
    }

    /// What `.type()` gives.
    pub(super) fn type_name(&self) -> &'static str {
        match (self.day, self.time, self.zone) {
            (Some(_), None, _) => "date",
            (None, _, None) => "time without time zone",
            (None, _, Some(_)) => "time with time zone",
            (Some(_), Some(_), None) => "timestamp without time zone",
            (Some(_), Some(_), Some(_)) => "timestamp with time zone",
        }
    }

    fn short_name(&self) -> &'static str {
        match (self.day, self.time, self.zone) {
            (Some(_), None, _) => "date",
            (None, _, None) => "time",
            (None, _, Some(_)) => "timetz",
            (Some(_), Some(_), None) => "timestamp",
            (Some(_), Some(_), Some(_)) => "timestamptz",
        }
    }

    /// `None` for a date and a time. What has a zone is not compared to what has none.
    ///
    /// # Errors
    /// `0A000` for that; PostgreSQL tells it even within a predicate.
    pub(super) fn compare(self, other: Self) -> Result<Option<Ordering>, ErrorReport> {
        if self.day.is_some() != other.day.is_some() {
            return Ok(None);
        }
        if self.zone.is_some() != other.zone.is_some() {
            let (from, to) = if self.zone.is_some() { (other, self) } else { (self, other) };
            let (from, to) = (from.short_name(), to.short_name());
            let message = format!("cannot convert value from {from} to {to} without time zone usage");
            return Err(unsupported(message).with_hint("Use *_tz() function for time zone support."));
        }
        let order = self.micros().cmp(&other.micros());
        // Of two times that are the same moment, the one further east is less.
        let by_zone = if self.day.is_none() { other.zone.cmp(&self.zone) } else { Ordering::Equal };
        Ok(Some(order.then(by_zone)))
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.day.map(civil);
        if let Some((year, month, day)) = date {
            let shown = if year > 0 { year } else { 1 - year };
            write!(f, "{shown:04}-{month:02}-{day:02}")?;
        }
        if let Some(time) = self.time {
            let separator = if date.is_some() { "T" } else { "" };
            let (seconds, micros) = (time / 1_000_000, time % 1_000_000);
            write!(f, "{separator}{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
            if micros > 0 {
                write!(f, ".{}", format!("{micros:06}").trim_end_matches('0'))?;
            }
        }
        if let Some(zone) = self.zone {
            let sign = if zone < 0 { '-' } else { '+' };
            write!(f, "{sign}{:02}:{:02}", zone.abs() / 3600, zone.abs() / 60 % 60)?;
        }
        f.write_str(if date.is_some_and(|(year, ..)| year <= 0) { " BC" } else { "" })
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t'..='\r')
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn takes(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn skip(&mut self, length: usize) {
        self.rest = self.rest.get(length..).unwrap_or_default();
    }

    fn is_at_end(&self) -> bool {
        self.rest.chars().all(is_blank)
    }

    /// A number of any length, maybe with blanks and a sign before it.
    fn number(&mut self) -> Option<i64> {
        self.rest = self.rest.trim_start_matches(is_blank);
        let unsigned = self.rest.strip_prefix(['+', '-']).unwrap_or(self.rest);
        let digits = unsigned.bytes().take_while(u8::is_ascii_digit).count();
        let length = self.rest.len() - unsigned.len() + digits;
        let number = i32::try_from(self.rest.get(..length)?.parse::<i64>().ok()?).ok()?;
        self.skip(length);
        Some(i64::from(number))
    }

    fn date(&mut self) -> Option<i64> {
        let year = self.number()?;
        self.takes('-').then_some(())?;
        let month = self.number()?;
        self.takes('-').then_some(())?;
        let day = self.number()?;
        // A year before Christ, and one that is zero, is one more; a month and a day that are zero are the first.
        let year = if year < 0 { year + 1 } else { year };
        let (month, day) = (if month == 0 { 1 } else { month }, if day == 0 { 1 } else { day });
        let found = days(year, month, day);
        ((1..=12).contains(&month) && civil(found) == (year, month, day)).then_some(found)
    }

    fn time(&mut self) -> Option<i64> {
        let hour = self.number()?;
        self.takes(':').then_some(())?;
        let minute = self.number()?;
        self.takes(':').then_some(())?;
        let second = self.number()?;
        let mut micros = 0;
        if self.takes('.') {
            let before = self.rest.len();
            let fraction = self.number()?;
            let length = u32::try_from(before - self.rest.len()).ok()?;
            micros = fraction.checked_mul(10_i64.pow(6_u32.saturating_sub(length)))?;
        }
        let fits = (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
        let fits = fits && (0..1_000_000).contains(&micros);
        fits.then_some((hour * 3600 + minute * 60 + second) * 1_000_000 + micros)
    }

    fn zone(&mut self) -> Option<i64> {
        let sign = if self.takes('-') {
            -1
        } else {
            let _ = self.takes('+') || self.takes(' ');
            1
        };
        let hours = self.number()?;
        let minutes = if self.takes(':') { self.number()? } else { 0 };
        let fits = (0..=15).contains(&hours) && (0..60).contains(&minutes);
        fits.then_some(sign * (hours * 3600 + minutes * 60))
    }
}

/// Days since 1970 of a day in the Gregorian calendar. The year before 1 is 0.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Year, month and day of days since 1970.
fn civil(days: i64) -> (i64, i64, i64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}
