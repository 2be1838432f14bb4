//! `filter`: the rows for which a condition is true. A condition on NULL is not true, `!=` and `not in` included.

use std::borrow::Cow;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::{Between, BinaryExpr, Cast, InList, Like};
use datafusion::logical_expr::{Expr, Operator};
use datafusion::scalar::ScalarValue;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use crate::base::engine_error::nearest;
use crate::base::{InternalError, SqlType};
use crate::workflow::columns::{ColumnInfo, Columns};
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::relation::{Relation, all_of, any_of};
use crate::workflow::resolve::{Resolution, Scope};
use crate::workflow::values::{self, Typed, shown};

pub(super) const KEYS: &[&str] = &["column", "operator", "value", "conditions", "logic"];

/// A condition, or several: a filter and each of its nested conditions have the same form.
#[derive(Debug, Default, Deserialize)]
#[serde(default, expecting = "an object with column, operator and value")]
struct Config {
    #[serde(deserialize_with = "config::name")]
    column: Option<String>,
    #[serde(deserialize_with = "config::name")]
    operator: Option<String>,
    value: Option<Value>,
    #[serde(deserialize_with = "config::list")]
    conditions: Vec<Config>,
    #[serde(deserialize_with = "config::name")]
    logic: Option<String>,
}

/// What an operator compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Test {
    Compare(Operator),
    /// A comparison of times only.
    Time(Operator),
    /// A part of a text: whether anything may stand before and behind it.
    Text {
        before: bool,
        behind: bool,
        negated: bool,
    },
    Between,
    In {
        negated: bool,
    },
    Null {
        negated: bool,
    },
}

/// The operators, in the order of the contract.
const OPERATORS: &[(&str, Test)] = &[
    ("=", Test::Compare(Operator::Eq)),
    ("!=", Test::Compare(Operator::NotEq)),
    (">", Test::Compare(Operator::Gt)),
    ("<", Test::Compare(Operator::Lt)),
    (">=", Test::Compare(Operator::GtEq)),
    ("<=", Test::Compare(Operator::LtEq)),
    ("contains", Test::Text { before: true, behind: true, negated: false }),
    ("not contains", Test::Text { before: true, behind: true, negated: true }),
    ("starts with", Test::Text { before: false, behind: true, negated: false }),
    ("ends with", Test::Text { before: true, behind: false, negated: false }),
    ("before", Test::Time(Operator::Lt)),
    ("after", Test::Time(Operator::Gt)),
    ("between", Test::Between),
    ("in", Test::In { negated: false }),
    ("not in", Test::In { negated: true }),
    ("is null", Test::Null { negated: false }),
    ("is not null", Test::Null { negated: true }),
];

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    let read = config::read::<Config>(config, scope)?;
    warn_of_nested_keys(config, scope);
    Some(Box::new(read))
}

fn warn_of_nested_keys(config: &Map<String, Value>, scope: &mut Scope<'_>) {
    let nested = config.get("conditions").and_then(Value::as_array);
    for condition in nested.into_iter().flatten().filter_map(Value::as_object) {
        scope.unknown_keys(condition.keys().map(String::as_str), KEYS);
        warn_of_nested_keys(condition, scope);
    }
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [input] = inputs else { return Resolution::unknown() };
        let before = scope.errors();
        let condition = self.condition(input, "", scope);
        if scope.errors() > before {
            return Resolution::failed(input);
        }
        match condition {
            None => Resolution::pass(input),
            Some(condition) => Resolution::step(input, move |relation| {
                let predicate = condition.predicate(&relation, false)?;
                Ok(predicate.into_iter().fold(relation, Relation::filter))
            }),
        }
    }
}

/// A condition whose columns and values were read.
enum Condition {
    Single { column: usize, test: Test, typed: Typed },
    All(Vec<Condition>),
    Any(Vec<Condition>),
}

impl Config {
    /// The condition; `None` where it is not filled in, or wrong and reported.
    fn condition(&self, input: &Columns, path: &str, scope: &mut Scope<'_>) -> Option<Condition> {
        let any = self.is_any(path, scope)?;
        if self.conditions.is_empty() {
            return self.single(input, path, scope);
        }
        if self.column.is_some() {
            scope.bad_config(&join(path, "conditions"), "either conditions or a column", "both");
            return None;
        }
        let mut parts = Vec::with_capacity(self.conditions.len());
        for (place, nested) in self.conditions.iter().enumerate() {
            let path = join(path, &format!("conditions[{place}]"));
            parts.extend(nested.condition(input, &path, scope));
        }
        match (parts.is_empty(), any) {
            (true, _) => None,
            (false, true) => Some(Condition::Any(parts)),
            (false, false) => Some(Condition::All(parts)),
        }
    }

