//! The system tables against a small snapshot.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, RecordBatch};
use datafusion::arrow::datatypes::UInt32Type;

use crate::base::{SqlType, StoreKind, TableName, TenantId};
use crate::catalog::logical::tests as logical;
use crate::catalog::{Column, Snapshot, Table, TenantView};
use crate::tenancy::{Policy, PolicyBook, Tenant};

use super::*;

fn column(name: &str, sql_type: SqlType) -> Column {
    Column { name: name.into(), sql_type, nullable: name != "symbol", store_type: String::new() }
}

fn table(schema: &str, name: &str) -> Table {
    Table {
        name: TableName::new(schema, name),
        store: StoreKind::ClickHouse,
        physical: vec![schema.into(), name.into()],
        columns: vec![
            column("symbol", SqlType::Text),
            column("price", SqlType::Numeric { precision: 18, scale: 6 }),
            column("event_time", SqlType::Timestamp),
        ],
        key: None,
        filters_first: false,
        stale: false,
    }
}

fn system_for(tenant: &str, tables: Vec<Table>, with_policy: &[(&str, &str)]) -> System {
    let policies = PolicyBook::new(with_policy.iter().map(|(s, t)| (TableName::new(*s, *t), Policy::Shared)));
    let tenant = Tenant { id: TenantId::new(tenant).unwrap(), attributes: std::collections::BTreeMap::new() };
    let view = TenantView::new(Arc::new(tenant), Arc::new(Snapshot::new(1, tables, Arc::new(policies))));
    let context = SystemContext {
        user: "acme".into(),
        database: "flowforge".into(),
        search_path: vec!["flowforge".into(), "marts".into()],
        settings: std::sync::Arc::new(super::NoSettings),
        session_id: 7,
    };
    System::new(view, context)
}

pub(super) fn system() -> System {
    let tables = vec![table("flowforge", "raw_trades"), table("marts", "fct_trades"), table("marts", "secret")];
    system_for("acme", tables, &[("flowforge", "raw_trades"), ("marts", "fct_trades")])
}

fn rows(system: &System, name: &str) -> RecordBatch {
    system.table("pg_catalog", name).unwrap().unwrap().rows().clone()
}

fn texts(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().map(|value| value.unwrap_or_default().to_owned()).collect()
}

#[test]
fn every_system_table_can_be_made() {
    let system = system();
    for (schema, name) in names() {
        let leaf = system.table(schema, name).unwrap().unwrap();
        assert!(leaf.rows().num_columns() > 0, "{schema}.{name}");
    }
    assert!(system.table("pg_catalog", "no_such_table").unwrap().is_none());
    assert!(system.bare_table("pg_class").unwrap().is_some());
    assert!(system.bare_table("columns").unwrap().is_none());
}

#[test]
fn a_table_without_a_policy_is_in_no_row_of_any_table() {
    let system = system();
    for (schema, name) in names() {
        let leaf = system.table(schema, name).unwrap().unwrap();
        for column in leaf.rows().columns() {
            let Some(values) = column.as_string_opt::<i32>() else { continue };
            assert!(values.iter().flatten().all(|value| value != "secret"), "{schema}.{name}");
        }
    }
    assert!(texts(&rows(&system, "pg_class"), "relname").contains(&"fct_trades".to_owned()));
}

#[test]
fn two_tenants_see_the_same_catalog_of_the_same_tables() {
    let tables = || vec![table("marts", "fct_trades"), table("marts", "secret")];
    let acme = system_for("acme", tables(), &[("marts", "fct_trades")]);
    let globex = system_for("globex", tables(), &[("marts", "fct_trades")]);
    for name in ["pg_class", "pg_attribute", "pg_namespace"] {
        assert_eq!(rows(&acme, name), rows(&globex, name), "{name}");
    }
}

#[test]
fn oids_stay_when_other_tables_come_and_go() {
    let few = system_for("acme", vec![table("marts", "fct_trades")], &[("marts", "fct_trades")]);
    let oid = |system: &System| system.relations().by_name("marts", "fct_trades").map(|relation| relation.oid);
    assert_eq!(oid(&few), oid(&system()));
    assert!(oid(&few).is_some_and(|oid| oid >= 16_384 && i32::try_from(oid).is_ok()));
}

