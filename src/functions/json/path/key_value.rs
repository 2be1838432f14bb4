//! `.keyvalue()`, and the ids that it gives to objects.
//!
//! PostgreSQL makes an id of the place of the object within the bytes of the `jsonb`, so that layout is computed here.

use std::collections::HashMap;
use std::rc::Rc;

use crate::base::SqlState;

use super::super::document::{Json, Kind};
use super::evaluate::{Evaluator, Found, Outcome, Sink};
use super::item::{Item, Pair};
use super::syntax::Step;

/// Ids of the objects of one base.
const IDS: i64 = 10_000_000_000;

/// The value whose parts are told apart by their places in it.
#[derive(Debug, Clone)]
pub(super) struct Base<'a> {
    pub(super) container: Item<'a>,
    pub(super) id: i64,
}

/// Where the arrays and objects of the document and of the variables are, by their addresses.
#[derive(Debug)]
pub(super) struct Places<'a> {
    roots: Vec<&'a Json>,
    known: Option<HashMap<*const Json, i64>>,
}

impl<'a> Places<'a> {
    pub(super) fn new(root: &'a Json, vars: Option<&'a Json>) -> Self {
        Self { roots: std::iter::once(root).chain(vars).collect(), known: None }
    }

    fn of(&mut self, json: &'a Json) -> i64 {
        let roots = &self.roots;
        let known = self.known.get_or_insert_with(|| {
            let mut found = HashMap::new();
            for root in roots {
                place(root, 0, &mut found);
            }
            found
        });
        known.get(&std::ptr::from_ref(json)).copied().unwrap_or_default()
    }

    /// The place of an object in its base.
    fn within(&mut self, item: &Item<'a>, base: &Item<'a>) -> i64 {
        match (item, base) {
            (Item::Of(json), Item::Of(base)) => self.of(json) - self.of(base),
            (Item::Of(json), Item::Pair(pair)) => match &pair.value {
                Item::Of(value) => value_place(pair) + self.of(json) - self.of(value),
                _ => 0,
            },
            _ => 0,
        }
    }
}

/// The next place for what begins at a multiple of four.
fn aligned(at: i64) -> i64 {
    (at + 3) / 4 * 4
}

fn bytes(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

/// Puts a value at a place and gives the place after it.
fn place(json: &Json, at: i64, found: &mut HashMap<*const Json, i64>) -> i64 {
    let entries = |count: usize| 4 * i64::try_from(count).unwrap_or(i64::MAX / 8);
    match &json.kind {
        Kind::Null | Kind::Bool(_) => at,
        Kind::Text(text) => at + bytes(text),
        Kind::Number(digits) => aligned(at) + numeric_size(digits),
        Kind::Array(items) => {
            let at = aligned(at);
            found.insert(json, at);
            items.iter().fold(at + 4 + entries(items.len()), |at, item| place(item, at, found))
        }
        Kind::Object(fields) => {
            let at = aligned(at);
            found.insert(json, at);
            let keys: i64 = fields.iter().map(|(key, _)| bytes(key)).sum();
            let values = at + 4 + entries(2 * fields.len()) + keys;
            fields.iter().fold(values, |at, (_, value)| place(value, at, found))
        }
    }
}

/// The bytes of a `numeric`: a head, and two for every four digits that are not zeros at an end.
fn numeric_size(digits: &str) -> i64 {
    let unsigned = digits.strip_prefix('-').unwrap_or(digits);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
    let padded = format!("{}{whole}", "0".repeat(whole.len().next_multiple_of(4) - whole.len()));
    let places = padded.len() / 4;
    let all = format!("{padded}{fraction}{}", "0".repeat(fraction.len().next_multiple_of(4) - fraction.len()));
    let is_zero = |group: &[u8]| group.iter().all(|digit| *digit == b'0');
    let groups: Vec<bool> = all.as_bytes().chunks(4).map(is_zero).collect();
    let Some(first) = groups.iter().position(|zero| !zero) else { return 6 };
    let last = groups.iter().rposition(|zero| !zero).unwrap_or(first);
    let weight = i64::try_from(places).unwrap_or(i64::MAX) - 1 - i64::try_from(first).unwrap_or(i64::MAX);
    let is_short = fraction.len() <= 63 && (-64..=63).contains(&weight);
    let head = if is_short { 6 } else { 8 };
    head + 2 * i64::try_from(last - first + 1).unwrap_or(i64::MAX / 2)
}

/// Where the value of a pair is: after the head, six entries, three keys, the id and the key.
fn value_place(pair: &Pair<'_>) -> i64 {
    let keys = 4 + 6 * 4 + bytes("id") + bytes("key") + bytes("value");
    let id = pair.id.digits().map_or(0, numeric_size);
    aligned(aligned(keys) + id + pair.key.as_text().map_or(0, bytes))
}

impl<'a> Evaluator<'a> {
    pub(super) fn key_values(&mut self, rest: &'a [Step], item: &Item<'a>, sink: &mut Sink<'a>) -> Found {
        if !item.is_object() {
            let message = "jsonpath item method .keyvalue() can only be applied to an object";
            return self.fails(SqlState::SQL_JSON_OBJECT_NOT_FOUND, message);
        }
        let place = self.places.within(item, &self.base.container);
        let id = Item::number((place + self.base.id * IDS).to_string());
        let mut outcome = Outcome::Empty;
        let mut index = 0;
        while let Some((Some(key), value)) = item.child(index) {
            index += 1;
            if rest.is_empty() && sink.is_first() {
                return Ok(Outcome::Found);
            }
            self.works(1)?;
            let pair = Item::Pair(Rc::new(Pair { id: id.clone(), key: Item::text(key), value }));
            let base = Base { container: pair.clone(), id: self.next_id };
            self.next_id += 1;
            outcome = self.within(base, rest, pair, sink)?;
            if sink.has_enough(outcome) {
                break;
            }
        }
        Ok(outcome)
    }
}
