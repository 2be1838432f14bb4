//! Intervals from text: `1 year -2 days 03:04:05.6`, `@ 3 hours ago`, `P1Y2M3DT4H5M6S`.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

use crate::base::array_text::is_space;
use crate::base::{ErrorReport, SqlState};

/// Microseconds of a second.
const SECOND_US: f64 = 1_000_000.0;

/// Sums of what the fields say. As in PostgreSQL, fractions of a year are rounded to months, fractions of a month go to
/// the days, and fractions of a day to the time; no unit may be named twice.
#[derive(Debug, Default)]
struct Sum {
    units: Vec<Unit>,
    months: i64,
    days: i64,
    time_us: i64,
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    /// So many years.
    Years(i64),
    /// Months.
    Months,
    /// So many days.
    Days(i64),
    /// So many microseconds.
    Micros(f64),
}

/// Why a text cannot be read.
enum Trouble {
    Syntax,
    Range,
}

/// Reads an interval.
pub fn read(text: &str) -> Result<IntervalMonthDayNano, ErrorReport> {
    let trimmed = text.trim_matches(is_space);
    let sum = match trimmed.strip_prefix(['P', 'p']) {
        Some(designated) => iso(designated),
        None => verbose(trimmed),
    };
    sum.and_then(Sum::finish).map_err(|trouble| match trouble {
        Trouble::Syntax => ErrorReport::new(
            SqlState::INVALID_DATETIME_FORMAT,
            format!("invalid input syntax for type interval: \"{text}\""),
        ),
        Trouble::Range => ErrorReport::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            format!("interval field value out of range: \"{text}\""),
        ),
    })
}

impl Sum {
    fn add(&mut self, number: &str, unit: Unit) -> Result<(), Trouble> {
        let value: f64 = number.parse().map_err(|_| Trouble::Syntax)?;
        if !number.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')) {
            return Err(Trouble::Syntax);
        }
        if value.abs() > 1e15 {
            return Err(Trouble::Range);
        }
        if self.units.contains(&unit) {
            return Err(Trouble::Syntax);
        }
        self.units.push(unit);
        match unit {
            Unit::Years(each) => self.add_years(value * each as f64),
            Unit::Months => self.add_months(value),
            Unit::Days(each) => self.add_days(value * each as f64),
            Unit::Micros(each) => self.time_us = added(self.time_us, value * each)?,
        }
        Ok(())
    }

    fn add_years(&mut self, years: f64) {
        let months = (years.trunc() as i64).saturating_mul(12);
        self.months =
            self.months.saturating_add(months).saturating_add((years.fract() * 12.0).round_ties_even() as i64);
    }

    fn add_months(&mut self, months: f64) {
        self.months = self.months.saturating_add(months.trunc() as i64);
        // Products such as 0.1 × 12 carry noise far below a microsecond.
        self.add_days(rounded(months.fract() * 30.0));
    }

    fn add_days(&mut self, days: f64) {
        self.days = self.days.saturating_add(days.trunc() as i64);
        self.time_us = self.time_us.saturating_add((days.fract() * 86_400.0 * SECOND_US).round() as i64);
    }

    fn add_clock(&mut self, text: &str) -> Result<(), Trouble> {
        let unsigned = text.trim_start_matches(['+', '-']);
        let mut fields = unsigned.split(':');
        let (hours, minutes) = (fields.next().unwrap_or_default(), fields.next().unwrap_or_default());
        let seconds = fields.next().unwrap_or("0");
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            text.parse::<f64>().ok().filter(|_| plain).ok_or(Trouble::Syntax)
        };
        let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
        if fields.next().is_some() {
            return Err(Trouble::Syntax);
        }
        if minutes >= 60.0 || seconds >= 61.0 {
            return Err(Trouble::Range);
        }
        let time_us = (hours * 3_600.0 + minutes * 60.0) * SECOND_US + (seconds * SECOND_US).round();
        self.time_us = added(self.time_us, if text.starts_with('-') { -time_us } else { time_us })?;
        Ok(())
    }

    fn negate(&mut self) {
        (self.months, self.days, self.time_us) = (-self.months, -self.days, -self.time_us);
    }

    fn finish(self) -> Result<IntervalMonthDayNano, Trouble> {
        let months = i32::try_from(self.months).map_err(|_| Trouble::Range)?;
        let days = i32::try_from(self.days).map_err(|_| Trouble::Range)?;
        let nanoseconds = self.time_us.checked_mul(1_000).ok_or(Trouble::Range)?;
        Ok(IntervalMonthDayNano::new(months, days, nanoseconds))
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e9).round() / 1e9
}

fn added(sum: i64, value: f64) -> Result<i64, Trouble> {
    if value.abs() >= 9e18 {
        return Err(Trouble::Range);
    }
    sum.checked_add(value.round() as i64).ok_or(Trouble::Range)
}

fn verbose(text: &str) -> Result<Sum, Trouble> {
    let mut words: Vec<&str> = text.trim_start_matches('@').split(is_space).filter(|word| !word.is_empty()).collect();
    let ago = words.pop_if(|word| word.eq_ignore_ascii_case("ago")).is_some();
    if words.is_empty() {
        return Err(Trouble::Syntax);
    }
    let mut sum = Sum::default();
    let mut words = words.into_iter().peekable();
    while let Some(word) = words.next() {
        if word.contains(':') {
            sum.add_clock(word)?;
            continue;
        }
        let end = word.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(word.len());
        let (number, joined) = word.split_at(end);
        match (joined, words.peek()) {
            ("", Some(next)) if next.contains(':') => sum.add(number, Unit::Days(1))?,
            ("", Some(next)) => {
                let unit = unit(next)?;
                words.next();
                sum.add(number, unit)?;
            }
            ("", None) => bare(&mut sum, number)?,
            (joined, _) => sum.add(number, unit(joined)?)?,
        }
    }
    if ago {
        sum.negate();
    }
    Ok(sum)
}

