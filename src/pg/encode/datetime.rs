//! Dates, times and intervals as PostgreSQL prints them with `DateStyle = ISO` and `IntervalStyle = postgres`.

use std::io::Write;

use bytes::BufMut;
use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::Tz;
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use crate::base::{ErrorReport, Infinity, SqlState};

/// Microseconds of a day.
pub const DAY_US: i64 = 86_400_000_000;
/// Microseconds of a second.
const SECOND_US: i64 = 1_000_000;
/// The first moment that PostgreSQL can express, 4714-11-24 BC, in microseconds since 1970.
const FIRST_US: i64 = -210_866_803_200_000_000;
/// The last moment that is accepted. PostgreSQL's own last one lies a little past what 64 bits hold from 1970 on; two
/// days are kept free for the offsets of time zones, and the last number of all means `infinity` on the wire.
const LAST_US: i64 = i64::MAX - 2 * DAY_US;

/// Year, month and day of a number of days since 1970-01-01, in the proleptic Gregorian calendar.
fn civil(days: i64) -> (i64, u32, u32) {
    // Years begin in March here, so that the leap day is the last of its year; eras have 400 years.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, u32::try_from(month).unwrap_or(0), u32::try_from(day).unwrap_or(0))
}

/// Writes the date and tells whether it is before Christ, which is written at the very end.
fn put_civil(out: &mut Vec<u8>, days: i64) -> bool {
    let (year, month, day) = civil(days);
    let before_christ = year <= 0;
    let shown = if before_christ { 1 - year } else { year };
    if shown < 10_000 {
        put_two(out, (shown / 100) as u32);
        put_two(out, (shown % 100) as u32);
    } else {
        let _ = write!(out, "{shown}");
    }
    out.put_u8(b'-');
    put_two(out, month);
    out.put_u8(b'-');
    put_two(out, day);
    before_christ
}

fn put_two(out: &mut Vec<u8>, value: u32) {
    out.put_slice(&[b'0' + (value / 10 % 10) as u8, b'0' + (value % 10) as u8]);
}

fn put_era(out: &mut Vec<u8>, before_christ: bool) {
    if before_christ {
        out.put_slice(b" BC");
    }
}

/// `2024-02-29`
pub fn put_date(out: &mut Vec<u8>, days: i32) {
    if let Some(infinity) = Infinity::of_days(days) {
        out.put_slice(infinity.word().as_bytes());
        return;
    }
    let before_christ = put_civil(out, i64::from(days));
    put_era(out, before_christ);
}

/// `13:14:15.5`, from microseconds since midnight.
pub fn put_time(out: &mut Vec<u8>, time_us: i64) {
    let seconds = time_us / SECOND_US;
    put_two(out, (seconds / 3600) as u32);
    out.put_u8(b':');
    put_two(out, (seconds / 60 % 60) as u32);
    out.put_u8(b':');
    put_two(out, (seconds % 60) as u32);
    put_fraction(out, (time_us % SECOND_US).unsigned_abs());
}

