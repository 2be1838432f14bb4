//! Numbers with digits of their own, as text: what a client sees where the values of one column differ in their digits.
//!
//! Arguments are numbers of any type, or the texts that these functions give.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Decimal256Type, Float32Type, Float64Type, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};
use num_bigint::BigInt;

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};

use super::super::function::{Function, by_arrays};
use super::big::{Big, division_by_zero};
use super::elementary::square_root;

type Found = Result<Big, ErrorReport>;

pub(in crate::functions) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("exact_read", text, |args| of_written(&args)),
        Function::strict("exact_of_float", text, |args| by_arrays(&args, of_floats)),
        Function::strict("exact_text", text, |args| of_rows(&args, as_text)),
        Function::strict("exact_add", text, |args| of_pairs(&args, |a, b| Ok(a.add(b)))),
        Function::strict("exact_subtract", text, |args| of_pairs(&args, |a, b| Ok(a.subtract(b)))),
        Function::strict("exact_multiply", text, |args| of_pairs(&args, |a, b| Ok(a.multiply(b)))),
        Function::strict("exact_divide", text, |args| of_pairs(&args, divide)),
        Function::strict("exact_abs", text, |args| of_rows(&args, absolute)),
        Function::strict("exact_sqrt", text, |args| of_rows(&args, |row| square_root(first(row)?, None))),
        Function::strict("exact_trim", text, |args| of_rows(&args, |row| Ok(first(row)?.trimmed()))),
        Function::lenient("exact_greatest", text, |args| choose(&args, Ordering::Greater)),
        Function::lenient("exact_least", text, |args| choose(&args, Ordering::Less)),
    ]
}

fn text(_types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    Some(DataType::Utf8)
}

fn divide(a: &Big, b: &Big) -> Found {
    if b.is_zero() { Err(division_by_zero()) } else { Ok(a.divide(b, a.quotient_scale(b))) }
}

/// The texts that somebody cast to numeric, with the digits that they have.
fn of_written(arguments: &ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let [texts] = arrays else {
            return Err(wrap(InternalError::new("a function of one text has not one argument").report()));
        };
        let texts = cast(texts, &DataType::Utf8)?;
        let one = |text: Option<&str>| text.map(|text| written(text).map(|number| number.shown())).transpose();
        let shown = texts.as_string::<i32>().iter().map(one).collect::<Result<StringArray, ErrorReport>>();
        Ok(Arc::new(shown.map_err(wrap)?) as ArrayRef)
    })
}

/// Floats as numerics: a `double precision` has 15 digits that count, a `real` has 6.
fn of_floats(arrays: &[ArrayRef]) -> Result<ArrayRef, DataFusionError> {
    let [floats] = arrays else {
        return Err(wrap(InternalError::new("a function of one float has not one argument").report()));
    };
    let scientific: Vec<Option<String>> = match floats.data_type() {
        DataType::Float32 => {
            floats.as_primitive::<Float32Type>().iter().map(|one| one.map(|one| format!("{one:.5e}"))).collect()
        }
        _ => {
            let wide = cast(floats, &DataType::Float64)?;
            wide.as_primitive::<Float64Type>().iter().map(|one| one.map(|one| format!("{one:.14e}"))).collect()
        }
    };
    let shown = |text: String| match text.contains('e') {
        true => written(&text).map(|number| number.trimmed().shown()),
        false => {
            Err(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, "NaN and infinity as numeric are not supported"))
        }
    };
    let texts = scientific.into_iter().map(|one| one.map(shown).transpose());
    Ok(Arc::new(texts.collect::<Result<StringArray, ErrorReport>>().map_err(wrap)?))
}

/// The longest shift of the point that is computed. A decimal holds far less.
const MOST_SHIFTED: i64 = 1_000;

/// `12`, `-.5`, `1.50e3`, with blanks around it.
fn written(text: &str) -> Found {
    let invalid = || {
        let message = format!("invalid input syntax for type numeric: \"{text}\"");
        ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, message)
    };
    let (mantissa, exponent) = match text.trim_ascii().split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().map_err(|_| invalid())?),
        None => (text.trim_ascii(), 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let bare = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let is_number = bare.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let digits = format!("{whole}{fraction}").parse::<BigInt>().ok().filter(|_| is_number).ok_or_else(invalid)?;
    if exponent.abs() > MOST_SHIFTED {
        return Err(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "value overflows numeric format"));
    }
    let scale = i64::try_from(fraction.len()).unwrap_or(i64::MAX) - exponent;
    let shift = u32::try_from(-scale).unwrap_or_default();
    Ok(Big::new(digits * BigInt::from(10).pow(shift), scale.max(0)))
}

/// With a second argument: with so many digits after the point.
fn as_text(row: &[&Big]) -> Found {
    let number = first(row)?;
    let digits = row.get(1).and_then(|digits| i64::try_from(&digits.digits).ok());
    Ok(digits.map_or_else(|| number.clone(), |digits| number.at(digits)))
}

fn absolute(row: &[&Big]) -> Found {
    let number = first(row)?;
    Ok(Big { digits: BigInt::from(number.digits.magnitude().clone()), scale: number.scale })
}

