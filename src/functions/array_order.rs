//! The items of arrays compared, and arrays as sets.

use std::cmp::Ordering;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, DynComparator, ListArray, make_comparator};
use datafusion::arrow::compute::SortOptions;
use datafusion::arrow::datatypes::DataType;
use datafusion::common::DataFusionError;

use super::value_order::comparable;

type Columns = Result<ArrayRef, DataFusionError>;

/// Items in their order, NULL after all of them.
pub(super) fn comparator(left: &ArrayRef, right: &ArrayRef) -> Result<DynComparator, DataFusionError> {
    let options = SortOptions { descending: false, nulls_first: false };
    Ok(make_comparator(comparable(left)?.as_ref(), comparable(right)?.as_ref(), options)?)
}

/// All items of a row in one line, and the lengths of the dimensions.
pub(super) fn flat(list: &ListArray, row: usize) -> (ArrayRef, Vec<usize>) {
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

/// What two arrays of a row give; NULL where one of them is.
fn pairs<T>(
    left: &ArrayRef,
    right: &ArrayRef,
    of: impl Fn((ArrayRef, Vec<usize>), (ArrayRef, Vec<usize>)) -> Result<T, DataFusionError>,
) -> Result<Vec<Option<T>>, DataFusionError> {
    let (left, right) = (left.as_list::<i32>(), right.as_list::<i32>());
    let one = |row: usize| {
        let known = left.is_valid(row) && right.is_valid(row);
        known.then(|| of(flat(left, row), flat(right, row))).transpose()
    };
    (0..left.len()).map(one).collect()
}

/// Whether the first array holds every item of the second. NULL is no item of any set.
pub(super) fn contains(left: &ArrayRef, right: &ArrayRef) -> Columns {
    sets(left, right, |items, found| (0..items).all(found))
}

/// Whether two arrays have an item in common.
pub(super) fn overlaps(left: &ArrayRef, right: &ArrayRef) -> Columns {
    sets(left, right, |items, found| (0..items).any(found))
}

fn sets(left: &ArrayRef, right: &ArrayRef, holds: fn(usize, &dyn Fn(usize) -> bool) -> bool) -> Columns {
    let rows = pairs(left, right, |(left, _), (right, _)| {
        let order = comparator(&left, &right)?;
        let found = |item: usize| {
            right.is_valid(item) && (0..left.len()).any(|own| left.is_valid(own) && order(own, item) == Ordering::Equal)
        };
        Ok(holds(right.len(), &found))
    })?;
    Ok(Arc::new(BooleanArray::from(rows)))
}
