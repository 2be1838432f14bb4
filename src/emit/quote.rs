//! Quoting: the only place where a name or a text becomes part of a statement.
//!
//! The printer of the syntax tree guesses whether a quote inside a name or text is already escaped, and guesses wrong
//! for a text such as `\'`. So the tree gets every text escaped already: quotes doubled, which the printer leaves alone,
//! and for ClickHouse backslashes doubled first, because there a backslash is an escape in names and texts alike.

use sqlparser::ast::{Expr, Ident, ObjectName, ObjectNamePart, Value};

use super::dialect::Dialect;
use super::error::EmitError;

/// A quoted name.
pub(super) fn ident(dialect: Dialect, name: &str) -> Ident {
    Ident::with_quote('"', escaped(dialect, name, '"'))
}

/// A table's name, part by part.
pub(super) fn object_name(dialect: Dialect, parts: &[String]) -> ObjectName {
    ObjectName(parts.iter().map(|part| ObjectNamePart::Identifier(ident(dialect, part))).collect())
}

/// `alias.column`.
pub(super) fn column(dialect: Dialect, alias: &str, name: &str) -> Expr {
    Expr::CompoundIdentifier(vec![ident(dialect, alias), ident(dialect, name)])
}

/// A text literal.
///
/// # Errors
/// [`EmitError::Unsupported`] for a NUL character where the dialect cannot hold one.
pub(super) fn text(dialect: Dialect, text: &str) -> Result<Value, EmitError> {
    match dialect {
        Dialect::PostgreSql | Dialect::Redis if text.contains('\0') => {
            Err(EmitError::unsupported("a NUL character in text", dialect))
        }
        // A plain literal with a backslash would depend on `standard_conforming_strings`.
        Dialect::PostgreSql | Dialect::Redis if text.contains('\\') => Ok(Value::EscapedStringLiteral(text.to_owned())),
        Dialect::PostgreSql | Dialect::Redis | Dialect::ClickHouse => {
            Ok(Value::SingleQuotedString(escaped(dialect, text, '\'')))
        }
    }
}

fn escaped(dialect: Dialect, text: &str, quote: char) -> String {
    let backslash = dialect == Dialect::ClickHouse;
    if !text.contains(quote) && !(backslash && text.contains(['\\', '\0'])) {
        return text.to_owned();
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\0' if backslash => escaped.push_str("\\0"),
            '\\' if backslash => escaped.push_str("\\\\"),
            _ if character == quote => escaped.extend([quote, quote]),
            _ => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sqlparser::dialect::{ClickHouseDialect, PostgreSqlDialect};
    use sqlparser::parser::Parser;

    fn read_back(dialect: Dialect, sql: &str) -> String {
        let statements = match dialect {
            Dialect::ClickHouse => Parser::parse_sql(&ClickHouseDialect {}, sql),
            Dialect::PostgreSql | Dialect::Redis => Parser::parse_sql(&PostgreSqlDialect {}, sql),
        };
        let mut found = None;
        let statements = statements.unwrap_or_else(|error| panic!("{sql}: {error}"));
        assert_eq!(statements.len(), 1, "{sql}");
        let _never = sqlparser::ast::visit_expressions(&statements, |expr| {
            if let Expr::Value(value) = expr {
                found = value.value.clone().into_string();
            }
            std::ops::ControlFlow::<()>::Continue(())
        });
        found.unwrap_or_default()
    }

    proptest! {
        #[test]
        fn every_text_reads_back_as_itself(written in "['\"\\\\a-cé\n;# $-]{0,12}") {
            for dialect in [Dialect::ClickHouse, Dialect::PostgreSql] {
                let value = text(dialect, &written).unwrap();
                prop_assert_eq!(&read_back(dialect, &format!("SELECT {value}")), &written);
            }
        }

        #[test]
        fn a_name_never_ends_before_its_quote(name in "['\"\\\\a-c\n;]{1,12}") {
            let quoted = ident(Dialect::PostgreSql, &name).to_string();
            prop_assert_eq!(&quoted[1..quoted.len() - 1].replace("\"\"", "\""), &name);
            let quoted = ident(Dialect::ClickHouse, &name).to_string();
            let inner = quoted[1..quoted.len() - 1].replace("\\\\", "\u{1}").replace("\"\"", "\"");
            prop_assert_eq!(inner.replace('\u{1}', "\\"), name);
        }
    }
}
