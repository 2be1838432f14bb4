//! Every problem of a graph.

use super::graph::Graph;
use super::problem::{Problem, ProblemCode, WorkflowError};
use super::resolve::{Scope, WorkflowContext, resolve};

/// All problems of a graph, of every node and not only of a target's: first those of its shape, then node by node.
/// A graph past a limit has that one problem.
///
/// # Errors
/// [`WorkflowError::Malformed`] when the text is no JSON.
pub fn validate(graph: &str, context: &WorkflowContext<'_>) -> Result<Vec<Problem>, WorkflowError> {
    match Graph::parse(graph, context.limits) {
        Ok(graph) => Ok(validate_graph(&graph, context)),
        Err(WorkflowError::TooLarge(report)) => Ok(vec![report.into()]),
        Err(WorkflowError::Invalid(problem)) => Ok(vec![*problem]),
        Err(error) => Err(error),
    }
}

/// All problems of a graph that was read.
#[must_use]
pub fn validate_graph(graph: &Graph, context: &WorkflowContext<'_>) -> Vec<Problem> {
    let mut problems: Vec<Problem> = graph.problems().iter().map(|found| found.problem.clone()).collect();
    let wanted = vec![true; graph.nodes().len()];
    problems.extend(graph.cycles(&wanted));
    let mut scope = Scope::new(context);
    resolve(graph, &graph.order(&wanted), &mut scope, false);
    // Nodes behind a cycle are not resolved; what is wrong with themselves is told all the same.
    problems.extend(scope.problems);
    if graph.nodes().is_empty() {
        problems.push(Problem::warning(ProblemCode::Unfinished, "the workflow has no node"));
    }
    problems
}
