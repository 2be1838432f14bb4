//! Bytes that sort as PostgreSQL sorts arrays and rows, and are equal where it says that they are: a key, so that the engine
//! need not know how a NULL within a value is ordered.
//!
//! Within an array and within a row a NULL equals a NULL and is the largest value, whatever the direction of the sort.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, BinaryArray, BooleanArray, Int32Array, ListArray, PrimitiveArray,
    StructArray,
};
use datafusion::arrow::buffer::{OffsetBuffer, ScalarBuffer};
use datafusion::arrow::compute::{SortOptions, cast, interleave};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Float32Type, Float64Type};
use datafusion::arrow::row::{RowConverter, SortField};
use datafusion::common::{DataFusionError, ScalarValue, internal_err};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF};

use crate::base::SqlState;
use crate::base::engine_error::{report, wrap};

use super::function::{Function, by_arrays};
use super::intervals;
use super::json::order_keys;
use super::value::fail;

type Columns = Result<ArrayRef, DataFusionError>;

pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict(
            "value_order",
            |_, _| Some(DataType::Binary),
            |args| by_arrays(&args, |all| asked_for(all.len() > 1, keys(&all[0]))),
        ),
        Function::lenient("value_any", |_, _| Some(DataType::Boolean), |args| by_arrays(&args, any_equal)),
        Function::lenient("value_greatest", first, |args| by_arrays(&args, |all| chosen(all, |key, best| key > best))),
        Function::lenient("value_least", first, |args| by_arrays(&args, |all| chosen(all, |key, best| key < best))),
    ]
}

/// A value as it is, but for a float: one that the library sorts, and tells from others, as PostgreSQL does. Of what it gives
/// the library does not know how it is sorted.
#[must_use]
pub fn plain_key() -> ScalarUDF {
    Function::strict("plain_key", first, |args| {
        by_arrays(&args, |all| match all[0].data_type() {
            float if float.is_floating() => comparable(&all[0]),
            _ => Ok(Arc::clone(&all[0])),
        })
    })
}

/// A value as it is, with one for each row also where they are all the same: nobody takes it for a constant.
#[must_use]
pub fn list_item() -> ScalarUDF {
    Function::lenient("list_item", first, |args| match args.args.first() {
        Some(value) => Ok(ColumnarValue::Array(value.to_array(args.number_rows)?)),
        None => internal_err!("list_item of nothing"),
    })
}

fn first(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    types.first().cloned()
}

/// The key of each value; NULL where there is none.
pub(super) fn keys(values: &ArrayRef) -> Columns {
    let comparable = comparable(values)?;
    let options = SortOptions { descending: false, nulls_first: false };
    let field = SortField::new_with_options(comparable.data_type().clone(), options);
    let rows = RowConverter::new(vec![field])?.convert_columns(&[comparable])?;
    let bytes = rows.iter().enumerate().map(|(row, key)| values.is_valid(row).then(|| key.data().to_vec()));
    Ok(Arc::new(bytes.collect::<BinaryArray>()))
}

/// A `json` has no order, and with a second argument it is its equality that is missed.
fn asked_for(is_equality: bool, keys: Columns) -> Columns {
    keys.map_err(|error| match report(&error) {
        told if is_equality && told.sqlstate == SqlState::UNDEFINED_FUNCTION => {
            wrap(fail(SqlState::UNDEFINED_FUNCTION, "could not identify an equality operator for type json"))
        }
        _ => error,
    })
}

/// The key of one value; `None` where it is NULL.
pub(super) fn key_of(value: &ScalarValue) -> Result<Option<Vec<u8>>, DataFusionError> {
    let found = keys(&value.to_array()?)?;
    let found = found.as_binary::<i32>();
    Ok(found.is_valid(0).then(|| found.value(0).to_vec()))
}

/// `item = ANY (array)`, of the arrays and the items: NULL where the item is not found and one of them is unknown.
fn any_equal(arrays: &[ArrayRef]) -> Columns {
    let [lists, items] = arrays else { return internal_err!("ANY looks for an item in an array") };
    let lists = lists.as_list::<i32>();
    let (ends, _, values) = leaves(lists);
    let (wanted, found) = (keys(items)?, keys(&values)?);
    let (wanted, found) = (wanted.as_binary::<i32>(), found.as_binary::<i32>());
    let is_in = |row: usize| {
        let places = usize::try_from(ends[row]).ok()?..usize::try_from(ends[row + 1]).ok()?;
        if lists.is_null(row) || (wanted.is_null(row) && !places.is_empty()) {
            return None;
        }
        let is_found = places.clone().any(|place| found.is_valid(place) && found.value(place) == wanted.value(row));
        (is_found || places.clone().all(|place| found.is_valid(place))).then_some(is_found)
    };
    Ok(Arc::new((0..lists.len()).map(is_in).collect::<BooleanArray>()))
}

