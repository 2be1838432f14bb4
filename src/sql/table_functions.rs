//! Functions that stand in FROM.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{DataType, Field, IntervalMonthDayNano, Schema, SchemaRef};
use datafusion::common::{DataFusionError, ScalarValue};
use datafusion::logical_expr::{Expr, LogicalPlan, TableSource};

use crate::base::engine_error::wrap;
use crate::base::limits::{self, LimitSet};
use crate::base::types::UTC;
use crate::base::{ErrorReport, SqlState, SqlType};
use crate::catalog::RowsLeaf;
use crate::functions::{literal, type_name};

/// A table function's plan, put in place of its call.
#[derive(Debug)]
pub(super) struct PlanSource {
    plan: LogicalPlan,
    schema: SchemaRef,
}

impl PlanSource {
    pub(super) fn new(plan: LogicalPlan) -> Self {
        let schema = Arc::new(plan.schema().as_arrow().clone());
        Self { plan, schema }
    }
}

impl TableSource for PlanSource {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        Some(Cow::Borrowed(&self.plan))
    }
}

/// The values of arguments; `None` for a parameter that has none yet.
pub(super) fn values(
    arguments: &[Expr],
    parameters: Option<&[ScalarValue]>,
) -> Result<Vec<Option<ScalarValue>>, DataFusionError> {
    arguments.iter().map(|argument| value(argument, parameters)).collect()
}

fn value(argument: &Expr, parameters: Option<&[ScalarValue]>) -> Result<Option<ScalarValue>, DataFusionError> {
    match argument {
        Expr::Literal(value, _) => Ok(Some(value.clone())),
        Expr::Placeholder(placeholder) => {
            let index = placeholder.id.strip_prefix('$').and_then(|digits| digits.parse::<usize>().ok());
            let index = index.and_then(|number| number.checked_sub(1));
            Ok(parameters.zip(index).and_then(|(values, index)| values.get(index).cloned()))
        }
        Expr::Cast(cast) => match value(&cast.expr, parameters)? {
            Some(inner) => Ok(Some(inner.cast_to(cast.field.data_type())?)),
            None => Ok(None),
        },
        Expr::Alias(alias) => value(&alias.expr, parameters),
        _ => Err(wrap(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "an argument of a function in FROM must be a constant or a parameter",
        ))),
    }
}

/// `generate_series(start, stop [, step])` over integers, numerics and times.
pub(super) fn generate_series(arguments: &[Expr], limits: &LimitSet) -> Result<Arc<dyn TableSource>, DataFusionError> {
    let literals = values(arguments, None)?;
    let literals: Option<Vec<ScalarValue>> = literals.into_iter().collect();
    let Some(literals) = literals else {
        return Err(wrap(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            "generate_series needs constants as its arguments",
        )));
    };
    let array = series(&literals, limits)?;
    let field = Field::new("generate_series", array.data_type().clone(), true);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![array])?;
    Ok(Arc::new(RowsLeaf::new(batch)))
}

fn series(literals: &[ScalarValue], limits: &LimitSet) -> Result<ArrayRef, DataFusionError> {
    let undefined = || {
        let types: Vec<String> = literals.iter().map(|value| type_name(&value.data_type())).collect();
        wrap(ErrorReport::new(
            SqlState::UNDEFINED_FUNCTION,
            format!("function generate_series({}) does not exist", types.join(", ")),
        ))
    };
    if !(2..=3).contains(&literals.len()) {
        return Err(undefined());
    }
    let literals = &with_interval_step(literals)?;
    let types: Vec<DataType> = literals.iter().map(ScalarValue::data_type).collect();
    let is_time = |one: &DataType| matches!(one, DataType::Date32 | DataType::Timestamp(_, _) | DataType::Utf8);
    if types[..2].iter().all(is_time) && matches!(types.get(2), Some(DataType::Interval(_))) {
        // A text takes the type of the other bound.
        let mut typed = types[..2].iter().filter(|one| **one != DataType::Utf8).peekable();
        let zoned = typed.peek().is_none() || typed.any(|one| !matches!(one, DataType::Timestamp(_, None)));
        return time_series(literals, zoned, limits);
    }
    if types.iter().all(DataType::is_integer) {
        let wide = types.contains(&DataType::Int64);
        return integer_series(literals, wide, limits);
    }
    if types.iter().all(|one| one.is_integer() || matches!(one, DataType::Decimal128(_, _))) {
        return numeric_series(literals, &types, limits);
    }
    Err(undefined())
}

/// Between times a step in quotes is an interval.
fn with_interval_step(literals: &[ScalarValue]) -> Result<Vec<ScalarValue>, DataFusionError> {
    let mut literals = literals.to_vec();
    let of_times =
        literals[..2].iter().any(|one| matches!(one.data_type(), DataType::Date32 | DataType::Timestamp(_, _)));
    if let (true, Some(ScalarValue::Utf8(Some(text)))) = (of_times, literals.get(2)) {
        literals[2] = literal::parse(text, &SqlType::Interval, chrono_tz::Tz::UTC).map_err(wrap)?;
    }
    Ok(literals)
}

