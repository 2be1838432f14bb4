//! Whether a dialect can say a node: the same code that would write it is asked, without its inputs.

use datafusion::common::DFSchema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::logical_plan::Distinct;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan};

use crate::functions::is_unread;
use crate::route::filters_first;

use super::dialect::Dialect;
use super::expression::Writer;
use super::fallible;
use super::join;
use super::scope::Scope;
use super::types;
use super::uses::unnamed;

/// Whether the dialect can say this node and its own expressions.
pub(super) fn node(dialect: Dialect, plan: &LogicalPlan) -> bool {
    if dialect == Dialect::Redis {
        return redis(plan);
    }
    let shape = match plan {
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Window(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::TableScan(_)
        | LogicalPlan::SubqueryAlias(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Distinct(Distinct::All(_) | Distinct::On(_)) => true,
        LogicalPlan::EmptyRelation(empty) => {
            empty.schema.fields().iter().all(|field| types::name(dialect, field.data_type()).is_ok())
        }
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().all(is_groupable),
        LogicalPlan::Join(node) => join::check(dialect, node).is_ok(),
        LogicalPlan::Subquery(subquery) => subquery.outer_ref_columns.is_empty(),
        LogicalPlan::Values(_) => dialect != Dialect::ClickHouse,
        LogicalPlan::Repartition(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => false,
    };
    shape && expressions(dialect, plan)
}

/// A row of Redis is read by its key, filtered and cut to columns; nothing more.
fn redis(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::TableScan(scan) => scan.fetch.is_none(),
        LogicalPlan::Filter(_) | LogicalPlan::Projection(_) | LogicalPlan::SubqueryAlias(_) => {
            expressions(Dialect::Redis, plan)
        }
        LogicalPlan::Window(_)
        | LogicalPlan::Aggregate(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::Join(_)
        | LogicalPlan::Repartition(_)
        | LogicalPlan::Union(_)
        | LogicalPlan::EmptyRelation(_)
        | LogicalPlan::Subquery(_)
        | LogicalPlan::Limit(_)
        | LogicalPlan::Statement(_)
        | LogicalPlan::Values(_)
        | LogicalPlan::Explain(_)
        | LogicalPlan::Analyze(_)
        | LogicalPlan::Extension(_)
        | LogicalPlan::Distinct(_)
        | LogicalPlan::Dml(_)
        | LogicalPlan::Ddl(_)
        | LogicalPlan::Copy(_)
        | LogicalPlan::DescribeTable(_)
        | LogicalPlan::Unnest(_)
        | LogicalPlan::RecursiveQuery(_) => false,
    }
}

fn is_groupable(key: &Expr) -> bool {
    !matches!(unnamed(key), Expr::GroupingSet(_)) && !key.is_volatile() && !super::uses::has_subquery(key)
}

fn expressions(dialect: Dialect, plan: &LogicalPlan) -> bool {
    let mut writer = Writer::new(dialect);
    let schemas = inputs(plan);
    let mut said = true;
    let only_harmless = evaluates_early(dialect, plan);
    // ClickHouse (26.9) drops columns that only a correlated subquery of a SELECT list reads, and then misses them; in
    // aggregates, windows and keys it has none.
    let is_value = dialect == Dialect::ClickHouse && !matches!(plan, LogicalPlan::Filter(_));
    // The closure never fails.
    drop(plan.apply_expressions(|expr| {
        // What nobody reads is not written.
        if is_unread(expr) {
            return Ok(TreeNodeRecursion::Continue);
        }
        // A join's keys read one side each; either side that can say one will do.
        said = schemas.iter().any(|schema| {
            let scope = Scope { schema, columns: None, outer: None };
            (!only_harmless || fallible::cannot_fail(expr, schema))
                && !(is_value && super::uses::has_correlated_subquery(expr))
                && writer.alone(expr, &scope).is_ok()
        });
        Ok(if said { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
    }));
    said
}

/// Whether the store may evaluate an expression for a row that the guard drops: Materialize as it likes, and ClickHouse
/// where the guard cannot stand in PREWHERE.
fn evaluates_early(dialect: Dialect, plan: &LogicalPlan) -> bool {
    let is_late = |node: &LogicalPlan| matches!(node, LogicalPlan::TableScan(scan) if !filters_first(scan));
    match dialect {
        Dialect::PostgreSql => true,
        // The closure never fails.
        Dialect::ClickHouse => plan.exists(|node| Ok(is_late(node))).unwrap_or(true),
        Dialect::Redis => false,
    }
}

/// The schemas that the node's expressions are read in.
fn inputs(plan: &LogicalPlan) -> Vec<&DFSchema> {
    match plan {
        LogicalPlan::Join(join) => match join.join_type {
            JoinType::Inner | JoinType::Left | JoinType::Right | JoinType::Full => vec![&join.schema],
            JoinType::LeftSemi
            | JoinType::RightSemi
            | JoinType::LeftAnti
            | JoinType::RightAnti
            | JoinType::LeftMark
            | JoinType::RightMark => vec![join.left.schema(), join.right.schema()],
        },
        other => {
            let inputs = other.inputs();
            if inputs.is_empty() {
                vec![other.schema()]
            } else {
                inputs.iter().map(|input| input.schema().as_ref()).collect()
            }
        }
    }
}
