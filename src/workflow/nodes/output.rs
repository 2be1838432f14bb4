//! `table_output`, `chart_output` and `kpi_output`: where rows are shown. Their configuration is presentation; only a
//! chart or a figure that names a column that is not there is worth a warning.

use serde_json::{Map, Value};

use super::Node;
use crate::workflow::columns::Columns;
use crate::workflow::problem::{Problem, ProblemCode};
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const CHART_KEYS: &[&str] = &["chart_type", "x_column", "y_column", "value_column", "time_column"];
pub(super) const KPI_KEYS: &[&str] = &["value_column", "title", "format", "compare_column", "prefix", "suffix"];

/// An output and the columns that its configuration names, each with its key.
struct Output {
    named: Vec<(String, String)>,
}

pub(super) fn read_table(_config: &Map<String, Value>, _scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(Output { named: Vec::new() }))
}

pub(super) fn read_chart(config: &Map<String, Value>, _scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(Output { named: named_columns(config) }))
}

pub(super) fn read_kpi(config: &Map<String, Value>, _scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(Output { named: named_columns(config) }))
}

/// Every key that ends in `_column` and holds a name.
fn named_columns(config: &Map<String, Value>) -> Vec<(String, String)> {
    let names = config.iter().filter(|(key, _)| key.ends_with("_column"));
    let names = names.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    names.filter(|(_, name)| !name.is_empty()).collect()
}

impl Node for Output {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [input] = inputs else { return Resolution::unknown() };
        for (key, name) in self.named.iter().filter(|(_, name)| input.find(name).is_none()) {
            let problem = Problem::warning(ProblemCode::UnknownColumn, format!("column \"{name}\" does not exist"));
            scope.report(problem.port(key).actual(name));
        }
        Resolution::pass(input)
    }
}
