//! Casts to types whose name changes the value: lengths of texts, digits of times, fields of intervals, paths, bits.

use sqlparser::ast::{CharacterLength, DataType, Expr, TimezoneInfo, UnaryOperator, Value, ValueWithSpan};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::base::{ErrorReport, InternalError, UserFacing};

use super::forms::{cast, internal, number, take, text};
use super::intervals;
use super::system::bare_name;

/// The name of `character(n)` without its length.
const CHARACTER: &str = "character";

/// Gives a constant in quotes the type of that name. A number keeps its own digits.
pub(super) fn give(expr: &mut Expr, name: &str) -> Result<(), ErrorReport> {
    if let (Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(written), .. }), "numeric") = (&*expr, name) {
        let digits = written.trim();
        let bare = digits.strip_prefix('-').unwrap_or(digits);
        if bare.starts_with(|c: char| c.is_ascii_digit()) && bare.chars().all(|c| c.is_ascii_digit() || c == '.') {
            let mut plain = number(bare);
            super::numbers::type_number(&mut plain);
            *expr = match bare.len() == digits.len() {
                true => plain,
                false => Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(plain) },
            };
            return Ok(());
        }
    }
    if name == CHARACTER {
        // Its length is not known: nothing is cut, and the blanks at its end count for nothing.
        if let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(written), .. }) = expr {
            written.truncate(written.trim_end_matches(' ').len());
        }
        *expr = cast(take(expr), DataType::Text);
        return Ok(());
    }
    let parsed = Parser::new(&PostgreSqlDialect {}).try_with_sql(name).and_then(|mut parser| parser.parse_data_type());
    let data_type = parsed.map_err(|error| InternalError::new(error).report())?;
    *expr = match tagged(expr, &data_type)? {
        Some(tagged) => tagged,
        None => cast(take(expr), data_type),
    };
    Ok(())
}

/// The value as one of the type of that name; `None` where there is no such type.
pub(in crate::sql) fn as_type(mut expr: Expr, name: &str) -> Option<Expr> {
    give(&mut expr, name).ok()?;
    Some(expr)
}

/// The cast with what its type asks of the value; `None` where the type asks nothing more.
pub(super) fn tagged(operand: &mut Expr, data_type: &DataType) -> Result<Option<Expr>, ErrorReport> {
    let with_length = |function: &str, operand: &mut Expr, length: u64| {
        internal(function, vec![cast(take(operand), DataType::Text), number(&length.to_string())])
    };
    Ok(match data_type {
        DataType::Varchar(length) | DataType::CharVarying(length) | DataType::CharacterVarying(length) => {
            counted(length.as_ref()).map(|length| with_length("as_varchar", operand, length))
        }
        DataType::Char(length) | DataType::Character(length) => {
            Some(with_length("as_character", operand, counted(length.as_ref()).unwrap_or(1)))
        }
        DataType::Timestamp(Some(digits), zone) => {
            let plain = cast(take(operand), DataType::Timestamp(None, *zone));
            Some(rounded(plain, *digits))
        }
        DataType::Time(Some(digits), zone @ (TimezoneInfo::None | TimezoneInfo::WithoutTimeZone)) => {
            let plain = cast(take(operand), DataType::Time(None, *zone));
            Some(rounded(plain, *digits))
        }
        DataType::Interval { fields, precision } if fields.is_some() || precision.is_some() => {
            let mut value = cast(take(operand), intervals::PLAIN);
            if let Some(fields) = fields {
                value = internal("interval_field", vec![value, text(intervals::last_field(fields))]);
            }
            Some(match precision {
                Some(digits) => rounded(value, *digits),
                None => value,
            })
        }
        DataType::Int(_) | DataType::Integer(_) | DataType::Int4(_) => number_of_bits("bits_to_int4", operand),
        DataType::BigInt(_) | DataType::Int8(_) => number_of_bits("bits_to_int8", operand),
        DataType::Custom(name, _) if bare_name(name).as_deref() == Some("jsonpath") => {
            Some(internal("as_jsonpath", vec![cast(take(operand), DataType::Text)]))
        }
        DataType::Custom(name, _) if bare_name(name).as_deref() == Some("char") => {
            let is_open = matches!(operand, Expr::Value(value) if !matches!(value.value, Value::Number(..)));
            let value = if is_open { cast(take(operand), DataType::Text) } else { take(operand) };
            Some(internal("as_quoted_char", vec![value]))
        }
        _ => None,
    })
}

/// `x::bit(n)::bigint`: there are no bit strings here but those that become a number at once.
fn number_of_bits(function: &str, operand: &mut Expr) -> Option<Expr> {
    match operand {
        Expr::Nested(inner) => number_of_bits(function, inner),
        Expr::Cast { expr, data_type: DataType::Bit(length), .. } => {
            let length = number(&length.unwrap_or(1).to_string());
            Some(internal(function, vec![cast(take(expr), DataType::Text), length]))
        }
        _ => None,
    }
}

fn counted(length: Option<&CharacterLength>) -> Option<u64> {
    match length {
        Some(CharacterLength::IntegerLength { length, .. }) => Some(*length),
        Some(CharacterLength::Max) | None => None,
    }
}

/// Six digits are all that there are.
fn rounded(value: Expr, digits: u64) -> Expr {
    internal("round_time", vec![value, number(&digits.min(6).to_string())])
}
