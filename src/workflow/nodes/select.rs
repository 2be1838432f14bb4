//! `select`: some columns, in a chosen order.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
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
        if self.columns.is_empty() {
            scope.unfinished("columns", "no column is selected yet");
            return Resolution::pass(input);
        }
        let before = scope.errors();
        let places = places(&self.columns, input, scope);
        let columns: Columns = places.iter().map(|place| input[*place].clone()).collect();
        if scope.errors() > before {
            return Resolution::failed(&columns);
        }
        let names: Vec<(usize, Arc<str>)> =
            places.iter().map(|place| (*place, Arc::clone(&input[*place].name))).collect();
        Resolution::step(&columns, move |relation| relation.select(names))
    }
}

/// The places of names that are there, each once; the others are reported.
fn places(names: &[String], input: &Columns, scope: &mut Scope<'_>) -> Vec<usize> {
    let mut taken = vec![false; input.len()];
    let mut places = Vec::with_capacity(names.len());
    for name in names {
        let Some(place) = scope.column(input, name, "columns") else { continue };
        if std::mem::replace(&mut taken[place], true) {
            let problem = Problem::error(ProblemCode::DuplicateColumn, format!("column \"{name}\" is selected twice"));
            scope.report(problem.port("columns").actual(name));
        } else {
            places.push(place);
        }
    }
    places
}
