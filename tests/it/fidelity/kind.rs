//! The types of the queries' values.

/// A type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Bool,
    Int,
    Big,
    Numeric,
    Float,
    Text,
    Date,
    Timestamp,
    Instant,
    Interval,
}

impl Kind {
    /// Every type.
    pub const ALL: [Self; 10] = [
        Self::Bool,
        Self::Int,
        Self::Big,
        Self::Numeric,
        Self::Float,
        Self::Text,
        Self::Date,
        Self::Timestamp,
        Self::Instant,
        Self::Interval,
    ];

    /// Its name in SQL.
    pub fn sql(self) -> &'static str {
        match self {
            Self::Bool => "boolean",
            Self::Int => "integer",
            Self::Big => "bigint",
            Self::Numeric => "numeric",
            Self::Float => "float8",
            Self::Text => "text",
            Self::Date => "date",
            Self::Timestamp => "timestamp",
            Self::Instant => "timestamptz",
            Self::Interval => "interval",
        }
    }

    /// Constants, the simplest first. Numerics have two digits after the point: see [`super::known`], "scale".
    pub fn constants(self) -> &'static [&'static str] {
        match self {
            Self::Bool => &["true", "false"],
            Self::Int => &["1", "0", "2", "(-3)", "7", "10", "100"],
            Self::Big => &["5::bigint", "0::bigint", "(-2)::bigint", "100::bigint", "3000000000"],
            Self::Numeric => &["1.50", "0.00", "(-2.75)", "100.00", "0.33", "200.25"],
            Self::Float => &["1.5::float8", "0::float8", "(-0.25)::float8", "200::float8", "3::float8"],
            Self::Text => &["'a'::text", "'AAPL'", "''", "'Technology'", "'A%'", "'b_c'", "'éß'", "'  pad '", "'BUY'"],
            Self::Date => &["DATE '2025-05-28'", "DATE '2025-02-28'", "DATE '2024-12-31'", "'2025-05-30'::date"],
            Self::Timestamp => &[
                "TIMESTAMP '2025-05-28 00:00:00'",
                "TIMESTAMP '2025-05-26 01:02:03.5'",
                "TIMESTAMP '2025-01-31 23:59:59'",
            ],
            Self::Instant => &["TIMESTAMPTZ '2025-06-01 12:00:00+00'", "TIMESTAMPTZ '2025-06-01 23:59:00+02'"],
            Self::Interval => &[
                "INTERVAL '1 day'",
                "INTERVAL '90 minutes'",
                "INTERVAL '1 month 2 days'",
                "INTERVAL '-3 hours'",
                "INTERVAL '0'",
            ],
        }
    }
}
