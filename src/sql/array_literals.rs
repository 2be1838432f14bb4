//! A literal next to an array is an array: `roles = '{0}'`.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::base::engine_error::wrap;
use crate::base::{ErrorReport, SqlState};

/// Reads literals that are compared with arrays or appended to them.
#[derive(Debug)]
pub(super) struct ArrayLiterals;

impl ExprPlanner for ArrayLiterals {
    fn plan_binary_op(&self, expression: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let RawBinaryExpr { op, left, right } = expression;
        let (left, right) = match (text_of(&left), text_of(&right)) {
            (None, Some(text)) => match element_type(&left, schema) {
                Some(element) => (left, read(&text, &element)?),
                None => (left, right),
            },
            (Some(text), None) => match element_type(&right, schema) {
                Some(element) => (read(&text, &element)?, right),
                None => (left, right),
            },
            (None, None) | (Some(_), Some(_)) => (left, right),
        };
        Ok(PlannerResult::Original(RawBinaryExpr { op, left, right }))
    }
}

fn text_of(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Literal(ScalarValue::Utf8(Some(text)), _) => Some(text.clone()),
        _ => None,
    }
}

fn element_type(expression: &Expr, schema: &DFSchema) -> Option<DataType> {
    match expression.get_type(schema).ok()? {
        DataType::List(field) => Some(field.data_type().clone()),
        _ => None,
    }
}

fn read(text: &str, element: &DataType) -> Result<Expr> {
    let malformed = || {
        let message = format!("malformed array literal: \"{text}\"");
        wrap(ErrorReport::new(SqlState::INVALID_TEXT_REPRESENTATION, message))
    };
    let items = split(text).ok_or_else(malformed)?;
    let values = items.into_iter().map(|item| ScalarValue::Utf8(item).cast_to(element));
    let values = values.collect::<Result<Vec<_>>>()?;
    let list = ScalarValue::new_list(&values, element, true);
    Ok(Expr::Literal(ScalarValue::List(Arc::clone(&list)), None))
}

/// The items of `{a,"b c",NULL}`; `None` when it is no array of one dimension.
fn split(text: &str) -> Option<Vec<Option<String>>> {
    let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
    let mut items = Vec::new();
    if inner.trim().is_empty() {
        return Some(items);
    }
    let mut rest = inner;
    loop {
        let (item, after) = item(rest.trim_start())?;
        items.push(item);
        match after.trim_start().strip_prefix(',') {
            Some(next) => rest = next,
            None if after.trim().is_empty() => return Some(items),
            None => return None,
        }
    }
}

fn item(text: &str) -> Option<(Option<String>, &str)> {
    if let Some(quoted) = text.strip_prefix('"') {
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        while let Some((index, c)) = characters.next() {
            match c {
                '\\' => value.push(characters.next()?.1),
                '"' => return Some((Some(value), &quoted[index + 1..])),
                _ => value.push(c),
            }
        }
        return None;
    }
    let end = text.find(',').unwrap_or(text.len());
    let word = text[..end].trim();
    if word.is_empty() || word.contains(['{', '}', '"']) {
        return None;
    }
    let value = (!word.eq_ignore_ascii_case("null")).then(|| word.to_owned());
    Some((value, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_read_as_postgresql_writes_them() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(split("{}"), Some(vec![]));
        assert_eq!(split("{0}"), Some(vec![some("0")]));
        assert_eq!(split("{a, \"b,\\\"c\" ,NULL}"), Some(vec![some("a"), some("b,\"c"), None]));
        for bad in ["", "0", "{", "{a", "{a,}", "{\"a}", "{{a}}"] {
            assert_eq!(split(bad), None, "{bad}");
        }
    }
}