/// The microseconds of a second without zeros at the end; nothing for none.
fn put_fraction(out: &mut Vec<u8>, fraction_us: u64) {
    if fraction_us == 0 {
        return;
    }
    let mut digits = [b'.', 0, 0, 0, 0, 0, 0];
    let mut rest = fraction_us;
    for digit in digits[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    let length = digits.iter().rposition(|digit| *digit != b'0').map_or(0, |last| last + 1);
    out.put_slice(&digits[..length]);
}

/// `2024-02-29 13:14:15.5`, from microseconds since 1970.
pub fn put_timestamp(out: &mut Vec<u8>, timestamp_us: i64) -> Result<(), ErrorReport> {
    if let Some(infinity) = Infinity::of_micros(timestamp_us) {
        out.put_slice(infinity.word().as_bytes());
        return Ok(());
    }
    let before_christ = put_moment(out, checked(timestamp_us)?);
    put_era(out, before_christ);
    Ok(())
}

/// `2024-02-29 13:14:15.5+01`, from microseconds since 1970 in UTC.
pub fn put_timestamptz(out: &mut Vec<u8>, timestamp_us: i64, zone: Tz) -> Result<(), ErrorReport> {
    if Infinity::of_micros(timestamp_us).is_some() {
        return put_timestamp(out, timestamp_us);
    }
    let offset_s = offset_at(checked(timestamp_us)?, zone);
    let before_christ = put_moment(out, timestamp_us + i64::from(offset_s) * SECOND_US);
    put_offset(out, offset_s);
    put_era(out, before_christ);
    Ok(())
}

fn put_moment(out: &mut Vec<u8>, timestamp_us: i64) -> bool {
    let before_christ = put_civil(out, timestamp_us.div_euclid(DAY_US));
    out.put_u8(b' ');
    put_time(out, timestamp_us.rem_euclid(DAY_US));
    before_christ
}

/// A moment that PostgreSQL can express.
pub fn checked(timestamp_us: i64) -> Result<i64, ErrorReport> {
    if (FIRST_US..=LAST_US).contains(&timestamp_us) {
        return Ok(timestamp_us);
    }
    Err(ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range"))
}

/// Seconds east of Greenwich at a moment.
fn offset_at(timestamp_us: i64, zone: Tz) -> i32 {
    if zone == Tz::UTC {
        return 0;
    }
    // Beyond what the library's calendar holds, no zone has rules of its own any more.
    DateTime::from_timestamp(timestamp_us.div_euclid(SECOND_US), 0)
        .map_or(0, |moment| zone.offset_from_utc_datetime(&moment.naive_utc()).fix().local_minus_utc())
}

/// `+01`, `+05:30` or `+00:53:28`.
fn put_offset(out: &mut Vec<u8>, offset_s: i32) {
    out.put_u8(if offset_s < 0 { b'-' } else { b'+' });
    let offset_s = offset_s.unsigned_abs();
    put_two(out, offset_s / 3600);
    let (minutes, seconds) = (offset_s / 60 % 60, offset_s % 60);
    if minutes != 0 || seconds != 0 {
        out.put_u8(b':');
        put_two(out, minutes);
    }
    if seconds != 0 {
        out.put_u8(b':');
        put_two(out, seconds);
    }
}

/// Months, days and microseconds of an interval.
pub fn interval_parts(value: IntervalMonthDayNano) -> (i32, i32, i64) {
    (value.months, value.days, value.nanoseconds / 1_000)
}

/// `1 year 2 mons -3 days +04:05:06.7`
pub fn put_interval(out: &mut Vec<u8>, value: IntervalMonthDayNano) {
    let (months, days, time_us) = interval_parts(value);
    let start = out.len();
    let mut before_negative = false;
    for (count, unit) in [(months / 12, "year"), (months % 12, "mon"), (days, "day")] {
        if count == 0 {
            continue;
        }
        let space = if out.len() > start { " " } else { "" };
        let plus = if before_negative && count > 0 { "+" } else { "" };
        let plural = if count == 1 { "" } else { "s" };
        let _ = write!(out, "{space}{plus}{count} {unit}{plural}");
        before_negative = count < 0;
    }
    if time_us == 0 && out.len() > start {
        return;
    }
    if out.len() > start {
        out.put_u8(b' ');
    }
    if time_us < 0 {
        out.put_u8(b'-');
    } else if before_negative {
        out.put_u8(b'+');
    }
    put_hours(out, time_us.unsigned_abs());
}

fn put_hours(out: &mut Vec<u8>, time_us: u64) {
    let seconds = time_us / SECOND_US.unsigned_abs();
    let _ = write!(out, "{:02}:", seconds / 3600);
    put_two(out, (seconds / 60 % 60) as u32);
    out.put_u8(b':');
    put_two(out, (seconds % 60) as u32);
    put_fraction(out, time_us % SECOND_US.unsigned_abs());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(put: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        put(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn dates_have_four_digits_and_an_era() {
        let date = |days| shown(|out| put_date(out, days));
        assert_eq!(date(0), "1970-01-01");
        assert_eq!(date(19_782), "2024-02-29");
        assert_eq!(date(-719_162), "0001-01-01");
        assert_eq!(date(-719_163), "0001-12-31 BC");
        assert_eq!(date(2_932_897), "10000-01-01");
        assert_eq!((date(i32::MAX), date(i32::MIN)), ("infinity".to_owned(), "-infinity".to_owned()));
    }

    #[test]
    fn timestamps_follow_the_session_zone() {
        let at = |us, zone| shown(|out| put_timestamptz(out, us, zone).unwrap());
        assert_eq!(at(0, Tz::UTC), "1970-01-01 00:00:00+00");
        assert_eq!(at(1_719_792_000_123_400, Tz::Europe__Berlin), "2024-07-01 02:00:00.1234+02");
        assert_eq!(at(1_719_792_000_000_000, Tz::Asia__Kolkata), "2024-07-01 05:30:00+05:30");
        assert_eq!(at(1_719_792_000_000_000, Tz::America__Sao_Paulo), "2024-06-30 21:00:00-03");
        assert_eq!(at(-3_000_000_000_000_000, Tz::Europe__Berlin), "1874-12-07 19:33:28+00:53:28");
        assert_eq!(shown(|out| put_timestamp(out, -1).unwrap()), "1969-12-31 23:59:59.999999");
        assert_eq!(at(i64::MAX, Tz::Asia__Kolkata), "infinity");
        assert_eq!(shown(|out| put_timestamp(out, i64::MIN).unwrap()), "-infinity");
        assert!(put_timestamp(&mut Vec::new(), i64::MAX - 1).is_err());
        assert!(put_timestamp(&mut Vec::new(), i64::MIN + 1).is_err());
    }

    #[test]
    fn intervals_print_as_in_postgres() {
        let interval =
            |months, days, us: i64| shown(|out| put_interval(out, IntervalMonthDayNano::new(months, days, us * 1000)));
        assert_eq!(interval(0, 0, 0), "00:00:00");
        assert_eq!(interval(14, 3, 14_706_700_000), "1 year 2 mons 3 days 04:05:06.7");
        assert_eq!(interval(-14, 3, -1_000_000), "-1 years -2 mons +3 days -00:00:01");
        assert_eq!(interval(0, -1, 3_600_000_000), "-1 days +01:00:00");
        assert_eq!(interval(0, 1, 0), "1 day");
        assert_eq!(interval(0, 0, 360_000_000_000), "100:00:00");
    }
}
