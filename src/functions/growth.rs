//! Functions that make long texts of short ones, with a bound: a few bytes of a statement must not take all the memory.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Int64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::DataFusionError;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState, limits};

/// What PostgreSQL allocates at most at once, and what it writes before every text.
const POSTGRESQL_BYTES: u128 = 0x3fff_ffff;
const HEADER_BYTES: u128 = 4;
/// What one character may take in UTF-8.
const CHARACTER_BYTES: u128 = 4;

/// The bytes that one row's result can have, in the eyes of PostgreSQL: its own bound counts before the text is made.
type Estimate = fn(&Row<'_>) -> u128;

/// The functions, each with its estimate.
const GROWING: [(&str, Estimate); 4] =
    [("repeat", repeated), ("lpad", padded), ("rpad", padded), ("replace", replaced)];

/// The function with a bound on the bytes of its result, if it is one that grows.
pub(super) fn bounded(function: &Arc<ScalarUDF>, batch_bytes: usize) -> Option<ScalarUDF> {
    let (_, estimate) = GROWING.iter().find(|(name, _)| *name == function.name())?;
    let bounds = Bounds { estimate: *estimate, batch_bytes };
    Some(ScalarUDF::from(Bounded { inner: Arc::clone(function), bounds }))
}

/// The arguments of one row: the bytes of texts, and whole numbers.
struct Row<'a> {
    arguments: &'a [Argument],
    row: usize,
}

enum Argument {
    Text(ArrayRef),
    Number(Int64Array),
    Other,
}

impl Argument {
    fn of(array: &ArrayRef) -> Result<Self, DataFusionError> {
        Ok(match array.data_type() {
            DataType::Utf8 => Self::Text(Arc::clone(array)),
            DataType::Utf8View | DataType::LargeUtf8 => Self::Text(cast(array, &DataType::Utf8)?),
            number if number.is_integer() => {
                Self::Number(cast(array, &DataType::Int64)?.as_primitive::<Int64Type>().clone())
            }
            _ => Self::Other,
        })
    }
}

impl Row<'_> {
    fn text(&self, index: usize) -> &str {
        match self.arguments.get(index) {
            Some(Argument::Text(texts)) if texts.is_valid(self.row) => texts.as_string::<i32>().value(self.row),
            Some(Argument::Text(_) | Argument::Number(_) | Argument::Other) | None => "",
        }
    }

    fn bytes(&self, index: usize) -> u128 {
        self.text(index).len() as u128
    }

    /// A negative number counts as none.
    fn number(&self, index: usize) -> u128 {
        match self.arguments.get(index) {
            Some(Argument::Number(numbers)) if numbers.is_valid(self.row) => {
                u128::try_from(numbers.value(self.row)).unwrap_or_default()
            }
            Some(Argument::Text(_) | Argument::Number(_) | Argument::Other) | None => 0,
        }
    }
}

fn repeated(row: &Row<'_>) -> u128 {
    row.bytes(0) * row.number(1) + HEADER_BYTES
}

fn padded(row: &Row<'_>) -> u128 {
    row.number(1) * CHARACTER_BYTES + HEADER_BYTES
}

fn replaced(row: &Row<'_>) -> u128 {
    let (from, to) = (row.bytes(1), row.bytes(2));
    if from == 0 || to <= from {
        return row.bytes(0) + HEADER_BYTES;
    }
    let found = row.text(0).matches(row.text(1)).count() as u128;
    row.bytes(0) + found * (to - from) + HEADER_BYTES
}

#[derive(Debug, Clone, Copy)]
struct Bounds {
    estimate: Estimate,
    batch_bytes: usize,
}

impl Bounds {
    fn check(self, values: &[ColumnarValue], rows: usize) -> Result<(), DataFusionError> {
        let scalar = values.iter().all(|value| matches!(value, ColumnarValue::Scalar(_)));
        let arrays = ColumnarValue::values_to_arrays(values)?;
        let arguments = arrays.iter().map(Argument::of).collect::<Result<Vec<_>, _>>()?;
        let mut total = 0_u128;
        for row in 0..if scalar { 1 } else { rows } {
            let bytes = (self.estimate)(&Row { arguments: &arguments, row });
            if bytes > POSTGRESQL_BYTES {
                let message = "requested length too large";
                return Err(wrap(ErrorReport::new(SqlState::PROGRAM_LIMIT_EXCEEDED, message)));
            }
            total += bytes;
        }
        if total > self.batch_bytes as u128 {
            let actual = usize::try_from(total).unwrap_or(usize::MAX);
            return Err(wrap(limits::exceeded(limits::FUNCTION_RESULT_BYTES, self.batch_bytes, actual)));
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Bounded {
    inner: Arc<ScalarUDF>,
    bounds: Bounds,
}

impl PartialEq for Bounded {
    fn eq(&self, other: &Self) -> bool {
        self.inner == other.inner
    }
}

impl Eq for Bounded {}

impl Hash for Bounded {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType, DataFusionError> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, arguments: ReturnFieldArgs<'_>) -> Result<FieldRef, DataFusionError> {
        self.inner.return_field_from_args(arguments)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>, DataFusionError> {
        self.inner.coerce_types(arguments)
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        self.bounds.check(&arguments.args, arguments.number_rows)?;
        self.inner.invoke_with_args(arguments)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::StringArray;
    use datafusion::common::ScalarValue;

    use super::*;
    use crate::base::engine_error;

    fn text(value: &str) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(value.to_owned())))
    }

    fn number(value: i64) -> ColumnarValue {
        ColumnarValue::Scalar(ScalarValue::Int64(Some(value)))
    }

    fn check(estimate: Estimate, values: &[ColumnarValue], rows: usize) -> Option<String> {
        let checked = Bounds { estimate, batch_bytes: 1_000 }.check(values, rows);
        checked.err().map(|error| engine_error::report(&error).message)
    }

    #[test]
    fn a_text_that_postgresql_would_not_make_is_refused_with_its_words() {
        let refused = Some("requested length too large".to_owned());
        assert_eq!(check(repeated, &[text("ab"), number(600_000_000)], 1), refused);
        assert_eq!(check(repeated, &[text("ab"), number(i64::MAX)], 1), refused);
        assert_eq!(check(padded, &[text(""), number(300_000_000)], 1), refused);
        assert_eq!(check(repeated, &[text("ab"), number(-5)], 1), None);
        assert_eq!(check(repeated, &[text(""), number(i64::MAX)], 1), None);
    }

    #[test]
    fn many_rows_count_together() {
        let rows = |count: usize| ColumnarValue::Array(Arc::new(StringArray::from(vec![Some("abcdefghij"); count])));
        let too_much = Some("limit function_result_bytes exceeded".to_owned());
        assert_eq!(check(repeated, &[rows(3), number(20)], 3), None);
        assert_eq!(check(repeated, &[rows(30), number(20)], 30), too_much);
        assert_eq!(check(replaced, &[rows(9), text("a"), text(&"x".repeat(50))], 9), None);
        assert_eq!(check(replaced, &[rows(20), text("a"), text(&"x".repeat(50))], 20), too_much);
        assert_eq!(check(replaced, &[rows(20), text(""), text(&"x".repeat(50))], 20), None);
        let missing = ColumnarValue::Array(Arc::new(StringArray::from(vec![None::<&str>; 30])));
        assert_eq!(check(repeated, &[missing, number(1_000_000)], 30), None);
    }
}
