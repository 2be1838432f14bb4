//! Every node type over the small table.

use serde_json::{Value, json};

use super::support::{chain, compiled, ids, last, run, shape, small_rows};
use crate::base::UserFacing;

fn filter(column: &str, operator: &str, value: &Value) -> (&'static str, Value) {
    ("filter", json!({"column": column, "operator": operator, "value": value}))
}

fn kept(column: &str, operator: &str, value: &Value) -> String {
    match ids(&[filter(column, operator, value)]) {
        Ok(ids) => ids.join(" "),
        Err(error) => error.sqlstate().code().to_owned(),
    }
}

fn check(cases: &[(&str, &str, Value, &str)]) {
    for (column, operator, value, expected) in cases {
        assert_eq!(kept(column, operator, value), *expected, "{column} {operator} {value}");
    }
}

#[test]
fn comparisons_of_numbers() {
    check(&[
        ("n", "=", json!(20), "2 5"),
        ("n", "=", json!("20"), "2 5"),
        ("n", "=", json!(20.0), "2 5"),
        ("n", "!=", json!(20), "1 4 6 7 8"),
        ("n", ">", json!("10"), "2 5 8"),
        ("n", "<", json!(0), "4"),
        ("n", ">=", json!(20), "2 5 8"),
        ("n", "<=", json!(" 0 "), "4 6"),
        ("n", "in", json!([7, "100", 3]), "7 8"),
        ("n", "not in", json!([20, 0]), "1 4 7 8"),
        ("n", "between", json!([0, 10]), "1 6 7"),
        ("n", "between", json!("0, 10"), "1 6 7"),
        ("n", "is null", Value::Null, "3"),
        ("n", "is not null", json!("ignored"), "1 2 4 5 6 7 8"),
        ("id", "=", json!(3), "3"),
        ("f", "=", json!("0.5"), "1 7"),
        ("f", "<", json!(0), "5"),
        ("f", ">", json!("1e3"), "8"),
    ]);
}

#[test]
fn decimals_are_compared_exactly() {
    check(&[
        ("price", "=", json!(1.5), "1 6"),
        ("price", "=", json!("1.50000000"), "1 6"),
        ("price", "=", json!("1.50000001"), ""),
        ("price", ">", json!("1.23455"), "1 2 5 6 8"),
        ("price", ">", json!("1.2346"), "1 2 5 6"),
        ("price", "<", json!("0.00005"), "7"),
        ("price", "<", json!("99999999999999999999"), "1 2 4 5 6 7 8"),
        ("price", "between", json!(["1.2345999", 1.5]), "1 6 8"),
        ("price", "in", json!(["1.5", "0.0001", "0.00010001"]), "1 4 6"),
        ("price", "not in", json!(["1.5"]), "2 4 5 7 8"),
    ]);
}

#[test]
fn text_is_compared_by_characters() {
    check(&[
        ("name", "=", json!("apple"), "1"),
        ("name", "=", json!(""), "7"),
        ("name", "!=", json!("apple"), "2 4 5 6 7 8"),
        ("name", ">", json!("a"), "1 5 6 8"),
        ("name", "contains", json!("pp"), "1 2"),
        ("name", "contains", json!("%"), "2 4"),
        ("name", "contains", json!("_"), "5"),
        ("name", "contains", json!("\\"), "8"),
        ("name", "contains", json!(""), "1 2 4 5 6 7 8"),
        ("name", "not contains", json!("pp"), "4 5 6 7 8"),
        ("name", "starts with", json!("a"), "1 5 6"),
        ("name", "starts with", json!("50%"), "4"),
        ("name", "ends with", json!("%"), "2"),
        ("name", "ends with", json!("b"), "5 6"),
        ("name", "in", json!(["aXb", "a_b"]), "5 6"),
        ("name", "between", json!("a,b"), "1 5 6"),
        ("name", "in", json!(["apple' OR 1=1 --"]), ""),
    ]);
}

