//! The items of arrays, and their numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::super::function::{Function, by_arrays};
use super::super::signature::{leaf, list_of};

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::lenient("array_numbers", numbers, |args| by_arrays(&args, |arrays| Ok(ordinals(arrays)))),
        Function::strict("array_places", places, |args| by_arrays(&args, subscripts)),
        Function::strict("array_flat", flat_list, |args| by_arrays(&args, flattened)),
    ]
}

fn numbers(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    matches!(types.first()?, DataType::List(_)).then(|| list_of(DataType::Int64))
}

/// 1, 2, … for the items of the longest array.
fn ordinals(arrays: &[ArrayRef]) -> ArrayRef {
    let length = |array: &ArrayRef, row: usize| {
        let list = array.as_list::<i32>();
        if list.is_valid(row) { i64::from(list.value_length(row)) } else { 0 }
    };
    let rows = (0..arrays[0].len()).map(|row| {
        let longest = arrays.iter().map(|array| length(array, row)).max().unwrap_or_default();
        Some((1..=longest).map(Some))
    });
    Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows))
}

fn places(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    numbers(types, literals)?;
    let is_known = types.get(1)?.is_integer() && types.get(2).is_none_or(|found| *found == DataType::Boolean);
    is_known.then(|| list_of(DataType::Int64))
}

/// The subscripts of one dimension of each array, from the last one down where that is asked for; none where the array
/// has no such dimension.
fn subscripts(arrays: &[ArrayRef]) -> Columns {
    let dimensions = cast(&arrays[1], &DataType::Int64)?;
    let dimensions = dimensions.as_primitive::<Int64Type>();
    let is_reversed = |row: usize| arrays.get(2).is_some_and(|reversed| reversed.as_boolean().value(row));
    let rows = (0..arrays[0].len()).map(|row| {
        let length = extent(&arrays[0], row, dimensions.value(row));
        let places: Vec<Option<i64>> = (1..=length).map(Some).collect();
        Some(if is_reversed(row) { places.into_iter().rev().collect() } else { places })
    });
    Ok(Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>(rows)))
}

/// How many subscripts an array has in a dimension.
fn extent(array: &ArrayRef, row: usize, dimension: i64) -> i64 {
    let list = array.as_list::<i32>();
    if dimension < 1 || list.is_null(row) || list.value_length(row) == 0 {
        return 0;
    }
    match (dimension, list.value_type()) {
        (1, _) => i64::from(list.value_length(row)),
        (_, DataType::List(_)) => extent(&list.value(row), 0, dimension - 1),
        _ => 0,
    }
}

fn flat_list(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let list = types.first().filter(|found| matches!(found, DataType::List(_)))?;
    Some(list_of(leaf(list).clone()))
}

/// Arrays of arrays as arrays of their elements.
fn flattened(arrays: &[ArrayRef]) -> Columns {
    let mut current = Arc::clone(&arrays[0]);
    while let DataType::List(field) = current.data_type().clone()
        && let DataType::List(inner_field) = field.data_type().clone()
    {
        let outer = current.as_list::<i32>();
        let inner = outer.values().as_list::<i32>();
        let starts = inner.value_offsets();
        let offsets: Vec<i32> =
            outer.value_offsets().iter().map(|offset| starts[usize::try_from(*offset).unwrap_or_default()]).collect();
        let offsets = OffsetBuffer::new(offsets.into());
        let values = Arc::clone(inner.values());
        current = Arc::new(ListArray::try_new(inner_field, offsets, values, outer.nulls().cloned())?);
    }
    Ok(current)
}
