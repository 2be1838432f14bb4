//! Choices of placements, over plans made by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::common::{Column as PlanColumn, TableReference};
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, TableSource, cast, col, exists, lit};

use crate::base::{Freshness, SqlType, StoreKind, TableName, TenantId, UserFacing};
use crate::catalog::{Column, LogicalLeaf, LogicalTable, Placement, Relation, Snapshot, Table, TenantView};
use crate::guard;
use crate::route::{Capability, route};
use crate::tenancy::{Policy, PolicyBook, Tenant};

use super::{PlacedPlan, place_logical_tables};

fn column(name: &str, sql_type: SqlType) -> Column {
    Column { name: name.to_owned(), sql_type, nullable: true, store_type: String::new() }
}

fn table(name: &str, store: StoreKind, columns: &[(&str, SqlType)]) -> Table {
    let name = TableName::parse(name).unwrap();
    Table {
        physical: vec![name.schema.clone(), name.table.clone()],
        name,
        store,
        columns: columns.iter().map(|(name, sql_type)| column(name, sql_type.clone())).collect(),
        key: None,
        filters_first: false,
        stale: false,
    }
}

/// A column of a table, in another type where one is given.
fn of(table: &str, name: &str) -> Expr {
    let table = TableName::parse(table).unwrap();
    let reference = TableReference::partial(table.schema.as_str(), table.table.as_str());
    Expr::Column(PlanColumn::new(Some(reference), name))
}

/// `app.positions(symbol, quantity, opened)`: history without the opening, live with all, by key without the opening.
fn positions() -> LogicalTable {
    let place = |freshness, table: &str, key, expressions| Placement {
        freshness,
        table: TableName::parse(table).unwrap(),
        key,
        expressions,
    };
    let float = SqlType::Float8.arrow();
    let history = vec![Some(of("marts.history", "symbol")), Some(of("marts.history", "quantity")), None];
    let live = vec![
        Some(of("live.positions", "symbol")),
        Some(cast(of("live.positions", "net"), float)),
        Some(of("live.positions", "opened")),
    ];
    let latest = vec![Some(of("latest.position", "symbol")), Some(of("latest.position", "quantity")), None];
    LogicalTable {
        name: TableName::new("app", "positions"),
        columns: vec![
            column("symbol", SqlType::Text),
            column("quantity", SqlType::Float8),
            column("opened", SqlType::Date),
        ],
        placements: vec![
            place(Freshness::Point, "latest.position", Some(0), latest),
            place(Freshness::Realtime, "live.positions", None, live),
            place(Freshness::Analytical, "marts.history", None, history),
        ],
    }
}

fn tenant() -> Arc<Tenant> {
    Arc::new(Tenant { id: TenantId::new("acme").unwrap(), attributes: BTreeMap::new() })
}

/// The leaf over those physical tables that have a policy.
fn leaf_over(visible: &[&str]) -> Arc<LogicalLeaf> {
    let (text, float) = (SqlType::Text, SqlType::Float8);
    let owner = ("owner", text.clone());
    let tables = [
        table(
            "marts.history",
            StoreKind::ClickHouse,
            &[owner.clone(), ("symbol", text.clone()), ("quantity", float.clone())],
        ),
        table(
            "live.positions",
            StoreKind::Materialize,
            &[owner.clone(), ("symbol", text.clone()), ("net", SqlType::Int8), ("opened", SqlType::Date)],
        ),
        table("latest.position", StoreKind::Redis, &[owner, ("symbol", text), ("quantity", float)]),
    ];
    let policy = |name: &&str| (TableName::parse(name).unwrap(), Policy::TenantColumn { column: "owner".to_owned() });
    let policies = PolicyBook::new(visible.iter().map(policy));
    let snapshot = Snapshot::new(1, tables, Arc::new(policies)).with_logical([positions()]);
    let view = TenantView::new(tenant(), Arc::new(snapshot));
    match view.find(&TableName::new("app", "positions")).unwrap() {
        Relation::Logical(leaf) => leaf,
        Relation::Table(leaf) => panic!("{:?} is physical", leaf.table().name),
    }
}

