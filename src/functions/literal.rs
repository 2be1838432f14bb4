//! Text constants read as values of a type, as PostgreSQL's input functions read them.

use std::sync::Arc;

use chrono::{Datelike, LocalResult, NaiveDateTime, NaiveTime, TimeZone};
use chrono_tz::Tz;
use datafusion::arrow::array::{Array, AsArray, LargeBinaryArray};
use datafusion::arrow::datatypes::{DECIMAL128_MAX_PRECISION, DataType, IntervalMonthDayNano};
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::common::{DataFusionError, ScalarValue};

use crate::base::array_text::{NoElements, elements, is_space};
use crate::base::types::{DEFAULT_NUMERIC, UTC};
use crate::base::{ErrorReport, InternalError, SqlState, SqlType, UserFacing};

use super::date_text::{self, Day, Written, Wrong, Zone};
use super::json::{self, Json};

/// Refuses a constant that is no SQL/JSON path.
///
/// # Errors
/// `42601` and others in PostgreSQL's words; `54001` for one that nests too deep.
pub fn check_path(text: &str) -> Result<(), ErrorReport> {
    json::check_path(text)
}

/// Reads a constant.
///
/// # Errors
/// `22P02`, `22007`, `22008` or `22003` in PostgreSQL's words; `0A000` for a type that has no constants here.
pub fn parse(text: &str, sql_type: &SqlType, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    match sql_type {
        SqlType::Bool => boolean(text).map(|value| ScalarValue::Boolean(Some(value))),
        SqlType::Int2 => integer(text, sql_type).map(|value| ScalarValue::Int16(Some(value))),
        SqlType::Int4 => integer(text, sql_type).map(|value| ScalarValue::Int32(Some(value))),
        SqlType::Int8 => integer(text, sql_type).map(|value| ScalarValue::Int64(Some(value))),
        SqlType::Oid => oid(text).map(|value| ScalarValue::UInt32(Some(value))),
        SqlType::Float4 => float(text, sql_type).map(|value| ScalarValue::Float32(Some(value))),
        SqlType::Float8 => float(text, sql_type).map(|value| ScalarValue::Float64(Some(value))),
        SqlType::Numeric { precision, scale } => numeric(text, *precision, *scale),
        SqlType::Text | SqlType::TextLike(_) => Ok(ScalarValue::Utf8(Some(text.to_owned()))),
        SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz => moment(text, sql_type, zone),
        SqlType::Time => time(text),
        SqlType::Interval => Ok(ScalarValue::IntervalMonthDayNano(Some(interval(text)?))),
        SqlType::Uuid => uuid::Uuid::parse_str(text.trim())
            .map(|value| ScalarValue::FixedSizeBinary(16, Some(value.as_bytes().to_vec())))
            .map_err(|_| invalid(sql_type, text)),
        SqlType::Json => {
            Json::parse(text)?;
            Ok(ScalarValue::LargeUtf8(Some(text.to_owned())))
        }
        SqlType::Jsonb => {
            let normal = Json::parse_binary(text)?.binary_text();
            Ok(ScalarValue::LargeBinary(Some(normal.into_bytes())))
        }
        SqlType::Bytea => super::texts::read_bytes(text).map(|value| ScalarValue::Binary(Some(value))),
        SqlType::Array(element) => array(text, element, zone),
        SqlType::Record(_) => {
            let message = "input of anonymous composite types is not implemented";
            Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message))
        }
    }
}

/// A value that a client sent, as values of its type are kept: a `jsonb` has each key once, in order.
///
/// # Errors
/// As [`parse`] for a `jsonb`.
pub fn normal(value: ScalarValue) -> Result<ScalarValue, ErrorReport> {
    match value {
        ScalarValue::LargeBinary(Some(text)) => normal_jsonb(&text).map(|text| ScalarValue::LargeBinary(Some(text))),
        ScalarValue::List(list) if *list.values().data_type() == DataType::LargeBinary => {
            let texts = list.values().as_binary::<i64>().iter().map(|text| text.map(normal_jsonb).transpose());
            let normal: LargeBinaryArray = texts.collect::<Result<Vec<_>, _>>()?.into_iter().collect();
            let list = SingleRowListArrayBuilder::new(Arc::new(normal)).with_nullable(true);
            Ok(list.build_list_scalar())
        }
        other => Ok(other),
    }
}

