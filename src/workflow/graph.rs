//! The graph: nodes and their inputs, what a target needs, in which order, and circles.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};
use serde_json::Value;

use crate::base::engine_error::nearest;
use crate::base::limits::LimitSet;

use super::json::{self, RawEdge, RawNode};
use super::problem::{Problem, ProblemCode, WorkflowError};

/// A node of the graph.
#[derive(Debug)]
pub struct GraphNode {
    /// The id, unique but for nodes that [`Graph::problems`] names.
    pub id: String,
    /// The type that decides.
    pub kind: Option<String>,
    /// The type that the canvas repeats in `data`; it must agree.
    pub repeated_kind: Option<String>,
    /// The configuration as it came.
    pub config: Option<Value>,
    /// The edges that arrive, in the order of the edges.
    pub inputs: Vec<Input>,
}

/// An edge as its target sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The index of the node that it comes from; `None` when there is no such node.
    pub source: Option<usize>,
    /// The handle at which it arrives, such as `left`.
    pub port: Option<String>,
}

/// A graph whose JSON was read. It may still have problems.
#[derive(Debug)]
pub struct Graph {
    nodes: Vec<GraphNode>,
    by_id: HashMap<String, usize>,
    links: DiGraph<(), ()>,
    problems: Vec<GraphProblem>,
}

/// A problem of the graph's shape.
#[derive(Debug)]
pub struct GraphProblem {
    /// The node that has no rows because of it; `None` where it only is untidy.
    pub blocks: Option<usize>,
    /// The problem.
    pub problem: Problem,
}

impl Graph {
    /// Reads a graph within the limits.
    ///
    /// # Errors
    /// [`WorkflowError`] when the text is no JSON, no graph, or past a limit.
    pub fn parse(text: &str, limits: &LimitSet) -> Result<Self, WorkflowError> {
        let raw = json::read(text, limits)?;
        let mut graph = Self {
            nodes: Vec::with_capacity(raw.nodes.len()),
            by_id: HashMap::with_capacity(raw.nodes.len()),
            links: DiGraph::with_capacity(raw.nodes.len(), raw.edges.len()),
            problems: Vec::new(),
        };
        raw.nodes.into_iter().for_each(|node| graph.add_node(node));
        raw.edges.into_iter().for_each(|edge| graph.add_edge(edge));
        Ok(graph)
    }

    fn add_node(&mut self, raw: RawNode) {
        let index = self.nodes.len();
        if let Some(first) = self.by_id.get(&raw.id) {
            let message = format!("node id \"{}\" is used more than once", raw.id);
            let problem = Problem::error(ProblemCode::DuplicateNodeId, message).at(&raw.id);
            self.problems.push(GraphProblem { blocks: Some(*first), problem });
        } else {
            self.by_id.insert(raw.id.clone(), index);
        }
        let data = raw.data.unwrap_or_default();
        self.links.add_node(());
        self.nodes.push(GraphNode {
            id: raw.id,
            kind: raw.kind,
            repeated_kind: data.node_type,
            config: data.config,
            inputs: Vec::new(),
        });
    }

    fn add_edge(&mut self, raw: RawEdge) {
        let source = self.by_id.get(&raw.source).copied();
        let target = self.by_id.get(&raw.target).copied();
        match (source, target) {
            (Some(from), Some(to)) => {
                self.links.add_edge(NodeIndex::new(from), NodeIndex::new(to), ());
            }
            (None, _) => self.dangling(&raw.source, target, target, raw.target_handle.as_deref()),
            (Some(_), None) => self.dangling(&raw.target, source, None, None),
        }
        if let Some(node) = target.and_then(|target| self.nodes.get_mut(target)) {
            node.inputs.push(Input { source, port: raw.target_handle });
        }
    }

    fn dangling(&mut self, missing: &str, other: Option<usize>, blocks: Option<usize>, port: Option<&str>) {
        let message = format!("an edge refers to node \"{missing}\", which does not exist");
        let mut problem = Problem::error(ProblemCode::DanglingEdge, message).actual(missing);
        if let Some(node) = other.and_then(|other| self.nodes.get(other)) {
            problem = problem.at(&node.id);
        }
        problem.port = port.map(str::to_owned);
        self.problems.push(GraphProblem { blocks, problem });
    }

