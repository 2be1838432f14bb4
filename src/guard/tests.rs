use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::functions_aggregate::expr_fn::max;
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::expr::{SetComparison, SetQuantifier};
use datafusion::logical_expr::{
    Expr, JoinType, LogicalPlan, LogicalPlanBuilder, Operator, TableSource, col, exists, in_subquery, lit,
    scalar_subquery,
};
use proptest::prelude::*;
use sqlparser::ast::{self, Statement, VisitorMut};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;

use crate::base::syntax_walk::walk_mut;
use crate::base::{SqlType, StoreKind, TableName, TenantId};
use crate::catalog::{Column, RowsLeaf, Snapshot, Table, TableLeaf, TenantView};
use crate::tenancy::{Policy, PolicyBook, Tenant};

use super::walk::Walk;
use super::{Requirement, apply, verify};

fn parsed(sql: &str) -> Statement {
    Parser::parse_sql(&PostgreSqlDialect {}, sql).unwrap_or_else(|error| panic!("{sql}: {error}")).remove(0)
}

fn required() -> Vec<Requirement> {
    let requirement = |table: &str, policy: Policy, list: &[&str]| Requirement {
        physical: vec!["marts".to_owned(), table.to_owned()],
        policy,
        tenant_id: "acme".to_owned(),
        list: list.iter().map(|value| (*value).to_owned()).collect(),
    };
    let owner = || "tenant_id".to_owned();
    vec![
        requirement("owned", Policy::TenantColumn { column: owner() }, &[]),
        requirement(
            "listed",
            Policy::ListAttribute { column: "symbol".to_owned(), attribute: "s".to_owned() },
            &["A", "B'C"],
        ),
        requirement("barred", Policy::ListAttribute { column: "symbol".to_owned(), attribute: "s".to_owned() }, &[]),
        requirement(
            "both",
            Policy::TenantColumnAndList {
                tenant_column: owner(),
                column: "symbol".to_owned(),
                attribute: "s".to_owned(),
            },
            &["A"],
        ),
        requirement("shared", Policy::Shared, &[]),
    ]
}

fn passes(sql: &str) -> bool {
    verify(parsed(sql), &PostgreSqlDialect {}, &required()).is_ok()
}

const OWNED: &str = r#"SELECT t."x" FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme' AND "t"."x" > 1"#;

