//! `extract`, `date_part`, `date_trunc`, `timezone`, `to_timestamp`.

use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, TimestampMicrosecondArray,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use crate::base::engine_error::wrap;
use crate::base::types::UTC;
use crate::base::{ErrorReport, Infinity, SqlState};

use super::arithmetic::MICROSECOND;
use super::function::by_arrays;
use super::literal::in_zone;
use super::overload::{Overload, columns};
use super::time_columns;
use super::{date_text, date_words};

pub(super) fn functions() -> Vec<Overload> {
    let mut all = Vec::new();
    for signature in [
        "(text, date) numeric",
        "(text, time) numeric",
        "(text, timestamp) numeric",
        "(text, timestamptz) numeric",
        "(text, interval) numeric",
    ] {
        all.push(columns("extract", signature, |args| extract(&args)).returning(extract_type));
        all.push(columns("date_part", signature, |args| extract(&args)).returning(part_type));
    }
    for signature in
        ["(text, timestamp) timestamp", "(text, timestamptz) timestamptz", "(text, timestamptz, text) timestamptz"]
    {
        all.push(columns("date_trunc", signature, |args| date_trunc(&args)));
    }
    all.push(columns("timezone", "(text, timestamp) timestamptz", |args| timezone(&args)));
    all.push(columns("timezone", "(text, timestamptz) timestamp", |args| timezone(&args)));
    all
}

fn text_of(literal: Option<&Option<&ScalarValue>>) -> Option<String> {
    match literal {
        Some(Some(ScalarValue::Utf8(Some(text)))) => Some(text.to_lowercase()),
        _ => None,
    }
}

fn is_time(data_type: &DataType) -> bool {
    matches!(
        data_type,
        DataType::Date32 | DataType::Timestamp(_, _) | DataType::Interval(_) | DataType::Null | DataType::Time64(_)
    )
}

/// Digits after the point that a field has.
fn field_scale(field: &str) -> i8 {
    match field {
        "second" | "seconds" | "epoch" => 6,
        "millisecond" | "milliseconds" => 3,
        _ => 0,
    }
}

fn extract_type(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types {
        [_, DataType::Date32] => Some(DataType::Decimal128(38, 0)),
        [_, moment] if is_time(moment) => {
            Some(DataType::Decimal128(38, text_of(literals.first()).map_or(6, |field| field_scale(&field))))
        }
        _ => None,
    }
}

fn part_type(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types, [_, moment] if is_time(moment)).then_some(DataType::Float64)
}

fn unknown_field(field: &str, data_type: &DataType) -> DataFusionError {
    let name = super::function::type_name(data_type);
    wrap(ErrorReport::new(
        SqlState::INVALID_PARAMETER_VALUE,
        format!("unit \"{field}\" not recognized for type {name}"),
    ))
}

/// Fields that there are, but not in values of every type.
fn check_field(field: &str, data_type: &DataType, extracting: bool) -> Result<(), DataFusionError> {
    let of_time = matches!(
        field,
        "hour"
            | "hours"
            | "minute"
            | "minutes"
            | "second"
            | "seconds"
            | "millisecond"
            | "milliseconds"
            | "microsecond"
            | "microseconds"
            | "timezone"
            | "timezone_hour"
            | "timezone_minute"
    );
    let of_date = grows(field)
        || matches!(
            field,
            "day" | "days" | "month" | "months" | "quarter" | "week" | "weeks" | "dow" | "isodow" | "doy"
        );
    let zone = field.starts_with("timezone");
    let missing = match data_type {
        DataType::Date32 => extracting && of_time,
        DataType::Time64(_) => of_date || zone,
        DataType::Timestamp(_, None) => zone,
        DataType::Interval(_) => {
            zone || matches!(field, "week" | "weeks" | "dow" | "isodow" | "doy" | "isoyear" | "julian")
        }
        _ => false,
    };
    if !missing {
        return Ok(());
    }
    let name = super::function::type_name(data_type);
    let message = format!("unit \"{field}\" not supported for type {name}");
    Err(wrap(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)))
}

