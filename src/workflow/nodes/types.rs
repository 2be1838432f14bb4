//! Types that hold the values of two others.

use crate::base::SqlType;

/// The most digits that a decimal of the engine has.
const MOST_DIGITS: u8 = 76;

/// The narrowest type that holds the values of both; `None` when they have nothing in common.
pub(super) fn widened(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    if a == b {
        return Some(a.clone());
    }
    if a.is_numeric() && b.is_numeric() {
        return wider_number(a, b);
    }
    match (a, b) {
        (a, b) if a.is_text() && b.is_text() => Some(SqlType::Text),
        (SqlType::Date, SqlType::Timestamp) | (SqlType::Timestamp, SqlType::Date) => Some(SqlType::Timestamp),
        (SqlType::Date | SqlType::Timestamp, SqlType::Timestamptz)
        | (SqlType::Timestamptz, SqlType::Date | SqlType::Timestamp) => Some(SqlType::Timestamptz),
        _ => None,
    }
}

fn wider_number(a: &SqlType, b: &SqlType) -> Option<SqlType> {
    let is_float = |known: &SqlType| matches!(known, SqlType::Float4 | SqlType::Float8);
    if is_float(a) || is_float(b) {
        return Some(SqlType::Float8);
    }
    let ((a_whole, a_scale), (b_whole, b_scale)) = (digits(a)?, digits(b)?);
    let is_decimal = |known: &SqlType| matches!(known, SqlType::Numeric { .. });
    if !is_decimal(a) && !is_decimal(b) {
        return Some(if a_whole.max(b_whole) <= 10 && *a != SqlType::Oid && *b != SqlType::Oid {
            SqlType::Int4
        } else {
            SqlType::Int8
        });
    }
    let scale = a_scale.max(b_scale);
    let precision = a_whole.max(b_whole).checked_add(scale)?;
    let scale = i8::try_from(scale).ok()?;
    (precision <= MOST_DIGITS).then_some(SqlType::Numeric { precision, scale })
}

/// Digits before and behind the point.
fn digits(sql_type: &SqlType) -> Option<(u8, u8)> {
    match sql_type {
        SqlType::Int2 => Some((5, 0)),
        SqlType::Int4 | SqlType::Oid => Some((10, 0)),
        SqlType::Int8 => Some((19, 0)),
        SqlType::Numeric { precision, scale } => {
            let scale = u8::try_from(*scale).ok()?;
            Some((precision.checked_sub(scale)?, scale))
        }
        SqlType::Bool
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Text
        | SqlType::TextLike(_)
        | SqlType::Date
        | SqlType::Time
        | SqlType::Timestamp
        | SqlType::Timestamptz
        | SqlType::Interval
        | SqlType::Uuid
        | SqlType::Json
        | SqlType::Jsonb
        | SqlType::Bytea
        | SqlType::Array(_)
        | SqlType::Record(_) => None,
    }
}

/// Whether every store compares and orders values of the type as PostgreSQL does.
pub(super) fn is_comparable(sql_type: &SqlType) -> bool {
    match sql_type {
        SqlType::Json | SqlType::Jsonb | SqlType::Interval | SqlType::Array(_) | SqlType::Record(_) => false,
        SqlType::Bool
        | SqlType::Int2
        | SqlType::Int4
        | SqlType::Int8
        | SqlType::Float4
        | SqlType::Float8
        | SqlType::Numeric { .. }
        | SqlType::Text
        | SqlType::TextLike(_)
        | SqlType::Date
        | SqlType::Time
        | SqlType::Timestamp
        | SqlType::Timestamptz
        | SqlType::Uuid
        | SqlType::Bytea
        | SqlType::Oid => true,
    }
}

#[cfg(test)]
mod tests {
    use crate::base::TextType;

    use super::*;

    #[test]
    fn both_types_fit_into_the_wider_one() {
        let numeric = |precision, scale| SqlType::Numeric { precision, scale };
        for (a, b, expected) in [
            (SqlType::Int2, SqlType::Int4, Some(SqlType::Int4)),
            (SqlType::Int4, SqlType::Int8, Some(SqlType::Int8)),
            (SqlType::Oid, SqlType::Int4, Some(SqlType::Int8)),
            (SqlType::Int8, SqlType::Float4, Some(SqlType::Float8)),
            (SqlType::Int4, numeric(18, 4), Some(numeric(18, 4))),
            (SqlType::Int8, numeric(18, 4), Some(numeric(23, 4))),
            (numeric(18, 4), numeric(18, 8), Some(numeric(22, 8))),
            (numeric(38, 0), numeric(38, 38), Some(numeric(76, 38))),
            (numeric(76, 0), numeric(38, 38), None),
            (SqlType::TextLike(TextType::Varchar), SqlType::Text, Some(SqlType::Text)),
            (SqlType::Date, SqlType::Timestamptz, Some(SqlType::Timestamptz)),
            (SqlType::Text, SqlType::Int4, None),
            (SqlType::Bool, SqlType::Int4, None),
        ] {
            assert_eq!(widened(&a, &b), expected, "{a} {b}");
            assert_eq!(widened(&b, &a), expected, "{b} {a}");
        }
    }
}
