//! What a type's name adds to a value: the length of a text, the digits of a time, the kind of text.
//!
//! The calls stay in the plan, so that the row description can tell a `character(5)` from a text.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, ListArray, StringArray, StructArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Field, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::{DataFusionError, ScalarValue, internal_err};
use datafusion::logical_expr::ScalarUDF;

use crate::base::Infinity;

use super::function::{Function, by_arrays};
use super::quoted_char;

type Columns = Result<ArrayRef, DataFusionError>;

/// Every implementation.
pub(super) fn functions() -> Vec<ScalarUDF> {
    vec![
        Function::strict("as_varchar", text, |args| by_arrays(&args, |arrays| texts(arrays, cut))),
        Function::strict("as_character", text, |args| by_arrays(&args, |arrays| texts(arrays, without_blanks))),
        Function::strict("padded", text, |args| by_arrays(&args, |arrays| texts(arrays, padded))),
        Function::strict("as_name", text, |args| by_arrays(&args, unchanged)),
        Function::strict("as_open_varchar", text, |args| by_arrays(&args, unchanged)),
        Function::strict("as_regtype", text, |args| by_arrays(&args, unchanged)),
        Function::strict("as_quoted_char", quoted_char::returns, |args| by_arrays(&args, quoted_char::of)),
        Function::strict("as_written", |types, _| types.first().cloned(), |args| by_arrays(&args, unchanged)),
        Function::strict("as_column", |types, _| types.first().cloned(), |args| by_arrays(&args, unchanged)),
        Function::lenient(
            "with_ties",
            |_, _| Some(DataType::Int64),
            |args| by_arrays(&args, |arrays| Ok(Arc::clone(&arrays[0]))),
        ),
        Function::lenient("row_value", record, |args| {
            let wanted = args.return_type().clone();
            by_arrays(&args, |arrays| make_record(arrays, &wanted))
        }),
        Function::lenient(
            "record_as",
            |types, _| types.get(1).cloned(),
            |args| {
                let wanted = args.return_type().clone();
                by_arrays(&args, |arrays| record_as(&arrays[0], &wanted))
            },
        ),
        Function::strict("round_time", same_time, |args| by_arrays(&args, round_time)),
        Function::strict("interval_field", same_time, |args| by_arrays(&args, fields)),
    ]
}

/// A call that gives its argument and does not say that it is never NULL. It is made in process only. Over a constant it
/// is not worked out beforehand: the constant would say that it is never NULL.
#[must_use]
pub fn as_nullable() -> Arc<ScalarUDF> {
    Arc::new(Function::kept(
        "as_nullable",
        |types, _| types.first().cloned(),
        |args| by_arrays(&args, |arrays| Ok(Arc::clone(&arrays[0]))),
    ))
}

/// The call itself is what counts: it says what its argument is.
fn unchanged(arrays: &[ArrayRef]) -> Columns {
    Ok(Arc::clone(&arrays[0]))
}

fn text(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    (*types.first()? == DataType::Utf8).then_some(DataType::Utf8)
}

/// The names and the values of the columns take turns.
fn record(types: &[DataType], literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let name = |literal: &Option<&ScalarValue>| match literal {
        Some(ScalarValue::Utf8(Some(name))) => name.clone(),
        Some(_) | None => String::new(),
    };
    let pairs = types.chunks_exact(2).zip(literals.chunks_exact(2));
    let fields = pairs.map(|(types, literals)| Field::new(name(&literals[0]), types[1].clone(), true));
    Some(DataType::Struct(fields.collect()))
}

fn make_record(arrays: &[ArrayRef], wanted: &DataType) -> Columns {
    let DataType::Struct(fields) = wanted else { return internal_err!("a record has fields") };
    let values = arrays.chunks_exact(2).map(|pair| Arc::clone(&pair[1])).collect();
    Ok(Arc::new(StructArray::try_new(fields.clone(), values, None)?))
}

/// Begins the names of columns that have other names in other records of their column. No text can write it.
const UNNAMED: char = '\u{2063}';

/// The name of a column of records that have different names for it.
#[must_use]
pub fn unnamed_column(number: usize) -> String {
    format!("{UNNAMED}{number}")
}

/// Whether a column of a record has no name that is known.
pub(super) fn is_unnamed(name: &str) -> bool {
    name.starts_with(UNNAMED)
}

/// A record, or an array of records, with other names or digits, by columns: the library would look for the names.
fn record_as(values: &ArrayRef, wanted: &DataType) -> Columns {
    let fields = match (values.data_type(), wanted) {
        (DataType::Struct(_), DataType::Struct(fields)) => fields,
        (DataType::List(_), DataType::List(item)) => {
            let lists = values.as_list::<i32>();
            let items = record_as(lists.values(), item.data_type())?;
            let (item, nulls) = (Arc::clone(item), lists.nulls().cloned());
            return Ok(Arc::new(ListArray::try_new(item, lists.offsets().clone(), items, nulls)?));
        }
        _ => return Ok(cast(values, wanted)?),
    };
    let rows = values.as_struct();
    let columns = rows.columns().iter().zip(fields).map(|(column, field)| record_as(column, field.data_type()));
    let columns = columns.collect::<Result<Vec<_>, _>>()?;
    Ok(Arc::new(StructArray::try_new_with_length(fields.clone(), columns, rows.nulls().cloned(), rows.len())?))
}