const ALL: [&str; 3] = ["marts.history", "live.positions", "latest.position"];

fn scan(alias: &str) -> LogicalPlanBuilder {
    let source: Arc<dyn TableSource> = leaf_over(&ALL);
    LogicalPlanBuilder::scan("positions", source, None).unwrap().alias(alias).unwrap()
}

fn placed(plan: LogicalPlanBuilder, wanted: Option<Freshness>) -> PlacedPlan {
    let plan = plan.build().unwrap();
    let schema = Arc::clone(plan.schema());
    let placed = place_logical_tables(plan, wanted).unwrap();
    assert_eq!(placed.plan.schema(), &schema, "{}", placed.plan.display_indent());
    let leaves = placed.plan.display_indent().to_string();
    assert!(!leaves.contains("TableScan: positions"), "{leaves}");
    placed
}

/// The physical tables that are read, in the order of the plan.
fn taken(plan: LogicalPlanBuilder) -> Vec<String> {
    placed(plan, None).choices.iter().map(|choice| choice.placement.to_string()).collect()
}

fn symbol_is(alias: &str, value: Expr) -> Expr {
    col(format!("{alias}.symbol")).eq(value)
}

#[test]
fn conditions_on_the_key_are_points_and_all_else_is_history() {
    let parameter = Expr::Placeholder(Placeholder::new_with_field("$1".to_owned(), None));
    let points = [
        symbol_is("p", lit("A")),
        lit("A").eq(col("p.symbol")),
        symbol_is("p", parameter),
        col("p.symbol").in_list(vec![lit("A"), lit("B")], false),
        symbol_is("p", lit("A")).or(symbol_is("p", lit("B"))),
        symbol_is("p", lit("A")).and(col("p.quantity").gt(lit(1.0))),
    ];
    for condition in points {
        let plan = scan("p").filter(condition.clone()).unwrap().project([col("p.quantity")]).unwrap();
        assert_eq!(taken(plan), ["latest.position"], "{condition}");
    }
    let others = [
        col("p.symbol").gt(lit("A")),
        col("p.symbol").in_list(vec![lit("A")], true),
        col("p.symbol").in_list(vec![lit("A"), col("p.symbol")], false),
        symbol_is("p", col("p.symbol")),
        symbol_is("p", lit("A")).or(col("p.quantity").eq(lit(1.0))),
        col("p.quantity").eq(lit(1.0)),
    ];
    for condition in others {
        let plan = scan("p").filter(condition.clone()).unwrap().project([col("p.quantity")]).unwrap();
        assert_eq!(taken(plan), ["marts.history"], "{condition}");
    }
}

#[test]
fn a_condition_is_followed_down_to_the_table() {
    let renamed = scan("p").project([col("p.symbol").alias("s"), col("p.quantity")]).unwrap().alias("q").unwrap();
    let below = renamed.filter(col("q.s").eq(lit("A"))).unwrap();
    assert_eq!(taken(below), ["latest.position"]);
    let grouped = scan("p").aggregate([col("p.symbol")], [max(col("p.quantity"))]).unwrap();
    assert_eq!(taken(grouped.clone()), ["marts.history"]);
    assert_eq!(taken(grouped.filter(symbol_is("p", lit("A"))).unwrap()), ["latest.position"]);
    let limited = scan("p").project([col("p.symbol")]).unwrap().limit(0, Some(3)).unwrap();
    assert_eq!(taken(limited.filter(symbol_is("p", lit("A"))).unwrap()), ["marts.history"], "after a limit");
}

