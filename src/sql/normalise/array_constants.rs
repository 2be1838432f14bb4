//! Constants of arrays with several dimensions, as the constructors that they stand for.

use sqlparser::ast::{Array, ArrayElemTypeDef, DataType, Expr, Value, ValueWithSpan};

use super::forms::{cast, text};

/// `'{{1,2},{3,4}}'::int[]` as `ARRAY[[1,2],[3,4]]`; `None` for what is of one dimension, or not regular.
pub(super) fn constructor(operand: &Expr, data_type: &DataType) -> Option<Expr> {
    let DataType::Array(element) = data_type else { return None };
    let element = match element {
        ArrayElemTypeDef::SquareBracket(inner, _) | ArrayElemTypeDef::AngleBracket(inner) => inner.as_ref(),
        ArrayElemTypeDef::Parenthesis(inner) => inner.as_ref(),
        ArrayElemTypeDef::None => return None,
    };
    let element = match element {
        DataType::Array(ArrayElemTypeDef::SquareBracket(inner, _)) => inner.as_ref(),
        other => other,
    };
    let Expr::Value(ValueWithSpan { value: Value::SingleQuotedString(constant), .. }) = operand else { return None };
    let mut reader = Reader { rest: constant.trim() };
    let Item::List(items) = reader.item()? else { return None };
    let is_nested = items.iter().any(|item| matches!(item, Item::List(_)));
    if !is_nested || !reader.rest.trim().is_empty() {
        return None;
    }
    let list = Item::List(items);
    list.shape()?;
    Some(list.written(element))
}

enum Item {
    List(Vec<Item>),
    Text(String),
    Null,
}

impl Item {
    /// The lengths of its dimensions; `None` where they differ.
    fn shape(&self) -> Option<Vec<usize>> {
        let Self::List(items) = self else { return Some(Vec::new()) };
        let inner = items.first()?.shape()?;
        items.iter().all(|item| item.shape().as_ref() == Some(&inner)).then(|| {
            let mut shape = vec![items.len()];
            shape.extend(inner);
            shape
        })
    }

    fn written(&self, element: &DataType) -> Expr {
        match self {
            Self::List(items) => {
                let elem = items.iter().map(|item| item.written(element)).collect();
                Expr::Array(Array { elem, named: true })
            }
            Self::Text(value) => cast(text(value.as_str()), element.clone()),
            Self::Null => cast(Expr::Value(Value::Null.into()), element.clone()),
        }
    }
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, wanted: char) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(wanted) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn item(&mut self) -> Option<Item> {
        if !self.take('{') {
            return self.element();
        }
        let mut items = vec![self.item()?];
        while self.take(',') {
            items.push(self.item()?);
        }
        self.take('}').then_some(Item::List(items))
    }

    fn element(&mut self) -> Option<Item> {
        let is_quoted = self.take('"');
        let mut found = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '\\' => found.push(characters.next()?.1),
                '"' if is_quoted => {
                    self.rest = &self.rest[at + 1..];
                    return Some(Item::Text(found));
                }
                ',' | '}' if !is_quoted => {
                    self.rest = &self.rest[at..];
                    let value = found.trim().to_owned();
                    return match value.as_str() {
                        "" => None,
                        word if word.eq_ignore_ascii_case("null") => Some(Item::Null),
                        _ => Some(Item::Text(value)),
                    };
                }
                '"' | '{' if !is_quoted => return None,
                other => found.push(other),
            }
        }
        None
    }
}
