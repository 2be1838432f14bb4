//! Dates, times and timestamps from text: ISO 8601 as PostgreSQL reads it, and month/day/year.

use chrono::{DateTime, LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

use crate::base::array_text::is_space;
use crate::base::{ErrorReport, Infinity, SqlState};
use crate::pg::encode::moment_in_range;

/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;
/// Microseconds of a day.
const DAY_US: i64 = 86_400 * SECOND_US;

/// What a text says, before it is put together.
#[derive(Debug, Default)]
struct Parts {
    /// Days since 1970-01-01.
    days: Option<i64>,
    /// Microseconds since midnight.
    time_us: Option<i64>,
    zone: Option<Zone>,
}

#[derive(Debug, Clone, Copy)]
enum Zone {
    /// Seconds east of Greenwich.
    Offset(i64),
    Named(Tz),
}

/// Why a text cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trouble {
    Syntax,
    /// A field is out of its range.
    Range,
    /// The fields make no moment that can be kept.
    Moment,
}

/// Days since 1970-01-01.
pub fn date(text: &str) -> Result<i32, ErrorReport> {
    if let Some(infinity) = Infinity::read(text) {
        return Ok(infinity.days());
    }
    let parts = parse(text).map_err(|trouble| report(trouble, "date", text))?;
    let days = parts.days.ok_or_else(|| report(Trouble::Syntax, "date", text))?;
    let days = i32::try_from(days).ok().filter(|days| Infinity::of_days(*days).is_none());
    days.ok_or_else(|| report(Trouble::Moment, "date", text))
}

/// Microseconds since midnight. A date in front and a zone behind are ignored, as in PostgreSQL.
pub fn time(text: &str) -> Result<i64, ErrorReport> {
    let parts = parse(text).map_err(|trouble| report(trouble, "time", text))?;
    parts.time_us.ok_or_else(|| report(Trouble::Syntax, "time", text))
}

/// Microseconds since 1970. A zone is ignored, as in PostgreSQL.
pub fn timestamp(text: &str) -> Result<i64, ErrorReport> {
    if let Some(infinity) = Infinity::read(text) {
        return Ok(infinity.micros());
    }
    parse(text).and_then(|parts| local(&parts)).and_then(in_range).map_err(|trouble| report(trouble, "timestamp", text))
}

/// Microseconds since 1970 in UTC; `session` is the zone of a text that names none.
pub fn timestamptz(text: &str, session: Tz) -> Result<i64, ErrorReport> {
    if let Some(infinity) = Infinity::read(text) {
        return Ok(infinity.micros());
    }
    parse(text)
        .and_then(|parts| {
            let local = local(&parts)?;
            let offset_s = match parts.zone.unwrap_or(Zone::Named(session)) {
                Zone::Offset(offset_s) => offset_s,
                Zone::Named(zone) => offset_of_local(local, zone),
            };
            in_range(local.checked_sub(offset_s * SECOND_US).ok_or(Trouble::Moment)?)
        })
        .map_err(|trouble| match trouble {
            // PostgreSQL has the short name here.
            Trouble::Moment => report(trouble, "timestamp", text),
            Trouble::Syntax | Trouble::Range => report(trouble, "timestamp with time zone", text),
        })
}

fn report(trouble: Trouble, type_name: &str, text: &str) -> ErrorReport {
    match trouble {
        Trouble::Syntax => ErrorReport::new(
            SqlState::INVALID_DATETIME_FORMAT,
            format!("invalid input syntax for type {type_name}: \"{text}\""),
        ),
        Trouble::Range => ErrorReport::new(
            SqlState::DATETIME_FIELD_OVERFLOW,
            format!("date/time field value out of range: \"{text}\""),
        ),
        Trouble::Moment => {
            ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("{type_name} out of range: \"{text}\""))
        }
    }
}

fn local(parts: &Parts) -> Result<i64, Trouble> {
    let days = parts.days.ok_or(Trouble::Syntax)?;
    let midnight = days.checked_mul(DAY_US).ok_or(Trouble::Moment)?;
    midnight.checked_add(parts.time_us.unwrap_or(0)).ok_or(Trouble::Moment)
}