#[test]
fn each_side_of_a_join_is_chosen_on_its_own() {
    let both = |kind| {
        let on = [col("a.symbol").eq(col("b.symbol"))];
        scan("a").join_on(scan("b").build().unwrap(), kind, on).unwrap()
    };
    let selected = |plan: LogicalPlanBuilder| plan.project([col("a.quantity"), col("b.quantity")]).unwrap();
    assert_eq!(taken(selected(both(JoinType::Inner))), ["marts.history", "marts.history"]);
    let right = both(JoinType::Left).filter(symbol_is("b", lit("A"))).unwrap();
    assert_eq!(taken(selected(right)), ["marts.history", "latest.position"]);
    let on = [col("a.symbol").eq(col("b.symbol")), symbol_is("a", lit("A")), symbol_is("b", lit("A"))];
    let in_condition = scan("a").join_on(scan("b").build().unwrap(), JoinType::Left, on).unwrap();
    assert_eq!(taken(selected(in_condition)), ["marts.history", "latest.position"], "the left side is kept whole");
}

#[test]
fn a_placement_serves_only_what_it_has() {
    assert_eq!(taken(scan("p")), ["live.positions"], "the only one with all columns");
    let keyed = scan("p").filter(symbol_is("p", lit("A"))).unwrap();
    let choice = placed(keyed, None).choices.remove(0);
    assert_eq!(choice.placement.to_string(), "live.positions");
    let lacking = "the placement with the key that the query asks for lacks columns of it";
    assert!(choice.reason.starts_with(lacking), "{}", choice.reason);
    let counted = scan("p").aggregate(Vec::<Expr>::new(), [max(lit(1))]).unwrap();
    assert_eq!(taken(counted), ["marts.history"], "no column at all");
}

#[test]
fn what_is_said_counts_and_what_cannot_be_is_told() {
    let quantity = || scan("p").project([col("p.quantity")]).unwrap();
    for (wanted, table) in [
        (Freshness::Realtime, "live.positions"),
        (Freshness::Point, "latest.position"),
        (Freshness::Analytical, "marts.history"),
    ] {
        let choice = placed(quantity(), Some(wanted)).choices.remove(0);
        assert_eq!((choice.placement.to_string().as_str(), choice.freshness), (table, wanted));
        assert_eq!(choice.reason, format!("flowforge.freshness asks for {wanted}"));
        assert_eq!(choice.table, TableName::new("app", "positions"));
    }
    let choice = placed(scan("p"), Some(Freshness::Point)).choices.remove(0);
    assert_eq!(choice.placement.to_string(), "live.positions");
    assert!(
        choice.reason.starts_with("flowforge.freshness asks for point, for which no placement has all columns"),
        "{}",
        choice.reason
    );
    let source: Arc<dyn TableSource> = Arc::new(leaf_over(&ALL).with_freshness(Some(Freshness::Realtime)));
    let said = LogicalPlanBuilder::scan("positions", source, None).unwrap().project([col("quantity")]).unwrap();
    let choice = placed(said, Some(Freshness::Point)).choices.remove(0);
    assert_eq!(choice.reason, "the data source asks for realtime", "the source counts more than the session");
}

#[test]
fn columns_that_no_placement_has_together_are_refused() {
    let source: Arc<dyn TableSource> = leaf_over(&["marts.history", "latest.position"]);
    // The opening is seen by nobody then, and is no column.
    assert_eq!(source.schema().fields().len(), 2);
    let mut table = positions();
    table.placements.retain(|placement| placement.freshness != Freshness::Point);
    table.placements[0].expressions[1] = None;
    let tables = [
        self::table(
            "marts.history",
            StoreKind::ClickHouse,
            &[("symbol", SqlType::Text), ("quantity", SqlType::Float8)],
        ),
        self::table("live.positions", StoreKind::Materialize, &[("symbol", SqlType::Text), ("opened", SqlType::Date)]),
    ];
    let policies = tables.iter().map(|table| (table.name.clone(), Policy::Shared)).collect::<Vec<_>>();
    let snapshot = Snapshot::new(1, tables, Arc::new(PolicyBook::new(policies))).with_logical([table]);
    let view = TenantView::new(tenant(), Arc::new(snapshot));
    let source = view.find(&TableName::new("app", "positions")).unwrap().into_source();
    let plan = LogicalPlanBuilder::scan("positions", source, None).unwrap().build().unwrap();
    let report = place_logical_tables(plan, None).unwrap_err().report();
    assert_eq!(
        (report.sqlstate.code(), report.message.as_str()),
        ("0A000", "no placement of app.positions has all columns that the query uses")
    );
    let detail = report.detail.unwrap();
    assert_eq!(detail, "live.positions has no quantity; marts.history has no opened.");
    assert!(report.hint.is_some());
}