/// A number without a unit at the end: `1-2` is years and months, `3` is seconds.
fn bare(sum: &mut Sum, number: &str) -> Result<(), Trouble> {
    let unsigned = number.trim_start_matches(['+', '-']);
    match unsigned.split_once('-') {
        Some((years, months)) => {
            let mut part = Sum::default();
            part.add(years, Unit::Years(1))?;
            part.add(months, Unit::Months)?;
            if number.starts_with('-') {
                part.negate();
            }
            sum.months += part.months;
            Ok(())
        }
        None => sum.add(number, Unit::Micros(SECOND_US)),
    }
}

fn unit(word: &str) -> Result<Unit, Trouble> {
    Ok(match word.to_ascii_lowercase().as_str() {
        "us" | "usec" | "usecs" | "microsecond" | "microseconds" => Unit::Micros(1.0),
        "ms" | "msec" | "msecs" | "millisecond" | "milliseconds" => Unit::Micros(1_000.0),
        "s" | "sec" | "secs" | "second" | "seconds" => Unit::Micros(SECOND_US),
        "m" | "min" | "mins" | "minute" | "minutes" => Unit::Micros(60.0 * SECOND_US),
        "h" | "hr" | "hrs" | "hour" | "hours" => Unit::Micros(3_600.0 * SECOND_US),
        "d" | "day" | "days" => Unit::Days(1),
        "w" | "week" | "weeks" => Unit::Days(7),
        "mon" | "mons" | "month" | "months" => Unit::Months,
        "y" | "yr" | "yrs" | "year" | "years" => Unit::Years(1),
        "decade" | "decades" | "dec" | "decs" => Unit::Years(10),
        "century" | "centuries" | "c" => Unit::Years(100),
        "millennium" | "millennia" | "mil" | "mils" => Unit::Years(1_000),
        _ => return Err(Trouble::Syntax),
    })
}

/// `1Y2M3W4DT5H6M7S`
fn iso(text: &str) -> Result<Sum, Trouble> {
    let mut sum = Sum::default();
    let mut in_time = false;
    let mut number = String::new();
    let mut fields = 0;
    for character in text.chars() {
        let unit = match (character.to_ascii_uppercase(), in_time) {
            ('T', false) if number.is_empty() => {
                in_time = true;
                continue;
            }
            ('Y', false) => Unit::Years(1),
            ('M', false) => Unit::Months,
            ('W', false) => Unit::Days(7),
            ('D', false) => Unit::Days(1),
            ('H', true) => Unit::Micros(3_600.0 * SECOND_US),
            ('M', true) => Unit::Micros(60.0 * SECOND_US),
            ('S', true) => Unit::Micros(SECOND_US),
            (digit, _) => {
                number.push(digit);
                continue;
            }
        };
        sum.add(&number, unit)?;
        number.clear();
        fields += 1;
    }
    if fields == 0 || !number.is_empty() { Err(Trouble::Syntax) } else { Ok(sum) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> (i32, i32, i64) {
        let value = read(text).unwrap();
        (value.months, value.days, value.nanoseconds / 1_000)
    }

    #[test]
    fn intervals_are_read_in_every_style() {
        let expected = (14, 3, 14_706_700_000);
        assert_eq!(parts("1 year 2 mons 3 days 04:05:06.7"), expected);
        assert_eq!(parts("P1Y2M3DT4H5M6.7S"), expected);
        assert_eq!(parts("@ 1 year 2 mons 3 days 4 hours 5 mins 6.7 secs"), expected);
        assert_eq!(parts("1-2"), (14, 0, 0));
        assert_eq!(parts("3 4:05:06"), (0, 3, 14_706_000_000));
        assert_eq!(parts("@ 3 hours ago"), (0, 0, -10_800_000_000));
        assert_eq!(parts("-1 days +01:00:00"), (0, -1, 3_600_000_000));
        assert_eq!(parts("1.5 months"), (1, 15, 0));
        assert_eq!(parts("1.5 days"), (0, 1, 43_200_000_000));
        assert_eq!(parts("90s"), (0, 0, 90_000_000));
        assert_eq!(parts("2w"), (0, 14, 0));
        assert_eq!(parts("10"), (0, 0, 10_000_000));
        assert_eq!(parts("1.1 years"), (13, 0, 0));
        assert_eq!(parts("0.7 years"), (8, 0, 0));
        assert_eq!(parts("-1.5 days"), (0, -1, -43_200_000_000));
        assert_eq!(parts("1.23456789 mons"), (1, 7, 3_199_970_880));
        assert_eq!(parts("1 day 2 hours ago"), (0, -1, -7_200_000_000));
        assert_eq!(parts("2 days 10"), (0, 2, 10_000_000));
    }

    #[test]
    fn what_is_no_interval_is_refused() {
        let code = |text| read(text).unwrap_err().sqlstate.code();
        for text in ["", "soon", "1 parsec", "P", "P1", "1:2:3:4", "nan days", "1e5 days", "1 mon 1 mon"] {
            assert_eq!(code(text), "22007", "{text}");
        }
        for text in ["99999999999 years", "00:61:00", "00:00:61"] {
            assert_eq!(code(text), "22008", "{text}");
        }
    }
}