fn extract(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| {
        let fields = cast(&arrays[0], &DataType::Utf8)?;
        let fields = fields.as_string::<i32>();
        let whole = matches!(result, DataType::Decimal128(_, _));
        let moments = Moments::of(&arrays[1])?;
        let mut rows: Vec<Option<i128>> = Vec::with_capacity(arrays[1].len());
        for row in 0..arrays[1].len() {
            if fields.is_null(row) || arrays[1].is_null(row) {
                rows.push(None);
                continue;
            }
            let field = fields.value(row).to_lowercase();
            if let Some(infinity) = moments.infinity(row) {
                rows.push(infinite_field(infinity, &field, arrays[1].data_type(), whole)?);
                continue;
            }
            check_field(&field, arrays[1].data_type(), whole)?;
            let micros = moments.field(row, &field).ok_or_else(|| unknown_field(&field, arrays[1].data_type()))?;
            rows.push(Some(micros));
        }
        match result {
            DataType::Decimal128(precision, scale) => {
                let unit = 10_i128.pow(u32::try_from(6 - scale).unwrap_or_default());
                let rows = rows.into_iter().map(|micros| micros.map(|micros| micros / unit));
                Ok(Arc::new(rows.collect::<Decimal128Array>().with_precision_and_scale(precision, scale)?) as ArrayRef)
            }
            _ => Ok(Arc::new(rows.into_iter().map(|micros| micros.map(as_float)).collect::<Float64Array>())),
        }
    })
}

/// The fields of what is infinite, which no field of another moment reaches.
const LATE: i128 = i128::MAX;
const EARLY: i128 = i128::MIN;

#[expect(clippy::cast_precision_loss, reason = "date_part is double precision")]
fn as_float(micros: i128) -> f64 {
    match micros {
        LATE => f64::INFINITY,
        EARLY => f64::NEG_INFINITY,
        finite => finite as f64 / 1e6,
    }
}

/// Whether a field of dates grows with time, and does not come again.
fn grows(field: &str) -> bool {
    matches!(
        field,
        "year"
            | "years"
            | "decade"
            | "decades"
            | "century"
            | "centuries"
            | "millennium"
            | "millennia"
            | "julian"
            | "isoyear"
    )
}

/// A field of what is infinite: those that grow with time are infinite, those that come again and again are NULL.
fn infinite_field(
    infinity: Infinity,
    field: &str,
    data_type: &DataType,
    extracting: bool,
) -> Result<Option<i128>, DataFusionError> {
    if !grows(field) && field != "epoch" {
        if *data_type == DataType::Date32 {
            check_field(field, data_type, extracting)?;
        }
        return if time_field(0, field).is_some() { Ok(None) } else { Err(unknown_field(field, data_type)) };
    }
    if extracting {
        let message = format!("extract of \"{field}\" from an infinite date or timestamp is not supported");
        return Err(wrap(
            ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)
                .with_detail("It is infinite, and a numeric is finite here.")
                .with_hint("Use date_part, or ask isfinite first."),
        ));
    }
    Ok(Some(if infinity == Infinity::Late { LATE } else { EARLY }))
}

/// What fields can be read from; every field comes in millionths.
enum Moments {
    Times { array: Int64Array },
    Spans { array: ArrayRef },
}

impl Moments {
    fn of(array: &ArrayRef) -> Result<Self, DataFusionError> {
        if matches!(array.data_type(), DataType::Interval(_)) {
            return Ok(Self::Spans { array: Arc::clone(array) });
        }
        if matches!(array.data_type(), DataType::Time64(_)) {
            return Ok(Self::Times { array: cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone() });
        }
        Ok(Self::Times { array: time_columns::micros(array)? })
    }

    fn infinity(&self, row: usize) -> Option<Infinity> {
        match self {
            Self::Times { array } => Infinity::of_micros(array.value(row)),
            Self::Spans { .. } => None,
        }
    }

    fn field(&self, row: usize, field: &str) -> Option<i128> {
        match self {
            Self::Times { array } => time_field(array.value(row), field),
            Self::Spans { array } => span_field(array.as_primitive::<IntervalMonthDayNanoType>().value(row), field),
        }
    }
}

const MILLION: i128 = 1_000_000;

