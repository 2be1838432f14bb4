//! Parts of texts, by position and by separator.

use datafusion::common::ScalarValue;

use crate::base::limits;
use crate::base::{ErrorReport, SqlState};

use super::super::overload::{Call, Overload, strict};
use super::super::value::{self, fail, int4, invalid};

type Found = Result<ScalarValue, ErrorReport>;

pub(super) fn functions() -> Vec<Overload> {
    let mut all = Vec::new();
    for name in ["substring", "substr"] {
        all.push(strict(name, "(text, int4) text", |call| Ok(value::text(tail(call.text(0), call.int(1))))));
        all.push(strict(name, "(text, int4, int4) text", |call| substring(call.text(0), call.int(1), call.int(2))));
    }
    all.extend([
        strict("left", "(text, int4) text", |call| Ok(value::text(left(call.text(0), call.int(1))))),
        strict("right", "(text, int4) text", |call| Ok(value::text(right(call.text(0), call.int(1))))),
        strict("lpad", "(text, int4) text", |call| pad(call, " ", true)),
        strict("lpad", "(text, int4, text) text", |call| pad(call, call.text(2), true)),
        strict("rpad", "(text, int4) text", |call| pad(call, " ", false)),
        strict("rpad", "(text, int4, text) text", |call| pad(call, call.text(2), false)),
        strict("split_part", "(text, text, int4) text", split_part),
        strict("overlay", "(text, text, int4) text", |call| overlay(call, length(call.text(1)))),
        strict("overlay", "(text, text, int4, int4) text", |call| overlay(call, call.int(3))),
        strict("repeat", "(text, int4) text", |call| {
            let times = call.int(1).max(0);
            let bytes = i64::try_from(call.text(0).len()).unwrap_or(i64::MAX).saturating_mul(times);
            if bytes > limits::VALUE_BYTES {
                return Err(fail(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large"));
            }
            Ok(value::text(call.text(0).repeat(usize::try_from(times).unwrap_or_default())))
        }),
        strict("starts_with", "(text, text) bool", |call| {
            Ok(ScalarValue::Boolean(Some(call.text(0).starts_with(call.text(1)))))
        }),
    ]);
    for name in ["strpos", "position"] {
        all.push(strict(name, "(text, text) int4", |call| {
            let found = call.text(0).find(call.text(1));
            int4(found.map_or(0, |at| length(&call.text(0)[..at]) + 1))
        }));
    }
    all.extend(trims());
    all
}

fn trims() -> Vec<Overload> {
    fn cut(call: &Call<'_>, begin: bool, end: bool) -> Found {
        let set = call.maybe_text(1).unwrap_or(" ");
        let inside = |c: char| set.contains(c);
        let text = call.text(0);
        let text = if begin { text.trim_start_matches(inside) } else { text };
        Ok(value::text(if end { text.trim_end_matches(inside) } else { text }))
    }
    let mut all = Vec::new();
    for signature in ["(text) text", "(text, text) text"] {
        all.push(strict("btrim", signature, |call| cut(call, true, true)));
        all.push(strict("trim", signature, |call| cut(call, true, true)));
        all.push(strict("ltrim", signature, |call| cut(call, true, false)));
        all.push(strict("rtrim", signature, |call| cut(call, false, true)));
    }
    all
}

pub(super) fn length(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

/// The byte where a character begins; the end where there are fewer.
fn byte_of(text: &str, character: i64) -> usize {
    let Ok(index) = usize::try_from(character) else { return 0 };
    text.char_indices().nth(index).map_or(text.len(), |(at, _)| at)
}

fn tail(text: &str, from: i64) -> &str {
    &text[byte_of(text, from - 1)..]
}

pub(super) fn negative_length() -> ErrorReport {
    fail(SqlState::SUBSTRING_ERROR, "negative substring length not allowed")
}

fn substring(text: &str, from: i64, count: i64) -> Found {
    if count < 0 {
        return Err(negative_length());
    }
    let end = byte_of(text, (from - 1).saturating_add(count).max(0));
    let begin = byte_of(text, from - 1).min(end);
    Ok(value::text(&text[begin..end]))
}

fn left(text: &str, count: i64) -> &str {
    let count = if count < 0 { (length(text) + count).max(0) } else { count };
    &text[..byte_of(text, count)]
}

fn right(text: &str, count: i64) -> &str {
    let skip = if count == i64::from(i32::MIN) {
        // For PostgreSQL the negative of the least integer is that integer again.
        0
    } else if count < 0 {
        -count
    } else {
        (length(text) - count).max(0)
    };
    &text[byte_of(text, skip)..]
}

fn pad(call: &Call<'_>, fill: &str, at_begin: bool) -> Found {
    let (text, wanted) = (call.text(0), call.int(1).max(0));
    if wanted > limits::VALUE_BYTES / 4 {
        return Err(fail(SqlState::PROGRAM_LIMIT_EXCEEDED, "requested length too large"));
    }
    let missing = usize::try_from(wanted - length(text)).unwrap_or_default();
    if missing == 0 {
        return Ok(value::text(left(text, wanted)));
    }
    let filling: String = fill.chars().cycle().take(missing).collect();
    Ok(value::text(if at_begin { format!("{filling}{text}") } else { format!("{text}{filling}") }))
}

fn split_part(call: &Call<'_>) -> Found {
    let (text, separator, number) = (call.text(0), call.text(1), call.int(2));
    if number == 0 {
        return Err(invalid("field position must not be zero"));
    }
    let parts: Vec<&str> = match (text.is_empty(), separator.is_empty()) {
        (true, _) => Vec::new(),
        (false, true) => vec![text],
        (false, false) => text.split(separator).collect(),
    };
    let count = i64::try_from(parts.len()).unwrap_or(i64::MAX);
    let index = if number > 0 { number - 1 } else { count + number };
    Ok(value::text(usize::try_from(index).ok().and_then(|index| parts.get(index)).copied().unwrap_or_default()))
}

fn overlay(call: &Call<'_>, count: i64) -> Found {
    let (text, new, from) = (call.text(0), call.text(1), call.int(2));
    if from <= 0 {
        return Err(negative_length());
    }
    if from.saturating_add(count) > i64::from(i32::MAX) {
        return Err(fail(SqlState::NUMERIC_VALUE_OUT_OF_RANGE, "integer out of range"));
    }
    let begin = byte_of(text, from - 1);
    let end = byte_of(text, (from - 1).saturating_add(count));
    Ok(value::text(format!("{}{new}{}", &text[..begin], &text[end..])))
}
