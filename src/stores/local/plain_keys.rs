//! Keys that rows are sorted by, that partitions are made of, and that DISTINCT counts, where the library is wrong about them.
//!
//! It orders floats by their bits: -0 before 0, and a NaN by its sign. For PostgreSQL the zeros are one value, and so are the
//! NaNs. And it takes the extremes of a growing or shrinking frame for sorted, also where NULLs stand at the wrong end, so that a
//! sort by them is dropped (DataFusion 55.2). Stores have orders of their own, so only what runs in process is changed.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{ScalarFunction, Sort};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, ScalarUDF};

use crate::functions;
use crate::route::ColumnSet;
use crate::route::columns::position_of;

/// The plan, in which such keys are calls of a function that the library knows nothing about.
pub(super) fn shield(plan: LogicalPlan) -> Result<LogicalPlan> {
    let plain = Arc::new(functions::plain_key());
    plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Sort(mut sort) => {
            let changed = Keys::of(&sort.input, &plain).in_sorts(&mut sort.expr)?;
            Ok(Transformed::new_transformed(LogicalPlan::Sort(sort), changed))
        }
        LogicalPlan::Window(_) | LogicalPlan::Aggregate(_) => calls(node, &plain),
        other => Ok(Transformed::no(other)),
    })
    .map(|shielded| shielded.data)
}

fn calls(node: LogicalPlan, plain: &Arc<ScalarUDF>) -> Result<Transformed<LogicalPlan>> {
    let Some(rows) = node.inputs().first().map(|input| Arc::new((*input).clone())) else {
        return Ok(Transformed::no(node));
    };
    let names = NamePreserver::new(&node);
    let keys = Keys::of(&rows, plain);
    let done = node.map_expressions(|expr| {
        let name = names.save(&expr);
        let done = expr.transform_up(|part| keys.in_call(part))?;
        Ok(if done.transformed { done.update_data(|expr| name.restore(expr)) } else { done })
    })?;
    if done.transformed { done.map_data(LogicalPlan::recompute_schema) } else { Ok(done) }
}

/// The keys of one node.
struct Keys<'a> {
    rows: &'a LogicalPlan,
    of_windows: ColumnSet,
    plain: &'a Arc<ScalarUDF>,
}

impl<'a> Keys<'a> {
    fn of(rows: &'a LogicalPlan, plain: &'a Arc<ScalarUDF>) -> Self {
        Self { rows, of_windows: of_windows(rows), plain }
    }

    fn in_call(&self, part: Expr) -> Result<Transformed<Expr>> {
        match part {
            Expr::WindowFunction(mut call) => {
                let sorted = self.in_sorts(&mut call.params.order_by)?;
                // Where NULL stands does not matter to a partition.
                let changed = self.floats(&mut call.params.partition_by)? || sorted;
                Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
            }
            // This server's own aggregates know how floats compare.
            Expr::AggregateFunction(mut call) if !functions::is_own_aggregate(&call.func) => {
                let sorted = self.in_sorts(&mut call.params.order_by)?;
                let changed = call.params.distinct && self.floats(&mut call.params.args)?;
                Ok(Transformed::new_transformed(Expr::AggregateFunction(call), changed || sorted))
            }
            other => Ok(Transformed::no(other)),
        }
    }

    fn in_sorts(&self, sorts: &mut [Sort]) -> Result<bool> {
        let mut changed = false;
        for sort in sorts {
            let is_misread = self.is_float(&sort.expr)? || reads_any(&sort.expr, self.rows.schema(), &self.of_windows);
            if is_misread {
                self.hide(&mut sort.expr);
            }
            changed |= is_misread;
        }
        Ok(changed)
    }

    fn floats(&self, keys: &mut [Expr]) -> Result<bool> {
        let mut changed = false;
        for key in keys {
            let is_float = self.is_float(key)?;
            if is_float {
                self.hide(key);
            }
            changed |= is_float;
        }
        Ok(changed)
    }

    fn is_float(&self, key: &Expr) -> Result<bool> {
        Ok(key.get_type(self.rows.schema().as_ref())?.is_floating())
    }

    fn hide(&self, key: &mut Expr) {
        let arguments = vec![std::mem::take(key)];
        *key = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(self.plain), arguments));
    }
}

/// The columns of a plan that are what a window function gives, or computed from that.
#[recursive::recursive]
fn of_windows(plan: &LogicalPlan) -> ColumnSet {
    let schema = plan.schema();
    let mut found = ColumnSet::none(schema.fields().len());
    match plan {
        LogicalPlan::Window(window) => {
            let inner = of_windows(&window.input);
            let own = window.input.schema().fields().len()..schema.fields().len();
            inner.positions().chain(own).for_each(|position| found.insert(position));
        }
        LogicalPlan::Projection(projection) => {
            let inner = of_windows(&projection.input);
            let read = |expr: &Expr| reads_any(expr, projection.input.schema(), &inner);
            let positions = projection.expr.iter().enumerate().filter(|(_, expr)| read(expr));
            positions.for_each(|(position, _)| found.insert(position));
        }
        LogicalPlan::SubqueryAlias(alias) => return of_windows(&alias.input),
        other => {
            for input in other.inputs() {
                let inner = of_windows(input);
                let columns = inner.positions().map(|position| Column::from(input.schema().qualified_field(position)));
                let kept = columns.filter_map(|column| position_of(schema, &column, 0));
                kept.for_each(|position| found.insert(position));
            }
        }
    }
    found
}

fn reads_any(expr: &Expr, schema: &DFSchema, columns: &ColumnSet) -> bool {
    !columns.is_empty()
        && expr
            .column_refs()
            .into_iter()
            .any(|column| position_of(schema, column, 0).is_some_and(|position| columns.contains(position)))
}
