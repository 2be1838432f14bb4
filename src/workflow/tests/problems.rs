//! Every problem code, and the limits.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::support::{chain, codes, compiled, node, problems, view_without, with_context, with_view};
use crate::base::limits::LimitSet;
use crate::base::{StoreKind, UserFacing};
use crate::workflow::{compile, validate};

fn source(id: &str) -> Value {
    node(id, "data_source", &json!({"table": "t"}))
}

fn edge(source: &str, target: &str) -> Value {
    json!({"source": source, "target": target})
}

#[test]
fn a_good_graph_has_no_problem() {
    let nodes = [
        ("filter", json!({"column": "n", "operator": ">", "value": 1})),
        ("select", json!({"columns": ["id", "n"]})),
        ("sort", json!({"sort_by": [{"column": "n"}]})),
        ("limit", json!({"limit": 5})),
        ("table_output", json!({"title": "x", "anything": {"at": "all"}})),
    ];
    assert_eq!(codes(&chain(&nodes)), Vec::<String>::new());
}

#[test]
fn a_table_of_a_store_that_never_answered_is_not_said_to_be_missing() {
    let silent = BTreeMap::from([(StoreKind::Redis, "connection refused".to_owned())]);
    for config in [
        json!({"table": "latest.awaited"}),
        json!({"table": "awaited"}),
        json!({"table": "awaited", "source": "redis"}),
    ] {
        let graph = json!({"nodes": [node("s", "data_source", &config)], "edges": []}).to_string();
        let refused = |unreached| {
            let view = view_without(unreached);
            with_view(&view, &LimitSet::default(), |context| compile(&graph, "s", context)).unwrap_err()
        };
        let waiting = refused(silent.clone());
        assert_eq!(waiting.sqlstate().code(), "08006", "{config}: {waiting}");
        assert!(waiting.detail().unwrap().contains("connection refused"), "{config}: {waiting:?}");
        assert!(waiting.hint().unwrap().contains("until it answers"), "{config}: {waiting:?}");
        let missing = refused(BTreeMap::new());
        assert_eq!(missing.sqlstate().code(), "42P01", "{config}: {missing}");
    }
    let elsewhere =
        json!({"nodes": [node("s", "data_source", &json!({"table": "awaited", "source": "clickhouse"}))], "edges": []});
    let view = view_without(silent);
    let refused =
        with_view(&view, &LimitSet::default(), |context| compile(&elsewhere.to_string(), "s", context)).unwrap_err();
    assert_eq!(refused.sqlstate().code(), "42P01", "{refused}");
}

