//! Nodes beyond a single chain: rename, unique, union and join, over the small table joined with parts of itself.

use serde_json::{Value, json};

use super::support::{assert_typed, chain, codes, compiled, ids, last, node, run, small_rows};
use crate::base::UserFacing;

fn filter(column: &str, operator: &str, value: Value) -> Value {
    json!({"column": column, "operator": operator, "value": value})
}

/// Two chains from `t`, ending in `l` and `r`, and a node `z` that reads both, then more nodes behind it.
fn two(left: &[(&str, Value)], right: &[(&str, Value)], kind: &str, config: &Value, behind: &[(&str, Value)]) -> Value {
    let mut nodes = Vec::new();
    let mut edges = Vec::new();
    let mut add = |side: &str, parts: &[(&str, Value)]| {
        nodes.push(node(&format!("{side}0"), "data_source", &json!({"table": "t"})));
        for (place, (kind, config)) in parts.iter().enumerate() {
            nodes.push(node(&format!("{side}{}", place + 1), kind, config));
            edges.push(json!({"source": format!("{side}{place}"), "target": format!("{side}{}", place + 1)}));
        }
        format!("{side}{}", parts.len())
    };
    let (l, r) = (add("l", left), add("r", right));
    nodes.push(node("z0", kind, config));
    // The handles decide, not the order of the edges.
    edges.push(
        json!({"source": r, "target": "z0", "targetHandle": if kind == "join" { json!("right") } else { Value::Null }}),
    );
    edges.push(
        json!({"source": l, "target": "z0", "targetHandle": if kind == "join" { json!("left") } else { Value::Null }}),
    );
    for (place, (kind, config)) in behind.iter().enumerate() {
        nodes.push(node(&format!("z{}", place + 1), kind, config));
        edges.push(json!({"source": format!("z{place}"), "target": format!("z{}", place + 1)}));
    }
    json!({"nodes": nodes, "edges": edges})
}

fn rows(graph: &Value, target: &str) -> Result<Vec<String>, String> {
    let compiled = compiled(graph, target).map_err(|error| error.sqlstate().code().to_owned())?;
    assert_typed(&compiled.plan);
    let mut rows: Vec<String> = run(&compiled.plan, &small_rows()).into_iter().map(|row| row.join(",")).collect();
    rows.sort();
    Ok(rows)
}

fn select(columns: &[&str]) -> (&'static str, Value) {
    ("select", json!({"columns": columns}))
}

#[test]
fn renames_are_done_all_at_once() {
    let nodes = [
        select(&["id", "n"]),
        ("rename", json!({"rename_map": {"id": "n", "n": "id"}})),
        ("filter", filter("n", "=", json!(5))),
    ];
    let swapped = compiled(&chain(&nodes), &last(&nodes)).unwrap();
    assert_eq!(swapped.columns.names().collect::<Vec<_>>(), ["n", "id"]);
    assert_eq!(run(&swapped.plan, &small_rows()), [["5", "20"]]);
    for (map, state) in [
        (json!({"id": "n"}), "42701"),
        (json!({"nope": "x"}), "42703"),
        (json!({"id": 5}), "22023"),
        (json!(["id"]), "22023"),
    ] {
        assert_eq!(
            compiled(&chain(&[("rename", json!({"rename_map": map}))]), "n1").unwrap_err().sqlstate().code(),
            state,
            "{map}"
        );
    }
    assert_eq!(codes(&chain(&[("rename", json!({"rename_map": {"id": ""}})), ("rename", json!({}))])).len(), 2);
}

#[test]
fn unique_keeps_the_first_row_of_each_key_in_the_order_in_effect() {
    let by = |direction: &str| ("sort", json!({"sort_by": [{"column": "id", "direction": direction}]}));
    let key = ("unique", json!({"columns": ["flag"]}));
    let sorted = |mut ids: Vec<String>| {
        ids.sort();
        ids.join(" ")
    };
    assert_eq!(sorted(ids(&[by("asc"), key.clone()]).unwrap()), "1 2 3");
    assert_eq!(sorted(ids(&[by("desc"), key.clone()]).unwrap()), "6 7 8");
    assert_eq!(sorted(ids(&[by("asc"), ("limit", json!({"limit": 2, "offset": 3})), key.clone()]).unwrap()), "4 5");
    assert_eq!(sorted(ids(&[by("desc"), key, ("filter", filter("id", "<", json!(8)))]).unwrap()), "6 7");
    let nodes = [select(&["flag"]), ("unique", json!({}))];
    assert_eq!(rows(&chain(&nodes), &last(&nodes)).unwrap(), ["NULL", "false", "true"]);
    assert_eq!(rows(&chain(&[("unique", json!({}))]), "n1"), Err("42804".to_owned()));
}

