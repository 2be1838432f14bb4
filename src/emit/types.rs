//! Types as each dialect names them in a cast.

use datafusion::arrow::datatypes::{DataType as ArrowType, IntervalUnit, TimeUnit};
use sqlparser::ast::{ArrayElemTypeDef, CastKind, DataType, ExactNumberInfo, Expr, Ident, ObjectName, TimezoneInfo};

use crate::base::{SqlType, TextType};

use super::dialect::Dialect;
use super::error::EmitError;

/// The dialect's name of an Arrow type, as a cast's target. In ClickHouse it is the type without `Nullable`.
///
/// # Errors
/// [`EmitError::Unsupported`] for a type that the dialect does not have.
pub(super) fn name(dialect: Dialect, arrow: &ArrowType) -> Result<DataType, EmitError> {
    let sql = SqlType::from_arrow(arrow).map_err(|unmapped| EmitError::unsupported(unmapped.to_string(), dialect))?;
    match dialect {
        Dialect::PostgreSql | Dialect::Redis => postgresql(dialect, &sql),
        Dialect::ClickHouse => clickhouse(arrow, &sql),
    }
}

fn postgresql(dialect: Dialect, sql: &SqlType) -> Result<DataType, EmitError> {
    Ok(match sql {
        SqlType::Bool => DataType::Boolean,
        SqlType::Int2 => DataType::SmallInt(None),
        SqlType::Int4 => DataType::Integer(None),
        SqlType::Int8 => DataType::BigInt(None),
        SqlType::Float4 => DataType::Real,
        SqlType::Float8 => DataType::DoublePrecision,
        SqlType::Numeric { precision, scale } => {
            DataType::Numeric(ExactNumberInfo::PrecisionAndScale(u64::from(*precision), i64::from(*scale)))
        }
        SqlType::TextLike(TextType::Varchar) => DataType::Varchar(None),
        SqlType::Text | SqlType::TextLike(_) => DataType::Text,
        SqlType::Date => DataType::Date,
        SqlType::Time => DataType::Time(None, TimezoneInfo::None),
        SqlType::Timestamp => DataType::Timestamp(None, TimezoneInfo::None),
        SqlType::Timestamptz => DataType::Timestamp(None, TimezoneInfo::WithTimeZone),
        SqlType::Interval => DataType::Interval { fields: None, precision: None },
        SqlType::Uuid => DataType::Uuid,
        SqlType::Json => DataType::JSON,
        SqlType::Jsonb => DataType::JSONB,
        SqlType::Bytea => DataType::Bytea,
        SqlType::Oid => DataType::Custom(ObjectName::from(vec![Ident::new("oid")]), Vec::new()),
        SqlType::Array(element) => {
            DataType::Array(ArrayElemTypeDef::SquareBracket(Box::new(postgresql(dialect, element)?), None))
        }
        // A record cannot be the target of a cast.
        SqlType::Record(_) => return Err(EmitError::unsupported(format!("type {sql}"), dialect)),
    })
}

fn clickhouse(arrow: &ArrowType, sql: &SqlType) -> Result<DataType, EmitError> {
    // ClickHouse's type names are case-sensitive, so the tree's own type nodes, which print in capitals, will not do.
    let plain = |name: &str| Ok(DataType::Custom(ObjectName::from(vec![Ident::new(name)]), Vec::new()));
    let digits =
        |name: &str, digits: Vec<String>| Ok(DataType::Custom(ObjectName::from(vec![Ident::new(name)]), digits));
    match sql {
        SqlType::Bool => plain("Bool"),
        SqlType::Int2 => plain("Int16"),
        SqlType::Int4 => plain("Int32"),
        SqlType::Int8 => plain("Int64"),
        SqlType::Oid => plain("UInt32"),
        SqlType::Float4 => plain("Float32"),
        SqlType::Float8 => plain("Float64"),
        SqlType::Numeric { precision, scale } => digits("Decimal", vec![precision.to_string(), scale.to_string()]),
        SqlType::Text | SqlType::TextLike(_) => plain("String"),
        SqlType::Date => plain("Date32"),
        SqlType::Timestamp => digits("DateTime64", vec![fraction(arrow), "'UTC'".to_owned()]),
        SqlType::Timestamptz => digits("DateTime64", vec![fraction(arrow), "'UTC'".to_owned()]),
        SqlType::Uuid => plain("UUID"),
        SqlType::Time
        | SqlType::Interval
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Bytea
        | SqlType::Array(_)
        | SqlType::Record(_) => Err(EmitError::unsupported(format!("type {sql}"), Dialect::ClickHouse)),
    }
}

/// Digits of the seconds' fraction.
fn fraction(arrow: &ArrowType) -> String {
    let digits = match arrow {
        ArrowType::Timestamp(TimeUnit::Second, _) => 0,
        ArrowType::Timestamp(TimeUnit::Millisecond, _) => 3,
        ArrowType::Timestamp(TimeUnit::Nanosecond, _) => 9,
        _ => 6,
    };
    digits.to_string()
}

/// `CAST(expr AS type)`. In ClickHouse the type is `Nullable`, because a cast to another one fails on a NULL.
///
/// # Errors
/// [`EmitError::Unsupported`] for a type that the dialect does not have.
pub(super) fn cast(dialect: Dialect, expr: Expr, arrow: &ArrowType) -> Result<Expr, EmitError> {
    let name = name(dialect, arrow)?;
    let target = match dialect {
        Dialect::ClickHouse => DataType::Nullable(Box::new(name)),
        Dialect::PostgreSql | Dialect::Redis => name,
    };
    Ok(cast_to(expr, target))
}

/// `CAST(expr AS type)` of what is certainly not NULL.
///
/// # Errors
/// [`EmitError::Unsupported`] for a type that the dialect does not have.
pub(super) fn cast_value(dialect: Dialect, expr: Expr, arrow: &ArrowType) -> Result<Expr, EmitError> {
    Ok(cast_to(expr, name(dialect, arrow)?))
}

fn cast_to(expr: Expr, data_type: DataType) -> Expr {
    Expr::Cast { kind: CastKind::Cast, expr: Box::new(expr), data_type, array: false, format: None }
}

/// Whether a cast to the type by a plan is one of whole types, for which every dialect has the same meaning. An
/// interval's units have none.
pub(super) fn is_plain(arrow: &ArrowType) -> bool {
    !matches!(arrow, ArrowType::Interval(IntervalUnit::YearMonth | IntervalUnit::DayTime))
}