fn time_field(micros: i64, field: &str) -> Option<i128> {
    let moment = DateTime::<Utc>::from_timestamp_micros(micros)?;
    let year = i128::from(moment.year());
    let micros_of_minute = i128::from(micros.rem_euclid(60_000_000));
    let whole = match field {
        "epoch" => return Some(i128::from(micros)),
        "second" | "seconds" => return Some(micros_of_minute),
        "millisecond" | "milliseconds" => return Some(micros_of_minute * 1_000),
        "microsecond" | "microseconds" => micros_of_minute,
        "minute" | "minutes" => i128::from(moment.minute()),
        "hour" | "hours" => i128::from(moment.hour()),
        "day" | "days" => i128::from(moment.day()),
        "dow" => i128::from(moment.weekday().num_days_from_sunday()),
        "isodow" => i128::from(moment.weekday().number_from_monday()),
        "doy" => i128::from(moment.ordinal()),
        "week" | "weeks" => i128::from(moment.iso_week().week()),
        "isoyear" => without_zero(i128::from(moment.iso_week().year())),
        "month" | "months" => i128::from(moment.month()),
        "quarter" => i128::from(moment.month().div_ceil(3)),
        "year" | "years" => without_zero(year),
        "decade" | "decades" => year.div_euclid(10),
        "century" | "centuries" => without_zero((year + 99).div_euclid(100)),
        "millennium" | "millennia" => without_zero((year + 999).div_euclid(1_000)),
        "julian" => {
            let day = i128::from(micros.div_euclid(86_400_000_000)) + 2_440_588;
            return Some(day * MILLION + i128::from(micros.rem_euclid(86_400_000_000)) * MILLION / 86_400_000_000);
        }
        "timezone" | "timezone_hour" | "timezone_minute" => 0,
        _ => return None,
    };
    Some(whole * MILLION)
}

/// There is no year 0, and no century 0: what comes before 1 is -1.
fn without_zero(count: i128) -> i128 {
    if count <= 0 { count - 1 } else { count }
}

fn span_field(span: IntervalMonthDayNano, field: &str) -> Option<i128> {
    let (months, days) = (i128::from(span.months), i128::from(span.days));
    let micros = i128::from(span.nanoseconds / 1_000);
    let whole = match field {
        // A year has 365.25 days here, a month 30.
        "epoch" => {
            let years_micros = (months / 12) * 31_557_600 * MILLION;
            return Some(years_micros + ((months % 12) * 30 + days) * 86_400 * MILLION + micros);
        }
        "second" | "seconds" => return Some(micros % 60_000_000),
        "millisecond" | "milliseconds" => return Some(micros % 60_000_000 * 1_000),
        "microsecond" | "microseconds" => micros % 60_000_000,
        "minute" | "minutes" => micros / 60_000_000 % 60,
        "hour" | "hours" => micros / 3_600_000_000,
        "day" | "days" => days,
        "month" | "months" => months % 12,
        "quarter" => months % 12 / 3 + 1,
        "year" | "years" => months / 12,
        "decade" | "decades" => months / 120,
        "century" | "centuries" => months / 1_200,
        "millennium" | "millennia" => months / 12_000,
        _ => return None,
    };
    Some(whole * MILLION)
}

fn date_trunc(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| {
        let fields = cast(&arrays[0], &DataType::Utf8)?;
        let fields = fields.as_string::<i32>();
        let plain = time_columns::micros(&arrays[1])?;
        let zones = match arrays.get(2) {
            Some(zones) => Some(cast(zones, &DataType::Utf8)?),
            None => None,
        };
        let mut rows: Vec<Option<i64>> = Vec::with_capacity(plain.len());
        let mut last: Option<(String, Tz)> = None;
        for row in 0..plain.len() {
            if fields.is_null(row) || plain.is_null(row) {
                rows.push(None);
                continue;
            }
            // PostgreSQL does not even look at the field and the zone.
            if Infinity::of_micros(plain.value(row)).is_some() {
                rows.push(Some(plain.value(row)));
                continue;
            }
            let name = zones.as_ref().map(|zones| zones.as_string::<i32>().value(row));
            let zone = match (name, &last) {
                (None, _) => Tz::UTC,
                (Some(name), Some((known, zone))) if known == name => *zone,
                (Some(name), _) => {
                    let zone = zone_of(name)?;
                    last = Some((name.to_owned(), zone));
                    zone
                }
            };
            let field = fields.value(row);
            let cut = truncate_in(plain.value(row), field, zone)
                .ok_or_else(|| unknown_field(&field.to_lowercase(), &result))?;
            rows.push(Some(cut));
        }
        stamped(rows, &result)
    })
}

