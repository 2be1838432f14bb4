//! From PostgreSQL's binary values to Arrow columns.

use std::sync::Arc;

use bytes::Buf;
use datafusion::arrow::array::{
    ArrayBuilder, ArrayRef, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Decimal256Builder,
    FixedSizeBinaryBuilder, Float32Builder, Float64Builder, Int16Builder, Int32Builder, Int64Builder,
    IntervalMonthDayNanoBuilder, LargeBinaryBuilder, LargeStringBuilder, ListArray, StringBuilder,
    Time64MicrosecondBuilder, TimestampMicrosecondBuilder, UInt32Builder, UInt64Builder,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, IntervalMonthDayNano, IntervalUnit, TimeUnit, i256};

use crate::base::{ErrorReport, InternalError, SqlState, UserFacing};

use super::numeric;

/// Days from 1970-01-01 to 2000-01-01, where PostgreSQL's time begins.
const EPOCH_DAYS: i32 = 10_957;
/// The same in microseconds.
const EPOCH_MICROSECONDS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// Why a value could not be read.
#[derive(Debug)]
pub(super) enum Unreadable {
    /// The value is sound, and has no place in its column.
    Value(ErrorReport),
    /// It is not what PostgreSQL sends.
    Malformed(String),
}

impl Unreadable {
    pub(super) fn report(self) -> ErrorReport {
        match self {
            Self::Value(report) => report,
            Self::Malformed(what) => InternalError::new(what).report(),
        }
    }
}

pub(super) fn malformed(what: &str) -> Unreadable {
    Unreadable::Malformed(format!("materialize sent no sound {what}"))
}

/// The values of one column of one batch.
pub(super) enum Column {
    Bool(BooleanBuilder),
    Int16(Int16Builder),
    Int32(Int32Builder),
    Int64(Int64Builder),
    Oid(UInt32Builder),
    /// What the planner has for ranks, which are bigint.
    UInt64(UInt64Builder),
    Float32(Float32Builder),
    Float64(Float64Builder),
    Decimal128(Decimal128Builder, u8, i8),
    Decimal256(Decimal256Builder, u8, i8),
    Text(StringBuilder),
    Json(LargeStringBuilder),
    Jsonb(LargeBinaryBuilder),
    Bytes(BinaryBuilder),
    Uuid(FixedSizeBinaryBuilder),
    Date(Date32Builder),
    Time(Time64MicrosecondBuilder),
    Timestamp(TimestampMicrosecondBuilder),
    Interval(IntervalMonthDayNanoBuilder),
    List(Box<List>),
}

/// The values of a column of arrays.
pub(super) struct List {
    element: FieldRef,
    values: Column,
    offsets: Vec<i32>,
    present: Vec<bool>,
}

impl Column {
    /// A column for values of an Arrow type. It takes no room before the first of them: most statements have few.
    pub(super) fn new(data_type: &DataType) -> Result<Self, InternalError> {
        Ok(match data_type {
            DataType::Boolean => Self::Bool(BooleanBuilder::with_capacity(0)),
            DataType::Int16 => Self::Int16(Int16Builder::with_capacity(0)),
            DataType::Int32 => Self::Int32(Int32Builder::with_capacity(0)),
            DataType::Int64 => Self::Int64(Int64Builder::with_capacity(0)),
            DataType::UInt32 => Self::Oid(UInt32Builder::with_capacity(0)),
            DataType::UInt64 => Self::UInt64(UInt64Builder::with_capacity(0)),
            DataType::Float32 => Self::Float32(Float32Builder::with_capacity(0)),
            DataType::Float64 => Self::Float64(Float64Builder::with_capacity(0)),
            DataType::Decimal128(precision, scale) => {
                let builder = Decimal128Builder::with_capacity(0).with_data_type(data_type.clone());
                Self::Decimal128(builder, *precision, *scale)
            }
            DataType::Decimal256(precision, scale) => {
                let builder = Decimal256Builder::with_capacity(0).with_data_type(data_type.clone());
                Self::Decimal256(builder, *precision, *scale)
            }
            DataType::Utf8 => Self::Text(StringBuilder::with_capacity(0, 0)),
            DataType::LargeUtf8 => Self::Json(LargeStringBuilder::with_capacity(0, 0)),
            DataType::LargeBinary => Self::Jsonb(LargeBinaryBuilder::with_capacity(0, 0)),
            DataType::Binary => Self::Bytes(BinaryBuilder::with_capacity(0, 0)),
            DataType::FixedSizeBinary(16) => Self::Uuid(FixedSizeBinaryBuilder::new(16)),
            DataType::Date32 => Self::Date(Date32Builder::with_capacity(0)),
            DataType::Time64(TimeUnit::Microsecond) => Self::Time(Time64MicrosecondBuilder::with_capacity(0)),
            DataType::Timestamp(TimeUnit::Microsecond, _) => {
                Self::Timestamp(TimestampMicrosecondBuilder::with_capacity(0).with_data_type(data_type.clone()))
            }
            DataType::Interval(IntervalUnit::MonthDayNano) => {
                Self::Interval(IntervalMonthDayNanoBuilder::with_capacity(0))
            }
            DataType::List(element) => Self::List(Box::new(List {
                element: FieldRef::clone(element),
                values: Self::new(element.data_type())?,
                offsets: vec![0],
                present: Vec::new(),
            })),
            other => return Err(InternalError::new(format!("no column of {other} comes from materialize"))),
        })
    }

