//! `union`: the rows of all inputs, in no order. Names are those of the first input, types hold the values of all.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use super::types::{is_comparable, widened};
use crate::base::SqlType;
use crate::workflow::columns::{ColumnInfo, Columns};
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::relation::{Relation, UnionColumn};
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["match", "distinct"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(rename = "match")]
    matching: Option<Matching>,
    distinct: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Matching {
    Position,
    Name,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(config::read::<Config>(config, scope)?))
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [first, rest @ ..] = inputs else { return Resolution::unknown() };
        let before = scope.errors();
        let mut columns: Vec<ColumnInfo> = first.to_vec();
        let mut places: Vec<Vec<usize>> = vec![(0..first.len()).collect()];
        for (number, input) in rest.iter().enumerate() {
            let Some(found) = self.places(first, input, number + 2, scope) else { continue };
            for (column, place) in columns.iter_mut().zip(&found) {
                widen(column, &input[*place], number + 2, scope);
            }
            places.push(found);
        }
        let columns = Columns::new(columns);
        let is_distinct = self.distinct.unwrap_or(false);
        if is_distinct {
            comparable(&columns, scope);
        }
        if scope.errors() > before {
            return Resolution::failed(&columns);
        }
        let shapes: Vec<Vec<UnionColumn>> =
            places.iter().zip(inputs).map(|(places, input)| shape(places, input, &columns)).collect();
        Resolution::rows(columns, move |relations| {
            let union = Relation::union(relations.into_iter().zip(shapes).collect())?;
            if is_distinct { union.distinct() } else { Ok(union) }
        })
    }
}

impl Config {
    /// For each column of the first input, its place in another one.
    fn places(&self, first: &Columns, input: &Columns, number: usize, scope: &mut Scope<'_>) -> Option<Vec<usize>> {
        if first.len() != input.len() {
            let message = format!("input {number} has {} columns, the first has {}", input.len(), first.len());
            let problem = Problem::error(ProblemCode::UnionIncompatible, message).port(format!("input {number}"));
            scope.report(problem.expected(first.len().to_string()).actual(input.len().to_string()));
            return None;
        }
        if self.matching != Some(Matching::Name) {
            return Some((0..input.len()).collect());
        }
        let mut places = Vec::with_capacity(first.len());
        for name in first.names() {
            let place = input.find(name);
            if place.is_none() {
                let message = format!("input {number} has no column \"{name}\"");
                let problem = Problem::error(ProblemCode::UnionIncompatible, message).port(format!("input {number}"));
                scope.report(problem.expected(name).actual(input.names().collect::<Vec<_>>().join(", ")));
            }
            places.extend(place);
        }
        (places.len() == first.len()).then_some(places)
    }
}

fn widen(column: &mut ColumnInfo, other: &ColumnInfo, number: usize, scope: &mut Scope<'_>) {
    column.nullable |= other.nullable;
    match widened(&column.sql_type, &other.sql_type) {
        Some(wide) => column.sql_type = wide,
        None => {
            let message = format!("column \"{}\" cannot hold the values of input {number}", column.name);
            let problem = Problem::error(ProblemCode::UnionIncompatible, message).port(format!("input {number}"));
            scope.report(problem.expected(column.sql_type.name()).actual(other.sql_type.name()));
        }
    }
}

fn comparable(columns: &Columns, scope: &mut Scope<'_>) {
    for column in columns.iter().filter(|column| !is_comparable(&column.sql_type)) {
        let message = format!("values of column \"{}\" cannot be compared", column.name);
        let problem = Problem::error(ProblemCode::UnionIncompatible, message).port("distinct");
        scope.report(problem.expected("columns of comparable types").actual(column.sql_type.name()));
    }
}

fn shape(places: &[usize], input: &Columns, columns: &Columns) -> Vec<UnionColumn> {
    let cast = |own: &SqlType, wanted: &SqlType| (own.arrow() != wanted.arrow()).then(|| wanted.arrow());
    let column = |(place, wanted): (&usize, &ColumnInfo)| UnionColumn {
        place: *place,
        cast: cast(&input[*place].sql_type, &wanted.sql_type),
        name: Arc::clone(&wanted.name),
    };
    places.iter().zip(columns.iter()).map(column).collect()
}