fn same_time(types: &[DataType], _literals: &[Option<&ScalarValue>]) -> Option<DataType> {
    let first = types.first()?;
    matches!(
        first,
        DataType::Time64(TimeUnit::Microsecond) | DataType::Timestamp(TimeUnit::Microsecond, _) | DataType::Interval(_)
    )
    .then(|| first.clone())
}

/// Each text with the length in characters.
fn texts(arrays: &[ArrayRef], change: fn(&str, usize) -> String) -> Columns {
    let lengths = cast(&arrays[1], &DataType::Int64)?;
    let pairs = arrays[0].as_string::<i32>().iter().zip(lengths.as_primitive::<Int64Type>());
    let rows = pairs.map(|(text, length)| Some(change(text?, usize::try_from(length?).unwrap_or(usize::MAX))));
    Ok(Arc::new(rows.collect::<StringArray>()))
}

fn cut(text: &str, length: usize) -> String {
    text.chars().take(length).collect()
}

/// A `character(n)` is kept without the blanks at its end, which count for nothing in it.
fn without_blanks(text: &str, length: usize) -> String {
    cut(text, length).trim_end_matches(' ').to_owned()
}

fn padded(text: &str, length: usize) -> String {
    let missing = length.saturating_sub(text.chars().count());
    format!("{text}{}", " ".repeat(missing))
}

/// Half away from zero, to so many digits of a second.
fn rounded(micros: i64, digits: i64) -> i64 {
    let unit = 10_i64.pow(u32::try_from(6 - digits.clamp(0, 6)).unwrap_or_default());
    let half = unit / 2;
    if micros >= 0 { (micros + half) / unit * unit } else { -((-micros + half) / unit * unit) }
}

/// Timestamps count from 2000 in PostgreSQL, and are rounded away from there.
const EPOCH: i64 = 946_684_800_000_000;

fn rounded_moment(micros: i64, digits: i64) -> i64 {
    if Infinity::of_micros(micros).is_some() { micros } else { rounded(micros - EPOCH, digits) + EPOCH }
}

fn round_time(arrays: &[ArrayRef]) -> Columns {
    let digits = cast(&arrays[1], &DataType::Int64)?;
    let digits = digits.as_primitive::<Int64Type>();
    let at = |row: usize| if digits.is_valid(row) { digits.value(row) } else { 6 };
    Ok(match arrays[0].data_type() {
        DataType::Timestamp(_, _) => {
            let moments = arrays[0].as_primitive::<TimestampMicrosecondType>();
            let rows = moments.iter().enumerate().map(|(row, one)| Some(rounded_moment(one?, at(row))));
            let array: datafusion::arrow::array::TimestampMicrosecondArray = rows.collect();
            Arc::new(array.with_timezone_opt(moments.timezone()))
        }
        DataType::Time64(_) => {
            let times = arrays[0].as_primitive::<Time64MicrosecondType>();
            let rows = times.iter().enumerate().map(|(row, one)| Some(rounded(one?, at(row))));
            Arc::new(rows.collect::<datafusion::arrow::array::Time64MicrosecondArray>())
        }
        _ => {
            let spans = arrays[0].as_primitive::<IntervalMonthDayNanoType>();
            let rows = spans.iter().enumerate().map(|(row, span)| {
                let span = span?;
                let nanos = rounded(span.nanoseconds / 1_000, at(row)) * 1_000;
                Some(IntervalMonthDayNano::new(span.months, span.days, nanos))
            });
            Arc::new(rows.collect::<datafusion::arrow::array::IntervalMonthDayNanoArray>())
        }
    })
}

/// An interval of a type with fields: what is smaller than its last field is cut off.
fn fields(arrays: &[ArrayRef]) -> Columns {
    let spans = arrays[0].as_primitive::<IntervalMonthDayNanoType>();
    let names = cast(&arrays[1], &DataType::Utf8)?;
    let rows = spans.iter().zip(names.as_string::<i32>()).map(|(span, field)| Some(cut_interval(span?, field?)));
    Ok(Arc::new(rows.collect::<datafusion::arrow::array::IntervalMonthDayNanoArray>()))
}

fn cut_interval(span: IntervalMonthDayNano, field: &str) -> IntervalMonthDayNano {
    const MINUTE: i64 = 60_000_000_000;
    let whole = |unit: i64| span.nanoseconds / unit * unit;
    match field {
        "year" => IntervalMonthDayNano::new(span.months / 12 * 12, 0, 0),
        "month" => IntervalMonthDayNano::new(span.months, 0, 0),
        "day" => IntervalMonthDayNano::new(span.months, span.days, 0),
        "hour" => IntervalMonthDayNano::new(span.months, span.days, whole(60 * MINUTE)),
        "minute" => IntervalMonthDayNano::new(span.months, span.days, whole(MINUTE)),
        _ => span,
    }
}
