//! Who is connected, and how to stop what they run.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::base::limits::{self, LimitSet};
use crate::base::{ErrorReport, SessionId, SqlState, TenantId};

/// What a client needs to cancel a statement of a session from another connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionKey {
    /// The session.
    pub id: SessionId,
    /// The secret that only its client knows.
    pub secret: i32,
}

#[derive(Debug)]
struct Entry {
    secret: i32,
    tenant: TenantId,
    running: CancellationToken,
}

/// The open sessions.
#[derive(Debug, Default)]
pub(super) struct SessionRegistry {
    next_id: AtomicI32,
    entries: Mutex<HashMap<SessionId, Entry>>,
    queries: Mutex<HashMap<TenantId, Arc<Semaphore>>>,
}

impl SessionRegistry {
    /// Opens a place for a session.
    pub(super) fn open(self: &Arc<Self>, tenant: &TenantId, limits: &LimitSet) -> Result<SessionPlace, ErrorReport> {
        let mut entries = self.entries.lock();
        let of_tenant = entries.values().filter(|entry| entry.tenant == *tenant).count();
        for (limit, open) in [(limits::SESSIONS, entries.len()), (limits::SESSIONS_PER_TENANT, of_tenant)] {
            if open >= limits.of(limit) {
                return Err(ErrorReport::new(SqlState::TOO_MANY_CONNECTIONS, "sorry, too many clients already")
                    .with_detail(format!("limit {} exceeded", limit.name)));
            }
        }
        let key = SessionKey { id: self.free_id(&entries), secret: rand::random() };
        let entry = Entry { secret: key.secret, tenant: tenant.clone(), running: CancellationToken::new() };
        entries.insert(key.id, entry);
        Ok(SessionPlace { registry: Arc::clone(self), key })
    }

    fn free_id(&self, entries: &HashMap<SessionId, Entry>) -> SessionId {
        loop {
            let id = SessionId(self.next_id.fetch_add(1, Ordering::Relaxed).rem_euclid(i32::MAX) + 1);
            if !entries.contains_key(&id) {
                return id;
            }
        }
    }

    /// Cancels what a session runs, when the secret is right.
    pub(super) fn cancel(&self, key: SessionKey) {
        let entries = self.entries.lock();
        if let Some(entry) = entries.get(&key.id)
            && entry.secret == key.secret
        {
            entry.running.cancel();
        }
    }

    /// How many sessions are open.
    pub(super) fn count(&self) -> usize {
        self.entries.lock().len()
    }

    /// Waits for a place among the statements that run for a tenant.
    pub(super) async fn admit(
        &self,
        tenant: &TenantId,
        limits: &LimitSet,
    ) -> Result<OwnedSemaphorePermit, ErrorReport> {
        let semaphore = {
            let mut queries = self.queries.lock();
            let places = limits.of(limits::QUERIES_PER_TENANT);
            Arc::clone(queries.entry(tenant.clone()).or_insert_with(|| Arc::new(Semaphore::new(places))))
        };
        semaphore.acquire_owned().await.map_err(|_| {
            ErrorReport::new(SqlState::ADMIN_SHUTDOWN, "terminating connection due to administrator command")
        })
    }
}

/// A session's place; dropping it frees the place and cancels what runs there.
#[derive(Debug)]
pub(super) struct SessionPlace {
    registry: Arc<SessionRegistry>,
    key: SessionKey,
}

impl SessionPlace {
    pub(super) fn key(&self) -> SessionKey {
        self.key
    }

    /// A token for the statement that starts now. A cancel that came before it does not reach it.
    pub(super) fn begin_statement(&self) -> CancellationToken {
        let token = CancellationToken::new();
        if let Some(entry) = self.registry.entries.lock().get_mut(&self.key.id) {
            entry.running = token.clone();
        }
        token
    }
}

impl SessionRegistry {
    /// What a session runs from now on, again: a cancel reaches it.
    pub(super) fn runs(&self, id: SessionId, token: CancellationToken) {
        if let Some(entry) = self.entries.lock().get_mut(&id) {
            entry.running = token;
        }
    }

    /// A session waits for its client: a cancel reaches nothing, as in PostgreSQL.
    pub(super) fn waits(&self, id: SessionId) {
        self.runs(id, CancellationToken::new());
    }
}

impl Drop for SessionPlace {
    fn drop(&mut self) {
        if let Some(entry) = self.registry.entries.lock().remove(&self.key.id) {
            entry.running.cancel();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_right_secret_cancels_and_a_dropped_session_frees_its_place() {
        let registry = Arc::new(SessionRegistry::default());
        let mut limits = LimitSet::default();
        limits.set("sessions", 1).unwrap();
        let tenant = TenantId::new("acme").unwrap();
        let place = registry.open(&tenant, &limits).unwrap();
        assert_eq!(registry.open(&tenant, &limits).unwrap_err().sqlstate, SqlState::TOO_MANY_CONNECTIONS);

        let token = place.begin_statement();
        registry.cancel(SessionKey { secret: place.key().secret.wrapping_add(1), ..place.key() });
        assert!(!token.is_cancelled());
        registry.cancel(place.key());
        assert!(token.is_cancelled());
        assert!(!place.begin_statement().is_cancelled());

        drop(place);
        assert_eq!(registry.count(), 0);
    }
}