    /// The nodes, in the order of the JSON.
    #[must_use]
    pub fn nodes(&self) -> &[GraphNode] {
        &self.nodes
    }

    /// Duplicate ids and dangling edges.
    #[must_use]
    pub fn problems(&self) -> &[GraphProblem] {
        &self.problems
    }

    /// The index of a node.
    ///
    /// # Errors
    /// [`WorkflowError::UnknownTarget`] when no node has the id.
    pub fn find(&self, id: &str) -> Result<usize, WorkflowError> {
        self.by_id.get(id).copied().ok_or_else(|| WorkflowError::UnknownTarget {
            target: id.to_owned(),
            nearest: nearest(id, self.nodes.iter().map(|node| node.id.as_str())).map(str::to_owned),
        })
    }

    /// The target and everything that it is made of, as flags by index.
    #[must_use]
    pub fn ancestors(&self, target: usize) -> Vec<bool> {
        let mut wanted = vec![false; self.nodes.len()];
        let mut open = vec![target];
        while let Some(index) = open.pop() {
            if std::mem::replace(&mut wanted[index], true) {
                continue;
            }
            open.extend(self.sources(index).filter(|source| !wanted[*source]));
        }
        wanted
    }

    fn sources(&self, index: usize) -> impl Iterator<Item = usize> + '_ {
        self.nodes[index].inputs.iter().filter_map(|input| input.source)
    }

    /// The wanted nodes, each after its inputs; ties by the order of the nodes. Nodes on or behind a circle are left
    /// out.
    #[must_use]
    pub fn order(&self, wanted: &[bool]) -> Vec<usize> {
        let mut waiting: Vec<usize> = (0..self.nodes.len()).map(|index| self.sources(index).count()).collect();
        let is_ready = |index: &usize| wanted[*index] && waiting[*index] == 0;
        let mut ready: BinaryHeap<Reverse<usize>> = (0..self.nodes.len()).filter(is_ready).map(Reverse).collect();
        let mut order = Vec::new();
        while let Some(Reverse(index)) = ready.pop() {
            order.push(index);
            for next in self.links.neighbors_directed(NodeIndex::new(index), Direction::Outgoing).map(NodeIndex::index)
            {
                waiting[next] -= 1;
                if waiting[next] == 0 && wanted[next] {
                    ready.push(Reverse(next));
                }
            }
        }
        order
    }

    /// One problem for each circle among the wanted nodes, naming the nodes on it.
    #[must_use]
    pub fn cycles(&self, wanted: &[bool]) -> Vec<Problem> {
        let mut circles: Vec<Vec<usize>> = kosaraju_scc(&self.links)
            .into_iter()
            .map(|part| part.into_iter().map(NodeIndex::index).collect::<Vec<_>>())
            .filter(|part| part.first().is_some_and(|first| wanted[*first] && self.is_circle(part)))
            .collect();
        circles.iter_mut().for_each(|part| part.sort_unstable());
        circles.sort_unstable();
        circles.iter().map(|part| self.cycle_problem(part)).collect()
    }

    fn is_circle(&self, part: &[usize]) -> bool {
        part.len() > 1 || part.first().is_some_and(|only| self.sources(*only).any(|source| source == *only))
    }

    fn cycle_problem(&self, part: &[usize]) -> Problem {
        let walk = self.shortest_circle(part);
        let names: Vec<&str> = walk.iter().map(|index| self.nodes[*index].id.as_str()).collect();
        let path = names.join(" → ");
        let problem = Problem::error(ProblemCode::Cycle, format!("the nodes form a cycle: {path}")).actual(path);
        match names.first() {
            Some(first) => problem.at(first),
            None => problem,
        }
    }

    /// The shortest way from the first node of a part back to itself.
    fn shortest_circle(&self, part: &[usize]) -> Vec<usize> {
        let Some(first) = part.first().copied() else { return Vec::new() };
        let mut came_from: HashMap<usize, usize> = HashMap::new();
        let mut open = VecDeque::from([first]);
        while let Some(index) = open.pop_front() {
            let mut outgoing: Vec<usize> = self
                .links
                .neighbors_directed(NodeIndex::new(index), Direction::Outgoing)
                .map(NodeIndex::index)
                .filter(|next| part.binary_search(next).is_ok())
                .collect();
            outgoing.sort_unstable();
            for next in outgoing {
                if next == first {
                    return unwind(&came_from, first, index);
                }
                if !came_from.contains_key(&next) {
                    came_from.insert(next, index);
                    open.push_back(next);
                }
            }
        }
        part.to_vec()
    }
}

