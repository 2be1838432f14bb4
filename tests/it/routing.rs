//! The router's pieces, over plans made by hand.

use std::sync::Arc;

use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder, TableSource, col, lit};

use flowforge::base::{SqlType, StoreKind, TableName, TenantId};
use flowforge::catalog::{Column, Snapshot, Table, TenantView};
use flowforge::guard;
use flowforge::tenancy::{Policy, PolicyBook, Tenant};

use flowforge::route::{Capability, ColumnSet, PieceLeaf, RoutedPlan, route};

/// Says everything but sorts.
struct NoSort;

impl Capability for NoSort {
    fn supports(&self, _store: StoreKind, node: &LogicalPlan) -> bool {
        !matches!(node, LogicalPlan::Sort(_))
    }
}

fn scan(name: &str, store: StoreKind) -> LogicalPlanBuilder {
    let column =
        |name: &str, sql_type| Column { name: name.to_owned(), sql_type, nullable: false, store_type: String::new() };
    let table = Table {
        name: TableName::new("s", name),
        store,
        physical: vec!["s".to_owned(), name.to_owned()],
        columns: vec![column("id", SqlType::Int8), column("owner", SqlType::Text), column("x", SqlType::Int8)],
        key: None,
        filters_first: false,
        stale: false,
    };
    let policies = PolicyBook::new([(table.name.clone(), Policy::TenantColumn { column: "owner".to_owned() })]);
    let full = table.name.clone();
    let view = TenantView::new(tenant(), Arc::new(Snapshot::new(1, [table], Arc::new(policies))));
    let source: Arc<dyn TableSource> = view.leaf(&full).unwrap();
    LogicalPlanBuilder::scan(name, source, None).unwrap()
}

fn tenant() -> Arc<Tenant> {
    Arc::new(Tenant { id: TenantId::new("acme").unwrap(), attributes: std::collections::BTreeMap::new() })
}

fn routed(plan: LogicalPlan) -> RoutedPlan {
    route(guard::apply(plan, &tenant()).unwrap(), &NoSort).unwrap()
}

#[test]
fn a_plan_of_one_store_is_one_piece_and_nothing_else() {
    let routed = routed(scan("a", StoreKind::ClickHouse).filter(col("x").gt(lit(1_i64))).unwrap().build().unwrap());
    assert!(routed.local.is_none());
    assert_eq!(routed.pieces.len(), 1);
    assert_eq!(routed.pieces[0].requirements.len(), 1);
    assert_eq!(routed.pieces[0].requirements[0].tenant_id, "acme");
}

#[test]
fn a_product_is_fetched_as_its_two_sides() {
    let product =
        scan("a", StoreKind::ClickHouse).cross_join(scan("b", StoreKind::ClickHouse).build().unwrap()).unwrap();
    let computed = product.clone().project([(col("a.x") + col("b.x")).alias("y"), col("b.id")]).unwrap();
    let named = computed.clone().alias("s").unwrap();
    for plan in [product, computed, named] {
        let key = plan.schema().columns().pop().unwrap();
        let sorted =
            plan.sort([datafusion::logical_expr::Expr::Column(key).sort(true, true)]).unwrap().build().unwrap();
        let shown = sorted.to_string();
        let routed = routed(sorted);
        assert_eq!(routed.pieces.len(), 2, "{shown}");
        assert!(routed.pieces.iter().all(|piece| !piece.plan.to_string().contains("Join")), "{shown}");
    }
}

#[test]
fn what_a_store_cannot_say_runs_over_its_piece() {
    let routed = routed(scan("a", StoreKind::ClickHouse).sort([col("x").sort(true, true)]).unwrap().build().unwrap());
    assert!(matches!(routed.local, Some(LogicalPlan::Sort(_))));
    assert_eq!(routed.pieces.len(), 1);
}

#[test]
fn a_join_of_two_stores_reads_only_the_rows_and_columns_that_count() {
    let right = scan("b", StoreKind::Materialize).build().unwrap();
    let plan = scan("a", StoreKind::ClickHouse)
        .join_on(right, datafusion::logical_expr::JoinType::Inner, [col("a.id").eq(col("b.id"))])
        .unwrap()
        .filter(col("b.x").gt(lit(1_i64)))
        .unwrap()
        .project([col("a.x")])
        .unwrap()
        .build()
        .unwrap();
    let schema = Arc::clone(plan.schema());
    let routed = routed(plan);
    let local = routed.local.unwrap();
    assert_eq!(local.schema(), &schema);
    let texts: Vec<String> = routed.pieces.iter().map(|piece| piece.plan.display_indent().to_string()).collect();
    assert_eq!(texts.len(), 2);
    assert!(texts[0].starts_with("Projection: a.id, a.x\n"), "{}", texts[0]);
    assert!(texts[1].contains("Filter: b.x > Int64(1)\n  "), "{}", texts[1]);
    assert!(!local.display_indent().to_string().contains("Filter: b.x"), "{}", local.display_indent());
}

#[test]
fn without_a_table_nothing_is_asked_of_a_store() {
    let plan = LogicalPlanBuilder::values(vec![vec![lit(1_i64)]]).unwrap().build().unwrap();
    let routed = routed(plan.clone());
    assert!(routed.pieces.is_empty());
    assert_eq!(routed.local, Some(plan));
}

#[test]
fn columns_of_the_same_name_get_names_of_their_own_in_a_piece() {
    let right = scan("b", StoreKind::ClickHouse).build().unwrap();
    let joined = scan("a", StoreKind::ClickHouse)
        .join_on(right, datafusion::logical_expr::JoinType::Inner, [col("a.id").eq(col("b.id"))])
        .unwrap();
    let routed = routed(joined.sort([col("b.x").sort(true, true)]).unwrap().build().unwrap());
    let names: std::collections::BTreeSet<String> =
        routed.pieces[0].plan.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names.len(), 6, "{names:?}");
    let mut leaf = None;
    routed
        .local
        .unwrap()
        .apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                leaf = PieceLeaf::of(&scan.source).map(|leaf| leaf.piece);
            }
            Ok(datafusion::common::tree_node::TreeNodeRecursion::Continue)
        })
        .unwrap();
    assert_eq!(leaf, Some(0));
}

#[test]
fn sets_of_columns() {
    let mut set = ColumnSet::none(3);
    set.insert(1);
    set.insert(7);
    assert!(set.contains(1) && !set.contains(0) && !set.contains(7) && !set.is_all());
    assert_eq!(set.positions().collect::<Vec<_>>(), [1]);
    assert!(ColumnSet::all(3).is_all());
}
