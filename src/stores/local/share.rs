//! A tenant's share of the memory for queries: one tenant's sorts must not make the queries of others fail.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation};
use datafusion::execution::runtime_env::{RuntimeEnv, RuntimeEnvBuilder};
use parking_lot::Mutex;

use crate::base::TenantId;

/// The shares of all tenants that have run a query, over the memory of all together.
#[derive(Debug)]
pub(super) struct Shares {
    whole: Arc<RuntimeEnv>,
    bytes: usize,
    tenants: Mutex<HashMap<TenantId, Arc<RuntimeEnv>>>,
}

impl Shares {
    /// Shares of so many bytes each.
    pub(super) fn new(whole: Arc<RuntimeEnv>, bytes: usize) -> Self {
        Self { whole, bytes, tenants: Mutex::default() }
    }

    /// What the queries of a tenant run with.
    ///
    /// # Errors
    /// When the engine refuses its own parts.
    pub(super) fn of(&self, tenant: &TenantId) -> Result<Arc<RuntimeEnv>> {
        let mut tenants = self.tenants.lock();
        if let Some(own) = tenants.get(tenant) {
            return Ok(Arc::clone(own));
        }
        let pool = Share { whole: Arc::clone(&self.whole.memory_pool), bytes: self.bytes, used: AtomicUsize::new(0) };
        let own = RuntimeEnvBuilder::from_runtime_env(&self.whole).with_memory_pool(Arc::new(pool)).build_arc()?;
        tenants.insert(tenant.clone(), Arc::clone(&own));
        Ok(own)
    }
}

/// A part of a pool that never grows beyond its bytes.
#[derive(Debug)]
struct Share {
    whole: Arc<dyn MemoryPool>,
    bytes: usize,
    used: AtomicUsize,
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({} bytes)", self.name(), self.bytes)
    }
}

impl MemoryPool for Share {
    fn name(&self) -> &'static str {
        "share"
    }

    fn register(&self, consumer: &MemoryConsumer) {
        self.whole.register(consumer);
    }

    fn unregister(&self, consumer: &MemoryConsumer) {
        self.whole.unregister(consumer);
    }

    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        self.used.fetch_add(additional, Ordering::Relaxed);
        self.whole.grow(reservation, additional);
    }

    fn shrink(&self, reservation: &MemoryReservation, shrink: usize) {
        self.used.fetch_sub(shrink, Ordering::Relaxed);
        self.whole.shrink(reservation, shrink);
    }

    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let grown = |used: usize| used.checked_add(additional).filter(|used| *used <= self.bytes);
        if self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, grown).is_err() {
            return Err(DataFusionError::ResourcesExhausted("the tenant's share is used up".to_owned()));
        }
        self.whole.try_grow(reservation, additional).inspect_err(|_| {
            self.used.fetch_sub(additional, Ordering::Relaxed);
        })
    }

    fn reserved(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use datafusion::execution::memory_pool::GreedyMemoryPool;

    use super::*;

    #[test]
    fn one_tenant_leaves_memory_for_others_and_gets_its_own_back() {
        let whole =
            RuntimeEnvBuilder::new().with_memory_pool(Arc::new(GreedyMemoryPool::new(100))).build_arc().unwrap();
        let shares = Shares::new(whole, 60);
        let [acme, globex] = ["acme", "globex"].map(|name| shares.of(&TenantId::new(name).unwrap()).unwrap());
        let reserve = |env: &Arc<RuntimeEnv>| MemoryConsumer::new("sort").register(&env.memory_pool);
        let (first, second, other) = (reserve(&acme), reserve(&acme), reserve(&globex));
        first.try_grow(40).unwrap();
        second.try_grow(20).unwrap();
        assert!(second.try_grow(1).is_err(), "beyond the share");
        assert!(other.try_grow(41).is_err(), "beyond the whole");
        other.try_grow(40).unwrap();
        drop(first);
        second.try_grow(20).unwrap();
        let again = shares.of(&TenantId::new("acme").unwrap()).unwrap();
        assert_eq!(again.memory_pool.reserved(), 40, "one share, whoever asks");
    }
}
