//! Single values: reading arguments and making results.

use chrono_tz::Tz;
use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::ScalarValue;

use crate::base::{ErrorReport, Infinity, SqlState, infinite};

use super::overload::Call;

/// An error with its code.
pub(super) fn fail(state: SqlState, message: impl Into<String>) -> ErrorReport {
    ErrorReport::new(state, message)
}

/// `22023`
pub(super) fn invalid(message: impl Into<String>) -> ErrorReport {
    fail(SqlState::INVALID_PARAMETER_VALUE, message)
}

/// `0A000`
pub(super) fn unsupported(message: impl Into<String>) -> ErrorReport {
    fail(SqlState::FEATURE_NOT_SUPPORTED, message)
}

/// A defect: an argument has not the type of its signature.
pub(super) fn defect(what: impl std::fmt::Display) -> ErrorReport {
    use crate::base::UserFacing;
    crate::base::InternalError::new(what).report()
}

impl Call<'_> {
    /// Whether an argument is missing or NULL.
    pub(super) fn is_null(&self, index: usize) -> bool {
        self.args.get(index).is_none_or(ScalarValue::is_null)
    }

    /// An argument of type text or json; empty where it is NULL.
    pub(super) fn text(&self, index: usize) -> &str {
        match self.args.get(index) {
            Some(
                ScalarValue::Utf8(Some(text)) | ScalarValue::LargeUtf8(Some(text)) | ScalarValue::Utf8View(Some(text)),
            ) => text,
            Some(ScalarValue::LargeBinary(Some(bytes))) => std::str::from_utf8(bytes).unwrap_or_default(),
            _ => "",
        }
    }

    /// An argument of type text that may be missing.
    pub(super) fn maybe_text(&self, index: usize) -> Option<&str> {
        (!self.is_null(index)).then(|| self.text(index))
    }

    /// An argument of an integer type; 0 where it is NULL.
    pub(super) fn int(&self, index: usize) -> i64 {
        match self.args.get(index) {
            Some(ScalarValue::Int16(Some(value))) => i64::from(*value),
            Some(ScalarValue::Int32(Some(value))) => i64::from(*value),
            Some(ScalarValue::Int64(Some(value))) => *value,
            Some(ScalarValue::UInt32(Some(value))) => i64::from(*value),
            _ => 0,
        }
    }

    /// An argument of type double precision.
    pub(super) fn float(&self, index: usize) -> f64 {
        match self.args.get(index) {
            Some(ScalarValue::Float64(Some(value))) => *value,
            Some(ScalarValue::Float32(Some(value))) => f64::from(*value),
            _ => 0.0,
        }
    }

    /// An argument of type boolean.
    pub(super) fn bool(&self, index: usize) -> bool {
        matches!(self.args.get(index), Some(ScalarValue::Boolean(Some(true))))
    }

    /// An argument of type bytea.
    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        match self.args.get(index) {
            Some(ScalarValue::Binary(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes))) => bytes,
            _ => &[],
        }
    }

    /// An argument of type interval.
    pub(super) fn interval(&self, index: usize) -> IntervalMonthDayNano {
        match self.args.get(index) {
            Some(ScalarValue::IntervalMonthDayNano(Some(span))) => *span,
            _ => IntervalMonthDayNano::new(0, 0, 0),
        }
    }

    /// An argument of type timestamp, timestamptz, date or time in microseconds.
    pub(super) fn micros(&self, index: usize) -> i64 {
        match self.args.get(index) {
            Some(ScalarValue::TimestampMicrosecond(Some(micros), _) | ScalarValue::Time64Microsecond(Some(micros))) => {
                *micros
            }
            Some(ScalarValue::Date32(Some(days))) => Infinity::of_days(*days)
                .map_or_else(|| i64::from(*days).saturating_mul(86_400_000_000), Infinity::micros),
            _ => 0,
        }
    }

    /// The elements of an argument that is an array.
    pub(super) fn items(&self, index: usize) -> Result<Vec<ScalarValue>, ErrorReport> {
        match self.args.get(index) {
            Some(value) => items(value),
            None => Ok(Vec::new()),
        }
    }
}

/// The elements of an array; none of a NULL.
pub(super) fn items(value: &ScalarValue) -> Result<Vec<ScalarValue>, ErrorReport> {
    match value {
        ScalarValue::List(list) if list.is_valid(0) => {
            let elements = list.value(0);
            (0..elements.len()).map(|row| ScalarValue::try_from_array(&elements, row).map_err(defect)).collect()
        }
        _ => Ok(Vec::new()),
    }
}

/// An array of values of one type.
pub(super) fn list(values: &[ScalarValue], element: &DataType) -> ScalarValue {
    ScalarValue::List(ScalarValue::new_list(values, element, true))
}

/// An array of texts.
pub(super) fn texts<T: Into<String>>(values: impl IntoIterator<Item = Option<T>>) -> ScalarValue {
    let values: Vec<ScalarValue> = values.into_iter().map(|one| ScalarValue::Utf8(one.map(Into::into))).collect();
    list(&values, &DataType::Utf8)
}

/// A text.
pub(super) fn text(value: impl Into<String>) -> ScalarValue {
    ScalarValue::Utf8(Some(value.into()))
}

/// An integer.
pub(super) fn int4(value: i64) -> Result<ScalarValue, ErrorReport> {
    let found = i32::try_from(value).map_err(|_| fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"))?;
    Ok(ScalarValue::Int32(Some(found)))
}

/// NULL of the type of the result.
pub(super) fn null(call: &Call<'_>) -> Result<ScalarValue, ErrorReport> {
    ScalarValue::try_from(call.returns).map_err(defect)
}

/// The zone that a hidden last argument names.
pub(super) fn zone_of_column(array: &ArrayRef) -> Tz {
    if array.is_empty() || array.data_type() != &DataType::Utf8 {
        return Tz::UTC;
    }
    array.as_string::<i32>().value(0).parse().unwrap_or(Tz::UTC)
}

/// The value in the type of its column: a numeric gets the column's digits.
pub(super) fn fitted(value: ScalarValue, wanted: &DataType) -> Result<ScalarValue, ErrorReport> {
    let found = value.data_type();
    if found == *wanted {
        return Ok(value);
    }
    if let (ScalarValue::Decimal128(Some(digits), _, from), DataType::Decimal128(precision, to)) = (&value, wanted) {
        let digits = rescaled(*digits, *from, *to).ok_or_else(overflow)?;
        return Ok(ScalarValue::Decimal128(Some(digits), *precision, *to));
    }
    infinite::converted(&value, wanted).map_err(defect)
}

/// `value overflows numeric format`
pub(super) fn overflow() -> ErrorReport {
    fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format")
}

/// Other digits after the point, rounded half away from zero.
pub(super) fn rescaled(digits: i128, from: i8, to: i8) -> Option<i128> {
    let shift = u32::from(from.abs_diff(to));
    let power = 10_i128.checked_pow(shift);
    if to >= from {
        return digits.checked_mul(power?).filter(|found| found.unsigned_abs() < 10_u128.pow(38));
    }
    let Some(power) = power else { return Some(0) };
    let (quotient, rest) = (digits / power, digits % power);
    Some(if rest.unsigned_abs() >= power.unsigned_abs().div_ceil(2) { quotient + digits.signum() } else { quotient })
}