fn whole(value: &ScalarValue, wanted: &DataType) -> Result<Option<i128>, DataFusionError> {
    Ok(match value.cast_to(wanted)? {
        ScalarValue::Int64(value) => value.map(i128::from),
        ScalarValue::Decimal128(value, _, _) => value,
        ScalarValue::TimestampMicrosecond(value, _) => value.map(i128::from),
        _ => None,
    })
}

fn zero_step() -> DataFusionError {
    wrap(ErrorReport::new(SqlState::INVALID_PARAMETER_VALUE, "step size cannot equal zero"))
}

/// The numbers from one to another.
fn steps(start: i128, stop: i128, step: i128, limits: &LimitSet) -> Result<Vec<i128>, DataFusionError> {
    if step == 0 {
        return Err(zero_step());
    }
    let count = if (stop - start) * step.signum() < 0 { 0 } else { (stop - start) / step + 1 };
    limits.check(limits::GENERATED_ROWS, usize::try_from(count).unwrap_or(usize::MAX)).map_err(wrap)?;
    Ok((0..count).map(|index| start + index * step).collect())
}

fn bounds(
    literals: &[ScalarValue],
    wanted: &DataType,
    one: i128,
) -> Result<Option<(i128, i128, i128)>, DataFusionError> {
    let start = whole(&literals[0], wanted)?;
    let stop = whole(&literals[1], wanted)?;
    let step = match literals.get(2) {
        Some(step) => whole(step, wanted)?,
        None => Some(one),
    };
    Ok(start.zip(stop).zip(step).map(|((start, stop), step)| (start, stop, step)))
}

fn integer_series(literals: &[ScalarValue], wide: bool, limits: &LimitSet) -> Result<ArrayRef, DataFusionError> {
    let values = match bounds(literals, &DataType::Int64, 1)? {
        Some((start, stop, step)) => steps(start, stop, step, limits)?,
        None => Vec::new(),
    };
    if wide {
        return Ok(Arc::new(values.into_iter().map(|value| i64::try_from(value).ok()).collect::<Int64Array>()));
    }
    Ok(Arc::new(values.into_iter().map(|value| i32::try_from(value).ok()).collect::<Int32Array>()))
}

fn numeric_series(
    literals: &[ScalarValue],
    types: &[DataType],
    limits: &LimitSet,
) -> Result<ArrayRef, DataFusionError> {
    let scale =
        types.iter().map(|one| if let DataType::Decimal128(_, scale) = one { *scale } else { 0 }).max().unwrap_or(0);
    let wanted = DataType::Decimal128(38, scale);
    let one = 10_i128.pow(u32::try_from(scale).unwrap_or_default());
    let values = match bounds(literals, &wanted, one)? {
        Some((start, stop, step)) => steps(start, stop, step, limits)?,
        None => Vec::new(),
    };
    Ok(Arc::new(Decimal128Array::from_iter_values(values).with_precision_and_scale(38, scale)?))
}

fn time_series(literals: &[ScalarValue], zoned: bool, limits: &LimitSet) -> Result<ArrayRef, DataFusionError> {
    let wanted = if zoned { SqlType::Timestamptz.arrow() } else { SqlType::Timestamp.arrow() };
    let start = whole(&literals[0], &wanted)?;
    let stop = whole(&literals[1], &wanted)?;
    let mut rows = Vec::new();
    if let (Some(start), Some(stop), ScalarValue::IntervalMonthDayNano(Some(step))) = (start, stop, &literals[2]) {
        fill_times(&mut rows, start, stop, *step, limits)?;
    }
    let array = TimestampMicrosecondArray::from(rows);
    Ok(if zoned { Arc::new(array.with_timezone(UTC)) } else { Arc::new(array) })
}

fn fill_times(
    rows: &mut Vec<i64>,
    start: i128,
    stop: i128,
    step: IntervalMonthDayNano,
    limits: &LimitSet,
) -> Result<(), DataFusionError> {
    let allowed = limits.of(limits::GENERATED_ROWS);
    let rough = i128::from(step.months) * 2_592_000_000_000
        + i128::from(step.days) * 86_400_000_000
        + i128::from(step.nanoseconds / 1_000);
    if rough == 0 {
        return Err(zero_step());
    }
    let mut now = i64::try_from(start).unwrap_or_default();
    while (rough > 0 && i128::from(now) <= stop) || (rough < 0 && i128::from(now) >= stop) {
        limits.check(limits::GENERATED_ROWS, rows.len() + 1).map_err(wrap)?;
        if rows.len() >= allowed {
            break;
        }
        rows.push(now);
        now = later(now, step).ok_or_else(zero_step)?;
    }
    Ok(())
}

fn later(micros: i64, step: IntervalMonthDayNano) -> Option<i64> {
    let moment = chrono::DateTime::<chrono::Utc>::from_timestamp_micros(micros)?;
    let months = chrono::Months::new(step.months.unsigned_abs());
    let moment =
        if step.months < 0 { moment.checked_sub_months(months)? } else { moment.checked_add_months(months)? };
    moment.timestamp_micros().checked_add(i64::from(step.days) * 86_400_000_000)?.checked_add(step.nanoseconds / 1_000)
}
