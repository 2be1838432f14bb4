//! Reading the JSON of a graph within limits: bytes and nesting are checked before the parser recurses, and no more
//! nodes and edges are built than are allowed.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::base::limits::{self, LimitSet};
use crate::base::nesting_depth;

use super::problem::{Problem, ProblemCode, WorkflowError};

/// A node as it stands in the JSON. What else a canvas writes has no meaning.
#[derive(Debug, Deserialize)]
pub(super) struct RawNode {
    pub id: String,
    #[serde(rename = "type", default)]
    pub kind: Option<String>,
    #[serde(default)]
    pub data: Option<RawData>,
}

/// The part of a node that the canvas calls its data.
#[derive(Debug, Default, Deserialize)]
pub(super) struct RawData {
    #[serde(rename = "nodeType", default)]
    pub node_type: Option<String>,
    #[serde(default)]
    pub config: Option<Value>,
}

/// An edge as it stands in the JSON.
#[derive(Debug, Deserialize)]
pub(super) struct RawEdge {
    pub source: String,
    pub target: String,
    #[serde(rename = "targetHandle", default)]
    pub target_handle: Option<String>,
}

/// A graph as it stands in the JSON.
#[derive(Debug, Default)]
pub(super) struct RawGraph {
    pub nodes: Vec<RawNode>,
    pub edges: Vec<RawEdge>,
}

/// Reads the text of a graph.
pub(super) fn read(text: &str, limits: &LimitSet) -> Result<RawGraph, WorkflowError> {
    limits.check(limits::GRAPH_BYTES, text.len()).map_err(WorkflowError::TooLarge)?;
    limits.check(limits::JSON_DEPTH, nesting_depth(text)).map_err(WorkflowError::TooLarge)?;
    let seed = GraphSeed { nodes: limits.of(limits::GRAPH_NODES), edges: limits.of(limits::GRAPH_EDGES) };
    let mut parser = serde_json::Deserializer::from_str(text);
    let (graph, node_count, edge_count) = seed
        .deserialize(&mut parser)
        .and_then(|graph| parser.end().map(|()| graph))
        .map_err(|error| unreadable(text, &error))?;
    limits.check(limits::GRAPH_NODES, node_count).map_err(WorkflowError::TooLarge)?;
    limits.check(limits::GRAPH_EDGES, edge_count).map_err(WorkflowError::TooLarge)?;
    Ok(graph)
}

fn unreadable(text: &str, error: &serde_json::Error) -> WorkflowError {
    let position = position(text, error.line(), error.column());
    match error.classify() {
        serde_json::error::Category::Data => {
            let problem = Problem::error(ProblemCode::BadConfig, "the workflow is not a graph of nodes and edges");
            let problem = problem.actual(plain(error));
            match position {
                Some(position) => problem.position(position).into(),
                None => problem.into(),
            }
        }
        serde_json::error::Category::Io | serde_json::error::Category::Syntax | serde_json::error::Category::Eof => {
            WorkflowError::Malformed { detail: sentence(&plain(error)), position }
        }
    }
}

/// The parser's message without the place, which is told as a position.
pub(super) fn plain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

fn sentence(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), characters.as_str()),
        None => String::new(),
    }
}

/// The 1-based character position of a line and a column in bytes.
fn position(text: &str, line: usize, column: usize) -> Option<usize> {
    if line == 0 {
        return None;
    }
    let start: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    let end = (start + column).min(text.len());
    let before = text.as_bytes().get(..end)?;
    // Continuation bytes of UTF-8 are no characters of their own.
    Some(before.iter().filter(|byte| (**byte & 0xC0) != 0x80).count().max(1))
}

/// Reads the object that a graph is; the other keys are the canvas's.
struct GraphSeed {
    nodes: usize,
    edges: usize,
}