#[test]
fn times_are_read_in_every_form() {
    check(&[
        ("at", ">", json!("2024-03-30"), "5 6 7 8"),
        ("at", "after", json!("2024-03-30T10:20:30"), "6 7 8"),
        ("at", "before", json!("2024-01-01 10:01"), "1"),
        ("at", "=", json!("2024-01-02T11:30:15.500Z"), "2"),
        ("at", "=", json!("2024-01-02T13:30:15.5+02:00"), "2"),
        ("at", "after", json!("now"), "7 8"),
        ("at", "after", json!("today"), "6 7 8"),
        ("at", "between", json!(["-7d", "now"]), "5 6"),
        ("at", "between", json!("-7d,+1h"), "5 6 7"),
        ("ts", "after", json!("now-2s"), "6 7 8"),
        ("ts", "before", json!("2024-01-02"), "1"),
        ("day", "=", json!("2024-03-31"), "6 7"),
        ("day", "=", json!("today"), "6 7"),
        ("day", "=", json!("-1d"), "5"),
        ("day", "<", json!("2024-01-02T00:00"), "1"),
        ("day", "<", json!("2024-01-02T00:01"), "1 2"),
        ("day", "in", json!(["2024-01-01", "2025-01-01"]), "1 8"),
    ]);
}

#[test]
fn truth_values() {
    check(&[
        ("flag", "=", json!(true), "1 4 6"),
        ("flag", "=", json!("false"), "2 5 8"),
        ("flag", "!=", json!(true), "2 5 8"),
        ("flag", "is null", json!(null), "3 7"),
    ]);
}

#[test]
fn a_value_that_is_none_of_the_type_is_an_error_and_never_a_comparison_of_texts() {
    check(&[
        ("n", "=", json!("abc"), "42804"),
        ("n", "=", json!(1.5), "42804"),
        ("n", "=", json!("1.5"), "42804"),
        ("n", "=", json!(3_000_000_000_i64), "42804"),
        ("n", "=", json!(true), "42804"),
        ("n", "in", json!([1, "x"]), "42804"),
        ("n", "in", json!([1, null]), "42804"),
        ("n", "=", json!({"a": 1}), "42804"),
        ("n", "contains", json!("1"), "42804"),
        ("n", "before", json!("2024-01-01"), "42804"),
        ("price", "=", json!("abc"), "42804"),
        ("price", "=", json!("9".repeat(80)), "42804"),
        ("f", "=", json!("abc"), "42804"),
        ("name", "=", json!(5), "42804"),
        ("flag", "=", json!("maybe"), "42804"),
        ("flag", "=", json!(1), "42804"),
        ("at", "=", json!("abc"), "42804"),
        ("at", "=", json!(5), "42804"),
        ("at", "between", json!("2024-01-01,abc"), "42804"),
        ("day", "=", json!("2024-02-30"), "42804"),
        ("extra", "=", json!("{}"), "42804"),
        ("nope", "=", json!(1), "42703"),
        ("n", "like", json!(1), "22023"),
        ("n", "between", json!(5), "22023"),
        ("n", "between", json!([1, 2, 3]), "22023"),
        ("n", "in", json!("1,2"), "22023"),
    ]);
}

#[test]
fn the_error_names_the_node_and_what_was_expected() {
    let nodes = [filter("n", "=", &json!("abc"))];
    let report = compiled(&chain(&nodes), "n1").unwrap_err().report();
    assert_eq!(report.message, "node \"n1\": value \"abc\" does not fit column \"n\"");
    assert_eq!(report.detail.as_deref(), Some("In value. Expected: integer. Found: \"abc\"."));
    let report = compiled(&chain(&[filter("prise", "=", &json!(1))]), "n1").unwrap_err().report();
    assert_eq!(report.message, "node \"n1\": column \"prise\" does not exist");
    assert!(report.detail.unwrap().contains("price"));
}