#[test]
fn subqueries_have_placements_too() {
    let inner = scan("i").filter(symbol_is("i", lit("A"))).unwrap().project([col("i.symbol")]).unwrap();
    let plan = scan("p").filter(exists(Arc::new(inner.build().unwrap()))).unwrap();
    let plan = plan.project([col("p.quantity")]).unwrap();
    assert_eq!(taken(plan), ["marts.history", "latest.position"]);
}

#[test]
fn the_guard_stands_on_the_physical_table_and_refuses_a_logical_one() {
    let plan = scan("p").project([col("p.quantity")]).unwrap();
    let untouched = plan.clone().build().unwrap();
    assert!(guard::apply(untouched, &tenant()).is_err(), "a logical table is no leaf that the guard knows");
    for wanted in Freshness::ALL {
        let placed = placed(plan.clone(), Some(wanted));
        let guarded = guard::apply(placed.plan, &tenant()).unwrap();
        let text = guarded.plan().display_indent().to_string();
        let table = &placed.choices[0].placement;
        assert!(text.contains(&format!("Filter: {table}.owner = Utf8(\"acme\")")), "{text}");
    }
}

/// Says everything but casts.
struct NoCast;

impl Capability for NoCast {
    fn supports(&self, _store: StoreKind, node: &LogicalPlan) -> bool {
        let is_cast = |expr: &Expr| matches!(expr, Expr::Alias(alias) if matches!(*alias.expr, Expr::Cast(_)));
        !matches!(node, LogicalPlan::Projection(projection) if projection.expr.iter().any(is_cast))
    }
}

#[test]
fn a_condition_goes_to_the_store_also_where_the_columns_do_not() {
    let condition = symbol_is("p", lit("A")).and(col("p.quantity").gt(lit(1.0)));
    let plan = scan("p").filter(condition).unwrap().project([col("p.quantity")]).unwrap();
    let placed = placed(plan, Some(Freshness::Realtime));
    let schema = Arc::clone(placed.plan.schema());
    let routed = route(guard::apply(placed.plan, &tenant()).unwrap(), &NoCast).unwrap();
    let local = routed.local.unwrap();
    assert_eq!(local.schema(), &schema);
    assert_eq!(routed.pieces.len(), 1);
    let piece = routed.pieces[0].plan.display_indent().to_string();
    let wanted = "Filter: live.positions.symbol = Utf8(\"A\")\n";
    assert!(piece.contains(wanted), "{piece}");
    assert!(!piece.contains("quantity"), "{piece}");
    let local = local.display_indent().to_string();
    assert!(local.contains("Filter: p.quantity > Float64(1)"), "{local}");
    assert!(!local.contains("symbol = "), "{local}");
}

#[test]
fn a_plan_without_logical_tables_is_left_as_it_is() {
    let plan = LogicalPlanBuilder::values(vec![vec![lit(1_i64)]]).unwrap().build().unwrap();
    let placed = place_logical_tables(plan.clone(), Some(Freshness::Point)).unwrap();
    assert_eq!((placed.plan, placed.choices), (plan, Vec::new()));
}