    fn is_any(&self, path: &str, scope: &mut Scope<'_>) -> Option<bool> {
        match self.logic.as_deref() {
            None | Some("and" | "AND") => Some(false),
            Some("or" | "OR") => Some(true),
            Some(other) => {
                scope.bad_config(&join(path, "logic"), "and, or", other);
                None
            }
        }
    }

    fn single(&self, input: &Columns, path: &str, scope: &mut Scope<'_>) -> Option<Condition> {
        let Some(name) = &self.column else {
            scope.unfinished(&join(path, "column"), "the filter has no column yet");
            return None;
        };
        let column = scope.column(input, name, &join(path, "column"));
        let Some(operator) = &self.operator else {
            scope.unfinished(&join(path, "operator"), "the filter has no operator yet");
            return None;
        };
        let test = test_of(operator, path, scope)?;
        let column = column?;
        let typed = self.typed(&input[column], test, path, scope)?;
        Some(Condition::Single { column, test, typed })
    }

    /// The values that the test needs, in the column's type.
    fn typed(&self, column: &ColumnInfo, test: Test, path: &str, scope: &mut Scope<'_>) -> Option<Typed> {
        let port = join(path, "value");
        if let Some(expected) = unfit(test, &column.sql_type) {
            let message = format!("column \"{}\" has the wrong type for this operator", column.name);
            let problem = Problem::error(ProblemCode::TypeMismatch, message).port(join(path, "operator"));
            scope.report(problem.expected(expected).actual(column.sql_type.name()));
            return None;
        }
        if matches!(test, Test::Null { .. }) {
            return Some(Typed { cast: None, values: Vec::new(), valid_for: None });
        }
        if self.is_blank(&column.sql_type) {
            scope.unfinished(&port, "the filter has no value yet");
            return None;
        }
        let value = self.value.as_ref()?;
        let values = values_for(test, value, &port, scope)?;
        let values: Vec<&Value> = values.iter().map(Cow::as_ref).collect();
        match values::read(&column.sql_type, &values, scope.context.clock.statement_start) {
            Ok(typed) => {
                typed.valid_for.into_iter().for_each(|valid_for| scope.reads_clock(valid_for));
                Some(typed)
            }
            Err(mismatch) => {
                let message = format!("value {} does not fit column \"{}\"", mismatch.actual, column.name);
                let problem = Problem::error(ProblemCode::TypeMismatch, message).port(port);
                scope.report(problem.expected(mismatch.expected).actual(mismatch.actual));
                None
            }
        }
    }

