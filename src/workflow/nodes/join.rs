//! `join`: pairs of rows with equal keys. NULL equals nothing. No order is in effect behind it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::logical_expr::expr::{Case, Cast};
use datafusion::logical_expr::{Expr, JoinType};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use super::types::{is_comparable, widened};
use crate::base::{InternalError, SqlType};
use crate::workflow::columns::{ColumnInfo, Columns};
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::relation::{JoinKey, JoinOn, Relation};
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["join_type", "left_key", "right_key", "left_column", "right_column", "keys"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    join_type: Option<Kind>,
    #[serde(deserialize_with = "config::name")]
    left_key: Option<String>,
    #[serde(deserialize_with = "config::name")]
    right_key: Option<String>,
    #[serde(deserialize_with = "config::name")]
    left_column: Option<String>,
    #[serde(deserialize_with = "config::name")]
    right_column: Option<String>,
    #[serde(deserialize_with = "config::list")]
    keys: Vec<Pair>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, expecting = "an object with left and right")]
struct Pair {
    #[serde(deserialize_with = "config::name")]
    left: Option<String>,
    #[serde(deserialize_with = "config::name")]
    right: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Inner,
    Left,
    Right,
    Full,
}

/// A pair of keys that were found, and the type that holds both.
#[derive(Debug, Clone)]
struct Matched {
    left: usize,
    right: usize,
    sql_type: SqlType,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    let read = config::read::<Config>(config, scope)?;
    let pairs = config.get("keys").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_object);
    for pair in pairs {
        scope.unknown_keys(pair.keys().map(String::as_str), &["left", "right"]);
    }
    Some(Box::new(read))
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [left, right] = inputs else { return Resolution::unknown() };
        let kind = self.join_type.unwrap_or(Kind::Inner);
        let before = scope.errors();
        let keys = self.matched(left, right, scope);
        if keys.is_empty() && scope.errors() == before {
            let problem = Problem::error(ProblemCode::Unfinished, "the join has no keys");
            scope.report(problem.port("left_key"));
        }
        let output = Output::new(kind, left, right, &keys);
        if scope.errors() > before {
            return Resolution::failed(&output.columns());
        }
        let on = join_on(scope.number(), kind, left, right, &keys);
        Resolution::rows(output.columns(), move |relations| {
            let Ok([left, right]) = <[Relation; 2]>::try_from(relations) else {
                return Err(InternalError::new("a join without two inputs"));
            };
            output.show(left.join(right, &on)?)
        })
    }
}

impl Config {
    fn pairs(&self) -> Vec<Pair> {
        let left = self.left_key.clone().or_else(|| self.left_column.clone());
        let right = self.right_key.clone().or_else(|| self.right_column.clone());
        if self.keys.is_empty() && (left.is_some() || right.is_some()) {
            return vec![Pair { left, right }];
        }
        self.keys.clone()
    }

    /// The keys that are there on both sides and can be compared.
    fn matched(&self, left: &Columns, right: &Columns, scope: &mut Scope<'_>) -> Vec<Matched> {
        let mut keys = Vec::new();
        for pair in self.pairs() {
            let (Some(left_name), Some(right_name)) = (&pair.left, &pair.right) else {
                let side = if pair.left.is_none() { "left_key" } else { "right_key" };
                let problem = Problem::error(ProblemCode::Unfinished, "a key of the join is not chosen yet");
                scope.report(problem.port(side));
                continue;
            };
            let places = (scope.column(left, left_name, "left_key"), scope.column(right, right_name, "right_key"));
            if let (Some(left_place), Some(right_place)) = places {
                let types = (&left[left_place].sql_type, &right[right_place].sql_type);
                let comparable = comparable(types.0, types.1);
                if comparable.is_none() {
                    let message = format!("keys \"{left_name}\" and \"{right_name}\" cannot be compared");
                    let problem = Problem::error(ProblemCode::JoinKeyType, message).port("right_key");
                    scope.report(problem.expected(types.0.name()).actual(types.1.name()));
                }
                keys.extend(comparable.map(|sql_type| Matched { left: left_place, right: right_place, sql_type }));
            }
        }
        keys
    }
}

/// The type in which two keys are compared. Keys of different types are an error, except numbers.
fn comparable(left: &SqlType, right: &SqlType) -> Option<SqlType> {
    let alike = left.arrow() == right.arrow() || (left.is_numeric() && right.is_numeric());
    (alike && is_comparable(left)).then(|| widened(left, right))?
}

fn cast_of(own: &SqlType, wanted: &SqlType) -> Option<DataType> {
    (own.arrow() != wanted.arrow()).then(|| wanted.arrow())
}

