//! Dates and times as people write them: the fields of a text in any order, as PostgreSQL's `datetime.c` takes them.

use chrono::{Datelike, NaiveDate};
use chrono_tz::Tz;

use crate::base::Infinity;

use super::date_words::{is_known, is_weekday, month, named_zone, short_zone};

/// What is wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is no date and no time.
    Format,
    /// A field has a value that it cannot have.
    Range,
    /// A zone that nobody knows.
    Zone(String),
    /// More hours from UTC than there are.
    Displacement,
}

/// The day that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Day {
    /// One of the calendar.
    Of(NaiveDate),
    /// So many days after today.
    Today(i32),
    /// This very moment.
    Now,
    /// After or before all others.
    Infinite(Infinity),
}

/// The zone that a text names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Zone {
    /// Seconds east of UTC.
    Offset(i64),
    /// By its name.
    Named(Tz),
}

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Written {
    pub(super) day: Option<Day>,
    /// Microseconds since midnight; a day of them is the next midnight.
    pub(super) time: Option<i64>,
    pub(super) zone: Option<Zone>,
}

type Read<T> = Result<T, Wrong>;

const DAY: i64 = 86_400_000_000;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Field {
    /// Digits, and maybe a point and more of them.
    Number(String),
    /// Letters.
    Word(String),
    /// What has signs between its parts: a date, or the name of a zone.
    Joined(String),
    /// With colons.
    Clock(String),
    /// With a sign before it.
    Offset(String),
    /// `-infinity`
    Early,
}

/// Reads a text. Numbers alone are a time where only a time is wanted.
pub(super) fn read(text: &str, only_time: bool) -> Read<Written> {
    let mut reader = Reader { only_time, ..Reader::default() };
    for field in fields(&text.to_lowercase())? {
        reader.take(&field)?;
    }
    reader.finish()
}

fn fields(text: &str) -> Read<Vec<Field>> {
    let mut rest = text.trim();
    let mut fields = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (field, length) = match first {
            '0'..='9' => number_field(rest),
            'a'..='z' => word_field(rest),
            '+' | '-' => signed_field(rest)?,
            c if c.is_whitespace() || c.is_ascii_punctuation() => (None, 1),
            _ => return Err(Wrong::Format),
        };
        fields.extend(field);
        rest = &rest[length..];
    }
    Ok(fields)
}

fn run(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c: char| !belongs(c)).unwrap_or(text.len())
}

fn digit(c: char) -> bool {
    c.is_ascii_digit()
}

fn number_field(text: &str) -> (Option<Field>, usize) {
    let digits = run(text, digit);
    match text[digits..].chars().next() {
        Some(':') => {
            let length = run(text, |c| digit(c) || c == ':' || c == '.');
            (Some(Field::Clock(text[..length].to_owned())), length)
        }
        Some(sign @ ('-' | '/' | '.')) => {
            let length = run(text, |c| c.is_ascii_alphanumeric() || c == sign);
            let parts = text[..length].matches(sign).count();
            if sign == '.' && parts == 1 {
                let length = digits + 1 + run(&text[digits + 1..], digit);
                return (Some(Field::Number(text[..length].to_owned())), length);
            }
            // A time may follow a `T` at once.
            let length = text[..length].rfind('t').filter(|at| is_clock(text, *at)).unwrap_or(length);
            (Some(Field::Joined(text[..length].to_owned())), length)
        }
        Some(_) | None => (Some(Field::Number(text[..digits].to_owned())), digits),
    }
}

fn is_clock(text: &str, at: usize) -> bool {
    let before = text[..at].ends_with(digit);
    before && text[at + 1..].starts_with(digit)
}

