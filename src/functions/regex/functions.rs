//! `regexp_…`, `substring … FROM`, and the operators `~`.

use std::rc::Rc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use crate::base::ErrorReport;

use super::super::overload::{Call, Overload, strict};
use super::super::remembered::Remembered;
use super::super::signature::list_of;
use super::super::value::{self, int4, invalid, list, null};
use super::similar::{escape_of, regex_of};
use super::{Captures, Flags, Regex};

type Found = Result<ScalarValue, ErrorReport>;

pub(in crate::functions) fn functions() -> Vec<Overload> {
    let mut all = operators();
    all.extend(matches());
    all.extend(replacing());
    all.extend(counting());
    all
}

fn operators() -> Vec<Overload> {
    vec![
        strict("textregexeq", "(text, text) bool", |call| matched(call, false, false)),
        strict("textregexne", "(text, text) bool", |call| matched(call, false, true)),
        strict("texticregexeq", "(text, text) bool", |call| matched(call, true, false)),
        strict("texticregexne", "(text, text) bool", |call| matched(call, true, true)),
        strict("regexp_like", "(text, text) bool", |call| like(call, "")),
        strict("regexp_like", "(text, text, text) bool", |call| like(call, call.text(2))),
        strict("substring", "(text, text) text", |call| part(call.text(0), call.text(1))),
        strict("substring", "(text, text, text) text", |call| {
            part(call.text(0), &regex_of(call.text(1), escape_of(call.text(2))?)?)
        }),
        strict("similar_to_escape", "(text) text", |call| Ok(value::text(regex_of(call.text(0), Some('\\'))?))),
        strict("similar_to_escape", "(text, text) text", |call| {
            Ok(value::text(regex_of(call.text(0), escape_of(call.text(1))?)?))
        }),
    ]
}

/// What a pattern finds in a text: its first group, where it has one.
fn part(text: &str, pattern: &str) -> Found {
    let regex = compiled(pattern, Flags::default())?;
    let text: Vec<char> = text.chars().collect();
    let found = regex.find(&text, 0)?;
    let group = usize::from(regex.groups() > 0);
    Ok(ScalarValue::Utf8(found.and_then(|found| group_text(&text, &found, group))))
}

fn matches() -> Vec<Overload> {
    vec![
        strict("regexp_match", "(text, text) text[]", |call| first(call, "")),
        strict("regexp_match", "(text, text, text) text[]", |call| first(call, call.text(2))),
        strict("regexp_matches[]", "(text, text) text[]", |call| every(call, ""))
            .returning(|_, _| Some(list_of(list_of(DataType::Utf8)))),
        strict("regexp_matches[]", "(text, text, text) text[]", |call| every(call, call.text(2)))
            .returning(|_, _| Some(list_of(list_of(DataType::Utf8)))),
        strict("regexp_split_to_array", "(text, text) text[]", |call| split(call, "", "regexp_split_to_array")),
        strict("regexp_split_to_array", "(text, text, text) text[]", |call| {
            split(call, call.text(2), "regexp_split_to_array")
        }),
    ]
}

fn replacing() -> Vec<Overload> {
    vec![
        strict("regexp_replace", "(text, text, text) text", |call| replace(call, 1, 1, "")),
        strict("regexp_replace", "(text, text, text, text) text", |call| {
            if let Some(digit) = call.text(3).chars().next().filter(char::is_ascii_digit) {
                return Err(invalid(format!("invalid regular expression option: \"{digit}\"")).with_hint(
                    "If you meant to use regexp_replace() with a start parameter, cast the fourth argument to integer \
                     explicitly.",
                ));
            }
            replace(call, 1, 1, call.text(3))
        }),
        strict("regexp_replace", "(text, text, text, int4) text", |call| replace(call, call.int(3), 1, "")),
        strict("regexp_replace", "(text, text, text, int4, int4) text", |call| {
            replace(call, call.int(3), call.int(4), "")
        }),
        strict("regexp_replace", "(text, text, text, int4, int4, text) text", |call| {
            replace(call, call.int(3), call.int(4), call.text(5))
        }),
    ]
}