#[test]
fn conditions_nest() {
    let low = json!({"column": "n", "operator": "<", "value": 1});
    let high = json!({"column": "n", "operator": ">", "value": 50});
    let flagged = json!({"column": "flag", "operator": "=", "value": true});
    let either = json!({"logic": "or", "conditions": [low, high]});
    for (config, expected) in [
        (json!({"conditions": [low]}), "4 6"),
        (json!({"conditions": [low, high]}), ""),
        (either.clone(), "4 6 8"),
        (json!({"conditions": [either, flagged]}), "4 6"),
        (json!({"conditions": [either, flagged], "logic": "or"}), "1 4 6 8"),
        (json!({"conditions": [{}, low], "logic": "or"}), "4 6"),
        (json!({"conditions": [{"conditions": []}]}), "1 2 3 4 5 6 7 8"),
    ] {
        assert_eq!(ids(&[("filter", config.clone())]).unwrap().join(" "), expected, "{config}");
    }
}

#[test]
fn a_filter_that_is_not_filled_in_passes_its_input() {
    for config in [
        json!({}),
        Value::Null,
        json!({"column": ""}),
        json!({"column": "n"}),
        json!({"column": "n", "operator": "="}),
        json!({"column": "n", "operator": "=", "value": ""}),
        json!({"column": "n", "operator": "in", "value": []}),
        json!({"column": null, "operator": null, "value": null, "conditions": null, "logic": null}),
    ] {
        assert_eq!(ids(&[("filter", config.clone())]).unwrap().len(), 8, "{config}");
    }
}

#[test]
fn sorts_in_every_form() {
    for (config, expected) in [
        (
            json!({"sort_by": [{"column": "n", "direction": "asc"}, {"column": "id", "direction": "asc"}]}),
            "4 6 7 1 2 5 8 3",
        ),
        (json!({"sort_by": [{"column": "n", "direction": "desc"}, {"column": "id"}]}), "3 8 2 5 1 7 6 4"),
        (
            json!({"sort_by": [{"column": "n", "nulls": "first"}, {"column": "id", "direction": "desc"}]}),
            "3 4 6 7 1 5 2 8",
        ),
        (
            json!({"sort_by": [{"column": "n", "direction": "desc", "nulls": "last"}, {"column": "id"}]}),
            "8 2 5 1 7 6 4 3",
        ),
        (json!({"sort_columns": ["n", "id"]}), "4 6 7 1 2 5 8 3"),
        (json!({"sort_columns": ["n", "id"], "direction": "desc"}), "3 8 5 2 1 7 6 4"),
        (json!({"sort_columns": [{"column": "id", "direction": "DESC"}]}), "8 7 6 5 4 3 2 1"),
        (json!({"column": "id", "direction": "desc"}), "8 7 6 5 4 3 2 1"),
        (json!({"column": "id"}), "1 2 3 4 5 6 7 8"),
        (json!({"sort_by": [{"column": "name"}]}), "7 4 2 6 5 1 8 3"),
        (json!({"sort_by": [{"column": ""}, {"column": "id", "direction": "desc"}]}), "8 7 6 5 4 3 2 1"),
        (json!({"sort_by": []}), "1 2 3 4 5 6 7 8"),
    ] {
        assert_eq!(ids(&[("sort", config.clone())]).unwrap().join(" "), expected, "{config}");
    }
    for (config, state) in [
        (json!({"sort_by": [{"column": "nope"}]}), "42703"),
        (json!({"sort_by": [{"column": "extra"}]}), "42804"),
        (json!({"sort_by": [{"column": "n", "direction": "up"}]}), "22023"),
        (json!({"sort_by": "n"}), "22023"),
    ] {
        assert_eq!(ids(&[("sort", config.clone())]).unwrap_err().sqlstate().code(), state, "{config}");
    }
}

fn by(column: &str, direction: &str) -> (&'static str, Value) {
    ("sort", json!({"sort_by": [{"column": column, "direction": direction}]}))
}

fn limit(limit: u64, offset: u64) -> (&'static str, Value) {
    ("limit", json!({"limit": limit, "offset": offset}))
}