/// Of each row the value that is better than all before it; NULL is passed over.
fn chosen(arrays: &[ArrayRef], is_better: fn(&[u8], &[u8]) -> bool) -> Columns {
    let all = arrays.iter().map(keys).collect::<Result<Vec<_>, _>>()?;
    let all: Vec<&BinaryArray> = all.iter().map(AsArray::as_binary::<i32>).collect();
    let best = |row: usize| {
        let known = (0..all.len()).filter(|place| all[*place].is_valid(row));
        let better = |best: usize, place: usize| is_better(all[place].value(row), all[best].value(row));
        let found = known.reduce(|best, place| if better(best, place) { place } else { best });
        (found.unwrap_or_default(), row)
    };
    let places: Vec<(usize, usize)> = (0..arrays.first().map_or(0, Array::len)).map(best).collect();
    let borrowed: Vec<&dyn Array> = arrays.iter().map(AsRef::as_ref).collect();
    Ok(interleave(&borrowed, &places)?)
}

/// The same values in a form whose order, NULLs last, is that of PostgreSQL.
pub(super) fn comparable(values: &ArrayRef) -> Columns {
    match values.data_type() {
        DataType::List(_) => list(values.as_list::<i32>()),
        DataType::Struct(_) => row(values.as_struct()),
        DataType::Float32 => {
            Ok(Arc::new(floats::<Float32Type>(values, |one| if one.is_nan() { f32::NAN } else { one + 0.0 })))
        }
        DataType::Float64 => {
            Ok(Arc::new(floats::<Float64Type>(values, |one| if one.is_nan() { f64::NAN } else { one + 0.0 })))
        }
        // Of whatever scale they are, equal numerics have one key: every one fits these digits.
        DataType::Decimal128(..) => Ok(cast(values, &DataType::Decimal256(76, 38))?),
        DataType::Interval(_) => intervals::lengths(values),
        DataType::LargeBinary => order_keys(values),
        DataType::LargeUtf8 => {
            Err(wrap(fail(SqlState::UNDEFINED_FUNCTION, "could not identify a comparison function for type json")))
        }
        DataType::Utf8View => Ok(cast(values, &DataType::Utf8)?),
        other if other.is_nested() => internal_err!("values of type {other} have no order"),
        _ => Ok(Arc::clone(values)),
    }
}

/// There is one zero, and one value that is no number: above all numbers.
fn floats<T: ArrowPrimitiveType>(values: &ArrayRef, plain: fn(T::Native) -> T::Native) -> PrimitiveArray<T> {
    values.as_primitive::<T>().unary(plain)
}

fn row(rows: &StructArray) -> Columns {
    let columns = rows.columns().iter().map(comparable).collect::<Result<Vec<_>, _>>()?;
    structure(columns, rows)
}

/// Columns without names, NULL where `like` is.
fn structure(columns: Vec<ArrayRef>, like: &dyn Array) -> Columns {
    let fields = columns.iter().enumerate();
    let fields: Fields =
        fields.map(|(place, column)| Field::new(place.to_string(), column.data_type().clone(), true)).collect();
    Ok(Arc::new(StructArray::try_new_with_length(fields, columns, like.nulls().cloned(), like.len())?))
}

/// Where the items of each list end, how many there are in each dimension, and the items themselves.
fn leaves(lists: &ListArray) -> (Vec<i32>, Vec<Vec<i32>>, ArrayRef) {
    let mut ends: Vec<i32> = lists.value_offsets().to_vec();
    let mut lengths: Vec<Vec<i32>> = vec![steps(&ends)];
    let mut values = Arc::clone(lists.values());
    while let DataType::List(_) = values.data_type() {
        let offsets = values.as_list::<i32>().value_offsets().to_vec();
        ends = ends.iter().filter_map(|end| offsets.get(usize::try_from(*end).ok()?)).copied().collect();
        lengths.push(steps(&ends));
        let inner = Arc::clone(values.as_list::<i32>().values());
        values = inner;
    }
    (ends, lengths, values)
}