fn stamped(rows: Vec<Option<i64>>, result: &DataType) -> Result<ArrayRef, DataFusionError> {
    let array = TimestampMicrosecondArray::from(rows);
    match result {
        DataType::Timestamp(_, Some(_)) => Ok(Arc::new(array.with_timezone(UTC))),
        _ => Ok(cast(&array, &DataType::Timestamp(MICROSECOND, None))?),
    }
}

fn truncate_in(micros: i64, field: &str, zone: Tz) -> Option<i64> {
    if zone == Tz::UTC {
        return truncate(micros, field);
    }
    let utc = DateTime::<Utc>::from_timestamp_micros(micros)?;
    let local = utc.with_timezone(&zone).naive_local();
    let cut = truncate(local.and_utc().timestamp_micros(), field)?;
    Some(in_zone(DateTime::<Utc>::from_timestamp_micros(cut)?.naive_utc(), zone))
}

fn truncate(micros: i64, field: &str) -> Option<i64> {
    let step = match field.to_ascii_lowercase().as_str() {
        "microsecond" | "microseconds" => 1,
        "millisecond" | "milliseconds" => 1_000,
        "second" | "seconds" => 1_000_000,
        "minute" | "minutes" => 60_000_000,
        "hour" | "hours" => 3_600_000_000,
        "day" | "days" => 86_400_000_000,
        larger => return truncate_date(micros, larger),
    };
    Some(micros - micros.rem_euclid(step))
}

fn truncate_date(micros: i64, field: &str) -> Option<i64> {
    let date = DateTime::<Utc>::from_timestamp_micros(micros)?.date_naive();
    let year = date.year();
    let first = match field {
        "week" | "weeks" => date - chrono::Duration::days(i64::from(date.weekday().num_days_from_monday())),
        "month" | "months" => date.with_day(1)?,
        "quarter" => NaiveDate::from_ymd_opt(year, (date.month() - 1) / 3 * 3 + 1, 1)?,
        "year" | "years" => NaiveDate::from_ymd_opt(year, 1, 1)?,
        "decade" | "decades" => NaiveDate::from_ymd_opt(year.div_euclid(10) * 10, 1, 1)?,
        "century" | "centuries" => NaiveDate::from_ymd_opt((year - 1).div_euclid(100) * 100 + 1, 1, 1)?,
        "millennium" | "millennia" => NaiveDate::from_ymd_opt((year - 1).div_euclid(1_000) * 1_000 + 1, 1, 1)?,
        _ => return None,
    };
    Some(first.and_time(NaiveTime::MIN).and_utc().timestamp_micros())
}

/// A zone by its name.
pub(super) fn zone_named(name: &str) -> Result<Tz, ErrorReport> {
    let any_case = || chrono_tz::TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(name));
    name.parse::<Tz>().ok().or_else(any_case).or_else(|| offset_zone(name)).ok_or_else(|| {
        ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, format!("time zone \"{name}\" not recognized"))
    })
}

/// The zone of AT TIME ZONE.
enum Place {
    /// One with rules for summer time.
    Zone(Tz),
    /// Seconds east of Greenwich, all year.
    Offset(i64),
}

impl Place {
    /// What the name of a zone means: an abbreviation comes first, and what has rules before what POSIX would read.
    fn named(name: &str) -> Result<Self, ErrorReport> {
        if let Some(date_text::Zone::Offset(seconds)) = date_words::short_zone(&name.to_lowercase()) {
            return Ok(Self::Offset(seconds));
        }
        match zone_named(name) {
            Ok(zone) => Ok(Self::Zone(zone)),
            Err(unknown) => posix_offset(name).map(Self::Offset).ok_or(unknown),
        }
    }

    fn shift(&self, micros: i64, to_wall: bool) -> Option<i64> {
        match self {
            Self::Zone(zone) => shift(micros, *zone, to_wall),
            Self::Offset(seconds) => {
                let moved = seconds * 1_000_000;
                micros.checked_add(if to_wall { moved } else { -moved })
            }
        }
    }
}

