//! Recursive queries whose recursive term reads the rows of the last step in several places, as it does when a subquery
//! that refers to them has become a join.
//!
//! Comes in: a plan without correlated subqueries. Goes out: the same plan, in which every recursion has a name of its own
//! and reads its rows through the engine's scan of them once.
//! Does not: run the steps; the engine's recursion does, which gives the rows of a step away at the first reading.
//! Invariant: the rows of a step are in no plan that is kept: each step makes leaves of its own that hold them.

mod node;
mod rows;
mod run;

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::tree_node::{Transformed, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, TableReference};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::{Extension, LogicalPlan, LogicalPlanBuilder, RecursiveQuery, TableScan};

use node::Step;
pub(super) use node::StepPlanner;
use rows::StepTable;

/// The plan, in which a recursive term that reads its rows more than once stands below a [`Step`].
pub(super) fn share(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut names = 0_usize;
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(query) => {
            names += 1;
            // What no client's name is mistaken for.
            renamed(query, format!("step\u{2063}{names}")).map(Transformed::yes)
        }
        other => Ok(Transformed::no(other)),
    })
    .map(|shared| shared.data)
}

/// The optimised plan, in which every column of a recursion may be NULL. The engine wants its terms to be as sure of that as
/// they were in the logical plan, and a subquery that has become a join is not.
pub(super) fn nullable(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::RecursiveQuery(query) => {
            let fields = query
                .schema
                .iter()
                .map(|(qualifier, field)| (qualifier.cloned(), Arc::new(field.as_ref().clone().with_nullable(true))));
            let schema = Arc::new(DFSchema::new_with_metadata(fields.collect(), query.schema.metadata().clone())?);
            Ok(Transformed::yes(LogicalPlan::RecursiveQuery(RecursiveQuery { schema, ..query })))
        }
        other => Ok(Transformed::no(other)),
    })
    .map(|plan| plan.data)
}

/// The recursion under a name that no other one has: the engine finds its rows by the name, also where a recursion of the
/// same name stands within. Those within have been renamed before.
fn renamed(query: RecursiveQuery, name: String) -> Result<LogicalPlan> {
    let term = query.recursive_term.as_ref();
    let Some(rows) = rows_of(term, &query.name)? else {
        return Ok(LogicalPlan::RecursiveQuery(query));
    };
    let work_table: Arc<dyn TableProvider> = Arc::new(CteWorkTable::new(&name, rows.schema()));
    let term = if is_read_again(term, &query.name)? {
        let copies: Arc<dyn TableProvider> = Arc::new(StepTable::new(&name, rows.schema()));
        let term = reading(term.clone(), &query.name, &copies)?;
        let rows =
            LogicalPlanBuilder::scan(TableReference::bare("step"), provider_as_source(work_table), None)?.build()?;
        LogicalPlan::Extension(Extension { node: Arc::new(Step::new(name.clone(), rows, term)) })
    } else {
        reading(term.clone(), &query.name, &work_table)?
    };
    Ok(LogicalPlan::RecursiveQuery(RecursiveQuery { name, recursive_term: Arc::new(term), ..query }))
}

/// The table by which a term reads the rows of the recursion, if it does.
fn rows_of(term: &LogicalPlan, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
    let mut found = None;
    term.apply_with_subqueries(|node| {
        found = own_rows(node, name);
        Ok(if found.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(found)
}

/// Whether one step reads the rows more than once: in several places, or in a recursion within, which has steps itself.
fn is_read_again(term: &LogicalPlan, name: &str) -> Result<bool> {
    let mut reads = 0_usize;
    term.apply_with_subqueries(|node| {
        let is_recursion = matches!(node, LogicalPlan::RecursiveQuery(_));
        reads += usize::from(is_recursion || own_rows(node, name).is_some());
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(reads > 1)
}

/// The term, which reads its rows from another table.
fn reading(term: LogicalPlan, name: &str, table: &Arc<dyn TableProvider>) -> Result<LogicalPlan> {
    term.transform_up_with_subqueries(|node| {
        if own_rows(&node, name).is_none() {
            return Ok(Transformed::no(node));
        }
        let LogicalPlan::TableScan(scan) = node else { return Ok(Transformed::no(node)) };
        let source = provider_as_source(Arc::clone(table));
        Ok(Transformed::yes(LogicalPlan::TableScan(TableScan { source, ..scan })))
    })
    .map(|reading| reading.data)
}

/// The table of a scan that reads the rows of the recursion of this name.
fn own_rows(node: &LogicalPlan, name: &str) -> Option<Arc<dyn TableProvider>> {
    let LogicalPlan::TableScan(scan) = node else { return None };
    let table = source_as_provider(&scan.source).ok()?;
    let is_own = table.downcast_ref::<CteWorkTable>().is_some_and(|own| own.name() == name);
    is_own.then_some(table)
}

#[cfg(test)]
mod tests;