    /// Takes a value; `None` is NULL.
    pub(super) fn push(&mut self, value: Option<&[u8]>) -> Result<(), Unreadable> {
        match self {
            Self::Bool(builder) => {
                builder.append_option(value.map(|value| integer(value).map(|it| it != 0)).transpose()?);
            }
            Self::Int16(builder) => builder.append_option(value.map(narrow).transpose()?),
            Self::Int32(builder) => builder.append_option(value.map(narrow).transpose()?),
            Self::Int64(builder) => builder.append_option(value.map(integer).transpose()?),
            Self::Oid(builder) => {
                builder.append_option(value.map(|value| narrow::<i32>(value).map(i32::cast_unsigned)).transpose()?);
            }
            Self::UInt64(builder) => builder.append_option(value.map(narrow).transpose()?),
            #[expect(clippy::cast_possible_truncation, reason = "a real that came as double precision")]
            Self::Float32(builder) => builder.append_option(value.map(|it| float(it).map(|it| it as f32)).transpose()?),
            Self::Float64(builder) => builder.append_option(value.map(float).transpose()?),
            Self::Decimal128(builder, precision, scale) => {
                let read = value.map(|value| numeric::read(value, *precision, *scale)).transpose()?;
                builder.append_option(read.and_then(i256::to_i128));
            }
            Self::Decimal256(builder, precision, scale) => {
                builder.append_option(value.map(|value| numeric::read(value, *precision, *scale)).transpose()?);
            }
            Self::Text(builder) => builder.append_option(value.map(text).transpose()?),
            Self::Json(builder) => builder.append_option(value.map(text).transpose()?),
            Self::Jsonb(builder) => builder.append_option(value.map(jsonb).transpose()?),
            Self::Bytes(builder) => builder.append_option(value),
            Self::Uuid(builder) => match value {
                Some(value) => builder.append_value(value).map_err(|_| malformed("uuid"))?,
                None => builder.append_null(),
            },
            Self::Date(builder) => builder.append_option(value.map(date).transpose()?),
            Self::Time(builder) => builder.append_option(value.map(integer).transpose()?),
            Self::Timestamp(builder) => builder.append_option(value.map(timestamp).transpose()?),
            Self::Interval(builder) => builder.append_option(value.map(interval).transpose()?),
            Self::List(list) => list.push(value)?,
        }
        Ok(())
    }

    /// All values taken so far; the column is empty again.
    pub(super) fn finish(&mut self) -> Result<ArrayRef, InternalError> {
        let builder: &mut dyn ArrayBuilder = match self {
            Self::List(list) => return list.finish(),
            Self::Bool(builder) => builder,
            Self::Int16(builder) => builder,
            Self::Int32(builder) => builder,
            Self::Int64(builder) => builder,
            Self::Oid(builder) => builder,
            Self::UInt64(builder) => builder,
            Self::Float32(builder) => builder,
            Self::Float64(builder) => builder,
            Self::Decimal128(builder, _, _) => builder,
            Self::Decimal256(builder, _, _) => builder,
            Self::Text(builder) => builder,
            Self::Json(builder) => builder,
            Self::Jsonb(builder) => builder,
            Self::Bytes(builder) => builder,
            Self::Uuid(builder) => builder,
            Self::Date(builder) => builder,
            Self::Time(builder) => builder,
            Self::Timestamp(builder) => builder,
            Self::Interval(builder) => builder,
        };
        Ok(builder.finish())
    }
}

