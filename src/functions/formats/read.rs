//! `to_date` and `to_timestamp` by a template.

use chrono_tz::Tz;
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, SqlState};

use super::super::calendar::{DAY, day_number, moment, naive};
use super::super::literal::in_zone;
use super::super::overload::{Overload, strict};
use super::super::value::{fail, unsupported};
use super::template::{DAYS, MONTHS, Part, ROMAN, parts};

pub(super) fn functions() -> Vec<Overload> {
    vec![
        strict("to_date", "(text, text) date", |call| {
            let found = Reading::of(call.text(0), call.text(1))?;
            Ok(ScalarValue::Date32(Some(found.day()?)))
        }),
        strict("to_timestamp", "(text, text) timestamptz", |call| {
            let found = Reading::of(call.text(0), call.text(1))?;
            moment(found.moment(call.zone)?)
        })
        .zoned(),
    ]
}

fn bad_value(value: &str, key: &str) -> ErrorReport {
    fail(SqlState::INVALID_DATETIME_FORMAT, format!("invalid value \"{value}\" for \"{key}\""))
}

/// What was read so far.
struct Reading<'a> {
    text: &'a str,
    rest: &'a str,
    /// The pattern that is being read, as the template has it.
    key: String,
    year: Option<i64>,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    julian: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    micros: i64,
    twelve: bool,
    afternoon: Option<bool>,
    before_christ: bool,
    zone_seconds: Option<i64>,
    iso: Iso,
    /// Whether a part of the template means the Gregorian calendar.
    gregorian: bool,
}

/// What was read of a week's date.
#[derive(Default)]
struct Iso {
    used: bool,
    week: Option<i64>,
    day: Option<i64>,
    day_of_year: Option<i64>,
}

impl<'a> Reading<'a> {
    fn of(text: &'a str, template: &str) -> Result<Self, ErrorReport> {
        let mut found = Self {
            text,
            rest: text,
            key: String::new(),
            year: None,
            month: 1,
            day: 1,
            day_of_year: None,
            julian: None,
            hour: 0,
            minute: 0,
            second: 0,
            micros: 0,
            twelve: false,
            afternoon: None,
            before_christ: false,
            zone_seconds: None,
            iso: Iso::default(),
            gregorian: false,
        };
        let parts = parts(template);
        for (index, part) in parts.iter().enumerate() {
            match part {
                Part::Text(c) | Part::Quoted(c) => found.skip(*c),
                Part::Key { key, letters, fill, .. } => {
                    found.key = letters.of(key);
                    found.rest = found.rest.trim_start();
                    if found.rest.is_empty() {
                        break;
                    }
                    found.convention(key)?;
                    let open = *fill || !next_is_digits(parts.get(index + 1));
                    found.field(key, open)?;
                }
            }
        }
        found.check()?;
        Ok(found)
    }

    /// A separator matches any separator, or nothing.
    fn skip(&mut self, c: char) {
        let separator = |c: char| !c.is_alphanumeric();
        match self.rest.chars().next() {
            Some(own) if separator(c) && !separator(own) => {}
            Some(own) => self.rest = &self.rest[own.len_utf8()..],
            None => {}
        }
    }

    fn number(&mut self, width: usize, open: bool) -> Result<(i64, usize), ErrorReport> {
        let sign = usize::from(self.rest.starts_with(['-', '+']));
        let digits = self.rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
        let taken = if open { digits } else { digits.min(width) };
        let word = &self.rest[..sign + taken];
        let shown: String = self.rest.chars().take(width).collect();
        let integer = "Value must be an integer.";
        if !open && taken < width && digits < width && sign + digits < self.rest.len() && taken > 0 {
            let more = if taken == 1 { "digit" } else { "digits" };
            return Err(bad_value(&shown, &self.key)
                .with_detail(format!("Field requires {width} characters, but only {taken} {more} could be parsed.")));
        }
        let value = word.parse().map_err(|_| bad_value(&shown, &self.key).with_detail(integer))?;
        self.rest = &self.rest[sign + taken..];
        Ok((value, taken))
    }