fn normal_jsonb(text: &[u8]) -> Result<Vec<u8>, ErrorReport> {
    let text = std::str::from_utf8(text).map_err(|error| InternalError::new(error).report())?;
    Ok(Json::parse_binary(text)?.binary_text().into_bytes())
}

fn short_name(sql_type: &SqlType) -> String {
    match sql_type {
        SqlType::Numeric { .. } => "numeric".to_owned(),
        other => other.name(),
    }
}

fn invalid(sql_type: &SqlType, text: &str) -> ErrorReport {
    let name = short_name(sql_type);
    ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("invalid input syntax for type {name}: \"{text}\""))
}

fn invalid_time(sql_type: &SqlType, text: &str) -> ErrorReport {
    // The input functions have short names for some types.
    let name = match sql_type {
        SqlType::Timestamp => "timestamp".to_owned(),
        SqlType::Time => "time".to_owned(),
        other => short_name(other),
    };
    let message = format!("invalid input syntax for type {name}: \"{text}\"");
    ErrorReport::new(SqlState::INVALID_DATETIME_FORMAT, message)
}

fn field_out_of_range(text: &str) -> ErrorReport {
    ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, format!("date/time field value out of range: \"{text}\""))
}

fn boolean(text: &str) -> Result<bool, ErrorReport> {
    let word = text.trim().to_lowercase();
    let begins = |full: &str| !word.is_empty() && full.starts_with(&word);
    if begins("true") || begins("yes") || word == "on" || word == "1" {
        Ok(true)
    } else if begins("false") || begins("no") || word == "of" || word == "off" || word == "0" {
        Ok(false)
    } else {
        Err(invalid(&SqlType::Bool, text))
    }
}

fn integer<T: TryFrom<i128>>(text: &str, sql_type: &SqlType) -> Result<T, ErrorReport> {
    let digits = text.trim();
    let plain = digits.strip_prefix(['+', '-']).unwrap_or(digits);
    if plain.is_empty() || !plain.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid(sql_type, text));
    }
    digits.parse::<i128>().ok().and_then(|value| T::try_from(value).ok()).ok_or_else(|| {
        let name = sql_type.name();
        let message = format!("value \"{text}\" is out of range for type {name}");
        ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message)
    })
}

/// A negative number means the same 32 bits.
fn oid(text: &str) -> Result<u32, ErrorReport> {
    match integer::<u32>(text, &SqlType::Oid) {
        Err(report) => integer::<i32>(text, &SqlType::Oid).map(i32::cast_unsigned).map_err(|_| report),
        value => value,
    }
}

/// A number that only infinity or zero stands for is out of range.
fn float<T: Float>(text: &str, sql_type: &SqlType) -> Result<T, ErrorReport> {
    let trimmed = text.trim();
    let value: T = trimmed.parse().map_err(|_| invalid(sql_type, text))?;
    let mantissa = trimmed.split(['e', 'E']).next().unwrap_or_default();
    let has_digits = mantissa.contains(|c: char| c.is_ascii_digit());
    let is_zero = !mantissa.contains(|c: char| matches!(c, '1'..='9'));
    if has_digits && (value.is_infinite() || (value.is_zero() && !is_zero)) {
        let message = format!("\"{trimmed}\" is out of range for type {}", sql_type.name());
        return Err(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, message));
    }
    Ok(value)
}

trait Float: std::str::FromStr {
    fn is_infinite(&self) -> bool;
    fn is_zero(&self) -> bool;
}