fn select(columns: &[&str]) -> (&'static str, Value) {
    ("select", json!({"columns": columns}))
}

#[test]
fn limits_take_rows_of_the_order_in_effect() {
    for (nodes, expected) in [
        (vec![by("id", "desc"), limit(3, 0)], "8 7 6"),
        (vec![by("id", "desc"), limit(3, 2)], "6 5 4"),
        (vec![by("id", "desc"), limit(0, 0)], ""),
        (vec![by("id", "desc"), limit(5, 1), limit(3, 1)], "6 5 4"),
        (vec![by("id", "desc"), limit(5, 1), limit(30, 3)], "4 3"),
        (vec![by("id", "desc"), limit(2, 0), limit(2, 5)], ""),
        (vec![by("id", "desc"), limit(4, 0), by("id", "asc"), limit(2, 0)], "5 6"),
        (vec![by("id", "desc"), limit(4, 0), filter("n", ">", &json!(5))], "8 7 5"),
        (vec![by("id", "desc"), ("limit", json!({"offset": 6}))], "2 1"),
        (vec![by("id", "desc"), ("limit", json!({"limit": "2", "offset": "1"}))], "7 6"),
        (vec![by("id", "desc"), ("limit", json!({}))], "8 7 6 5 4 3 2 1"),
        (vec![by("id", "desc"), ("limit", json!({"limit": ""}))], "8 7 6 5 4 3 2 1"),
    ] {
        assert_eq!(ids(&nodes).unwrap().join(" "), expected, "{nodes:?}");
    }
    for config in [
        json!({"limit": -1}),
        json!({"limit": 1, "offset": -1}),
        json!({"limit": 1.5}),
        json!({"limit": "x"}),
        json!({"limit": [1]}),
    ] {
        assert_eq!(ids(&[("limit", config.clone())]).unwrap_err().sqlstate().code(), "22023", "{config}");
    }
    assert_eq!(ids(&[limit(u64::from(u32::MAX) << 20, 0)]).unwrap().len(), 8);
}

#[test]
fn the_order_survives_a_select_that_drops_its_columns() {
    let nodes = [by("n", "desc"), select(&["id"]), filter("id", ">", &json!(3)), limit(3, 0)];
    assert_eq!(ids(&nodes).unwrap().join(" "), "8 5 7");
    let compiled = compiled(&chain(&nodes), &last(&nodes)).unwrap();
    assert_eq!(compiled.columns.names().collect::<Vec<_>>(), ["id"]);
    assert_eq!(compiled.plan.schema().fields().len(), 1);
}

#[test]
fn a_linear_run_is_one_block() {
    for (nodes, expected) in [
        (vec![filter("n", ">", &json!(1)), select(&["id", "n"]), by("n", "asc")], "Projection Sort Filter TableScan"),
        (vec![by("n", "asc"), filter("n", ">", &json!(1)), filter("n", "<", &json!(9))], "Sort Filter TableScan"),
        (
            vec![by("n", "asc"), by("id", "asc"), select(&["id"]), limit(5, 0), limit(3, 0)],
            "Projection Limit Sort TableScan",
        ),
        (vec![limit(5, 0), filter("n", ">", &json!(1))], "Filter Limit TableScan"),
        (vec![by("id", "asc"), limit(5, 0), filter("n", ">", &json!(1))], "Sort Filter Limit Sort TableScan"),
        (vec![("table_output", json!({"max_rows": 1}))], "TableScan"),
    ] {
        assert_eq!(shape(&compiled(&chain(&nodes), &last(&nodes)).unwrap().plan), expected, "{nodes:?}");
    }
}