    fn field(&mut self, key: &'static str, open: bool) -> Result<(), ErrorReport> {
        match key {
            "YYYY" | "IYYY" | "YYY" | "IYY" | "YY" | "IY" | "Y" | "I" => {
                let (value, digits) = self.number(key.len(), open)?;
                let is_part = digits < 4 && !matches!(key, "YYYY" | "IYYY");
                self.year = Some(if is_part { full_year(value, digits) } else { value });
            }
            "MM" => self.month = self.number(2, open)?.0,
            "DD" => self.day = self.number(2, open)?.0,
            "DDD" => self.day_of_year = Some(self.number(3, open)?.0),
            "WW" => self.day_of_year = Some((self.number(2, open)?.0 - 1) * 7 + 1),
            "IW" => self.iso.week = Some(self.number(2, open)?.0),
            "ID" => self.iso.day = Some(self.number(1, open)?.0),
            "IDDD" => self.iso.day_of_year = Some(self.number(3, open)?.0),
            "J" => self.julian = Some(self.number(7, open)?.0),
            "HH24" => self.hour = self.number(2, open)?.0,
            "HH" | "HH12" => {
                self.hour = self.number(2, open)?.0;
                self.twelve = true;
            }
            "MI" => self.minute = self.number(2, open)?.0,
            "SS" => self.second = self.number(2, open)?.0,
            "MS" | "FF3" => self.fraction(3, open)?,
            "US" | "FF6" => self.fraction(6, open)?,
            "SSSS" | "SSSSS" => {
                let seconds = self.number(5, open)?.0;
                (self.hour, self.minute, self.second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
            }
            "AM" | "PM" | "A.M." | "P.M." => self.half_day(key)?,
            "BC" | "AD" | "B.C." | "A.D." => self.era(key)?,
            "MONTH" => self.month = self.name(&MONTHS, None)?,
            "MON" => self.month = self.name(&MONTHS, Some(3))?,
            "RM" => self.month = self.name(&ROMAN, None)?,
            "DAY" => drop(self.name(&DAYS, None)?),
            "DY" => drop(self.name(&DAYS, Some(3))?),
            "TZH" => {
                let (hours, _) = self.number(2, open)?;
                self.zone_seconds = Some(self.zone_seconds.unwrap_or_default() + hours * 3_600);
            }
            "TZM" => {
                let (minutes, _) = self.number(2, open)?;
                let before = self.zone_seconds.unwrap_or_default();
                self.zone_seconds = Some(before + if before < 0 { -minutes * 60 } else { minutes * 60 });
            }
            // Read and not used.
            "Q" | "D" | "W" | "CC" => drop(self.number(key.len(), open)?),
            other => return Err(unsupported(format!("the pattern \"{other}\" is not supported in to_date"))),
        }
        Ok(())
    }

    /// A date is of the Gregorian calendar or of the calendar of weeks, never of both.
    fn convention(&mut self, key: &str) -> Result<(), ErrorReport> {
        match key {
            "IYYY" | "IYY" | "IY" | "I" | "IW" | "ID" | "IDDD" => self.iso.used = true,
            "YYYY" | "Y,YYY" | "YYY" | "YY" | "Y" | "MONTH" | "MON" | "MM" | "RM" | "DDD" | "DD" | "D" | "WW" | "W"
            | "J" => self.gregorian = true,
            _ => {}
        }
        if self.iso.used && self.gregorian {
            return Err(fail(SqlState::INVALID_DATETIME_FORMAT, "invalid combination of date conventions")
                .with_hint("Do not mix Gregorian and ISO week date conventions in a formatting template."));
        }
        Ok(())
    }

    /// The day that a week's date means, if one was read.
    fn day_of_week_date(&self, year: i64) -> Result<Option<i32>, ErrorReport> {
        let days = match (self.iso.week, self.iso.day_of_year) {
            (Some(week), _) => (week - 1) * 7 + self.iso.day.unwrap_or(1) - 1,
            (None, Some(day)) => day - 1,
            (None, None) => return Ok(None),
        };
        // The fourth of January is in the first week.
        let fourth = day_number(year, 1, 4).map_err(|_| self.out_of_range())?;
        let monday = fourth - (fourth + 3).rem_euclid(7);
        // PostgreSQL does not ask whether the year has such a week.
        i32::try_from(days).map(|days| Some(monday + days)).map_err(|_| self.out_of_range())
    }

    /// Digits after the point: `5` is 500 milliseconds.
    fn fraction(&mut self, width: usize, open: bool) -> Result<(), ErrorReport> {
        let (value, digits) = self.number(width, open)?;
        let missing = u32::try_from(6_usize.saturating_sub(digits)).unwrap_or_default();
        self.micros = value * 10_i64.pow(missing);
        Ok(())
    }

    fn word(&mut self, words: [(&str, bool); 4], key: &str) -> Result<bool, ErrorReport> {
        for (word, meaning) in words {
            if self.rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word)) {
                self.rest = &self.rest[word.len()..];
                return Ok(meaning);
            }
        }
        let shown: String = self.rest.chars().take(key.len()).collect();
        Err(bad_value(&shown, &self.key)
            .with_detail("The given value did not match any of the allowed values for this field."))
    }

    fn half_day(&mut self, key: &str) -> Result<(), ErrorReport> {
        self.afternoon = Some(self.word([("a.m.", false), ("p.m.", true), ("am", false), ("pm", true)], key)?);
        self.twelve = true;
        Ok(())
    }

    fn era(&mut self, key: &str) -> Result<(), ErrorReport> {
        self.before_christ = self.word([("a.d.", false), ("b.c.", true), ("ad", false), ("bc", true)], key)?;
        Ok(())
    }

    fn name(&mut self, names: &[&str], length: Option<usize>) -> Result<i64, ErrorReport> {
        let mut best: Option<(usize, usize)> = None;
        for (index, name) in names.iter().enumerate() {
            let name = &name[..length.unwrap_or(name.len()).min(name.len())];
            let fits = self.rest.get(..name.len()).is_some_and(|head| head.eq_ignore_ascii_case(name));
            if fits && best.is_none_or(|(_, known)| name.len() > known) {
                best = Some((index, name.len()));
            }
        }
        match best {
            Some((index, taken)) => {
                self.rest = &self.rest[taken..];
                Ok(i64::try_from(index).unwrap_or_default() + 1)
            }
            None => {
                let word: String = self.rest.chars().take_while(|c| !c.is_whitespace()).collect();
                Err(bad_value(&word, &self.key)
                    .with_detail("The given value did not match any of the allowed values for this field."))
            }
        }
    }

    fn check(&mut self) -> Result<(), ErrorReport> {
        if self.twelve {
            if !(1..=12).contains(&self.hour) {
                let message = format!("hour \"{}\" is invalid for the 12-hour clock", self.hour);
                return Err(fail(SqlState::INVALID_DATETIME_FORMAT, message)
                    .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
            }
            if self.afternoon == Some(true) && self.hour < 12 {
                self.hour += 12;
            } else if self.afternoon == Some(false) && self.hour == 12 {
                self.hour = 0;
            }
        }
        let fits = (0..24).contains(&self.hour)
            && (0..60).contains(&self.minute)
            && (0..60).contains(&self.second)
            && (1..=12).contains(&self.month);
        if fits { Ok(()) } else { Err(self.out_of_range()) }
    }

    fn out_of_range(&self) -> ErrorReport {
        let message = format!("date/time field value out of range: \"{}\"", self.text);
        fail(SqlState::DATETIME_FIELD_OVERFLOW, message)
    }

    fn day(&self) -> Result<i32, ErrorReport> {
        if let Some(julian) = self.julian {
            return i32::try_from(julian - 2_440_588).map_err(|_| self.out_of_range());
        }
        // Without a year it is 1 BC, as in PostgreSQL.
        let year = self.year.filter(|year| *year != 0).unwrap_or(-1);
        let year = if self.before_christ { -year } else { year };
        if let Some(day) = self.day_of_week_date(year)? {
            return Ok(day);
        }
        if let Some(number) = self.day_of_year {
            let first = day_number(year, 1, 1).map_err(|_| self.out_of_range())?;
            return i32::try_from(number).map(|number| first + number - 1).map_err(|_| self.out_of_range());
        }
        day_number(year, self.month, self.day).map_err(|_| self.out_of_range())
    }

    fn moment(&self, zone: Tz) -> Result<i64, ErrorReport> {
        let time = (self.hour * 3_600 + self.minute * 60 + self.second) * 1_000_000 + self.micros;
        let wall = i64::from(self.day()?) * DAY + time;
        match self.zone_seconds {
            Some(seconds) => Ok(wall - seconds * 1_000_000),
            None => Ok(in_zone(naive(wall)?, zone)),
        }
    }
}

fn next_is_digits(part: Option<&Part>) -> bool {
    matches!(part, Some(Part::Key { key, .. }) if !matches!(*key, "AM" | "PM" | "A.M." | "P.M." | "MONTH" | "MON" | "DAY" | "DY" | "BC" | "AD" | "B.C." | "A.D." | "RM" | "TZ"))
}

/// The year nearest to 2020.
fn full_year(value: i64, digits: usize) -> i64 {
    match digits {
        0 | 1 => value + 2_000,
        2 => value + if value < 70 { 2_000 } else { 1_900 },
        _ => value + if value < 520 { 2_000 } else { 1_000 },
    }
}
