//! The JSON Schema in `protocol/` says what the code reads.

use serde_json::{Value, json};

use super::support::{chain, node};
use crate::workflow::nodes::REGISTRY;

fn schema() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/protocol/graph.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// As much of JSON Schema as the file uses.
fn fits(root: &Value, schema: &Value, value: &Value) -> bool {
    let all = |key: &str, test: &dyn Fn(&Value) -> bool| schema.get(key).is_none_or(test);
    all("$ref", &|reference| fits(root, root.pointer(&reference.as_str().unwrap()[1..]).unwrap(), value))
        && all("type", &|types| match types {
            Value::String(name) => is_a(name, value),
            names => names.as_array().unwrap().iter().any(|name| is_a(name.as_str().unwrap(), value)),
        })
        && all("enum", &|known| known.as_array().unwrap().contains(value))
        && all("const", &|only| only == value)
        && all("required", &|keys| {
            keys.as_array().unwrap().iter().all(|key| value.is_object() && value.get(key.as_str().unwrap()).is_some())
        })
        && all("properties", &|known| {
            known
                .as_object()
                .unwrap()
                .iter()
                .all(|(key, inner)| value.get(key).is_none_or(|own| fits(root, inner, own)))
        })
        && all("additionalProperties", &|inner| {
            value.as_object().is_none_or(|own| own.values().all(|own| fits(root, inner, own)))
        })
        && all("items", &|inner| value.as_array().is_none_or(|own| own.iter().all(|own| fits(root, inner, own))))
        && all("anyOf", &|choices| choices.as_array().unwrap().iter().any(|choice| fits(root, choice, value)))
        && all("allOf", &|parts| parts.as_array().unwrap().iter().all(|part| fits(root, part, value)))
        && all("if", &|condition| !fits(root, condition, value) || fits(root, &schema["then"], value))
}

fn is_a(name: &str, value: &Value) -> bool {
    match name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("type {other}"),
    }
}

#[test]
fn the_schema_has_every_node_type_with_its_keys() {
    let schema = schema();
    let names: Vec<&str> = REGISTRY.iter().map(|kind| kind.name).collect();
    assert_eq!(schema["$defs"]["node"]["properties"]["type"]["enum"], json!(names));
    for kind in REGISTRY {
        let mut found = &schema["$defs"][kind.name];
        if let Some(reference) = found.get("$ref") {
            found = schema.pointer(&reference.as_str().unwrap()[1..]).unwrap();
        }
        let mut described: Vec<&str> = found["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        let mut read = kind.keys.to_vec();
        described.sort_unstable();
        read.sort_unstable();
        assert_eq!(described, read, "{}", kind.name);
    }
}

#[test]
fn graphs_of_every_form_fit_and_others_do_not() {
    let schema = schema();
    let fits = |graph: &Value| fits(&schema, &schema, graph);
    let good = chain(&[
        ("filter", json!({"column": "n", "operator": "between", "value": "1,2"})),
        (
            "filter",
            json!({"conditions": [{"column": "n", "operator": "in", "value": [1]}, {"conditions": []}], "logic": "or"}),
        ),
        ("filter", Value::Null),
        ("select", json!({"columns": ["id", "n"]})),
        ("rename", json!({"rename_map": {"id": "key"}})),
        ("sort", json!({"sort_by": [{"column": "n", "direction": "desc", "nulls": "last"}]})),
        ("sort", json!({"sort_columns": ["n"]})),
        ("limit", json!({"limit": "5", "offset": 0})),
        ("table_output", json!({"title": "x", "max_rows": 5, "other": true})),
    ]);
    assert!(fits(&good));
    for bad in [
        json!([]),
        json!({}),
        json!({"nodes": [{"type": "filter"}]}),
        json!({"nodes": [node("a", "filtre", &json!({}))]}),
        json!({"nodes": [node("a", "filter", &json!({"operator": "like"}))]}),
        json!({"nodes": [node("a", "limit", &json!({"limit": [1]}))]}),
        json!({"nodes": [node("a", "select", &json!({"columns": "n"}))]}),
        json!({"nodes": [], "edges": [{"source": "a"}]}),
    ] {
        assert!(!fits(&bad), "{bad}");
    }
}
