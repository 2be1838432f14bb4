//! `generate_series`: over constants its rows, in expressions and over columns an array of them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::Decimal128Builder;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int32Builder, Int64Builder, ListBuilder, TimestampMicrosecondBuilder,
};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, Decimal128Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, TimestampMicrosecondType,
};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, TypeSignature, Volatility,
};

use crate::base::engine_error::wrap;
use crate::base::limits::{self, LimitSet};
use crate::base::types::UTC;
use crate::base::{ErrorReport, Infinity, SqlState, SqlType};

use super::super::function::{by_arrays, undefined};
use super::super::signature::{element as element_of, list_of};
use super::super::time_columns::converted;

type Columns = Result<ArrayRef, DataFusionError>;

/// `generate_series` as an array.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Series {
    most: Most,
    signature: Signature,
}

/// The most rows that a call may make.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Most(LimitSet);

impl Hash for Most {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.of(limits::GENERATED_ROWS).hash(state);
    }
}

impl Most {
    fn check(&self, count: usize) -> Result<(), DataFusionError> {
        self.0.check(limits::GENERATED_ROWS, count).map_err(wrap)
    }
}

/// `series_of`, which keeps to these limits.
pub(in crate::functions) fn series_of(limits: &LimitSet) -> ScalarUDF {
    let signature = Signature::new(TypeSignature::VariadicAny, Volatility::Immutable);
    ScalarUDF::from(Series { most: Most(limits.clone()), signature })
}

impl ScalarUDFImpl for Series {
    fn name(&self) -> &str {
        "series_of"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType, DataFusionError> {
        element(types).map(list_of).ok_or_else(|| undefined_series(types))
    }

    fn invoke_with_args(&self, arguments: ScalarFunctionArgs) -> Result<ColumnarValue, DataFusionError> {
        let element = element_of(arguments.return_type()).ok_or_else(|| undefined_series(&[]))?;
        by_arrays(&arguments, |arrays| made(arrays, &element, &self.most))
    }
}

/// `generate_series` of constants: its rows.
///
/// # Errors
/// `42883` for arguments of which there is no series, `22023` for a step of nothing, `54000` for too many rows.
pub fn series(arguments: &[ScalarValue], limits: &LimitSet) -> Columns {
    let types: Vec<DataType> = arguments.iter().map(ScalarValue::data_type).collect();
    let element = element(&types).ok_or_else(|| undefined_series(&types))?;
    let arrays = arguments.iter().map(|argument| argument.to_array_of_size(1)).collect::<Result<Vec<_>, _>>()?;
    Ok(made(&arrays, &element, &Most(limits.clone()))?.as_list::<i32>().value(0))
}

fn undefined_series(types: &[DataType]) -> DataFusionError {
    wrap(undefined("generate_series", types))
}

fn element(types: &[DataType]) -> Option<DataType> {
    let (bounds, step) = match types {
        [start, stop] => ([start, stop], None),
        [start, stop, step] => ([start, stop], Some(step)),
        _ => return None,
    };
    // A text, or NULL, is a constant whose type is that of the others.
    let is_open = |one: &DataType| matches!(one, DataType::Utf8 | DataType::Null);
    let is_time = |one: &DataType| is_open(one) || matches!(one, DataType::Date32 | DataType::Timestamp(_, _));
    if bounds.iter().all(|one| is_time(one)) && step.is_some_and(|step| is_open(step) || is_interval(step)) {
        let plain = bounds.iter().any(|one| matches!(one, DataType::Timestamp(_, None)));
        let zoned = bounds.iter().any(|one| matches!(one, DataType::Timestamp(_, Some(_))));
        return Some(if plain && !zoned { SqlType::Timestamp.arrow() } else { SqlType::Timestamptz.arrow() });
    }
    let known: Vec<&DataType> = types.iter().filter(|one| !one.is_null()).collect();
    if known.iter().all(|one| one.is_integer()) {
        let wide = known.iter().any(|one| matches!(one, DataType::Int64 | DataType::UInt64));
        return Some(if wide { DataType::Int64 } else { DataType::Int32 });
    }
    let scale = |one: &&DataType| match one {
        DataType::Decimal128(_, scale) => Some(*scale),
        one if one.is_integer() => Some(0),
        _ => None,
    };
    let scales: Option<Vec<i8>> = known.iter().map(scale).collect();
    Some(DataType::Decimal128(38, scales?.into_iter().max()?))
}

fn is_interval(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_))
}