impl Float for f32 {
    fn is_infinite(&self) -> bool {
        Self::is_infinite(*self)
    }
    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

impl Float for f64 {
    fn is_infinite(&self) -> bool {
        Self::is_infinite(*self)
    }
    fn is_zero(&self) -> bool {
        *self == 0.0
    }
}

/// Digits and exponent, rounded half away from zero to the scale. A numeric without digits of its own takes the scale
/// of the text.
fn numeric(text: &str, precision: u8, scale: i8) -> Result<ScalarValue, ErrorReport> {
    let sql_type = SqlType::Numeric { precision, scale };
    let (negative, digits, own_scale) = decimal_digits(text.trim()).ok_or_else(|| invalid(&sql_type, text))?;
    let overflow = || ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "numeric field overflow");
    let (precision, scale) = if (precision, scale) == DEFAULT_NUMERIC {
        (38, i8::try_from(own_scale.clamp(0, 38)).unwrap_or_default())
    } else {
        (precision, scale)
    };
    let mut digits = digits;
    let mut own_scale = own_scale;
    let mut round_up = false;
    while own_scale > i64::from(scale) {
        round_up = digits.pop().is_some_and(|digit| digit >= '5');
        own_scale -= 1;
    }
    while own_scale < i64::from(scale) && digits.len() < 80 {
        digits.push('0');
        own_scale += 1;
    }
    let magnitude = if digits.is_empty() { 0 } else { digits.parse::<i128>().map_err(|_| overflow())? };
    let magnitude = magnitude + i128::from(round_up);
    if precision > 38 || magnitude >= 10_i128.pow(u32::from(precision.min(38))) {
        return Err(overflow());
    }
    Ok(ScalarValue::Decimal128(Some(if negative { -magnitude } else { magnitude }), precision, scale))
}

/// Sign, digits without the point, and how many of them stand after it.
fn decimal_digits(text: &str) -> Option<(bool, String, i64)> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok().filter(|e| e.abs() < 1_000)?),
        None => (text, 0),
    };
    let negative = mantissa.starts_with('-');
    let mantissa = mantissa.strip_prefix(['+', '-']).unwrap_or(mantissa);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((negative, digits, i64::try_from(fraction.len()).ok()? - exponent))
}

/// A date or a timestamp.
fn moment(text: &str, sql_type: &SqlType, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    let written = written(text, sql_type)?;
    if let Some(Day::Infinite(infinity)) = written.day {
        return infinity.value(&sql_type.arrow()).ok_or_else(|| invalid_time(sql_type, text));
    }
    let moment = date_time(text, sql_type, &written)?;
    Ok(match sql_type {
        SqlType::Date => ScalarValue::Date32(Some(moment.date().num_days_from_ce() - 719_163)),
        SqlType::Timestamptz => timestamptz(moment, written.zone, zone),
        _ => ScalarValue::TimestampMicrosecond(Some(moment.and_utc().timestamp_micros()), None),
    })
}

/// A time that is told by the clock: `now`, or a day beside today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Relative {
    /// This very moment; else a day.
    pub is_now: bool,
    /// How many days after today.
    pub days: i32,
    /// Microseconds after midnight, where the text tells a time of the day.
    pub micros: Option<i64>,
}

/// What a text such as `yesterday` or `today 10:20` means, if the clock tells what it means.
#[must_use]
pub fn relative(text: &str, sql_type: &SqlType) -> Option<Relative> {
    if !matches!(sql_type, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::Timestamptz) {
        return None;
    }
    let written = date_text::read(text, false).ok().filter(|written| written.zone.is_none())?;
    match written.day? {
        Day::Now => Some(Relative { is_now: true, days: 0, micros: None }),
        Day::Today(days) if *sql_type != SqlType::Time => {
            Some(Relative { is_now: false, days, micros: written.time.filter(|_| *sql_type != SqlType::Date) })
        }
        Day::Today(_) | Day::Of(_) | Day::Infinite(_) => None,
    }
}

fn written(text: &str, sql_type: &SqlType) -> Result<Written, ErrorReport> {
    date_text::read(text, *sql_type == SqlType::Time).map_err(|wrong| match wrong {
        Wrong::Format => invalid_time(sql_type, text),
        Wrong::Range => field_out_of_range(text),
        Wrong::Zone(name) => {
            ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized"))
        }
        Wrong::Displacement => {
            let message = format!("time zone displacement out of range: \"{text}\"");
            ErrorReport::new(SqlState::INVALID_TIME_ZONE_DISPLACEMENT, message)
        }
    })
}

/// What only the clock tells is no constant.
fn by_clock(text: &str) -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, format!("\"{text}\" is not supported here"))
        .with_hint("Use current_date or now() with an interval.")
}