#[test]
fn selects_give_the_named_columns_in_their_order() {
    let nodes = [select(&["name", "id"]), filter("id", "=", &json!(1))];
    let compiled_plan = compiled(&chain(&nodes), "n2").unwrap();
    assert_eq!(run(&compiled_plan.plan, &small_rows()), [["apple", "1"]]);
    for (config, state) in [
        (json!({"columns": ["id", "id"]}), "42701"),
        (json!({"columns": ["id", "nope"]}), "42703"),
        (json!({"columns": "id"}), "22023"),
        (json!({"columns": [1]}), "22023"),
    ] {
        assert_eq!(ids(&[("select", config.clone())]).unwrap_err().sqlstate().code(), state, "{config}");
    }
    // What an earlier select dropped is gone for later nodes.
    assert_eq!(ids(&[select(&["id"]), filter("n", "=", &json!(1))]).unwrap_err().sqlstate().code(), "42703");
    assert_eq!(ids(&[("select", json!({"columns": []}))]).unwrap().len(), 8);
}

fn source(config: &Value) -> Result<String, String> {
    let graph = json!({"nodes": [super::support::node("s", "data_source", config)]});
    let compiled = compiled(&graph, "s").map_err(|error| error.sqlstate().code().to_owned())?;
    let names: Vec<&str> = compiled.columns.names().collect();
    Ok(format!("{} {} {:?}", compiled.sources[0].table, names.join(","), compiled.sources[0].freshness))
}

#[test]
fn sources_are_found_along_the_path() {
    for (config, expected) in [
        (json!({"table": "vwap"}), Ok("latest.vwap symbol,v None")),
        (json!({"table": "latest.vwap", "freshness": "point"}), Ok("latest.vwap symbol,v Some(Point)")),
        (json!({"table": "latest:vwap:*"}), Ok("latest.vwap symbol,v None")),
        (json!({"table": "vwap", "source": "redis"}), Ok("latest.vwap symbol,v None")),
        (json!({"table": "vwap", "source": "clickhouse"}), Err("42P01")),
        (json!({"table": "twice"}), Err("42P09")),
        (json!({"table": "twice", "source": "materialize"}), Ok("materialize.twice symbol,v None")),
        (json!({"table": "metrics.twice"}), Ok("metrics.twice symbol,v None")),
        (json!({"table": "far"}), Err("42P01")),
        (json!({"table": "elsewhere.far"}), Ok("elsewhere.far symbol,v None")),
        (json!({"table": "marts.hidden"}), Err("42P01")),
        (json!({"table": "hidden"}), Err("42P01")),
        (json!({"table": ""}), Err("22023")),
        (json!({}), Err("22023")),
        (json!({"table": 5}), Err("22023")),
        (json!({"table": "vwap", "source": "postgres"}), Err("22023")),
        (json!({"table": "vwap", "freshness": "soon"}), Err("22023")),
        (json!({"table": "vwap", "columns": ["v", "symbol"]}), Ok("latest.vwap v,symbol None")),
        (
            json!({"table": "vwap", "columns": [{"name": "v", "dtype": "float64", "nullable": true}]}),
            Ok("latest.vwap v None"),
        ),
        (
            json!({"table": "vwap", "columns": [{"name": "v", "dtype": "int64"}, {"name": "gone"}]}),
            Ok("latest.vwap v None"),
        ),
        (json!({"table": "vwap", "columns": ["gone"]}), Err("42703")),
        (json!({"table": "vwap", "columns": ["v", "v"]}), Err("42701")),
        (json!({"table": "vwap", "columns": [5]}), Err("22023")),
        (json!({"table": "vwap", "columns": null, "source": null, "freshness": null}), Ok("latest.vwap symbol,v None")),
    ] {
        assert_eq!(source(&config), expected.map(str::to_owned).map_err(str::to_owned), "{config}");
    }
}

#[test]
fn what_reads_the_clock_says_how_long_it_is_good() {
    let seconds =
        |value: Value| compiled(&chain(&[filter("at", ">", &value)]), "n1").unwrap().valid_for.map(|d| d.as_secs());
    assert_eq!(seconds(json!("2024-01-01")), None);
    assert_eq!(seconds(json!("now")), Some(1));
    assert_eq!(seconds(json!("-5m")), Some(60));
    assert_eq!(seconds(json!("today")), Some(86_400 - 37_230));
}
