//! What is kept, against texts in memory.

use async_trait::async_trait;

use super::*;
use crate::base::limits::{CATALOG_VIEW_BYTES, LimitSet};
use crate::base::{SqlType, TableName};
use crate::catalog::Column;
use crate::tenancy::Policy;

#[derive(Debug, Default)]
struct Texts {
    by_key: parking_lot::Mutex<BTreeMap<String, Vec<u8>>>,
    writes: std::sync::atomic::AtomicUsize,
    /// What is not answered for.
    silent: parking_lot::Mutex<Option<String>>,
}

#[async_trait]
impl KeptTexts for Texts {
    async fn read(&self, key: &str, most_bytes: usize) -> Result<Option<Vec<u8>>, StoreError> {
        if self.silent.lock().as_ref().is_some_and(|silent| key.contains(silent)) {
            return Err(StoreError::Unavailable { store: StoreKind::Redis, detail: String::new() });
        }
        Ok(self.by_key.lock().get(key).filter(|text| text.len() <= most_bytes).cloned())
    }

    async fn write(&self, key: &str, text: &[u8], _: Duration) -> Result<(), StoreError> {
        self.writes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.by_key.lock().insert(key.to_owned(), text.to_vec());
        Ok(())
    }
}

fn trades() -> Table {
    Table {
        name: TableName::new("marts", "trades"),
        store: StoreKind::ClickHouse,
        physical: vec!["marts".to_owned(), "trades".to_owned()],
        columns: vec![Column {
            name: "tenant_id".to_owned(),
            sql_type: SqlType::Text,
            nullable: false,
            store_type: "String".to_owned(),
        }],
        key: None,
        filters_first: true,
        stale: false,
    }
}

fn book() -> PolicyBook {
    PolicyBook::new([(trades().name, Policy::TenantColumn { column: "tenant_id".to_owned() })])
}

fn snapshot(version: u64, tables: Vec<Table>) -> Snapshot {
    Snapshot::new(version, tables, Arc::new(book()))
}

fn tenant(id: &str) -> Arc<Tenant> {
    Arc::new(Tenant { id: TenantId::new(id).unwrap(), attributes: BTreeMap::new() })
}

fn memory(texts: &Arc<Texts>, policies: &PolicyBook, limits: &LimitSet) -> Memory {
    for_so_long(texts, policies, limits, Duration::from_secs(3600))
}

fn for_so_long(texts: &Arc<Texts>, policies: &PolicyBook, limits: &LimitSet, lifetime: Duration) -> Memory {
    let texts = Arc::<Texts>::clone(texts);
    let parts =
        CatalogMemory { texts, prefix: "p:".to_owned(), lifetime, tenants: vec![tenant("acme"), tenant("globex")] };
    Memory::new(parts, policies, limits.of(CATALOG_VIEW_BYTES))
}

fn writes(texts: &Texts) -> usize {
    texts.writes.load(std::sync::atomic::Ordering::Relaxed)
}

#[tokio::test]
async fn every_tenant_recalls_its_own_view() {
    let texts = Arc::new(Texts::default());
    let before = memory(&texts, &book(), &LimitSet::default());
    before.keep(&snapshot(3, vec![trades()]), &[StoreKind::ClickHouse]).await;
    assert_eq!(texts.by_key.lock().len(), 2);
    assert!(texts.by_key.lock().keys().all(|key| key.starts_with("p:acme:") || key.starts_with("p:globex:")));

    let after = memory(&texts, &book(), &LimitSet::default());
    let views = after.recall(StoreKind::ClickHouse).await.0;
    assert_eq!(views.len(), 2);
    assert!(views.values().all(|view| *view == [trades().as_stale()]));
    assert!(after.recall(StoreKind::Materialize).await.0.is_empty());
    let other_policies = PolicyBook::new([(trades().name, Policy::Shared)]);
    assert!(memory(&texts, &other_policies, &LimitSet::default()).recall(StoreKind::ClickHouse).await.0.is_empty());
}