fn in_range(timestamp_us: i64) -> Result<i64, Trouble> {
    moment_in_range(timestamp_us).map_err(|_| Trouble::Moment)
}

/// The offset of a local time: before the change where the clock jumps over it, after the change where it comes twice.
fn offset_of_local(local_us: i64, zone: Tz) -> i64 {
    let naive = |us: i64| DateTime::from_timestamp_micros(us).map(|moment| moment.naive_utc());
    let Some(moment) = naive(local_us) else {
        return 0;
    };
    let offset = |moment: &NaiveDateTime| zone.offset_from_local_datetime(moment);
    let found = match offset(&moment) {
        LocalResult::Single(offset) | LocalResult::Ambiguous(_, offset) => Some(offset),
        LocalResult::None => match offset(&(moment - TimeDelta::hours(24))) {
            LocalResult::Single(offset) | LocalResult::Ambiguous(_, offset) => Some(offset),
            LocalResult::None => None,
        },
    };
    found.map_or(0, |offset| i64::from(offset.fix().local_minus_utc()))
}

/// Takes a text apart: date, time, zone and era, each at most once.
fn parse(text: &str) -> Result<Parts, Trouble> {
    let mut parts = Parts::default();
    let mut before_christ = false;
    let mut year_month_day = None;
    let separated = text.replace(['T', 't'], "T");
    for word in separated.split(is_space).filter(|word| !word.is_empty()) {
        match word.to_ascii_uppercase().as_str() {
            "BC" => before_christ = true,
            "AD" => {}
            "AM" => parts.time_us = Some(half_day(parts.time_us, false)?),
            "PM" => parts.time_us = Some(half_day(parts.time_us, true)?),
            "EPOCH" if year_month_day.is_none() => year_month_day = Some((1970, 1, 1)),
            _ => read_word(word, &mut parts, &mut year_month_day)?,
        }
    }
    if let Some((year, month, day)) = year_month_day {
        let year = match (before_christ, year) {
            (_, 0) => return Err(Trouble::Range),
            (true, year) => 1 - year,
            (false, year) => year,
        };
        parts.days = Some(days_of(year, month, day).ok_or(Trouble::Range)?);
    }
    Ok(parts)
}

type YearMonthDay = (i64, i64, i64);

/// A word is a date, a time with or without a zone, both with a `T` between, or a zone.
fn read_word(word: &str, parts: &mut Parts, date: &mut Option<YearMonthDay>) -> Result<(), Trouble> {
    let starts_with_digit = word.starts_with(|first: char| first.is_ascii_digit());
    if date.is_none() && starts_with_digit && !word.split('T').next().unwrap_or(word).contains(':') {
        let (day, time) = word.split_once('T').map_or((word, None), |(day, time)| (day, Some(time)));
        *date = Some(read_date(day)?);
        return time.map_or(Ok(()), |time| read_time(time, parts));
    }
    if parts.time_us.is_none() && (starts_with_digit || word.starts_with('T')) {
        return read_time(word.strip_prefix('T').unwrap_or(word), parts);
    }
    if parts.zone.is_none() {
        parts.zone = Some(read_zone(word)?);
        return Ok(());
    }
    Err(Trouble::Syntax)
}

/// `2024-02-29`, `2024/02/29`, `20240229` or `2/29/2024`.
fn read_date(text: &str) -> Result<YearMonthDay, Trouble> {
    if text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok((digits(&text[..4])?, digits(&text[4..6])?, digits(&text[6..])?));
    }
    let fields: Vec<&str> = text.split(['-', '/']).collect();
    match fields.as_slice() {
        [year, month, day] if year.len() >= 3 => Ok((digits(year)?, digits(month)?, digits(day)?)),
        [month, day, year] if year.len() >= 3 => Ok((digits(year)?, digits(month)?, digits(day)?)),
        _ => Err(Trouble::Syntax),
    }
}

