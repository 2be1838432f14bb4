//! What a subquery reads of the queries around it: also what the subqueries within it read of them.
//!
//! The planner's list has what a subquery reads itself. Whoever asks which columns of an outer query are wanted, or
//! whether a subquery can be run alone, would not see a column that is only named two levels further in.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, DataFusionError, Spans};
use datafusion::logical_expr::expr::{Exists, InSubquery, SetComparison};
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, Join, LogicalPlan, Subquery, SubqueryAlias};

type Result<T> = std::result::Result<T, DataFusionError>;

/// The plan with subqueries whose lists of outer columns are complete.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    if !has_subqueries(&plan)? {
        return Ok(plan);
    }
    // The innermost come first: what they read is known when those around them are looked at.
    let complete = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Subquery(subquery) => Ok(Transformed::yes(LogicalPlan::Subquery(completed(subquery)?))),
        LogicalPlan::Join(join) => lateral(join)?.map_data(|join| {
            LogicalPlan::Join(join).map_expressions(|expr| expr.transform_up(in_expr)).map(|done| done.data)
        }),
        other => other.map_expressions(|expr| expr.transform_up(in_expr)),
    })?;
    Ok(complete.data)
}

/// Whether an expression anywhere in the plan holds a subquery: most statements have none, and their plan stays as it is.
pub(super) fn has_subqueries(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply(|node| {
        found = found || matches!(node, LogicalPlan::Subquery(_));
        node.apply_expressions(|expr| {
            found = found || expr.exists(|part| Ok(subquery_of(part).is_some()))?;
            Ok(if found { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })
    })?;
    Ok(found)
}

fn subquery_of(expr: &Expr) -> Option<&Subquery> {
    match expr {
        Expr::ScalarSubquery(subquery)
        | Expr::Exists(Exists { subquery, .. })
        | Expr::InSubquery(InSubquery { subquery, .. })
        | Expr::SetComparison(SetComparison { subquery, .. }) => Some(subquery),
        _ => None,
    }
}

fn in_expr(expr: Expr) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::ScalarSubquery(subquery) => Transformed::yes(Expr::ScalarSubquery(completed(subquery)?)),
        Expr::Exists(exists) => {
            let subquery = completed(exists.subquery)?;
            Transformed::yes(Expr::Exists(Exists { subquery, ..exists }))
        }
        Expr::InSubquery(membership) => {
            let subquery = completed(membership.subquery)?;
            Transformed::yes(Expr::InSubquery(InSubquery { subquery, ..membership }))
        }
        Expr::SetComparison(comparison) => {
            let subquery = completed(comparison.subquery)?;
            Transformed::yes(Expr::SetComparison(SetComparison { subquery, ..comparison }))
        }
        other => Transformed::no(other),
    })
}

fn completed(mut subquery: Subquery) -> Result<Subquery> {
    let mut read = Vec::new();
    read_outside(&subquery.subquery, &mut read)?;
    // The planner also lists what a LATERAL item within reads of its own neighbours.
    let mut found = std::mem::take(&mut subquery.outer_ref_columns);
    found.retain(|outer| read.contains(outer));
    add_missing(&mut found, read);
    subquery.outer_ref_columns = found;
    Ok(subquery)
}

fn add_missing(found: &mut Vec<Expr>, more: impl IntoIterator<Item = Expr>) {
    for outer in more {
        if !found.contains(&outer) {
            found.push(outer);
        }
    }
}

/// The columns of queries around a plan that the plan reads, also in its subqueries and LATERAL items; without what such an
/// item reads of what stands before it.
#[recursive::recursive]
fn read_outside(plan: &LogicalPlan, found: &mut Vec<Expr>) -> Result<()> {
    add_missing(found, named_by(plan)?);
    plan.apply_expressions(|expr| {
        expr.apply(|part| {
            add_missing(found, matches!(part, Expr::OuterReferenceColumn(..)).then(|| part.clone()));
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    let LogicalPlan::Join(join) = plan else {
        return plan.inputs().into_iter().try_for_each(|input| read_outside(input, found));
    };
    read_outside(&join.left, found)?;
    let mut of_right = Vec::new();
    read_outside(&join.right, &mut of_right)?;
    add_missing(found, of_right.into_iter().filter(|outer| !is_in(outer, join.left.schema())));
    Ok(())
}

fn is_in(outer: &Expr, schema: &DFSchema) -> bool {
    matches!(outer, Expr::OuterReferenceColumn(_, column) if schema.has_column(column))
}

/// The columns that subqueries in the expressions of a node read, and that the node does not have.
fn named_by(node: &LogicalPlan) -> Result<Vec<Expr>> {
    let mut inner = Vec::new();
    node.apply_expressions(|expr| {
        expr.apply(|part| {
            inner.extend(subquery_of(part).map(|subquery| subquery.outer_ref_columns.clone()));
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    if inner.is_empty() {
        return Ok(Vec::new());
    }
    let schema = merge_schema(&node.inputs());
    Ok(inner.into_iter().flatten().filter(|outer| !is_in(outer, &schema)).collect())
}

/// The same of all nodes of a plan.
fn named_within(plan: &LogicalPlan) -> Result<Vec<Expr>> {
    let mut found = Vec::new();
    plan.apply(|node| {
        found.extend(named_by(node)?);
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(found)
}

/// The right side of a join is LATERAL too where only its subqueries name columns of the left side; the planner takes it
/// for a table then.
fn lateral(mut join: Join) -> Result<Transformed<Join>> {
    let LogicalPlan::SubqueryAlias(side) = join.right.as_ref() else { return Ok(Transformed::no(join)) };
    if matches!(side.input.as_ref(), LogicalPlan::Subquery(_)) {
        return Ok(Transformed::no(join));
    }
    let outer = named_within(&side.input)?.into_iter().filter(|outer| is_in(outer, join.left.schema()));
    let outer: Vec<Expr> = outer.collect();
    if outer.is_empty() {
        return Ok(Transformed::no(join));
    }
    let subquery = Subquery { subquery: Arc::clone(&side.input), outer_ref_columns: outer, spans: Spans::new() };
    let side = SubqueryAlias::try_new(Arc::new(LogicalPlan::Subquery(subquery)), side.alias.clone())?;
    join.right = Arc::new(LogicalPlan::SubqueryAlias(side));
    Ok(Transformed::yes(join))
}
