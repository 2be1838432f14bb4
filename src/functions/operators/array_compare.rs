//! Comparing arrays, and values with the items of arrays.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DynComparator, Int32Array, ListArray, UInt64Array, make_comparator,
};
use datafusion::arrow::compute::{SortOptions, cast, take};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF};

use super::super::function::{Function, by_arrays};
use super::array::leaf;

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("array_compare", integer, |args| by_arrays(&args, compare)),
        Function::strict("array_contains", boolean, |args| by_arrays(&args, |arrays| sets(arrays, Sets::Contains))),
        Function::strict("array_overlaps", boolean, |args| by_arrays(&args, |arrays| sets(arrays, Sets::Overlap))),
        Function::lenient("compare_any", |_, _| Some(DataType::Boolean), |args| quantified(&args, false)),
        Function::lenient("compare_all", |_, _| Some(DataType::Boolean), |args| quantified(&args, true)),
    ]
}

fn two_lists(types: &[DataType]) -> bool {
    matches!(types, [DataType::List(_), DataType::List(_)])
}

fn integer(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    two_lists(types).then_some(DataType::Int32)
}

fn boolean(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    two_lists(types).then_some(DataType::Boolean)
}

/// Items in their order, NULL after all of them.
fn comparator(left: &ArrayRef, right: &ArrayRef) -> Result<DynComparator, DataFusionError> {
    let options = SortOptions { descending: false, nulls_first: false };
    Ok(make_comparator(left.as_ref(), right.as_ref(), options)?)
}

/// All items of a row in one line, and the lengths of the dimensions.
fn flat(list: &ListArray, row: usize) -> (ArrayRef, Vec<usize>) {
    let mut values = list.value(row);
    let mut lengths = vec![values.len()];
    while let DataType::List(_) = values.data_type() {
        let inner = values.as_list::<i32>();
        let (start, end) = (inner.value_offsets()[0], inner.value_offsets()[inner.len()]);
        let length = |offset: i32| usize::try_from(offset).unwrap_or_default();
        let items = inner.values().slice(length(start), length(end - start));
        lengths.push(items.len());
        values = items;
    }
    (values, lengths)
}

/// Item by item, then by length, then by dimensions.
fn compare(arrays: &[ArrayRef]) -> Columns {
    let (left, right) = (arrays[0].as_list::<i32>(), arrays[1].as_list::<i32>());
    let mut rows = Vec::with_capacity(left.len());
    for row in 0..left.len() {
        if left.is_null(row) || right.is_null(row) {
            rows.push(None);
            continue;
        }
        let ((left, left_shape), (right, right_shape)) = (flat(left, row), flat(right, row));
        let order = comparator(&left, &right)?;
        let by_item = (0..left.len().min(right.len())).map(|item| order(item, item)).find(|order| order.is_ne());
        let order = by_item.unwrap_or_else(|| {
            let dimensions = left_shape.len().cmp(&right_shape.len());
            left.len().cmp(&right.len()).then(dimensions).then_with(|| left_shape.cmp(&right_shape))
        });
        rows.push(Some(order as i32));
    }
    Ok(Arc::new(Int32Array::from(rows)))
}

#[derive(Clone, Copy)]
enum Sets {
    Contains,
    Overlap,
}

/// NULL is no item of any set.
fn sets(arrays: &[ArrayRef], which: Sets) -> Columns {
    let (left, right) = (arrays[0].as_list::<i32>(), arrays[1].as_list::<i32>());
    let mut rows = Vec::with_capacity(left.len());
    for row in 0..left.len() {
        if left.is_null(row) || right.is_null(row) {
            rows.push(None);
            continue;
        }
        let ((left, _), (right, _)) = (flat(left, row), flat(right, row));
        let order = comparator(&left, &right)?;
        let found = |item: usize| {
            right.is_valid(item) && (0..left.len()).any(|own| left.is_valid(own) && order(own, item) == Ordering::Equal)
        };
        rows.push(Some(match which {
            Sets::Contains => (0..right.len()).all(found),
            Sets::Overlap => (0..right.len()).any(found),
        }));
    }
    Ok(Arc::new(BooleanArray::from(rows)))
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
    let items = if borrowed.is_empty() {
        datafusion::arrow::array::new_empty_array(leaf(lists.data_type()))
    } else {
        datafusion::arrow::compute::concat(&borrowed)?
    };
    Ok((UInt64Array::from(owners), items))
}

fn verdicts(operator: &str, left: &ArrayRef, right: &ArrayRef) -> Result<BooleanArray, DataFusionError> {
    use datafusion::arrow::compute::kernels::comparison;
    let texts = |run: fn(
        &dyn datafusion::arrow::array::Datum,
        &dyn datafusion::arrow::array::Datum,
    ) -> Result<BooleanArray, datafusion::arrow::error::ArrowError>| Ok(run(left, right)?);
    match operator {
        "~~" => return texts(comparison::like),
        "!~~" => return texts(comparison::nlike),
        "~~*" => return texts(comparison::ilike),
        "!~~*" => return texts(comparison::nilike),
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
