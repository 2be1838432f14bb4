//! Seed data and a feed for the embedded stores.
//!
//! Comes in: a seed and rates. Goes out: the three stores with a history, a feed that continues it, and the tenants,
//! users and policies that go with them.
//! Does not: plan, guard or listen.
//! Invariant: what is not a trade or a quote is computed from trades and quotes.

mod alerts;
mod analytics;
mod export;
mod feed;
mod fixed;
mod history;
mod instruments;
mod market;
mod position;
mod publish;
mod rows;
mod tables;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use chrono::Utc;

use crate::base::limits::LimitSet;
use crate::base::{InternalError, StoreKind, TenantId, UserName};
use crate::stores::Store;
use crate::stores::embedded::{EmbeddedStore, EmbeddedTable};
use crate::stores::hub::Hub;
use crate::stores::local::LocalExecutor;
use crate::tenancy::{PolicyBook, Tenant};

pub use alerts::Thresholds;
pub use export::ExportError;
pub use feed::{Feed, Rates};
pub use history::{DAYS, FIXED_END, QUOTES, SeedOptions, TRADES};
pub use instruments::{INSTRUMENTS, Instrument, symbols_of};
pub use tables::DemoTables;

/// What the demo is started with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DemoOptions {
    /// The seed of the history.
    pub seed: u64,
    /// How fast the feed goes on. With both 0 there is no feed, and the history ends at [`FIXED_END`] instead of now,
    /// so that results repeat from one start to the next.
    pub rates: Rates,
}

/// The embedded stores with their rows.
#[derive(Debug)]
pub struct DemoStores {
    /// The three stores.
    pub stores: Vec<Arc<dyn Store>>,
    /// The tables behind them.
    pub tables: Arc<DemoTables>,
    /// What continues the history; `None` when both rates are 0. Spawn [`Feed::run`].
    pub feed: Option<Feed>,
}

/// Seeds the stores. Takes well under a second.
///
/// # Errors
/// [`InternalError`] when a value does not fit its column: a defect.
pub fn start(
    options: DemoOptions,
    hub: &Hub,
    limits: &LimitSet,
    executor: &Arc<LocalExecutor>,
) -> Result<DemoStores, InternalError> {
    let has_feed = !options.rates.are_zero();
    let end = if has_feed { Utc::now() } else { FIXED_END };
    let tables = Arc::new(DemoTables::empty(limits)?);
    let seeded = history::seed(&tables, SeedOptions { seed: options.seed, end }).map_err(InternalError::new)?;
    let feed = has_feed.then(|| Feed::new(seeded, Arc::clone(&tables), hub.clone(), options.rates, end));
    Ok(DemoStores { stores: stores(&tables, executor), tables, feed })
}

/// Writes the history as files that the stores' own tools load. It ends at [`FIXED_END`].
///
/// # Errors
/// [`ExportError`]
pub fn write_data(seed: u64, folder: &Path) -> Result<(), ExportError> {
    let tables = DemoTables::empty(&LimitSet::default())?;
    history::seed(&tables, SeedOptions { seed, end: FIXED_END }).map_err(InternalError::new)?;
    export::export(&tables, folder)
}

fn stores(tables: &DemoTables, executor: &Arc<LocalExecutor>) -> Vec<Arc<dyn Store>> {
    let store = |kind| -> Arc<dyn Store> {
        let all = tables.all().into_iter();
        let own: Vec<Arc<EmbeddedTable>> =
            all.filter(|table| table.definition().store == kind).map(Arc::clone).collect();
        Arc::new(EmbeddedStore::new(kind, own, Arc::clone(executor)))
    };
    StoreKind::ALL.into_iter().map(store).collect()
}

/// The tenants of the demo with their symbols.
///
/// # Errors
/// [`InternalError`] when an id breaks the grammar: a defect.
pub fn tenants() -> Result<Vec<Tenant>, InternalError> {
    let tenant = |id: &str| {
        let symbols = symbols_of(id).map(str::to_owned).collect();
        let id = TenantId::new(id).map_err(InternalError::new)?;
        Ok(Tenant { id, attributes: BTreeMap::from([(tables::SYMBOLS.to_owned(), symbols)]) })
    };
    [instruments::ACME, instruments::GLOBEX].into_iter().map(tenant).collect()
}

/// The policy of every table of the demo.
#[must_use]
pub fn policies() -> PolicyBook {
    PolicyBook::new(tables::policies())
}

/// The users of the demo with their tenants. The password of each is its name; there are no such users elsewhere.
///
/// # Errors
/// [`InternalError`] when a name breaks the grammar: a defect.
pub fn users() -> Result<Vec<(UserName, TenantId)>, InternalError> {
    [("acme", instruments::ACME), ("acme_viewer", instruments::ACME), ("globex", instruments::GLOBEX)]
        .into_iter()
        .map(|(user, tenant)| {
            let user = UserName::new(user).map_err(InternalError::new)?;
            Ok((user, TenantId::new(tenant).map_err(InternalError::new)?))
        })
        .collect()
}

#[cfg(test)]
mod query_tests;
#[cfg(test)]
mod tests;