#[test]
fn guarded_statements_pass() {
    let good = [
        OWNED,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."x" > 1 AND ("t"."y" AND "t"."tenant_id" = 'acme')"#,
        r#"SELECT 1 FROM "marts"."listed" AS "t" WHERE "t"."symbol" IN ('B''C', 'A')"#,
        r#"SELECT 1 FROM "marts"."barred" AS "t" WHERE false AND "t"."x" = 1"#,
        r#"SELECT 1 FROM "marts"."both" AS "t" WHERE "t"."symbol" IN ('A') AND "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."shared" AS "t""#,
        r#"SELECT 1"#,
        r#"SELECT "a"."x" FROM (SELECT "t"."x" AS "x" FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme') AS "a"
           LEFT JOIN (SELECT "t"."x" AS "x" FROM "marts"."shared" AS "t") AS "b" ON "a"."x" = "b"."x""#,
        r#"SELECT 1 FROM "marts"."shared" AS "s" WHERE EXISTS
           (SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme')"#,
        r#"WITH "c" AS (SELECT "t"."x" AS "x" FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme') SELECT "c"."x" FROM "c""#,
        r#"SELECT sum("t"."x") OVER (PARTITION BY "t"."y" ORDER BY "t"."z") AS "s" FROM "marts"."shared" AS "t""#,
    ];
    for sql in good {
        assert!(passes(sql), "{sql}");
    }
}

/// The text of a tree whose parentheses are lost reads as another tree: here as `guard OR …`.
#[test]
fn a_tree_that_reads_otherwise_is_refused() {
    struct WithoutParentheses;
    impl VisitorMut for WithoutParentheses {
        type Break = ();
        fn post_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
            if let ast::Expr::Nested(inner) = expr {
                *expr = (**inner).clone();
            }
            ControlFlow::Continue(())
        }
    }
    let conditions = [
        r#"("t"."x" = 1 OR "t"."y" IS NULL)"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) IN (true, true)"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) IN (SELECT true)"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) IS NOT NULL"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) IS DISTINCT FROM (false OR true)"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) = true"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) BETWEEN (false AND true) AND true"#,
        r#"("t"."x" = 1 OR "t"."y" IS NULL) = ANY (SELECT true)"#,
        r#"("t"."x" OR "t"."y") LIKE 'x'"#,
        r#"NOT ("t"."x" = 1 OR "t"."y" IS NULL)"#,
        r#"(("t"."x" = 1 OR "t"."y" IS NULL) AND "t"."z" = 1)"#,
        r#"("t"."x" OR "t"."y") + 1 = 2"#,
        r#"("t"."x" = 1) = ("t"."y" = 1)"#,
    ];
    for condition in conditions {
        let sql = format!(r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme' AND {condition}"#);
        assert!(passes(&sql), "{sql}");
        let mut lost = parsed(&sql);
        let _never: ControlFlow<()> = walk_mut(&mut lost, &mut WithoutParentheses);
        let Statement::Query(query) = &lost else { panic!("{condition}") };
        assert!(Walk::new(&required(), &PostgreSqlDialect {}).query(query).is_err(), "{condition}");
    }
}

#[test]
fn a_text_that_reads_otherwise_than_its_tree_is_refused() {
    /// Lets the name of a column stand without quotes, as quoting that forgets a case would.
    struct Unquoted;
    impl VisitorMut for Unquoted {
        type Break = ();

        fn pre_visit_expr(&mut self, expr: &mut ast::Expr) -> ControlFlow<()> {
            if let ast::Expr::CompoundIdentifier(parts) = expr
                && let Some(last) = parts.last_mut()
                && last.value == "x"
            {
                *last = ast::Ident::new("x = 1 OR x");
            }
            ControlFlow::Continue(())
        }
    }
    let mut statement = parsed(OWNED);
    let _never: ControlFlow<()> = walk_mut(&mut statement, &mut Unquoted);
    let Statement::Query(query) = &statement else { panic!("{statement}") };
    assert!(Walk::new(&required(), &PostgreSqlDialect {}).query(query).is_ok(), "the tree is as it was");
    let text = statement.to_string();
    assert!(text.contains("OR"), "{text}");
    assert!(verify(statement, &PostgreSqlDialect {}, &required()).is_err(), "{text}");
}

#[test]
fn a_statement_outside_its_guard_is_refused() {
    let bad = [
        // The condition is missing, weakened, or about something else.
        r#"SELECT 1 FROM "marts"."owned" AS "t""#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."x" > 1"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'globex'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" <> 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme' OR true"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE NOT ("t"."tenant_id" = 'acme')"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE ("t"."tenant_id" = 'acme') IS NOT NULL"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = "t"."tenant_id""#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = $1"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE upper("t"."tenant_id") = 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" HAVING "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."listed" AS "t" WHERE "t"."symbol" IN ('A')"#,
        r#"SELECT 1 FROM "marts"."listed" AS "t" WHERE "t"."symbol" IN ('A', 'B''C', 'D')"#,
        r#"SELECT 1 FROM "marts"."listed" AS "t" WHERE "t"."symbol" NOT IN ('A', 'B''C')"#,
        r#"SELECT 1 FROM "marts"."listed" AS "t" WHERE "t"."symbol" IN (SELECT 'A')"#,
        r#"SELECT 1 FROM "marts"."barred" AS "t" WHERE "t"."symbol" IN ('A')"#,
        r#"SELECT 1 FROM "marts"."barred" AS "t" WHERE true"#,
        r#"SELECT 1 FROM "marts"."both" AS "t" WHERE "t"."symbol" IN ('A')"#,
        r#"SELECT 1 FROM "marts"."both" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        // The condition is about another relation.
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "u"."tenant_id" = 'acme'"#,
        r#"SELECT 'acme' AS "tenant_id" FROM "marts"."owned" AS "t" WHERE "tenant_id" = 'acme'"#,
        r#"SELECT "t"."pair" AS "t" FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 'acme' AS "t.tenant_id" FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" ("tenant_id", "x") WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" WHERE "owned"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM (SELECT "t"."tenant_id" AS "tenant_id" FROM "marts"."owned" AS "t") AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        // A table stands beside others.
        r#"SELECT 1 FROM "marts"."owned" AS "t", "marts"."shared" AS "s" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" LEFT JOIN (SELECT 1) AS "s" ON true WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM (SELECT 1) AS "s" RIGHT JOIN "marts"."owned" AS "t" ON "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM (("marts"."owned" AS "t")) WHERE "t"."tenant_id" = 'acme'"#,
        // A table that nobody asked for, or by another name.
        r#"SELECT 1 FROM "marts"."other" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "owned" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "x"."marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM marts.owned AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."shared" AS "s" WHERE EXISTS (SELECT 1 FROM "marts"."owned" AS "t")"#,
        r#"SELECT (SELECT max("t"."x") FROM "marts"."owned" AS "t") AS "m""#,
        r#"SELECT 1 FROM "marts"."shared" AS "s" ORDER BY (SELECT max("t"."x") FROM "marts"."owned" AS "t")"#,
        r#"SELECT 1 LIMIT (SELECT max("t"."x") FROM "marts"."owned" AS "t")"#,
        r#"SELECT 1 UNION ALL SELECT "t"."x" FROM "marts"."owned" AS "t""#,
        // A common table in the clothes of a base table.
        r#"WITH "owned" AS (SELECT 1 AS "x") SELECT 1 FROM "owned""#,
        r#"WITH "c" AS (SELECT "t"."x" AS "x" FROM "marts"."owned" AS "t") SELECT 1 FROM "c""#,
        r#"SELECT 1 FROM (WITH "c" AS (SELECT 1 AS "x") SELECT 1 FROM "c") AS "a", "c""#,
        // What the walk does not know.
        r#"SELECT * FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme'"#,
        r#"SELECT 1 FROM "marts"."owned" AS "t" WHERE "t"."tenant_id" = 'acme' FOR UPDATE"#,
        r#"SELECT 1 FROM pg_read_file('x') AS "t""#,
        r#"SELECT pg_catalog.pg_read_file('x')"#,
        r#"SELECT pg_read_file('x')"#,
        r#"SELECT "dictGet"('marts.owned', 'x', 1)"#,
        r#"SELECT X'1F'"#,
        r#"SELECT 1 FROM LATERAL (SELECT 1) AS "t""#,
        r#"WITH RECURSIVE "c" AS (SELECT 1) SELECT 1 FROM "c""#,
        r#"TABLE "marts"."owned""#,
        r#"INSERT INTO "marts"."shared" SELECT 1"#,
        r#"DELETE FROM "marts"."owned""#,
        r#"SELECT 1 INTO "x" FROM "marts"."shared" AS "t""#,
    ];
    for sql in bad {
        let Ok(mut statements) = Parser::parse_sql(&PostgreSqlDialect {}, sql) else { continue };
        assert!(verify(statements.remove(0), &PostgreSqlDialect {}, &required()).is_err(), "{sql}");
    }
}

#[test]
fn the_text_is_the_trees() {
    let verified = verify(parsed(OWNED), &PostgreSqlDialect {}, &required()).unwrap();
    assert_eq!(verified.text(), verified.statement().to_string());
}

fn tenant(symbols: &[&str]) -> Arc<Tenant> {
    let symbols: Vec<String> = symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    let attributes = BTreeMap::from([("symbols".to_owned(), symbols)]);
    Arc::new(Tenant { id: TenantId::new("acme").unwrap(), attributes })
}

fn leaf(policy: Policy) -> Arc<TableLeaf> {
    let column =
        |name: &str, sql_type| Column { name: name.to_owned(), sql_type, nullable: true, store_type: String::new() };
    let table = Table {
        name: TableName::new("marts", "trades"),
        store: StoreKind::ClickHouse,
        physical: vec!["marts".to_owned(), "trades".to_owned()],
        columns: vec![column("tenant_id", SqlType::Text), column("symbol", SqlType::Text), column("x", SqlType::Int8)],
        key: None,
        filters_first: false,
        stale: false,
    };
    let policies = PolicyBook::new([(table.name.clone(), policy)]);
    let name = table.name.clone();
    let snapshot = Arc::new(Snapshot::new(1, [table], Arc::new(policies)));
    TenantView::new(tenant(&["A"]), snapshot).leaf(&name).unwrap()
}

fn owner() -> Policy {
    Policy::TenantColumn { column: "tenant_id".to_owned() }
}

fn scan(name: &str, projection: Option<Vec<usize>>) -> LogicalPlanBuilder {
    let source: Arc<dyn TableSource> = leaf(owner());
    LogicalPlanBuilder::scan(name, source, projection).unwrap()
}

/// Every leaf, in the plan and in its subqueries, with whether its policy's filter is its parent.
fn unguarded(plan: &LogicalPlan) -> (usize, usize) {
    let (mut leaves, mut guarded) = (0, 0);
    plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(_) => leaves += 1,
            LogicalPlan::Filter(filter) => {
                let text = filter.predicate.to_string();
                let over_leaf = matches!(filter.input.as_ref(), LogicalPlan::TableScan(_));
                guarded += usize::from(over_leaf && text.ends_with("tenant_id = Utf8(\"acme\")"));
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .unwrap();
    (leaves, leaves - guarded)
}

#[test]
fn a_projected_away_policy_column_is_still_filtered() {
    let plan = scan("t", Some(vec![2])).build().unwrap();
    let guarded = apply(plan.clone(), &tenant(&["A"])).unwrap();
    assert_eq!(unguarded(guarded.plan()), (1, 0));
    assert_eq!(guarded.plan().schema(), plan.schema());
}

#[test]
fn a_row_count_of_the_scan_comes_after_the_filter() {
    let LogicalPlan::TableScan(mut inner) = scan("t", None).build().unwrap() else { panic!() };
    inner.fetch = Some(3);
    let guarded = apply(LogicalPlan::TableScan(inner), &tenant(&["A"])).unwrap();
    assert_eq!(unguarded(guarded.plan()), (1, 0));
    let text = guarded.plan().display_indent().to_string();
    assert!(text.starts_with("Limit: skip=0, fetch=3"), "{text}");
}

#[test]
fn a_list_that_the_tenant_lacks_selects_nothing() {
    let policy = Policy::ListAttribute { column: "symbol".to_owned(), attribute: "symbols".to_owned() };
    let source: Arc<dyn TableSource> = leaf(policy);
    let plan = LogicalPlanBuilder::scan("t", source, None).unwrap().build().unwrap();
    let guarded = apply(plan, &tenant(&[])).unwrap();
    let LogicalPlan::Filter(filter) = guarded.plan() else { panic!("{}", guarded.plan()) };
    assert_eq!(filter.predicate, lit(false));
}

#[test]
fn a_policy_on_a_column_that_is_missing_or_no_text_is_refused() {
    for column in ["missing", "x"] {
        let source: Arc<dyn TableSource> = leaf(Policy::TenantColumn { column: column.to_owned() });
        let plan = LogicalPlanBuilder::scan("t", source, None).unwrap().build().unwrap();
        assert!(apply(plan, &tenant(&["A"])).is_err(), "{column}");
    }
}

#[test]
fn rows_that_are_here_pass_and_unknown_sources_do_not() {
    let rows = datafusion::arrow::array::RecordBatch::new_empty(leaf(owner()).schema());
    let plan = LogicalPlanBuilder::scan("t", Arc::new(RowsLeaf::new(rows)), None).unwrap().build().unwrap();
    assert!(apply(plan, &tenant(&["A"])).is_ok());
    let unknown = datafusion::logical_expr::logical_plan::builder::LogicalTableSource::new(leaf(owner()).schema());
    let plan = LogicalPlanBuilder::scan("t", Arc::new(unknown), None).unwrap().build().unwrap();
    assert!(apply(plan, &tenant(&["A"])).is_err());
}

/// Random plans over leaves: every kind of node and of subquery.
fn plans() -> impl Strategy<Value = LogicalPlan> {
    let leaf = (0_u8..4).prop_map(|which| {
        let projection = if which == 0 { Some(vec![1, 2]) } else { None };
        scan("t", projection).project([col("symbol"), col("x")]).unwrap().build().unwrap()
    });
    leaf.prop_recursive(5, 24, 2, |inner| {
        (inner.clone(), inner, 0_u8..14).prop_map(|(left, right, kind)| combined(left, right, kind))
    })
}

/// `x >= ANY (subquery)`.
fn any_of(values: Arc<LogicalPlan>) -> Expr {
    let Expr::ScalarSubquery(subquery) = scalar_subquery(values) else { panic!() };
    Expr::SetComparison(SetComparison::new(Box::new(col("l.x")), subquery, Operator::GtEq, SetQuantifier::Any))
}

fn combined(left: LogicalPlan, right: LogicalPlan, kind: u8) -> LogicalPlan {
    let builder = LogicalPlanBuilder::from(left).alias("l").unwrap();
    let right = Arc::new(right);
    let one =
        || Arc::new(LogicalPlanBuilder::from(right.as_ref().clone()).project([col("x")]).unwrap().build().unwrap());
    let builder = match kind {
        0 => builder.filter(exists(Arc::clone(&right))).unwrap(),
        1 => builder.filter(in_subquery(col("x"), one())).unwrap(),
        2 => builder.filter(col("x").gt(scalar_subquery(one()))).unwrap(),
        3 => builder.union(right.as_ref().clone()).unwrap(),
        4 => {
            let right = LogicalPlanBuilder::from(right.as_ref().clone()).alias("r").unwrap().build().unwrap();
            builder.cross_join(right).unwrap().project([col("l.symbol"), col("r.x")]).unwrap()
        }
        5 => builder.distinct().unwrap(),
        6 => builder.sort([col("x").sort(true, true)]).unwrap().limit(1, Some(3)).unwrap(),
        7 => builder.project([col("symbol"), scalar_subquery(one()).alias("x")]).unwrap(),
        8 => builder.filter(any_of(one())).unwrap(),
        9 => builder
            .aggregate([col("symbol")], [max(any_of(one()))])
            .unwrap()
            .project([col("symbol"), lit(1_i64).alias("x")])
            .unwrap(),
        10 => {
            let right = LogicalPlanBuilder::from(right.as_ref().clone()).alias("r").unwrap().build().unwrap();
            let on = col("l.x").eq(col("r.x")).and(any_of(one()));
            builder.join_on(right, JoinType::Full, [on]).unwrap().project([col("l.symbol"), col("r.x")]).unwrap()
        }
        11 => builder.window([row_number()]).unwrap(),
        12 => builder.sort([scalar_subquery(one()).sort(true, true)]).unwrap(),
        _ => builder.explain(false, false).unwrap().project([lit("s").alias("symbol"), lit(1_i64).alias("x")]).unwrap(),
    };
    builder.project([col("symbol"), col("x")]).unwrap().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn every_leaf_of_every_plan_stands_under_its_filter(plan in plans()) {
        let (leaves, _) = unguarded(&plan);
        let guarded = apply(plan, &tenant(&["A"])).unwrap();
        let (after, open) = unguarded(guarded.plan());
        prop_assert_eq!(leaves, after);
        prop_assert_eq!(open, 0, "{}", guarded.plan().display_indent());
    }
}
