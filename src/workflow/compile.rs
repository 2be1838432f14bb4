//! A target of a graph as a plan.

use std::time::Duration;

use datafusion::logical_expr::LogicalPlan;

use crate::base::InternalError;

use super::columns::Columns;
use super::graph::Graph;
use super::nodes;
use super::problem::{Problem, WorkflowError};
use super::relation::Relation;
use super::resolve::{Resolution, Scope, SourceIntent, WorkflowContext, resolve};

/// Some rows of a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// Rows to leave out at the beginning.
    pub offset: u64,
    /// Rows to give at most.
    pub limit: u64,
}

/// A target that became a plan.
#[derive(Debug, Clone)]
pub struct CompiledWorkflow {
    /// The plan: typed, over table leaves without data, in the order in effect.
    pub plan: LogicalPlan,
    /// The nodes that it is made of, inputs first; the target is the last.
    pub node_ids: Vec<String>,
    /// The columns of its rows.
    pub columns: Columns,
    /// The tables that it reads, and what the graph asks of the router.
    pub sources: Vec<SourceIntent>,
    /// How long the plan stays true: it holds times that were relative to the request. `None` when it holds none.
    /// A plan that has one must not be used for another request.
    pub valid_for: Option<Duration>,
}

/// Compiles the target of a graph.
///
/// # Errors
/// [`WorkflowError`] with the first problem of the target and what it is made of.
pub fn compile(graph: &str, target: &str, context: &WorkflowContext<'_>) -> Result<CompiledWorkflow, WorkflowError> {
    compile_graph(&Graph::parse(graph, context.limits)?, target, None, context)
}

/// Compiles the target of a graph, limited to a page of its rows.
///
/// # Errors
/// [`WorkflowError`] with the first problem of the target and what it is made of.
pub fn compile_page(
    graph: &str,
    target: &str,
    page: Page,
    context: &WorkflowContext<'_>,
) -> Result<CompiledWorkflow, WorkflowError> {
    compile_graph(&Graph::parse(graph, context.limits)?, target, Some(page), context)
}

/// Compiles the target of a graph that was read, limited to a page if one is given.
///
/// # Errors
/// [`WorkflowError`] with the first problem of the target and what it is made of.
pub fn compile_graph(
    graph: &Graph,
    target: &str,
    page: Option<Page>,
    context: &WorkflowContext<'_>,
) -> Result<CompiledWorkflow, WorkflowError> {
    let target = graph.find(target)?;
    let order = plan_order(graph, target)?;
    let mut scope = Scope::new(context);
    let mut resolutions = resolve(graph, &order, &mut scope, true);
    if let Some(problem) = scope.problems.iter().find(|problem| problem.is_error()) {
        return Err(refusal(graph, problem));
    }
    let columns = resolutions[target].as_ref().and_then(|resolution| resolution.columns.clone());
    let relation = relation_of(graph, &order, &mut resolutions)?;
    let relation = match page {
        Some(page) => relation.limit(page.offset, Some(page.limit))?,
        None => relation,
    };
    Ok(CompiledWorkflow {
        plan: relation.finish()?,
        node_ids: order.iter().map(|index| graph.nodes()[*index].id.clone()).collect(),
        columns: columns.ok_or_else(|| InternalError::new("a target without columns"))?,
        sources: scope.sources,
        valid_for: scope.valid_for,
    })
}

/// The target's ancestors, inputs first, if the shape of the graph allows one.
fn plan_order(graph: &Graph, target: usize) -> Result<Vec<usize>, WorkflowError> {
    let wanted = graph.ancestors(target);
    let blocks = |node: Option<usize>| node.is_some_and(|node| wanted[node]);
    if let Some(found) = graph.problems().iter().find(|found| blocks(found.blocks)) {
        return Err(found.problem.clone().into());
    }
    let order = graph.order(&wanted);
    let is_whole = order.last() == Some(&target);
    match graph.cycles(&wanted).into_iter().next() {
        Some(cycle) if !is_whole => Err(cycle.into()),
        Some(_) | None if is_whole => Ok(order),
        Some(_) | None => Err(InternalError::new("a graph without an order and without a cycle").into()),
    }
}

/// The error for a problem. A node type that is known and cannot run has one of its own.
fn refusal(graph: &Graph, problem: &Problem) -> WorkflowError {
    let node = problem.node_id.as_deref().and_then(|id| graph.nodes().iter().find(|node| node.id == id));
    let kind = node.and_then(|node| node.kind.as_deref()).and_then(nodes::find);
    match (node, kind) {
        (Some(node), Some(kind)) if kind.read.is_none() && problem.port.as_deref() == Some("type") => {
            WorkflowError::NotBuilt { node_id: node.id.clone(), node_type: kind.name.to_owned() }
        }
        _ => problem.clone().into(),
    }
}

/// Runs the steps in order. A relation is handed on to its last reader and cloned for the others.
fn relation_of(
    graph: &Graph,
    order: &[usize],
    resolutions: &mut [Option<Resolution>],
) -> Result<Relation, InternalError> {
    let mut readers = vec![0_usize; graph.nodes().len()];
    for input in order.iter().flat_map(|index| &graph.nodes()[*index].inputs) {
        input.source.into_iter().for_each(|source| readers[source] += 1);
    }
    let mut relations: Vec<Option<Relation>> = vec![None; graph.nodes().len()];
    let mut last = None;
    for index in order.iter().copied() {
        let resolution = resolutions[index].take();
        let missing = || InternalError::new("a node without a step and without an error");
        let Resolution { step, inputs, .. } = resolution.ok_or_else(missing)?;
        let step = step.ok_or_else(missing)?;
        let mut given = Vec::with_capacity(inputs.len());
        for source in inputs {
            readers[source] -= 1;
            let relation = if readers[source] == 0 { relations[source].take() } else { relations[source].clone() };
            given.push(relation.ok_or_else(|| InternalError::new("an input without rows"))?);
        }
        relations[index] = Some(step(given)?);
        last = Some(index);
    }
    let target = last.and_then(|index| relations[index].take());
    target.ok_or_else(|| InternalError::new("a workflow without a node"))
}
