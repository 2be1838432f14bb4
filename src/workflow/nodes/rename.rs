//! `rename`: other names for columns, all at once, so that two may swap theirs.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use crate::workflow::columns::{ColumnInfo, Columns};
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["rename_map"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    rename_map: Option<BTreeMap<String, Option<String>>>,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(config::read::<Config>(config, scope)?))
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [input] = inputs else { return Resolution::unknown() };
        let before = scope.errors();
        let columns = self.renamed(input, scope);
        if scope.errors() > before {
            return Resolution::failed(input);
        }
        let names: Vec<(usize, Arc<str>)> =
            columns.iter().enumerate().map(|(place, column)| (place, Arc::clone(&column.name))).collect();
        Resolution::step(&columns, move |relation| relation.select(names))
    }
}

impl Config {
    fn renamed(&self, input: &Columns, scope: &mut Scope<'_>) -> Columns {
        let mut columns: Vec<ColumnInfo> = input.to_vec();
        let pairs = self.rename_map.iter().flatten().filter(|(old, _)| !old.is_empty());
        let mut is_empty = true;
        for (old, new) in pairs {
            is_empty = false;
            let Some(new) = new.as_deref().filter(|new| !new.is_empty()) else {
                scope.unfinished("rename_map", &format!("column \"{old}\" has no new name yet"));
                continue;
            };
            if let Some(place) = scope.column(input, old, "rename_map") {
                columns[place].name = new.into();
            }
        }
        if is_empty {
            scope.unfinished("rename_map", "no column is renamed yet");
        }
        report_duplicates(&columns, scope);
        Columns::new(columns)
    }
}

fn report_duplicates(columns: &[ColumnInfo], scope: &mut Scope<'_>) {
    let mut names: Vec<&str> = columns.iter().map(|column| column.name.as_ref()).collect();
    names.sort_unstable();
    let mut told: Option<&str> = None;
    for pair in names.windows(2) {
        if pair[0] == pair[1] && told != Some(pair[0]) {
            let problem =
                Problem::error(ProblemCode::DuplicateColumn, format!("two columns are named \"{}\"", pair[0]));
            scope.report(problem.port("rename_map").actual(pair[0]));
            told = Some(pair[0]);
        }
    }
}
