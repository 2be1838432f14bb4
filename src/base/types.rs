//! The type map: store type ↔ Arrow ↔ PostgreSQL OID ↔ canvas dtype.
//!
//! A SQL type has exactly one Arrow type, and the Arrow type alone tells the SQL type back; the planner may drop field
//! metadata, so none is used. Where Arrow has no type of its own for a SQL type, one is chosen that nothing else needs:
//! `jsonb` is `LargeBinary`, `json` is `LargeUtf8`, `oid` is `UInt32`, `uuid` is `FixedSizeBinary(16)`. A
//! record is a struct, whose names of columns the SQL type does not tell.

use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, IntervalUnit, TimeUnit};
use serde::{Deserialize, Serialize};

use super::text_types::TextType;

/// The time zone that every `timestamptz` column carries in Arrow. The session's zone only matters for text.
pub const UTC: &str = "+00:00";

/// Digits of a `numeric` that says nothing itself.
pub const DEFAULT_NUMERIC: (u8, i8) = (38, 10);

/// A type as SQL names it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum SqlType {
    /// `boolean`
    Bool,
    /// `smallint`
    Int2,
    /// `integer`
    Int4,
    /// `bigint`
    Int8,
    /// `real`
    Float4,
    /// `double precision`
    Float8,
    /// `numeric(precision, scale)`
    Numeric {
        /// Digits in all, 1 to 38 (76 when the engine widened it).
        precision: u8,
        /// Digits after the point.
        scale: i8,
    },
    /// `text`
    Text,
    /// A type of its own whose columns are `text`; a row description says it.
    TextLike(TextType),
    /// `date`
    Date,
    /// `time`
    Time,
    /// `timestamp without time zone`
    Timestamp,
    /// `timestamp with time zone`
    Timestamptz,
    /// `interval`
    Interval,
    /// `uuid`
    Uuid,
    /// `json`
    Json,
    /// `jsonb`
    Jsonb,
    /// `bytea`
    Bytea,
    /// `oid`
    Oid,
    /// An array of one of the others.
    Array(Box<SqlType>),
    /// `record` with columns of these types.
    Record(Vec<SqlType>),
}

/// The types that are no arrays and have an Arrow type of their own, under their names in `pg_type`.
static SCALARS: [(&str, SqlType); 18] = [
    ("bool", SqlType::Bool),
    ("bytea", SqlType::Bytea),
    ("int8", SqlType::Int8),
    ("int2", SqlType::Int2),
    ("int4", SqlType::Int4),
    ("text", SqlType::Text),
    ("oid", SqlType::Oid),
    ("json", SqlType::Json),
    ("float4", SqlType::Float4),
    ("float8", SqlType::Float8),
    ("date", SqlType::Date),
    ("time", SqlType::Time),
    ("timestamp", SqlType::Timestamp),
    ("timestamptz", SqlType::Timestamptz),
    ("interval", SqlType::Interval),
    ("numeric", SqlType::Numeric { precision: DEFAULT_NUMERIC.0, scale: DEFAULT_NUMERIC.1 }),
    ("uuid", SqlType::Uuid),
    ("jsonb", SqlType::Jsonb),
];

/// An Arrow type that no SQL type stands for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("type {0} has no PostgreSQL type")]
pub struct UnmappedType(pub DataType);

impl SqlType {
    /// The Arrow type that columns of this type have in this process.
    #[must_use]
    pub fn arrow(&self) -> DataType {
        match self {
            Self::Bool => DataType::Boolean,
            Self::Int2 => DataType::Int16,
            Self::Int4 => DataType::Int32,
            Self::Int8 => DataType::Int64,
            Self::Float4 => DataType::Float32,
            Self::Float8 => DataType::Float64,
            Self::Numeric { precision, scale } if *precision > 38 => DataType::Decimal256(*precision, *scale),
            Self::Numeric { precision, scale } => DataType::Decimal128(*precision, *scale),
            Self::Text | Self::TextLike(_) => DataType::Utf8,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::Timestamptz => DataType::Timestamp(TimeUnit::Microsecond, Some(Arc::from(UTC))),
            Self::Interval => DataType::Interval(IntervalUnit::MonthDayNano),
            Self::Uuid => DataType::FixedSizeBinary(16),
            Self::Json => DataType::LargeUtf8,
            Self::Jsonb => DataType::LargeBinary,
            Self::Bytea => DataType::Binary,
            Self::Oid => DataType::UInt32,
            Self::Array(element) => DataType::List(Arc::new(Field::new_list_field(element.arrow(), true))),
            Self::Record(columns) => {
                let columns = columns.iter().enumerate();
                DataType::Struct(columns.map(|(i, one)| Field::new(format!("f{}", i + 1), one.arrow(), true)).collect())
            }
        }
    }