fn join_on(number: usize, kind: Kind, left: &Columns, right: &Columns, keys: &[Matched]) -> JoinOn {
    let key = |key: &Matched| JoinKey {
        left: key.left,
        right: key.right,
        left_cast: cast_of(&left[key.left].sql_type, &key.sql_type),
        right_cast: cast_of(&right[key.right].sql_type, &key.sql_type),
    };
    let kind = match kind {
        Kind::Inner => JoinType::Inner,
        Kind::Left => JoinType::Left,
        Kind::Right => JoinType::Right,
        Kind::Full => JoinType::Full,
    };
    JoinOn { number, kind, keys: keys.iter().map(key).collect() }
}

/// What the join shows: all of the left, then what the left has no name for.
#[derive(Debug)]
struct Output {
    shown: Vec<Shown>,
}

#[derive(Debug)]
struct Shown {
    column: ColumnInfo,
    /// Its place among the columns of both sides.
    place: usize,
    /// The other side's key of the same name, where that side may be the one that has the row.
    instead: Option<usize>,
    cast: Option<DataType>,
}

impl Output {
    fn new(kind: Kind, left: &Columns, right: &Columns, keys: &[Matched]) -> Self {
        let merged =
            |place: usize| keys.iter().find(|key| key.left == place && right[key.right].name == left[place].name);
        let may_miss_left = matches!(kind, Kind::Right | Kind::Full);
        let may_miss_right = matches!(kind, Kind::Left | Kind::Full);
        let own = |(place, column): (usize, &ColumnInfo)| match merged(place) {
            Some(key) => merged_key(kind, key, left, right),
            None => Shown {
                column: ColumnInfo { nullable: column.nullable || may_miss_left, ..column.clone() },
                place,
                instead: None,
                cast: None,
            },
        };
        let other = |(place, column): (usize, &ColumnInfo)| Shown {
            column: ColumnInfo { nullable: column.nullable || may_miss_right, ..column.clone() },
            place: left.len() + place,
            instead: None,
            cast: None,
        };
        let is_new = |(_, column): &(usize, &ColumnInfo)| left.find(&column.name).is_none();
        let rights = right.iter().enumerate().filter(is_new).map(other);
        Self { shown: left.iter().enumerate().map(own).chain(rights).collect() }
    }

    fn columns(&self) -> Columns {
        self.shown.iter().map(|shown| shown.column.clone()).collect()
    }

    fn show(self, joined: Relation) -> Result<Relation, InternalError> {
        if self.shown.iter().all(|shown| shown.instead.is_none() && shown.cast.is_none()) {
            return joined.select(self.shown.into_iter().map(|shown| (shown.place, shown.column.name)));
        }
        let computed = self.shown.into_iter().map(|shown| Ok((shown.expression(&joined)?, shown.column.name)));
        let computed = computed.collect::<Result<Vec<(Expr, Arc<str>)>, InternalError>>()?;
        joined.compute(computed)
    }
}

/// The one column of two keys that share a name: the key of whichever side has the row.
fn merged_key(kind: Kind, key: &Matched, left: &Columns, right: &Columns) -> Shown {
    let (own, other) = (&left[key.left], &right[key.right]);
    let (place, instead, nullable) = match kind {
        Kind::Inner | Kind::Left => (key.left, None, own.nullable),
        Kind::Right => (left.len() + key.right, None, other.nullable),
        Kind::Full => (key.left, Some(left.len() + key.right), own.nullable || other.nullable),
    };
    let taken = if kind == Kind::Right { other } else { own };
    let differs = own.sql_type.arrow() != other.sql_type.arrow() || taken.sql_type.arrow() != key.sql_type.arrow();
    Shown {
        column: ColumnInfo { name: Arc::clone(&own.name), sql_type: key.sql_type.clone(), nullable },
        place,
        instead,
        cast: differs.then(|| key.sql_type.arrow()),
    }
}

impl Shown {
    fn expression(&self, joined: &Relation) -> Result<Expr, InternalError> {
        let cast = |own: Expr| match &self.cast {
            Some(data_type) => Expr::Cast(Cast::new(Box::new(own), data_type.clone())),
            None => own,
        };
        let own = joined.column(self.place)?;
        let Some(instead) = self.instead else { return Ok(cast(own)) };
        let instead = cast(joined.column(instead)?);
        let is_here = Expr::IsNotNull(Box::new(own.clone()));
        let arms = vec![(Box::new(is_here), Box::new(cast(own)))];
        Ok(Expr::Case(Case::new(None, arms, Some(Box::new(instead)))))
    }
}
