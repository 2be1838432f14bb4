//! Points in time as a canvas writes them: ISO 8601 with `T` or a space, seconds optional, or relative to the request.

use std::time::Duration;

use chrono::{DateTime, FixedOffset, Months, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};

/// A point in time that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    /// In UTC.
    pub at: NaiveDateTime,
    /// Whether it says a day and nothing finer, or is relative: then a date column is compared with its day.
    pub is_day: bool,
    /// How long a reading relative to the clock stays true; `None` for an absolute one.
    pub valid_for: Option<Duration>,
}

impl Moment {
    /// Reads a text; `None` when it is no point in time.
    pub fn read(text: &str, now: DateTime<Utc>) -> Option<Self> {
        let text = text.trim();
        absolute(text).or_else(|| relative(text, now))
    }
}

fn absolute(text: &str) -> Option<Moment> {
    let day = day(text.get(..10)?)?;
    let rest = text.get(10..)?;
    if rest.is_empty() {
        return Some(Moment { at: day.and_time(NaiveTime::MIN), is_day: true, valid_for: None });
    }
    let rest = rest.strip_prefix(['T', 't', ' '])?.trim_start();
    let (time, offset) = split_zone(rest)?;
    let local = day.and_time(time_of_day(time)?);
    let at = local.checked_sub_offset(offset)?;
    Some(Moment { at, is_day: false, valid_for: None })
}

/// `2024-01-31`, all digits there.
fn day(text: &str) -> Option<NaiveDate> {
    let shape =
        |(place, byte): (usize, u8)| if place == 4 || place == 7 { byte == b'-' } else { byte.is_ascii_digit() };
    let fits = text.len() == 10 && text.bytes().enumerate().all(shape) && !text.starts_with("0000");
    fits.then(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())?
}

/// `10:30`, `10:30:15` or `10:30:15.123456`.
pub(super) fn time_of_day(text: &str) -> Option<NaiveTime> {
    let bytes = text.as_bytes();
    let two_digits = |from: usize| bytes.get(from..from + 2).is_some_and(|pair| pair.iter().all(u8::is_ascii_digit));
    let fits = two_digits(0) && two_digits(3) && (bytes.len() == 5 || two_digits(6));
    if !fits || bytes.len() > 15 {
        return None;
    }
    NaiveTime::parse_from_str(text, "%H:%M:%S%.f").or_else(|_| NaiveTime::parse_from_str(text, "%H:%M")).ok()
}

/// The time and the zone behind it; without one it is UTC.
fn split_zone(text: &str) -> Option<(&str, FixedOffset)> {
    let utc = FixedOffset::east_opt(0)?;
    if let Some(time) = text.strip_suffix(['Z', 'z']) {
        return Some((time.trim_end(), utc));
    }
    let Some(at) = text.rfind(['+', '-']) else { return Some((text, utc)) };
    let (time, zone) = text.split_at(at);
    let digits: String = zone.get(1..)?.chars().filter(|c| *c != ':').collect();
    if !matches!(digits.len(), 2 | 4) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let hours: i32 = digits.get(..2)?.parse().ok()?;
    let minutes: i32 = digits.get(2..).filter(|rest| !rest.is_empty()).map_or(Some(0), |rest| rest.parse().ok())?;
    let seconds = (hours * 60 + minutes) * 60;
    let offset = FixedOffset::east_opt(if zone.starts_with('-') { -seconds } else { seconds })?;
    (minutes < 60).then_some((time.trim_end(), offset))
}

/// `now`, `today`, `-7d`, `now-1h`, `today + 1mo -2d`.
fn relative(text: &str, now: DateTime<Utc>) -> Option<Moment> {
    let lower = text.to_ascii_lowercase();
    let now = now.naive_utc();
    let (mut at, mut valid_for, mut rest) = if let Some(rest) = lower.strip_prefix("today") {
        let midnight = now.date().and_time(NaiveTime::MIN);
        let elapsed = (now - midnight).to_std().ok()?;
        (midnight, Some(Duration::from_secs(86_400).saturating_sub(elapsed)), rest)
    } else if let Some(rest) = lower.strip_prefix("now") {
        (now, None, rest)
    } else {
        (now, None, lower.as_str())
    };
    let has_base = rest.len() < lower.len();
    let mut has_offset = false;
    while !rest.trim_start().is_empty() {
        let (shifted, unit, after) = shift(at, rest.trim_start())?;
        (at, rest, has_offset) = (shifted, after, true);
        valid_for = Some(valid_for.map_or(unit, |known| known.min(unit)));
    }
    let second = Duration::from_secs(1);
    (has_base || has_offset).then_some(Moment { at, is_day: true, valid_for: Some(valid_for.unwrap_or(second)) })
}

