//! Subscripts and slices of arrays. Arrays begin at 1.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, UInt64Array, new_empty_array, new_null_array,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{cast, concat, take};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::super::function::{Function, by_arrays};
use super::super::signature::leaf;

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("array_subscript", element, |args| by_arrays(&args, subscript)),
        Function::strict("array_part", same_list, |args| by_arrays(&args, part)),
    ]
}

fn element(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    match types.first()? {
        list @ DataType::List(_) => Some(leaf(list).clone()),
        // The planner makes another call of it.
        jsonb @ DataType::LargeBinary => Some(jsonb.clone()),
        _ => None,
    }
}

fn same_list(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    types.first().filter(|found| matches!(found, DataType::List(_))).cloned()
}

/// `a[i][j]`: NULL where there is no such element, or where the subscripts are not as many as the dimensions.
fn subscript(arrays: &[ArrayRef]) -> Columns {
    let mut current = Arc::clone(&arrays[0]);
    let rows = current.len();
    for index in &arrays[1..] {
        let DataType::List(_) = current.data_type() else {
            return Ok(new_null_array(leaf(arrays[0].data_type()), rows));
        };
        current = pick(current.as_list::<i32>(), &cast(index, &DataType::Int64)?)?;
    }
    if matches!(current.data_type(), DataType::List(_)) {
        return Ok(new_null_array(leaf(arrays[0].data_type()), rows));
    }
    Ok(current)
}

fn pick(list: &ListArray, index: &ArrayRef) -> Columns {
    let index = index.as_primitive::<Int64Type>();
    let places: UInt64Array = (0..list.len())
        .map(|row| {
            if list.is_null(row) || index.is_null(row) {
                return None;
            }
            let place = u64::try_from(index.value(row)).ok()?.checked_sub(1)?;
            let length = u64::try_from(list.value_length(row)).ok()?;
            let start = u64::try_from(list.value_offsets()[row]).ok()?;
            (place < length).then_some(start + place)
        })
        .collect();
    Ok(take(list.values(), &places, None)?)
}

/// What stands for a bound that was left out.
const OPEN: i64 = i64::MIN;

/// `a[i:j][k:l]`: pairs of bounds, one a dimension.
fn part(arrays: &[ArrayRef]) -> Columns {
    let bounds: Vec<ArrayRef> =
        arrays[1..].iter().map(|bound| cast(bound, &DataType::Int64)).collect::<Result<_, _>>()?;
    let bounds: Vec<&Int64Array> = bounds.iter().map(AsArray::as_primitive::<Int64Type>).collect();
    let list = arrays[0].as_list::<i32>();
    let mut pieces: Vec<ArrayRef> = Vec::with_capacity(list.len());
    let mut lengths = Vec::with_capacity(list.len());
    let mut valid = Vec::with_capacity(list.len());
    for row in 0..list.len() {
        let is_null = list.is_null(row) || bounds.iter().any(|bound| bound.is_null(row));
        let bounds: Vec<(i64, i64)> =
            bounds.chunks_exact(2).map(|pair| (pair[0].value(row), pair[1].value(row))).collect();
        let piece = if is_null { list.values().slice(0, 0) } else { cut(&list.value(row), &bounds)? };
        valid.push(!is_null);
        lengths.push(piece.len());
        pieces.push(piece);
    }
    let DataType::List(field) = arrays[0].data_type() else { return Ok(Arc::clone(&arrays[0])) };
    let borrowed: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    let values = if borrowed.is_empty() { new_empty_array(field.data_type()) } else { concat(&borrowed)? };
    let offsets = OffsetBuffer::from_lengths(lengths);
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, values, Some(NullBuffer::from(valid)))?))
}

/// The items between the first bounds, each of them cut by the rest. Nothing at all where a dimension has nothing.
fn cut(items: &ArrayRef, bounds: &[(i64, i64)]) -> Columns {
    let Some(((lower, upper), rest)) = bounds.split_first() else { return Ok(Arc::clone(items)) };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let first = if *lower == OPEN { 1 } else { (*lower).max(1) };
    let last = if *upper == OPEN { length } else { (*upper).min(length) };
    if last < first {
        return Ok(items.slice(0, 0));
    }
    let start = usize::try_from(first - 1).unwrap_or_default();
    let kept = items.slice(start, usize::try_from(last - first + 1).unwrap_or_default());
    if rest.is_empty() {
        return Ok(kept);
    }
    let DataType::List(field) = kept.data_type() else { return Ok(items.slice(0, 0)) };
    let inner = kept.as_list::<i32>();
    let pieces =
        (0..inner.len()).map(|row| cut(&inner.value(row), rest)).collect::<Result<Vec<_>, DataFusionError>>()?;
    if pieces.iter().any(Array::is_empty) {
        return Ok(items.slice(0, 0));
    }
    let borrowed: Vec<&dyn Array> = pieces.iter().map(AsRef::as_ref).collect();
    let offsets = OffsetBuffer::from_lengths(pieces.iter().map(Array::len));
    Ok(Arc::new(ListArray::try_new(Arc::clone(field), offsets, concat(&borrowed)?, None)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(rows: &[Option<&[i64]>]) -> ArrayRef {
        let rows = rows.iter().map(|row| row.map(|items| items.iter().copied().map(Some).collect::<Vec<_>>()));
        Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
    }

    fn numbers(values: &[Option<i64>]) -> ArrayRef {
        Arc::new(Int64Array::from(values.to_vec()))
    }

    #[test]
    fn a_subscript_outside_is_null() {
        let lists = list(&[Some(&[10, 20]), Some(&[30]), None, Some(&[40])]);
        let found = subscript(&[lists, numbers(&[Some(2), Some(2), Some(1), None])]).unwrap();
        assert_eq!(found.as_primitive::<Int64Type>().iter().collect::<Vec<_>>(), [Some(20), None, None, None]);
    }

    #[test]
    fn a_slice_is_cut_to_the_array() {
        let lists = list(&[Some(&[1, 2, 3]), Some(&[1, 2, 3]), Some(&[1]), None]);
        let lower = numbers(&[Some(2), Some(OPEN), Some(5), Some(1)]);
        let upper = numbers(&[Some(9), Some(2), Some(6), Some(1)]);
        let found = part(&[lists, lower, upper]).unwrap();
        assert_eq!(&found, &list(&[Some(&[2, 3]), Some(&[1, 2]), Some(&[]), None]));
    }
}
