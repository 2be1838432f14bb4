//! `unique`: each row once, or the first row of each key in the order in effect. No order is in effect behind it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use super::types::is_comparable;
use crate::workflow::columns::Columns;
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["columns"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "config::names")]
    columns: Vec<String>,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(config::read::<Config>(config, scope)?))
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [input] = inputs else { return Resolution::unknown() };
        let before = scope.errors();
        let mut keys: Vec<usize> = Vec::with_capacity(self.columns.len());
        for name in &self.columns {
            let place = scope.column(input, name, "columns");
            keys.extend(place.filter(|place| !keys.contains(place)));
        }
        let compared: Vec<usize> = if self.columns.is_empty() { (0..input.len()).collect() } else { keys.clone() };
        for column in compared.iter().map(|place| &input[*place]).filter(|column| !is_comparable(&column.sql_type)) {
            let message = format!("values of column \"{}\" cannot be compared", column.name);
            let problem = Problem::error(ProblemCode::TypeMismatch, message).port("columns");
            scope.report(problem.expected("columns of comparable types").actual(column.sql_type.name()));
        }
        if scope.errors() > before {
            return Resolution::failed(input);
        }
        match self.columns.is_empty() {
            true => Resolution::step(input, crate::workflow::relation::Relation::distinct),
            false => Resolution::step(input, move |relation| relation.first_of(&keys)),
        }
    }
}
