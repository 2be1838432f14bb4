//! Which keys a query asks for.

use std::collections::BTreeSet;

use datafusion::common::ScalarValue;
use datafusion::logical_expr::{BinaryExpr, Expr, Operator};

/// The values that the key can have under the filters; `None` when they do not say.
pub(in crate::stores) fn wanted_keys(filters: &[Expr], key: &str) -> Option<BTreeSet<String>> {
    filters.iter().filter_map(|filter| keys_of(filter, key)).reduce(|one, other| &one & &other)
}

fn keys_of(filter: &Expr, key: &str) -> Option<BTreeSet<String>> {
    if let Expr::InList(list) = filter {
        let wanted = !list.negated && is_key(&list.expr, key);
        return wanted.then(|| list.list.iter().map(key_value).collect::<Option<Vec<_>>>())?.map(flatten);
    }
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = filter else { return None };
    match op {
        Operator::Eq if is_key(left, key) => key_value(right).map(|value| flatten(vec![value])),
        Operator::Eq if is_key(right, key) => key_value(left).map(|value| flatten(vec![value])),
        Operator::Or => Some(&keys_of(left, key)? | &keys_of(right, key)?),
        Operator::And => match (keys_of(left, key), keys_of(right, key)) {
            (Some(one), Some(other)) => Some(&one & &other),
            (one, other) => one.or(other),
        },
        _ => None,
    }
}

fn is_key(expression: &Expr, key: &str) -> bool {
    matches!(expression, Expr::Column(column) if column.name == key)
}

fn key_value(expression: &Expr) -> Option<Option<String>> {
    match expression {
        Expr::Literal(value, _) => key_text(value).map(|text| text.map(str::to_owned)),
        _ => None,
    }
}

/// The text of a value; the inner `None` is NULL, which equals nothing.
pub(in crate::stores) fn key_text(value: &ScalarValue) -> Option<Option<&str>> {
    match value {
        ScalarValue::Utf8(text) | ScalarValue::Utf8View(text) | ScalarValue::LargeUtf8(text) => Some(text.as_deref()),
        ScalarValue::Null => Some(None),
        _ => None,
    }
}

fn flatten(values: Vec<Option<String>>) -> BTreeSet<String> {
    values.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::logical_expr::{col, lit};

    fn keys(filters: &[Expr]) -> Option<Vec<String>> {
        wanted_keys(filters, "k").map(|keys| keys.into_iter().collect())
    }

    #[test]
    fn filters_on_the_key_say_which_rows_to_look_up() {
        assert_eq!(keys(&[col("k").eq(lit("a"))]), Some(vec!["a".into()]));
        assert_eq!(keys(&[lit("a").eq(col("k"))]), Some(vec!["a".into()]));
        let guarded = [col("k").eq(lit("b")), col("k").in_list(vec![lit("a"), lit("b")], false)];
        assert_eq!(keys(&guarded), Some(vec!["b".into()]));
        assert_eq!(keys(&[col("k").eq(lit("a")).or(col("k").eq(lit("b")))]), Some(vec!["a".into(), "b".into()]));
        assert_eq!(keys(&[col("k").eq(lit(ScalarValue::Utf8(None)))]), Some(vec![]));
    }

    #[test]
    fn other_filters_say_nothing() {
        assert_eq!(keys(&[]), None);
        assert_eq!(keys(&[col("k").gt(lit("a"))]), None);
        assert_eq!(keys(&[col("k").eq(col("v"))]), None);
        assert_eq!(keys(&[col("k").in_list(vec![lit("a")], true)]), None);
        assert_eq!(keys(&[col("k").eq(lit("a")).or(col("k").gt(lit("b")))]), None);
        assert_eq!(keys(&[col("k").eq(lit("a")).and(col("k").gt(lit("b")))]), Some(vec!["a".into()]));
    }
}