fn unwind(came_from: &HashMap<usize, usize>, first: usize, last: usize) -> Vec<usize> {
    let mut walk = vec![first];
    let mut index = last;
    while index != first {
        walk.push(index);
        index = came_from.get(&index).copied().unwrap_or(first);
    }
    walk.push(first);
    walk.reverse();
    walk
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(nodes: &str, edges: &[(&str, &str)]) -> Graph {
        let nodes: Vec<String> = nodes.split_whitespace().map(|id| format!("{{\"id\":\"{id}\"}}")).collect();
        let edges: Vec<String> =
            edges.iter().map(|(a, b)| format!("{{\"source\":\"{a}\",\"target\":\"{b}\"}}")).collect();
        let text = format!("{{\"nodes\":[{}],\"edges\":[{}]}}", nodes.join(","), edges.join(","));
        Graph::parse(&text, &LimitSet::default()).unwrap()
    }

    fn order(graph: &Graph, target: &str) -> String {
        let wanted = graph.ancestors(graph.find(target).unwrap());
        let names: Vec<&str> = graph.order(&wanted).into_iter().map(|i| graph.nodes()[i].id.as_str()).collect();
        names.join(" ")
    }

    #[test]
    fn only_ancestors_count_and_ties_go_by_the_order_of_the_nodes() {
        let graph = graph("d c b a z", &[("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"), ("d", "z")]);
        assert_eq!(order(&graph, "d"), "a c b d");
        assert_eq!(order(&graph, "b"), "a b");
    }

    #[test]
    fn a_cycle_is_named_and_what_lies_behind_it_is_left_out() {
        let graph = graph("a b c d e", &[("a", "b"), ("b", "c"), ("c", "b"), ("c", "d"), ("e", "e")]);
        let wanted = graph.ancestors(graph.find("d").unwrap());
        assert_eq!(order(&graph, "d"), "a");
        let cycles = graph.cycles(&wanted);
        assert_eq!(cycles.len(), 1);
        assert_eq!(cycles[0].actual.as_deref(), Some("b → c → b"));
        assert_eq!(cycles[0].node_id.as_deref(), Some("b"));
        let all = graph.cycles(&[true; 5]);
        assert_eq!(all.len(), 2);
        assert_eq!(all[1].actual.as_deref(), Some("e → e"));
    }

    #[test]
    fn duplicates_and_dangling_edges_are_all_told() {
        let graph = graph("a b a", &[("a", "x"), ("y", "b"), ("p", "q")]);
        let codes: Vec<_> =
            graph.problems().iter().map(|p| (p.problem.code.name(), p.problem.node_id.as_deref())).collect();
        assert_eq!(
            codes,
            [
                ("duplicate_node_id", Some("a")),
                ("dangling_edge", Some("a")),
                ("dangling_edge", Some("b")),
                ("dangling_edge", None)
            ]
        );
    }

    #[test]
    fn a_long_chain_is_walked_without_recursion() {
        let names: Vec<String> = (0..5_000).map(|i| format!("n{i}")).collect();
        let edges: Vec<(&str, &str)> = names.windows(2).map(|w| (w[0].as_str(), w[1].as_str())).collect();
        let graph = graph(&names.join(" "), &edges);
        let wanted = graph.ancestors(4_999);
        assert_eq!(graph.order(&wanted).len(), 5_000);
        assert!(graph.cycles(&wanted).is_empty());
    }
}
