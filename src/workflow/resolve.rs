//! Giving every node its columns and its plan step, in the order of the graph.

use std::time::Duration;

use serde_json::{Map, Value};

use crate::base::engine_error::nearest;
use crate::base::limits::{self, Limit, LimitSet};
use crate::base::{Freshness, InternalError, RequestClock, TableName};
use crate::catalog::TenantView;

use super::columns::Columns;
use super::graph::{Graph, GraphNode, Input};
use super::nodes::{self, Node, NodeType, Ports, Role};
use super::problem::{Problem, ProblemCode};
use super::relation::Relation;

/// What compiling reads besides the graph. Nothing in it changes while a graph is compiled.
#[derive(Debug, Clone, Copy)]
pub struct WorkflowContext<'a> {
    /// The tables that exist for this tenant.
    pub view: &'a TenantView,
    /// Where bare names are looked up, in order.
    pub search_path: &'a [String],
    /// What relative times are relative to.
    pub clock: RequestClock,
    /// The limits in force.
    pub limits: &'a LimitSet,
}

/// A table that a workflow reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceIntent {
    /// The node that reads it.
    pub node_id: String,
    /// The table.
    pub table: TableName,
    /// What the canvas asked of the router.
    pub freshness: Option<Freshness>,
}

/// How a node makes its rows from those of its inputs.
pub(super) type Step = Box<dyn FnOnce(Vec<Relation>) -> Result<Relation, InternalError>>;

/// What is known of a node once its inputs are.
pub(super) struct Resolution {
    /// Its columns; `None` where they cannot be told.
    pub columns: Option<Columns>,
    /// Its step; `None` where the node has an error.
    pub step: Option<Step>,
    /// The nodes whose rows the step is given, in that order.
    pub inputs: Vec<usize>,
}

impl Resolution {
    /// A node that makes rows.
    pub fn rows(
        columns: Columns,
        step: impl FnOnce(Vec<Relation>) -> Result<Relation, InternalError> + 'static,
    ) -> Self {
        Self { columns: Some(columns), step: Some(Box::new(step)), inputs: Vec::new() }
    }

    /// A node with one input whose rows it does not change otherwise than by the step.
    pub fn step(columns: &Columns, step: impl FnOnce(Relation) -> Result<Relation, InternalError> + 'static) -> Self {
        Self::rows(columns.clone(), move |inputs| step(only(inputs)?))
    }

    /// A node that hands its input on.
    pub fn pass(columns: &Columns) -> Self {
        Self::step(columns, Ok)
    }

    /// A node with an error, whose columns are known in spite of it.
    pub fn failed(columns: &Columns) -> Self {
        Self { columns: Some(columns.clone()), step: None, inputs: Vec::new() }
    }

    /// A node with an error and without columns.
    pub fn unknown() -> Self {
        Self { columns: None, step: None, inputs: Vec::new() }
    }
}

/// The relation of a node with one input.
pub(super) fn only(inputs: Vec<Relation>) -> Result<Relation, InternalError> {
    inputs.into_iter().next().ok_or_else(|| InternalError::new("a node with one input was given none"))
}

/// What nodes are resolved in: the context, and what they say about themselves.
pub(super) struct Scope<'a> {
    pub context: &'a WorkflowContext<'a>,
    pub problems: Vec<Problem>,
    pub sources: Vec<SourceIntent>,
    /// How long the times that the nodes read stay true.
    pub valid_for: Option<Duration>,
    node_id: String,
    /// The place of the node at hand among the nodes.
    number: usize,
    errors: usize,
}

impl<'a> Scope<'a> {
    pub fn new(context: &'a WorkflowContext<'a>) -> Self {
        Self {
            context,
            problems: Vec::new(),
            sources: Vec::new(),
            valid_for: None,
            node_id: String::new(),
            number: 0,
            errors: 0,
        }
    }

    /// Turns to the next node.
    fn enter(&mut self, node_id: &str, number: usize) {
        self.number = number;
        self.node_id.clear();
        self.node_id.push_str(node_id);
    }

    /// Records a problem of the node at hand.
    pub fn report(&mut self, problem: Problem) {
        self.errors += usize::from(problem.is_error());
        self.problems.push(problem.at(&self.node_id));
    }

    /// The place of the node at hand among the nodes.
    pub fn number(&self) -> usize {
        self.number
    }

    /// The errors so far. A node that compares two counts knows whether it has some of its own.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Records that the node at hand is not filled in yet.
    pub fn unfinished(&mut self, port: &str, message: &str) {
        self.report(Problem::warning(ProblemCode::Unfinished, message).port(port));
    }

    /// Records that a key's value cannot be.
    pub fn bad_config(&mut self, port: &str, expected: &str, actual: impl Into<String>) {
        let message = format!("{port} cannot have this value");
        self.report(Problem::error(ProblemCode::BadConfig, message).port(port).expected(expected).actual(actual));
    }

