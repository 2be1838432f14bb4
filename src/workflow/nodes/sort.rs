//! `sort`: an order, in effect from here on. A later sort replaces it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use super::types::is_comparable;
use crate::workflow::columns::Columns;
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::relation::OrderKey;
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["sort_by", "sort_columns", "column", "direction", "nulls"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "config::list")]
    sort_by: Vec<Entry>,
    #[serde(deserialize_with = "config::list")]
    sort_columns: Vec<Entry>,
    #[serde(deserialize_with = "config::name")]
    column: Option<String>,
    direction: Option<Direction>,
    nulls: Option<Nulls>,
}

/// A key, or only its column.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged, expecting = "a column name, or an object with column, direction (asc, desc) and nulls (first, last)")]
enum Entry {
    Name(String),
    Key(Key),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct Key {
    #[serde(deserialize_with = "config::name")]
    column: Option<String>,
    direction: Option<Direction>,
    nulls: Option<Nulls>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Direction {
    #[serde(rename = "asc", alias = "ASC")]
    Ascending,
    #[serde(rename = "desc", alias = "DESC")]
    Descending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
enum Nulls {
    #[serde(rename = "first", alias = "FIRST")]
    First,
    #[serde(rename = "last", alias = "LAST")]
    Last,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    let read = config::read::<Config>(config, scope)?;
    for list in ["sort_by", "sort_columns"].iter().filter_map(|key| config.get(*key)?.as_array()) {
        let keys = list.iter().filter_map(Value::as_object).flat_map(Map::keys).map(String::as_str);
        scope.unknown_keys(keys, &["column", "direction", "nulls"]);
    }
    Some(Box::new(read))
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [input] = inputs else { return Resolution::unknown() };
        let before = scope.errors();
        let mut keys: Vec<OrderKey> = Vec::new();
        for wanted in self.keys() {
            let Some(key) = order_key(&wanted, input, scope) else { continue };
            // A column orders nothing more the second time.
            if keys.iter().all(|known| known.column != key.column) {
                keys.push(key);
            }
        }
        if scope.errors() > before {
            return Resolution::failed(input);
        }
        if keys.is_empty() {
            scope.unfinished("sort_by", "no column to sort by is chosen yet");
            return Resolution::pass(input);
        }
        Resolution::step(input, move |relation| relation.sort(&keys))
    }
}

impl Config {
    /// The keys, in whichever form they were saved.
    fn keys(&self) -> Vec<Key> {
        let entries = if self.sort_by.is_empty() { &self.sort_columns } else { &self.sort_by };
        if entries.is_empty() && self.column.is_some() {
            return vec![Key { column: self.column.clone(), direction: self.direction, nulls: self.nulls }];
        }
        let key = |entry: &Entry| match entry {
            Entry::Name(name) => Key { column: Some(name.clone()), ..Key::default() },
            Entry::Key(key) => key.clone(),
        };
        let with_defaults = |key: Key| Key {
            direction: key.direction.or(self.direction),
            nulls: key.nulls.or(self.nulls),
            column: key.column.filter(|name| !name.is_empty()),
        };
        entries.iter().map(key).map(with_defaults).collect()
    }
}

fn order_key(key: &Key, input: &Columns, scope: &mut Scope<'_>) -> Option<OrderKey> {
    let Some(name) = &key.column else {
        scope.unfinished("sort_by", "a sort key has no column yet");
        return None;
    };
    let column = scope.column(input, name, "sort_by")?;
    if !is_comparable(&input[column].sql_type) {
        let problem = Problem::error(ProblemCode::TypeMismatch, format!("column \"{name}\" has no order"));
        scope.report(problem.port("sort_by").expected("a column with an order").actual(input[column].sql_type.name()));
        return None;
    }
    let ascending = key.direction != Some(Direction::Descending);
    // PostgreSQL takes NULL for larger than every value.
    let nulls_first = key.nulls.map_or(!ascending, |nulls| nulls == Nulls::First);
    Some(OrderKey { column, ascending, nulls_first })
}
