//! Comparing values with the items of arrays.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Datum, ListArray, UInt64Array, new_empty_array,
};
use datafusion::arrow::compute::kernels::comparison;
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use crate::base::engine_error::wrap;

use super::super::array_order::{comparator, flat};
use super::super::function::{Function, by_arrays};
use super::super::regex::{Flags, compiled};
use super::super::signature::leaf;

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::lenient("compare_any", |_, _| Some(DataType::Boolean), |args| quantified(&args, false)),
        Function::lenient("compare_all", |_, _| Some(DataType::Boolean), |args| quantified(&args, true)),
    ]
}

/// `x op ANY (array)`, `x op ALL (array)`: the operator, the value and the array.
fn quantified(arguments: &ScalarFunctionArgs, all: bool) -> Result<ColumnarValue, DataFusionError> {
    let operator = match &arguments.args[0] {
        ColumnarValue::Scalar(ScalarValue::Utf8(Some(operator))) => operator.clone(),
        _ => return Err(DataFusionError::Internal("the operator is no constant".to_owned())),
    };
    by_arrays(arguments, |arrays| -> Columns {
        let (value, lists) = (&arrays[1], arrays[2].as_list::<i32>());
        let (owners, items) = flat_rows(lists)?;
        let items = cast(&items, value.data_type())?;
        let verdicts = verdicts(&operator, &take(value, &owners, None)?, &items)?;
        Ok(Arc::new(reduced(lists, &owners, &verdicts, all)))
    })
}

/// Every item of every row, with the row that it is of.
fn flat_rows(lists: &ListArray) -> Result<(UInt64Array, ArrayRef), DataFusionError> {
    let mut owners = Vec::new();
    let mut pieces: Vec<ArrayRef> = Vec::new();
    for row in (0..lists.len()).filter(|row| lists.is_valid(*row)) {
        let (items, _) = flat(lists, row);
        owners.extend(std::iter::repeat_n(row as u64, items.len()));
        pieces.push(items);
    }
    let borrowed: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    let items = if borrowed.is_empty() { new_empty_array(leaf(lists.data_type())) } else { concat(&borrowed)? };
    Ok((UInt64Array::from(owners), items))
}

fn verdicts(operator: &str, left: &ArrayRef, right: &ArrayRef) -> Result<BooleanArray, DataFusionError> {
    let texts = |run: fn(&dyn Datum, &dyn Datum) -> Result<BooleanArray, ArrowError>| Ok(run(left, right)?);
    match operator {
        "~~" => return texts(comparison::like),
        "!~~" => return texts(comparison::nlike),
        "~~*" => return texts(comparison::ilike),
        "!~~*" => return texts(comparison::nilike),
        "~" | "!~" | "~*" | "!~*" => return matched(operator, left, right),
        _ => {}
    }
    let order = comparator(left, right)?;
    let holds: fn(Ordering) -> bool = match operator {
        "=" => Ordering::is_eq,
        "<>" => Ordering::is_ne,
        "<" => Ordering::is_lt,
        "<=" => Ordering::is_le,
        ">" => Ordering::is_gt,
        ">=" => Ordering::is_ge,
        other => return Err(DataFusionError::Internal(format!("no operator {other} between values and arrays"))),
    };
    Ok((0..left.len()).map(|row| (left.is_valid(row) && right.is_valid(row)).then(|| holds(order(row, row)))).collect())
}

/// `text ~ pattern` for each pair of them.
fn matched(operator: &str, texts: &ArrayRef, patterns: &ArrayRef) -> Result<BooleanArray, DataFusionError> {
    let flags = Flags { ignore_case: operator.ends_with('*'), ..Flags::default() };
    let negated = operator.starts_with('!');
    let pairs = texts.as_string::<i32>().iter().zip(patterns.as_string::<i32>());
    let verdict = |(text, pattern): (Option<&str>, Option<&str>)| match (text, pattern) {
        (Some(text), Some(pattern)) => {
            let text: Vec<char> = text.chars().collect();
            compiled(pattern, flags)?.is_match(&text).map(|found| Some(found != negated))
        }
        _ => Ok(None),
    };
    pairs.map(verdict).collect::<Result<BooleanArray, _>>().map_err(wrap)
}

fn reduced(lists: &ListArray, owners: &UInt64Array, verdicts: &BooleanArray, all: bool) -> BooleanArray {
    let mut rows: Vec<Option<bool>> = (0..lists.len()).map(|row| lists.is_valid(row).then_some(all)).collect();
    for (owner, verdict) in owners.values().iter().zip(verdicts) {
        let Some(row) = usize::try_from(*owner).ok().and_then(|row| rows.get_mut(row)) else { continue };
        *row = match (*row, verdict) {
            // One verdict decides, and NULL leaves it open.
            (Some(decided), _) if decided != all => Some(decided),
            (_, Some(verdict)) if verdict != all => Some(verdict),
            (_, None) | (None, _) => None,
            (Some(before), Some(_)) => Some(before),
        };
    }
    BooleanArray::from(rows)
}
