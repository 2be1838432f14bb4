//! Who is connected.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::base::TenantId;
use crate::tenancy::Tenant;

use super::metrics::Metrics;
use super::outbox::Outbox;

/// A connection, unique while the process lives.
pub(super) type ConnectionId = u64;

/// The connections of every tenant.
#[derive(Debug)]
pub(super) struct Members {
    groups: RwLock<HashMap<TenantId, Group>>,
    next: AtomicU64,
    metrics: Metrics,
}

/// The connections of one tenant.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) tenant: Arc<Tenant>,
    outboxes: HashMap<ConnectionId, Arc<Outbox>>,
}

impl Group {
    pub(super) fn outboxes(&self) -> impl Iterator<Item = &Arc<Outbox>> {
        self.outboxes.values()
    }
}

/// A place among the connections; dropping it frees it.
pub(super) struct Membership {
    members: Arc<Members>,
    tenant_id: TenantId,
    pub(super) id: ConnectionId,
}

impl Members {
    pub(super) fn new(metrics: Metrics) -> Self {
        Self { groups: RwLock::default(), next: AtomicU64::new(1), metrics }
    }

    /// Takes a place; `None` when the tenant has as many as it may.
    pub(super) fn join(
        self: &Arc<Self>,
        tenant: &Arc<Tenant>,
        outbox: &Arc<Outbox>,
        limit: usize,
    ) -> Option<Membership> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let mut groups = self.groups.write();
        let group = groups
            .entry(tenant.id.clone())
            .or_insert_with(|| Group { tenant: Arc::clone(tenant), outboxes: HashMap::new() });
        if group.outboxes.len() >= limit {
            return None;
        }
        group.outboxes.insert(id, Arc::clone(outbox));
        drop(groups);
        self.metrics.connected();
        Some(Membership { members: Arc::clone(self), tenant_id: tenant.id.clone(), id })
    }

    /// Looks at every tenant that has connections. Nobody joins or leaves meanwhile, so it must be short.
    pub(super) fn each(&self, mut look: impl FnMut(&Group)) {
        for group in self.groups.read().values() {
            look(group);
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut groups = self.members.groups.write();
        if let Some(group) = groups.get_mut(&self.tenant_id) {
            group.outboxes.remove(&self.id);
            if group.outboxes.is_empty() {
                groups.remove(&self.tenant_id);
            }
        }
        drop(groups);
        self.members.metrics.disconnected();
    }
}
