//! What the printer of the tree writes as it is: it must be one word of the kind that the tree says.

use sqlparser::ast::{Expr, UnaryOperator, Value};

/// Whether a value is printed as one literal or one parameter: quoted and escaped, or of characters that end nothing.
pub(super) fn is_one_value(value: &Value) -> bool {
    match value {
        Value::SingleQuotedString(_) | Value::EscapedStringLiteral(_) | Value::Boolean(_) | Value::Null => true,
        Value::Number(digits, false) => {
            let rest = digits.strip_prefix('-').unwrap_or(digits);
            let is_of_number = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E');
            // A sign inside stands behind the letter of an exponent only.
            let parts = rest.split(['e', 'E']).enumerate();
            !rest.is_empty()
                && parts.into_iter().all(|(at, part)| {
                    let digits = if at == 1 { part.strip_prefix(['-', '+']).unwrap_or(part) } else { part };
                    !digits.is_empty() && digits.bytes().all(is_of_number)
                })
        }
        Value::Placeholder(name) => is_parameter(name),
        _ => false,
    }
}

/// `$1` or `{p1:Nullable(Int64)}`.
fn is_parameter(name: &str) -> bool {
    if let Some(number) = name.strip_prefix('$') {
        return !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    }
    let inner = name.strip_prefix("{p").and_then(|rest| rest.strip_suffix('}'));
    inner.and_then(|inner| inner.split_once(':')).is_some_and(|(number, data_type)| {
        let is_of_type = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'(' | b')' | b',' | b' ' | b'\'');
        number.bytes().all(|byte| byte.is_ascii_digit()) && data_type.bytes().all(is_of_type)
    })
}

/// `--` begins a comment, which takes the rest of the statement with it.
pub(super) fn is_comment(operator: UnaryOperator, operand: &Expr) -> bool {
    operator == UnaryOperator::Minus
        && match operand {
            Expr::UnaryOp { op: UnaryOperator::Minus, .. } => true,
            Expr::Value(value) => matches!(&value.value, Value::Number(digits, _) if digits.starts_with('-')),
            _ => false,
        }
}

/// Functions that read tables or files by a name that they are given, so that no guard stands on them.
const READS_ELSEWHERE: &[&str] = &[
    "dict",
    "joinget",
    "file",
    "url",
    "s3",
    "remote",
    "in",
    "notin",
    "nullin",
    "notnullin",
    "globalin",
    "globalnotin",
    "globalnullin",
    "globalnotnullin",
];

/// What such functions begin with.
const READS_ELSEWHERE_PREFIXES: &[&str] = &[
    "dictget",
    "dicthas",
    "dictis",
    "joinget",
    "pg_read",
    "pg_ls",
    "pg_stat_file",
    "lo_",
    "dblink",
    "query_to_xml",
    "table_to_xml",
    "schema_to_xml",
    "database_to_xml",
    "cursor_to_xml",
];

/// Whether a function reads what the statement does not name as a table.
pub(super) fn reads_elsewhere(function: &str) -> bool {
    let name = function.to_ascii_lowercase();
    READS_ELSEWHERE.contains(&name.as_str()) || READS_ELSEWHERE_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_one_word() {
        let number = |digits: &str| is_one_value(&Value::Number(digits.to_owned(), false));
        for digits in ["1", "-1", "1.5", "1e400", "1.5e-7", "2E+3"] {
            assert!(number(digits), "{digits}");
        }
        for digits in ["", "-", "1 OR 1", "1--", "1-1", "1e", "1e--1", "0x1F", "--1"] {
            assert!(!number(digits), "{digits}");
        }
        let parameter = |name: &str| is_one_value(&Value::Placeholder(name.to_owned()));
        for name in ["$1", "$23", "{p0:Nullable(Int64)}", "{p1:Nullable(DateTime64(6, 'UTC'))}"] {
            assert!(parameter(name), "{name}");
        }
        for name in ["$", "$1 OR true", "?", ":x", "{p1:Int64} OR {p2:Int64}", "{p:x; y}", "{pp1:Int64}"] {
            assert!(!parameter(name), "{name}");
        }
        assert!(!is_one_value(&Value::HexStringLiteral("'".to_owned())));
    }

    #[test]
    fn functions_that_read_elsewhere_are_known() {
        for name in ["dictGet", "dictGetOrDefault", "joinGet", "file", "IN", "notIn", "pg_read_file", "query_to_xml"] {
            assert!(reads_elsewhere(name), "{name}");
        }
        for name in ["indexOf", "intDiv", "initcap", "lower", "date_trunc", "position"] {
            assert!(!reads_elsewhere(name), "{name}");
        }
    }
}
