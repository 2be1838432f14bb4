//! How the stores are when `/metrics` is asked: breakers, places, retries, and what is known of their tables.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeGaugeValue};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;
use prometheus_client::registry::Registry;

use crate::base::StoreKind;
use crate::stores::{BreakerState, Condition, StoreLabel};

use super::core::Engine;
use super::registry::Knowledge;

impl Engine {
    /// Shows everything that is counted in a registry, and how the stores are whenever it is asked.
    pub fn register_metrics(&self, registry: &mut Registry) {
        self.metrics().register(registry);
        registry.register_collector(Box::new(StoreStates(self.clone())));
    }
}

#[derive(Debug)]
struct StoreStates(Engine);

impl Collector for StoreStates {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let registry = self.0.registry();
        let known: Vec<(StoreKind, Knowledge)> =
            registry.stores().keys().map(|kind| (*kind, registry.knowledge(*kind))).collect();
        let conditions: Vec<(StoreKind, Condition)> =
            registry.stores().iter().filter_map(|(kind, store)| Some((*kind, store.condition()?))).collect();

        let version = i64::try_from(registry.version()).unwrap_or(i64::MAX);
        let about = "Version of the catalog in force";
        encoder
            .encode_descriptor("flowforge_catalog_version", about, None, MetricType::Gauge)?
            .encode_gauge(&version)?;
        let mut about_tables = |name: &str, help: &str, of: fn(&Knowledge) -> Option<f64>| {
            gauges(&mut encoder, name, help, known.iter().filter_map(|(kind, known)| Some((*kind, of(known)?))))
        };
        about_tables("flowforge_catalog_age_seconds", "Seconds since a store last told its tables", |known| {
            known.age.map(|age| age.as_secs_f64())
        })?;
        about_tables("flowforge_catalog_tables", "Tables known of a store", |known| Some(known.tables as f64))?;
        let stale = "Tables known from an earlier discovery only, because their store was down";
        about_tables("flowforge_catalog_stale_tables", stale, |known| Some(known.stale as f64))?;
        let mut about_stores = |name: &str, help: &str, of: fn(&Condition) -> f64| {
            gauges(&mut encoder, name, help, conditions.iter().map(|(kind, condition)| (*kind, of(condition))))
        };
        let open = "Whether a store is asked: 0 closed, 1 open, 0.5 the next statement tries";
        about_stores("flowforge_store_breaker_open", open, |condition| match condition.breaker {
            BreakerState::Closed => 0.0,
            BreakerState::HalfOpen => 0.5,
            BreakerState::Open => 1.0,
        })?;
        let running = "Statements that run in a store now";
        about_stores("flowforge_store_running", running, |condition| condition.running as f64)?;
        let places = "Statements that may run in a store at once";
        about_stores("flowforge_store_places", places, |condition| condition.places as f64)?;
        retries(&mut encoder, &conditions)
    }
}

/// One value a store.
fn gauges<V: EncodeGaugeValue>(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl Iterator<Item = (StoreKind, V)>,
) -> fmt::Result {
    let mut metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
    for (kind, value) in values {
        metric.encode_family(&StoreLabel { store: kind.name() })?.encode_gauge(&value)?;
    }
    Ok(())
}

fn retries(encoder: &mut DescriptorEncoder<'_>, conditions: &[(StoreKind, Condition)]) -> fmt::Result {
    let help = "How often a store was asked again because it was not reached";
    let mut metric = encoder.encode_descriptor("flowforge_store_retries", help, None, MetricType::Counter)?;
    for (kind, condition) in conditions {
        let none: Option<&Exemplar<StoreLabel, u64>> = None;
        metric.encode_family(&StoreLabel { store: kind.name() })?.encode_counter(&condition.retries, none)?;
    }
    Ok(())
}
