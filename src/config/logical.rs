//! Logical tables: names for data that is in several stores. Whether the expressions fit the tables is told by whoever
//! knows the tables.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::base::{Freshness, TableName, limits};

use super::error::Problem;
use super::sections::Config;

/// A name for data that one or several physical tables hold.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogicalTableSection {
    /// Its name, without the schema.
    pub name: String,
    /// The schema that it is in.
    #[serde(default = "default_schema")]
    pub schema: String,
    /// The names of its columns, in order.
    pub columns: Vec<String>,
    /// Where its rows are. Of several placements for one freshness the first that has the columns of a query serves it.
    pub placements: Vec<PlacementSection>,
}

/// One place of a logical table's rows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlacementSection {
    /// What it serves.
    pub freshness: Freshness,
    /// The physical table, `schema.table`.
    pub table: TableName,
    /// The logical column by which rows are looked up; the one that is the key of the physical table if it is not given.
    pub key: Option<String>,
    /// SQL expressions over the physical table by logical column. Without them every column is there under its own name.
    pub columns: Option<BTreeMap<String, String>>,
}

fn default_schema() -> String {
    "flowforge".to_owned()
}

impl LogicalTableSection {
    /// The full name.
    #[must_use]
    pub fn full_name(&self) -> TableName {
        TableName::new(&self.schema, &self.name)
    }
}

impl PlacementSection {
    /// The expression of a logical column as SQL text; `None` where the placement does not have it.
    #[must_use]
    pub fn expression(&self, column: &str) -> Option<String> {
        match &self.columns {
            Some(columns) => columns.get(column).cloned(),
            None => Some(format!("\"{}\"", column.replace('"', "\"\""))),
        }
    }
}

impl Config {
    pub(super) fn check_logical_tables(&self, problems: &mut Vec<Problem>) {
        let names: Vec<TableName> = self.logical_tables.iter().map(LogicalTableSection::full_name).collect();
        for (index, section) in self.logical_tables.iter().enumerate() {
            let mut report = Reporter { key: format!("logical_tables[{index}]"), problems };
            check_name(section, &mut report);
            let name = section.full_name();
            if names.iter().take(index).any(|earlier| *earlier == name) {
                report.problem("name", format!("table {name} is there twice"));
            }
            if self.policies.iter().any(|policy| policy.table == name) {
                let message = format!("table {name} has a policy; the policies of its placements' tables hold for it");
                report.problem("name", message);
            }
            check_columns(section, &mut report);
            if section.placements.is_empty() {
                report.problem("placements", "it needs at least one");
            }
            for (place, placement) in section.placements.iter().enumerate() {
                let mut report =
                    Reporter { key: format!("logical_tables[{index}].placements[{place}]"), problems: report.problems };
                if names.contains(&placement.table) {
                    report.problem("table", format!("{} is a logical table", placement.table));
                }
                check_placement(section, placement, &mut report);
            }
        }
    }
}

/// Problems of one section.
struct Reporter<'a> {
    key: String,
    problems: &'a mut Vec<Problem>,
}

impl Reporter<'_> {
    fn problem(&mut self, field: &str, message: impl Into<String>) {
        self.problems.push(Problem::new(format!("{}.{field}", self.key), message));
    }
}

fn check_name(section: &LogicalTableSection, report: &mut Reporter<'_>) {
    for (field, name) in [("name", &section.name), ("schema", &section.schema)] {
        if let Some(wrong) = wrong_with(name) {
            report.problem(field, wrong);
        } else if name.contains('.') {
            report.problem(field, "it has a dot; the schema is a key of its own");
        }
    }
    if section.schema == "information_schema" || section.schema.starts_with("pg_") {
        report.problem("schema", format!("\"{}\" is a schema of the system", section.schema));
    }
}

fn wrong_with(name: &str) -> Option<String> {
    let most = limits::IDENTIFIER_BYTES.default;
    if name.is_empty() {
        return Some("it is empty".to_owned());
    }
    (name.len() > most).then(|| format!("\"{name}\" has more than {most} bytes"))
}