fn digits(text: &str) -> Result<i64, Trouble> {
    if text.is_empty() || text.len() > 9 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Trouble::Syntax);
    }
    text.parse().map_err(|_| Trouble::Syntax)
}

/// Days since 1970-01-01 of a date that exists.
fn days_of(year: i64, month: i64, day: i64) -> Option<i64> {
    const DAYS: [i64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = DAYS.get(usize::try_from(month.checked_sub(1)?).ok()?)? + i64::from(leap && month == 2);
    if !(1..=length).contains(&day) {
        return None;
    }
    // Years begin in March here, so that the leap day is the last of its year; eras have 400 years.
    let shifted_year = year - i64::from(month <= 2);
    let era = shifted_year.div_euclid(400);
    let year_of_era = shifted_year.rem_euclid(400);
    let month_index = (month + 9) % 12;
    let day_of_year = (153 * month_index + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Some(era * 146_097 + day_of_era - 719_468)
}

/// `13:14[:15[.5]]`, with a zone directly behind or not.
fn read_time(text: &str, parts: &mut Parts) -> Result<(), Trouble> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != ':' && c != '.').unwrap_or(text.len());
    let (clock, rest) = text.split_at(end);
    if parts.time_us.is_some() {
        return Err(Trouble::Syntax);
    }
    let time_us = clock_us(clock)?;
    if !(0..=DAY_US).contains(&time_us) {
        return Err(Trouble::Range);
    }
    parts.time_us = Some(time_us);
    match rest.to_ascii_uppercase().as_str() {
        "" => {}
        "AM" => parts.time_us = Some(half_day(parts.time_us, false)?),
        "PM" => parts.time_us = Some(half_day(parts.time_us, true)?),
        _ => parts.zone = Some(read_zone(rest)?),
    }
    Ok(())
}

fn half_day(time_us: Option<i64>, afternoon: bool) -> Result<i64, Trouble> {
    let time_us = time_us.ok_or(Trouble::Syntax)?;
    let noon = DAY_US / 2;
    match time_us {
        0.. if time_us >= noon + 3_600 * SECOND_US => Err(Trouble::Range),
        _ => Ok(time_us % noon + if afternoon { noon } else { 0 }),
    }
}

/// Microseconds of `hours:minutes[:seconds]`; the fields are checked, the hours are not.
fn clock_us(clock: &str) -> Result<i64, Trouble> {
    let fields: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match fields.as_slice() {
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return Err(Trouble::Syntax),
    };
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, "0"));
    let (hours, minutes, whole) = (digits(hours)?, digits(minutes)?, digits(whole)?);
    if minutes > 59 || whole > 60 {
        return Err(Trouble::Range);
    }
    Ok((hours * 3_600 + minutes * 60 + whole) * SECOND_US + fraction_us(fraction)?)
}

/// Microseconds of the digits behind a point, rounded.
fn fraction_us(text: &str) -> Result<i64, Trouble> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Trouble::Syntax);
    }
    let mut padded: Vec<u8> = text.bytes().take(7).collect();
    padded.resize(7, b'0');
    let tenths = padded.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    Ok((tenths + 5) / 10)
}

/// `Z`, `+01`, `-0330`, `+05:30:15` or a name.
fn read_zone(text: &str) -> Result<Zone, Trouble> {
    let sign = match text.as_bytes().first() {
        Some(b'+') => 1,
        Some(b'-') => -1,
        _ if text.eq_ignore_ascii_case("z") => return Ok(Zone::Offset(0)),
        _ => return named_zone(text),
    };
    let fields: Vec<&str> = text[1..].split(':').collect();
    let (hours, minutes, seconds) = match fields.as_slice() {
        [together] if together.len() == 4 && together.is_ascii() => (&together[..2], &together[2..], "0"),
        [hours] => (*hours, "0", "0"),
        [hours, minutes] => (*hours, *minutes, "0"),
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        _ => return Err(Trouble::Syntax),
    };
    let (hours, minutes, seconds) = (digits(hours)?, digits(minutes)?, digits(seconds)?);
    if hours > 15 || minutes > 59 || seconds > 59 {
        return Err(Trouble::Range);
    }
    Ok(Zone::Offset(sign * (hours * 3_600 + minutes * 60 + seconds)))
}