impl<'de> DeserializeSeed<'de> for GraphSeed {
    type Value = (RawGraph, usize, usize);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for GraphSeed {
    type Value = (RawGraph, usize, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with nodes and edges")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut nodes, mut edges) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "nodes" if nodes.is_some() => return Err(A::Error::duplicate_field("nodes")),
                "edges" if edges.is_some() => return Err(A::Error::duplicate_field("edges")),
                "nodes" => nodes = Some(map.next_value_seed(Capped::<RawNode>::new(self.nodes))?),
                "edges" => edges = Some(map.next_value_seed(Capped::<RawEdge>::new(self.edges))?),
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        let (nodes, node_count) = nodes.ok_or_else(|| A::Error::missing_field("nodes"))?;
        let (edges, edge_count) = edges.unwrap_or_default();
        Ok((RawGraph { nodes, edges }, node_count, edge_count))
    }
}

/// Reads a list, builds its first elements and only counts the others.
struct Capped<T> {
    allowed: usize,
    element: PhantomData<T>,
}

impl<T> Capped<T> {
    fn new(allowed: usize) -> Self {
        Self { allowed, element: PhantomData }
    }
}

impl<'de, T: Deserialize<'de>> DeserializeSeed<'de> for Capped<T> {
    type Value = (Vec<T>, usize);
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Capped<T> {
    type Value = (Vec<T>, usize);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut elements = Vec::new();
        while elements.len() < self.allowed {
            match list.next_element()? {
                Some(element) => elements.push(element),
                None => {
                    let count = elements.len();
                    return Ok((elements, count));
                }
            }
        }
        let mut count = elements.len();
        while list.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok((elements, count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::UserFacing;

    fn state(text: &str) -> &'static str {
        read(text, &LimitSet::default()).unwrap_err().sqlstate().code()
    }

    #[test]
    fn text_that_is_no_json_is_22p02_with_a_position() {
        for text in ["", "{", "nodes", "{\"nodes\":[]} x", "{\"nodes\":[}"] {
            assert_eq!(state(text), "22P02", "{text}");
        }
        match read("{\"ä\":[}", &LimitSet::default()) {
            Err(WorkflowError::Malformed { position, .. }) => assert_eq!(position, Some(7)),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn json_that_is_no_graph_is_22023() {
        for text in [
            "[]",
            "1",
            "{}",
            "{\"nodes\":{}}",
            "{\"nodes\":[{}]}",
            "{\"nodes\":[{\"id\":1}]}",
            "{\"nodes\":[],\"nodes\":[]}",
        ] {
            assert_eq!(state(text), "22023", "{text}");
        }
    }

    #[test]
    fn every_limit_is_54000_one_past_it() {
        let mut limits = LimitSet::default();
        limits.set("graph_nodes", 2).unwrap();
        limits.set("graph_edges", 1).unwrap();
        limits.set("json_depth", 4).unwrap();
        let node = "{\"id\":\"a\"}";
        let edge = "{\"source\":\"a\",\"target\":\"a\"}";
        let graph = |nodes: usize, edges: usize| {
            format!("{{\"nodes\":[{}],\"edges\":[{}]}}", vec![node; nodes].join(","), vec![edge; edges].join(","))
        };
        assert!(read(&graph(2, 1), &limits).is_ok());
        for text in [graph(3, 1), graph(2, 2), "{\"nodes\":[{\"data\":{\"config\":{}}}]}".to_owned()] {
            assert_eq!(read(&text, &limits).unwrap_err().sqlstate().code(), "54000", "{text}");
        }
        limits.set("graph_bytes", 10).unwrap();
        assert_eq!(read(&graph(1, 0), &limits).unwrap_err().sqlstate().code(), "54000");
    }

    #[test]
    fn hostile_sizes_are_refused_without_building_them() {
        assert_eq!(state(&"[".repeat(5_000)), "54000");
        assert_eq!(state(&format!("{{\"x\":{}}}", "[".repeat(5_000))), "54000");
        assert_eq!(state(&" ".repeat(10 << 20)), "54000");
        assert_eq!(state(&format!("{{\"nodes\":[{}]}}", vec!["{\"id\":\"a\"}"; 10_000].join(","))), "54000");
    }
}
