//! PostgreSQL's types by their names in `pg_type`, and which of them become which.

use std::collections::HashMap;
use std::sync::LazyLock;

use sqlparser::ast::DataType;

use crate::base::SqlType;

/// A type by its name in `pg_type`: `int4`, `_text`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Type(pub(super) &'static str);

/// How far a conversion may go without the user's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Context {
    /// Anywhere.
    Implicit,
    /// Where a value is put in its place: LIMIT, a condition.
    Assignment,
    /// In a cast.
    Explicit,
}

struct Row {
    category: u8,
    preferred: bool,
    element: Option<Type>,
    array: Option<Type>,
    display: &'static str,
}

/// Read off PostgreSQL 15: name, category, whether preferred, element, array, name in messages.
static TYPES: LazyLock<HashMap<&'static str, Row>> =
    LazyLock::new(|| include_str!("postgresql/types.txt").lines().filter_map(read_type).collect());

/// Read off `pg_cast`: from, to, context.
static CASTS: LazyLock<HashMap<(Type, Type), Context>> =
    LazyLock::new(|| include_str!("postgresql/casts.txt").lines().filter_map(read_cast).collect());

fn read_type(line: &'static str) -> Option<(&'static str, Row)> {
    let mut words = line.splitn(6, ' ');
    let name = words.next()?;
    let category = *words.next()?.as_bytes().first()?;
    let preferred = words.next()? == "1";
    let mut optional = || words.next().map(|word| (word != "-").then_some(Type(word)));
    let (element, array) = (optional()?, optional()?);
    Some((name, Row { category, preferred, element, array, display: words.next()? }))
}

fn read_cast(line: &'static str) -> Option<((Type, Type), Context)> {
    let mut words = line.split(' ');
    let (from, to) = (words.next()?, words.next()?);
    let context = match words.next()? {
        "i" => Context::Implicit,
        "a" => Context::Assignment,
        _ => Context::Explicit,
    };
    Some(((Type(from), Type(to)), context))
}

/// The category of text.
pub(super) const STRING: u8 = b'S';

impl Type {
    /// A constant in quotes, NULL, or a parameter that nothing has typed yet.
    pub(super) const UNKNOWN: Self = Self("unknown");
    /// What cannot be told here: everything fits it.
    pub(super) const ANY: Self = Self("?");
    pub(super) const BOOL: Self = Self("bool");
    pub(super) const INT4: Self = Self("int4");
    pub(super) const INT8: Self = Self("int8");
    pub(super) const FLOAT4: Self = Self("float4");
    pub(super) const FLOAT8: Self = Self("float8");
    pub(super) const NUMERIC: Self = Self("numeric");
    pub(super) const TEXT: Self = Self("text");
    pub(super) const INTERVAL: Self = Self("interval");
    pub(super) const RECORD: Self = Self("record");
    pub(super) const JSONPATH: Self = Self("jsonpath");

    /// A type by the name that a text has for it.
    pub(super) fn named(name: &str) -> Option<Self> {
        TYPES.get_key_value(name).map(|(name, _)| Self(name))
    }

    pub(super) fn is_known(self) -> bool {
        self != Self::UNKNOWN && self != Self::ANY
    }

