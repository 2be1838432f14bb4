//! How an answer differs from what was expected.
//!
//! Values are compared as text, but a float may differ by one part in 10¹²: sums depend on the order of the rows.

use super::answer::{Answer, Failure, Heard, Outcome, Shape};

/// What is not as expected. The kind is one or more words with commas: `error 42883` (instead of rows or of another
/// SQLSTATE), `succeeds`, `message`, `position`, `names`, `types`, `modifier` (of a type), `rows`, `digits` (fewer digits
/// after the point than expected), `zeros` (at the end of a numeric), `format` (of a float), `protocols` (the ways to ask
/// do not agree).
pub struct Difference {
    pub kind: String,
    pub got: String,
}

/// Nothing when the answer is what was expected.
pub fn compare(sorted: bool, expected: &Outcome, heard: &Heard) -> Option<Difference> {
    let mut kinds = match (expected, &heard.outcome) {
        (Outcome::Done, Outcome::Done) => Vec::new(),
        (Outcome::Done | Outcome::Rows(_), Outcome::Failed(failure)) => vec![format!("error {}", failure.code)],
        (Outcome::Failed(_), Outcome::Done | Outcome::Rows(_)) => vec!["succeeds".to_owned()],
        (Outcome::Failed(expected), Outcome::Failed(failure)) => failures(expected, failure),
        (Outcome::Rows(expected), Outcome::Rows(answer)) => answers(sorted, expected, answer),
        (Outcome::Done, Outcome::Rows(_)) | (Outcome::Rows(_), Outcome::Done) => vec!["rows".to_owned()],
    };
    if heard.disagreement.is_some() {
        kinds.push("protocols".to_owned());
    }
    let shown = match &heard.outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Rows(answer) => answer.render(sorted),
        Outcome::Failed(failure) => format!("error {}: {}", failure.code, failure.render()),
    };
    let got = format!("{shown}{}", heard.disagreement.as_deref().unwrap_or_default());
    (!kinds.is_empty()).then(|| Difference { kind: kinds.join(", "), got })
}

fn failures(expected: &Failure, got: &Failure) -> Vec<String> {
    if expected.code != got.code {
        return vec![format!("error {}", got.code)];
    }
    let mut kinds = Vec::new();
    if !expected.message.is_empty() && expected.message != got.message {
        kinds.push("message".to_owned());
    }
    if !expected.message.is_empty() && expected.position != got.position {
        kinds.push("position".to_owned());
    }
    kinds
}

fn answers(sorted: bool, expected: &Answer, got: &Answer) -> Vec<String> {
    let mut kinds = Vec::new();
    if expected.columns.len() != got.columns.len() {
        return vec!["names".to_owned()];
    }
    let differ = |what: fn(&Shape) -> &str| expected.columns.iter().map(what).ne(got.columns.iter().map(what));
    if differ(|column| &column.name) {
        kinds.push("names".to_owned());
    }
    if differ(base) {
        kinds.push("types".to_owned());
    } else if differ(|column| &column.type_name) {
        kinds.push("modifier".to_owned());
    }
    if let Some(kind) = rows(sorted, expected, got) {
        kinds.push(kind.to_owned());
    }
    kinds
}

/// The type without precision and scale.
fn base(column: &Shape) -> &str {
    column.type_name.split('(').next().unwrap_or_default()
}

fn rows(sorted: bool, expected: &Answer, got: &Answer) -> Option<&'static str> {
    if expected.lines(sorted) == got.lines(sorted) {
        return None;
    }
    if expected.rows.len() != got.rows.len() {
        return Some("rows");
    }
    let mut worst = 0;
    for (expected_row, row) in ordered(expected, sorted).iter().zip(ordered(got, sorted)) {
        for (index, column) in expected.columns.iter().enumerate() {
            worst = worst.max(value(base(column), expected_row[index].as_deref(), row[index].as_deref()));
        }
    }
    [None, Some("format"), Some("zeros"), Some("digits"), Some("rows")][worst]
}

fn ordered(answer: &Answer, sorted: bool) -> Vec<Vec<Option<String>>> {
    let mut rows = answer.rows.clone();
    if sorted {
        rows.sort();
    }
    rows
}

/// How bad it is, as an index into the kinds of [`rows`].
fn value(type_name: &str, expected: Option<&str>, got: Option<&str>) -> usize {
    let (Some(expected), Some(got)) = (expected, got) else { return if expected == got { 0 } else { 4 } };
    match type_name {
        _ if expected == got => 0,
        "numeric" => numeric(expected, got),
        "float4" | "float8" => float(expected, got),
        _ => 4,
    }
}

fn numeric(expected: &str, got: &str) -> usize {
    if without_zeros(expected) == without_zeros(got) {
        return 2;
    }
    let digits = got.split_once('.').map_or(0, |(_, after)| after.len());
    let (Ok(exact), Ok(close)) = (expected.parse::<f64>(), got.parse::<f64>()) else { return 4 };
    let unit = 2.0 * 10_f64.powi(-i32::try_from(digits).unwrap_or(i32::MAX));
    if (exact - close).abs() < unit { 3 } else { 4 }
}

fn without_zeros(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

fn float(expected: &str, got: &str) -> usize {
    let (Ok(exact), Ok(close)) = (expected.parse::<f64>(), got.parse::<f64>()) else { return 4 };
    if exact == close {
        return 1;
    }
    if (exact - close).abs() <= exact.abs() * 1e-12 { 0 } else { 4 }
}

#[test]
fn values_differ_in_kinds() {
    assert_eq!(value("numeric", Some("2.5000"), Some("2.5")), 2);
    assert_eq!(value("numeric", Some("0.3333333333"), Some("0.3333")), 3);
    assert_eq!(value("numeric", Some("0.34"), Some("0.3")), 3);
    assert_eq!(value("numeric", Some("3"), Some("5")), 4);
    assert_eq!(value("text", Some("2.50"), Some("2.5")), 4);
    assert_eq!(value("float8", Some("1e+20"), Some("100000000000000000000")), 1);
    assert_eq!(value("text", None, Some("")), 4);
}