fn named_zone(name: &str) -> Result<Zone, Trouble> {
    let found = TZ_VARIANTS.iter().find(|zone| zone.name().eq_ignore_ascii_case(name));
    found.copied().map(Zone::Named).ok_or(Trouble::Syntax)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_checked_against_the_calendar() {
        assert_eq!(date("1970-01-01").unwrap(), 0);
        assert_eq!(date(" 2024-02-29 ").unwrap(), 19_782);
        assert_eq!(date("20240229").unwrap(), 19_782);
        assert_eq!(date("2/29/2024").unwrap(), 19_782);
        assert_eq!(date("0001-12-31 BC").unwrap(), -719_163);
        assert_eq!(date("2024-02-29 13:00").unwrap(), 19_782);
        assert_eq!((date("infinity").unwrap(), date(" -Infinity").unwrap()), (i32::MAX, i32::MIN));
        let code = |text| date(text).unwrap_err().sqlstate.code();
        assert_eq!([code("2023-02-29"), code("2024-13-01"), code("0000-01-01")], ["22008"; 3]);
        assert_eq!([code("tomorrowish"), code(""), code("12:00"), code("2024-1"), code("inf")], ["22007"; 5]);
    }

    #[test]
    fn times_have_fractions_and_halves() {
        assert_eq!(time("13:14:15.5").unwrap(), 47_655_500_000);
        assert_eq!(time("1:14 PM").unwrap(), 47_640_000_000);
        assert_eq!(time("12:00 AM").unwrap(), 0);
        assert_eq!(time("24:00:00").unwrap(), DAY_US);
        assert_eq!(time("00:00:00.1234567").unwrap(), 123_457);
        assert_eq!(time("24:00:01").unwrap_err().sqlstate.code(), "22008");
        assert_eq!(time("12:60").unwrap_err().sqlstate.code(), "22008");
        assert_eq!(time("12").unwrap_err().sqlstate.code(), "22007");
    }

    #[test]
    fn zones_shift_only_timestamptz() {
        let noon = 1_719_835_200_000_000;
        assert_eq!(timestamp("2024-07-01 12:00:00").unwrap(), noon);
        assert_eq!(timestamp("2024-07-01T12:00:00+02").unwrap(), noon);
        let hour = 3_600 * SECOND_US;
        let with = |text| timestamptz(text, Tz::Europe__Berlin).unwrap();
        assert_eq!(with("2024-07-01 12:00:00"), noon - 2 * hour);
        assert_eq!(with("2024-07-01T12:00:00Z"), noon);
        assert_eq!(with("2024-07-01 12:00:00 +05:30"), noon - 5 * hour - hour / 2);
        assert_eq!(with("2024-07-01 12:00:00-0330"), noon + 3 * hour + hour / 2);
        assert_eq!(with("2024-07-01 12:00:00 america/new_york"), noon + 4 * hour);
        assert_eq!(with("2024-07-01"), noon - 14 * hour);
        assert_eq!(timestamp("300000-01-01").unwrap_err().message, "timestamp out of range: \"300000-01-01\"");
        assert_eq!(timestamp("2024-01-01T").unwrap_err().sqlstate.code(), "22007");
    }

    #[test]
    fn clock_changes_are_resolved_as_in_postgres() {
        let utc = |text| timestamptz(text, Tz::UTC).unwrap();
        let berlin = |text| timestamptz(text, Tz::Europe__Berlin).unwrap();
        assert_eq!(berlin("2024-03-31 02:30:00"), utc("2024-03-31 01:30:00"));
        assert_eq!(berlin("2024-10-27 02:30:00"), utc("2024-10-27 01:30:00"));
    }
}