/// One `+1h`: the shifted time, the length of its unit, and the text behind it.
fn shift(at: NaiveDateTime, text: &str) -> Option<(NaiveDateTime, Duration, &str)> {
    let forward = match text.as_bytes().first()? {
        b'+' => true,
        b'-' => false,
        _ => return None,
    };
    let text = text.get(1..)?.trim_start();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let count: u32 = text.get(..digits)?.parse().ok()?;
    let text = text.get(digits..)?.trim_start();
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let (unit, rest) = text.split_at(letters);
    const DAY: u64 = 86_400;
    let (seconds, months) = match unit {
        "s" => (1, 0),
        "m" => (60, 0),
        "h" => (3_600, 0),
        "d" => (DAY, 0),
        "w" => (7 * DAY, 0),
        "mo" => (30 * DAY, 1),
        "y" => (365 * DAY, 12),
        _ => return None,
    };
    let shifted = if months > 0 {
        let months = Months::new(count.checked_mul(months)?);
        if forward { at.checked_add_months(months) } else { at.checked_sub_months(months) }
    } else {
        let delta = TimeDelta::try_seconds(i64::from(count).checked_mul(i64::try_from(seconds).ok()?)?)?;
        if forward { at.checked_add_signed(delta) } else { at.checked_sub_signed(delta) }
    };
    Some((shifted?, Duration::from_secs(seconds), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        DateTime::parse_from_rfc3339("2024-03-31T10:20:30Z").unwrap().with_timezone(&Utc)
    }

    fn read(text: &str) -> Option<String> {
        Moment::read(text, now()).map(|moment| moment.at.format("%Y-%m-%d %H:%M:%S%.f").to_string())
    }

    #[test]
    fn absolute_times() {
        for (text, expected) in [
            ("2024-01-02", "2024-01-02 00:00:00"),
            ("2024-01-02T03:04", "2024-01-02 03:04:00"),
            ("2024-01-02 03:04", "2024-01-02 03:04:00"),
            (" 2024-01-02T03:04:05.678901 ", "2024-01-02 03:04:05.678901"),
            ("2024-01-02T03:04:05.6Z", "2024-01-02 03:04:05.600"),
            ("2024-01-02T03:04:05+02:00", "2024-01-02 01:04:05"),
            ("2024-01-02 03:04-0530", "2024-01-02 08:34:00"),
            ("2024-01-02 03:04:05 +02", "2024-01-02 01:04:05"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
    }

    #[test]
    fn relative_times() {
        for (text, expected, seconds) in [
            ("now", "2024-03-31 10:20:30", 1),
            ("NOW", "2024-03-31 10:20:30", 1),
            ("today", "2024-03-31 00:00:00", 86_400 - 37_230),
            ("-7d", "2024-03-24 10:20:30", 86_400),
            ("+1h", "2024-03-31 11:20:30", 3_600),
            ("now-30s", "2024-03-31 10:20:00", 1),
            ("now - 20m", "2024-03-31 10:00:30", 60),
            ("today-1mo", "2024-02-29 00:00:00", 86_400 - 37_230),
            ("today+1d-2h", "2024-03-31 22:00:00", 3_600),
            ("-1y", "2023-03-31 10:20:30", 365 * 86_400),
            ("-2w", "2024-03-17 10:20:30", 7 * 86_400),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
            assert_eq!(Moment::read(text, now()).unwrap().valid_for, Some(Duration::from_secs(seconds)), "{text}");
        }
    }

    #[test]
    fn what_is_no_time() {
        for text in [
            "",
            "abc",
            "24-01-02",
            "2024-13-01",
            "2024-02-30",
            "2024-01-02T",
            "2024-01-02T25:00",
            "2024-01-02x",
            "7d",
            "-7",
            "-7x",
            "now now",
            "today7d",
            "-99999999999d",
            "-4000000000y",
            "2024-01-02T03:04:05+99:99",
            "20240102",
            "0000-01-01",
            "2024-01-02T3:04",
            "ä",
            "2024-01-0ä",
            "yesterday",
            "-9999999y",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
