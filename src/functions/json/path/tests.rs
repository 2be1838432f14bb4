//! Every case of `tests/json_path/cases.txt`, whose answers are PostgreSQL 15's.

use super::super::paths::Patterns;
use super::*;

const CASES: &str = include_str!("../../../../tests/json_path/cases.txt");

fn truth(found: Option<bool>) -> Vec<String> {
    vec![format!("is {}", found.map_or("null".to_owned(), |holds| holds.to_string()))]
}

/// What a case asks, answered as the file writes it.
fn answered(case: &[&str]) -> Result<Vec<String>, ErrorReport> {
    let line = |name: &str| case.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let path = Path::parse(line("path").unwrap(), &Patterns)?;
    let (call, silent) = case[0].split_once(' ').map_or((case[0], false), |(call, _)| (call, true));
    let document = Json::parse_binary(line("doc").unwrap_or("null")).unwrap();
    let vars = Json::parse_binary(line("vars").unwrap_or("{}")).unwrap();
    Ok(match call {
        "text" => vec![format!("text {path}")],
        "exists" => truth(path.exists(&document, Some(&vars), silent, &Patterns)?),
        "match" => truth(path.matches(&document, Some(&vars), silent, &Patterns)?),
        "@?" => truth(path.exists(&document, None, true, &Patterns)?),
        "@@" => truth(path.matches(&document, None, true, &Patterns)?),
        _ => match path.query(&document, Some(&vars), silent, &Patterns)?.as_slice() {
            [] => vec!["none".to_owned()],
            rows => rows.iter().map(|row| format!("row {}", row.binary_text())).collect(),
        },
    })
}

fn disagreement(case: &str) -> Option<String> {
    let lines: Vec<&str> = case.lines().filter(|line| !line.starts_with('#')).collect();
    let is_answer = |line: &&&str| !["path ", "doc ", "vars "].iter().any(|name| line.starts_with(name));
    let expected: Vec<String> = lines[1..].iter().filter(is_answer).map(|line| (*line).to_owned()).collect();
    let found = answered(&lines).unwrap_or_else(|error| {
        let mut told = vec![format!("error {} {}", error.sqlstate, error.message)];
        told.extend(error.detail.map(|detail| format!("detail {detail}")));
        told.extend(error.hint.map(|hint| format!("hint {hint}")));
        told
    });
    (found != expected).then(|| format!("{case}\n-- but\n{}\n", found.join("\n")))
}

fn check(cases: &str) {
    let all: Vec<&str> = cases.split("\n\n").map(str::trim_start).filter(|case| !case.is_empty()).collect();
    let wrong: Vec<String> = all.iter().filter_map(|case| disagreement(case.trim_end_matches('\n'))).collect();
    assert!(wrong.is_empty(), "{} of {} cases differ\n\n{}", wrong.len(), all.len(), wrong.join("\n"));
}

#[test]
fn every_case_is_answered_as_postgresql_answers_it() {
    check(CASES);
}

/// A document of arrays within each other.
fn nested(depth: usize) -> Json {
    let inner = Json::of(Kind::Number("1".to_owned()));
    (0..depth).fold(inner, |inner, _| Json::of(Kind::Array(vec![inner])))
}

fn state(document: &Json, path: &str) -> Option<&'static str> {
    let found = Path::parse(path, &Patterns).and_then(|path| path.query(document, None, true, &Patterns));
    found.err().map(|error| error.sqlstate.code())
}