#[test]
fn oids_are_unique_over_ten_thousand_tables_of_fifty_columns() {
    let names: Vec<(String, String)> = (0..10_000).map(|n| (format!("s{}", n % 20), format!("t{n}"))).collect();
    let tables = names.iter().map(|(schema, name)| {
        let mut table = table(schema, name);
        table.columns = (0..50).map(|n| column(&format!("c{n}"), SqlType::Int8)).collect();
        table
    });
    let pairs: Vec<(&str, &str)> = names.iter().map(|(schema, name)| (schema.as_str(), name.as_str())).collect();
    let system = system_for("acme", tables.collect(), &pairs);
    let classes = rows(&system, "pg_class");
    let mut oids: Vec<u32> = classes.column_by_name("oid").unwrap().as_primitive::<UInt32Type>().values().to_vec();
    let count = oids.len();
    oids.sort_unstable();
    oids.dedup();
    assert_eq!(oids.len(), count);
    assert!(rows(&system, "pg_attribute").num_rows() >= 500_000);
    assert!(system.table("information_schema", "columns").unwrap().unwrap().rows().num_rows() >= 500_000);
}

#[test]
fn attributes_tell_type_modifier_and_nullability() {
    let system = system();
    let oid = system.relations().by_name("marts", "fct_trades").unwrap().oid;
    let attributes = rows(&system, "pg_attribute");
    let relids = attributes.column_by_name("attrelid").unwrap().as_primitive::<UInt32Type>();
    let own: Vec<usize> = (0..relids.len()).filter(|row| relids.value(*row) == oid).collect();
    let names = texts(&attributes, "attname");
    assert_eq!(own.iter().map(|row| names[*row].as_str()).collect::<Vec<_>>(), ["symbol", "price", "event_time"]);
    let types = attributes.column_by_name("atttypid").unwrap().as_primitive::<UInt32Type>();
    assert_eq!(own.iter().map(|row| types.value(*row)).collect::<Vec<_>>(), [25, 1700, 1114]);
    let not_null = attributes.column_by_name("attnotnull").unwrap().as_boolean();
    assert_eq!(own.iter().map(|row| not_null.value(*row)).collect::<Vec<_>>(), [true, false, false]);
}

#[test]
fn a_bare_name_is_looked_up_in_pg_catalog_first() {
    let system = system();
    let find = |name: &str| system.relations().resolve(name, &system.context().search_path).map(|found| found.schema);
    assert_eq!(find("pg_class"), Some("pg_catalog"));
    assert_eq!(find("fct_trades"), Some("marts"));
    assert_eq!(find("secret"), None);
    assert_eq!(find("columns"), None);
}

#[test]
fn logical_tables_are_views_with_the_columns_that_are_seen() {
    let cases: [(&[&str], Option<&[&str]>); 3] = [
        (&["live.positions", "latest.position"], Some(&["symbol", "quantity", "note"])),
        (&["latest.position"], Some(&["symbol", "quantity"])),
        (&[], None),
    ];
    for (visible, expected) in cases {
        let snapshot = logical::snapshot(visible, vec![logical::positions()]);
        let tenant = Tenant { id: TenantId::new("acme").unwrap(), attributes: std::collections::BTreeMap::new() };
        let view = TenantView::new(Arc::new(tenant), Arc::new(snapshot));
        let context = SystemContext {
            user: "acme".into(),
            database: "flowforge".into(),
            search_path: vec!["app".into()],
            settings: std::sync::Arc::new(super::NoSettings),
            session_id: 7,
        };
        let system = System::new(view, context);
        let relation = system.relations().by_name("app", "positions");
        let columns = relation.map(|relation| relation.columns().map(|column| column.name).collect::<Vec<_>>());
        assert_eq!(columns.as_deref(), expected, "{visible:?}");
        let is_view = |batch: &RecordBatch, name: &str| texts(batch, name).contains(&"positions".to_owned());
        assert_eq!(is_view(&rows(&system, "pg_views"), "viewname"), expected.is_some(), "{visible:?}");
        let tables = rows(&system, "pg_tables");
        let schemas = texts(&tables, "schemaname");
        assert!(!schemas.contains(&"app".to_owned()), "{visible:?}: {schemas:?}");
        let listed = system.table("information_schema", "tables").unwrap().unwrap().rows().clone();
        let kinds = texts(&listed, "table_name").into_iter().zip(texts(&listed, "table_type"));
        let kinds: Vec<String> = kinds.filter(|(name, _)| name == "positions").map(|(_, kind)| kind).collect();
        let (own, physical) = (expected.is_some(), visible.contains(&"live.positions"));
        let wanted = [(own, "VIEW"), (physical, "BASE TABLE")].into_iter().filter(|(there, _)| *there);
        assert_eq!(kinds, wanted.map(|(_, kind)| kind).collect::<Vec<_>>(), "{visible:?}");
    }
}
