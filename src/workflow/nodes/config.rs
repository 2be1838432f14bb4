//! Reading configurations: what the files of the node types share.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::workflow::json::plain;
use crate::workflow::resolve::Scope;
use crate::workflow::values::shown;

/// Reads a configuration whose keys are all optional. Every key that cannot be read is reported by name.
pub(super) fn read<C: DeserializeOwned>(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<C> {
    // serde stops at the first wrong key and does not name it: the keys are tried one by one when all at once fail.
    match C::deserialize(config) {
        Ok(read) => Some(read),
        Err(all) => {
            let before = scope.errors();
            for (key, value) in config {
                let single = Map::from_iter([(key.clone(), value.clone())]);
                if let Err(error) = C::deserialize(&single) {
                    scope.bad_config(key, &expectation(&error), shown(value));
                }
            }
            if scope.errors() == before {
                scope.bad_config("config", "a readable configuration", plain(&all));
            }
            None
        }
    }
}

fn expectation(error: &serde_json::Error) -> String {
    let text = plain(error);
    match text.rsplit_once("expected ") {
        Some((_, expected)) => expected.to_owned(),
        None => text,
    }
}

/// Reads a name; what a canvas writes before a name was chosen (`""`) is no name.
pub(super) fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    Ok(text.filter(|text| !text.is_empty()))
}

/// Reads a list of names; `null` and `""` are no list and no name.
pub(super) fn names<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let names = Option::<Vec<String>>::deserialize(deserializer)?.unwrap_or_default();
    Ok(names.into_iter().filter(|name| !name.is_empty()).collect())
}

/// Reads a list; `null` is an empty one.
pub(super) fn list<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(deserializer)?.unwrap_or_default())
}

/// Reads a whole number, also written as text or as `5.0`; `null` and `""` are none.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let refused = || serde::de::Error::custom("invalid value, expected a whole number");
    match Option::<Value>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
        Some(Value::String(text)) => text.trim().parse().map(Some).map_err(|_| refused()),
        Some(value) => integer(&value).map(Some).ok_or_else(refused),
    }
}

/// A JSON number without a fraction. JSON does not tell `5` from `5.0`.
pub(in crate::workflow) fn integer(value: &Value) -> Option<i64> {
    if let Some(integer) = value.as_i64() {
        return Some(integer);
    }
    let float = value.as_f64()?;
    // Beyond 2^53 a float does not name one integer.
    let exact = float.fract() == 0.0 && float.abs() <= 9_007_199_254_740_992.0;
    #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
    exact.then_some(float as i64)
}
