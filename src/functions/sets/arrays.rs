//! The items of arrays, and their numbers.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray};
use datafusion::arrow::buffer::OffsetBuffer;
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::ScalarUDF;

use super::super::function::{Function, by_arrays};
use super::super::signature::{leaf, list_of};

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::lenient("array_numbers", numbers, |args| by_arrays(&args, |arrays| Ok(ordinals(arrays)))),
        Function::strict("array_places", places, |args| by_arrays(&args, |arrays| Ok(ordinals(&arrays[..1])))),
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
    types.get(1)?.is_integer().then(|| list_of(DataType::Int64))
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
