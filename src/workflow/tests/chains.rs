//! Random chains give the rows that the interpreter gives, and its order where one is in effect.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, Decimal128Array, Int32Array, Int64Array, RecordBatch, StringArray, new_null_array,
};
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};

use super::interpreter::{Cell, Rows, Step};
use super::support::{assert_typed, batch_of_t, chain, codes, columns_of_t, compiled, run};

const NAMES: [&str; 4] = ["id", "n", "price", "name"];
const TEXTS: [&str; 8] = ["", "a", "ab", "a%b", "a_b", "A", "b\\", "ä"];

fn cell(column: &str, random: &mut ChaCha8Rng) -> Cell {
    match column {
        "id" => Cell::Int(random.random_range(0..40)),
        "n" => Cell::Int(random.random_range(-3..4)),
        "price" => Cell::Number(random.random_range(-3..4) * 5_000),
        _ => Cell::Text((*TEXTS.choose(random).unwrap()).to_owned()),
    }
}

fn table(random: &mut ChaCha8Rng) -> Rows {
    let row = |id: i64, random: &mut ChaCha8Rng| {
        let mut row = vec![Cell::Int(id)];
        for name in &NAMES[1..] {
            row.push(if random.random_bool(0.25) { Cell::Null } else { cell(name, random) });
        }
        row
    };
    let count = random.random_range(0..40);
    let mut rows: Vec<Vec<Cell>> = (0..count).map(|id| row(id, random)).collect();
    rows.shuffle(random);
    Rows { names: NAMES.iter().map(ToString::to_string).collect(), rows }
}

/// The same rows for the engine; columns that the chains do not use are NULL.
fn batch(rows: &Rows) -> RecordBatch {
    let column = |place: usize| rows.rows.iter().map(move |row| &row[place]);
    let integer = |cell: &Cell| if let Cell::Int(value) = cell { Some(*value) } else { None };
    let number = |cell: &Cell| if let Cell::Number(value) = cell { Some(i128::from(*value)) } else { None };
    let text = |cell: &Cell| if let Cell::Text(value) = cell { Some(value.clone()) } else { None };
    let small = |cell: &Cell| integer(cell).map(|value| i32::try_from(value).unwrap());
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from_iter(column(0).map(integer))),
        Arc::new(Int32Array::from_iter(column(1).map(small))),
        Arc::new(Decimal128Array::from_iter(column(2).map(number)).with_precision_and_scale(18, 4).unwrap()),
        Arc::new(StringArray::from_iter(column(3).map(text))),
    ];
    arrays
        .extend(columns_of_t()[4..].iter().map(|(_, sql_type, _)| new_null_array(&sql_type.arrow(), rows.rows.len())));
    batch_of_t(arrays)
}

fn json_of(cell: &Cell, random: &mut ChaCha8Rng) -> Value {
    match cell {
        Cell::Int(value) if random.random_bool(0.5) => json!(value),
        Cell::Number(value) if random.random_bool(0.5) => json!(*value as f64 / 10_000.0),
        _ => json!(cell.text()),
    }
}

fn filter(names: &[String], random: &mut ChaCha8Rng) -> (Step, Value) {
    let column = names.choose(random).unwrap().clone();
    let mut operators = vec!["=", "!=", ">", "<", ">=", "<=", "between", "in", "not in", "is null", "is not null"];
    if column == "name" {
        operators.extend(["contains", "not contains", "starts with", "ends with"]);
    }
    let operator = *operators.choose(random).unwrap();
    let count = match operator {
        "between" => 2,
        "in" | "not in" => random.random_range(1..4),
        _ => 1,
    };
    let values: Vec<Cell> = (0..count).map(|_| cell(&column, random)).collect();
    let list: Vec<Value> = values.iter().map(|value| json_of(value, random)).collect();
    let value = if matches!(operator, "between" | "in" | "not in") { json!(list) } else { list[0].clone() };
    let config = json!({"column": column, "operator": operator, "value": value});
    (Step::Filter { column, operator, values }, config)
}

