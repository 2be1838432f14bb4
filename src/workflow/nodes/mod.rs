//! The node types: one file each with its configuration, its schema transform and its plan, and one line each in the
//! [`REGISTRY`].
//!
//! Comes in: a node's configuration and the columns of its inputs. Goes out: its columns, its problems, and the step
//! that makes its rows.
//! Does not: know the graph around the node, or the other node types.
//! Invariant: a node that reports no error has columns and a step.

mod config;
mod data_source;
mod filter;
mod join;
mod limit;
mod output;
mod rename;
mod select;
mod sort;
mod types;
mod union;
mod unique;

use serde_json::{Map, Value};

use super::columns::Columns;
use super::resolve::{Resolution, Scope};

pub(super) use config::integer;

/// A node whose configuration was read.
pub(super) trait Node {
    /// The node over inputs with these columns. What is wrong is reported to the scope.
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution;
}

/// Reads a configuration; `None` after reporting what is wrong with it.
type Read = fn(&Map<String, Value>, &mut Scope<'_>) -> Option<Box<dyn Node>>;

/// Which inputs a node type has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ports {
    /// None.
    Source,
    /// One.
    One,
    /// Two, told apart as `left` and `right`.
    LeftRight,
    /// Two or more, in the order of the edges.
    Many,
}

impl Ports {
    /// The least and the most edges that may arrive.
    #[must_use]
    pub const fn bounds(self) -> (usize, usize) {
        match self {
            Self::Source => (0, 0),
            Self::One => (1, 1),
            Self::LeftRight => (2, 2),
            Self::Many => (2, usize::MAX),
        }
    }
}

/// Where a node type stands in a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It makes rows, of a table or of its inputs.
    Rows,
    /// It shows rows; it has no columns of its own, and its configuration is the canvas's business.
    Output,
}

/// One node type.
#[derive(Debug)]
pub struct NodeType {
    /// The name in `type`.
    pub name: &'static str,
    /// Its inputs.
    pub ports: Ports,
    /// Where it stands.
    pub role: Role,
    /// The keys of its configuration, old forms included.
    pub keys: &'static [&'static str],
    /// How its configuration is read; `None` for a type that this version cannot run.
    pub(super) read: Option<Read>,
}

const fn rows(name: &'static str, ports: Ports, keys: &'static [&'static str], read: Option<Read>) -> NodeType {
    NodeType { name, ports, role: Role::Rows, keys, read }
}

const fn output(name: &'static str, keys: &'static [&'static str], read: Option<Read>) -> NodeType {
    NodeType { name, ports: Ports::One, role: Role::Output, keys, read }
}

/// Every node type, in the order of the contract.
pub const REGISTRY: &[NodeType] = &[
    rows("data_source", Ports::Source, data_source::KEYS, Some(data_source::read)),
    rows("filter", Ports::One, filter::KEYS, Some(filter::read)),
    rows("select", Ports::One, select::KEYS, Some(select::read)),
    rows("rename", Ports::One, rename::KEYS, Some(rename::read)),
    rows("sort", Ports::One, sort::KEYS, Some(sort::read)),
    rows("formula", Ports::One, &["expression", "output_column", "output_dtype"], None),
    rows("group_by", Ports::One, &["group_columns", "aggregations", "agg_column", "agg_function"], None),
    rows("pivot", Ports::One, &["row_columns", "pivot_column", "value_column", "aggregation", "pivot_values"], None),
    rows("join", Ports::LeftRight, join::KEYS, Some(join::read)),
    rows("union", Ports::Many, union::KEYS, Some(union::read)),
    rows("unique", Ports::One, unique::KEYS, Some(unique::read)),
    rows("sample", Ports::One, &["count", "seed"], None),
    rows("limit", Ports::One, limit::KEYS, Some(limit::read)),
    rows("window", Ports::One, WINDOW_KEYS, None),
    output("table_output", &["title", "rows_per_page", "page_size", "max_rows", "columns"], Some(output::read_table)),
    output("chart_output", output::CHART_KEYS, Some(output::read_chart)),
    output("kpi_output", output::KPI_KEYS, Some(output::read_kpi)),
];

const WINDOW_KEYS: &[&str] =
    &["function", "source_column", "partition_by", "order_by", "order_direction", "offset", "frame", "output_column"];

/// The node type of a name.
#[must_use]
pub fn find(name: &str) -> Option<&'static NodeType> {
    REGISTRY.iter().find(|kind| kind.name == name)
}