    /// As messages name it.
    pub(super) fn display(self) -> &'static str {
        TYPES.get(self.0).map_or(self.0, |row| row.display)
    }

    pub(super) fn category(self) -> u8 {
        TYPES.get(self.0).map_or(b'X', |row| row.category)
    }

    pub(super) fn is_preferred(self) -> bool {
        TYPES.get(self.0).is_some_and(|row| row.preferred)
    }

    pub(super) fn element(self) -> Option<Self> {
        TYPES.get(self.0).and_then(|row| row.element)
    }

    pub(super) fn array(self) -> Option<Self> {
        TYPES.get(self.0).and_then(|row| row.array)
    }

    /// Whether it stands for a family of types in a signature.
    pub(super) fn is_polymorphic(self) -> bool {
        self.0.starts_with("any") && self.0 != "any"
    }

    /// Whether values of the type can be put in an order, or told apart.
    pub(super) fn is_comparable(self) -> bool {
        let scalar = self.element().unwrap_or(self);
        !matches!(scalar.0, "json" | "xml" | "point" | "box" | "polygon" | "line" | "lseg" | "path" | "circle")
    }

    /// The type whose constants this server reads.
    pub(super) fn sql_type(self) -> Option<SqlType> {
        if let Some(element) = self.element() {
            return element.sql_type().map(|element| SqlType::Array(Box::new(element)));
        }
        match self.0 {
            "varchar" => Some(SqlType::Text),
            "name" | "bpchar" | "char" | "oid" => None,
            other => SqlType::by_pg_name(other),
        }
    }

    /// The type of a column.
    pub(super) fn of(sql_type: &SqlType) -> Self {
        match sql_type {
            SqlType::Array(element) => Self::of(element).array().unwrap_or(Self::ANY),
            scalar => scalar.pg_name().map_or(Self::ANY, Self),
        }
    }

    /// Whether a value of this type becomes one of another (`find_coercion_pathway`).
    pub(super) fn becomes(self, to: Self, context: Context) -> bool {
        if self == to || self == Self::ANY || to == Self::ANY || self == Self::UNKNOWN || to.0 == "any" {
            return true;
        }
        if CASTS.get(&(self, to)).is_some_and(|allowed| *allowed <= context) {
            return true;
        }
        // PostgreSQL lets no array become one of these two.
        let is_vector = matches!(to.0, "oidvector" | "int2vector");
        if let (Some(from), Some(to), false) = (self.element(), to.element(), is_vector) {
            return from.becomes(to, context);
        }
        // Everything can be written as text and read from it.
        match context {
            Context::Implicit => false,
            Context::Assignment => to.category() == STRING && self != Self::RECORD,
            Context::Explicit => self.category() == STRING || to.category() == STRING,
        }
    }
}

/// A type as a text writes it; `None` where PostgreSQL has no such type.
pub(super) fn written(data_type: &DataType) -> Option<Type> {
    use sqlparser::ast::{ArrayElemTypeDef, TimezoneInfo};
    let name = match data_type {
        DataType::Custom(name, _) => {
            let parts: Vec<String> =
                name.0.iter().filter_map(|part| part.as_ident()).map(crate::sql::words::folded).collect();
            return match parts.as_slice() {
                [last] => by_alias(last),
                [schema, last] if schema == "pg_catalog" => Type::named(last),
                _ => None,
            };
        }
        DataType::Array(ArrayElemTypeDef::SquareBracket(element, _) | ArrayElemTypeDef::AngleBracket(element)) => {
            let element = written(element)?;
            return if element.element().is_some() { Some(element) } else { element.array() };
        }
        DataType::Boolean | DataType::Bool => "bool",
        DataType::SmallInt(_) | DataType::Int2(_) => "int2",
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => "int4",
        DataType::BigInt(_) | DataType::Int8(_) => "int8",
        DataType::Real | DataType::Float4 => "float4",
        DataType::Float(info) => match info {
            sqlparser::ast::ExactNumberInfo::Precision(bits) if *bits <= 24 => "float4",
            _ => "float8",
        },
        DataType::Double(_) | DataType::DoublePrecision | DataType::Float8 => "float8",
        DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "numeric",
        DataType::Text => "text",
        DataType::Varchar(_) | DataType::CharVarying(_) | DataType::CharacterVarying(_) => "varchar",
        DataType::Char(_) | DataType::Character(_) => "bpchar",
        DataType::Date => "date",
        DataType::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => "time",
        DataType::Time(_, _) => "timetz",
        DataType::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => "timestamp",
        DataType::Timestamp(_, _) => "timestamptz",
        DataType::Interval { .. } => "interval",
        DataType::Uuid => "uuid",
        DataType::JSON => "json",
        DataType::JSONB => "jsonb",
        DataType::Bytea => "bytea",
        DataType::Regclass => "regclass",
        DataType::Bit(_) => "bit",
        DataType::BitVarying(_) | DataType::VarBit(_) => "varbit",
        // Names that the parser knows from elsewhere, and PostgreSQL has not.
        DataType::Datetime(_)
        | DataType::TinyInt(_)
        | DataType::Blob(_)
        | DataType::Clob(_)
        | DataType::Nvarchar(_)
        | DataType::Int64
        | DataType::Int32
        | DataType::Int16
        | DataType::Float64
        | DataType::Float32 => return None,
        _ => return Some(Type::ANY),
    };
    Type::named(name)
}

/// The words that are no names in `pg_type` but are read as types.
fn by_alias(name: &str) -> Option<Type> {
    Type::named(match name {
        "boolean" => "bool",
        "integer" | "int" => "int4",
        "bigint" => "int8",
        "smallint" => "int2",
        "real" => "float4",
        "decimal" | "dec" => "numeric",
        other => other,
    })
    .filter(|found| *found != Type::UNKNOWN || name == "unknown")
}