fn sort(names: &[String], random: &mut ChaCha8Rng) -> (Step, Value) {
    let mut chosen: Vec<&String> = names.iter().filter(|name| *name != "id").collect();
    chosen.shuffle(random);
    chosen.truncate(random.random_range(0..3));
    // The unique column at the end: without it a limit could take any of several equal rows.
    let id = "id".to_owned();
    chosen.push(&id);
    let mut keys = Vec::new();
    let mut entries = Vec::new();
    for name in chosen {
        let (ascending, nulls) = (random.random_bool(0.5), *[None, Some(true), Some(false)].choose(random).unwrap());
        let mut entry = json!({"column": name, "direction": if ascending { "asc" } else { "desc" }});
        if let Some(first) = nulls {
            entry["nulls"] = json!(if first { "first" } else { "last" });
        }
        keys.push((name.clone(), ascending, nulls.unwrap_or(!ascending)));
        entries.push(entry);
    }
    (Step::Sort(keys), json!({"sort_by": entries}))
}

fn step(names: &mut Vec<String>, ordered: &mut bool, random: &mut ChaCha8Rng) -> (&'static str, Step, Value) {
    loop {
        match random.random_range(0..6) {
            0 => {
                let (step, config) = filter(names, random);
                return ("filter", step, config);
            }
            1 => {
                let parts: Vec<(Step, Value)> = (0..random.random_range(1..4)).map(|_| filter(names, random)).collect();
                let (steps, configs): (Vec<Step>, Vec<Value>) = parts.into_iter().unzip();
                return ("filter", Step::Any(steps), json!({"conditions": configs, "logic": "or"}));
            }
            2 => {
                names.shuffle(random);
                names.truncate(random.random_range(1..=names.len()));
                return ("select", Step::Select(names.clone()), json!({"columns": names}));
            }
            3 if names.iter().any(|name| name == "id") => {
                let (step, config) = sort(names, random);
                *ordered = true;
                return ("sort", step, config);
            }
            4 if *ordered => {
                let (limit, offset) = (random.random_range(0..30), random.random_range(0..5));
                return ("limit", Step::Limit { limit, offset }, json!({"limit": limit, "offset": offset}));
            }
            5 => return ("table_output", Step::Limit { limit: usize::MAX, offset: 0 }, json!({"max_rows": 3})),
            _ => {}
        }
    }
}

fn check(seed: u64) {
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut rows = table(&mut random);
    let batch = batch(&rows);
    let (mut names, mut ordered) = (rows.names.clone(), false);
    let mut nodes = vec![("select", json!({"columns": NAMES}))];
    for _ in 0..random.random_range(1..9) {
        let (kind, step, config) = step(&mut names, &mut ordered, &mut random);
        rows = rows.apply(&step);
        nodes.push((kind, config));
    }
    let graph = chain(&nodes);
    assert!(codes(&graph).is_empty(), "seed {seed}: {:?}", codes(&graph));
    let compiled = compiled(&graph, &format!("n{}", nodes.len())).unwrap();
    assert_typed(&compiled.plan);
    assert_eq!(compiled.columns.names().collect::<Vec<_>>(), rows.names, "seed {seed}");
    let mut expected: Vec<Vec<String>> = rows.rows.iter().map(|row| row.iter().map(Cell::text).collect()).collect();
    let mut found = run(&compiled.plan, &batch);
    if !ordered {
        expected.sort();
        found.sort();
    }
    assert_eq!(found, expected, "seed {seed}\n{nodes:#?}\n{}", compiled.plan.display_indent());
}

#[test]
fn random_chains_give_the_interpreters_rows() {
    let first = std::env::var("FLOWFORGE_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(0);
    let count = std::env::var("FLOWFORGE_CHAINS").ok().and_then(|count| count.parse().ok()).unwrap_or(300);
    (first..first + count).for_each(check);
}
