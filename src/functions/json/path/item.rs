//! The values of an evaluation.

use std::rc::Rc;

use super::super::document::{Json, Kind};
use super::moment::Moment;

/// A value: a part of a document, or what a path made.
#[derive(Debug, Clone)]
pub(super) enum Item<'a> {
    /// A part of the document, of the variables, or of the path.
    Of(&'a Json),
    /// A scalar that was computed.
    Made(Rc<Json>),
    /// What `.keyvalue()` gives.
    Pair(Rc<Pair<'a>>),
    /// What `.datetime()` gives.
    Moment(Moment),
}

/// An object of three members, in the order of a `jsonb`: `id`, `key`, `value`.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) id: Item<'a>,
    pub(super) key: Item<'a>,
    pub(super) value: Item<'a>,
}

impl<'a> Item<'a> {
    pub(super) fn made(kind: Kind) -> Self {
        Self::Made(Rc::new(Json::of(kind)))
    }

    pub(super) fn number(digits: impl Into<String>) -> Self {
        Self::made(Kind::Number(digits.into()))
    }

    pub(super) fn text(text: impl Into<String>) -> Self {
        Self::made(Kind::Text(text.into()))
    }

    fn kind(&self) -> Option<&Kind> {
        match self {
            Self::Of(json) => Some(&json.kind),
            Self::Made(json) => Some(&json.kind),
            Self::Pair(_) | Self::Moment(_) => None,
        }
    }

    /// A scalar of JSON.
    pub(super) fn scalar(&self) -> Option<&Json> {
        let json = match self {
            Self::Of(json) => json,
            Self::Made(json) => json.as_ref(),
            Self::Pair(_) | Self::Moment(_) => return None,
        };
        json.is_scalar().then_some(json)
    }

    /// The digits of a number.
    pub(super) fn digits(&self) -> Option<&str> {
        match self.kind() {
            Some(Kind::Number(digits)) => Some(digits),
            _ => None,
        }
    }

    /// A text.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self.kind() {
            Some(Kind::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// How many elements an array has.
    pub(super) fn length(&self) -> Option<usize> {
        match self.kind() {
            Some(Kind::Array(items)) => Some(items.len()),
            _ => None,
        }
    }

    pub(super) fn is_array(&self) -> bool {
        self.length().is_some()
    }

    pub(super) fn is_object(&self) -> bool {
        matches!(self, Self::Pair(_)) || matches!(self.kind(), Some(Kind::Object(_)))
    }

    pub(super) fn is_container(&self) -> bool {
        self.is_array() || self.is_object()
    }

    /// The member of an object.
    pub(super) fn member(&self, key: &str) -> Option<Self> {
        match self {
            Self::Of(json) => json.field(key).map(Self::Of),
            Self::Pair(pair) => match key {
                "id" => Some(pair.id.clone()),
                "key" => Some(pair.key.clone()),
                "value" => Some(pair.value.clone()),
                _ => None,
            },
            Self::Made(_) | Self::Moment(_) => None,
        }
    }

    /// An element of an array, or a member of an object with its key.
    pub(super) fn child(&self, index: usize) -> Option<(Option<&str>, Self)> {
        match self {
            Self::Of(json) => {
                // The borrow must be that of the document, not that of the item.
                let json: &'a Json = json;
                match &json.kind {
                    Kind::Array(items) => items.get(index).map(|item| (None, Self::Of(item))),
                    Kind::Object(fields) => fields.get(index).map(|(key, value)| (Some(key.as_str()), Self::Of(value))),
                    Kind::Null | Kind::Bool(_) | Kind::Number(_) | Kind::Text(_) => None,
                }
            }
            Self::Pair(pair) => match index {
                0 => Some((Some("id"), pair.id.clone())),
                1 => Some((Some("key"), pair.key.clone())),
                2 => Some((Some("value"), pair.value.clone())),
                _ => None,
            },
            Self::Made(_) | Self::Moment(_) => None,
        }
    }

    /// What `.type()` gives.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Of(json) => json.type_name(),
            Self::Made(json) => json.type_name(),
            Self::Pair(_) => "object",
            Self::Moment(moment) => moment.type_name(),
        }
    }

    /// The value as a document of its own.
    pub(super) fn document(&self) -> Json {
        match self {
            Self::Of(json) => (*json).clone(),
            Self::Made(json) => json.as_ref().clone(),
            Self::Pair(pair) => Json::of(Kind::object(vec![
                ("id".to_owned(), pair.id.document()),
                ("key".to_owned(), pair.key.document()),
                ("value".to_owned(), pair.value.document()),
            ])),
            Self::Moment(moment) => Json::of(Kind::Text(moment.to_string())),
        }
    }

    /// How much room it takes itself, besides what it borrows.
    pub(super) fn own_weight(&self) -> usize {
        match self {
            Self::Of(_) | Self::Moment(_) => 1,
            Self::Made(_) => self.weight(),
            Self::Pair(pair) => 2 + pair.key.weight(),
        }
    }

    /// How much room its document takes: values, and one more for every so many bytes.
    pub(super) fn weight(&self) -> usize {
        const BYTES: usize = 64;
        fn of(json: &Json) -> usize {
            match &json.kind {
                Kind::Null | Kind::Bool(_) => 1,
                Kind::Number(text) | Kind::Text(text) => 1 + text.len() / BYTES,
                Kind::Array(items) => items.iter().map(of).sum::<usize>() + 1,
                Kind::Object(fields) => {
                    fields.iter().map(|(key, value)| of(value) + key.len() / BYTES).sum::<usize>() + 1
                }
            }
        }
        match self {
            Self::Of(json) => of(json),
            Self::Made(json) => of(json),
            Self::Pair(pair) => 2 + pair.key.weight() + pair.value.weight(),
            Self::Moment(_) => 1,
        }
    }
}