fn word_field(text: &str) -> (Option<Field>, usize) {
    let letters = run(text, |c| c.is_ascii_alphabetic());
    let word = &text[..letters];
    let joined = match text[letters..].chars().next() {
        Some('-' | '/' | '.') => true,
        Some(c) if digit(c) || c == '+' => !is_known(word),
        Some('_') => true,
        Some(_) | None => false,
    };
    if !joined {
        return (Some(Field::Word(word.to_owned())), letters);
    }
    let length = run(text, |c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '/' | '_' | '.' | ':'));
    (Some(Field::Joined(text[..length].to_owned())), length)
}

fn signed_field(text: &str) -> Read<(Option<Field>, usize)> {
    let blanks = run(&text[1..], char::is_whitespace);
    let rest = &text[1 + blanks..];
    if rest.starts_with(digit) {
        let length = run(rest, |c| digit(c) || c == ':');
        let field = format!("{}{}", &text[..1], &rest[..length]);
        return Ok((Some(Field::Offset(field)), 1 + blanks + length));
    }
    let letters = run(rest, |c| c.is_ascii_alphabetic());
    match text.starts_with('-') && rest[..letters] == *Infinity::Late.word() {
        true => Ok((Some(Field::Early), 1 + blanks + letters)),
        false => Err(Wrong::Format),
    }
}

#[derive(Default)]
struct Reader {
    written: Written,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    /// The month was a word.
    has_word: bool,
    /// The year has one or two digits.
    short_year: bool,
    before_christ: bool,
    afternoon: Option<bool>,
    /// The next number is the day of a count that began long ago.
    julian: bool,
    epoch: bool,
    only_time: bool,
}

fn once<T>(slot: &mut Option<T>, value: T) -> Read<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Wrong::Format),
    }
}

fn parsed<T: std::str::FromStr>(digits: &str) -> Read<T> {
    digits.parse().map_err(|_| Wrong::Range)
}

impl Reader {
    fn has_date(&self) -> bool {
        let written = self.year.is_some() && self.month.is_some() && self.day.is_some();
        written || self.day_of_year.is_some() || self.written.day.is_some()
    }

    fn wants_time(&self) -> bool {
        self.only_time || self.has_date()
    }

    fn take(&mut self, field: &Field) -> Read<()> {
        match field {
            Field::Number(digits) => self.number(digits),
            Field::Word(word) => self.word(word),
            Field::Joined(text) if text.starts_with(|c: char| c.is_ascii_alphabetic()) => self.joined_word(text),
            Field::Joined(_) if self.has_date() => Err(Wrong::Format),
            Field::Joined(text) => self.date(text),
            Field::Clock(text) => {
                let time = clock(text)?;
                once(&mut self.written.time, time)
            }
            Field::Offset(text) => {
                let zone = offset(text)?;
                once(&mut self.written.zone, zone)
            }
            Field::Early => once(&mut self.written.day, Day::Infinite(Infinity::Early)),
        }
    }

    /// `may-30-2025`, or `america/new_york`.
    fn joined_word(&mut self, text: &str) -> Read<()> {
        if !self.has_date() && text.split(['-', '/', '.']).next().is_some_and(|word| month(word).is_some()) {
            return self.date(text);
        }
        let zone = named_zone(text).ok_or_else(|| Wrong::Zone(text.to_owned()))?;
        once(&mut self.written.zone, zone)
    }