fn first<'a>(row: &[&'a Big]) -> Result<&'a Big, ErrorReport> {
    row.first().copied().ok_or_else(|| InternalError::new("a function of numbers has no argument").report())
}

fn of_pairs(
    arguments: &ScalarFunctionArgs,
    of: impl Fn(&Big, &Big) -> Found,
) -> Result<ColumnarValue, DataFusionError> {
    of_rows(arguments, |row| match row {
        [a, b] => of(a, b),
        _ => Err(InternalError::new("a function of two numbers has not two arguments").report()),
    })
}

/// NULL where an argument is.
fn of_rows(arguments: &ScalarFunctionArgs, of: impl Fn(&[&Big]) -> Found) -> Result<ColumnarValue, DataFusionError> {
    with_numbers(arguments, |row| match row.iter().copied().collect::<Option<Vec<_>>>() {
        Some(row) => of(&row).map(Some),
        None => Ok(None),
    })
}

/// The greatest or the least that is not NULL; the first of those that are equal.
fn choose(arguments: &ScalarFunctionArgs, wanted: Ordering) -> Result<ColumnarValue, DataFusionError> {
    with_numbers(arguments, |row| {
        let best =
            row.iter().flatten().copied().reduce(|best, one| if one.compare(best) == wanted { one } else { best });
        Ok(best.cloned())
    })
}

fn with_numbers(
    arguments: &ScalarFunctionArgs,
    of: impl Fn(&[Option<&Big>]) -> Result<Option<Big>, ErrorReport>,
) -> Result<ColumnarValue, DataFusionError> {
    by_arrays(arguments, |arrays| {
        let columns = arrays.iter().map(numbers).collect::<Result<Vec<_>, _>>()?;
        let rows = arrays.first().map_or(0, Array::len);
        let one = |row: usize| {
            let values: Vec<Option<&Big>> = columns.iter().map(|column| column[row].as_ref()).collect();
            Ok(of(&values).map_err(wrap)?.map(|found| found.shown()))
        };
        let texts = (0..rows).map(one).collect::<Result<StringArray, DataFusionError>>()?;
        Ok(Arc::new(texts) as ArrayRef)
    })
}

pub(super) fn numbers(array: &ArrayRef) -> Result<Vec<Option<Big>>, DataFusionError> {
    Ok(match array.data_type() {
        DataType::Null => vec![None; array.len()],
        DataType::Decimal128(_, scale) => {
            let scale = i64::from(*scale);
            array.as_primitive::<Decimal128Type>().iter().map(|one| one.map(|one| Big::new(one, scale))).collect()
        }
        DataType::Decimal256(_, scale) => {
            let scale = i64::from(*scale);
            array.as_primitive::<Decimal256Type>().iter().map(|one| one.map(|one| Big::wide(one, scale))).collect()
        }
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => {
            let texts = cast(array, &DataType::Utf8)?;
            texts.as_string::<i32>().iter().map(|one| one.map(read).transpose()).collect::<Result<_, _>>()?
        }
        _ => {
            let integers = cast(array, &DataType::Int64)?;
            integers.as_primitive::<Int64Type>().iter().map(|one| one.map(|one| Big::new(one, 0))).collect()
        }
    })
}

/// A text that these functions have written.
fn read(text: &str) -> Result<Big, DataFusionError> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}").parse::<BigInt>();
    let digits = digits.map_err(|error| wrap(InternalError::new(error).report()))?;
    Ok(Big::new(digits, i64::try_from(fraction.len()).unwrap_or(i64::MAX)))
}

impl Big {
    /// As PostgreSQL shows it.
    pub(super) fn shown(&self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        let scale = usize::try_from(self.scale).unwrap_or_default();
        let digits = self.digits.magnitude().to_string();
        let digits = format!("{digits:0>width$}", width = scale + 1);
        match digits.split_at(digits.len() - scale) {
            (whole, "") => format!("{sign}{whole}"),
            (whole, fraction) => format!("{sign}{whole}.{fraction}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_cast_keeps_its_digits() {
        let shown = |text| written(text).map(|number| number.shown()).map_err(|report| report.sqlstate);
        for (text, expected) in [
            (" 12.50 ", "12.50"),
            ("+.5", "0.5"),
            ("-1.", "-1"),
            ("1.25e1", "12.5"),
            ("1e3", "1000"),
            ("2E-3", "0.002"),
        ] {
            assert_eq!(shown(text).unwrap(), expected, "{text}");
        }
        for text in ["", "-", "one", "1.-5", "1e", "1.5.2", "1 2", "1_0", "1._5"] {
            assert_eq!(shown(text).unwrap_err(), SqlState::INVALID_TEXT_REPRESENTATION, "{text}");
        }
    }

    #[test]
    fn texts_are_read_as_they_were_written() {
        for text in ["0", "0.00", "-0.005", "12.5", "-123456789012345678901234567890123456789012.50"] {
            assert_eq!(read(text).unwrap().shown(), text);
        }
        assert!(read("twelve").is_err());
    }
}
