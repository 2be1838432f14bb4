//! The functions that take a SQL/JSON path. A path travels as its text.

use std::rc::Rc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::base::ErrorReport;

use super::super::overload::{Call, Overload, lenient, strict};
use super::super::regex::{Flags, Regex, compiled};
use super::super::remembered::Remembered;
use super::super::value::{self, list, null};
use super::access::{document, stored};
use super::document::{Json, Kind};
use super::path::{Matcher, Path, PatternFlags};

type Found = Result<ScalarValue, ErrorReport>;

/// Every function. What a document finds comes as an array where PostgreSQL gives rows; no text calls that one by its name.
pub(super) fn functions() -> Vec<Overload> {
    let mut all = Vec::new();
    for arguments in ["jsonb, text", "jsonb, text, jsonb", "jsonb, text, jsonb, bool"] {
        let returning = |returned: &str| format!("({arguments}) {returned}");
        all.push(strict("jsonb_path_exists", &returning("bool"), |call| truth(exists(call)?)));
        all.push(strict("jsonb_path_match", &returning("bool"), |call| truth(matches(call)?)));
        all.push(strict("jsonb_path_query[]", &returning("jsonb[]"), |call| {
            let rows: Vec<ScalarValue> = query(call)?.iter().map(as_value).collect();
            Ok(list(&rows, &DataType::LargeBinary))
        }));
        all.push(strict("jsonb_path_query_array", &returning("jsonb"), |call| {
            Ok(as_value(&Json::of(Kind::Array(query(call)?))))
        }));
        all.push(strict("jsonb_path_query_first", &returning("jsonb"), |call| match query(call)?.first() {
            Some(first) => Ok(as_value(first)),
            None => null(call),
        }));
    }
    // The operators `@?` and `@@`: without variables, and silent.
    all.push(strict("jsonb_path_exists_opr", "(jsonb, text) bool", |call| {
        truth(path(call, 1)?.exists(&document(call)?, None, true, &Patterns)?)
    }));
    all.push(strict("jsonb_path_match_opr", "(jsonb, text) bool", |call| {
        truth(path(call, 1)?.matches(&document(call)?, None, true, &Patterns)?)
    }));
    all.push(lenient("as_jsonpath", "(text) text", |call| {
        if call.is_null(0) { null(call) } else { Ok(value::text(path(call, 0)?.to_string())) }
    }));
    all
}

/// Refuses a text that is no path.
pub(in crate::functions) fn check(text: &str) -> Result<(), ErrorReport> {
    Path::parse(text, &Patterns).map(drop)
}

thread_local! {
    static KNOWN: Remembered<String, Path> = Remembered::new();
}

/// A path, parsed once for the rows of a thread.
fn path(call: &Call<'_>, place: usize) -> Result<Rc<Path>, ErrorReport> {
    KNOWN.with(|known| known.get(call.text(place).to_owned(), |text| Path::parse(text, &Patterns)))
}

fn query(call: &Call<'_>) -> Result<Vec<Json>, ErrorReport> {
    path(call, 1)?.query(&document(call)?, Some(&variables(call)?), is_silent(call), &Patterns)
}

fn exists(call: &Call<'_>) -> Result<Option<bool>, ErrorReport> {
    path(call, 1)?.exists(&document(call)?, Some(&variables(call)?), is_silent(call), &Patterns)
}

fn matches(call: &Call<'_>) -> Result<Option<bool>, ErrorReport> {
    path(call, 1)?.matches(&document(call)?, Some(&variables(call)?), is_silent(call), &Patterns)
}

fn variables(call: &Call<'_>) -> Result<Json, ErrorReport> {
    if call.args.len() > 2 { Json::parse(call.text(2)) } else { Ok(Json::of(Kind::Object(Vec::new()))) }
}

fn is_silent(call: &Call<'_>) -> bool {
    matches!(call.args.get(3), Some(ScalarValue::Boolean(Some(true))))
}

fn as_value(json: &Json) -> ScalarValue {
    stored(json.binary_text(), true)
}

fn truth(found: Option<bool>) -> Found {
    Ok(ScalarValue::Boolean(found))
}

/// The patterns of `like_regex` are regular expressions as everywhere.
pub(super) struct Patterns;

impl Patterns {
    fn read(pattern: &str, flags: PatternFlags) -> Result<Rc<Regex>, ErrorReport> {
        let PatternFlags { ignore_case, dot_stops, line_anchors, literal } = flags;
        compiled(pattern, Flags { ignore_case, dot_stops, line_anchors, expanded: false, literal })
    }
}

impl Matcher for Patterns {
    fn check(&self, pattern: &str, flags: PatternFlags) -> Result<(), ErrorReport> {
        Self::read(pattern, flags).map(drop)
    }

    fn is_match(&self, pattern: &str, flags: PatternFlags, text: &str) -> Result<bool, ErrorReport> {
        Self::read(pattern, flags)?.is_match(&text.chars().collect::<Vec<_>>())
    }
}