    /// The months that are words first, then the numbers.
    fn date(&mut self, text: &str) -> Read<()> {
        let parts: Vec<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()).collect();
        for word in parts.iter().filter(|part| part.starts_with(|c: char| c.is_ascii_alphabetic())) {
            once(&mut self.month, month(word).ok_or(Wrong::Format)?)?;
            self.has_word = true;
        }
        for digits in parts.iter().filter(|part| part.starts_with(digit)) {
            if !digits.chars().all(digit) || self.has_date() {
                return Err(Wrong::Format);
            }
            self.part(digits)?;
        }
        if self.has_date() { Ok(()) } else { Err(Wrong::Format) }
    }

    /// A number that stands alone.
    fn number(&mut self, digits: &str) -> Read<()> {
        if self.julian {
            self.julian = false;
            let days: i32 = parsed(digits.split('.').next().unwrap_or_default())?;
            let date = NaiveDate::from_num_days_from_ce_opt(days - 1_721_425).ok_or(Wrong::Range)?;
            return once(&mut self.written.day, Day::Of(date));
        }
        let whole = digits.split('.').next().unwrap_or_default();
        if self.wants_time() || whole.len() > 4 {
            return self.run_together(digits, whole);
        }
        if digits.contains('.') {
            return Err(Wrong::Format);
        }
        self.part(digits)
    }

    /// `20250530`, `250530`, `102030`, `1020`
    fn run_together(&mut self, digits: &str, whole: &str) -> Read<()> {
        let fraction = &digits[whole.len()..];
        if !self.wants_time() && whole.len() >= 6 && fraction.is_empty() {
            let (rest, day) = whole.split_at(whole.len() - 2);
            let (year, month) = rest.split_at(rest.len() - 2);
            self.short_year = year.len() <= 2;
            once(&mut self.day, parsed(day)?)?;
            once(&mut self.month, parsed(month)?)?;
            return once(&mut self.year, parsed(year)?);
        }
        let clock_text = match whole.len() {
            6 => format!("{}:{}:{}{fraction}", &whole[..2], &whole[2..4], &whole[4..]),
            4 if fraction.is_empty() => format!("{}:{}", &whole[..2], &whole[2..]),
            14 if !self.wants_time() => {
                self.run_together(&whole[..8], &whole[..8])?;
                return self.run_together(&digits[8..], &whole[8..]);
            }
            _ => return Err(Wrong::Format),
        };
        once(&mut self.written.time, clock(&clock_text)?)
    }

    /// A part of a date, by what is known of it so far: month, day, year, or year, month, day.
    fn part(&mut self, digits: &str) -> Read<()> {
        let long = digits.len() >= 3;
        match (self.year, self.month, self.day) {
            (Some(_), None, None) if digits.len() == 3 => {
                let day: u32 = parsed(digits)?;
                if day == 0 || day > 366 {
                    return Err(Wrong::Range);
                }
                once(&mut self.day_of_year, day)
            }
            (None, None, None) if long => self.set_year(digits),
            (None, None, None) | (Some(_), None, None) | (None, None, Some(_)) => {
                once(&mut self.month, parsed(digits)?)
            }
            (None, Some(_), None) if self.has_word && long => self.set_year(digits),
            (None, Some(_), Some(_)) => self.set_year(digits),
            (Some(year), Some(_), None) if self.has_word && long && self.short_year => {
                self.day = u32::try_from(year).ok();
                self.year = None;
                self.set_year(digits)
            }
            (None | Some(_), Some(_), None) => once(&mut self.day, parsed(digits)?),
            (Some(_), None, Some(_)) | (Some(_), Some(_), Some(_)) => Err(Wrong::Format),
        }
    }

    fn set_year(&mut self, digits: &str) -> Read<()> {
        self.short_year = digits.len() <= 2;
        once(&mut self.year, parsed(digits)?)
    }

    fn word(&mut self, word: &str) -> Read<()> {
        if let Some(month) = month(word) {
            return self.month_word(month);
        }
        match word {
            "t" | "at" | "on" => Ok(()),
            "am" | "pm" => once(&mut self.afternoon, word == "pm"),
            "bc" | "ad" => {
                self.before_christ = word == "bc";
                Ok(())
            }
            "j" => {
                self.julian = true;
                Ok(())
            }
            "today" => once(&mut self.written.day, Day::Today(0)),
            "tomorrow" => once(&mut self.written.day, Day::Today(1)),
            "yesterday" => once(&mut self.written.day, Day::Today(-1)),
            "now" => once(&mut self.written.day, Day::Now),
            "epoch" => {
                self.epoch = true;
                once(&mut self.written.day, Day::Of(NaiveDate::default()))
            }
            "infinity" => once(&mut self.written.day, Day::Infinite(Infinity::Late)),
            "allballs" => {
                self.written.zone = Some(Zone::Offset(0));
                once(&mut self.written.time, 0)
            }
            _ if is_weekday(word) => Ok(()),
            _ => {
                let zone = short_zone(word).or_else(|| named_zone(word)).ok_or(Wrong::Format)?;
                once(&mut self.written.zone, zone)
            }
        }
    }

    /// A number before it that was taken for the month was the day.
    fn month_word(&mut self, month: u32) -> Read<()> {
        if let (Some(before), false, None) = (self.month, self.has_word, self.day) {
            self.day = Some(before);
            self.month = None;
        }
        self.has_word = true;
        once(&mut self.month, month)
    }

    fn finish(mut self) -> Read<Written> {
        if self.julian {
            return Err(Wrong::Format);
        }
        self.halves()?;
        let has_parts = self.year.is_some() || self.month.is_some() || self.day.is_some() || self.day_of_year.is_some();
        if self.written.day.is_some() {
            let only = self.epoch || self.written.day == Some(Day::Now);
            if has_parts || (only && self.written.time.is_some()) {
                return Err(Wrong::Format);
            }
        } else if has_parts {
            self.written.day = Some(Day::Of(self.calendar_day()?));
        }
        Ok(self.written)
    }

    /// `am` and `pm`
    fn halves(&mut self) -> Read<()> {
        let Some(afternoon) = self.afternoon else { return Ok(()) };
        let Some(time) = self.written.time else { return Err(Wrong::Format) };
        let hour = time / (DAY / 24);
        if hour > 12 {
            return Err(Wrong::Range);
        }
        let half = DAY / 2;
        self.written.time = Some(match afternoon {
            false if hour == 12 => time - half,
            true if hour != 12 => time + half,
            _ => time,
        });
        Ok(())
    }

    fn calendar_day(&self) -> Read<NaiveDate> {
        let year = self.year.ok_or(Wrong::Format)?;
        let year = match (self.before_christ, self.short_year) {
            // There is no year 0: 1 BC is the year before 1.
            (true, _) if year > 0 => 1 - year,
            (false, true) if year < 70 => year + 2_000,
            (false, true) if year < 100 => year + 1_900,
            (false, _) if year > 0 => year,
            _ => return Err(Wrong::Range),
        };
        if let Some(day) = self.day_of_year {
            return NaiveDate::from_yo_opt(year, day).ok_or(Wrong::Range);
        }
        let (Some(month), Some(day)) = (self.month, self.day) else { return Err(Wrong::Format) };
        let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(Wrong::Range)?;
        if date.year() == year { Ok(date) } else { Err(Wrong::Range) }
    }
}