#[test]
fn all_problems_are_told_at_once() {
    let graph = json!({
        "nodes": [
            source("s"), source("s"),
            node("x", "data_sauce", &json!({})),
            node("f", "filter", &json!({"column": "nope", "operator": "=", "value": 1, "colour": "red"})),
            node("g", "filter", &json!({"column": "n", "operator": "=", "value": "abc"})),
            node("c", "select", &json!({"columns": ["id", "id", "idd"]})),
            node("l", "limit", &json!({"limit": -1, "ofset": 1})),
            node("u", "filter", &json!({})),
            node("e", "data_source", &json!({})),
            node("w", "data_source", &json!({"table": "nowhere"})),
            node("a", "data_source", &json!({"table": "twice"})),
            node("d", "data_source", &json!({"table": "vwap", "columns": [{"name": "v", "dtype": "string"}]})),
            {"id": "z"},
            {"id": "y", "type": "filter", "data": {"nodeType": "sort"}},
            {"id": "q", "type": "limit", "data": {"config": [1]}},
            node("p", "chart_output", &json!({"x_column": "nope", "colour": 1})),
        ],
        "edges": [
            edge("s", "f"), edge("f", "g"), edge("s", "c"), edge("s", "l"), edge("s", "u"), edge("s", "p"),
            edge("s", "gone"), edge("s", "x"), edge("s", "y"), edge("s", "q"), edge("s", "e"), edge("u", "u2"),
        ],
    });
    let mut expected = vec![
        "duplicate_node_id s",
        "dangling_edge s",
        "dangling_edge u",
        "missing_input s",
        "unknown_node_type x type",
        "unknown_key f colour (warning)",
        "unknown_column f column",
        "type_mismatch g value",
        "duplicate_column c columns",
        "unknown_column c columns",
        "unknown_key l ofset (warning)",
        "bad_config l limit",
        "unfinished u column (warning)",
        "too_many_inputs e",
        "unknown_table w table",
        "ambiguous_table a table",
        "schema_drift d columns (warning)",
        "unknown_node_type z type",
        "bad_config y data.nodeType",
        "bad_config q config",
        "unknown_column p x_column (warning)",
    ];
    expected.retain(|line| *line != "missing_input s");
    let mut found = codes(&graph);
    found.sort();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn an_unfinished_source_is_an_error() {
    let graph = json!({"nodes": [node("s", "data_source", &json!({}))]});
    assert_eq!(codes(&graph), ["unfinished s table"]);
    assert_eq!(compiled(&graph, "s").unwrap_err().sqlstate().code(), "22023");
}

#[test]
fn inputs_are_counted() {
    let alone = json!({"nodes": [node("f", "filter", &json!({}))], "edges": []});
    assert_eq!(codes(&alone), ["missing_input f input"]);
    let twice =
        json!({"nodes": [source("s"), node("f", "filter", &json!({}))], "edges": [edge("s", "f"), edge("s", "f")]});
    assert_eq!(codes(&twice), ["too_many_inputs f"]);
    let joins = |edges: Value| codes(&json!({"nodes": [source("s"), node("j", "join", &json!({}))], "edges": edges}));
    let found = joins(json!([{"source": "s", "target": "j", "targetHandle": "right"}]));
    assert!(found.contains(&"missing_input j left".to_owned()), "{found:?}");
}

#[test]
fn a_cycle_is_refused_and_its_nodes_are_named() {
    let graph = json!({
        "nodes": [node("a", "filter", &json!({})), node("b", "filter", &json!({})), node("c", "limit", &json!({"limit": 1})), source("s")],
        "edges": [edge("a", "b"), edge("b", "a"), edge("b", "c")],
    });
    assert_eq!(codes(&graph), ["cycle a"]);
    let report = compiled(&graph, "c").unwrap_err().report();
    assert_eq!(
        (report.sqlstate.code(), report.message.as_str()),
        ("22023", "node \"a\": the nodes form a cycle: a → b → a")
    );
    // The cycle is none of the other nodes' business.
    assert!(compiled(&graph, "s").is_ok());
}

#[test]
fn only_the_ancestors_of_the_target_can_refuse_it() {
    let graph = json!({
        "nodes": [source("s"), node("bad", "filter", &json!({"column": "nope", "operator": "is null"})), node("good", "limit", &json!({"limit": 1}))],
        "edges": [edge("s", "bad"), edge("s", "good"), edge("good", "gone")],
    });
    assert!(compiled(&graph, "good").is_ok());
    assert_eq!(compiled(&graph, "bad").unwrap_err().sqlstate().code(), "42703");
    let report = compiled(&graph, "goood").unwrap_err().report();
    assert_eq!(report.hint.as_deref(), Some("Perhaps you meant the node \"good\"."));
}

#[test]
fn one_wrong_node_is_told_once_and_not_by_its_readers() {
    let graph =
        chain(&[("filter", json!({"column": "n", "operator": "=", "value": "x"})), ("sort", json!({"column": "n"}))]);
    assert_eq!(codes(&graph), ["type_mismatch n1 value"]);
    let unknown = json!({
        "nodes": [node("s", "data_source", &json!({"table": "nowhere"})), node("f", "filter", &json!({"column": "a", "operator": "is null", "colunm": 1}))],
        "edges": [edge("s", "f")],
    });
    assert_eq!(codes(&unknown), ["unknown_table s table", "unknown_key f colunm (warning)"]);
}

#[test]
fn unknown_keys_are_told_with_the_nearest() {
    let graph = chain(&[
        ("sort", json!({"sort_by": [{"column": "n", "dir": "asc"}], "sorty_by": 1})),
        ("filter", json!({"conditions": [{"column": "n", "operator": "is null", "valeu": 1}]})),
    ]);
    let found: Vec<_> =
        problems(&graph).into_iter().map(|problem| (problem.actual.unwrap(), problem.expected.unwrap())).collect();
    assert_eq!(found[0], ("sorty_by".to_owned(), "sort_by".to_owned()));
    assert_eq!(found[1].0, "dir");
    assert_eq!(found[2], ("valeu".to_owned(), "value".to_owned()));
    assert!(compiled(&graph, "n2").is_ok());
}

#[test]
fn limits_are_told_by_their_names() {
    let limited = |name: &str, value: usize, graph: &Value, target: &str| {
        let mut limits = LimitSet::default();
        limits.set(name, value).unwrap();
        with_context(&limits, |context| {
            let text = graph.to_string();
            let refused = compile(&text, target, context).err().map(|error| error.report());
            let told = validate(&text, context).unwrap();
            (refused, told.into_iter().filter(|problem| problem.code.name() == "too_large").count())
        })
    };
    let graph = chain(&[("limit", json!({"limit": 1})), ("limit", json!({"limit": 1}))]);
    for (name, allowed) in [
        ("graph_nodes", 3),
        ("graph_edges", 2),
        ("graph_depth", 3),
        ("graph_tree_nodes", 3),
        ("node_columns", 10),
        ("json_depth", 5),
    ] {
        let (refused, told) = limited(name, allowed, &graph, "n2");
        assert_eq!((refused, told), (None, 0), "{name}");
        let (refused, told) = limited(name, allowed - 1, &graph, "n2");
        let refused = refused.unwrap();
        assert_eq!(refused.sqlstate.code(), "54000", "{name}");
        assert!(refused.message.contains(name), "{}", refused.message);
        assert!(told > 0, "{name}");
    }
}

#[test]
fn a_chain_at_the_limit_of_depth_compiles() {
    let nodes: Vec<(&str, Value)> = (0..999)
        .map(|i| match i % 3 {
            0 => ("filter", json!({"column": "n", "operator": ">", "value": i})),
            1 => ("limit", json!({"limit": 10_000 - i})),
            _ => ("sort", json!({"column": "id"})),
        })
        .collect();
    assert!(compiled(&chain(&nodes), "n999").is_ok());
    let mut more = nodes;
    more.push(("limit", json!({"limit": 1})));
    assert_eq!(compiled(&chain(&more), "n1000").unwrap_err().sqlstate().code(), "54000");
}
