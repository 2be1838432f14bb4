//! Who holds the keys of a cluster, as `CLUSTER SLOTS` tells it.

use std::ops::RangeInclusive;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};

/// The slots of every cluster, by Redis's specification.
const SLOTS: RangeInclusive<i64> = 0..=16_383;

/// A server that holds keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Master {
    /// The one that there is.
    Only,
    /// A master of a cluster.
    At {
        /// Its host, as the cluster names it.
        host: String,
        /// Its port.
        port: u16,
    },
}

/// The masters, each once. Every slot must have one: without those that are missing a scan would be a part of the keys.
///
/// # Errors
/// `CLUSTERDOWN` when a slot has no master, or one that the cluster does not name.
pub(super) fn masters_of(slots: &Value) -> RedisResult<Vec<Master>> {
    let mut ranges = served(slots).ok_or_else(|| down("what the cluster says of its slots cannot be read"))?;
    ranges.sort_by_key(|(first, _, _)| *first);
    let mut masters = Vec::new();
    let mut next = *SLOTS.start();
    for (first, last, master) in ranges {
        if first > next {
            return Err(down("a slot of the cluster has no master"));
        }
        next = next.max(last.saturating_add(1));
        if !masters.contains(&master) {
            masters.push(master);
        }
    }
    if next <= *SLOTS.end() {
        return Err(down("a slot of the cluster has no master"));
    }
    Ok(masters)
}

fn down(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Server(ServerErrorKind::ClusterDown), what))
}

/// First slot, last slot and master of each range: `[first, last, [host, port, …], replicas…]`.
fn served(slots: &Value) -> Option<Vec<(i64, i64, Master)>> {
    let Value::Array(ranges) = slots else { return None };
    let range = |range: &Value| {
        let Value::Array(range) = range else { return None };
        let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = range.as_slice() else { return None };
        let [Value::BulkString(host), Value::Int(port), ..] = master.as_slice() else { return None };
        let host = std::str::from_utf8(host).ok().filter(|host| !matches!(*host, "" | "?"))?;
        Some((*first, *last, Master::At { host: host.to_owned(), port: u16::try_from(*port).ok()? }))
    };
    ranges.iter().map(range).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(first: i64, last: i64, host: &str, port: i64) -> Value {
        let node = |host: &str, port| {
            let id = Value::BulkString(b"07c37dfeb235213a872192d90877d0cd55635b91".to_vec());
            Value::Array(vec![Value::BulkString(host.as_bytes().to_vec()), Value::Int(port), id, Value::Array(vec![])])
        };
        Value::Array(vec![Value::Int(first), Value::Int(last), node(host, port), node("replica", 1)])
    }

    #[test]
    fn the_masters_are_those_of_all_slots() {
        let whole = Value::Array(vec![
            range(10_923, 16_383, "c", 3),
            range(0, 5_460, "a", 1),
            range(5_462, 10_922, "::1", 2),
            range(5_461, 5_461, "a", 1),
        ]);
        let at = |host: &str, port| Master::At { host: host.to_owned(), port };
        assert_eq!(masters_of(&whole).unwrap(), [at("a", 1), at("::1", 2), at("c", 3)]);
    }

    #[test]
    fn a_slot_without_a_master_is_an_error_and_not_a_part_of_the_keys() {
        for slots in [
            vec![],
            vec![range(0, 16_382, "a", 1)],
            vec![range(1, 16_383, "a", 1)],
            vec![range(0, 5_460, "a", 1), range(5_462, 16_383, "b", 2)],
            vec![range(0, 16_383, "", 1)],
            vec![range(0, 16_383, "?", 1)],
            vec![Value::Int(0)],
        ] {
            let error = masters_of(&Value::Array(slots.clone())).unwrap_err();
            assert!(error.is_cluster_error(), "{slots:?}: {error}");
        }
    }
}