/// `10:20`, `10:20:30.5`
fn clock(text: &str) -> Read<i64> {
    let parts: Vec<&str> = text.split(':').collect();
    let (hour, minute, seconds) = match parts.as_slice() {
        [hour, minute] => (*hour, *minute, "0"),
        [hour, minute, seconds] => (*hour, *minute, *seconds),
        _ => return Err(Wrong::Format),
    };
    let number = |digits: &str| digits.parse::<i64>().map_err(|_| Wrong::Format);
    let (hour, minute) = (number(hour)?, number(minute)?);
    let micros = micros(seconds)?;
    if !(0..=24).contains(&hour) || !(0..=59).contains(&minute) || micros > 60_000_000 {
        return Err(Wrong::Range);
    }
    let total = (hour * 60 + minute) * 60_000_000 + micros;
    if total > DAY { Err(Wrong::Range) } else { Ok(total) }
}

#[expect(clippy::cast_possible_truncation, reason = "a minute has few microseconds")]
fn micros(seconds: &str) -> Read<i64> {
    if !seconds.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return Err(Wrong::Format);
    }
    let seconds: f64 = seconds.parse().map_err(|_| Wrong::Format)?;
    Ok((seconds * 1e6).round() as i64)
}

/// `+02`, `-03:30`, `+0530`
fn offset(text: &str) -> Read<Zone> {
    let (sign, digits) = text.split_at(1);
    let sign = if sign == "-" { -1 } else { 1 };
    let mut parts = digits.split(':');
    let first = parts.next().unwrap_or_default();
    let (hours, minutes) = match parts.next() {
        Some(minutes) => (first, minutes),
        None if first.len() > 2 => first.split_at(first.len() - 2),
        None => (first, "0"),
    };
    let seconds = parts.next().unwrap_or("0");
    let number = |digits: &str| digits.parse::<i64>().map_err(|_| Wrong::Format);
    let (hours, minutes, seconds) = (number(hours)?, number(minutes)?, number(seconds)?);
    if !(0..=15).contains(&hours) || !(0..=59).contains(&minutes) || !(0..=59).contains(&seconds) {
        return Err(Wrong::Displacement);
    }
    Ok(Zone::Offset(sign * (hours * 3_600 + minutes * 60 + seconds)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Option<Day> {
        read(text, false).unwrap().day
    }

    #[test]
    fn numbers_of_any_size_are_no_time() {
        for text in [
            "20+5=555555:55555557555555555+4-01-01",
            "2025-05-30 9223372036854775807:20",
            "2025-05-30 10:9223372036854775807",
            "2025-05-30 10:20:inf",
            "2025-05-30 10:20:nan",
            "2025-05-30 10:20:99999999999999999999",
            "2025-05-30 10:20+9223372036854775807",
            "2025-05-30 10:20+10:9223372036854775807",
        ] {
            assert!(read(text, false).is_err(), "{text}");
        }
    }

    #[test]
    fn dates_are_read_in_every_form() {
        let expected = Some(Day::Of(NaiveDate::from_ymd_opt(2025, 5, 30).unwrap()));
        for text in [
            "2025-05-30",
            "2025-05-30T10:20:30Z",
            "20250530T102030",
            "20250530",
            "250530",
            "May 30, 2025",
            "30 May 2025 10:20 PM",
            "Fri, 30 May 2025 10:20:30 GMT",
            "Fri May 30 10:20:30 2025",
            "30-May-2025",
            "may-30-2025",
            "5/30/2025",
            "J2460826",
            "2025-05-30 10:20 America/New_York",
        ] {
            assert_eq!(day(text), expected, "{text}");
        }
        assert_eq!(day(" Tomorrow "), Some(Day::Today(1)));
        assert_eq!(day("Infinity 10:20"), Some(Day::Infinite(Infinity::Late)));
        assert_eq!(day("- infinity"), Some(Day::Infinite(Infinity::Early)));
        assert_eq!(read("2025-150", false).unwrap().day, expected);
    }

    #[test]
    fn what_is_no_date_says_why() {
        for (text, wrong) in [
            ("tomorow", Wrong::Format),
            ("May 32, 2025", Wrong::Range),
            ("2025-02-30", Wrong::Range),
            ("2025-05-30 13:00 pm", Wrong::Range),
            ("2025-05-30 10:20 foo/bar", Wrong::Zone("foo/bar".into())),
            ("2025-05-30 10:20+25", Wrong::Displacement),
            ("2025-05-30 10:20 2025-01-01", Wrong::Format),
            ("2025.150", Wrong::Format),
            ("inf", Wrong::Format),
            ("+infinity", Wrong::Format),
            ("-infinityx", Wrong::Format),
            ("infinity 2025-01-01", Wrong::Format),
            ("May 2025", Wrong::Format),
        ] {
            assert_eq!(read(text, false).unwrap_err(), wrong, "{text}");
        }
        assert_eq!(read("102030", true).unwrap().time, Some(37_230_000_000));
        assert_eq!(read("10:20 pm", false).unwrap().time, Some(DAY / 24 * 22 + 1_200_000_000));
    }
}