/// A date of the calendar, with or without a time.
fn date_time(text: &str, sql_type: &SqlType, written: &Written) -> Result<NaiveDateTime, ErrorReport> {
    let day = match written.day {
        Some(Day::Of(day)) => day,
        Some(Day::Today(_) | Day::Now) => return Err(by_clock(text)),
        Some(Day::Infinite(_)) | None => return Err(invalid_time(sql_type, text)),
    };
    let moment = chrono::Duration::microseconds(written.time.unwrap_or_default());
    let moment = day.and_time(NaiveTime::MIN).checked_add_signed(moment);
    moment.ok_or_else(|| field_out_of_range(text))
}

fn time(text: &str) -> Result<ScalarValue, ErrorReport> {
    let written = written(text, &SqlType::Time)?;
    match (written.time, written.day) {
        (_, Some(Day::Infinite(_))) => Err(invalid_time(&SqlType::Time, text)),
        (Some(time), _) => Ok(ScalarValue::Time64Microsecond(Some(time))),
        (None, Some(Day::Now)) => Err(by_clock(text)),
        (None, _) => Err(invalid_time(&SqlType::Time, text)),
    }
}

fn timestamptz(moment: NaiveDateTime, written: Option<Zone>, zone: Tz) -> ScalarValue {
    let micros = match written {
        None => in_zone(moment, zone),
        Some(Zone::Offset(seconds)) => moment.and_utc().timestamp_micros() - seconds * 1_000_000,
        Some(Zone::Named(zone)) => in_zone(moment, zone),
    };
    ScalarValue::TimestampMicrosecond(Some(micros), Some(Arc::from(UTC)))
}

/// The moment that a wall clock in a zone shows. In the hour that a clock skips, the time before the change counts.
#[must_use]
pub fn in_zone(moment: NaiveDateTime, zone: Tz) -> i64 {
    match zone.from_local_datetime(&moment) {
        LocalResult::Single(found) => found.timestamp_micros(),
        LocalResult::Ambiguous(_, late) => late.timestamp_micros(),
        LocalResult::None => {
            let before = moment - chrono::Duration::hours(1);
            zone.from_local_datetime(&before).earliest().map_or(0, |found| found.timestamp_micros() + 3_600_000_000)
        }
    }
}

/// `1 year 2 mons 3 days 04:05:06.7`, `-1.5 hours`, `2 weeks ago`.
///
/// # Errors
/// `22007` when it is none.
pub fn interval(text: &str) -> Result<IntervalMonthDayNano, ErrorReport> {
    let bad = || invalid_time(&SqlType::Interval, text);
    let named = super::interval_forms::named(text.trim());
    let lower = named.as_deref().unwrap_or(text).trim().to_lowercase().replace('@', " ");
    let spaced = separate(&lower);
    let mut words = spaced.split_whitespace().peekable();
    let mut total = Span::default();
    let mut any = false;
    let mut ago = false;
    while let Some(word) = words.next() {
        if word == "ago" {
            ago = true;
            continue;
        }
        any = true;
        // `1 month - 1 day`: the sign stands alone.
        let signed = matches!(word, "+" | "-").then(|| format!("{word}{}", words.next().unwrap_or_default()));
        let word = signed.as_deref().unwrap_or(word);
        if word.contains(':') {
            total.clock(word).ok_or_else(bad)?;
            continue;
        }
        let number: f64 = word.parse().ok().filter(|number: &f64| number.is_finite()).ok_or_else(bad)?;
        match words.peek() {
            Some(unit) if unit.starts_with(|c: char| c.is_ascii_alphabetic()) && *unit != "ago" => {
                total.add(number, unit).ok_or_else(bad)?;
                words.next();
            }
            Some(next) if *next != "ago" => return Err(bad()),
            // A number alone is seconds.
            Some(_) | None => total.seconds += number,
        }
    }
    if !any {
        return Err(bad());
    }
    total.value(ago).ok_or_else(|| {
        let message = format!("interval field value out of range: \"{text}\"");
        ErrorReport::new(SqlState::INTERVAL_FIELD_OVERFLOW, message)
    })
}

