//! Columns of dates and timestamps turned into each other, which the library does without knowing what is infinite: it
//! would refuse such a value, or make NULL of it.
//!
//! A column without such values is only looked through for them, which takes next to nothing.

use std::ops::Range;
use std::sync::Arc;

use chrono::Datelike;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Int64Array, ListArray, StringArray, Time64MicrosecondArray,
    TimestampMicrosecondArray,
};
use datafusion::arrow::compute::{CastOptions, cast, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::DataFusionError;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, Infinity, SqlState, SqlType};

type Columns = Result<ArrayRef, DataFusionError>;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// Whether a cast from one type to another is done here.
#[must_use]
pub fn is_time_cast(from: &DataType, to: &DataType) -> bool {
    let is_moment = |one: &DataType| matches!(one, DataType::Timestamp(TimeUnit::Microsecond, _));
    match (from, to) {
        (DataType::Date32, DataType::Utf8) => true,
        (DataType::Date32, to) => is_moment(to),
        (from, DataType::Date32 | DataType::Time64(TimeUnit::Microsecond)) => is_moment(from),
        (DataType::List(from), DataType::List(to)) => is_time_cast(from.data_type(), to.data_type()),
        (from, to) => is_moment(from) && is_moment(to) && from != to,
    }
}

/// A column as another type. Local times are those of UTC.
///
/// # Errors
/// `22008` for a date that is no timestamp; as the library's cast for other types.
pub(super) fn converted(array: &ArrayRef, wanted: &DataType) -> Columns {
    if array.data_type() == wanted {
        return Ok(Arc::clone(array));
    }
    if !is_time_cast(array.data_type(), wanted) {
        let options = CastOptions { safe: false, ..CastOptions::default() };
        return Ok(cast_with_options(array, wanted, &options)?);
    }
    Ok(match wanted {
        DataType::Timestamp(_, zone) => {
            Arc::new(micros(array)?.reinterpret_cast::<TimestampMicrosecondType>().with_timezone_opt(zone.clone()))
        }
        DataType::Date32 => {
            let days: Date32Array = array.as_primitive::<TimestampMicrosecondType>().unary(day);
            Arc::new(days)
        }
        DataType::List(element) => {
            let list = array.as_list::<i32>();
            let items = converted(list.values(), element.data_type())?;
            Arc::new(ListArray::try_new(Arc::clone(element), list.offsets().clone(), items, list.nulls().cloned())?)
        }
        DataType::Utf8 => date_texts(array)?,
        _ => Arc::new(times(array)),
    })
}

/// Microseconds since 1970 of dates, timestamps, and what may be read as such.
///
/// # Errors
/// `22008` for a date that is no timestamp.
pub(super) fn micros(array: &ArrayRef) -> Result<Int64Array, DataFusionError> {
    match array.data_type() {
        DataType::Date32 => array.as_primitive::<Date32Type>().try_unary(midnight).map_err(wrap),
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            Ok(array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>())
        }
        _ => {
            let moments = converted(array, &SqlType::Timestamptz.arrow())?;
            Ok(moments.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>())
        }
    }
}

/// Where a day begins.
pub(super) fn midnight(days: i32) -> Result<i64, ErrorReport> {
    if let Some(infinity) = Infinity::of_days(days) {
        return Ok(infinity.micros());
    }
    i64::from(days)
        .checked_mul(DAY)
        .ok_or_else(|| ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, "date out of range for timestamp"))
}

#[expect(clippy::cast_possible_truncation, reason = "all microseconds are some hundred million days")]
fn day(micros: i64) -> i32 {
    Infinity::of_micros(micros).map_or_else(|| micros.div_euclid(DAY) as i32, Infinity::days)
}

/// What is infinite has no time of the day.
fn times(array: &ArrayRef) -> Time64MicrosecondArray {
    let time = |micros: i64| match Infinity::of_micros(micros) {
        Some(_) => None,
        None => Some(micros.rem_euclid(DAY)),
    };
    array.as_primitive::<TimestampMicrosecondType>().unary_opt::<_, Time64MicrosecondType>(time)
}

/// Dates as texts.
pub(super) fn date_texts(array: &ArrayRef) -> Columns {
    let dates = array.as_primitive::<Date32Type>();
    if dates.values().iter().all(|days| PLAIN_DAYS.contains(days)) {
        return Ok(cast(array, &DataType::Utf8)?);
    }
    Ok(Arc::new(dates.iter().map(|days| days.map(date_text)).collect::<StringArray>()))
}

/// The days of the years 1 to 9999, which the library writes as PostgreSQL does.
const PLAIN_DAYS: Range<i32> = -719_162..2_932_897;

fn date_text(days: i32) -> String {
    if let Some(infinity) = Infinity::of_days(days) {
        return infinity.word().to_owned();
    }
    let Some(date) = Date32Type::to_naive_date_opt(days) else { return String::new() };
    format!("{:04}-{:02}-{:02}{}", shown_year(date.year()), date.month(), date.day(), era(date.year()))
}

/// A year as it is written. There is no year 0: the year before 1 is 1 BC.
pub(super) fn shown_year(year: i32) -> i32 {
    if year <= 0 { 1 - year } else { year }
}

/// What follows a moment of that year in a text.
pub(super) fn era(year: i32) -> &'static str {
    if year <= 0 { " BC" } else { "" }
}

/// Whether a column of timestamps has a value that is infinite.
pub(super) fn any_infinite(moments: &TimestampMicrosecondArray) -> bool {
    moments.values().iter().any(|micros| Infinity::of_micros(*micros).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn infinite_values_stay_so() {
        let dates: ArrayRef = Arc::new(Date32Array::from(vec![Some(i32::MAX), None, Some(1), Some(i32::MIN)]));
        let moments = converted(&dates, &SqlType::Timestamptz.arrow()).unwrap();
        let wanted = vec![Some(i64::MAX), None, Some(DAY), Some(i64::MIN)];
        assert_eq!(micros(&moments).unwrap(), Int64Array::from(wanted));
        assert_eq!(&converted(&moments, &DataType::Date32).unwrap(), &dates);
        let texts = converted(&dates, &DataType::Utf8).unwrap();
        let wanted = vec![Some("infinity"), None, Some("1970-01-02"), Some("-infinity")];
        assert_eq!(texts.as_string::<i32>(), &StringArray::from(wanted));
        let times = converted(&moments, &SqlType::Time.arrow()).unwrap();
        assert_eq!(times.null_count(), 3);
        assert_eq!(midnight(i32::MAX - 1).unwrap_err().sqlstate.code(), "22008");
    }
}