    /// The SQL type of an Arrow type, as the wire announces it.
    ///
    /// # Errors
    /// [`UnmappedType`] for maps, unions and the like.
    pub fn from_arrow(data_type: &DataType) -> Result<Self, UnmappedType> {
        Ok(match data_type {
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::UInt8 | DataType::Int16 => Self::Int2,
            DataType::UInt16 | DataType::Int32 => Self::Int4,
            // Only the engine's own ranks and counts are UInt64; PostgreSQL has them as bigint.
            DataType::Int64 | DataType::UInt64 => Self::Int8,
            DataType::UInt32 => Self::Oid,
            DataType::Float16 | DataType::Float32 => Self::Float4,
            DataType::Float64 => Self::Float8,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self::Numeric { precision: *precision, scale: *scale },
            DataType::Null | DataType::Utf8 | DataType::Utf8View => Self::Text,
            DataType::LargeUtf8 => Self::Json,
            DataType::LargeBinary => Self::Jsonb,
            DataType::Binary | DataType::BinaryView => Self::Bytea,
            DataType::FixedSizeBinary(16) => Self::Uuid,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _) => match Self::from_arrow(field.data_type())? {
                nested @ Self::Array(_) => nested,
                element => Self::Array(Box::new(element)),
            },
            DataType::Dictionary(_, values) => Self::from_arrow(values)?,
            DataType::RunEndEncoded(_, values) => Self::from_arrow(values.data_type())?,
            DataType::Struct(columns) => {
                let types = columns.iter().map(|column| Self::from_arrow(column.data_type()));
                Self::Record(types.collect::<Result<_, _>>()?)
            }
            DataType::FixedSizeBinary(_) | DataType::Map(_, _) | DataType::Union(_, _) => {
                return Err(UnmappedType(data_type.clone()));
            }
        })
    }

    /// PostgreSQL's type OID. Source: `pg_type.dat` of PostgreSQL 15.
    #[must_use]
    pub fn oid(&self) -> u32 {
        match self {
            Self::Bool => 16,
            Self::Bytea => 17,
            Self::Int8 => 20,
            Self::Int2 => 21,
            Self::Int4 => 23,
            Self::Text => 25,
            Self::TextLike(kind) => kind.oid(),
            Self::Oid => 26,
            Self::Json => 114,
            Self::Float4 => 700,
            Self::Float8 => 701,
            Self::Date => 1082,
            Self::Time => 1083,
            Self::Timestamp => 1114,
            Self::Timestamptz => 1184,
            Self::Interval => 1186,
            Self::Numeric { .. } => 1700,
            Self::Uuid => 2950,
            Self::Jsonb => 3802,
            Self::Record(_) => 2249,
            Self::Array(element) => match element.as_ref() {
                Self::Json => 199,
                Self::Bool => 1000,
                Self::Bytea => 1001,
                Self::Int2 => 1005,
                Self::Int4 => 1007,
                Self::Text => 1009,
                Self::TextLike(kind) => kind.array_oid(),
                Self::Int8 => 1016,
                Self::Float4 => 1021,
                Self::Float8 => 1022,
                Self::Oid => 1028,
                Self::Timestamp => 1115,
                Self::Date => 1182,
                Self::Time => 1183,
                Self::Timestamptz => 1185,
                Self::Interval => 1187,
                Self::Numeric { .. } => 1231,
                Self::Uuid => 2951,
                Self::Jsonb => 3807,
                Self::Record(_) => 2287,
                // PostgreSQL's arrays of arrays have the same type as the array.
                Self::Array(_) => element.oid(),
            },
        }
    }

    /// The type of an OID that a client names for a parameter; `None` for one that this server does not know.
    #[must_use]
    pub fn from_oid(oid: u32) -> Option<Self> {
        let of_text = TextType::all().filter(|kind| kind.is_read()).map(|kind| match kind {
            TextType::Varchar => (kind, Self::TextLike(kind)),
            // The others are read as text.
            _ => (kind, Self::Text),
        });
        let scalars = SCALARS.iter().map(|(_, scalar)| (scalar.oid(), Self::array_of(scalar).oid(), scalar.clone()));
        let texts = of_text.map(|(kind, read)| (kind.oid(), kind.array_oid(), read));
        scalars.chain(texts).find_map(|(scalar, array, read)| match oid {
            _ if oid == scalar => Some(read),
            _ if oid == array => Some(Self::array_of(&read)),
            _ => None,
        })
    }

    fn array_of(element: &Self) -> Self {
        Self::Array(Box::new(element.clone()))
    }

    /// Whether columns of the type are texts in this process.
    #[must_use]
    pub fn is_text(&self) -> bool {
        matches!(self, Self::Text | Self::TextLike(_))
    }

    /// The type that `pg_type` has under a name, such as `int4`; a numeric of any digits. `None` for an array, and for
    /// what a client may not send.
    #[must_use]
    pub fn by_pg_name(name: &str) -> Option<Self> {
        let of_text = || TextType::by_pg_name(name).filter(|kind| kind.is_read()).map(Self::TextLike);
        SCALARS.iter().find(|(known, _)| *known == name).map(|(_, scalar)| scalar.clone()).or_else(of_text)
    }

    /// The name in `pg_type`; `None` for an array.
    #[must_use]
    pub fn pg_name(&self) -> Option<&'static str> {
        match self {
            Self::TextLike(kind) => return Some(kind.pg_name()),
            Self::Record(_) => return Some("record"),
            _ => {}
        }
        let is_same = |scalar: &Self| std::mem::discriminant(scalar) == std::mem::discriminant(self);
        SCALARS.iter().find(|(_, scalar)| is_same(scalar)).map(|(name, _)| *name)
    }

    /// The name that `format_type` gives, such as `timestamp without time zone`.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Bool => "boolean".into(),
            Self::Int2 => "smallint".into(),
            Self::Int4 => "integer".into(),
            Self::Int8 => "bigint".into(),
            Self::Float4 => "real".into(),
            Self::Float8 => "double precision".into(),
            Self::Numeric { precision, scale } => format!("numeric({precision},{scale})"),
            Self::Text => "text".into(),
            Self::TextLike(kind) => kind.name().into(),
            Self::Date => "date".into(),
            Self::Time => "time without time zone".into(),
            Self::Timestamp => "timestamp without time zone".into(),
            Self::Timestamptz => "timestamp with time zone".into(),
            Self::Interval => "interval".into(),
            Self::Uuid => "uuid".into(),
            Self::Json => "json".into(),
            Self::Jsonb => "jsonb".into(),
            Self::Bytea => "bytea".into(),
            Self::Oid => "oid".into(),
            Self::Array(element) => format!("{}[]", element.name()),
            Self::Record(_) => "record".into(),
        }
    }

    /// The bytes of a value, or -1 where they vary (`typlen`).
    #[must_use]
    pub fn wire_length(&self) -> i16 {
        match self {
            Self::Bool => 1,
            Self::Int2 => 2,
            Self::Int4 | Self::Float4 | Self::Date | Self::Oid => 4,
            Self::Int8 | Self::Float8 | Self::Time | Self::Timestamp | Self::Timestamptz => 8,
            Self::Interval | Self::Uuid => 16,
            Self::TextLike(kind) => kind.wire_length(),
            Self::Numeric { .. }
            | Self::Text
            | Self::Json
            | Self::Jsonb
            | Self::Bytea
            | Self::Array(_)
            | Self::Record(_) => -1,
        }
    }

    /// `atttypmod` of a table's column: digits of a numeric, -1 for the rest.
    #[must_use]
    pub fn type_modifier(&self) -> i32 {
        match self {
            Self::Numeric { precision, scale } => ((i32::from(*precision) << 16) | (i32::from(*scale) & 0x7ff)) + 4,
            _ => -1,
        }
    }

    /// The coarse type that the canvas knows.
    #[must_use]
    pub fn canvas(&self) -> CanvasType {
        match self {
            Self::Bool => CanvasType::Bool,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Oid => CanvasType::Int64,
            Self::Float4 | Self::Float8 | Self::Numeric { .. } => CanvasType::Float64,
            Self::Date | Self::Timestamp | Self::Timestamptz => CanvasType::Datetime,
            Self::Text | Self::TextLike(_) | Self::Uuid => CanvasType::String,
            Self::Time | Self::Interval | Self::Json | Self::Jsonb | Self::Bytea | Self::Array(_) | Self::Record(_) => {
                CanvasType::Object
            }
        }
    }

    /// Whether the type counts as a number where types are compared.
    #[must_use]
    pub fn is_numeric(&self) -> bool {
        matches!(
            self,
            Self::Int2 | Self::Int4 | Self::Int8 | Self::Float4 | Self::Float8 | Self::Numeric { .. } | Self::Oid
        )
    }
}

