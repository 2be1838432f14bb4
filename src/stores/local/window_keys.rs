//! The keys of windows, as the planner can read them.
//!
//! The optimizer (common subexpressions, then simplification, in DataFusion 55.2) leaves a name on a key of one window and
//! none on the same key of its neighbour. The planner takes them for different keys then and panics, where it is built
//! with assertions.
//!
//! It also cannot tell how `length(name) > 3` is ordered: it takes the range of what a function gives for one of NULLs, and
//! fails to compare it with a number; nor how a CASE is. The plan is then refused, because nothing satisfies an order by such
//! a key. So what is computed over a function's result, or chosen, is a column before it is a key.

use std::sync::Arc;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::WindowFunctionParams;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, Projection, Window};

/// The optimised plan, in whose windows no key has a name, and none is computed over what a function gives.
pub(super) fn plain(plan: LogicalPlan) -> Result<LogicalPlan> {
    plan.transform_down_with_subqueries(|node| {
        if !matches!(node, LogicalPlan::Window(_)) {
            return Ok(Transformed::no(node));
        }
        let names = NamePreserver::new(&node);
        let plain = node.map_expressions(|expr| {
            let name = names.save(&expr);
            Ok(expr.transform_down(plain_keys)?.update_data(|expr| name.restore(expr)))
        })?;
        plain.transform_data(as_columns)
    })
    .map(|plain| plain.data)
}

/// A window over a projection that computes its keys, and under one that leaves them out again.
fn as_columns(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Window(window) = node else { return Ok(Transformed::no(node)) };
    let mut computed = Computed { first: window.input.schema().fields().len(), keys: Vec::new() };
    let names = NamePreserver::new_for_projection();
    let mut calls = Vec::with_capacity(window.window_expr.len());
    for call in &window.window_expr {
        let name = names.save(call);
        let done = call.clone().transform_down(|part| computed.in_call(part))?;
        calls.push(name.restore(done.data));
    }
    if computed.keys.is_empty() {
        return Ok(Transformed::no(LogicalPlan::Window(window)));
    }
    let columns = window.input.schema().columns().into_iter().map(Expr::Column);
    let with_keys = Projection::try_new(columns.chain(computed.named()).collect(), Arc::clone(&window.input))?;
    let outer = window.schema.columns().into_iter().map(Expr::Column).collect();
    let window = Window::try_new(calls, Arc::new(LogicalPlan::Projection(with_keys)))?;
    let without_keys = Projection::try_new(outer, Arc::new(LogicalPlan::Window(window)))?;
    Ok(Transformed::yes(LogicalPlan::Projection(without_keys)))
}

/// Keys that are computed before a window.
struct Computed {
    /// How many columns stand before them.
    first: usize,
    keys: Vec<Expr>,
}

impl Computed {
    fn in_call(&mut self, part: Expr) -> Result<Transformed<Expr>> {
        let Expr::WindowFunction(mut call) = part else { return Ok(Transformed::no(part)) };
        let WindowFunctionParams { partition_by, order_by, .. } = &mut call.params;
        let keys = partition_by.iter_mut().chain(order_by.iter_mut().map(|key| &mut key.expr));
        keys.for_each(|key| self.in_key(key));
        Ok(Transformed::yes(Expr::WindowFunction(call)))
    }

    fn in_key(&mut self, key: &mut Expr) {
        if !is_misread(key) {
            return;
        }
        let at = self.keys.iter().position(|known| known == key).unwrap_or(self.keys.len());
        let name = Expr::Column(Column::new_unqualified(self.name(at)));
        let key = std::mem::replace(key, name);
        if at == self.keys.len() {
            self.keys.push(key);
        }
    }

    /// No two columns of nested windows have one name: each projection is wider than the one below.
    fn name(&self, at: usize) -> String {
        format!("__window_key_{}", self.first + at)
    }

    fn named(&self) -> impl Iterator<Item = Expr> {
        self.keys.iter().enumerate().map(|(at, key)| key.clone().alias(self.name(at)))
    }
}

/// Whether something else than functions is computed over what a function gives, or one of several values is chosen.
fn is_misread(key: &Expr) -> bool {
    let (mut has_call, mut has_other, mut chooses) = (false, false, false);
    // The closure never fails.
    drop(key.apply(|part| {
        match part {
            Expr::ScalarFunction(_) => has_call = true,
            Expr::Column(_) | Expr::Literal(..) | Expr::Alias(_) => {}
            Expr::Case(_) => chooses = true,
            _ => has_other = true,
        }
        Ok(TreeNodeRecursion::Continue)
    }));
    chooses || has_call && has_other
}

fn plain_keys(expr: Expr) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(mut window) = expr else { return Ok(Transformed::no(expr)) };
    for key in &mut window.params.order_by {
        key.expr = std::mem::take(&mut key.expr).unalias_nested().data;
    }
    for key in &mut window.params.partition_by {
        *key = std::mem::take(key).unalias_nested().data;
    }
    Ok(Transformed::yes(Expr::WindowFunction(window)))
}
