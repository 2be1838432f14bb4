//! Arguments of aggregates are computed for the rows that pass FILTER, and for no others: `sum(a / b) FILTER (WHERE b <> 0)`.
//!
//! The library computes them for all rows where there are groups, and in windows (DataFusion 55.2); ClickHouse does so in
//! windows. What fails for a row that the filter leaves out would fail the query.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{AggregateFunction, WindowFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Aggregate, Expr, ExprSchemable, LogicalPlan, Window, when};

/// Puts the filter around arguments that are more than a column or a constant.
pub(super) fn plan(plan: LogicalPlan) -> Result<LogicalPlan> {
    let mut changed = false;
    plan.transform_up_with_subqueries(|node| {
        let done = match node {
            LogicalPlan::Aggregate(aggregate) => of_groups(aggregate)?,
            LogicalPlan::Window(window) => of_window(window)?,
            other => Transformed::no(other),
        };
        changed |= done.transformed;
        // What an argument may be has changed: NULL, for rows that are left out.
        if changed { done.data.recompute_schema().map(Transformed::yes) } else { Ok(done) }
    })
    .data()
}

fn of_groups(aggregate: Aggregate) -> Result<Transformed<LogicalPlan>> {
    let calls = shielded(&aggregate.aggr_expr, aggregate.input.schema())?;
    let Some(calls) = calls else { return Ok(Transformed::no(LogicalPlan::Aggregate(aggregate))) };
    let Aggregate { input, group_expr, .. } = aggregate;
    Ok(Transformed::yes(LogicalPlan::Aggregate(Aggregate::try_new(input, group_expr, calls)?)))
}

fn of_window(window: Window) -> Result<Transformed<LogicalPlan>> {
    let calls = shielded(&window.window_expr, window.input.schema())?;
    let Some(calls) = calls else { return Ok(Transformed::no(LogicalPlan::Window(window))) };
    Ok(Transformed::yes(LogicalPlan::Window(Window::try_new(calls, Arc::clone(&window.input))?)))
}

/// The calls under their names, if one is another now.
fn shielded(calls: &[Expr], schema: &DFSchema) -> Result<Option<Vec<Expr>>> {
    let names = NamePreserver::new_for_projection();
    let mut changed = false;
    let calls = calls.iter().map(|call| {
        let name = names.save(call);
        let done = call.clone().transform_up(|part| of_call(part, schema))?;
        changed |= done.transformed;
        Ok(if done.transformed { name.restore(done.data) } else { done.data })
    });
    let calls = calls.collect::<Result<Vec<_>>>()?;
    Ok(changed.then_some(calls))
}

fn of_call(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match expr {
        Expr::AggregateFunction(AggregateFunction { func, mut params }) => {
            let Some(filter) = params.filter.as_deref() else {
                return Ok(Transformed::no(Expr::AggregateFunction(AggregateFunction { func, params })));
            };
            let arguments = only_where(params.args.iter_mut(), filter, schema)?;
            let keys = only_where(params.order_by.iter_mut().map(|key| &mut key.expr), filter, schema)?;
            let call = Expr::AggregateFunction(AggregateFunction { func, params });
            Ok(Transformed::new_transformed(call, arguments || keys))
        }
        Expr::WindowFunction(mut call) => {
            let WindowFunction { params, .. } = call.as_mut();
            let changed = match params.filter.as_deref() {
                Some(filter) => only_where(params.args.iter_mut(), filter, schema)?,
                None => false,
            };
            Ok(Transformed::new_transformed(Expr::WindowFunction(call), changed))
        }
        other => Ok(Transformed::no(other)),
    }
}

fn only_where<'e>(values: impl Iterator<Item = &'e mut Expr>, filter: &Expr, schema: &DFSchema) -> Result<bool> {
    let mut changed = false;
    for value in values {
        if may_fail(value, schema)? {
            *value = when(filter.clone(), std::mem::take(value)).end()?;
            changed = true;
        }
    }
    Ok(changed)
}

/// Whether computing a value may fail for a row. A constant cannot, and must stay one: a delimiter, or a fraction.
fn may_fail(value: &Expr, schema: &DFSchema) -> Result<bool> {
    match value {
        Expr::Column(_) => Ok(false),
        Expr::Alias(alias) => may_fail(&alias.expr, schema),
        Expr::Cast(cast) if widens(&cast.expr.get_type(schema)?, cast.field.data_type()) => {
            may_fail(&cast.expr, schema)
        }
        computed => Ok(!computed.column_refs().is_empty()),
    }
}

/// Whether every value of one type is one of the other.
fn widens(from: &DataType, to: &DataType) -> bool {
    from == to || (from.is_integer() && matches!(to, DataType::Int64 | DataType::Float64))
}