#[tokio::test]
async fn what_is_foreign_or_corrupt_is_passed_over_and_overwritten() {
    let texts = Arc::new(Texts::default());
    let first = memory(&texts, &book(), &LimitSet::default());
    first.keep(&snapshot(1, vec![trades()]), &[StoreKind::ClickHouse]).await;
    let keys: Vec<String> = texts.by_key.lock().keys().cloned().collect();
    let [acme, globex] = keys.as_slice() else { panic!("{keys:?}") };
    // The one's document under the other's key, and no document at all.
    let foreign = texts.by_key.lock()[globex].clone();
    texts.by_key.lock().insert(acme.clone(), foreign);
    texts.by_key.lock().insert(globex.clone(), b"{".to_vec());

    let second = memory(&texts, &book(), &LimitSet::default());
    assert!(second.recall(StoreKind::ClickHouse).await.0.is_empty());
    second.keep(&snapshot(1, vec![trades()]), &[StoreKind::ClickHouse]).await;
    assert_eq!(second.recall(StoreKind::ClickHouse).await.0.len(), 2);
}

#[tokio::test]
async fn only_what_has_changed_is_written() {
    let texts = Arc::new(Texts::default());
    let memory = memory(&texts, &book(), &LimitSet::default());
    memory.keep(&snapshot(1, vec![trades()]), &[StoreKind::ClickHouse]).await;
    memory.keep(&snapshot(2, vec![trades().as_stale()]), &[StoreKind::ClickHouse]).await;
    assert_eq!(writes(&texts), 2, "the same tables are written once");
    memory.keep(&snapshot(1, Vec::new()), &[StoreKind::ClickHouse]).await;
    assert_eq!(writes(&texts), 2, "an older snapshot comes too late");
    memory.keep(&snapshot(3, Vec::new()), &[StoreKind::ClickHouse]).await;
    assert_eq!(writes(&texts), 4);
    assert!(memory.recall(StoreKind::ClickHouse).await.0.values().all(Vec::is_empty));
}

#[tokio::test]
async fn a_view_past_its_limit_is_neither_kept_nor_read() {
    let texts = Arc::new(Texts::default());
    let whole = memory(&texts, &book(), &LimitSet::default());
    whole.keep(&snapshot(1, vec![trades()]), &[StoreKind::ClickHouse]).await;
    let longest = texts.by_key.lock().values().map(Vec::len).max().unwrap();
    let with_limit = |bytes| {
        let mut limits = LimitSet::default();
        limits.set("catalog_view_bytes", bytes).unwrap();
        limits
    };
    assert_eq!(memory(&texts, &book(), &with_limit(longest)).recall(StoreKind::ClickHouse).await.0.len(), 2);
    // The ids have four and six letters, and each stands once in the document.
    assert_eq!(memory(&texts, &book(), &with_limit(longest - 1)).recall(StoreKind::ClickHouse).await.0.len(), 1);
    let empty = Arc::new(Texts::default());
    memory(&empty, &book(), &with_limit(10)).keep(&snapshot(1, vec![trades()]), &[StoreKind::ClickHouse]).await;
    assert_eq!(writes(&empty), 0);
}

#[tokio::test]
async fn what_could_not_be_read_is_still_to_be_read() {
    let texts = Arc::new(Texts::default());
    let memory = memory(&texts, &book(), &LimitSet::default());
    memory.keep(&snapshot(1, vec![trades()]), &[StoreKind::ClickHouse]).await;
    *texts.silent.lock() = Some("globex".to_owned());
    let (views, is_all) = memory.recall(StoreKind::ClickHouse).await;
    assert_eq!((views.len(), is_all), (1, false));
    *texts.silent.lock() = None;
    let (views, is_all) = memory.recall(StoreKind::ClickHouse).await;
    assert_eq!((views.len(), is_all), (2, true));
    let (views, is_all) = memory.recall(StoreKind::Materialize).await;
    assert_eq!((views.len(), is_all), (0, true), "nothing is kept, and that is known");
}

#[tokio::test]
async fn what_would_end_is_written_again() {
    let texts = Arc::new(Texts::default());
    let memory = for_so_long(&texts, &book(), &LimitSet::default(), Duration::from_millis(40));
    let kept = snapshot(1, vec![trades()]);
    memory.keep(&kept, &[StoreKind::ClickHouse]).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    memory.keep(&kept, &[StoreKind::ClickHouse]).await;
    assert_eq!(writes(&texts), 4);
}