fn counting() -> Vec<Overload> {
    vec![
        strict("regexp_count", "(text, text) int4", |call| count(call, 1, "")),
        strict("regexp_count", "(text, text, int4) int4", |call| count(call, call.int(2), "")),
        strict("regexp_count", "(text, text, int4, text) int4", |call| count(call, call.int(2), call.text(3))),
        strict("regexp_instr", "(text, text) int4", |call| instr(call, [1, 1, 0, 0], "")),
        strict("regexp_instr", "(text, text, int4) int4", |call| instr(call, [call.int(2), 1, 0, 0], "")),
        strict("regexp_instr", "(text, text, int4, int4) int4", |call| {
            instr(call, [call.int(2), call.int(3), 0, 0], "")
        }),
        strict("regexp_instr", "(text, text, int4, int4, int4) int4", |call| {
            instr(call, [call.int(2), call.int(3), call.int(4), 0], "")
        }),
        strict("regexp_instr", "(text, text, int4, int4, int4, text) int4", |call| {
            instr(call, [call.int(2), call.int(3), call.int(4), 0], call.text(5))
        }),
        strict("regexp_instr", "(text, text, int4, int4, int4, text, int4) int4", |call| {
            instr(call, [call.int(2), call.int(3), call.int(4), call.int(6)], call.text(5))
        }),
        strict("regexp_substr", "(text, text) text", |call| substr(call, [1, 1, 0], "")),
        strict("regexp_substr", "(text, text, int4) text", |call| substr(call, [call.int(2), 1, 0], "")),
        strict("regexp_substr", "(text, text, int4, int4) text", |call| {
            substr(call, [call.int(2), call.int(3), 0], "")
        }),
        strict("regexp_substr", "(text, text, int4, int4, text) text", |call| {
            substr(call, [call.int(2), call.int(3), 0], call.text(4))
        }),
        strict("regexp_substr", "(text, text, int4, int4, text, int4) text", |call| {
            substr(call, [call.int(2), call.int(3), call.int(5)], call.text(4))
        }),
    ]
}

thread_local! {
    static KNOWN: Remembered<(String, Flags), Regex> = Remembered::new();
}

/// A pattern, compiled once for the rows of a thread.
pub(in crate::functions) fn compiled(pattern: &str, flags: Flags) -> Result<Rc<Regex>, ErrorReport> {
    KNOWN.with(|known| known.get((pattern.to_owned(), flags), |(pattern, flags)| Regex::new(pattern, *flags)))
}

/// What the letters of a flags argument say, and whether `g` is among them.
fn options(letters: &str) -> Result<(Flags, bool), ErrorReport> {
    let (mut flags, mut global) = (Flags::default(), false);
    for letter in letters.chars() {
        match letter {
            'g' => global = true,
            'b' => return Err(value::unsupported("basic regular expressions are not supported")),
            other if flags.set(other) => {}
            other => return Err(invalid(format!("invalid regular expression option: \"{other}\""))),
        }
    }
    Ok((flags, global))
}

fn not_global(letters: &str, name: &str) -> Result<Flags, ErrorReport> {
    match options(letters)? {
        (flags, false) => Ok(flags),
        (_, true) => Err(invalid(format!("{name}() does not support the \"global\" option"))),
    }
}

fn matched(call: &Call<'_>, ignore_case: bool, negated: bool) -> Found {
    let regex = compiled(call.text(1), Flags { ignore_case, ..Flags::default() })?;
    let text: Vec<char> = call.text(0).chars().collect();
    Ok(ScalarValue::Boolean(Some(regex.is_match(&text)? != negated)))
}

fn like(call: &Call<'_>, letters: &str) -> Found {
    let regex = compiled(call.text(1), not_global(letters, "regexp_like")?)?;
    let text: Vec<char> = call.text(0).chars().collect();
    Ok(ScalarValue::Boolean(Some(regex.is_match(&text)?)))
}

fn group_text(text: &[char], found: &Captures, group: usize) -> Option<String> {
    let range = found.get(group)?.clone()?;
    Some(text[range].iter().collect())
}

/// The groups, or the whole where the pattern has none.
fn groups_of(regex: &Regex, text: &[char], found: &Captures) -> ScalarValue {
    let groups = if regex.groups() == 0 { 0..1 } else { 1..regex.groups() + 1 };
    value::texts(groups.map(|group| group_text(text, found, group)))
}

fn first(call: &Call<'_>, letters: &str) -> Found {
    let flags = not_global(letters, "regexp_match")
        .map_err(|error| error_with_hint(error, "Use the regexp_matches function instead."))?;
    let regex = compiled(call.text(1), flags)?;
    let text: Vec<char> = call.text(0).chars().collect();
    match regex.find(&text, 0)? {
        Some(found) => Ok(groups_of(&regex, &text, &found)),
        None => null(call),
    }
}

fn error_with_hint(error: ErrorReport, hint: &str) -> ErrorReport {
    if error.message.contains("global") { error.with_hint(hint) } else { error }
}

/// All matches from a place on. After an empty one the search goes on one character later.
fn all_matches(regex: &Regex, text: &[char], from: usize, one: bool) -> Result<Vec<Captures>, ErrorReport> {
    let mut all = Vec::new();
    let mut at = from;
    while at <= text.len() {
        let Some(found) = regex.find(text, at)? else { break };
        let Some(whole) = found[0].clone() else { break };
        at = if whole.is_empty() { whole.end + 1 } else { whole.end };
        all.push(found);
        if one {
            break;
        }
    }
    Ok(all)
}

fn every(call: &Call<'_>, letters: &str) -> Found {
    let (flags, global) = options(letters)?;
    let regex = compiled(call.text(1), flags)?;
    let text: Vec<char> = call.text(0).chars().collect();
    let all = all_matches(&regex, &text, 0, !global)?;
    let rows: Vec<ScalarValue> = all.iter().map(|found| groups_of(&regex, &text, found)).collect();
    Ok(list(&rows, &list_of(DataType::Utf8)))
}