#[test]
fn unions_widen_types_and_take_the_first_names() {
    let left = [select(&["n", "name"]), ("filter", filter("n", "=", json!(20)))];
    let right = [select(&["price", "name"]), ("filter", filter("price", "=", json!("1.5")))];
    // Edges arrive right first: the first input is the one with the price.
    let graph = two(&left, &right, "union", &json!({}), &[]);
    let union = compiled(&graph, "z0").unwrap();
    assert_eq!(union.columns.names().collect::<Vec<_>>(), ["price", "name"]);
    assert_eq!(rows(&graph, "z0").unwrap(), ["1.5000,aXb", "1.5000,apple", "20.0000,Apple%", "20.0000,a_b"]);
    let twice = two(&left, &left, "union", &json!({"distinct": true}), &[]);
    assert_eq!(rows(&twice, "z0").unwrap(), ["20,Apple%", "20,a_b"]);
    let by_name = two(
        &[select(&["name", "n"])],
        &[select(&["n", "name"])],
        "union",
        &json!({"match": "name"}),
        &[("filter", filter("n", "=", json!(7)))],
    );
    assert_eq!(rows(&by_name, "z1").unwrap(), ["7,", "7,"]);
    let state = |left: &[&str], right: &[&str], config: Value| {
        rows(&two(&[select(left)], &[select(right)], "union", &config, &[]), "z0").map(|_| ())
    };
    assert_eq!(state(&["n"], &["name"], json!({})), Err("42804".to_owned()));
    assert_eq!(state(&["n"], &["n", "id"], json!({})), Err("42804".to_owned()));
    assert_eq!(state(&["n"], &["id"], json!({"match": "name"})), Err("42804".to_owned()));
    assert_eq!(state(&["n"], &["id"], json!({"match": "rank"})), Err("22023".to_owned()));
}

fn join(
    left: &[&str],
    left_ids: Value,
    right: &[&str],
    right_ids: Value,
    config: &Value,
) -> Result<Vec<String>, String> {
    let left = [("filter", filter("id", "in", left_ids)), select(left)];
    let right = [("filter", filter("id", "in", right_ids)), select(right)];
    rows(&two(&left, &right, "join", config, &[]), "z0")
}

#[test]
fn joins_of_every_kind() {
    for (kind, expected) in [
        ("inner", vec!["2,20,Apple%", "2,20,a_b"]),
        ("left", vec!["1,10,NULL", "2,20,Apple%", "2,20,a_b", "3,NULL,NULL"]),
        ("right", vec!["2,20,Apple%", "2,20,a_b", "NULL,NULL,NULL", "NULL,7,"]),
        ("full", vec!["1,10,NULL", "2,20,Apple%", "2,20,a_b", "3,NULL,NULL", "NULL,NULL,NULL", "NULL,7,"]),
    ] {
        let config = json!({"join_type": kind, "left_key": "n", "right_key": "n"});
        let found = join(&["id", "n"], json!([1, 2, 3]), &["n", "name"], json!([2, 3, 5, 7]), &config);
        assert_eq!(found.unwrap(), expected, "{kind}");
    }
}

#[test]
fn joins_compare_numbers_of_different_types() {
    let config = json!({"left_column": "n", "right_column": "price"});
    let found = join(&["n"], json!([1, 2, 5]), &["id", "price"], json!([5, 7]), &config);
    assert_eq!(found.unwrap(), Vec::<String>::new());
    // A shared name and two types: the column has the type that holds both.
    let right = [select(&["price", "name"]), ("rename", json!({"rename_map": {"price": "id"}}))];
    let graph = two(
        &[select(&["id"])],
        &right,
        "join",
        &json!({"join_type": "full", "keys": [{"left": "id", "right": "id"}]}),
        &[("filter", filter("id", "<", json!(2)))],
    );
    assert_eq!(
        rows(&graph, "z1").unwrap(),
        ["-3.0000,", "0.0001,50% off", "1.0000,NULL", "1.2346,back\\slash", "1.5000,aXb", "1.5000,apple"]
    );
}

#[test]
fn joins_that_cannot_be() {
    let state =
        |config: Value| join(&["id", "name"], json!([1]), &["id", "n"], json!([1]), &config).err().unwrap_or_default();
    assert_eq!(state(json!({"left_key": "name", "right_key": "n"})), "42804");
    assert_eq!(state(json!({"left_key": "nope", "right_key": "n"})), "42703");
    assert_eq!(state(json!({"left_key": "id"})), "22023");
    assert_eq!(state(json!({})), "22023");
    assert_eq!(state(json!({"join_type": "cross", "left_key": "id", "right_key": "id"})), "22023");
}

#[test]
fn a_diamond_and_a_join_of_joins() {
    let nodes = json!([
        node("s", "data_source", &json!({"table": "t"})),
        node("a", "select", &json!({"columns": ["id", "n"]})),
        node("j", "join", &json!({"left_key": "id", "right_key": "id"})),
        node("k", "join", &json!({"left_key": "id", "right_key": "id", "join_type": "left"})),
        node("f", "filter", &filter("id", "=", json!(4))),
    ]);
    let edges = json!([
        {"source": "s", "target": "a"}, {"source": "a", "target": "j"}, {"source": "a", "target": "j"},
        {"source": "j", "target": "k"}, {"source": "s", "target": "k"}, {"source": "k", "target": "f"},
    ]);
    let found = rows(&json!({"nodes": nodes, "edges": edges}), "f").unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("4,-5,0.0001,50% off,true,2024-02-29"), "{found:?}");
}

#[test]
fn a_node_type_that_is_not_built_yet_is_0a000_and_names_itself() {
    let report = compiled(&chain(&[("pivot", json!({}))]), "n1").unwrap_err().report();
    assert_eq!(
        (report.sqlstate.code(), report.message.as_str()),
        ("0A000", "node \"n1\": node type \"pivot\" is not built yet")
    );
}
