//! The columns of every node, as the canvas shows them.

use super::columns::ColumnInfo;
use super::graph::Graph;
use super::nodes::{self, Role};
use super::problem::WorkflowError;
use super::resolve::{Scope, WorkflowContext, resolve};

/// One column of one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaRow {
    /// The node.
    pub node_id: String,
    /// The column's place, from 1.
    pub ordinal: usize,
    /// The column.
    pub column: ColumnInfo,
}

/// The columns of one node, or of every node in the order of the graph's JSON. A node whose columns cannot be told, and
/// an output, has none.
///
/// # Errors
/// [`WorkflowError`] when the text is no graph, is past a limit, or has no such node.
pub fn schema(graph: &str, node: Option<&str>, context: &WorkflowContext<'_>) -> Result<Vec<SchemaRow>, WorkflowError> {
    let graph = Graph::parse(graph, context.limits)?;
    let wanted = match node {
        Some(node) => graph.ancestors(graph.find(node)?),
        None => vec![true; graph.nodes().len()],
    };
    let mut scope = Scope::new(context);
    let resolutions = resolve(&graph, &graph.order(&wanted), &mut scope, false);
    let mut rows = Vec::new();
    for (known, resolution) in graph.nodes().iter().zip(resolutions) {
        let is_output = known.kind.as_deref().and_then(nodes::find).is_some_and(|kind| kind.role == Role::Output);
        if is_output || node.is_some_and(|node| node != known.id) {
            continue;
        }
        let columns = resolution.and_then(|resolution| resolution.columns);
        for (place, column) in columns.iter().flat_map(|columns| columns.iter().enumerate()) {
            rows.push(SchemaRow { node_id: known.id.clone(), ordinal: place + 1, column: column.clone() });
        }
    }
    Ok(rows)
}