fn made(arrays: &[ArrayRef], element: &DataType, most: &Most) -> Columns {
    match element {
        DataType::Timestamp(_, zone) => times(arrays, zone.is_some(), most),
        DataType::Decimal128(_, scale) => numerics(arrays, element, *scale, most),
        _ => integers(arrays, *element == DataType::Int64, most),
    }
}

fn zero_step() -> DataFusionError {
    wrap(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero"))
}

fn out_of_range() -> DataFusionError {
    wrap(ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, "timestamp out of range"))
}

fn steps((start, stop, step): (i128, i128, i128), most: &Most) -> Result<impl Iterator<Item = i128>, DataFusionError> {
    if step == 0 {
        return Err(zero_step());
    }
    let count = if (stop - start) * step.signum() < 0 { 0 } else { (stop - start) / step + 1 };
    most.check(usize::try_from(count).unwrap_or(usize::MAX))?;
    Ok((0..count).map(move |index| start + index * step))
}

fn integers(arrays: &[ArrayRef], wide: bool, most: &Most) -> Columns {
    let columns = arrays.iter().map(|array| cast(array, &DataType::Int64)).collect::<Result<Vec<_>, _>>()?;
    let value = |column: usize, row: usize| {
        let column = columns.get(column)?.as_primitive::<Int64Type>();
        column.is_valid(row).then(|| i128::from(column.value(row)))
    };
    let rows = (0..arrays[0].len()).map(|row| {
        let step = if arrays.len() > 2 { value(2, row) } else { Some(1) };
        match (value(0, row), value(1, row), step) {
            (Some(start), Some(stop), Some(step)) => Ok(Some(steps((start, stop, step), most)?.collect::<Vec<_>>())),
            _ => Ok(None),
        }
    });
    let rows = rows.collect::<Result<Vec<_>, DataFusionError>>()?;
    if wide {
        let mut builder = ListBuilder::new(Int64Builder::new());
        rows.into_iter().for_each(|row| {
            builder
                .append_option(row.map(|row| row.into_iter().map(|one| i64::try_from(one).ok()).collect::<Vec<_>>()));
        });
        return Ok(Arc::new(builder.finish()));
    }
    let mut builder = ListBuilder::new(Int32Builder::new());
    rows.into_iter().for_each(|row| {
        builder.append_option(row.map(|row| row.into_iter().map(|one| i32::try_from(one).ok()).collect::<Vec<_>>()));
    });
    Ok(Arc::new(builder.finish()))
}

fn numerics(arrays: &[ArrayRef], wanted: &DataType, scale: i8, most: &Most) -> Columns {
    let columns = arrays.iter().map(|array| cast(array, wanted)).collect::<Result<Vec<_>, _>>()?;
    let one = 10_i128.pow(u32::try_from(scale).unwrap_or_default());
    let value = |column: usize, row: usize| {
        let column = columns.get(column)?.as_primitive::<Decimal128Type>();
        column.is_valid(row).then(|| column.value(row))
    };
    let mut builder = ListBuilder::new(Decimal128Builder::new().with_data_type(wanted.clone()));
    for row in 0..arrays[0].len() {
        let step = if arrays.len() > 2 { value(2, row) } else { Some(one) };
        match (value(0, row), value(1, row), step) {
            (Some(start), Some(stop), Some(step)) => builder.append_value(steps((start, stop, step), most)?.map(Some)),
            _ => builder.append_null(),
        }
    }
    Ok(Arc::new(builder.finish()))
}