/// `UTC+3`, `<+03>-3`, `-05:30`: a name, if any, and what is added to the local time to have that of Greenwich.
fn posix_offset(name: &str) -> Option<i64> {
    let digits = match name.strip_prefix('<') {
        Some(quoted) => quoted.split_once('>')?.1,
        None => name.trim_start_matches(|c: char| c.is_ascii_alphabetic()),
    };
    let (sign, clock) = match digits.strip_prefix('-') {
        Some(clock) => (1, clock),
        None => (-1, digits.strip_prefix('+').unwrap_or(digits)),
    };
    let mut seconds = 0;
    for (part, (unit, most)) in clock.split(':').zip([(3_600, 167), (60, 59), (1, 59)]) {
        let count: i64 = part.parse().ok().filter(|count| (0..=most).contains(count))?;
        seconds += count * unit;
    }
    (clock.split(':').count() <= 3 && !clock.starts_with('+')).then_some(sign * seconds)
}

/// `+02` is west of Greenwich, as POSIX has it. Only whole hours have a zone of their own here.
fn offset_zone(name: &str) -> Option<Tz> {
    let digits = name.strip_prefix(['+', '-'])?;
    let hours: u32 = digits.strip_suffix(":00").unwrap_or(digits).parse().ok()?;
    let sign = if hours == 0 { "+" } else { name.get(..1)? };
    format!("Etc/GMT{sign}{hours}").parse().ok()
}

fn zone_of(name: &str) -> Result<Tz, DataFusionError> {
    zone_named(name).map_err(wrap)
}

fn timezone(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    let result = arguments.return_type().clone();
    by_arrays(arguments, |arrays| {
        let zones = cast(&arrays[0], &DataType::Utf8)?;
        let zones = zones.as_string::<i32>();
        let to_wall = matches!(arrays[1].data_type(), DataType::Timestamp(_, Some(_)));
        let plain = time_columns::micros(&arrays[1])?;
        let mut rows = Vec::with_capacity(plain.len());
        for row in 0..plain.len() {
            if zones.is_null(row) || plain.is_null(row) {
                rows.push(None);
                continue;
            }
            if Infinity::of_micros(plain.value(row)).is_some() {
                rows.push(Some(plain.value(row)));
                continue;
            }
            let place = Place::named(zones.value(row)).map_err(wrap)?;
            rows.push(place.shift(plain.value(row), to_wall));
        }
        stamped(rows, &result)
    })
}

fn shift(micros: i64, zone: Tz, to_wall: bool) -> Option<i64> {
    let utc = DateTime::<Utc>::from_timestamp_micros(micros)?;
    if to_wall {
        return Some(utc.with_timezone(&zone).naive_local().and_utc().timestamp_micros());
    }
    let wall: NaiveDateTime = utc.naive_utc();
    Some(in_zone(wall, zone))
}

/// The wall clock of a moment in a zone, for texts.
pub(super) fn wall_clock(micros: i64, zone: Tz) -> Option<(NaiveDateTime, i32)> {
    use chrono::Offset;
    let utc = DateTime::<Utc>::from_timestamp_micros(micros)?;
    let local = zone.from_utc_datetime(&utc.naive_utc());
    Some((local.naive_local(), local.offset().fix().local_minus_utc()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> i64 {
        NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f").unwrap().and_utc().timestamp_micros()
    }

    #[test]
    fn fields_are_postgresqls() {
        let moment = at("2021-01-03 10:20:30.5");
        let fields = ["epoch", "second", "milliseconds", "dow", "isodow", "week", "isoyear", "quarter", "century"];
        let values: Vec<i128> = fields.iter().map(|field| time_field(moment, field).unwrap()).collect();
        let million = |value: i128| value * MILLION;
        assert_eq!(
            values,
            [
                1_609_669_230_500_000,
                30_500_000,
                30_500_000_000,
                0,
                million(7),
                million(53),
                million(2020),
                million(1),
                million(21)
            ]
        );
        assert_eq!(time_field(moment, "fortnight"), None);
    }

    #[test]
    fn truncation_goes_down_before_1970_too() {
        assert_eq!(truncate(at("1960-01-15 10:00:00.123"), "second"), Some(at("1960-01-15 10:00:00")));
        assert_eq!(truncate(at("1960-01-15 10:00:00.123"), "week"), Some(at("1960-01-11 00:00:00")));
        assert_eq!(truncate(at("2000-12-31 23:59:59"), "century"), Some(at("1901-01-01 00:00:00")));
        assert_eq!(truncate_in(at("2024-07-01 23:00:00"), "day", Tz::Europe__Berlin), Some(at("2024-07-01 22:00:00")));
    }
}