fn check_columns(section: &LogicalTableSection, report: &mut Reporter<'_>) {
    if section.columns.is_empty() {
        report.problem("columns", "it needs at least one");
    }
    let mut seen = BTreeSet::new();
    for column in &section.columns {
        if let Some(wrong) = wrong_with(column) {
            report.problem("columns", wrong);
        } else if !seen.insert(column) {
            report.problem("columns", format!("column \"{column}\" is there twice"));
        }
    }
    let is_placed = |column: &&String| section.placements.iter().any(|place| place.expression(column).is_some());
    for column in section.columns.iter().filter(|column| !section.placements.is_empty() && !is_placed(column)) {
        report.problem("columns", format!("no placement has the column \"{column}\""));
    }
}

fn check_placement(section: &LogicalTableSection, placement: &PlacementSection, report: &mut Reporter<'_>) {
    for (column, expression) in placement.columns.iter().flatten() {
        if !section.columns.contains(column) {
            report.problem("columns", format!("the table has no column \"{column}\""));
        } else if expression.trim().is_empty() {
            report.problem(&format!("columns.{column}"), "it is empty");
        }
    }
    if let Some(key) = &placement.key
        && (!section.columns.contains(key) || placement.expression(key).is_none())
    {
        report.problem("key", format!("the placement has no column \"{key}\""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems_of(text: &str) -> Vec<String> {
        Config::parse(text, &[]).unwrap().check().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_table_without_problems_has_defaults() {
        let text = r#"
            [[logical_tables]]
            name = "trades"
            columns = ["symbol", "price"]
            placements = [{ freshness = "analytical", table = "flowforge.raw_trades" }]
        "#;
        let config = Config::parse(text, &[]).unwrap();
        assert_eq!(config.check(), []);
        let section = &config.logical_tables[0];
        assert_eq!(section.full_name().to_string(), "flowforge.trades");
        assert_eq!(section.placements[0].expression("price").as_deref(), Some("\"price\""));
    }

    #[test]
    fn every_problem_of_a_logical_table_is_told() {
        let text = r#"
            [[logical_tables]]
            name = "a.b"
            schema = "pg_catalog"
            columns = ["x", "x", "y", ""]
            [[logical_tables.placements]]
            freshness = "point"
            table = "flowforge.c"
            key = "y"
            columns = { x = " ", z = "1" }

            [[logical_tables]]
            name = "c"
            columns = []
            placements = []

            [[logical_tables]]
            name = "c"
            columns = ["x"]
            placements = [{ freshness = "realtime", table = "marts.t" }]

            [[policies]]
            table = "flowforge.c"
            kind = "shared"
        "#;
        let expected = [
            "logical_tables[0].name: it has a dot",
            "logical_tables[0].schema: \"pg_catalog\" is a schema of the system",
            "logical_tables[0].columns: column \"x\" is there twice",
            "logical_tables[0].columns: it is empty",
            "logical_tables[0].columns: no placement has the column \"y\"",
            "logical_tables[0].columns: no placement has the column \"\"",
            "logical_tables[0].placements[0].table: flowforge.c is a logical table",
            "logical_tables[0].placements[0].columns.x: it is empty",
            "logical_tables[0].placements[0].columns: the table has no column \"z\"",
            "logical_tables[0].placements[0].key: the placement has no column \"y\"",
            "logical_tables[1].name: table flowforge.c has a policy",
            "logical_tables[1].columns: it needs at least one",
            "logical_tables[1].placements: it needs at least one",
            "logical_tables[2].name: table flowforge.c is there twice",
            "logical_tables[2].name: table flowforge.c has a policy",
        ];
        let problems = problems_of(text);
        assert_eq!(problems.len(), expected.len(), "{problems:#?}");
        for (problem, start) in problems.iter().zip(expected) {
            assert!(problem.starts_with(start), "{problem} should start with {start}");
        }
    }

    #[test]
    fn an_unknown_freshness_is_refused_in_words() {
        let text = "[[logical_tables]]\nname = \"a\"\ncolumns = [\"x\"]\n[[logical_tables.placements]]\n\
                    freshness = \"soon\"\ntable = \"a.b\"\n";
        let error = Config::parse(text, &[]).unwrap_err().to_string();
        assert!(error.contains("unknown variant `soon`, expected one of"), "{error}");
    }
}
