//! `limit`: some rows, in the order in effect.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::Node;
use super::config;
use crate::workflow::columns::Columns;
use crate::workflow::resolve::{Resolution, Scope};

pub(super) const KEYS: &[&str] = &["limit", "offset"];

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Config {
    #[serde(deserialize_with = "config::whole")]
    limit: Option<i64>,
    #[serde(deserialize_with = "config::whole")]
    offset: Option<i64>,
}

pub(super) fn read(config: &Map<String, Value>, scope: &mut Scope<'_>) -> Option<Box<dyn Node>> {
    Some(Box::new(config::read::<Config>(config, scope)?))
}

impl Node for Config {
    fn resolve(&self, inputs: &[Columns], scope: &mut Scope<'_>) -> Resolution {
        let [input] = inputs else { return Resolution::unknown() };
        let before = scope.errors();
        let fetch = count(self.limit, "limit", scope);
        let skip = count(self.offset, "offset", scope);
        if scope.errors() > before {
            return Resolution::failed(input);
        }
        if fetch.is_none() {
            scope.unfinished("limit", "the limit has no number of rows yet");
        }
        match (fetch, skip) {
            (None, None | Some(0)) => Resolution::pass(input),
            (fetch, skip) => Resolution::step(input, move |relation| relation.limit(skip.unwrap_or(0), fetch)),
        }
    }
}

fn count(rows: Option<i64>, port: &str, scope: &mut Scope<'_>) -> Option<u64> {
    let rows = rows?;
    let count = u64::try_from(rows).ok();
    if count.is_none() {
        scope.bad_config(port, "0 or more", rows.to_string());
    }
    count
}