impl List {
    /// Number of dimensions, whether there are NULLs, the element's type; size and first index of the one dimension; then
    /// each element with its length, -1 for NULL.
    fn push(&mut self, value: Option<&[u8]>) -> Result<(), Unreadable> {
        self.present.push(value.is_some());
        let mut rest = value.unwrap_or(&[0; 12]);
        let dimensions = rest.try_get_i32().map_err(|_| malformed("array"))?;
        let mut count = 0;
        if dimensions > 1 {
            let message = "an array of several dimensions from a store is not supported";
            return Err(Unreadable::Value(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message)));
        }
        if dimensions == 1 {
            let mut next = || rest.try_get_i32().map_err(|_| malformed("array"));
            next()?;
            next()?;
            count = next()?;
            next()?;
        }
        for _ in 0..count {
            let length = rest.try_get_i32().map_err(|_| malformed("array"))?;
            let Ok(length) = usize::try_from(length) else {
                self.values.push(None)?;
                continue;
            };
            let (element, after) = rest.split_at_checked(length).ok_or_else(|| malformed("array"))?;
            self.values.push(Some(element))?;
            rest = after;
        }
        let last = self.offsets.last().copied().unwrap_or_default();
        self.offsets.push(last.checked_add(count).ok_or_else(|| malformed("array"))?);
        Ok(())
    }

    fn finish(&mut self) -> Result<ArrayRef, InternalError> {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(std::mem::replace(&mut self.offsets, vec![0])));
        let nulls = NullBuffer::from(std::mem::take(&mut self.present));
        let element: FieldRef = Arc::new(Field::clone(&self.element));
        let list = ListArray::try_new(element, offsets, self.values.finish()?, Some(nulls));
        Ok(Arc::new(list.map_err(InternalError::new)?))
    }
}

/// A whole number of one, two, four or eight bytes.
fn integer(mut value: &[u8]) -> Result<i64, Unreadable> {
    match value.len() {
        1 => Ok(i64::from(value.get_u8())),
        2 => Ok(i64::from(value.get_i16())),
        4 => Ok(i64::from(value.get_i32())),
        8 => Ok(value.get_i64()),
        _ => Err(malformed("integer")),
    }
}

fn narrow<T: TryFrom<i64>>(value: &[u8]) -> Result<T, Unreadable> {
    T::try_from(integer(value)?)
        .map_err(|_| Unreadable::Value(ErrorReport::new(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range")))
}

fn float(mut value: &[u8]) -> Result<f64, Unreadable> {
    match value.len() {
        4 => Ok(f64::from(value.get_f32())),
        8 => Ok(value.get_f64()),
        _ => Err(malformed("floating-point number")),
    }
}

fn text(value: &[u8]) -> Result<&str, Unreadable> {
    std::str::from_utf8(value).map_err(|_| malformed("text"))
}

/// Its text behind the number of the format's version.
fn jsonb(value: &[u8]) -> Result<&[u8], Unreadable> {
    match value.split_first() {
        Some((1, json)) => Ok(json),
        Some(_) | None => Err(malformed("jsonb")),
    }
}

fn date(value: &[u8]) -> Result<i32, Unreadable> {
    narrow::<i32>(value)?.checked_add(EPOCH_DAYS).ok_or_else(infinite)
}

fn timestamp(value: &[u8]) -> Result<i64, Unreadable> {
    let microseconds = integer(value)?;
    match microseconds {
        i64::MIN | i64::MAX => Err(infinite()),
        _ => microseconds.checked_add(EPOCH_MICROSECONDS).ok_or_else(infinite),
    }
}

fn interval(mut value: &[u8]) -> Result<IntervalMonthDayNano, Unreadable> {
    if value.len() != 16 {
        return Err(malformed("interval"));
    }
    let (microseconds, days, months) = (value.get_i64(), value.get_i32(), value.get_i32());
    let nanoseconds = microseconds.checked_mul(1_000).ok_or_else(|| {
        Unreadable::Value(ErrorReport::new(SqlState::DATETIME_FIELD_OVERFLOW, "interval out of range"))
    })?;
    Ok(IntervalMonthDayNano::new(months, days, nanoseconds))
}

fn infinite() -> Unreadable {
    let message = "a date or time that is not finite is not supported";
    Unreadable::Value(ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message))
}