fn times(arrays: &[ArrayRef], zoned: bool, most: &Most) -> Columns {
    let plain = if zoned { SqlType::Timestamptz.arrow() } else { SqlType::Timestamp.arrow() };
    let (starts, stops) = (converted(&arrays[0], &plain)?, converted(&arrays[1], &plain)?);
    let (starts, stops) =
        (starts.as_primitive::<TimestampMicrosecondType>(), stops.as_primitive::<TimestampMicrosecondType>());
    let spans = cast(&arrays[2], &SqlType::Interval.arrow())?;
    let spans = spans.as_primitive::<IntervalMonthDayNanoType>();
    let values = TimestampMicrosecondBuilder::new();
    let values = if zoned { values.with_timezone(UTC) } else { values };
    let mut builder = ListBuilder::new(values);
    for row in 0..starts.len() {
        if starts.is_null(row) || stops.is_null(row) || spans.is_null(row) {
            builder.append_null();
        } else {
            let bounds = (starts.value(row), stops.value(row));
            builder.append_value(moments(bounds, spans.value(row), most)?.into_iter().map(Some));
        }
    }
    Ok(Arc::new(builder.finish()))
}

/// The moments from one to another by a step.
fn moments((start, stop): (i64, i64), step: IntervalMonthDayNano, most: &Most) -> Result<Vec<i64>, DataFusionError> {
    let rough = i128::from(step.months) * 2_592_000_000_000
        + i128::from(step.days) * 86_400_000_000
        + i128::from(step.nanoseconds / 1_000);
    if rough == 0 {
        return Err(zero_step());
    }
    let mut rows = Vec::new();
    let mut now = start;
    while (rough > 0 && now <= stop) || (rough < 0 && now >= stop) {
        most.check(rows.len() + 1)?;
        rows.push(now);
        now = later(now, step).ok_or_else(out_of_range)?;
    }
    Ok(rows)
}

fn later(micros: i64, step: IntervalMonthDayNano) -> Option<i64> {
    if Infinity::of_micros(micros).is_some() {
        return Some(micros);
    }
    let moment = chrono::DateTime::<chrono::Utc>::from_timestamp_micros(micros)?;
    let months = chrono::Months::new(step.months.unsigned_abs());
    let moment =
        if step.months < 0 { moment.checked_sub_months(months)? } else { moment.checked_add_months(months)? };
    moment.timestamp_micros().checked_add(i64::from(step.days) * 86_400_000_000)?.checked_add(step.nanoseconds / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_configured_limit_holds() {
        let mut limits = LimitSet::default();
        limits.set("generated_rows", 3).unwrap();
        let numbers = |stop: i32| [ScalarValue::Int32(Some(1)), ScalarValue::Int32(Some(stop))];
        assert_eq!(series(&numbers(3), &limits).unwrap().len(), 3);
        assert!(series(&numbers(4), &limits).is_err());
        assert!(series(&numbers(4), &LimitSet::default()).is_ok());
        assert_ne!(series_of(&limits), series_of(&LimitSet::default()));
    }

    #[test]
    fn an_open_bound_has_the_type_of_the_other() {
        let plain = SqlType::Timestamp.arrow();
        let step = SqlType::Interval.arrow();
        assert_eq!(element(&[plain.clone(), DataType::Utf8, step.clone()]), Some(plain.clone()));
        assert_eq!(element(&[plain.clone(), DataType::Date32, DataType::Utf8]), Some(plain));
        assert_eq!(element(&[DataType::Date32, DataType::Utf8, step]), Some(SqlType::Timestamptz.arrow()));
        assert_eq!(element(&[DataType::Int32, DataType::Null]), Some(DataType::Int32));
        assert_eq!(element(&[DataType::Boolean, DataType::Boolean]), None);
    }
}