fn split(call: &Call<'_>, letters: &str, name: &str) -> Found {
    let regex = compiled(call.text(1), not_global(letters, name)?)?;
    let text: Vec<char> = call.text(0).chars().collect();
    let mut parts: Vec<Option<String>> = Vec::new();
    let mut begin = 0;
    for found in all_matches(&regex, &text, 0, false)? {
        let Some(whole) = found[0].clone() else { continue };
        // An empty match at the begin, at the end, or right after another match cuts nothing.
        if whole.is_empty() && (whole.end >= text.len() || whole.start <= begin) {
            continue;
        }
        parts.push(Some(text[begin..whole.start].iter().collect()));
        begin = whole.end;
    }
    parts.push(Some(text[begin..].iter().collect()));
    Ok(value::texts(parts))
}

fn place(call_value: i64, name: &str) -> Result<usize, ErrorReport> {
    usize::try_from(call_value - 1)
        .map_err(|_| invalid(format!("invalid value for parameter \"{name}\": {call_value}")))
}

/// `number` 0 replaces all, as `g` does.
fn replace(call: &Call<'_>, start: i64, number: i64, letters: &str) -> Found {
    let from = place(start, "start")?;
    if number < 0 {
        return Err(invalid(format!("invalid value for parameter \"n\": {number}")));
    }
    let (flags, global) = options(letters)?;
    let number = if global && call.args.len() < 5 { 0 } else { number };
    let regex = compiled(call.text(1), flags)?;
    let text: Vec<char> = call.text(0).chars().collect();
    let mut out = String::new();
    let mut begin = 0;
    if from <= text.len() {
        for (found, count) in all_matches(&regex, &text, from, number == 1)?.into_iter().zip(1_i64..) {
            let Some(whole) = found[0].clone() else { continue };
            if number != 0 && count != number {
                continue;
            }
            out.extend(&text[begin..whole.start]);
            put(&mut out, call.text(2), &text, &found);
            begin = whole.end;
            if count == number {
                break;
            }
        }
    }
    out.extend(&text[begin..]);
    Ok(value::text(out))
}

/// The new text, with `\1` and `\&` for parts of the match.
fn put(out: &mut String, new: &str, text: &[char], found: &Captures) {
    let mut chars = new.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.peek().copied() {
            Some('&') => {
                chars.next();
                out.push_str(&group_text(text, found, 0).unwrap_or_default());
            }
            Some(digit @ '1'..='9') => {
                chars.next();
                let group = digit.to_digit(10).and_then(|digit| usize::try_from(digit).ok()).unwrap_or_default();
                out.push_str(&group_text(text, found, group).unwrap_or_default());
            }
            Some('\\') => {
                chars.next();
                out.push('\\');
            }
            Some(_) | None => out.push('\\'),
        }
    }
}

fn count(call: &Call<'_>, start: i64, letters: &str) -> Found {
    let from = place(start, "start")?;
    let regex = compiled(call.text(1), not_global(letters, "regexp_count")?)?;
    let text: Vec<char> = call.text(0).chars().collect();
    int4(i64::try_from(all_matches(&regex, &text, from, false)?.len()).unwrap_or(i64::MAX))
}

/// The match of a number, and the range of a group of it.
fn numbered(
    call: &Call<'_>,
    regex: &Regex,
    [start, number, group]: [i64; 3],
) -> Result<Option<std::ops::Range<usize>>, ErrorReport> {
    let from = place(start, "start")?;
    let number = place(number, "n")?;
    let group =
        usize::try_from(group).map_err(|_| invalid(format!("invalid value for parameter \"subexpr\": {group}")))?;
    let text: Vec<char> = call.text(0).chars().collect();
    let all = all_matches(regex, &text, from, number == 0)?;
    Ok(all.get(number).and_then(|found| found.get(group).cloned().flatten()))
}

fn instr(call: &Call<'_>, [start, number, end, group]: [i64; 4], letters: &str) -> Found {
    if !(0..=1).contains(&end) {
        return Err(invalid(format!("invalid value for parameter \"endoption\": {end}")));
    }
    let regex = compiled(call.text(1), not_global(letters, "regexp_instr")?)?;
    let found = numbered(call, &regex, [start, number, group])?;
    let index = found.map_or(0, |range| if end == 1 { range.end + 1 } else { range.start + 1 });
    int4(i64::try_from(index).unwrap_or(i64::MAX))
}

fn substr(call: &Call<'_>, [start, number, group]: [i64; 3], letters: &str) -> Found {
    let regex = compiled(call.text(1), not_global(letters, "regexp_substr")?)?;
    let text: Vec<char> = call.text(0).chars().collect();
    let found = numbered(call, &regex, [start, number, group])?;
    Ok(ScalarValue::Utf8(found.map(|range| text[range].iter().collect())))
}
