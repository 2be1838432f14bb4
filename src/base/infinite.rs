//! `infinity` and `-infinity`, the dates and timestamps before and after all others.
//!
//! They are the last and the first number of their types, as in PostgreSQL: so they compare, sort and group by
//! themselves, and whatever reckons with them must ask for them first.

use datafusion::arrow::array::Array;
use datafusion::arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::{DataFusionError, ScalarValue};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Infinity {
    /// After all others.
    Late,
    /// Before all others.
    Early,
}

impl Infinity {
    /// What a number of days means, if it is infinite.
    #[must_use]
    pub const fn of_days(days: i32) -> Option<Self> {
        match days {
            i32::MAX => Some(Self::Late),
            i32::MIN => Some(Self::Early),
            _ => None,
        }
    }

    /// What a number of microseconds means, if it is infinite.
    #[must_use]
    pub const fn of_micros(micros: i64) -> Option<Self> {
        match micros {
            i64::MAX => Some(Self::Late),
            i64::MIN => Some(Self::Early),
            _ => None,
        }
    }

    /// What a date or a timestamp means, if it is infinite.
    #[must_use]
    pub fn of(value: &ScalarValue) -> Option<Self> {
        match value {
            ScalarValue::Date32(Some(days)) => Self::of_days(*days),
            ScalarValue::TimestampMicrosecond(Some(micros), _) => Self::of_micros(*micros),
            _ => None,
        }
    }

    /// The date.
    #[must_use]
    pub const fn days(self) -> i32 {
        match self {
            Self::Late => i32::MAX,
            Self::Early => i32::MIN,
        }
    }

    /// The timestamp.
    #[must_use]
    pub const fn micros(self) -> i64 {
        match self {
            Self::Late => i64::MAX,
            Self::Early => i64::MIN,
        }
    }

    /// The text.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Late => "infinity",
            Self::Early => "-infinity",
        }
    }

    /// The text's meaning: the word alone, in any case, with blanks around it.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let word = text.trim();
        let (infinity, word) = match word.strip_prefix('-') {
            Some(rest) => (Self::Early, rest.trim_start()),
            None => (Self::Late, word),
        };
        word.eq_ignore_ascii_case(Self::Late.word()).then_some(infinity)
    }

    /// The value of a type; `None` for a type that has none.
    #[must_use]
    pub fn value(self, data_type: &DataType) -> Option<ScalarValue> {
        match data_type {
            DataType::Date32 => Some(ScalarValue::Date32(Some(self.days()))),
            DataType::Timestamp(TimeUnit::Microsecond, zone) => {
                Some(ScalarValue::TimestampMicrosecond(Some(self.micros()), zone.clone()))
            }
            _ => None,
        }
    }
}

/// Whether a value, or an element of it, is infinite. No store has such a value.
#[must_use]
pub fn is_infinite(value: &ScalarValue) -> bool {
    match value {
        ScalarValue::List(list) => {
            let items = list.values();
            let holds_times =
                matches!(items.data_type(), DataType::Date32 | DataType::Timestamp(..) | DataType::List(_));
            holds_times
                && (0..items.len())
                    .any(|place| ScalarValue::try_from_array(items, place).is_ok_and(|item| is_infinite(&item)))
        }
        single => Infinity::of(single).is_some(),
    }
}

/// The value as another type; what is infinite stays so, and has no time of the day.
///
/// # Errors
/// As the library's cast, which does not know what is infinite.
pub fn converted(value: &ScalarValue, wanted: &DataType) -> Result<ScalarValue, DataFusionError> {
    let Some(infinity) = Infinity::of(value) else { return value.cast_to(wanted) };
    if let Some(same) = infinity.value(wanted) {
        return Ok(same);
    }
    match wanted {
        DataType::Time64(_) => ScalarValue::try_from(wanted),
        DataType::Utf8 => Ok(ScalarValue::Utf8(Some(infinity.word().to_owned()))),
        _ => value.cast_to(wanted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_is_read_and_written() {
        for (text, infinity) in
            [("infinity", Infinity::Late), (" InfiniTy ", Infinity::Late), ("- infinity", Infinity::Early)]
        {
            assert_eq!(Infinity::read(text), Some(infinity), "{text}");
        }
        for text in ["inf", "+infinity", "infinityx", "--infinity", ""] {
            assert_eq!(Infinity::read(text), None, "{text}");
        }
    }

    #[test]
    fn an_infinite_value_stays_so_in_another_type() {
        let date = ScalarValue::Date32(Some(i32::MIN));
        let timestamp = DataType::Timestamp(TimeUnit::Microsecond, None);
        assert_eq!(converted(&date, &timestamp).unwrap(), ScalarValue::TimestampMicrosecond(Some(i64::MIN), None));
        let time = DataType::Time64(TimeUnit::Microsecond);
        assert_eq!(converted(&date, &time).unwrap(), ScalarValue::Time64Microsecond(None));
        let list = ScalarValue::List(ScalarValue::new_list(&[date], &DataType::Date32, true));
        assert!(is_infinite(&list) && !is_infinite(&ScalarValue::Date32(Some(0))));
    }
}