/// `1day` is `1 day`.
fn separate(text: &str) -> String {
    let mut spaced = String::with_capacity(text.len() + 8);
    let mut before = ' ';
    for c in text.chars() {
        if c.is_ascii_alphabetic() && before.is_ascii_digit() {
            spaced.push(' ');
        }
        spaced.push(c);
        before = c;
    }
    spaced
}

#[derive(Default)]
struct Span {
    months: f64,
    days: f64,
    seconds: f64,
}

impl Span {
    fn add(&mut self, number: f64, unit: &str) -> Option<()> {
        match unit {
            "microsecond" | "microseconds" | "us" | "usec" | "usecs" => self.seconds += number / 1e6,
            "millisecond" | "milliseconds" | "ms" | "msec" | "msecs" => self.seconds += number / 1e3,
            "second" | "seconds" | "sec" | "secs" | "s" => self.seconds += number,
            "minute" | "minutes" | "min" | "mins" | "m" => self.seconds += number * 60.0,
            "hour" | "hours" | "hr" | "hrs" | "h" => self.seconds += number * 3_600.0,
            "day" | "days" | "d" => self.days += number,
            "week" | "weeks" | "w" => self.days += number * 7.0,
            "month" | "months" | "mon" | "mons" => self.months += number,
            "year" | "years" | "yr" | "yrs" | "y" => self.months += number * 12.0,
            "decade" | "decades" => self.months += number * 120.0,
            "century" | "centuries" => self.months += number * 1_200.0,
            "millennium" | "millennia" => self.months += number * 12_000.0,
            _ => return None,
        }
        Some(())
    }

    fn clock(&mut self, word: &str) -> Option<()> {
        let sign = if word.starts_with('-') { -1.0 } else { 1.0 };
        let mut factor = 3_600.0;
        for part in word.trim_start_matches(['+', '-']).split(':') {
            self.seconds += sign * factor * part.parse::<f64>().ok()?;
            factor /= 60.0;
        }
        Some(())
    }

    /// `None` for what no interval can hold.
    #[expect(clippy::cast_possible_truncation, reason = "what is cast is in the range of its type")]
    fn value(&self, ago: bool) -> Option<IntervalMonthDayNano> {
        let sign = if ago { -1.0 } else { 1.0 };
        let months = self.months.trunc();
        let days = self.days + (self.months - months) * 30.0;
        let seconds = self.seconds + days.fract() * 86_400.0;
        let is_integer = |value: f64| (f64::from(i32::MIN)..=f64::from(i32::MAX)).contains(&value);
        if !is_integer(months) || !is_integer(days.trunc()) {
            return None;
        }
        let micros = (seconds * 1e6).round() as i64;
        Some(IntervalMonthDayNano::new(
            (months * sign) as i32,
            (days.trunc() * sign) as i32,
            if ago { -micros } else { micros }.saturating_mul(1_000),
        ))
    }
}

/// `{1,2,NULL,"a b"}`, or `{{1,2},{3,4}}`.
fn array(text: &str, element: &SqlType, zone: Tz) -> Result<ScalarValue, ErrorReport> {
    let bad =
        || ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, format!("malformed array literal: \"{text}\""));
    let items = match elements(text) {
        Ok(items) => items,
        Err(NoElements::IsNested) => return nested_array(text, element, zone, bad),
        Err(NoElements::HasBounds) => {
            let message = "an array literal with dimensions is not supported";
            return Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message));
        }
        Err(NoElements::Malformed(detail)) => return Err(bad().with_detail(&detail)),
    };
    let null = ScalarValue::try_from(&element.arrow()).map_err(|_| bad())?;
    let mut values = Vec::new();
    for item in items {
        values.push(match item {
            Some(item) => parse(&item, element, zone)?,
            None => null.clone(),
        });
    }
    let one_type = of_one_scale(&mut values).map_err(super::value::defect)?;
    let one_type = one_type.unwrap_or_else(|| without_digits(element.arrow()));
    Ok(ScalarValue::List(ScalarValue::new_list(&values, &one_type, true)))
}

/// The type of no values: where none has digits, others are not given any.
fn without_digits(element: DataType) -> DataType {
    let (precision, scale) = DEFAULT_NUMERIC;
    match element {
        DataType::Decimal128(..) if element == DataType::Decimal128(precision, scale) => {
            DataType::Decimal128(precision - scale.unsigned_abs(), 0)
        }
        other => other,
    }
}