impl fmt::Display for SqlType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// The column types of the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CanvasType {
    /// text, uuid, enum
    String,
    /// every integer
    Int64,
    /// real, double precision, numeric
    Float64,
    /// boolean
    Bool,
    /// date, timestamp, timestamptz
    Datetime,
    /// everything else
    Object,
}

impl CanvasType {
    /// The name in the canvas's JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Int64 => "int64",
            Self::Float64 => "float64",
            Self::Bool => "bool",
            Self::Datetime => "datetime",
            Self::Object => "object",
        }
    }
}

impl fmt::Display for CanvasType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scalars() -> Vec<SqlType> {
        vec![
            SqlType::Bool,
            SqlType::Int2,
            SqlType::Int4,
            SqlType::Int8,
            SqlType::Float4,
            SqlType::Float8,
            SqlType::Numeric { precision: 38, scale: 10 },
            SqlType::Text,
            SqlType::Date,
            SqlType::Time,
            SqlType::Timestamp,
            SqlType::Timestamptz,
            SqlType::Interval,
            SqlType::Uuid,
            SqlType::Json,
            SqlType::Jsonb,
            SqlType::Bytea,
            SqlType::Oid,
        ]
    }

    #[test]
    fn the_arrow_type_alone_tells_the_sql_type() {
        for scalar in scalars() {
            assert_eq!(SqlType::from_arrow(&scalar.arrow()).unwrap(), scalar);
            let array = SqlType::Array(Box::new(scalar));
            assert_eq!(SqlType::from_arrow(&array.arrow()).unwrap(), array);
        }
    }

    #[test]
    fn a_record_tells_the_types_of_its_columns() {
        let record = SqlType::Record(vec![SqlType::Int4, SqlType::Array(Box::new(SqlType::Text))]);
        let array = SqlType::Array(Box::new(record.clone()));
        assert_eq!(SqlType::from_arrow(&record.arrow()).unwrap(), record);
        assert_eq!(SqlType::from_arrow(&array.arrow()).unwrap(), array);
        assert_eq!((record.oid(), array.oid()), (2249, 2287));
        assert_eq!(array.name(), "record[]");
    }

    #[test]
    fn oids_are_unique_and_read_back() {
        for scalar in scalars() {
            assert_eq!(SqlType::from_oid(scalar.oid()), Some(scalar.clone()));
            let array = SqlType::Array(Box::new(scalar));
            assert_eq!(SqlType::from_oid(array.oid()), Some(array));
        }
        assert_eq!(SqlType::from_oid(1043), Some(SqlType::TextLike(TextType::Varchar)));
        assert_eq!(SqlType::from_oid(18), Some(SqlType::Text));
        assert_eq!(SqlType::from_oid(1003), Some(SqlType::Array(Box::new(SqlType::Text))));
        assert_eq!(SqlType::from_oid(2249), None);
        assert_eq!(SqlType::from_oid(4_000_000), None);
    }
}
