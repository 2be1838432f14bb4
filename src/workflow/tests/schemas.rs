//! The columns of every node, and the table functions' rows.

use serde_json::{Value, json};

use super::support::{chain, codes, compiled, node, with_context};
use crate::base::limits::LimitSet;
use crate::base::{SqlType, UserFacing};
use crate::catalog::RowsLeaf;
use crate::workflow::{WorkflowFunctions, schema};
use datafusion::logical_expr::LogicalPlan;

fn rows(graph: &Value, of: Option<&str>) -> Vec<String> {
    with_context(&LimitSet::default(), |context| {
        let rows = schema(&graph.to_string(), of, context).unwrap();
        let text = |row: &crate::workflow::SchemaRow| {
            format!("{} {} {} {}", row.node_id, row.ordinal, row.column.name, row.column.dtype())
        };
        rows.iter().map(text).collect()
    })
}

#[test]
fn every_node_has_its_columns_and_outputs_have_none() {
    let graph = chain(&[
        ("select", json!({"columns": ["price", "id"]})),
        ("filter", json!({"column": "nope", "operator": "is null"})),
        ("table_output", json!({})),
    ]);
    let all = rows(&graph, None);
    assert_eq!(all.len(), 10 + 2 + 2);
    assert_eq!(all[10..], ["n1 1 price float64", "n1 2 id int64", "n2 1 price float64", "n2 2 id int64"]);
    assert_eq!(rows(&graph, Some("n1")), ["n1 1 price float64", "n1 2 id int64"]);
    assert_eq!(rows(&graph, Some("n3")), Vec::<String>::new());
    with_context(&LimitSet::default(), |context| {
        assert_eq!(schema(&graph.to_string(), Some("n9"), context).unwrap_err().sqlstate().code(), "22023");
    });
}

#[test]
fn a_node_whose_columns_cannot_be_told_has_no_row() {
    let graph = json!({"nodes": [node("s", "data_source", &json!({"table": "nowhere"})), node("l", "limit", &json!({"limit": 1}))],
        "edges": [{"source": "s", "target": "l"}]});
    assert!(rows(&graph, None).is_empty());
}

#[test]
fn announced_columns_are_those_of_the_plan() {
    let graph = chain(&[
        ("select", json!({"columns": ["extra", "ts", "day", "flag", "id"]})),
        ("sort", json!({"column": "day"})),
    ]);
    let compiled = compiled(&graph, "n2").unwrap();
    assert_eq!(compiled.node_ids, ["n0", "n1", "n2"]);
    for (column, field) in compiled.columns.iter().zip(compiled.plan.schema().fields()) {
        assert_eq!(column.name.as_ref(), field.name());
        assert_eq!(column.sql_type, SqlType::from_arrow(field.data_type()).unwrap());
        assert_eq!(column.nullable, field.is_nullable());
    }
}

#[test]
fn two_hundred_columns() {
    let names: Vec<String> = (0..200).rev().map(|i| format!("c{i}")).collect();
    let graph = json!({"nodes": [node("s", "data_source", &json!({"table": "wide"})), node("c", "select", &json!({"columns": names}))],
        "edges": [{"source": "s", "target": "c"}]});
    assert_eq!(codes(&graph), Vec::<String>::new());
    assert_eq!(compiled(&graph, "c").unwrap().plan.schema().fields().len(), 200);
}

#[test]
fn the_table_functions_give_rows_and_pages() {
    with_context(&LimitSet::default(), |context| {
        let functions = WorkflowFunctions::new(*context);
        let graph = chain(&[("filter", json!({"column": "nope", "operator": "is null"}))]).to_string();
        let row_count = |plan: LogicalPlan| match plan {
            LogicalPlan::TableScan(scan) => RowsLeaf::of(&scan.source).unwrap().rows().num_rows(),
            other => panic!("{other}"),
        };
        assert_eq!(row_count(functions.validate(&graph).unwrap()), 1);
        assert_eq!(row_count(functions.schema(&graph, None).unwrap()), 20);
        assert_eq!(row_count(functions.schema(&graph, Some("n0")).unwrap()), 10);
        assert_eq!(functions.validate("{").unwrap_err().sqlstate().code(), "22P02");
        let state =
            |offset, limit| functions.preview(&graph, "n0", offset, limit).map(|_| ()).map_err(|e| e.sqlstate().code());
        assert_eq!(state(None, None), Ok(()));
        assert_eq!(state(Some(0), Some(10_000)), Ok(()));
        assert_eq!(state(Some(0), Some(10_001)), Err("54000"));
        assert_eq!(state(Some(0), Some(-1)), Err("2201W"));
        assert_eq!(state(Some(-1), None), Err("2201X"));
        let page = functions.preview(&graph, "n0", Some(5), None).unwrap();
        assert_eq!(page.plan.display().to_string(), "Limit: skip=5, fetch=100");
    });
}