#[test]
fn work_and_depth_are_bounded() {
    assert_eq!(state(&nested(900), "$.**.**.**"), Some("54000"));
    assert_eq!(state(&nested(900), "$.** ? (exists(@.**.** ? (@.** == 2)))"), Some("54000"));
    assert_eq!(state(&nested(900), &format!("${}", "[*]".repeat(150))), None);
    for (open, close) in [("(", ")"), ("$[", "]"), ("$ ? (exists(", "))"), ("-", ""), ("!(", ")"), ("1 + (", ")")] {
        let path = format!("{}$ == 1{}", open.repeat(100_000), close.repeat(100_000));
        assert!(matches!(state(&nested(1), &path), Some("54001" | "42601")), "{open}");
    }
    assert_eq!(state(&nested(1), &format!("${}", ".a".repeat(100_000))), Some("54001"));
    assert_eq!(state(&nested(1), &format!("1{}", " + 1".repeat(100_000))), Some("54001"));
    assert_eq!(state(&nested(1), &format!("$.{}", "a/**/".repeat(100_000))), Some("42601"));
    assert_eq!(state(&nested(1), &format!("$ == 1{}", " || $ == 2".repeat(100_000))), None);
    assert_eq!(state(&nested(1), &format!("1e100000{}", " % 3e99999".repeat(150))), Some("54000"));
    assert_eq!(state(&nested(1), &format!("$[1e100000{}]", ", 1e100000".repeat(1_000))), Some("54000"));
    assert_eq!(state(&nested(1), &format!("$ ? (exists($[0{}].abs()))", ", 0".repeat(100_000))), None);
}

#[test]
fn what_is_just_not_too_deep_fits_the_stack() {
    let most = crate::base::limits::JSONPATH_DEPTH - 5;
    let document = nested(10);
    for (path, wanted) in [
        (format!("{}1{}", "1 + (".repeat(most), ")".repeat(most)), None),
        (format!("{}$ == 1{}", "!(".repeat(most), ")".repeat(most)), None),
        (format!("{}-1{}", "- -".repeat(most / 2), ""), None),
        (format!("{}$ == 1{}", "$ ? (exists(".repeat(most / 4), "))".repeat(most / 4)), Some("42601")),
        (format!("{}$ ? (@ == 1){}", "$ ? (exists(".repeat(most / 4), "))".repeat(most / 4)), None),
        (format!("{}0{}", "$[".repeat(most), "]".repeat(most)), None),
        (format!("${}", "[*]".repeat(most)), None),
        (format!("${}", ".a".repeat(most)), None),
    ] {
        assert_eq!(state(&document, &path), wanted, "{path}");
        let _shown = Path::parse(&path, &Patterns).map(|path| path.to_string());
    }
}

/// Words that paths are made of, and some that they are not.
const WORDS: &[&str] = &[
    "$",
    "@",
    "last",
    ".a",
    ".b",
    ".*",
    ".**",
    ".**{1 to last}",
    "[*]",
    "[0]",
    "[",
    "]",
    "[last]",
    "(",
    ")",
    " ? (",
    "==",
    "<",
    "!=",
    "&&",
    "||",
    "!",
    " is unknown",
    "exists(",
    " starts with ",
    " like_regex ",
    " flag ",
    "\"a\"",
    "\"i\"",
    "+",
    "-",
    "*",
    "/",
    "%",
    "1",
    "0",
    "2.5",
    "1e3",
    ".5",
    "null",
    "true",
    "$v",
    "\\u0061",
    "\\",
    "\"",
    "/*",
    "*/",
    " ",
    ".type()",
    ".size()",
    ".double()",
    ".abs()",
    ".floor()",
    ".keyvalue()",
    ".datetime()",
    " to ",
    ",",
    "strict ",
    "é",
    "lax ",
];

#[test]
fn any_words_are_answered() {
    let document = Json::parse_binary(r#"{"a": [1, "2", {"b": null, "a": "2017-03-10"}], "b": {"a": [[3]]}}"#).unwrap();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        usize::try_from(seed % 1_000_003).unwrap() % below
    };
    let mut read = 0;
    for _ in 0..30_000 {
        let length = next(9) + 1;
        let text: String = (0..length).map(|_| WORDS[next(WORDS.len())]).collect();
        let Ok(path) = Path::parse(&text, &Patterns) else { continue };
        read += 1;
        let shown = path.to_string();
        let found = path.query(&document, Some(&document), next(2) == 0, &Patterns);
        assert!(!matches!(found, Err(error) if error.sqlstate == SqlState::INTERNAL_ERROR), "{text} {shown}");
    }
    assert!(read > 500, "{read}");
}