/// Gives numerics of different scales the largest one, which every element of an array has. `None` where there are none.
fn of_one_scale(values: &mut [ScalarValue]) -> Result<Option<DataType>, DataFusionError> {
    let scales = values.iter().filter_map(|value| match value {
        ScalarValue::Decimal128(Some(_), _, scale) => Some(*scale),
        _ => None,
    });
    let Some(scale) = scales.max() else { return Ok(None) };
    let precision = values.iter().find_map(|value| match value {
        ScalarValue::Decimal128(Some(_), precision, _) => Some(*precision),
        _ => None,
    });
    let wanted = DataType::Decimal128(precision.unwrap_or(DECIMAL128_MAX_PRECISION), scale);
    for value in values {
        *value = value.cast_to(&wanted)?;
    }
    Ok(Some(wanted))
}

/// An array of arrays that are all of one shape, and not empty.
fn nested_array(
    text: &str,
    element: &SqlType,
    zone: Tz,
    bad: impl Fn() -> ErrorReport,
) -> Result<ScalarValue, ErrorReport> {
    let inner = text.trim_matches(is_space).strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let mut rows = Vec::new();
    for row in inner.and_then(array_rows).ok_or_else(&bad)? {
        rows.push(array(row, element, zone).map_err(|report| match report.message.starts_with("malformed array") {
            true => bad(),
            false => report,
        })?);
    }
    if let Some(widest) = rows.iter().map(ScalarValue::data_type).max_by_key(scale_of_elements) {
        for row in rows.iter_mut().filter(|row| scale_of_elements(&row.data_type()).is_some()) {
            *row = row.cast_to(&widest).map_err(super::value::defect)?;
        }
    }
    let first = rows.first().ok_or_else(&bad)?;
    let (first, length) = (first.data_type(), list_length(first));
    let is_regular = rows.iter().all(|row| list_length(row) == length && row.data_type() == first);
    if !is_regular || length == Some(0) {
        return Err(bad());
    }
    Ok(ScalarValue::List(ScalarValue::new_list(&rows, &first, true)))
}

/// The scale of the numerics in a list, or in the lists that it holds.
fn scale_of_elements(data_type: &DataType) -> Option<i8> {
    match data_type {
        DataType::List(element) => scale_of_elements(element.data_type()),
        DataType::Decimal128(_, scale) => Some(*scale),
        _ => None,
    }
}

fn list_length(list: &ScalarValue) -> Option<usize> {
    match list {
        ScalarValue::List(list) => Some(list.values().len()),
        _ => None,
    }
}

