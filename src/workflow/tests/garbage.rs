//! Whatever stands in a configuration, nothing panics; and a graph without an error compiles.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::support::{node, with_context};
use crate::base::limits::LimitSet;
use crate::base::{SqlState, UserFacing};
use crate::workflow::nodes::{Ports, REGISTRY, Role};
use crate::workflow::{compile, schema, validate};

const TEXTS: &[&str] = &[
    "",
    "id",
    "n",
    "price",
    "name",
    "at",
    "day",
    "nope",
    "=",
    "in",
    "between",
    "contains",
    "is null",
    "and",
    "or",
    "asc",
    "desc",
    "t",
    "twice",
    "vwap",
    "clickhouse",
    "1",
    "-1",
    "1e400",
    "2024-01-01",
    "-7d",
    "now",
    "low,high",
    "1,2",
    "inner",
    "full",
    "position",
    "ä%_\\",
    "[x",
];

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-5_i64..20).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from), object(inner)]
    })
}

fn keys() -> Vec<&'static str> {
    let mut keys: Vec<&str> = REGISTRY.iter().flat_map(|kind| kind.keys.iter().copied()).collect();
    keys.extend(["name", "dtype", "nullable", "left", "right", "id", "n", "price", "colour"]);
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn object(value: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let pairs = prop::collection::vec((prop::sample::select(keys()), value), 0..5);
    pairs.prop_map(|pairs| Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()))
}

/// A configuration with keys of its own node type.
fn config(kind: usize) -> impl Strategy<Value = Value> {
    let keys = REGISTRY[kind].keys;
    prop::collection::vec((prop::sample::select(keys), value()), 0..4).prop_map(|pairs| {
        Value::Object(pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Map<_, _>>())
    })
}

fn any_node() -> impl Strategy<Value = (usize, Value, usize, usize)> {
    (0..REGISTRY.len()).prop_flat_map(|kind| (Just(kind), config(kind), any::<usize>(), any::<usize>()))
}

/// Two sources and nodes that read from earlier ones, most of them well connected.
fn graph(nodes: &[(usize, Value, usize, usize)]) -> Value {
    let source = |id: &str| node(id, "data_source", &json!({"table": "t"}));
    let mut all = vec![source("n0"), source("n1")];
    let mut edges = Vec::new();
    for (kind, config, first, second) in nodes {
        let kind = &REGISTRY[*kind];
        let index = all.len();
        let inputs = match kind.ports {
            Ports::Source => vec![],
            Ports::One => vec![first % index],
            Ports::LeftRight | Ports::Many => vec![first % index, second % index],
        };
        edges.extend(inputs.iter().map(|from| json!({"source": format!("n{from}"), "target": format!("n{index}")})));
        all.push(node(&format!("n{index}"), kind.name, config));
    }
    json!({"nodes": all, "edges": edges})
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_configuration_panics(nodes in prop::collection::vec(any_node(), 1..6)) {
        let graph = graph(&nodes);
        let text = graph.to_string();
        with_context(&LimitSet::default(), |context| {
            let problems = validate(&text, context).unwrap();
            let rows = schema(&text, None, context).unwrap();
            for (index, known) in graph["nodes"].as_array().unwrap().iter().enumerate() {
                let target = format!("n{index}");
                match compile(&text, &target, context) {
                    Ok(compiled) => {
                        let own = |id: &str| compiled.node_ids.iter().any(|known| known == id);
                        let refused = problems.iter().find(|p| p.is_error() && p.node_id.as_deref().is_some_and(own));
                        assert!(refused.is_none(), "{target} compiles in spite of {refused:?}\n{graph}");
                        let is_output = REGISTRY.iter().any(|kind| known["type"] == kind.name && kind.role == Role::Output);
                        let announced: Vec<_> = rows.iter().filter(|row| row.node_id == target).map(|row| &row.column).collect();
                        assert!(is_output || announced == compiled.columns.iter().collect::<Vec<_>>(), "{graph}");
                        let fields = compiled.plan.schema().fields();
                        assert_eq!(fields.len(), compiled.columns.len(), "{graph}");
                        for (column, field) in compiled.columns.iter().zip(fields) {
                            assert_eq!(column.name.as_ref(), field.name(), "{graph}");
                            assert_eq!(&column.sql_type.arrow(), field.data_type(), "{graph}");
                        }
                    }
                    Err(error) => {
                        assert_ne!(error.sqlstate(), SqlState::INTERNAL_ERROR, "{target}\n{graph}");
                        assert!(problems.iter().any(crate::workflow::Problem::is_error), "{error}\n{graph}");
                    }
                }
            }
        });
    }
}