    /// The place of a column; a missing one is recorded with the nearest names.
    pub fn column(&mut self, columns: &Columns, name: &str, port: &str) -> Option<usize> {
        let found = columns.find(name);
        if found.is_none() {
            self.report(unknown_column(columns, name, port));
        }
        found
    }

    /// Records a passed limit.
    pub fn within(&mut self, limit: Limit, actual: usize) -> bool {
        match self.context.limits.check(limit, actual) {
            Ok(()) => true,
            Err(report) => {
                self.report(report.into());
                false
            }
        }
    }

    /// Records that the node reads the clock, and how long its reading is good.
    pub fn reads_clock(&mut self, valid_for: Duration) {
        self.valid_for = Some(self.valid_for.map_or(valid_for, |known| known.min(valid_for)));
    }

    /// Warns of keys that the node type does not have.
    pub fn unknown_keys<'k>(&mut self, keys: impl Iterator<Item = &'k str>, known: &[&str]) {
        for key in keys.filter(|key| !known.contains(key)) {
            let problem = Problem::warning(ProblemCode::UnknownKey, format!("key \"{key}\" has no meaning here"));
            let problem = problem.port(key).actual(key);
            self.report(match nearest(key, known.iter().copied()) {
                Some(near) => problem.expected(near),
                None => problem.expected(known.join(", ")),
            });
        }
    }

    pub fn source(&mut self, table: TableName, freshness: Option<Freshness>) {
        self.sources.push(SourceIntent { node_id: self.node_id.clone(), table, freshness });
    }
}

/// The problem of a column that is not there.
fn unknown_column(columns: &Columns, name: &str, port: &str) -> Problem {
    let mut near: Vec<(usize, &str)> = columns
        .names()
        .map(|known| (strsim::damerau_levenshtein(&name.to_lowercase(), &known.to_lowercase()), known))
        .collect();
    near.sort_by_key(|(distance, _)| *distance);
    let names: Vec<&str> = near.into_iter().take(3).map(|(_, known)| known).collect();
    let problem = Problem::error(ProblemCode::UnknownColumn, format!("column \"{name}\" does not exist"));
    let problem = problem.port(port).actual(name);
    if names.is_empty() { problem } else { problem.expected(format!("a column such as {}", names.join(", "))) }
}

/// Every node of an order with its columns and step, by index. Nodes outside the order have none.
pub(super) fn resolve(
    graph: &Graph,
    order: &[usize],
    scope: &mut Scope<'_>,
    until_error: bool,
) -> Vec<Option<Resolution>> {
    let mut resolutions: Vec<Option<Resolution>> = Vec::new();
    resolutions.resize_with(graph.nodes().len(), || None);
    let mut sizes = Sizes::new(graph.nodes().len());
    for index in order.iter().copied() {
        if until_error && scope.errors > 0 {
            break;
        }
        let node = &graph.nodes()[index];
        let resolution = resolve_node(node, &resolutions, &mut sizes, index, scope);
        resolutions[index] = Some(resolution);
    }
    resolutions
}

/// How deep and how large the tree under each node is. A node that feeds two others is in the tree twice.
struct Sizes {
    depth: Vec<usize>,
    tree: Vec<usize>,
}

impl Sizes {
    fn new(nodes: usize) -> Self {
        Self { depth: vec![0; nodes], tree: vec![0; nodes] }
    }

    fn add(&mut self, index: usize, inputs: &[Input]) {
        let sources = || inputs.iter().filter_map(|input| input.source);
        self.depth[index] = 1 + sources().map(|source| self.depth[source]).max().unwrap_or(0);
        self.tree[index] = sources().fold(1_usize, |size, source| size.saturating_add(self.tree[source]));
    }
}

fn resolve_node(
    node: &GraphNode,
    resolutions: &[Option<Resolution>],
    sizes: &mut Sizes,
    index: usize,
    scope: &mut Scope<'_>,
) -> Resolution {
    sizes.add(index, &node.inputs);
    scope.enter(&node.id, index);
    let Some(kind) = kind_of(node, scope) else { return Resolution::unknown() };
    let small = scope.within(limits::GRAPH_DEPTH, sizes.depth[index])
        && scope.within(limits::GRAPH_TREE_NODES, sizes.tree[index]);
    let read = read_config(node, kind, scope);
    let inputs = ordered_inputs(node, kind, scope);
    let (Some(read), Some(inputs), true) = (read, inputs, small) else { return Resolution::unknown() };
    let columns = |source: &usize| resolutions[*source].as_ref().and_then(|input| input.columns.clone());
    // Where an input's columns cannot be told, its own problem is told already.
    match inputs.iter().map(columns).collect::<Option<Vec<Columns>>>() {
        Some(columns) => {
            let mut resolution = bounded(read.resolve(&columns, scope), scope);
            resolution.inputs = inputs;
            resolution
        }
        None => Resolution::unknown(),
    }
}

