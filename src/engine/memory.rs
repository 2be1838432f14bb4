//! Each tenant's view of the stores' tables, kept outside this process: a server that starts while a store is down shows the
//! tables that it had.
//!
//! A view is kept under a key with the tenant and the digest of the policies in it, and the document says both again: what
//! one tenant left behind is never another's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;

use crate::base::{StoreKind, TenantId};
use crate::catalog::kept::{self, KeptTables, Owner};
use crate::catalog::{Snapshot, Table};
use crate::stores::{KeptTexts, StoreError};
use crate::tenancy::{PolicyBook, Tenant};

/// How long the start of a server waits for what was kept.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where views are kept, and whose.
#[derive(Debug)]
pub struct CatalogMemory {
    /// Where the texts go.
    pub texts: Arc<dyn KeptTexts>,
    /// What the keys begin with.
    pub prefix: String,
    /// How long a view is kept after it was last written.
    pub lifetime: Duration,
    /// All tenants.
    pub tenants: Vec<Arc<Tenant>>,
}

/// The views of all tenants.
#[derive(Debug)]
pub(super) struct Memory {
    parts: CatalogMemory,
    /// Every tenant with the digest of its policies.
    owners: Vec<(TenantId, String)>,
    most_bytes: usize,
    written: Mutex<Written>,
}

/// What this process wrote last.
#[derive(Debug, Default)]
struct Written {
    catalog_version: u64,
    /// The digest of each store's tables, and when all tenants' views of them were written.
    stores: BTreeMap<StoreKind, (Vec<u8>, Instant)>,
}

impl Memory {
    pub(super) fn new(parts: CatalogMemory, policies: &PolicyBook, most_bytes: usize) -> Self {
        let owners = parts.tenants.iter().map(|tenant| (tenant.id.clone(), policies.fingerprint(tenant))).collect();
        Self { parts, owners, most_bytes, written: Mutex::default() }
    }

    fn key(&self, owner: Owner<'_>) -> String {
        let Owner { tenant, policies, store } = owner;
        format!("{}{tenant}:{policies}:{store}", self.parts.prefix)
    }

    fn owners(&self, store: StoreKind) -> impl Iterator<Item = Owner<'_>> {
        self.owners.iter().map(move |(tenant, policies)| Owner { tenant, policies, store })
    }

    /// What each tenant last saw of a store, as far as it can be read in time, and whether that is all there is.
    pub(super) async fn recall(&self, store: StoreKind) -> (BTreeMap<TenantId, Vec<Table>>, bool) {
        let mut views = BTreeMap::new();
        let reading = async {
            for owner in self.owners(store) {
                match self.parts.texts.read(&self.key(owner), self.most_bytes).await {
                    Ok(None) => {}
                    Ok(Some(document)) => {
                        if let Some(view) = self.view(&document, owner) {
                            views.insert(owner.tenant.clone(), view);
                        }
                    }
                    Err(error) => {
                        tracing::warn!(%store, %error, "what was kept of the catalog cannot be read");
                        return false;
                    }
                }
            }
            true
        };
        let is_all = tokio::time::timeout(PATIENCE, reading).await.unwrap_or_else(|_| {
            tracing::warn!(%store, "what was kept of the catalog was not read in time");
            false
        });
        (views, is_all)
    }

    fn view(&self, document: &[u8], owner: Owner<'_>) -> Option<Vec<Table>> {
        match kept::read(document, owner) {
            Ok(tables) => {
                let (tenant, store) = (owner.tenant, owner.store);
                tracing::info!(%tenant, %store, tables = tables.len(), "the tables of an earlier run are shown, as stale");
                Some(tables)
            }
            Err(error) => {
                tracing::warn!(key = self.key(owner), %error, "what was kept of the catalog is passed over");
                None
            }
        }
    }

    /// Writes the views of these stores' tables, where they have changed or were written long ago. Several at once wait for
    /// one another, and an older snapshot does not come after a newer one.
    pub(super) async fn keep(&self, snapshot: &Snapshot, stores: &[StoreKind]) {
        let mut written = self.written.lock().await;
        if snapshot.version() < written.catalog_version {
            return;
        }
        written.catalog_version = snapshot.version();
        for store in stores {
            if let Err(error) = self.keep_store(snapshot, *store, &mut written).await {
                tracing::warn!(%store, %error, "the catalog could not be kept");
            }
        }
    }

    async fn keep_store(&self, snapshot: &Snapshot, store: StoreKind, written: &mut Written) -> Result<(), StoreError> {
        let tables = KeptTables::of(snapshot, store);
        let Ok(digest) = serde_json::to_vec(&tables).map(|text| Sha256::digest(text).to_vec()) else { return Ok(()) };
        let is_fresh = |(before, at): &(Vec<u8>, Instant)| *before == digest && at.elapsed() < self.parts.lifetime / 4;
        if written.stores.get(&store).is_some_and(is_fresh) {
            return Ok(());
        }
        for owner in self.owners(store) {
            let Ok(document) = tables.document(owner, snapshot.version()) else { continue };
            if document.len() > self.most_bytes {
                let (bytes, most) = (document.len(), self.most_bytes);
                tracing::warn!(%store, bytes, most, "the catalog is too large to be kept; see catalog_view_bytes");
                break;
            }
            self.parts.texts.write(&self.key(owner), &document, self.parts.lifetime).await?;
        }
        written.stores.insert(store, (digest, Instant::now()));
        Ok(())
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
