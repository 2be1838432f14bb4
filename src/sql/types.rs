//! SQL's type names, as the types of this server.

use datafusion::arrow::datatypes::DataType as ArrowType;
use datafusion::common::DataFusionError;
use datafusion::logical_expr::planner::TypePlanner;
use sqlparser::ast::{ArrayElemTypeDef, DataType, ExactNumberInfo, ObjectName, TimezoneInfo};

use crate::base::engine_error::wrap;
use crate::base::types::DEFAULT_NUMERIC;
use crate::base::{ErrorReport, SqlState, SqlType};

/// Tells the planner which Arrow type a type name means.
#[derive(Debug)]
pub(super) struct PostgresTypes;

impl TypePlanner for PostgresTypes {
    fn plan_type(&self, sql_type: &DataType) -> Result<Option<ArrowType>, DataFusionError> {
        sql_type_of(sql_type).map(|found| Some(found.arrow())).map_err(wrap)
    }
}

/// The type of a name.
pub(super) fn sql_type_of(name: &DataType) -> Result<SqlType, ErrorReport> {
    let known = match name {
        DataType::Boolean | DataType::Bool => SqlType::Bool,
        DataType::SmallInt(_) | DataType::Int2(_) => SqlType::Int2,
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => SqlType::Int4,
        DataType::BigInt(_) | DataType::Int8(_) => SqlType::Int8,
        DataType::Real | DataType::Float4 => SqlType::Float4,
        DataType::DoublePrecision | DataType::Float8 | DataType::Double(ExactNumberInfo::None) => SqlType::Float8,
        DataType::Float(info) => float(*info)?,
        DataType::Numeric(info) | DataType::Decimal(info) | DataType::Dec(info) => numeric(*info)?,
        DataType::Text
        | DataType::Varchar(_)
        | DataType::CharVarying(_)
        | DataType::CharacterVarying(_)
        | DataType::Char(_)
        | DataType::Character(_) => SqlType::Text,
        DataType::Date => SqlType::Date,
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Time,
        DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => SqlType::Timestamp,
        DataType::Timestamp(_, TimezoneInfo::Tz | TimezoneInfo::WithTimeZone) => SqlType::Timestamptz,
        DataType::Interval { .. } => SqlType::Interval,
        DataType::Uuid => SqlType::Uuid,
        DataType::JSON => SqlType::Json,
        DataType::JSONB => SqlType::Jsonb,
        DataType::Bytea => SqlType::Bytea,
        DataType::Regclass => SqlType::Oid,
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            if let DataType::Varchar(Some(_))
            | DataType::CharVarying(Some(_))
            | DataType::CharacterVarying(Some(_))
            | DataType::Char(_)
            | DataType::Character(_) = element.as_ref()
            {
                return Err(refused("arrays of varchar(n) and character(n) are not supported", "Use text[]."));
            }
            array(sql_type_of(element)?)
        }
        DataType::Custom(name, _) => return custom(name),
        other => return Err(unknown(&other.to_string().to_lowercase())),
    };
    Ok(known)
}

fn array(element: SqlType) -> SqlType {
    match element {
        // PostgreSQL's arrays of arrays have the type of the array.
        nested @ SqlType::Array(_) => nested,
        scalar => SqlType::Array(Box::new(scalar)),
    }
}

fn float(info: ExactNumberInfo) -> Result<SqlType, ErrorReport> {
    match info {
        ExactNumberInfo::None => Ok(SqlType::Float8),
        ExactNumberInfo::Precision(bits) | ExactNumberInfo::PrecisionAndScale(bits, _) => match bits {
            0 => Err(ErrorReport::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "precision for type float must be at least 1 bit",
            )),
            1..=24 => Ok(SqlType::Float4),
            25..=53 => Ok(SqlType::Float8),
            _ => Err(ErrorReport::new(
                SqlState::INVALID_PARAMETER_VALUE,
                "precision for type float must be less than 54 bits",
            )),
        },
    }
}

fn numeric(info: ExactNumberInfo) -> Result<SqlType, ErrorReport> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => {
            let (precision, scale) = DEFAULT_NUMERIC;
            return Ok(SqlType::Numeric { precision, scale });
        }
        ExactNumberInfo::Precision(precision) => (precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (precision, scale),
    };
    if !(1..=1000).contains(&precision) {
        return Err(ErrorReport::new(
            SqlState::INVALID_PARAMETER_VALUE,
            format!("NUMERIC precision {precision} must be between 1 and 1000"),
        ));
    }
    match (u8::try_from(precision), i8::try_from(scale)) {
        (Ok(precision), Ok(scale)) if precision <= 76 && scale >= 0 && scale.unsigned_abs() <= precision => {
            Ok(SqlType::Numeric { precision, scale })
        }
        _ => Err(ErrorReport::new(
            SqlState::FEATURE_NOT_SUPPORTED,
            format!("type numeric({precision},{scale}) is not supported"),
        )
        .with_hint("A numeric has at most 76 digits here, and no more of them after the point than in all.")),
    }
}

/// The types that the parser does not know as such.
fn custom(name: &ObjectName) -> Result<SqlType, ErrorReport> {
    let parts: Vec<String> =
        name.0.iter().filter_map(|part| part.as_ident()).map(|part| part.value.to_lowercase()).collect();
    let (prefix, last) = match parts.as_slice() {
        [last] => (None, last.as_str()),
        [prefix, last] => (Some(prefix.as_str()), last.as_str()),
        _ => return Err(unknown(&name.to_string())),
    };
    if prefix.is_some_and(|prefix| prefix != "pg_catalog") {
        return Err(unknown(&name.to_string()));
    }
    by_name(last).ok_or_else(|| unknown(&name.to_string()))
}

/// A type by the name that `pg_type` has for it.
pub(super) fn by_name(name: &str) -> Option<SqlType> {
    if let Some(element) = name.strip_prefix('_') {
        return by_name(element).map(array);
    }
    let own = match name {
        "boolean" => "bool",
        "smallint" => "int2",
        "int" | "integer" => "int4",
        "bigint" => "int8",
        "real" => "float4",
        "decimal" => "numeric",
        "varchar" | "name" | "char" | "bpchar" | "cstring" | "unknown" | "regnamespace" | "regrole" => "text",
        "regclass" | "regtype" | "regproc" | "regprocedure" | "regoper" | "regoperator" | "xid" | "cid" => "oid",
        other => other,
    };
    SqlType::by_pg_name(own)
}

fn refused(message: &str, hint: &str) -> ErrorReport {
    ErrorReport::new(SqlState::FEATURE_NOT_SUPPORTED, message).with_hint(hint)
}

fn unknown(name: &str) -> ErrorReport {
    ErrorReport::new(SqlState::UNDEFINED_OBJECT, format!("type \"{name}\" does not exist"))
}