fn bounded(resolution: Resolution, scope: &mut Scope<'_>) -> Resolution {
    match &resolution.columns {
        Some(columns) if !scope.within(limits::NODE_COLUMNS, columns.len()) => Resolution::unknown(),
        Some(_) | None => resolution,
    }
}

/// The type of a node, if the graph says one that exists.
pub(super) fn kind_of(node: &GraphNode, scope: &mut Scope<'_>) -> Option<&'static NodeType> {
    let Some(name) = &node.kind else {
        scope.report(Problem::error(ProblemCode::UnknownNodeType, "the node has no type").port("type"));
        return None;
    };
    if node.repeated_kind.as_ref().is_some_and(|repeated| repeated != name) {
        let problem = Problem::error(ProblemCode::BadConfig, "type and data.nodeType of the node do not agree");
        let repeated = node.repeated_kind.as_deref().unwrap_or_default();
        scope.report(problem.port("data.nodeType").expected(name).actual(repeated));
        return None;
    }
    let kind = nodes::find(name);
    if kind.is_none() {
        let problem = Problem::error(ProblemCode::UnknownNodeType, format!("there is no node type \"{name}\""));
        let near = nearest(name, nodes::REGISTRY.iter().map(|known| known.name));
        let problem = problem.port("type").actual(name);
        scope.report(match near {
            Some(near) => problem.expected(near),
            None => problem,
        });
    }
    kind
}

fn read_config(node: &GraphNode, kind: &NodeType, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    let Some(read) = kind.read else {
        let message = format!("node type \"{}\" is not built yet", kind.name);
        scope.report(Problem::error(ProblemCode::BadConfig, message).port("type"));
        return None;
    };
    let empty = Map::new();
    let config = match &node.config {
        None | Some(Value::Null) => &empty,
        Some(Value::Object(config)) => config,
        Some(other) => {
            scope.bad_config("config", "an object", super::values::shown(other));
            return None;
        }
    };
    if kind.role != Role::Output {
        scope.unknown_keys(config.keys().map(String::as_str), kind.keys);
    }
    read(config, scope)
}

/// The nodes at the inputs, in the order of the inputs.
fn ordered_inputs(node: &GraphNode, kind: &NodeType, scope: &mut Scope<'_>) -> Option<Vec<usize>> {
    let (least, most) = kind.ports.bounds();
    let count = node.inputs.len();
    if count < least {
        let message = format!("the node needs {least} inputs and has {count}");
        let message = if least == 1 { "the node has no input".to_owned() } else { message };
        let port = missing_port(node, kind.ports);
        scope.report(
            Problem::error(ProblemCode::MissingInput, message)
                .port(port)
                .expected(least.to_string())
                .actual(count.to_string()),
        );
        return None;
    }
    if count > most {
        let message = format!("the node has {count} inputs and takes {most}");
        scope.report(
            Problem::error(ProblemCode::TooManyInputs, message).expected(most.to_string()).actual(count.to_string()),
        );
        return None;
    }
    let arranged =
        if kind.ports == Ports::LeftRight { left_right(&node.inputs, scope)? } else { node.inputs.iter().collect() };
    arranged.into_iter().map(|input| input.source).collect()
}

fn missing_port(node: &GraphNode, ports: Ports) -> &'static str {
    let taken = |name: &str| node.inputs.iter().any(|input| input.port.as_deref() == Some(name));
    match ports {
        Ports::LeftRight if taken("right") => "left",
        Ports::LeftRight if !node.inputs.is_empty() => "right",
        Ports::LeftRight => "left",
        Ports::Source | Ports::One | Ports::Many => "input",
    }
}

/// Two inputs by their handles, or by the order of the edges where the handles say nothing.
fn left_right<'g>(inputs: &'g [Input], scope: &mut Scope<'_>) -> Option<Vec<&'g Input>> {
    let [first, second] = inputs else { return None };
    let ports = (first.port.as_deref(), second.port.as_deref());
    match ports {
        (Some("left"), Some("left")) | (Some("right"), Some("right")) => {
            let port = ports.0.unwrap_or_default();
            let missing = if port == "left" { "right" } else { "left" };
            scope.report(Problem::error(ProblemCode::TooManyInputs, format!("two edges arrive at {port}")).port(port));
            scope.report(
                Problem::error(ProblemCode::MissingInput, format!("no edge arrives at {missing}")).port(missing),
            );
            None
        }
        (Some("right"), _) | (_, Some("left")) => Some(vec![second, first]),
        _ => Some(vec![first, second]),
    }
}