/// The texts of the rows of `{…},{…}`.
fn array_rows(inner: &str) -> Option<Vec<&str>> {
    let mut rows = Vec::new();
    let (mut depth, mut begin, mut quoted, mut escaped) = (0_usize, 0, false, false);
    for (at, c) in inner.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            '{' if !quoted => depth += 1,
            '}' if !quoted => depth = depth.checked_sub(1)?,
            ',' if !quoted && depth == 0 => {
                rows.push(inner[begin..at].trim());
                begin = at + 1;
            }
            _ => {}
        }
    }
    rows.push(inner[begin..].trim());
    (depth == 0 && !quoted).then_some(rows)
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;

    fn ok(text: &str, sql_type: &SqlType) -> String {
        format!("{:?}", parse(text, sql_type, Tz::UTC).unwrap())
    }

    fn error(text: &str, sql_type: &SqlType) -> (String, String) {
        let report = parse(text, sql_type, Tz::UTC).unwrap_err();
        (report.sqlstate.to_string(), report.message)
    }

    #[test]
    fn constants_are_read_as_postgresql_reads_them() {
        assert_eq!(
            parse("12.345", &SqlType::Numeric { precision: 10, scale: 2 }, Tz::UTC).unwrap(),
            ScalarValue::Decimal128(Some(1235), 10, 2)
        );
        assert_eq!(
            parse("1.50", &SqlType::Numeric { precision: 38, scale: 10 }, Tz::UTC).unwrap(),
            ScalarValue::Decimal128(Some(150), 38, 2)
        );
        assert_eq!(parse(" t ", &SqlType::Bool, Tz::UTC).unwrap(), ScalarValue::Boolean(Some(true)));
        assert_eq!(ok("2024-02-29", &SqlType::Date), ok("20240229", &SqlType::Date));
        assert_eq!(
            parse("2024-01-01 02:00+02", &SqlType::Timestamptz, Tz::UTC).unwrap(),
            parse("2024-01-01T00:00:00Z", &SqlType::Timestamptz, Tz::UTC).unwrap()
        );
        assert_eq!(
            parse("2024-01-01 01:00", &SqlType::Timestamptz, Tz::Europe__Berlin).unwrap(),
            parse("2024-01-01 00:00 UTC", &SqlType::Timestamptz, Tz::UTC).unwrap()
        );
        assert_eq!(
            interval("1 year 2 mons -3 days 04:05:06.5").unwrap(),
            IntervalMonthDayNano::new(14, -3, 14_706_500_000_000)
        );
        assert_eq!(interval("1.5 days ago").unwrap(), IntervalMonthDayNano::new(0, -1, -43_200_000_000_000));
    }

    #[test]
    fn years_before_christ_have_no_year_0() {
        let days = NaiveDate::from_ymd_opt(-43, 3, 15).unwrap().num_days_from_ce() - 719_163;
        assert_eq!(parse("0044-03-15 BC", &SqlType::Date, Tz::UTC).unwrap(), ScalarValue::Date32(Some(days)));
    }

    #[test]
    fn what_is_none_is_refused_in_postgresqls_words() {
        let (code, message) = error("abc", &SqlType::Int4);
        assert_eq!((code.as_str(), message.as_str()), ("22P02", "invalid input syntax for type integer: \"abc\""));
        assert_eq!(error("3000000000", &SqlType::Int4).0, "22003");
        assert_eq!(error("2024-13-01", &SqlType::Date).0, "22008");
        assert_eq!(error("yesterdayish", &SqlType::Date).0, "22007");
        assert_eq!(error("{", &SqlType::Jsonb).0, "22P02");
        assert_eq!(error("{1,{", &SqlType::Array(Box::new(SqlType::Int4))).0, "22P02");
        for text in ["{{1,2},{3}}", "{{1,2},3}", "{{}}", "{{1},{}}", "{{1}"] {
            assert_eq!(error(text, &SqlType::Array(Box::new(SqlType::Int4))).0, "22P02", "{text}");
        }
        assert_eq!(error("[1:2]={1,2}", &SqlType::Array(Box::new(SqlType::Int4))).0, "0A000");
    }

    #[test]
    fn bytes_are_read_in_both_formats_and_oids_may_be_negative() {
        let bytes = |text| parse(text, &SqlType::Bytea, Tz::UTC).unwrap();
        assert_eq!(bytes(r"a\\b\001"), ScalarValue::Binary(Some(b"a\\b\x01".to_vec())));
        assert_eq!(bytes(r"\x61 5c"), ScalarValue::Binary(Some(b"a\\".to_vec())));
        assert_eq!(error(r"a\b", &SqlType::Bytea).0, "22P02");
        assert_eq!(parse("-1", &SqlType::Oid, Tz::UTC).unwrap(), ScalarValue::UInt32(Some(u32::MAX)));
        assert_eq!(error("-3000000000", &SqlType::Oid).0, "22003");
    }

    #[test]
    fn a_jsonb_that_a_client_sent_is_as_one_of_a_constant() {
        let sent = |text: &str| ScalarValue::LargeBinary(Some(text.as_bytes().to_vec()));
        let kept = sent(r#"{"a": [1, 2.0], "b": 2}"#);
        let given = sent(r#"{"b":1,"a":[ 1,2.0 ],"b":2}"#);
        assert_eq!(normal(given.clone()).unwrap(), kept);
        let list =
            |items: &[ScalarValue]| ScalarValue::List(ScalarValue::new_list(items, &DataType::LargeBinary, true));
        let null = ScalarValue::LargeBinary(None);
        assert_eq!(normal(list(&[given, null.clone()])).unwrap(), list(&[kept, null]));
        let json = ScalarValue::LargeUtf8(Some("{ }".to_owned()));
        assert_eq!(normal(json.clone()).unwrap(), json);
    }
}
