//! What the targets share: a small catalog, and the way from a plan to its statements.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::{DateTime, Utc};
use flowforge::base::limits::LimitSet;
use flowforge::base::{RequestClock, SqlType, StoreKind, TableName, TenantId};
use flowforge::catalog::{Column, Snapshot, Table, TenantView};
use flowforge::tenancy::{Policy, PolicyBook, Tenant};

/// The limits by default.
pub static LIMITS: LazyLock<LimitSet> = LazyLock::new(LimitSet::default);

/// Where bare names are looked up.
pub static SEARCH_PATH: LazyLock<Vec<String>> =
    LazyLock::new(|| ["flowforge", "marts", "latest"].map(str::to_owned).to_vec());

/// Three tables of three stores, for one tenant.
pub static VIEW: LazyLock<TenantView> = LazyLock::new(|| {
    let tables = [
        table("flowforge.trades", StoreKind::ClickHouse),
        table("marts.positions", StoreKind::Materialize),
        table("latest.prices", StoreKind::Redis),
    ];
    let policies = tables.iter().map(|table| {
        let policy = Policy::ListAttribute { column: "symbol".into(), attribute: "symbols".into() };
        (table.name.clone(), policy)
    });
    let policies = Arc::new(PolicyBook::new(policies));
    let attributes = BTreeMap::from([("symbols".to_owned(), vec!["AAPL".to_owned(), "MSFT".to_owned()])]);
    let tenant = Tenant { id: TenantId::new("acme").expect("a good name"), attributes };
    TenantView::new(Arc::new(tenant), Arc::new(Snapshot::new(1, tables, policies)))
});

/// A request that began at the epoch.
pub fn clock() -> RequestClock {
    RequestClock { transaction_start: DateTime::<Utc>::UNIX_EPOCH, statement_start: DateTime::<Utc>::UNIX_EPOCH }
}

fn table(name: &str, store: StoreKind) -> Table {
    let column = |name: &str, sql_type: SqlType| Column {
        name: name.to_owned(),
        store_type: store_type(store, &sql_type),
        sql_type,
        nullable: true,
    };
    let columns = vec![
        column("symbol", SqlType::Text),
        column("price", SqlType::Numeric { precision: 18, scale: 6 }),
        column("quantity", SqlType::Int8),
        column("at", SqlType::Timestamptz),
        column("day", SqlType::Date),
        column("ratio", SqlType::Float8),
        column("is_open", SqlType::Bool),
    ];
    let name = TableName::parse(name).expect("a good name");
    Table {
        physical: vec![name.schema.clone(), name.table.clone()],
        name,
        store,
        columns,
        key: Some("symbol".to_owned()),
        filters_first: store == StoreKind::ClickHouse,
        stale: false,
    }
}

/// What the store calls a type: ClickHouse has names of its own, and a column of another type is cast where it is read.
fn store_type(store: StoreKind, sql_type: &SqlType) -> String {
    let own = match (store, sql_type) {
        (StoreKind::ClickHouse, SqlType::Text) => "Nullable(String)",
        (StoreKind::ClickHouse, SqlType::Numeric { .. }) => "Nullable(Decimal(18, 6))",
        (StoreKind::ClickHouse, SqlType::Int8) => "Nullable(Int64)",
        (StoreKind::ClickHouse, SqlType::Timestamptz) => "Nullable(DateTime64(6, 'UTC'))",
        (StoreKind::ClickHouse, SqlType::Date) => "Nullable(Date32)",
        (StoreKind::ClickHouse, SqlType::Float8) => "Nullable(Float64)",
        (StoreKind::ClickHouse, SqlType::Bool) => "Nullable(Bool)",
        _ => return sql_type.name(),
    };
    own.to_owned()
}