/// Item by item, then by their number, then by dimensions, then by the length of each.
fn list(lists: &ListArray) -> Columns {
    let (ends, lengths, values) = leaves(lists);
    let count = lists.len();
    let is_empty = |row: usize| lengths.last().is_none_or(|items| items[row] == 0);
    let dimensions = |row: usize| if is_empty(row) { 0 } else { lengths.len() };
    let shapes = (0..count).map(|row| lengths.iter().take(dimensions(row)).map(|length| Some(length[row])).collect());
    let shapes: Vec<Vec<Option<i32>>> = shapes.collect();
    let numbers: Int32Array = shapes.iter().map(|shape| i32::try_from(shape.len()).ok()).collect();
    let shapes =
        ListArray::from_iter_primitive::<datafusion::arrow::datatypes::Int32Type, _, _>(shapes.into_iter().map(Some));
    let items = list_of(&ends, comparable(&values)?)?;
    structure(vec![items, Arc::new(numbers), Arc::new(shapes)], lists)
}

fn steps(ends: &[i32]) -> Vec<i32> {
    ends.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn list_of(ends: &[i32], values: ArrayRef) -> Columns {
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends.to_vec()));
    Ok(Arc::new(ListArray::try_new(field, offsets, values, None)?))
}

#[cfg(test)]
mod tests {
    use datafusion::arrow::array::{Float64Array, IntervalMonthDayNanoArray, StringArray};
    use datafusion::arrow::datatypes::{Int32Type, IntervalMonthDayNano};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "made where it is passed")]
    fn all_keys(values: ArrayRef) -> Vec<Option<Vec<u8>>> {
        let found = keys(&values).unwrap();
        found.as_binary::<i32>().iter().map(|key| key.map(<[u8]>::to_vec)).collect()
    }

    #[test]
    fn arrays_are_ordered_by_items_and_null_is_the_largest_of_them() {
        // In the order of PostgreSQL.
        let lists = vec![
            Some(vec![]),
            Some(vec![Some(1)]),
            Some(vec![Some(1), Some(2)]),
            Some(vec![Some(1), Some(2), Some(-5)]),
            Some(vec![Some(1), Some(9)]),
            Some(vec![Some(1), None]),
            Some(vec![Some(2)]),
            Some(vec![None]),
            Some(vec![None, Some(1)]),
        ];
        let keys = all_keys(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)));
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
    }

    #[test]
    fn no_array_has_no_key_and_all_that_are_empty_have_one() {
        let lists: Vec<Option<Vec<Option<i32>>>> = vec![None, Some(vec![])];
        let flat = all_keys(Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)));
        assert!(flat[0].is_none() && flat[1].is_some());
        let inner = ListArray::from_iter_primitive::<Int32Type, _, _>(Vec::<Option<Vec<Option<i32>>>>::new());
        let nested = list_of(&[0, 0], Arc::new(inner)).unwrap();
        assert_eq!(all_keys(nested)[0], flat[1]);
    }

    #[test]
    fn more_dimensions_come_after_fewer_of_the_same_items() {
        let flat = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)])]);
        let inner = ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1), Some(2)])]);
        let nested = list_of(&[0, 1], Arc::new(inner)).unwrap();
        assert!(all_keys(Arc::new(flat)) < all_keys(nested));
    }

    #[test]
    fn rows_are_ordered_by_columns_and_null_is_the_largest_of_each() {
        let numbers: ArrayRef = Arc::new(Int32Array::from(vec![Some(1), Some(1), Some(1), Some(2), None]));
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), Some("b"), None, Some(""), Some("")]));
        let fields = Fields::from(vec![Field::new("n", DataType::Int32, true), Field::new("t", DataType::Utf8, true)]);
        let keys = all_keys(Arc::new(StructArray::new(fields, vec![numbers, texts], None)));
        assert!(keys.windows(2).all(|pair| pair[0] < pair[1]), "{keys:?}");
    }

    #[test]
    fn values_that_postgresql_says_are_equal_have_one_key() {
        let row = |values: ArrayRef| -> ArrayRef {
            let fields = Fields::from(vec![Field::new("x", values.data_type().clone(), true)]);
            Arc::new(StructArray::new(fields, vec![values], None))
        };
        let floats = all_keys(row(Arc::new(Float64Array::from(vec![0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY]))));
        assert_eq!((&floats[0], &floats[2]), (&floats[1], &floats[3]));
        assert!(floats[2] > floats[4]);
        let day = IntervalMonthDayNano::new(0, 1, 0);
        let hours = IntervalMonthDayNano::new(0, 0, 86_400_000_000_000);
        let spans = all_keys(row(Arc::new(IntervalMonthDayNanoArray::from(vec![day, hours]))));
        assert_eq!(spans[0], spans[1]);
    }
}