    /// Whether the canvas has no value yet. An empty text is a value for text only.
    fn is_blank(&self, sql_type: &SqlType) -> bool {
        match &self.value {
            None | Some(Value::Null) => true,
            Some(Value::String(text)) => text.trim().is_empty() && !sql_type.is_text(),
            Some(Value::Array(values)) => values.is_empty(),
            Some(Value::Bool(_) | Value::Number(_) | Value::Object(_)) => false,
        }
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn test_of(operator: &str, path: &str, scope: &mut Scope<'_>) -> Option<Test> {
    let found = OPERATORS.iter().find(|(name, _)| *name == operator).map(|(_, test)| *test);
    if found.is_none() {
        let names = || OPERATORS.iter().map(|(name, _)| *name);
        let expected = nearest(operator, names()).map_or_else(|| names().collect::<Vec<_>>().join(", "), str::to_owned);
        scope.bad_config(&join(path, "operator"), &expected, operator);
    }
    found
}

/// What the operator needs, when the column is not that.
fn unfit(test: Test, sql_type: &SqlType) -> Option<&'static str> {
    let is_time = matches!(sql_type, SqlType::Date | SqlType::Timestamp | SqlType::Timestamptz | SqlType::Time);
    match test {
        Test::Text { .. } if !sql_type.is_text() => Some("a text column"),
        Test::Time(_) if !is_time => Some("a column of dates or times"),
        Test::Compare(_) | Test::Time(_) | Test::Text { .. } | Test::Between | Test::In { .. } | Test::Null { .. } => {
            None
        }
    }
}

/// The single values in the value of a configuration.
fn values_for<'v>(test: Test, value: &'v Value, port: &str, scope: &mut Scope<'_>) -> Option<Vec<Cow<'v, Value>>> {
    let found = match (test, value) {
        (Test::Between, Value::Array(bounds)) if bounds.len() == 2 => bounds.iter().map(Cow::Borrowed).collect(),
        (Test::Between, Value::String(text)) => match text.split_once(',') {
            Some((low, high)) => [low, high].map(|bound| Cow::Owned(Value::String(bound.trim().to_owned()))).into(),
            None => return refused("a list of two values, or \"low,high\"", value, port, scope),
        },
        (Test::Between, _) => return refused("a list of two values, or \"low,high\"", value, port, scope),
        (Test::In { .. }, Value::Array(values)) => values.iter().map(Cow::Borrowed).collect(),
        (Test::In { .. }, _) => return refused("a list of values", value, port, scope),
        (Test::Compare(_) | Test::Time(_) | Test::Text { .. } | Test::Null { .. }, _) => vec![Cow::Borrowed(value)],
    };
    Some(found)
}

fn refused<T>(expected: &str, value: &Value, port: &str, scope: &mut Scope<'_>) -> Option<T> {
    scope.bad_config(port, expected, shown(value));
    None
}

impl Condition {
    fn predicate(self, relation: &Relation, is_choice: bool) -> Result<Option<Expr>, InternalError> {
        let all = |parts: Vec<Self>, is_choice: bool| -> Result<Vec<Expr>, InternalError> {
            let predicates = parts.into_iter().map(|part| part.predicate(relation, is_choice));
            Ok(predicates.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        };
        Ok(match self {
            Self::All(parts) => all_of(all(parts, is_choice)?),
            Self::Any(parts) => any_of(all(parts, true)?),
            Self::Single { column, test, typed } => {
                let column = relation.column(column)?;
                // The engine folds `x NOT IN (1) OR x NOT IN (2)` to true, which it is not where x is NULL.
                let guard = (is_choice && test == Test::In { negated: true })
                    .then(|| Expr::IsNotNull(Box::new(column.clone())));
                let own = comparison(column, test, typed)?;
                Some(guard.into_iter().fold(own, |own, guard| guard.and(own)))
            }
        })
    }
}

/// One comparison, with both sides of one type.
fn comparison(column: Expr, test: Test, typed: Typed) -> Result<Expr, InternalError> {
    let Typed { cast, values, .. } = typed;
    let column = match cast {
        Some(data_type) => cast_to(column, data_type),
        None => column,
    };
    let mut values = values.into_iter();
    let mut next = || values.next().ok_or_else(|| InternalError::new("a comparison without its value"));
    Ok(match test {
        Test::Compare(operator) | Test::Time(operator) => binary(column, operator, literal(next()?)),
        Test::Text { before, behind, negated } => {
            let pattern = literal(ScalarValue::Utf8(Some(pattern(&next()?, before, behind)?)));
            Expr::Like(Like::new(negated, Box::new(column), Box::new(pattern), None, false))
        }
        Test::Between => {
            let (low, high) = (literal(next()?), literal(next()?));
            Expr::Between(Between::new(Box::new(column), false, Box::new(low), Box::new(high)))
        }
        Test::In { negated } => Expr::InList(InList::new(Box::new(column), values.map(literal).collect(), negated)),
        Test::Null { negated: false } => Expr::IsNull(Box::new(column)),
        Test::Null { negated: true } => Expr::IsNotNull(Box::new(column)),
    })
}

fn binary(left: Expr, operator: Operator, right: Expr) -> Expr {
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), operator, Box::new(right)))
}

fn literal(value: ScalarValue) -> Expr {
    Expr::Literal(value, None)
}

fn cast_to(column: Expr, data_type: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(column), data_type))
}

/// A pattern of LIKE in which the text stands for itself.
fn pattern(value: &ScalarValue, before: bool, behind: bool) -> Result<String, InternalError> {
    let ScalarValue::Utf8(Some(text)) = value else {
        return Err(InternalError::new("a text operator with a value that is no text"));
    };
    let mut pattern = String::with_capacity(text.len() + 2);
    pattern.push_str(if before { "%" } else { "" });
    for character in text.chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push_str(if behind { "%" } else { "" });
    Ok(pattern)
}
